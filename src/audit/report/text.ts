import pc from 'picocolors'
import { groupBy } from '../../values/lists.js'
import { printable } from '../../values/text.js'
import type { AuditReport, Connection, Finding, Severity, TimelineEntry } from '../types.js'
import { boxOf } from './graph/model.js'
import {
  connectionSentence,
  count,
  dayOf,
  effectsOf,
  headline,
  layoutLines,
  nearness,
  placeOf,
  relative,
  rulesText,
  SEVERITIES,
  standingOf,
  thousands,
  wrongConnections,
} from './words.js'

export interface TextOptions {
  /** ANSI colours; off by default. */
  readonly colour?: boolean
  /** Also list every rule that was not judged, and the timeline of every component. */
  readonly verbose?: boolean
}

type Colours = ReturnType<typeof pc.createColors>

const SHOWN_PER_RULE = 20
const SHOWN_PER_HOLE = 3
const SHOWN_CONNECTIONS = 40
const SHOWN_COMPONENTS = 12
const SHOWN_SKIPPED = 10
const SHOWN_UNKNOWN = 12
const SHOWN_PER_REASON = 3

/** The report for a person at a terminal: verdict first, then what is wrong, then what ends when. */
export function renderText(report: AuditReport, options: TextOptions = {}): string {
  const colours = pc.createColors(options.colour === true)
  const sections = [
    layoutLines(report).map((line) => printable(line)),
    head(report, colours),
    crashes(report, colours),
    findings(report, colours, options.verbose === true),
    connections(report, colours, options.verbose === true),
    components(report, colours),
    unknowns(report, colours, options.verbose === true),
    timeline(report, colours, options.verbose === true),
    rest(report, colours, options.verbose === true),
  ]
  return `${sections
    .filter((lines) => lines.length > 0)
    .map((lines) => lines.join('\n'))
    .join('\n\n')}\n`
}

function head(report: AuditReport, colours: Colours): readonly string[] {
  const { verdict, stats } = report
  const bad = verdict.status === 'errors' || verdict.status === 'crashed'
  const paint = bad ? colours.red : verdict.status === 'warnings' ? colours.yellow : colours.green
  const seen = [
    count(stats.nodes, 'node'),
    count(stats.files, 'file'),
    count(stats.certificates, 'certificate'),
    count(stats.keys, 'key'),
    count(report.connections.length, 'connection'),
  ]
  return [
    `${paint(colours.bold(headline(report)))}  ${printable(verdict.summary)}`,
    colours.dim(
      `judged at ${report.at}, profile ${report.profile}, horizon ${count(report.horizonDays, 'day')}: ${seen.join(', ')}`,
    ),
  ]
}

function crashes(report: AuditReport, colours: Colours): readonly string[] {
  if (report.crashed.length === 0) return []
  return [
    colours.red(
      `Rules that crashed: ${report.crashed.length} (a bug in kpki; the result is incomplete)`,
    ),
    ...report.crashed.map(({ rule, code, message }) => `  ${code} ${rule}: ${printable(message)}`),
  ]
}

const NO_NODE = ''

function findings(report: AuditReport, colours: Colours, all: boolean): readonly string[] {
  if (report.findings.length === 0) return []
  const effects = effectsOf(report.findings)
  const causes = report.findings.filter(({ causedBy }) => all || causedBy === undefined)
  const { shown, folded } = all ? { shown: causes, folded: [] } : fold(causes)
  const byNode = groupBy(shown, ({ node }) => node ?? NO_NODE)
  const lines = [colours.bold(`Findings: ${severityCounts(report)}`)]
  for (const [node, found] of byNode) {
    lines.push('', `  ${colours.bold(node === NO_NODE ? 'the cluster' : printable(node))}`)
    for (const severity of SEVERITIES) {
      const grave = found.filter((one) => one.severity === severity)
      for (const same of groupBy(grave, ({ rule }) => rule).values())
        lines.push(...ruleLines(same, effects, colours))
    }
  }
  return folded.length === 0 ? lines : [...lines, '', ...folded.map((line) => colours.dim(line))]
}

// What goes wrong on every node of a large cluster is shown on some of them.
function fold(findings: readonly Finding[]) {
  const shown: Finding[] = []
  const folded: string[] = []
  for (const [code, same] of groupBy(findings, ({ code }) => code)) {
    shown.push(...same.slice(0, SHOWN_PER_RULE))
    const more = same.length - SHOWN_PER_RULE
    if (more > 0) folded.push(`  … and ${thousands(more)} more like ${code} ${same[0]?.rule ?? ''}`)
  }
  const order = new Map(findings.map((finding, index) => [finding, index]))
  shown.sort((a, b) => (order.get(a) ?? 0) - (order.get(b) ?? 0))
  return { shown, folded }
}

function severityCounts({ verdict }: AuditReport): string {
  const parts = [
    count(verdict.errors, 'error'),
    count(verdict.warnings, 'warning'),
    count(verdict.infos, 'note'),
  ]
  return parts.filter((part) => !part.startsWith('no ')).join(', ')
}

/** What one rule found on one node; a remedy that all share is said once. */
function ruleLines(
  findings: readonly Finding[],
  effects: ReadonlyMap<string, readonly Finding[]>,
  colours: Colours,
): readonly string[] {
  const [first] = findings
  if (first === undefined) return []
  const { severity, code, rule, path } = first
  const head = `  ${paintOf(severity, colours)(severity.padEnd(7))}  ${code} ${rule}`
  const fixLines = (fix: string | undefined): readonly string[] =>
    fix === undefined ? [] : [`           ${colours.green('fix:')} ${printable(fix)}`]
  if (findings.length === 1)
    return [
      path === undefined ? head : `${head}  ${printable(path)}`,
      `           ${printable(first.message)}`,
      ...fixLines(first.fix),
      ...effectLines(effects.get(first.id), colours),
    ]
  const shared = findings.every(({ fix }) => fix === first.fix)
  const items = findings.flatMap((finding) => {
    const place = saysPlace(finding) ? '' : `${printable(finding.path ?? '')}: `
    return [
      `         - ${place}${printable(finding.message)}`,
      ...(shared ? [] : fixLines(finding.fix)),
      ...effectLines(effects.get(finding.id), colours),
    ]
  })
  return [head, ...items, ...(shared ? fixLines(first.fix) : [])]
}

function effectLines(effects: readonly Finding[] | undefined, colours: Colours): readonly string[] {
  if (effects === undefined) return []
  const verb = effects.length === 1 ? 'follows' : 'follow'
  const what = `${count(effects.length, 'other finding')} ${verb} from this: ${rulesText(effects)}`
  return [colours.dim(`           ${what}`)]
}

// Most messages begin with the file, without the folders that all files share.
function saysPlace({ path, message }: Finding): boolean {
  if (path === undefined) return true
  const [first = ''] = message.split(' ')
  return path === first || path.endsWith(`/${first}`)
}

function paintOf(severity: Severity, colours: Colours): (text: string) => string {
  if (severity === 'error') return colours.red
  return severity === 'warning' ? colours.yellow : colours.cyan
}

function connections(report: AuditReport, colours: Colours, all: boolean): readonly string[] {
  const wrong = wrongConnections(report)
  if (wrong.length === 0) {
    if (report.connections.length === 0) return []
    const { succeed, fail, unknown } = report.stats.connections
    const all = thousands(report.connections.length)
    if (succeed + fail === 0) return [`Connections: all ${all} unknown`]
    const known = unknown === 0 ? `all ${all}` : `${thousands(succeed + fail)} of ${all}`
    const open = unknown === 0 ? '' : `, ${thousands(unknown)} unknown`
    return [
      `Connections: ${known} as they must be (${thousands(succeed)} succeed, ${thousands(fail)} are refused)${open}`,
    ]
  }
  const shown = all ? wrong : someOfEach(wrong)
  const more = wrong.length - shown.length
  const title = `Connections that go wrong: ${thousands(wrong.length)} of ${thousands(report.connections.length)}`
  return [
    colours.bold(title),
    ...shown.map((connection) => {
      const broken = standingOf(connection) === 'broken'
      const label = broken ? colours.red('will fail') : colours.magenta('opens    ')
      return `  ${label}  ${printable(connectionSentence(connection))}`
    }),
    ...(more > 0 ? [colours.dim(`  … and ${count(more, 'more connection')}`)] : []),
  ]
}

// One hole lets many in: each is shown by its first ones.
function someOfEach(wrong: readonly Connection[]): readonly Connection[] {
  const same = groupBy(wrong, ({ must, rule, reason, privilege, to }) =>
    [must, rule, rule === undefined ? reason : '', privilege, boxOf(to)].join('\u0000'),
  )
  const shown = new Set([...same.values()].flatMap((group) => group.slice(0, SHOWN_PER_HOLE)))
  return wrong.filter((connection) => shown.has(connection)).slice(0, SHOWN_CONNECTIONS)
}

/** What was not given, and how much depends on it. */
function unknowns(report: AuditReport, colours: Colours, all: boolean): readonly string[] {
  if (report.verdict.unknown === 0) return []
  const open = [
    ...report.components.flatMap(({ name, node, starts, reason }) =>
      starts === 'unknown' ? [{ what: `whether ${name} on ${node} starts`, reason }] : [],
    ),
    ...report.connections.flatMap(({ id, will, reason }) =>
      will === 'unknown' ? [{ what: id, reason }] : [],
    ),
  ]
  const groups = [...groupBy(open, ({ reason }) => reason ?? '')]
  const shown = all ? groups : groups.slice(0, SHOWN_UNKNOWN)
  const more = groups.length - shown.length
  return [
    colours.bold(`Unknown, for it was not given: ${thousands(report.verdict.unknown)}`),
    ...shown.map(([reason, same]) => {
      const names = all ? same : same.slice(0, SHOWN_PER_REASON)
      const rest = same.length - names.length
      const list = names.map(({ what }) => what).join(', ')
      return `  ${colours.cyan('?')}  ${printable(reason)}: ${printable(list)}${rest > 0 ? ` and ${thousands(rest)} more` : ''}`
    }),
    ...(more > 0 ? [colours.dim(`  … and ${count(more, 'more reason')}`)] : []),
  ]
}

function components(report: AuditReport, colours: Colours): readonly string[] {
  const down = report.components.filter(({ starts }) => starts === false)
  if (down.length === 0) return []
  return [
    colours.bold(`Components that do not start: ${down.length} of ${report.components.length}`),
    ...down.map(
      ({ node, name, reason }) =>
        `  ${colours.red(`${name}/${printable(node)}`)}: ${printable(reason ?? 'does not start')}`,
    ),
  ]
}

function timeline(report: AuditReport, colours: Colours, all: boolean): readonly string[] {
  const { first, cluster, components: each } = report.timeline
  if (first === undefined) return []
  const paints = { over: colours.red, near: colours.yellow, far: String }
  const rows: (readonly [string, TimelineEntry])[] = [['first to end', first]]
  if (cluster !== undefined) rows.push(['the cluster', cluster])
  const shown = all ? each : each.slice(0, SHOWN_COMPONENTS)
  for (const entry of shown) rows.push([entry.subject, entry])
  const width = Math.max(...rows.map(([name]) => printable(name).length))
  const lines = rows.map(([name, entry]) => {
    const paint = paints[nearness(entry.days, report.horizonDays)]
    const when = paint(`${dayOf(entry.at)}  ${relative(entry.days).padStart(14)}`)
    const where = placeOf(entry)
    return `  ${printable(name).padEnd(width)}  ${when}  ${printable(entry.what)}${where === '' ? '' : colours.dim(`  (${printable(where)})`)}`
  })
  const more = each.length - shown.length
  return [
    colours.bold('What ends when'),
    ...lines,
    ...(more > 0 ? [colours.dim(`  … and ${count(more, 'more component')} after that`)] : []),
  ]
}

function rest(report: AuditReport, colours: Colours, all: boolean): readonly string[] {
  const { rules } = report.stats
  const lines = [
    colours.dim(
      `Rules: ${rules.passed} passed, ${rules.failed} failed, ${rules.notApplicable} not applicable, ${rules.skipped} skipped`,
    ),
  ]
  const reasons = groupBy(report.skipped, ({ reason }) => reason)
  for (const [reason, skipped] of reasons) {
    const names = skipped.map(({ code }) => code)
    const shown = all ? names : names.slice(0, SHOWN_SKIPPED)
    const more = names.length > shown.length ? ` and ${names.length - shown.length} more` : ''
    lines.push(colours.dim(`  skipped because ${printable(reason)}: ${shown.join(' ')}${more}`))
  }
  for (const { code, rule, waiver, ...place } of report.waived) {
    const until = waiver.expires === undefined ? '' : ` until ${waiver.expires}`
    const where = printable(placeOf(place))
    lines.push(
      colours.dim(`  waived${until}: ${code} ${rule} ${where}: ${printable(waiver.reason)}`),
    )
  }
  for (const { path, reason } of report.unrecognised)
    lines.push(colours.dim(`  not recognised: ${printable(path)}: ${printable(reason)}`))
  return lines
}
