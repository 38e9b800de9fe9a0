import { flagIsTrue } from '../../values/command-line.js'
import type { Place } from '../read/evidence.js'
import type { Connection } from '../types.js'
import type { Refusal } from './credentials.js'
import type { Edge } from './edges.js'
import { edgeKind } from './graph.js'
import { type Judgement, judge, type Running, shown } from './judge.js'
import { ASSUMED, type Fleet } from './servers.js'
import type { TrustChecker } from './trust.js'

/** The rule that a failure of a must-succeed connection is reported under, by its reason. */
const RULES: Readonly<Record<string, readonly string[]>> = {
  'connection-name': ['no-san', 'name-mismatch'],
  'connection-expired': ['expired', 'not-yet-valid'],
  'connection-usage': ['usage'],
  'connection-credential': [
    'file-missing',
    'file-unmounted',
    'unparsable',
    'key-missing',
    'key-encrypted',
    'key-mismatch',
    'contradiction',
    'dangling-context',
    'plain-http',
    'no-listener',
  ],
  'connection-identity': ['refused'],
  'connection-pin': ['pin'],
  'connection-token-key': ['token-key'],
  'component-down': ['component-down', 'no-etcd', 'no-quorum'],
}

const BY_CODE: ReadonlyMap<string, string> = new Map(
  Object.entries(RULES).flatMap(([rule, codes]) => codes.map((code) => [code, rule] as const)),
)

/** Everything else is a matter of trust: signatures, CA bits, path lengths, missing CAs. */
export function ruleOfProblem(code: string): string {
  return BY_CODE.get(code) ?? 'connection-untrusted'
}

/** Connections, and the outages that follow from them. */
export interface Verdicts {
  readonly connections: readonly Connection[]
  readonly outages: ReadonlyMap<string, Refusal | undefined>
  /**
   * By id of a connection that ends otherwise than it must, or `<component>/<node>` of one that therefore does not
   * start: the files in which the fault may lie.
   */
  readonly suspects: ReadonlyMap<string, readonly Place[]>
}

/**
 * Judges every edge. etcd is judged first: a member without a quorum and an API server that reaches no
 * etcd do not come up, and then nobody reaches them.
 */
export async function judgeAll(
  edges: readonly Edge[],
  fleet: Fleet,
  before: ReadonlyMap<string, Refusal | undefined>,
  checker: TrustChecker,
  onProgress: (done: number, total: number) => void = () => {},
): Promise<Verdicts> {
  const outages = new Map(before)
  const running: Running = ({ name, node }) => outages.get(`${name}/${node}`)
  const judged = new Map<string, Judgement>()
  const pass = async (kinds: (kind: string) => boolean) => {
    for (const edge of edges) {
      if (judged.has(edge.id) || !kinds(edge.kind)) continue
      judged.set(edge.id, await judge(edge, checker, running))
      if (judged.size % 100 === 0) onProgress(judged.size, edges.length)
    }
  }
  await pass((kind) => kind === 'etcd-peer')
  for (const [key, problem] of withoutQuorum(edges, fleet, judged))
    outages.set(key, outages.get(key) ?? problem)
  judged.clear()
  await pass((kind) => kind === 'etcd-peer' || kind === 'apiserver-etcd')
  for (const [key, problem] of withoutEtcd(edges, judged))
    outages.set(key, outages.get(key) ?? problem)
  await pass((kind) => kind === 'token' || kind === 'client-apiserver')
  for (const [key, problem] of withoutTokens(edges, fleet, judged)) {
    outages.set(key, outages.get(key) ?? problem)
    for (const { id, from } of edges) if (from === key) judged.delete(id)
  }
  await pass(() => true)
  const connections = edges.map((edge) =>
    connectionOf(edge, judged.get(edge.id) ?? { will: 'unknown' }),
  )
  const suspects = new Map<string, readonly Place[]>()
  for (const edge of edges) {
    const verdict = judged.get(edge.id)
    if (!verdict || verdict.will === 'unknown' || verdict.will === edge.must) continue
    const files = suspectsOf(edge, verdict)
    suspects.set(edge.id, files)
    // A component that reaches nobody suffers from what its connections suffer from.
    const problem = outages.get(edge.from)
    if (problem && problem.code !== before.get(edge.from)?.code)
      suspects.set(edge.from, unique([...(suspects.get(edge.from) ?? []), ...files]))
  }
  return { connections, outages, suspects }
}

/** Refusals that are a matter of one file: what stands in it is wrong, whatever others hold. */
const OWN_FAULTS: ReadonlySet<string> = new Set([
  ...(RULES['connection-expired'] ?? []),
  ...(RULES['connection-usage'] ?? []),
  ...(RULES['connection-identity'] ?? []),
  ...(RULES['component-down'] ?? []),
])

function suspectsOf({ client, server }: Edge, { problem }: Judgement): readonly Place[] {
  const { credential } = client
  const trusts = [client.trust, server.trust].flatMap((trust) =>
    trust?.kind === 'file' ? [trust.file] : [],
  )
  const certificates = [
    ...(credential ? [credential.certificate] : []),
    ...(typeof server.serving === 'string' ? [] : [server.serving.certificate]),
  ]
  if (!problem) return unique([...trusts.slice(-1), ...certificates.slice(0, 1)])
  const own = [...placeIn(problem), ...(problem.suspects ?? [])]
  if (OWN_FAULTS.has(problem.code) || own.length === 0) return own
  if (RULES['connection-credential']?.includes(problem.code))
    return unique([...own, ...(credential ? [credential.certificate, credential.key] : [])])
  // The side whose certificate is refused, and whom the other side trusts.
  const isServer =
    certificates.at(-1)?.path === problem.path && certificates.at(-1) !== credential?.certificate
  const trust = isServer ? client.trust : server.trust
  return unique([...own, ...(trust?.kind === 'file' ? [trust.file] : [])])
}

function placeIn({ node, path }: Refusal): readonly Place[] {
  return node !== undefined && path !== undefined ? [{ node, path }] : []
}

function unique(places: readonly Place[]): readonly Place[] {
  return [...new Map(places.map(({ node, path }) => [`${node}\n${path}`, { node, path }])).values()]
}

function withoutQuorum(
  edges: readonly Edge[],
  { etcd }: Fleet,
  judged: ReadonlyMap<string, Judgement>,
): readonly (readonly [string, Refusal])[] {
  if (etcd.length < 2) return []
  const works = new Set<string>()
  let reason: Refusal | undefined
  for (const edge of edges) {
    if (edge.kind !== 'etcd-peer') continue
    const verdict = judged.get(edge.id)
    if (verdict?.will === 'fail') reason = reason ?? verdict.problem
    else works.add(`${edge.from}>${edge.to}`)
  }
  const quorum = Math.floor(etcd.length / 2) + 1
  return etcd.flatMap(({ id }) => {
    const met = etcd.filter((one) => works.has(`${id}>${one.id}`) && works.has(`${one.id}>${id}`))
    if (met.length + 1 >= quorum) return []
    const message = `reaches ${met.length} of ${etcd.length - 1} other members, no quorum: ${reason?.message ?? 'peers fail'}`
    return [[id, { ...reason, code: 'no-quorum', message }] as const]
  })
}

function withoutEtcd(
  edges: readonly Edge[],
  judged: ReadonlyMap<string, Judgement>,
): readonly (readonly [string, Refusal])[] {
  const byServer = new Map<string, Judgement[]>()
  for (const edge of edges) {
    const verdict = edge.kind === 'apiserver-etcd' ? judged.get(edge.id) : undefined
    if (!verdict) continue
    const verdicts = byServer.get(edge.from)
    if (verdicts) verdicts.push(verdict)
    else byServer.set(edge.from, [verdict])
  }
  return [...byServer].flatMap(([server, verdicts]) => {
    if (verdicts.some(({ will }) => will !== 'fail')) return []
    const why = verdicts[0]?.problem
    const place = { ...(why?.node && { node: why.node }), ...(why?.path && { path: why.path }) }
    const message = `reaches no etcd: ${why?.message ?? 'every connection fails'}`
    return [[server, { code: 'no-etcd', message, ...place }] as const]
  })
}

/**
 * With `--use-service-account-credentials` each controller logs in with a token of its own; where none
 * is believed, the namespace controller ends the whole controller manager.
 */
function withoutTokens(
  edges: readonly Edge[],
  { evidence }: Fleet,
  judged: ReadonlyMap<string, Judgement>,
): readonly (readonly [string, Refusal])[] {
  const refused = new Map<string, Refusal | undefined>()
  for (const { id, kind, from, to } of edges) {
    const verdict = judged.get(id)
    if (kind === 'token' && from === `tokens-of-${to}` && verdict?.will === 'fail')
      refused.set(to, verdict.problem)
  }
  if (refused.size === 0) return []
  return evidence.nodes.flatMap(({ name, launches }) => {
    const key = `kube-controller-manager/${name}`
    const launch = launches.find(({ component }) => component === 'kube-controller-manager')
    if (!launch || !flagIsTrue(launch.flags, 'use-service-account-credentials')) return []
    const reached = edges.filter(
      ({ id, kind, from }) =>
        kind === 'client-apiserver' && from === key && judged.get(id)?.will !== 'fail',
    )
    const why = reached[0] && refused.get(reached[0].to)
    if (!why || !reached.every(({ to }) => refused.has(to))) return []
    const message = `its controllers are refused: ${why.message}`
    return [[key, { ...why, message }] as const]
  })
}

function connectionOf(edge: Edge, verdict: Judgement): Connection {
  const { id, from, to, kind, url, must, hole } = edge
  const { will, problem, identity, reception, until, unseen, assumed } = verdict
  const certificates = shown(edge)
  const isHole = must === 'fail' && will === 'succeed'
  const tooMuch = must === 'succeed' && will === 'succeed' && reception?.kind === 'too-much'
  const why = tooMuch ? reception.message : isHole ? hole : (problem ?? unseen)?.message
  const reason = assumed === undefined || why === undefined ? why : `${why} ${ASSUMED}`
  const rule = tooMuch
    ? 'component-too-privileged'
    : will === must || will === 'unknown'
      ? undefined
      : ruleFor(kind, problem)
  const privilege = reception && 'privilege' in reception ? reception.privilege : undefined
  const file = edge.client.credential?.certificate
  const place = problem ?? unseen ?? (isHole || tooMuch ? file : undefined)
  return {
    id,
    from,
    to,
    kind,
    url,
    must,
    will,
    ...(reason !== undefined && { reason }),
    ...(rule !== undefined && { rule }),
    ...(identity && { identity }),
    ...(will === 'succeed' && privilege !== undefined && { privilege }),
    ...(certificates.client && { clientCertificate: certificates.client.fingerprint }),
    ...(certificates.server && { serverCertificate: certificates.server.fingerprint }),
    ...(until && { until: until.toISOString() }),
    ...(place?.node && { node: place.node }),
    ...(place?.path && { path: place.path }),
  }
}

function ruleFor(kind: string, problem: Refusal | undefined): string {
  return edgeKind(kind)?.rule ?? ruleOfProblem(problem?.code ?? '')
}
