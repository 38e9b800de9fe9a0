import { isIp } from '../../values/addresses.js'
import { type HostPort, isAnyHost, isLocalHost, parseHost, urlOf } from '../../values/hosts.js'
import { isWholeCommand } from '../read/launch.js'
import type { Credential, Refusal, TrustAnchors } from './credentials.js'
import { type EdgeDraft, WELCOME } from './edges.js'
import {
  type ApiServer,
  type EtcdMember,
  type EtcdPort,
  etcdAt,
  type Fleet,
  placeOfLaunch,
  sightOf,
} from './servers.js'

const SYSTEM: TrustAnchors = { kind: 'system' }
const UNCHECKED: TrustAnchors = { kind: 'nothing-checked' }
/** Beyond this many members each one is joined to its neighbour only: no etcd cluster is so large. */
const MAX_MEMBERS = 16

/** etcd's client or peer port as a server; `plain-http` where no certificate is given. */
export function etcdSide(
  member: EtcdMember,
  port: EtcdPort,
  names?: readonly string[],
): EdgeDraft['server'] {
  const { serving, trust } = port
  const told = placeOfLaunch(member)
  return {
    ...sightOf(member.node, member.launch),
    runs: { node: member.node.name, name: 'etcd' },
    serving: serving ?? (isWholeCommand(member.launch) ? 'plain-http' : 'unseen'),
    ...(trust && { trust }),
    ...(told && { told }),
    certificate: port.demandsCertificate ? 'demanded' : 'ignored',
    ...(names && { clientNames: names }),
  }
}

/** Each API server to each address of `--etcd-servers`. */
export function* apiServerToEtcd({ apiServers, ...fleet }: Fleet): Iterable<EdgeDraft> {
  for (const server of apiServers)
    for (const url of server.etcdServers) yield apiServerEdge({ apiServers, ...fleet }, server, url)
}

function apiServerEdge(fleet: Fleet, server: ApiServer, url: string): EdgeDraft {
  const target = parseHost(url, 2379)
  const member = target && etcdAt(fleet, server.node, target.host)
  const { etcdClient } = server
  const told = placeOfLaunch(server)
  const problem = target && member && listenProblem(member, member.client, target)
  return {
    from: server.id,
    to: member?.id ?? `etcd/${target?.host ?? 'external'}`,
    url,
    client: {
      ...sightOf(server.node, server.launch),
      label: 'etcd client',
      ...(problem && { problem: { ...problem, ...told } }),
      ...(told && { told }),
      ...(etcdClient && { credential: etcdClient }),
      trust: server.etcdTrust ?? SYSTEM,
      ...(target && { name: target.host }),
    },
    server: !target?.secure
      ? { serving: 'plain-http', certificate: 'ignored' }
      : member
        ? etcdSide(member, member.client)
        : { serving: 'unseen', certificate: 'asked' },
    receive: () => WELCOME,
  }
}

// Whoever speaks http to TLS, or TLS to http, or asks where nobody listens, gets no answer.
function listenProblem(
  member: EtcdMember,
  { urls }: EtcdPort,
  { host, port, secure }: HostPort,
): Refusal | undefined {
  const { unseen, assumed } = sightOf(member.node, member.launch)
  const listens = urls.flatMap((url) => parseHost(url, 2379) ?? [])
  if (listens.length === 0 || unseen || assumed !== undefined) return undefined
  const isThere = (one: HostPort) =>
    one.port === port &&
    (isAnyHost(one.host) || isLocalHost(one.host) === isLocalHost(host) || !isIp(host))
  const there = listens.find(isThere)
  if (!there) {
    const message = `etcd is asked at ${host} port ${port}, and listens at ${urls.join(', ')}`
    return { code: 'no-listener', message, node: member.node.name }
  }
  if (there.secure === secure) return undefined
  const [spoken, understood] = secure ? ['https', 'http'] : ['http', 'https']
  const message = `etcd is asked by ${spoken} at port ${port}, where it listens by ${understood}`
  return { code: 'plain-http', message, node: member.node.name }
}

/** The addresses of a member's client port that a client on the same node would dial. */
function clientAddresses(member: EtcdMember) {
  const found = member.client.urls.flatMap((url) => {
    const target = parseHost(url, 2379)
    return target?.secure && !isAnyHost(target.host) ? [target] : []
  })
  return found.length > 0 ? found : [{ host: '127.0.0.1', port: 2379, secure: true }]
}

/** The health check's client, as probes and `etcdctl` use it, to every address that the member listens on. */
export function* healthcheckToEtcd({ etcd }: Fleet): Iterable<EdgeDraft> {
  for (const member of etcd) {
    const { healthcheck, client } = member
    if (!healthcheck || !client.serving) continue
    for (const { host, port } of clientAddresses(member))
      yield {
        from: `etcd-healthcheck-client/${member.node.name}`,
        to: member.id,
        url: urlOf(host, port),
        client: {
          label: 'health check',
          credential: healthcheck,
          trust: trustOfClients(member),
          name: host,
        },
        server: etcdSide(member, client),
        receive: () => WELCOME,
      }
  }
}

// etcd's own clients on the node trust the CA that the member trusts.
function trustOfClients(member: EtcdMember): TrustAnchors {
  return member.client.trust ?? member.peer.trust ?? SYSTEM
}

/** Each member to each other one, by the address it advertises. */
export function* etcdToEtcd({ etcd }: Fleet): Iterable<EdgeDraft> {
  for (const [i, from] of etcd.entries())
    for (const [j, to] of etcd.entries()) {
      if (i === j || (etcd.length > MAX_MEMBERS && j !== (i + 1) % etcd.length)) continue
      for (const url of to.peerUrls) yield peerEdge(from, to, url)
    }
}

function peerEdge(from: EtcdMember, to: EtcdMember, url: string): EdgeDraft {
  const target = parseHost(url, 2380)
  const { serving, trust } = from.peer
  const problem = target && listenProblem(to, to.peer, target)
  const [told, theirs] = [placeOfLaunch(from), placeOfLaunch(to)]
  return {
    from: from.id,
    to: to.id,
    url,
    client: {
      ...sightOf(from.node, from.launch),
      runs: { node: from.node.name, name: 'etcd' },
      label: 'peer',
      ...(problem && { problem: { ...problem, ...theirs } }),
      ...(told && { told }),
      ...(serving && { credential: serving }),
      trust: trust ?? SYSTEM,
      ...(target && { name: target.host }),
    },
    server: target?.secure
      ? etcdSide(to, to.peer, [...from.node.addresses, from.node.name])
      : {
          ...sightOf(to.node, to.launch),
          runs: { node: to.node.name, name: 'etcd' },
          serving: 'plain-http',
          certificate: 'ignored',
        },
    receive: () => WELCOME,
  }
}

/** etcd's HTTP gateway dials its own client port with the server certificate, not checking whom it meets. */
export function* etcdGateway({ etcd }: Fleet): Iterable<EdgeDraft> {
  for (const member of etcd) {
    const { serving } = member.client
    if (!serving) continue
    const [address] = clientAddresses(member)
    yield {
      from: `etcd-gateway/${member.node.name}`,
      to: member.id,
      url: address ? urlOf(address.host, address.port) : '',
      client: { label: 'server', credential: serving, trust: UNCHECKED },
      server: etcdSide(member, member.client),
      receive: () => WELCOME,
    }
  }
}

/** Both doors of a member, with the name and the URL they have in the graph. */
export function etcdDoors(member: EtcdMember) {
  const local = member.node.addresses[0] ?? '127.0.0.1'
  const outside = clientAddresses(member).find(({ host }) => !isLocalHost(host))
  return [
    door(member.id, urlOf(outside?.host ?? local, outside?.port ?? 2379), member.client),
    door(`etcd-peer/${member.node.name}`, member.peerUrls[0] ?? urlOf(local, 2380), member.peer),
  ]
}

/** Besides TLS a port may listen by plain http: that is the door that intruders take. */
function door(to: string, url: string, port: EtcdPort) {
  const plain = port.urls.find((one) => {
    const target = parseHost(one)
    return target && !target.secure && !isLocalHost(target.host)
  })
  return plain === undefined
    ? { to, url, port }
    : { to, url: plain, port: { urls: port.urls, demandsCertificate: false } }
}

/** Certificates of etcd's own world on a node: none of them is a user of the API. */
export function etcdLeaves(member: EtcdMember): readonly (readonly [string, Credential])[] {
  const own = [
    ['etcd-server', member.client.serving],
    ['etcd-peer', member.peer.serving],
    ['etcd-healthcheck-client', member.healthcheck],
  ] as const
  return own.flatMap(([who, credential]) =>
    credential ? [[`${who}/${member.node.name}`, credential] as const] : [],
  )
}
