import { flagOf } from '../command-line.js'
import type { KubeconfigFacts, Launch, NodeFacts, PemFacts } from '../estate.js'
import { followLinks, locate } from '../paths.js'
import type { Trust, Use } from './index-of-estate.js'
import { type LeafRole, ROLES, TRUSTS, type TrustRole } from './roles.js'

/** The PEM file that a path of the node leads to, through links. */
export function pemAt(node: NodeFacts, path: string): PemFacts | undefined {
  const target = followLinks(node.tree, path)
  return target === undefined ? undefined : node.pems.get(target)
}

/** Where on its node a flag's file lies, relative; undefined when not set or not mounted. */
export function flagPath(launch: Launch, flag: string): string | undefined {
  const value = flagOf(launch.flags, flag)
  const located = value === undefined ? undefined : locate(launch, value)
  return located && 'path' in located ? located.path : undefined
}

export function flagPem(node: NodeFacts, launch: Launch, flag: string): PemFacts | undefined {
  const path = flagPath(launch, flag)
  return path === undefined ? undefined : pemAt(node, path)
}

function use(
  role: LeafRole,
  node: NodeFacts,
  pem: PemFacts | undefined,
  more: { readonly key?: PemFacts | undefined; readonly keyPath?: string | undefined } = {},
  kubeconfig?: KubeconfigFacts,
): readonly Use[] {
  const certificate = pem?.certificates[0]
  if (!pem || !certificate) return []
  const { key, keyPath } = more
  return [
    {
      role,
      row: ROLES[role],
      node,
      pem,
      certificate,
      ...(key && { key }),
      ...(keyPath !== undefined && { keyPath }),
      ...(kubeconfig && { kubeconfig }),
    },
  ]
}

/** Every certificate that a component of the node, or a person, presents. */
export function usesOf(node: NodeFacts): readonly Use[] {
  const uses: Use[] = []
  for (const [role, { flags }] of Object.entries(ROLES) as [LeafRole, (typeof ROLES)[LeafRole]][]) {
    if (!flags) continue
    for (const launch of node.launches) {
      if (launch.component !== flags.component) continue
      const keyPath = flagPath(launch, flags.key)
      const key = keyPath === undefined ? undefined : pemAt(node, keyPath)
      uses.push(...use(role, node, flagPem(node, launch, flags.certificate), { key, keyPath }))
    }
  }
  const health = `${node.pkiDirectory}/etcd/healthcheck-client`
  uses.push(...beside('etcd-healthcheck-client', node, health))
  uses.push(...kubeletServing(node))
  for (const config of node.kubeconfigs.values()) uses.push(...users(node, config))
  return uses
}

function beside(role: LeafRole, node: NodeFacts, base: string): readonly Use[] {
  const keyPath = `${base}.key`
  return use(role, node, node.pems.get(`${base}.crt`), { key: node.pems.get(keyPath), keyPath })
}

// Without tlsCertFile the kubelet takes the certificate that it rotates, else kubelet.crt.
function kubeletServing(node: NodeFacts): readonly Use[] {
  const { kubelet } = node
  if (!kubelet) return []
  const { tlsCertFile, tlsPrivateKeyFile: keyPath } = kubelet
  if (tlsCertFile !== undefined) {
    const key = keyPath === undefined ? undefined : pemAt(node, keyPath)
    return use('kubelet-serving', node, pemAt(node, tlsCertFile), { key, keyPath })
  }
  const directory = 'var/lib/kubelet/pki'
  const current = pemAt(node, `${directory}/kubelet-server-current.pem`)
  if (current)
    return use('kubelet-serving', node, current, { key: current, keyPath: current.place.path })
  return beside('kubelet-serving', node, `${directory}/kubelet`)
}

function users(node: NodeFacts, config: KubeconfigFacts): readonly Use[] {
  const role: LeafRole =
    `/${config.path}` === node.kubelet?.kubeconfigPath ? 'kubelet-client' : 'user'
  return config.users.flatMap(({ certificate, key, keyInline, keyFile }) =>
    use(role, node, certificate, { key, keyPath: keyInline ? config.path : keyFile }, config),
  )
}

/** Every file of authorities that a component of the node, or a kubeconfig, trusts. */
export function trustsOf(node: NodeFacts): readonly Trust[] {
  const trusts: Trust[] = []
  const add = (role: TrustRole, pem: PemFacts | undefined, launch?: Launch) => {
    if (!pem) return
    const { certificates } = pem
    trusts.push({ role, node, pem, certificates, ...(launch && { launch }) })
  }
  for (const [role, { flags }] of Object.entries(TRUSTS) as [
    TrustRole,
    (typeof TRUSTS)[TrustRole],
  ][]) {
    if (!flags) continue
    for (const launch of node.launches)
      if (launch.component === flags.component) add(role, flagPem(node, launch, flags.file), launch)
  }
  const clientCa = node.kubelet?.clientCaFile
  if (clientCa !== undefined) add('kubelet-client-ca', pemAt(node, clientCa))
  for (const { clusters } of node.kubeconfigs.values())
    for (const { authority } of clusters) add('kubeconfig-ca', authority)
  return trusts
}
