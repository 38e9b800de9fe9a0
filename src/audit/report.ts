import { formatName } from '../ca/certificate/names.js'
import { compareText, plural } from '../values/text.js'
import { DAY } from '../values/time.js'
import { causesOf, type Suspicion } from './causes.js'
import { EDGE_KINDS } from './graph/graph.js'
import type { AuditInput, Certificate, Evidence } from './read/evidence.js'
import { layoutFacts } from './read/layouts.js'
import { isAuthority } from './read/read.js'
import { findingId, isWrong, SEVERITIES } from './report/words.js'
import type { RuleOutcome } from './rules/run.js'
import type {
  AuditReport,
  AuditStats,
  Connection,
  Expiry,
  FailOn,
  Finding,
  RuleContext,
  Severity,
  Timeline,
  TimelineEntry,
  Verdict,
  Waived,
  Waiver,
} from './types.js'

/** Puts everything together: sorted, waived, with the user's own paths, counted. */
export function reportOf(
  evidence: Evidence,
  input: AuditInput,
  context: RuleContext,
  outcome: RuleOutcome,
  timeline: Timeline,
  waivers: readonly Waiver[],
): AuditReport {
  const original = (node: string | undefined, path: string): string =>
    (node === undefined ? undefined : input.origins?.get(node)?.get(path)) ?? path
  const placed = <T extends { readonly node?: string; readonly path?: string }>(item: T): T =>
    item.path === undefined ? item : { ...item, path: original(item.node, item.path) }
  const named = outcome.findings.map(({ suspects, ...draft }) => {
    const finding = placed(draft)
    return { finding: { id: findingId(finding), ...finding }, suspects }
  })
  const { counted, waived } = waive(named, waivers, context.at)
  const findings = inOrder(counted)
  const { connections, components, expiry, profile, horizonDays } = context
  return {
    apiVersion: 'kpki/v1alpha1',
    kind: 'AuditReport',
    at: context.at.toISOString(),
    profile,
    horizonDays,
    verdict: verdictOf(findings, context, outcome),
    layouts: evidence.nodes.map(layoutFacts),
    findings,
    connections: connections.map(placed),
    components: components.map(placed),
    expiry: expiry.map(placed),
    timeline,
    skipped: outcome.skipped,
    waived: [...waived].sort(byGravity),
    crashed: outcome.crashed,
    unrecognised: evidence.unrecognised,
    stats: statsOf(evidence, context, outcome),
  }
}

function byGravity(a: Finding, b: Finding): number {
  return (
    SEVERITIES.indexOf(a.severity) - SEVERITIES.indexOf(b.severity) ||
    compareText(a.node ?? '', b.node ?? '') ||
    compareText(a.code, b.code) ||
    compareText(a.path ?? '', b.path ?? '') ||
    compareText(a.message, b.message)
  )
}

/** Causes first, those from which most follows before others; then what follows from them. */
function inOrder(findings: readonly Finding[]): readonly Finding[] {
  const follow = new Map<string, number>()
  for (const { causedBy = [] } of findings)
    for (const id of causedBy) follow.set(id, (follow.get(id) ?? 0) + 1)
  return [...findings].sort(
    (a, b) =>
      Number(a.causedBy !== undefined) - Number(b.causedBy !== undefined) ||
      SEVERITIES.indexOf(a.severity) - SEVERITIES.indexOf(b.severity) ||
      (follow.get(b.id) ?? 0) - (follow.get(a.id) ?? 0) ||
      byGravity(a, b),
  )
}

/** Rules of doors that are open: who accepts the reason for one accepts that somebody gets in. */
const DOORS: ReadonlySet<string> = new Set(
  EDGE_KINDS.flatMap(({ must, rule }) => (must === 'fail' && rule ? [rule] : [])),
)

/** What is accepted, and what counts. Failures that follow from something accepted count all the same. */
function waive(all: readonly Suspicion[], waivers: readonly Waiver[], at: Date) {
  const causes = causesOf(all)
  const own = new Map<string, Waiver>()
  for (const { finding } of all) {
    const waiver = waivers.find((one) => isInForce(one, at) && covers(one, finding))
    if (waiver) own.set(finding.id, waiver)
  }
  const counted: Finding[] = []
  const waived: Waived[] = []
  for (const { finding } of all) {
    const causedBy = (causes.get(finding.id) ?? []).filter((id) => !own.has(id))
    const [accepted] = causes.get(finding.id) ?? []
    const isOpen = DOORS.has(finding.rule) && causedBy.length === 0 && accepted !== undefined
    const waiver = own.get(finding.id) ?? (isOpen ? own.get(accepted) : undefined)
    if (waiver) {
      const { reason, expires } = waiver
      waived.push({ ...finding, waiver: { reason, ...(expires !== undefined && { expires }) } })
    } else counted.push(causedBy.length === 0 ? finding : { ...finding, causedBy })
  }
  return { counted, waived }
}

function isInForce({ expires }: Waiver, at: Date): boolean {
  if (expires === undefined) return true
  const end = Date.parse(expires)
  return !Number.isNaN(end) && at.getTime() < end
}

function covers(waiver: Waiver, finding: Finding): boolean {
  const isRule = matches(waiver.rule, finding.rule) || waiver.rule === finding.code
  return (
    isRule &&
    (waiver.node === undefined || matches(waiver.node, finding.node ?? '')) &&
    (waiver.path === undefined || matches(waiver.path, finding.path ?? ''))
  )
}

/** `*` stands for any run of characters; linear in the text's length for each star. */
function matches(pattern: string, text: string): boolean {
  const parts = pattern.split('*')
  const [head = ''] = parts
  if (parts.length === 1) return pattern === text
  const tail = parts.at(-1) ?? ''
  if (!text.startsWith(head) || !text.endsWith(tail) || text.length < head.length + tail.length)
    return false
  let from = head.length
  for (const part of parts.slice(1, -1)) {
    const found = text.indexOf(part, from)
    if (found < 0 || found + part.length > text.length - tail.length) return false
    from = found + part.length
  }
  return true
}

function verdictOf(
  findings: readonly Finding[],
  { connections, components }: RuleContext,
  { crashed }: RuleOutcome,
): Verdict {
  const unknown =
    connections.filter(({ will }) => will === 'unknown').length +
    components.filter(({ starts }) => starts === 'unknown').length
  const count = (severity: Severity) => findings.filter((one) => one.severity === severity).length
  const [errors, warnings, infos] = [count('error'), count('warning'), count('info')]
  const status =
    crashed.length > 0 ? 'crashed' : errors > 0 ? 'errors' : warnings > 0 ? 'warnings' : 'clean'
  const counts = [
    ...(errors > 0 ? [plural(errors, 'error')] : []),
    ...(warnings > 0 ? [plural(warnings, 'warning')] : []),
    ...(crashed.length > 0 ? [`${plural(crashed.length, 'rule')} crashed`] : []),
  ]
  const found = counts.length === 0 ? 'nothing wrong was found' : counts.join(', ')
  const summary = unknown === 0 ? found : `${found}; ${unknown} unknown`
  return { status, errors, warnings, infos, unknown, summary }
}

/** Whether a report counts as failed; one that is incomplete does, whatever is asked for. */
export function isFailed({ verdict }: AuditReport, failOn: FailOn): boolean {
  if (verdict.status === 'crashed') return true
  if (failOn === 'never') return false
  if (verdict.errors > 0) return true
  return failOn === 'warning' ? verdict.warnings > 0 : failOn === 'unknown' && verdict.unknown > 0
}

function statsOf(
  evidence: Evidence,
  { connections }: RuleContext,
  outcome: RuleOutcome,
): AuditStats {
  const folders = [
    ...evidence.nodes,
    ...(evidence.authorities ? [evidence.authorities] : []),
    ...(evidence.operator ? [evidence.operator] : []),
  ]
  const { run, passed, failed, notApplicable, skipped, crashed } = outcome
  return {
    nodes: evidence.nodes.length,
    files: folders.reduce((sum, { tree }) => sum + fileCount(tree.values()), 0),
    certificates: evidence.certificates.length,
    keys: evidence.keys,
    rules: {
      run,
      passed,
      failed,
      notApplicable,
      skipped: skipped.length,
      crashed: crashed.length,
    },
    connections: {
      succeed: connections.filter(({ will }) => will === 'succeed').length,
      fail: connections.filter(({ will }) => will === 'fail').length,
      unknown: connections.filter(({ will }) => will === 'unknown').length,
      unexpected: connections.filter(isWrong).length,
    },
  }
}

function fileCount(entries: Iterable<{ readonly kind: string }>): number {
  let count = 0
  for (const { kind } of entries) if (kind === 'file') count++
  return count
}

/** Whole days from `from` to `to`, rounded down. */
export function daysUntil(from: Date, to: Date): number {
  return Math.floor((to.getTime() - from.getTime()) / DAY)
}

/** The life of every certificate, at each distinct place once, soonest end first. */
export function expiryOf(evidence: Evidence, at: Date, horizonDays: number): readonly Expiry[] {
  const ends = effectiveEnds(evidence.certificates)
  const rows = evidence.certificates.flatMap((certificate) => {
    const end = new Date(ends.get(certificate) ?? certificate.facts.notAfter)
    return uniquePlaces(certificate).map((place) =>
      expiryRow(certificate, place, end, at, horizonDays),
    )
  })
  return rows.sort(
    (a, b) =>
      compareText(a.effectiveNotAfter, b.effectiveNotAfter) ||
      compareText(a.node, b.node) ||
      compareText(a.path, b.path) ||
      compareText(a.certificate, b.certificate),
  )
}

function uniquePlaces({ places }: Certificate) {
  return [
    ...new Map(
      places.map((place) => [`${place.node}\n${place.path}\n${place.field ?? ''}`, place]),
    ).values(),
  ]
}

function expiryRow(
  certificate: Certificate,
  place: Certificate['places'][number],
  end: Date,
  at: Date,
  horizonDays: number,
): Expiry {
  const { facts, fingerprint } = certificate
  const days = daysUntil(at, facts.notAfter)
  const status =
    facts.notAfter < at
      ? 'expired'
      : facts.notBefore > at
        ? 'not-yet-valid'
        : days < horizonDays
          ? 'expiring'
          : 'valid'
  return {
    certificate: fingerprint,
    subject: formatName(facts.subject.rdns),
    issuer: formatName(facts.issuer.rdns),
    node: place.node,
    path: place.path,
    ...(place.field !== undefined && { field: place.field }),
    authority: isAuthority(certificate),
    notBefore: facts.notBefore.toISOString(),
    notAfter: facts.notAfter.toISOString(),
    days,
    effectiveNotAfter: end.toISOString(),
    status,
  }
}

/**
 * For each certificate the latest moment at which some chain above it is still whole: a chain lives as
 * long as its first member to end, a certificate as long as its best chain.
 */
function effectiveEnds(certificates: readonly Certificate[]): ReadonlyMap<Certificate, number> {
  const ends = new Map(certificates.map((one) => [one, one.facts.notAfter.getTime()]))
  // Each round carries the ends one issuer further down; cross-signed loops come to rest.
  for (let round = 0, changed = true; changed && round < MAX_CHAIN; round++) {
    changed = false
    for (const certificate of certificates) {
      const above = certificate.issuers.filter((issuer) => issuer !== certificate)
      if (above.length === 0) continue
      const best = Math.max(...above.map((issuer) => ends.get(issuer) ?? 0))
      const end = Math.min(certificate.facts.notAfter.getTime(), best)
      changed ||= ends.get(certificate) !== end
      ends.set(certificate, end)
    }
  }
  return ends
}

const MAX_CHAIN = 8

/** Whose end means the end of a component, by kind of connection and side. */
const VITAL: ReadonlySet<string> = new Set([
  'apiserver-etcd',
  'etcd-peer',
  'client-apiserver',
  'apiserver-kubelet',
  'front-proxy',
])

/** What stops when: per component the first of its connections to die, for the cluster its last API server. */
export function timelineOf(
  connections: readonly Connection[],
  expiry: readonly Expiry[],
  at: Date,
): Timeline {
  const soonest = new Map<string, TimelineEntry>()
  for (const connection of connections) {
    const { must, will, until, kind, from, to, url } = connection
    if (must !== 'succeed' || will !== 'succeed' || until === undefined || !VITAL.has(kind))
      continue
    const known = soonest.get(from)
    if (known && known.at <= until) continue
    soonest.set(from, {
      at: until,
      days: daysUntil(at, new Date(until)),
      subject: from,
      what: `${from} can no longer reach ${to} (${url})`,
    })
  }
  const components = [...soonest.values()].sort(
    (a, b) => compareText(a.at, b.at) || compareText(a.subject, b.subject),
  )
  const servers = components.filter(({ subject }) => subject.startsWith('kube-apiserver/'))
  const last = servers.at(-1)
  const firstFile = expiry.find(({ days }) => days >= 0)
  const first = components[0] ?? (firstFile && fileEntry(firstFile))
  return {
    ...(first && { first }),
    ...(last && {
      cluster: { ...last, subject: 'cluster', what: `the last API server stops: ${last.what}` },
    }),
    components,
  }
}

function fileEntry({ effectiveNotAfter, days, subject, node, path }: Expiry): TimelineEntry {
  return { at: effectiveNotAfter, days, subject, what: `${subject} ends`, node, path }
}
