import { type DerCursor, derError, peekTag, readContent, TAG } from './der.js'

const UTC = /^(\d\d)(\d\d)(\d\d)(\d\d)(\d\d)(\d\d)?(Z|[+-]\d{4})$/
const GENERALIZED = /^(\d{4})(\d\d)(\d\d)(\d\d)(\d\d)(\d\d)(Z|[+-]\d{4})$/

/**
 * A UTCTime or GeneralizedTime as Go reads it: offsets and, in UTCTime, missing seconds are
 * tolerated and reported in `oddities` (RFC 5280 §4.1.2.5 allows neither); fractions are not.
 */
export function readTime(cursor: DerCursor, what: string, oddities: string[]): Date {
  const tag = peekTag(cursor)
  if (tag !== TAG.utcTime && tag !== TAG.generalizedTime)
    throw derError(`${what}: neither UTCTime nor GeneralizedTime`)
  const text = String.fromCharCode(...readContent(cursor, tag, what).subarray(0, 32))
  const match = (tag === TAG.utcTime ? UTC : GENERALIZED).exec(text)
  if (!match) throw derError(`${what}: malformed time`)
  let year = Number(match[1])
  if (tag === TAG.utcTime) year += year >= 50 ? 1900 : 2000
  const date = instant(year, match, what)
  const zone = match[7] as string
  if (zone !== 'Z') oddities.push(`${what} has a time zone offset`)
  if (match[6] === undefined) oddities.push(`${what} has no seconds`)
  if (tag === TAG.generalizedTime && year < 2050)
    oddities.push(`${what} is a GeneralizedTime before 2050`)
  return date
}

function instant(year: number, match: RegExpExecArray, what: string): Date {
  const [month, day, hour, minute, second] = [2, 3, 4, 5, 6].map((i) => Number(match[i] ?? 0)) as [
    number,
    number,
    number,
    number,
    number,
  ]
  const date = new Date(Date.UTC(2000, 0, 1, hour, minute, second))
  date.setUTCFullYear(year, month - 1, day)
  const real = date.getUTCMonth() === month - 1 && date.getUTCDate() === day && month > 0
  if (!real || hour > 23 || minute > 59 || second > 59) throw derError(`${what}: no such time`)
  const zone = match[7] as string
  if (zone === 'Z') return date
  const hours = Number(zone.slice(1, 3))
  const minutes = Number(zone.slice(3))
  if (hours > 23 || minutes > 59 || hours + minutes === 0)
    throw derError(`${what}: malformed time zone`)
  const offset = (hours * 60 + minutes) * 60_000
  return new Date(date.getTime() + (zone[0] === '+' ? -offset : offset))
}
