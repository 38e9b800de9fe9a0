import { contextTag, derError, TAG } from './der.js'

/** One element: tag, minimal length, and the parts joined as its content. */
export function element(tag: number, ...parts: readonly Uint8Array[]): Uint8Array {
  let length = 0
  for (const part of parts) length += part.length
  const octets =
    length < 0x80 ? 0 : length < 0x100 ? 1 : length < 0x10000 ? 2 : length < 0x1000000 ? 3 : 4
  const out = new Uint8Array(2 + octets + length)
  out[0] = tag
  out[1] = octets === 0 ? length : 0x80 | octets
  for (let i = 0; i < octets; i++) out[2 + i] = (length / 256 ** (octets - 1 - i)) & 0xff
  let at = 2 + octets
  for (const part of parts) {
    out.set(part, at)
    at += part.length
  }
  return out
}

export function sequence(...parts: readonly Uint8Array[]): Uint8Array {
  return element(TAG.sequence, ...parts)
}

/** A SET OF: the members in ascending order of their encoding (X.690 §11.6). */
export function set(...members: readonly Uint8Array[]): Uint8Array {
  return element(TAG.set, ...[...members].sort(compareBytes))
}

function compareBytes(a: Uint8Array, b: Uint8Array): number {
  const length = Math.min(a.length, b.length)
  for (let i = 0; i < length; i++) {
    const difference = (a[i] as number) - (b[i] as number)
    if (difference !== 0) return difference
  }
  return a.length - b.length
}

/** A non-negative INTEGER from big-endian octets or a small number. */
export function integer(value: Uint8Array | number): Uint8Array {
  const octets = typeof value === 'number' ? octetsOfNumber(value) : value
  let start = 0
  while (start < octets.length - 1 && octets[start] === 0) start++
  const body = octets.subarray(start)
  if (body.length === 0) return new Uint8Array([TAG.integer, 1, 0])
  return (body[0] as number) >= 0x80
    ? element(TAG.integer, new Uint8Array(1), body)
    : element(TAG.integer, body)
}

function octetsOfNumber(value: number): Uint8Array {
  if (!Number.isSafeInteger(value) || value < 0 || value > 0xffffffff)
    throw derError(`INTEGER ${value} is not between 0 and 4294967295`)
  return new Uint8Array([value >>> 24, (value >>> 16) & 0xff, (value >>> 8) & 0xff, value & 0xff])
}

export function boolean(value: boolean): Uint8Array {
  return new Uint8Array([TAG.boolean, 1, value ? 0xff : 0])
}

/** A BIT STRING whose last `unused` bits (0 to 7) do not count. */
export function bitString(bytes: Uint8Array, unused = 0): Uint8Array {
  return element(TAG.bitString, new Uint8Array([unused]), bytes)
}

export function octetString(bytes: Uint8Array): Uint8Array {
  return element(TAG.octetString, bytes)
}

export const NULL: Uint8Array = new Uint8Array([TAG.null, 0])

/**
 * An OBJECT IDENTIFIER from its dotted form; arcs below 2^31.
 *
 * @throws KpkiError `ERR_DER_INVALID`
 */
export function oid(dotted: string): Uint8Array {
  const arcs = dotted.split('.').map(Number)
  const [first = -1, second = -1, ...rest] = arcs
  const valid =
    /^[0-2](\.(0|[1-9]\d{0,9}))+$/.test(dotted) &&
    arcs.every((arc) => arc <= 0x7fffffff) &&
    (first < 2 ? second < 40 : second <= 0x7fffffff - 80)
  if (!valid) throw derError(`"${dotted}" is not an object identifier`)
  const octets: number[] = []
  for (const arc of [first * 40 + second, ...rest]) {
    let started = false
    for (let shift = 28; shift >= 0; shift -= 7) {
      const part = (arc >>> shift) & 0x7f
      if (part === 0 && !started && shift > 0) continue
      started = true
      octets.push(shift > 0 ? part | 0x80 : part)
    }
  }
  return element(TAG.oid, new Uint8Array(octets))
}

const encoder = new TextEncoder()

/** A string type whose characters are all ASCII; the caller has checked the alphabet. */
export function asciiString(tag: number, text: string): Uint8Array {
  return element(tag, encoder.encode(text))
}

export function printableString(text: string): Uint8Array {
  return asciiString(TAG.printableString, text)
}

export function utf8String(text: string): Uint8Array {
  return element(TAG.utf8String, encoder.encode(text))
}

/** `YYMMDDHHMMSSZ`, for the years 1950 to 2049; fractions of a second are dropped. */
export function utcTime(date: Date): Uint8Array {
  return asciiString(TAG.utcTime, `${compactTime(date).slice(2)}`)
}

/** `YYYYMMDDHHMMSSZ`; fractions of a second are dropped. */
export function generalizedTime(date: Date): Uint8Array {
  return asciiString(TAG.generalizedTime, compactTime(date))
}

function compactTime(date: Date): string {
  return `${date.toISOString().slice(0, 19).replace(/[-:T]/g, '')}Z`
}

/**
 * UTCTime until 2049, GeneralizedTime from 2050 (RFC 5280 §4.1.2.5).
 *
 * @throws KpkiError `ERR_DER_INVALID`
 */
export function time(date: Date): Uint8Array {
  const year = date.getUTCFullYear()
  if (!(year >= 1950 && year <= 9999)) throw derError('time: the year is not between 1950 and 9999')
  return year < 2050 ? utcTime(date) : generalizedTime(date)
}

/** `[n] EXPLICIT`, or a constructed `[n] IMPLICIT`. */
export function explicit(n: number, ...parts: readonly Uint8Array[]): Uint8Array {
  return element(contextTag(n, true), ...parts)
}

/** A primitive `[n] IMPLICIT`. */
export function implicit(n: number, content: Uint8Array): Uint8Array {
  return element(contextTag(n, false), content)
}
