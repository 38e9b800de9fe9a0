import { groupBy } from '../../../values/lists.js'
import { compareText, escapeXml as e } from '../../../values/text.js'
import { DAY } from '../../../values/time.js'
import type { AuditReport, Expiry, TimelineEntry } from '../../types.js'
import { boxOf } from '../graph/model.js'
import { count, dayOf, nearness, onNodes, placeOf, relative, thousands } from '../words.js'
import { certificateLink, leftOut, scrollTable, section } from './elements.js'

/** Certificates of one file name and one fate, over all nodes: one row of the timeline. */
export interface LifeRow {
  readonly label: string
  readonly nodes: readonly string[]
  readonly status: Expiry['status']
  readonly authority: boolean
  /** The one that ends first stands for all. */
  readonly first: Expiry
  readonly certificates: readonly Expiry[]
  /** Positions in percent of the width. */
  readonly start: number
  readonly end: number
  /** Where the last one of the row ends. */
  readonly last: number
}

export interface LifeScale {
  readonly now: number
  readonly horizon: number
  readonly ticks: readonly { readonly at: number; readonly label: string }[]
  readonly position: (time: number) => number
}

const NOW_AT = 18
const TICKS: readonly (readonly [days: number, label: string])[] = [
  [30, '30 d'],
  [90, '90 d'],
  [365, '1 y'],
  [3 * 365, '3 y'],
  [10 * 365, '10 y'],
  [30 * 365, '30 y'],
]

/** Logarithmic in days from now on, so that next month and ten years both have room. */
export function lifeScale(report: AuditReport): LifeScale {
  const now = Date.parse(report.at)
  const ends = report.expiry.map(({ notAfter }) => (Date.parse(notAfter) - now) / DAY)
  const farthest = ends.reduce((most, days) => Math.max(most, days), 365)
  const width = Math.log1p(farthest / 20)
  const position = (time: number): number => {
    const days = (time - now) / DAY
    const share = Math.min(1, Math.log1p(Math.abs(days) / 20) / width)
    return (
      Math.round((days >= 0 ? NOW_AT + share * (100 - NOW_AT) : NOW_AT - share * NOW_AT) * 100) /
      100
    )
  }
  const ticks = TICKS.filter(([days]) => days < farthest * 0.98).map(([days, label]) => ({
    at: position(now + days * DAY),
    label,
  }))
  return { now: NOW_AT, horizon: position(now + report.horizonDays * DAY), ticks, position }
}

/** Every certificate, soonest end first. */
export function lifeRows(report: AuditReport, scale: LifeScale): readonly LifeRow[] {
  const groups = groupBy(report.expiry, (one) =>
    one.authority
      ? one.certificate
      : [pathInNode(one.path), one.field ?? '', one.status].join('\u0000'),
  )
  return [...groups.values()]
    .map((certificates) => rowOf(certificates, scale))
    .sort(
      (a, b) => compareText(a.first.notAfter, b.first.notAfter) || compareText(a.label, b.label),
    )
}

function rowOf(certificates: readonly Expiry[], { position }: LifeScale): LifeRow {
  const sorted = [...certificates].sort((a, b) => compareText(a.notAfter, b.notAfter))
  const first = sorted[0] as Expiry
  const last = sorted[sorted.length - 1] as Expiry
  const begin = certificates.reduce(
    (least, { notBefore }) => earlier(least, notBefore),
    first.notBefore,
  )
  const place = certificates.find(({ field }) => field === undefined) ?? first
  return {
    label: pathInNode(place.path),
    nodes: [...new Set(certificates.map(({ node }) => node))],
    status: first.status,
    authority: first.authority,
    first,
    certificates: sorted,
    start: position(Date.parse(begin)),
    end: position(Date.parse(first.notAfter)),
    last: position(Date.parse(last.notAfter)),
  }
}

/** A path without the folders that all of them share. */
function pathInNode(path: string): string {
  return path
    .replace(/^\/?etc\/kubernetes\//, '')
    .replace(/^.*\/nodes\/[^/]+\/etc\/kubernetes\//, '')
    .replace(/^nodes\/[^/]+\/etc\/kubernetes\//, '')
}

const earlier = (a: string, b: string): string => (compareText(a, b) <= 0 ? a : b)

const SHOWN_ROWS = 40
const SHOWN_COMPONENTS = 30
const MAX_TABLE = 500

const STATUS: Readonly<Record<Expiry['status'], string>> = {
  valid: 'valid',
  expiring: 'ends soon',
  expired: 'expired',
  'not-yet-valid': 'not valid yet',
}

/** The life of every certificate as bars, what stops when, and the same as a table. */
export function lifeSection(report: AuditReport): string {
  const { expiry } = report
  if (expiry.length === 0)
    return section('life', 'What ends when', '<p class="lead">No certificates were found.</p>')
  const scale = lifeScale(report)
  const rows = lifeRows(report, scale)
  const shown = rows.slice(0, SHOWN_ROWS).map((row) => bar(row, scale))
  const folded = rows.slice(SHOWN_ROWS).map((row) => bar(row, scale))
  return section(
    'life',
    'What ends when',
    `<p class="lead">${lead(report)}</p>
<div class="life">
${axis(scale)}
<ol>${shown.join('\n')}</ol>
${folded.length === 0 ? '' : `<details><summary>${thousands(folded.length)} more, which end later</summary><ol>${folded.join('\n')}</ol></details>`}
</div>
${stops(report)}
${table(report)}`,
  )
}

function lead({ timeline: { first }, expiry, horizonDays }: AuditReport): string {
  const ended = expiry.filter(({ status }) => status === 'expired').length
  const soon = expiry.filter(({ status }) => status === 'expiring').length
  const parts = [
    ...(ended > 0 ? [`${thousands(ended)} expired`] : []),
    ...(soon > 0 ? [`${thousands(soon)} within ${horizonDays} days`] : []),
  ]
  const next = first === undefined ? '' : ` First: ${e(first.what)}, ${relative(first.days)}.`
  return `${count(new Set(expiry.map(({ certificate }) => certificate)).size, 'certificate')}${parts.length === 0 ? '' : `, ${parts.join(', ')}`}.${next} A bar shows one kind of certificate on all its nodes; the scale is closer the later it gets.`
}

function axis({ ticks, now, horizon }: LifeScale): string {
  const marks = ticks.map(
    ({ at, label }) =>
      `<line x1="${at}%" x2="${at}%" y1="14" y2="20"/><text x="${at}%" y="11" text-anchor="${at > 94 ? 'end' : 'middle'}">${label}</text>`,
  )
  return `<svg class="axis" width="100%" height="22" aria-hidden="true"><line class="base" x1="0" x2="100%" y1="20" y2="20"/><line class="now" x1="${now}%" x2="${now}%" y1="12" y2="22"/><text class="now" x="${now}%" y="11" text-anchor="middle">now</text><rect class="horizon" x="${now}%" y="16" width="${width(now, horizon)}%" height="4"/>${marks.join('')}</svg>`
}

const width = (from: number, to: number): number => Math.max(0, Math.round((to - from) * 100) / 100)

function bar(row: LifeRow, { now }: LifeScale): string {
  const { first, status, label, nodes, start, end, last } = row
  const when = `${dayOf(first.notAfter)}, ${status === 'not-yet-valid' ? STATUS[status] : relative(first.days)}`
  const spread =
    last > end
      ? `<rect class="spread" x="${end}%" y="2" width="${width(end, last)}%" height="6"/>`
      : ''
  const name = `<span class="label">${e(label)}${row.authority ? ' <i>CA</i>' : ''} <small>${e(onNodes(nodes))}${where(row)}</small></span><span class="when">${status === 'valid' ? '' : `<b>${STATUS[status]}</b> `}${e(when)}</span>`
  const line = `<svg class="bar" width="100%" height="10" aria-hidden="true"><rect class="whole" x="0" y="4" width="100%" height="2"/><rect class="life" x="${start}%" y="1" width="${Math.max(0.6, width(start, end))}%" height="8" rx="3"/>${spread}<line class="now" x1="${now}%" x2="${now}%" y1="0" y2="10"/></svg>`
  return `<li class="${status}${row.authority ? ' authority' : ''}">${certificateLink(first.certificate, name + line)}</li>`
}

function where({ authority, certificates }: LifeRow): string {
  if (authority) return certificates.length > 1 ? `, ${thousands(certificates.length)} places` : ''
  const different = new Set(certificates.map(({ certificate }) => certificate)).size
  return different > 1 ? `, ${thousands(different)} certificates` : ''
}

/** What stops for whom, and when: alike components of all nodes together. */
function stops({ timeline: { cluster, components }, horizonDays }: AuditReport): string {
  const alike = [
    ...groupBy(components, ({ subject, at }) => `${dayOf(at)} ${boxOf(subject)}`).values(),
  ]
  const rows = [...(cluster === undefined ? [] : [[cluster]]), ...alike]
  if (rows.length === 0) return ''
  const shown = rows.slice(0, SHOWN_COMPONENTS).map((entries) => stopRow(entries, horizonDays))
  const title = 'What stops, if nothing is renewed'
  return `<h3>${title}</h3>
${scrollTable(title, ['who', 'day', 'left', 'what'], shown, 'stops')}${leftOut(rows.length - SHOWN_COMPONENTS, 'component', ' after that')}`
}

function stopRow(entries: readonly TimelineEntry[], horizon: number): string {
  const [first] = entries
  if (first === undefined) return ''
  const { subject, at, days, what } = first
  const kind = { over: 'expired', near: 'expiring', far: 'valid' }[nearness(days, horizon)]
  const place = placeOf(first)
  const others =
    entries.length > 1 ? ` <small>and ${count(entries.length - 1, 'other')} alike</small>` : ''
  return `<tr class="${kind}"><th scope="row">${e(subject === 'cluster' ? 'the cluster' : subject)}${others}</th><td class="date">${e(dayOf(at))}</td><td class="date">${relative(days)}</td><td>${e(what)}${place === '' ? '' : ` <code>${e(place)}</code>`}</td></tr>`
}

function table({ expiry }: AuditReport): string {
  const sorted = [...expiry].sort((a, b) => compareText(a.notAfter, b.notAfter))
  const rows = sorted
    .slice(0, MAX_TABLE)
    .map(
      ({ subject, issuer, node, path, field, notAfter, days, status, certificate }) =>
        `<tr class="${status}"><td>${certificateLink(certificate, e(subject === '' ? '(no subject)' : subject))}</td><td>${e(issuer)}</td><td>${e(node)}: <code>${e(path)}</code>${field === undefined ? '' : ` ${e(field)}`}</td><td class="date">${e(dayOf(notAfter))}</td><td>${STATUS[status]}, ${relative(days)}</td></tr>`,
    )
  const columns = ['subject', 'issuer', 'where', 'ends', 'status']
  const beyond = ', which end later; kpki audit --format json lists all'
  return `<details id="table"><summary>All certificates as a table (${thousands(sorted.length)})</summary>${scrollTable('All certificates', columns, rows)}${leftOut(sorted.length - MAX_TABLE, 'certificate', beyond)}</details>`
}
