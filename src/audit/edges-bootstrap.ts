import type { Problem, Trust } from './credentials.js'
import { fileOfFlag, fileOfLaunch, type NamedFile, named, privateKeyOf } from './credentials.js'
import { at, filled, textsOf } from './documents.js'
import { type EdgeDraft, WELCOME } from './edges.js'
import { apiSide } from './edges-api.js'
import type { NodeFacts } from './estate.js'
import { type ApiServer, apiServersAt, type Fleet } from './fleet.js'
import { parseHost, urlOf } from './hosts.js'

/** `kubeadm join` of each node that has a JoinConfiguration: cluster-info by CA pin, then the API server. */
export function* joinToApi(fleet: Fleet): Iterable<EdgeDraft> {
  const trust = clusterInfoTrust(fleet)
  if (!trust) return
  for (const node of fleet.estate.nodes)
    for (const { kind, value, path } of node.kubeadm) {
      const discovery = at(value, 'discovery', 'bootstrapToken')
      const endpoint = filled(at(discovery, 'apiServerEndpoint'))
      if (kind !== 'JoinConfiguration' || endpoint === undefined) continue
      const target = parseHost(endpoint, 6443)
      const pins = textsOf(at(discovery, 'caCertHashes'))
      const unsafe = at(discovery, 'unsafeSkipCAVerification') === true
      const problem = unsafe ? undefined : pinProblem(trust, pins, node, path)
      for (const server of apiServersAt(fleet, node, endpoint))
        yield {
          from: `kubeadm-join/${node.name}`,
          to: server.id,
          url: target ? urlOf(target.host, target.port) : endpoint,
          client: {
            label: 'join',
            trust,
            ...(problem && { problem }),
            ...(target && { name: target.host }),
          },
          server: { ...apiSide(server), certificate: 'ignored' },
          receive: () => WELCOME,
        }
    }
}

// kubeadm copies the CA of admin.conf into cluster-info.
function clusterInfoTrust({ clients }: Fleet): Trust | undefined {
  const admins = clients.filter(({ role, trust }) => role === 'admin' && trust.kind === 'file')
  return (admins.find(({ node }) => node.kind === 'node') ?? admins[0])?.trust
}

function pinProblem(
  trust: Trust,
  pins: readonly string[],
  node: NodeFacts,
  path: string,
): Problem | undefined {
  if (trust.kind !== 'file') return undefined
  const have = (trust.file.pem?.certificates ?? []).flatMap(({ pin }) => (pin ? [pin] : []))
  const wanted = pins.map((pin) => pin.toLowerCase())
  if (have.length === 0 || have.some((pin) => wanted.includes(pin))) return undefined
  const place = { node: node.name, path }
  if (pins.length === 0)
    return {
      code: 'pin',
      message: 'caCertHashes is empty and the CA is not to be trusted blindly',
      ...place,
    }
  const message = `caCertHashes pins another CA than ${named(trust.file)} (${have[0]})`
  return { code: 'pin', message, ...place }
}

/** Service-account tokens: whoever signs them, each API server must be able to check them. */
export function* tokensToApi(fleet: Fleet): Iterable<EdgeDraft> {
  for (const { from, file } of signers(fleet))
    for (const server of fleet.apiServers) {
      const problem = tokenProblem(file, server)
      if (problem === 'unknown') continue
      yield {
        from,
        to: server.id,
        url: urlOf(server.node.addresses[0] ?? server.node.name, server.port),
        client: {
          label: 'token',
          trust: { kind: 'nothing-checked' },
          ...(problem && { problem }),
        },
        server: {
          runs: { node: server.node.name, name: 'kube-apiserver' },
          // Tokens are judged by keys, not by TLS.
          serving: 'plain-http',
          certificate: 'ignored',
        },
        receive: () => WELCOME,
      }
    }
}

const SIGNERS = [
  ['kube-apiserver', 'service-account-signing-key-file'],
  ['kube-controller-manager', 'service-account-private-key-file'],
] as const

function signers({ estate }: Fleet) {
  return estate.nodes.flatMap((node) =>
    node.launches.flatMap((launch) =>
      SIGNERS.flatMap(([component, flag]) => {
        const file = launch.component === component ? fileOfFlag(node, launch, flag) : undefined
        return file ? [{ from: `tokens-of-${component}/${node.name}`, file }] : []
      }),
    ),
  )
}

function tokenProblem(signer: NamedFile, server: ApiServer): Problem | 'unknown' | undefined {
  const key = privateKeyOf(signer.pem)?.keyId
  const values = server.launch.flags.get('service-account-key-file') ?? []
  const files = values.map((value) => fileOfLaunch(server.node, server.launch, value))
  const keys = files.flatMap(({ pem }) => acceptedKeys(pem))
  if (key === undefined || keys.length === 0) return 'unknown'
  if (keys.includes(key)) return undefined
  const list = files.map(named).join(', ')
  const place = files[0] ? { node: files[0].node, path: files[0].path } : {}
  const message = `service-account tokens signed with ${named(signer)} do not verify with ${list}`
  return { code: 'token-key', message, ...place }
}

/** Keys by which an API server checks tokens: public ones, private ones, and those of certificates. */
export function acceptedKeys(pem: NamedFile['pem']): readonly string[] {
  return (pem?.blocks ?? []).flatMap(({ key, certificate }) => {
    const id = key?.keyId ?? certificate?.keyId
    return id === undefined ? [] : [id]
  })
}
