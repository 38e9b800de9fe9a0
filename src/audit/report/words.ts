import { groupBy } from '../../values/lists.js'
import { listed } from '../../values/text.js'
import type { AuditReport, Connection, Finding, Identity, NodeLayout, Severity } from '../types.js'

/** Gravest first. */
export const SEVERITIES: readonly Severity[] = ['error', 'warning', 'info']

/** `3 errors`, `1 error`, `no errors`. */
export function count(number: number, one: string, many = `${one}s`): string {
  if (number === 0) return `no ${many}`
  return number === 1 ? `1 ${one}` : `${thousands(number)} ${many}`
}

/** `12,345`: as English groups digits. */
export function thousands(number: number): string {
  return String(number).replace(/\B(?=(\d{3})+(?!\d))/g, ',')
}

/** The date of an ISO 8601 time. */
export function dayOf(time: string): string {
  return time.slice(0, 10)
}

/** `in 12 days`, `today`, `3 days ago`. */
export function relative(days: number): string {
  if (days === 0) return 'today'
  return days > 0 ? `in ${count(days, 'day')}` : `${count(-days, 'day')} ago`
}

/** How near an end is: over, within the horizon, or far. */
export function nearness(days: number, horizon: number): 'over' | 'near' | 'far' {
  if (days < 0) return 'over'
  return days <= horizon ? 'near' : 'far'
}

/** One line for each layout that is neither kubeadm's nor kpki's own: whose it is, and what is made of it. */
export function layoutLines({ layouts }: AuditReport): readonly string[] {
  const foreign = layouts.filter(({ owner }) => owner !== 'kubeadm' && owner !== 'kpki')
  const same = groupBy(foreign, ({ name, alone, assumed }) => `${name}\n${alone}\n${assumed}`)
  return [...same.values()].map((group) => {
    const [{ layout, name, alone, assumed }] = group as [NodeLayout, ...NodeLayout[]]
    const where =
      layouts.length === group.length ? '' : ` of ${listed(group.map(({ node }) => node))}`
    const each = alone
      ? '; pairs, chains and kubeconfigs are judged each by itself, and nothing is said of components'
      : ''
    const flags = assumed.length === 0 ? '' : `; flags of ${listed(assumed)} are assumed from it`
    const whose = layout === 'unrecognised' ? 'is not recognised' : `is that of ${name}`
    return `the layout${where} ${whose}${each}${flags}`
  })
}

/** The word that a verdict starts with. */
export function headline({ verdict, components, connections }: AuditReport): string {
  if (verdict.status === 'crashed') return 'INCOMPLETE'
  if (verdict.status === 'errors') return 'FAILED'
  // Files alone are no cluster.
  const isPart = verdict.unknown > 0 || components.length + connections.length === 0
  const seen = isPart ? ' as far as seen' : ''
  const warned = verdict.status === 'warnings' ? ', with warnings' : ''
  const unknown = verdict.unknown > 0 ? `, ${thousands(verdict.unknown)} unknown` : ''
  return `PASSED${seen}${warned}${unknown}`
}

interface ShownPlace {
  readonly node?: string | undefined
  readonly path?: string | undefined
}

/** `controlplane: etc/kubernetes/pki/ca.crt`, or what is known of it. */
export function placeOf({ node, path }: ShownPlace): string {
  return [node, path].filter((part) => part !== undefined).join(': ')
}

/** How a connection stands: works, is refused as it must be, is broken, is open though it must not, or nobody knows. */
export type Standing = 'works' | 'refused' | 'broken' | 'forbidden' | 'unknown'

export function standingOf({ must, will }: Pick<Connection, 'must' | 'will'>): Standing {
  if (will === 'unknown') return 'unknown'
  if (must === 'succeed') return will === 'succeed' ? 'works' : 'broken'
  return will === 'fail' ? 'refused' : 'forbidden'
}

/** Whether a connection is known to end otherwise than it must. */
export function isWrong(connection: Pick<Connection, 'must' | 'will'>): boolean {
  const standing = standingOf(connection)
  return standing === 'broken' || standing === 'forbidden'
}

/** Connections that do not end as they must, broken ones first. */
export function wrongConnections(report: AuditReport): readonly Connection[] {
  const wrong = report.connections.filter(isWrong)
  return [
    ...wrong.filter(({ must }) => must === 'succeed'),
    ...wrong.filter(({ must }) => must === 'fail'),
  ]
}

/** One sentence on a connection that ends otherwise than it must: edge, reason, and what it opens. */
export function connectionSentence(connection: Connection): string {
  const { from, to, url, reason, privilege, identity } = connection
  const edge = `${from} → ${to} ${url}`
  if (standingOf(connection) !== 'forbidden') return `${edge}: ${reason ?? 'fails'}`
  const who = identity === undefined ? '' : ` as ${loginText(identity)}`
  const gain = privilege === undefined ? '' : `: ${privilege}`
  const why = reason === undefined ? '' : ` (${reason})`
  return `${edge}: is let in${who}${gain}${why}`
}

/** `user jane, groups team-a`. */
export function loginText({ user, groups }: Identity): string {
  return groups.length === 0 ? `user ${user}` : `user ${user}, groups ${groups.join(', ')}`
}

/** What follows from a finding: told with it, and not by itself. By the id of the first cause. */
export function effectsOf(findings: readonly Finding[]): ReadonlyMap<string, readonly Finding[]> {
  return groupBy(
    findings.filter(({ causedBy }) => causedBy !== undefined),
    ({ causedBy }) => causedBy?.[0] ?? '',
  )
}

/** `X04 connection-untrusted ×22, C01 untrusted`: which rules have found these, and how often. */
export function rulesText(findings: readonly Finding[]): string {
  return [...groupBy(findings, ({ code, rule }) => `${code} ${rule}`)]
    .map(([name, { length }]) => (length === 1 ? name : `${name} ×${thousands(length)}`))
    .join(', ')
}

/** A short stable name for one finding, the same in every format, and for every run on the same fault: days pass. */
export function findingId(finding: Omit<Finding, 'id'>): string {
  const { rule, node, path, message } = finding
  const timeless = message.replace(/\b\d+ days?\b/g, 'days')
  return `${rule}-${hash([rule, node ?? '', path ?? '', timeless].join('\u0000'))}`
}

// FNV-1a over UTF-16 code units, twice 32 bits: names for links, nothing that anybody is kept from forging.
function hash(text: string): string {
  let low = 0x811c9dc5
  let high = 0x9dc5811c
  for (let i = 0; i < text.length; i++) {
    const unit = text.charCodeAt(i)
    low = Math.imul(low ^ unit, 0x01000193)
    high = Math.imul(high ^ (unit + i), 0x01000193)
  }
  return [high, low].map((part) => (part >>> 0).toString(16).padStart(8, '0')).join('')
}

/** Names while they are few, else their number. */
export function onNodes(nodes: readonly string[]): string {
  const names = [...new Set(nodes)]
  return names.length <= 4 ? `on ${names.join(', ')}` : `on ${thousands(names.length)} nodes`
}
