import type { AuditReport, Expiry } from '../types.js'
import { groupBy } from './group.js'

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

const DAY = 86_400_000
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
      : [shortPath(one.path), one.field ?? '', one.status].join('\u0000'),
  )
  return [...groups.values()]
    .map((certificates) => rowOf(certificates, scale))
    .sort((a, b) => compare(a.first.notAfter, b.first.notAfter) || compare(a.label, b.label))
}

function rowOf(certificates: readonly Expiry[], { position }: LifeScale): LifeRow {
  const sorted = [...certificates].sort((a, b) => compare(a.notAfter, b.notAfter))
  const first = sorted[0] as Expiry
  const last = sorted[sorted.length - 1] as Expiry
  const begin = certificates.reduce(
    (least, { notBefore }) => earlier(least, notBefore),
    first.notBefore,
  )
  const place = certificates.find(({ field }) => field === undefined) ?? first
  return {
    label: shortPath(place.path),
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

const compare = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0)

/** A path without the folders that all of them share. */
export function shortPath(path: string): string {
  return path
    .replace(/^\/?etc\/kubernetes\//, '')
    .replace(/^.*\/nodes\/[^/]+\/etc\/kubernetes\//, '')
    .replace(/^nodes\/[^/]+\/etc\/kubernetes\//, '')
}

const earlier = (a: string, b: string): string => (compare(a, b) <= 0 ? a : b)
