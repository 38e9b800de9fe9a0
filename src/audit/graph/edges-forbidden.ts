import { commonNameOf } from '../../ca/certificate/names.js'
import { flagList } from '../../values/command-line.js'
import { urlOf } from '../../values/hosts.js'
import type { Certificate } from '../read/evidence.js'
import { isWholeCommand } from '../read/launch.js'
import type { Identity } from '../types.js'
import { anchorsOf, type Credential, leafOf, type TrustAnchors } from './credentials.js'
import { adminGroup, type EdgeDraft, identityText, type Reception } from './edges.js'
import { apiSide, kubeletAddress, kubeletSide } from './edges-api.js'
import { etcdDoors, etcdLeaves, etcdSide } from './edges-etcd.js'
import { type ApiServer, type Fleet, kubeletSight, type Sight, sightOf } from './servers.js'
import { ancestors } from './trust.js'

const UNCHECKED: TrustAnchors = { kind: 'nothing-checked' }
const SECRETS = 'reading and writing everything in etcd: every Secret, every role binding'

/** A certificate that somebody holds, under the name it has in the graph. */
type CertificateHolder = readonly [id: string, credential: Credential]

function attacker(label: string, credential?: Credential): EdgeDraft['client'] {
  return { label, trust: UNCHECKED, ...(credential && { credential }) }
}

function apiUrl(server: ApiServer): string {
  return urlOf(server.node.addresses[0] ?? server.node.name, server.port)
}

/** Everybody who holds a certificate for the API, or for talking to kubelets and extension servers. */
function apiHolders({ clients, apiServers }: Fleet): readonly CertificateHolder[] {
  const people = clients.flatMap(({ id, credential }) =>
    credential ? [[id, credential] as const] : [],
  )
  const servers = apiServers.flatMap((server) => [
    ...holder(`kube-apiserver-kubelet-client/${server.node.name}`, server.kubeletClient),
    ...holder(`front-proxy-client/${server.node.name}`, server.frontProxy),
  ])
  return [...people, ...servers]
}

function holder(id: string, credential: Credential | undefined): readonly CertificateHolder[] {
  return credential ? [[id, credential]] : []
}

/** A certificate of the API's world at etcd, which asks for no name: whoever gets in is everything. */
export function* apiClientsAtEtcd(fleet: Fleet): Iterable<EdgeDraft> {
  const holders = apiHolders(fleet)
  const legitimate = new Set(
    [
      ...fleet.apiServers.map(({ etcdClient }) => etcdClient),
      ...fleet.etcd.flatMap((one) => etcdLeaves(one).map(([, credential]) => credential)),
    ].map((credential) => leafOf(credential)?.fingerprint),
  )
  for (const member of fleet.etcd)
    for (const [from, credential] of holders) {
      const leaf = leafOf(credential)
      if (!leaf || legitimate.has(leaf.fingerprint)) continue
      for (const { to, url, port } of etcdDoors(member))
        yield {
          from,
          to,
          url,
          client: attacker('client', credential),
          server: etcdSide(member, port),
          receive: () => ({ kind: 'welcome', privilege: SECRETS }),
          hole: 'etcd takes a certificate that was made for the API',
        }
    }
}

/** Nobody in particular at etcd. */
export function* anybodyAtEtcd({ etcd }: Fleet): Iterable<EdgeDraft> {
  for (const member of etcd)
    for (const { to, url, port } of etcdDoors(member))
      yield {
        from: 'anonymous/anywhere',
        to,
        url,
        client: attacker('client'),
        server: etcdSide(member, port),
        receive: () => ({ kind: 'welcome', privilege: SECRETS }),
        hole: 'etcd asks for no client certificate',
      }
}

/** Certificates of etcd's world as users of the API. */
export function* etcdLeavesAtApi(fleet: Fleet): Iterable<EdgeDraft> {
  const holders: readonly CertificateHolder[] = [
    ...fleet.apiServers.flatMap((server) =>
      holder(`apiserver-etcd-client/${server.node.name}`, server.etcdClient),
    ),
    ...fleet.etcd.flatMap((member) => etcdLeaves(member)),
  ]
  yield* asUsers(fleet, holders, 'a certificate that was made for etcd logs in at the API server')
}

/** The aggregation layer's certificate as a user of its own. */
export function* frontProxyAsUser(fleet: Fleet): Iterable<EdgeDraft> {
  const holders = fleet.apiServers.flatMap((server) =>
    holder(`front-proxy-client/${server.node.name}`, server.frontProxy),
  )
  yield* asUsers(fleet, holders, 'the front proxy’s certificate is a user of the API')
}

function* asUsers(
  fleet: Fleet,
  holders: readonly CertificateHolder[],
  hole: string,
): Iterable<EdgeDraft> {
  const legitimate = new Set(
    [
      ...fleet.clients.map(({ credential }) => credential),
      ...fleet.apiServers.map(({ kubeletClient }) => kubeletClient),
    ].map((credential) => leafOf(credential)?.fingerprint),
  )
  for (const server of fleet.apiServers)
    for (const [from, credential] of holders) {
      const leaf = leafOf(credential)
      if (!leaf || legitimate.has(leaf.fingerprint)) continue
      yield {
        from,
        to: server.id,
        url: apiUrl(server),
        client: attacker('client', credential),
        server: { ...apiSide(server), certificate: server.clientCa ? 'demanded' : 'ignored' },
        receive: server.clientCa
          ? receiveUser
          : () => ({ kind: 'refused', message: 'anonymous (401)' }),
        hole,
      }
    }
}

function receiveUser(identity: Identity | undefined): Reception {
  if (!identity || identity.user === '') return { kind: 'refused', message: 'no user (401)' }
  const group = adminGroup(identity)
  const can =
    group === undefined
      ? 'whatever RBAC gives that name and every authenticated user'
      : 'everything in the cluster'
  return { kind: 'welcome', privilege: `${can}, as ${identityText(identity)}` }
}

/** Headers that claim an identity are believed from whoever shows a certificate of the request-header CA. */
export function* impersonation(fleet: Fleet): Iterable<EdgeDraft> {
  for (const server of fleet.apiServers) {
    const { frontProxyCa, allowedNames } = server
    if (!frontProxyCa) continue
    const own = leafOf(server.frontProxy)?.fingerprint
    for (const [what, credential] of representatives(fleet, server)) {
      if (leafOf(credential)?.fingerprint === own) continue
      const names = allowedNames.join(', ')
      yield {
        from: `${what}/any`,
        to: server.id,
        url: `${apiUrl(server)} (X-Remote-User)`,
        client: attacker('client', credential),
        server: { ...apiSide(server), trust: frontProxyCa, certificate: 'demanded' },
        receive: () => ({
          kind: 'welcome',
          privilege: 'any identity, system:masters included',
        }),
        hole:
          allowedNames.length === 0
            ? 'every certificate of the client CA may claim any identity in headers, for no name is demanded'
            : `whoever gets a certificate with CN=${names} from the client CA (a signed CSR is enough) may claim any identity in headers`,
      }
    }
  }
}

/** One certificate for each CA whose clients are not the front proxy: they stand for all that it signs. */
function representatives(fleet: Fleet, server: ApiServer): readonly CertificateHolder[] {
  const seen = new Set<string>()
  const ofClientCa = [...fleet.clients.map(({ credential }) => credential), server.kubeletClient]
  const ofEtcd = [server.etcdClient]
  const firstOf = (what: string, credentials: readonly (Credential | undefined)[]) => {
    for (const credential of credentials) {
      const leaf = leafOf(credential)
      if (!credential || !leaf) continue
      const issuer = leaf.issuers[0]?.keyId ?? leaf.fingerprint
      if (seen.has(issuer)) continue
      seen.add(issuer)
      return [[what, credential] as const]
    }
    return []
  }
  return [...firstOf('client-certificate', ofClientCa), ...firstOf('etcd-certificate', ofEtcd)]
}

/** A kubelet's certificate as another node, or as an administrator. */
export function* kubeletsAsOthers(fleet: Fleet): Iterable<EdgeDraft> {
  const names = new Set(fleet.evidence.nodes.map(({ name }) => name))
  const [server] = fleet.apiServers
  if (!server) return
  for (const { id, role, node, credential } of fleet.clients) {
    if (role !== 'kubelet' || !credential) continue
    yield {
      from: id,
      to: 'kube-apiserver/as-another',
      url: apiUrl(server),
      client: attacker('client', credential),
      server: { ...apiSide(server), certificate: server.clientCa ? 'demanded' : 'ignored' },
      receive: (identity) => receiveAsOther(identity, node.name, names),
      hole: 'a kubelet holds the identity of somebody else',
    }
  }
}

function receiveAsOther(
  identity: Identity | undefined,
  own: string,
  names: ReadonlySet<string>,
): Reception {
  const refused: Reception = { kind: 'refused', message: 'it is a node of its own, or nobody' }
  if (!identity) return refused
  if (adminGroup(identity) !== undefined)
    return { kind: 'welcome', privilege: `everything in the cluster, as ${identityText(identity)}` }
  const other = /^system:node:(.+)$/.exec(identity.user)?.[1]
  if (other === undefined || other === own || !names.has(other)) return refused
  if (!identity.groups.includes('system:nodes')) return refused
  return { kind: 'welcome', privilege: `the Secrets and pods of node ${other}` }
}

/** Nobody in particular at a kubelet: exec into any pod of the node. */
export function* anybodyAtKubelets(fleet: Fleet): Iterable<EdgeDraft> {
  for (const kubelet of fleet.kubelets) {
    const address = kubeletAddress(fleet.apiServers[0], kubelet) ?? kubelet.node.name
    const { anonymous, authorizationMode } = kubelet.kubelet
    const open = authorizationMode === 'AlwaysAllow'
    const door = {
      to: kubelet.id,
      url: urlOf(address, kubelet.kubelet.port),
      hole: 'the kubelet lets everybody in',
    }
    yield {
      from: 'anonymous/anywhere',
      ...door,
      client: attacker('client'),
      server: { ...kubeletSide(kubelet), certificate: 'ignored' },
      receive: () =>
        anonymous && open
          ? { kind: 'welcome', privilege: 'exec into every pod of the node' }
          : {
              kind: 'refused',
              message: anonymous
                ? 'RBAC gives anonymous nothing (403)'
                : 'anonymous requests are off (401)',
            },
    }
  }
}

/** Any client of the cluster at a kubelet that authorises everybody whom it knows. */
export function* anyClientAtKubelets(fleet: Fleet): Iterable<EdgeDraft> {
  const sample = fleet.clients.find(
    ({ role, credential }) => role !== 'admin' && role !== 'super-admin' && credential,
  )
  if (!sample?.credential) return
  for (const kubelet of fleet.kubelets) {
    const address = kubeletAddress(fleet.apiServers[0], kubelet) ?? kubelet.node.name
    const open = kubelet.kubelet.authorizationMode === 'AlwaysAllow'
    yield {
      from: 'client-certificate/any',
      to: kubelet.id,
      url: urlOf(address, kubelet.kubelet.port),
      client: attacker('client', sample.credential),
      server: kubeletSide(kubelet),
      receive: (identity) =>
        open && identity
          ? { kind: 'welcome', privilege: 'exec into every pod of the node' }
          : {
              kind: 'refused',
              message: 'the kubelet asks the API server, which allows it to few (403)',
            },
      hole: 'the kubelet authorises every certificate of its client CA (authorization mode AlwaysAllow)',
    }
  }
}

/** Nobody in particular at the API server, and anybody whom it knows. */
export function* anybodyAtApi({ apiServers, clients }: Fleet): Iterable<EdgeDraft> {
  const sample = clients.find(({ role }) => role !== 'admin' && role !== 'super-admin')
  for (const server of apiServers) {
    const door = {
      to: server.id,
      url: apiUrl(server),
      hole: 'the API server authorises everybody whom it knows (authorization mode AlwaysAllow)',
    }
    const refused = server.open ? 'AlwaysAllow ends anonymous requests (401)' : 'RBAC refuses (403)'
    const isAdmin = server.open && server.anonymous
    yield {
      from: 'anonymous/anywhere',
      ...door,
      client: attacker('client'),
      server: { ...apiSide(server), certificate: 'ignored' },
      receive: () =>
        isAdmin
          ? { kind: 'welcome', privilege: 'everything in the cluster' }
          : { kind: 'refused', message: refused },
    }
    if (!server.open || !sample?.credential) continue
    yield {
      from: 'client-certificate/every',
      ...door,
      client: attacker('client', sample.credential),
      server: { ...apiSide(server), certificate: 'demanded' },
      receive: () => ({ kind: 'welcome', privilege: 'everything in the cluster' }),
    }
  }
}

/** A kubelet at what belongs to another node: the node authorizer lets it, and only NodeRestriction keeps it off. */
export function* kubeletsBeyondTheirNodes({ apiServers, clients }: Fleet): Iterable<EdgeDraft> {
  const kubelets = clients.filter(({ role, credential }) => role === 'kubelet' && credential)
  for (const server of apiServers) {
    const { launch, node } = server
    const sample = kubelets.find((one) => one.node !== node) ?? kubelets[0]
    // Flags that are assumed, or out of sight, say nothing of plugins.
    if (!sample?.credential || !isWholeCommand(launch)) continue
    const isRestricted =
      flagList(launch.flags, 'enable-admission-plugins').includes('NodeRestriction') &&
      !flagList(launch.flags, 'disable-admission-plugins').includes('NodeRestriction')
    yield {
      from: 'kubelet-certificate/any',
      to: server.id,
      url: `${apiUrl(server)} (another node)`,
      client: attacker('client', sample.credential),
      server: { ...apiSide(server), certificate: server.clientCa ? 'demanded' : 'ignored' },
      receive: () =>
        isRestricted
          ? { kind: 'refused', message: 'NodeRestriction keeps it to its own node (403)' }
          : {
              kind: 'welcome',
              privilege: 'labels, taints and status of every node, and the pods bound to it',
            },
      hole: 'the admission plugin NodeRestriction is off, and any kubelet changes other nodes',
    }
  }
}

/** A door, whom it trusts, and the certificates that have business there. */
interface Door {
  readonly to: string
  readonly url: string
  readonly trust: TrustAnchors
  readonly sight: Sight
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
    ...etcd.flatMap(({ id, node, launch, client, peer }) => {
      const sight = sightOf(node, launch)
      return [
        ...door(id, sight, client.trust, etcdVisitors, secrets),
        ...door(`etcd-peer/${node.name}`, sight, peer.trust, etcdVisitors, secrets),
      ]
    }),
    ...apiServers.flatMap((server) => {
      const sight = sightOf(server.node, server.launch)
      const anybody = 'any user and group that it cares to write'
      return [
        ...door(server.id, sight, server.clientCa, users, anybody),
        ...door(
          `${server.id}/front-proxy`,
          sight,
          server.frontProxyCa,
          apiServers.map(({ frontProxy }) => frontProxy),
          'any identity, by headers',
        ),
      ]
    }),
    ...kubelets.flatMap((kubelet) =>
      door(kubelet.id, kubeletSight(kubelet), kubelet.clientCa, users, 'exec into every pod'),
    ),
  ]
}

function door(
  to: string,
  sight: Sight,
  trust: TrustAnchors | undefined,
  visitors: Door['visitors'],
  privilege: string,
) {
  return trust ? [{ to, url: to, sight, trust, visitors, privilege }] : []
}

/** CAs that a door trusts although nobody who belongs there holds a certificate of theirs. */
export function* foreignAuthorities(fleet: Fleet): Iterable<EdgeDraft> {
  const lineages = new Map<Door['visitors'], ReadonlySet<string>>()
  for (const { to, url, sight, trust, visitors, privilege } of doors(fleet)) {
    const known = lineages.get(visitors) ?? lineage(visitors)
    lineages.set(visitors, known)
    if (known.size === 0) continue
    for (const authority of anchorsOf(trust)) {
      if (known.has(authority.keyId)) continue
      const name = commonNameOf(authority.facts.subject) || authority.fingerprint.slice(0, 12)
      yield {
        from: `certificates-of(${name})/any`,
        to,
        url,
        client: {
          label: 'client',
          trust: { kind: 'nothing-checked' },
          credential: asCredential(authority, trust),
        },
        server: { ...sight, serving: 'unseen', trust, certificate: 'demanded' },
        receive: () => ({ kind: 'welcome', privilege }),
        hole: `it trusts the CA ${JSON.stringify(name)}, which signed none of its clients`,
      }
    }
  }
}

// The CA's own certificate stands for whatever it may sign: refused where it is expired or no client CA.
function asCredential(authority: Certificate, trust: TrustAnchors): Credential {
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
    if (leaf) for (const { keyId } of ancestors(leaf)) keys.add(keyId)
  }
  return keys
}
