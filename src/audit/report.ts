import type { RuleOutcome } from './run-rules.js'
import type {
  AuditInput,
  AuditReport,
  AuditStats,
  Estate,
  Finding,
  RuleContext,
  Severity,
  Timeline,
  Verdict,
  Waived,
  Waiver,
} from './types.js'

const RANK: Readonly<Record<Severity, number>> = { error: 0, warning: 1, info: 2 }

/** Puts everything together: sorted, waived, with the user's own paths, counted. */
export function reportOf(
  estate: Estate,
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
  const { findings, waived } = waive(outcome.findings.map(placed), waivers, context.at)
  const { connections, components, expiry, profile, horizonDays } = context
  return {
    apiVersion: 'kpki/v1alpha1',
    kind: 'AuditReport',
    at: context.at.toISOString(),
    profile,
    horizonDays,
    verdict: verdictOf(findings, outcome),
    findings: [...findings].sort(byGravity),
    connections: connections.map(placed),
    components: components.map(placed),
    expiry: expiry.map(placed),
    timeline,
    skipped: outcome.skipped,
    waived: [...waived].sort(byGravity),
    crashed: outcome.crashed,
    unrecognised: estate.unrecognised,
    stats: statsOf(estate, context, outcome),
  }
}

function byGravity(a: Finding, b: Finding): number {
  return (
    RANK[a.severity] - RANK[b.severity] ||
    compare(a.node ?? '', b.node ?? '') ||
    compare(a.code, b.code) ||
    compare(a.path ?? '', b.path ?? '') ||
    compare(a.message, b.message)
  )
}

function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0
}

function waive(all: readonly Finding[], waivers: readonly Waiver[], at: Date) {
  const findings: Finding[] = []
  const waived: Waived[] = []
  for (const finding of all) {
    const waiver = waivers.find((one) => isInForce(one, at) && covers(one, finding))
    if (!waiver) findings.push(finding)
    else {
      const { reason, expires } = waiver
      waived.push({ ...finding, waiver: { reason, ...(expires !== undefined && { expires }) } })
    }
  }
  return { findings, waived }
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

function verdictOf(findings: readonly Finding[], { crashed }: RuleOutcome): Verdict {
  const count = (severity: Severity) => findings.filter((one) => one.severity === severity).length
  const [errors, warnings, infos] = [count('error'), count('warning'), count('info')]
  const status =
    crashed.length > 0 ? 'crashed' : errors > 0 ? 'errors' : warnings > 0 ? 'warnings' : 'clean'
  const counts = [
    ...(errors > 0 ? [plural(errors, 'error')] : []),
    ...(warnings > 0 ? [plural(warnings, 'warning')] : []),
    ...(crashed.length > 0 ? [`${plural(crashed.length, 'rule')} crashed`] : []),
  ]
  const summary = counts.length === 0 ? 'nothing wrong was found' : counts.join(', ')
  return { status, errors, warnings, infos, summary }
}

function plural(count: number, noun: string): string {
  return `${count} ${noun}${count === 1 ? '' : 's'}`
}

function statsOf(estate: Estate, { connections }: RuleContext, outcome: RuleOutcome): AuditStats {
  const folders = [
    ...estate.nodes,
    ...(estate.authorities ? [estate.authorities] : []),
    ...(estate.operator ? [estate.operator] : []),
  ]
  const { run, passed, failed, notApplicable, skipped, crashed } = outcome
  return {
    nodes: estate.nodes.length,
    files: folders.reduce((sum, { tree }) => sum + fileCount(tree.values()), 0),
    certificates: estate.certificates.length,
    keys: estate.keys,
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
      unexpected: connections.filter(({ will, must }) => will !== must).length,
    },
  }
}

function fileCount(entries: Iterable<{ readonly kind: string }>): number {
  let count = 0
  for (const { kind } of entries) if (kind === 'file') count++
  return count
}
