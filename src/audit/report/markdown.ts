import { codeSpan, escapeMarkdown } from '../../values/text.js'
import type { AuditReport, Connection, Finding, TimelineEntry } from '../types.js'
import {
  connectionSentence,
  count,
  dayOf,
  headline,
  layoutLines,
  placeOf,
  relative,
  SEVERITIES,
  standingOf,
  wrongConnections,
} from './words.js'

/** What GitHub takes in one comment is 65,536 characters. */
const MAX_LENGTH = 60_000
const MAX_ROWS = 100

/** A comment for a pull request; the first line lets a bot find and replace its earlier one. */
export function renderMarkdown(report: AuditReport): string {
  const { verdict, connections } = report
  const wrong = wrongConnections(report)
  const down = report.components.filter(({ starts }) => starts === false)
  const parts = [
    '<!-- kpki-audit -->',
    `## kpki audit: ${headline(report)}`,
    ...layoutLines(report).map((line) => escapeMarkdown(line)),
    `${escapeMarkdown(verdict.summary)}`,
    `${count(verdict.errors, 'error')}, ${count(verdict.warnings, 'warning')}, ${count(verdict.infos, 'note')}; ${wrong.length} of ${count(connections.length, 'connection')} ${wrong.length === 1 ? 'goes' : 'go'} wrong; ${count(down.length, 'component')} ${down.length === 1 ? 'does' : 'do'} not start.`,
    ...section(report.crashed.length > 0, [
      '### Rules that crashed',
      list(report.crashed.map(({ code, message }) => `${code}: ${escapeMarkdown(message)}`)),
    ]),
    ...section(wrong.length > 0, [
      '### Connections that go wrong',
      list(capped(wrong).map(connectionItem), wrong.length),
    ]),
    ...section(down.length > 0, [
      '### Components that do not start',
      list(
        capped(down).map(
          ({ name, node, reason }) =>
            `**${name}** on ${codeSpan(node)}: ${escapeMarkdown(reason ?? 'does not start')}`,
        ),
        down.length,
      ),
    ]),
    ...findings(report.findings),
    ...timeline(report),
    `<sub>judged at ${report.at}, profile ${report.profile}, horizon ${report.horizonDays} days; ${report.stats.rules.skipped} rules skipped, ${report.waived.length} findings waived</sub>`,
  ]
  return `${shortened(parts)}\n`
}

function section(present: boolean, lines: readonly string[]): readonly string[] {
  return present ? lines : []
}

function capped<T>(values: readonly T[]): readonly T[] {
  return values.slice(0, MAX_ROWS)
}

function list(items: readonly string[], total = items.length): string {
  const more = total > items.length ? [`- … and ${total - items.length} more`] : []
  return [...items.map((item) => `- ${item}`), ...more].join('\n')
}

function connectionItem(connection: Connection): string {
  const label = standingOf(connection) === 'broken' ? '**fails**' : '**open**'
  return `${label} ${escapeMarkdown(connectionSentence(connection))}`
}

/** Causes first; what follows from them is folded. */
function findings(all: readonly Finding[]): readonly string[] {
  if (all.length === 0) return []
  const causes = all.filter(({ causedBy }) => causedBy === undefined)
  const effects = all.filter(({ causedBy }) => causedBy !== undefined)
  return [
    '### Findings',
    ...table(causes),
    ...(effects.length === 0
      ? []
      : [
          `<details><summary>${count(effects.length, 'finding')} that ${effects.length === 1 ? 'follows' : 'follow'} from these</summary>\n`,
          ...table(effects),
          '\n</details>',
        ]),
  ]
}

function table(all: readonly Finding[]): readonly string[] {
  const sorted = SEVERITIES.flatMap((severity) => all.filter((one) => one.severity === severity))
  const shown = capped(sorted)
  const rows = shown.map((finding) => {
    const { severity, code, rule, message, fix } = finding
    const place = placeOf(finding)
    const remedy = fix === undefined ? '' : `<br>fix: ${codeSpan(fix)}`
    return `| ${severity} | ${code} ${escapeMarkdown(rule)} | ${place === '' ? '' : codeSpan(place)} | ${escapeMarkdown(message)}${remedy} |`
  })
  const more = all.length - shown.length
  return [
    ['| severity | rule | where | what |', '| --- | --- | --- | --- |', ...rows].join('\n'),
    ...(more > 0 ? [`… and ${count(more, 'more finding')}`] : []),
  ]
}

function timeline({ timeline: { first, cluster, components } }: AuditReport): readonly string[] {
  if (first === undefined) return []
  const row = (name: string, { at, days, what }: TimelineEntry): string =>
    `| ${escapeMarkdown(name)} | ${dayOf(at)} | ${relative(days)} | ${escapeMarkdown(what)} |`
  const rows = [
    row('first to end', first),
    ...(cluster === undefined ? [] : [row('the cluster', cluster)]),
    ...components.slice(0, 20).map((entry) => row(entry.subject, entry)),
  ]
  return [
    `<details><summary>What ends when: first on ${dayOf(first.at)}, ${relative(first.days)}</summary>\n`,
    ['| | day | | what |', '| --- | --- | --- | --- |', ...rows].join('\n'),
    '\n</details>',
  ]
}

function shortened(parts: readonly string[]): string {
  const whole = parts.join('\n\n')
  if (whole.length <= MAX_LENGTH) return whole
  const cut = whole.lastIndexOf('\n', MAX_LENGTH)
  return `${whole.slice(0, cut)}\n\n… cut: the whole report is longer than a comment may be`
}
