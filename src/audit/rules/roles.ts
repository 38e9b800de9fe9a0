import type { ComponentName } from '../../manifests/flags.js'
import { flagOf } from '../../values/command-line.js'
import type {
  Certificate,
  KubeconfigFacts,
  Launch,
  NodeEvidence,
  PemFacts,
} from '../read/evidence.js'
import { followLinks, locate } from '../read/paths.js'

/** A certificate in the place from which a component takes it. */
export interface Use {
  readonly role: LeafRole
  readonly row: RoleRow
  readonly node: NodeEvidence
  readonly pem: PemFacts
  readonly certificate: Certificate
  /** The key file that goes with it; absent when it is not there. */
  readonly key?: PemFacts
  /** Path of the key, relative, where it is known. */
  readonly keyPath?: string
  /** The kubeconfig that holds or names it. */
  readonly kubeconfig?: KubeconfigFacts
}

/** A file of certificate authorities in the place from which a component takes it. */
export interface TrustUse {
  readonly role: TrustUseRole
  readonly node: NodeEvidence
  readonly pem: PemFacts
  readonly certificates: readonly Certificate[]
  /** Absent for kubelets and kubeconfigs. */
  readonly launch?: Launch
}

/** The PEM file that a path of the node leads to, through links. */
export function pemAt(node: NodeEvidence, path: string): PemFacts | undefined {
  const target = followLinks(node.tree, path)
  return target === undefined ? undefined : node.pems.get(target)
}

/** Where on its node a flag's file lies, relative; undefined when not set or not mounted. */
export function flagPath(launch: Launch, flag: string): string | undefined {
  const value = flagOf(launch.flags, flag)
  const located = value === undefined ? undefined : locate(launch, value)
  return located && 'path' in located ? located.path : undefined
}

export function flagPem(node: NodeEvidence, launch: Launch, flag: string): PemFacts | undefined {
  const path = flagPath(launch, flag)
  return path === undefined ? undefined : pemAt(node, path)
}

function use(
  role: LeafRole,
  node: NodeEvidence,
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
export function usesOf(node: NodeEvidence): readonly Use[] {
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

function beside(role: LeafRole, node: NodeEvidence, base: string): readonly Use[] {
  const keyPath = `${base}.key`
  return use(role, node, node.pems.get(`${base}.crt`), { key: node.pems.get(keyPath), keyPath })
}

// Without tlsCertFile the kubelet takes the certificate that it rotates, else kubelet.crt.
function kubeletServing(node: NodeEvidence): readonly Use[] {
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

function users(node: NodeEvidence, config: KubeconfigFacts): readonly Use[] {
  const role: LeafRole =
    `/${config.path}` === node.kubelet?.kubeconfigPath ? 'kubelet-client' : 'user'
  return config.users.flatMap(({ certificate, key, keyInline, keyFile }) =>
    use(role, node, certificate, { key, keyPath: keyInline ? config.path : keyFile }, config),
  )
}

/** Every file of authorities that a component of the node, or a kubeconfig, trusts. */
export function trustsOf(node: NodeEvidence): readonly TrustUse[] {
  const trusts: TrustUse[] = []
  const add = (role: TrustUseRole, pem: PemFacts | undefined, launch?: Launch) => {
    if (!pem) return
    const { certificates } = pem
    trusts.push({ role, node, pem, certificates, ...(launch && { launch }) })
  }
  for (const [role, { flags }] of Object.entries(TRUSTS) as [
    TrustUseRole,
    (typeof TRUSTS)[TrustUseRole],
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

/** What a certificate is for, in the place where it was found. */
export type LeafRole =
  | 'apiserver'
  | 'apiserver-kubelet-client'
  | 'apiserver-etcd-client'
  | 'front-proxy-client'
  | 'etcd-server'
  | 'etcd-peer'
  | 'etcd-healthcheck-client'
  | 'controller-manager-serving'
  | 'scheduler-serving'
  | 'kubelet-serving'
  | 'kubelet-client'
  | 'user'

/** Which authority a certificate belongs to. */
export type Zone = 'cluster' | 'etcd' | 'front-proxy'

export interface RoleRow {
  /** In words. */
  readonly about: string
  readonly zone: Zone
  readonly usages: readonly ('serverAuth' | 'clientAuth')[]
  /** Flags that name the certificate and its key, where flags do. */
  readonly flags?: {
    readonly component: ComponentName
    readonly certificate: string
    readonly key: string
  }
  /** Trust files that must accept it, in order of preference; the first role that exists decides. */
  readonly acceptedBy: readonly TrustUseRole[]
}

/** A file of authorities, by who uses it for what. */
export type TrustUseRole =
  | 'client-ca'
  | 'requestheader-ca'
  | 'etcd-ca'
  | 'etcd-peer-ca'
  | 'apiserver-etcd-ca'
  | 'kubelet-ca'
  | 'kubelet-client-ca'
  | 'signing'
  | 'root-ca'
  | 'kubeconfig-ca'

export interface TrustRow {
  /** In words. */
  readonly about: string
  readonly flags?: { readonly component: ComponentName; readonly file: string }
  /** The certificates that it accepts are clients (or servers) of this zone. */
  readonly zone: Zone
}

const apiserver = 'kube-apiserver'
const manager = 'kube-controller-manager'
const server = ['serverAuth'] as const
const client = ['clientAuth'] as const

export const ROLES: Readonly<Record<LeafRole, RoleRow>> = {
  apiserver: {
    about: 'the API server’s serving certificate',
    zone: 'cluster',
    usages: server,
    flags: {
      component: apiserver,
      certificate: 'tls-cert-file',
      key: 'tls-private-key-file',
    },
    acceptedBy: ['root-ca', 'kubeconfig-ca', 'client-ca'],
  },
  'apiserver-kubelet-client': {
    about: 'the API server’s certificate towards kubelets',
    zone: 'cluster',
    usages: client,
    flags: {
      component: apiserver,
      certificate: 'kubelet-client-certificate',
      key: 'kubelet-client-key',
    },
    acceptedBy: ['kubelet-client-ca', 'client-ca'],
  },
  'apiserver-etcd-client': {
    about: 'the API server’s certificate towards etcd',
    zone: 'etcd',
    usages: client,
    flags: { component: apiserver, certificate: 'etcd-certfile', key: 'etcd-keyfile' },
    acceptedBy: ['etcd-ca'],
  },
  'front-proxy-client': {
    about: 'the API server’s certificate towards extension API servers',
    zone: 'front-proxy',
    usages: client,
    flags: {
      component: apiserver,
      certificate: 'proxy-client-cert-file',
      key: 'proxy-client-key-file',
    },
    acceptedBy: ['requestheader-ca'],
  },
  'etcd-server': {
    about: 'etcd’s serving certificate',
    zone: 'etcd',
    usages: server,
    flags: { component: 'etcd', certificate: 'cert-file', key: 'key-file' },
    acceptedBy: ['apiserver-etcd-ca', 'etcd-ca'],
  },
  'etcd-peer': {
    about: 'etcd’s certificate towards its peers',
    zone: 'etcd',
    usages: ['serverAuth', 'clientAuth'],
    flags: { component: 'etcd', certificate: 'peer-cert-file', key: 'peer-key-file' },
    acceptedBy: ['etcd-peer-ca'],
  },
  'etcd-healthcheck-client': {
    about: 'the certificate of etcd’s health check',
    zone: 'etcd',
    usages: client,
    acceptedBy: ['etcd-ca'],
  },
  'controller-manager-serving': {
    about: 'the controller manager’s serving certificate',
    zone: 'cluster',
    usages: server,
    flags: {
      component: manager,
      certificate: 'tls-cert-file',
      key: 'tls-private-key-file',
    },
    acceptedBy: [],
  },
  'scheduler-serving': {
    about: 'the scheduler’s serving certificate',
    zone: 'cluster',
    usages: server,
    flags: {
      component: 'kube-scheduler',
      certificate: 'tls-cert-file',
      key: 'tls-private-key-file',
    },
    acceptedBy: [],
  },
  'kubelet-serving': {
    about: 'the kubelet’s serving certificate',
    zone: 'cluster',
    usages: server,
    acceptedBy: [],
  },
  'kubelet-client': {
    about: 'the kubelet’s certificate towards the API server',
    zone: 'cluster',
    usages: client,
    acceptedBy: ['client-ca'],
  },
  user: {
    about: 'a client certificate for the API server',
    zone: 'cluster',
    usages: client,
    acceptedBy: ['client-ca'],
  },
}

export const TRUSTS: Readonly<Record<TrustUseRole, TrustRow>> = {
  'client-ca': {
    about: 'who the API server takes for a user',
    flags: { component: apiserver, file: 'client-ca-file' },
    zone: 'cluster',
  },
  'requestheader-ca': {
    about: 'who may speak for other users in headers',
    flags: { component: apiserver, file: 'requestheader-client-ca-file' },
    zone: 'front-proxy',
  },
  'etcd-ca': {
    about: 'who may read and write etcd',
    flags: { component: 'etcd', file: 'trusted-ca-file' },
    zone: 'etcd',
  },
  'etcd-peer-ca': {
    about: 'who may join etcd’s consensus',
    flags: { component: 'etcd', file: 'peer-trusted-ca-file' },
    zone: 'etcd',
  },
  'apiserver-etcd-ca': {
    about: 'which etcd servers the API server trusts',
    flags: { component: apiserver, file: 'etcd-cafile' },
    zone: 'etcd',
  },
  'kubelet-ca': {
    about: 'which kubelets the API server trusts',
    flags: { component: apiserver, file: 'kubelet-certificate-authority' },
    zone: 'cluster',
  },
  'kubelet-client-ca': { about: 'who may call the kubelet', zone: 'cluster' },
  signing: {
    about: 'what the controller manager signs requests with',
    flags: { component: manager, file: 'cluster-signing-cert-file' },
    zone: 'cluster',
  },
  'root-ca': {
    about: 'what pods trust the API server by',
    flags: { component: manager, file: 'root-ca-file' },
    zone: 'cluster',
  },
  'kubeconfig-ca': { about: 'what clients trust the API server by', zone: 'cluster' },
}
