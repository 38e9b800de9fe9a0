import { compareText, printable } from '../../values/text.js'
import { DAY } from '../../values/time.js'
import type { AuditReport, Expiry } from '../types.js'
import { dayOf, placeOf, relative } from './words.js'

/** When one certificate stops to be of use: its own end or that of an issuer, whichever comes first. */
export interface Ending extends Expiry {
  /** It has ended, or does within the time that was asked about. */
  readonly due: boolean
}

/** What ends first, first. `within`: days that count as due; without it only what has ended does. */
export function endingsOf({ at, expiry }: AuditReport, within = 0): readonly Ending[] {
  const limit = Date.parse(at) + within * DAY
  return expiry
    .map((one) => ({ ...one, due: Date.parse(one.effectiveNotAfter) <= limit }))
    .sort((a, b) => compareText(a.effectiveNotAfter, b.effectiveNotAfter))
}

/** One line a certificate, aligned. */
export function renderExpiry(endings: readonly Ending[], at: Date): string {
  const rows = endings.map((one) => [
    one.due ? '!' : ' ',
    dayOf(one.effectiveNotAfter),
    relative(Math.floor((Date.parse(one.effectiveNotAfter) - at.getTime()) / DAY)),
    printable(`${whereOf(one)}${one.field === undefined ? '' : ` (${one.field})`}`),
    printable(one.authority ? `${one.subject} (authority)` : one.subject),
    one.effectiveNotAfter === one.notAfter ? '' : `itself ${dayOf(one.notAfter)}`,
  ])
  const head = ['', 'ENDS', '', 'CERTIFICATE', 'SUBJECT', '']
  const all = [head, ...rows]
  const widths = head.map((_, i) => Math.max(...all.map((row) => row[i]?.length ?? 0)))
  return all
    .map(
      (row) =>
        `${row
          .map((cell, i) => cell.padEnd(widths[i] ?? 0))
          .join('  ')
          .trimEnd()}\n`,
    )
    .join('')
}

// The path in an output folder names the node already.
function whereOf({ node, path }: Expiry): string {
  return path.split('/').includes(node) ? path : placeOf({ node, path })
}
