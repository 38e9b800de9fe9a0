import type { Credential, Trust } from './credentials.js'
import { anchorsOf, leafOf } from './credentials.js'
import type { EdgeDraft } from './edges.js'
import type { Certificate } from './estate.js'
import type { Fleet } from './fleet.js'
import { ancestorsOf } from './trust-check.js'

/** A door, whom it trusts, and the certificates that have business there. */
interface Door {
  readonly to: string
  readonly url: string
  readonly trust: Trust
  readonly visitors: readonly (Credential | undefined)[]
  readonly privilege: string
}

function doors({ apiServers, etcd, kubelets, clients }: Fleet): readonly Door[] {
  const etcdVisitors = [
    ...apiServers.map(({ etcdClient }) => etcdClient),
    ...etcd.flatMap(({ client, peer, healthcheck }) => [client.serving, peer.serving, healthcheck]),
  ]
  const users = [
    ...clients.map(({ credential }) => credential),
    ...apiServers.map(({ kubeletClient }) => kubeletClient),
  ]
  const secrets = 'everything in etcd'
  return [
    ...etcd.flatMap(({ id, node, client, peer }) => [
      ...door(id, client.trust, etcdVisitors, secrets),
      ...door(`etcd-peer/${node.name}`, peer.trust, etcdVisitors, secrets),
    ]),
    ...apiServers.flatMap((server) => [
      ...door(server.id, server.clientCa, users, 'any user and group that it cares to write'),
      ...door(
        `${server.id}/front-proxy`,
        server.frontProxyCa,
        apiServers.map(({ frontProxy }) => frontProxy),
        'any identity, by headers',
      ),
    ]),
    ...kubelets.flatMap(({ id, clientCa }) => door(id, clientCa, users, 'exec into every pod')),
  ]
}

function door(to: string, trust: Trust | undefined, visitors: Door['visitors'], privilege: string) {
  return trust ? [{ to, url: to, trust, visitors, privilege }] : []
}

/** CAs that a door trusts although nobody who belongs there holds a certificate of theirs. */
export function* foreignAuthorities(fleet: Fleet): Iterable<EdgeDraft> {
  const ancestors = new Map<Door['visitors'], ReadonlySet<string>>()
  for (const { to, url, trust, visitors, privilege } of doors(fleet)) {
    const known = ancestors.get(visitors) ?? lineage(visitors)
    ancestors.set(visitors, known)
    if (known.size === 0) continue
    for (const authority of anchorsOf(trust)) {
      if (known.has(authority.keyId)) continue
      const name = authority.facts.subject.commonNames.at(-1) ?? authority.fingerprint.slice(0, 12)
      yield {
        from: `certificates-of(${name})/any`,
        to,
        url,
        client: {
          label: 'client',
          trust: { kind: 'nothing-checked' },
          credential: asCredential(authority, trust),
        },
        server: { serving: 'unseen', trust, certificate: 'demanded' },
        receive: () => ({ kind: 'welcome', privilege }),
        hole: `it trusts the CA ${JSON.stringify(name)}, which signed none of its clients`,
      }
    }
  }
}

// The CA's own certificate stands for whatever it may sign: refused where it is expired or no client CA.
function asCredential(authority: Certificate, trust: Trust): Credential {
  const place = trust.kind === 'file' ? trust.file : { node: '', path: '' }
  const block = { label: 'CERTIFICATE', headers: [], line: 1, certificate: authority }
  const pem = {
    place: { node: place.node, path: place.path },
    blocks: [block],
    certificates: [authority],
    keys: [],
    oddities: [],
    der: false,
    empty: false,
  }
  const file = { node: place.node, path: place.path, state: 'present' as const, pem }
  return { certificate: file, key: file, embedded: false }
}

/** Keys of every CA above the given certificates. */
function lineage(visitors: Door['visitors']): ReadonlySet<string> {
  const keys = new Set<string>()
  for (const visitor of visitors) {
    const leaf = leafOf(visitor)
    if (leaf) for (const { keyId } of ancestorsOf(leaf)) keys.add(keyId)
  }
  return keys
}
