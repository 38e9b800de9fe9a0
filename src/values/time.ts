const UNITS: Readonly<Record<string, number>> = {
  ns: 1e-6,
  us: 1e-3,
  µs: 1e-3,
  μs: 1e-3,
  ms: 1,
  s: 1000,
  m: 60_000,
  h: 3_600_000,
}

/** Milliseconds. */
export const DAY = 86_400_000
const KPKI_UNITS: Readonly<Record<string, number>> = { ...UNITS, d: DAY, y: 365 * DAY }
// Go's int64 of nanoseconds; kpki's own units may exceed it.
const MAX_GO = 9_223_372_036_854

/** Reads a Go duration such as `8760h` or `1h30m` (Go's `time.ParseDuration`). Milliseconds, or undefined. */
export function parseGoDuration(text: string): number | undefined {
  const ms = parse(text, UNITS)
  return ms === undefined || Math.abs(ms) > MAX_GO ? undefined : ms
}

/**
 * Reads a duration as cluster.yaml has it: Go's units and besides `d` for days and `y` for years of 365
 * days, as in `365d` or `10y`. Milliseconds, or undefined.
 */
export function parseDuration(text: string): number | undefined {
  return parse(text, KPKI_UNITS)
}

/** Writes milliseconds as Go does: `8760h0m0s`, `4m0s`, `1.5s`. */
export function formatGoDuration(ms: number): string {
  if (ms < 0) return `-${formatGoDuration(-ms)}`
  if (ms === 0) return '0s'
  if (ms < 1000) return `${ms}ms`
  const hours = Math.floor(ms / 3_600_000)
  const minutes = Math.floor((ms % 3_600_000) / 60_000)
  const seconds = (ms % 60_000) / 1000
  if (hours > 0) return `${hours}h${minutes}m${seconds}s`
  return minutes > 0 ? `${minutes}m${seconds}s` : `${seconds}s`
}

function parse(text: string, units: Readonly<Record<string, number>>): number | undefined {
  const match = /^([-+]?)(.*)$/s.exec(text)
  const body = match?.[2] ?? ''
  if (body === '0') return 0
  const parts = [...body.matchAll(/(\d+(?:\.\d*)?|\.\d+)([a-zµμ]+)/gy)]
  if (parts.length === 0 || parts.map((part) => part[0]).join('') !== body) return undefined
  let total = 0
  for (const [, amount = '', unit = ''] of parts) {
    const size = Object.hasOwn(units, unit) ? units[unit] : undefined
    if (size === undefined) return undefined
    total += Number(amount) * size
  }
  return match?.[1] === '-' ? -total : total
}

const DATE = /^(\d{4}-\d\d-\d\d)(T\d\d:\d\d(:\d\d(\.\d+)?)?(Z|[+-]\d\d:\d\d)?)?$/

/** Reads `2027-03-01` or `2027-03-01T12:00:00Z`; without a zone it is UTC. Undefined for days that there are not. */
export function parseDate(text: string): Date | undefined {
  const [, day = '', time, , , zone] = DATE.exec(text) ?? []
  const midnight = Date.parse(day)
  // JavaScript takes February 30 for March 2.
  if (Number.isNaN(midnight) || isoDay(new Date(midnight)) !== day) return undefined
  const date = new Date(time !== undefined && zone === undefined ? `${text}Z` : text)
  return Number.isNaN(date.getTime()) ? undefined : date
}

/** `2027-03-01`. */
export function isoDay(date: Date): string {
  return date.toISOString().slice(0, 10)
}
