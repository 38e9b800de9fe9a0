import { KpkiError } from '../../errors.js'
import { hexOf } from '../../values/bytes.js'

/** Identifier octets of the universal types that certificates and keys use (X.690 §8.1.2). */
export const TAG = {
  boolean: 0x01,
  integer: 0x02,
  bitString: 0x03,
  octetString: 0x04,
  null: 0x05,
  oid: 0x06,
  utf8String: 0x0c,
  numericString: 0x12,
  printableString: 0x13,
  t61String: 0x14,
  ia5String: 0x16,
  utcTime: 0x17,
  generalizedTime: 0x18,
  bmpString: 0x1e,
  sequence: 0x30,
  set: 0x31,
} as const

/** Identifier octet of a context-specific tag `[n]`, n below 31. */
export function contextTag(n: number, constructed: boolean): number {
  return (constructed ? 0xa0 : 0x80) | n
}

const MAX_DEPTH = 32

/** A position inside DER. Reading moves `at`; nothing is copied. */
export interface DerCursor {
  readonly bytes: Uint8Array
  at: number
  readonly end: number
  readonly depth: number
}

/** An `ERR_DER_INVALID` error, for readers built on this one. */
export function derError(message: string, cause?: unknown): KpkiError<'ERR_DER_INVALID'> {
  return new KpkiError('ERR_DER_INVALID', message, {}, { cause })
}

/**
 * Starts reading `bytes` as strict DER: definite minimal lengths, tag numbers below 31, minimal
 * INTEGERs, BOOLEAN only 00 or FF, at most 32 levels. Every reader throws KpkiError
 * `ERR_DER_INVALID` and takes `what`, the name of the thing being read, for its message. (X.690 §10.)
 */
export function derCursor(bytes: Uint8Array): DerCursor {
  return { bytes, at: 0, end: bytes.length, depth: 0 }
}

/** Identifier octet of the next element, -1 at the end. */
export function peekTag(cursor: DerCursor): number {
  return cursor.at < cursor.end ? (cursor.bytes[cursor.at] as number) : -1
}

/** Moves past the next element's header, to its content, and gives the offset of its end. */
function openElement(cursor: DerCursor, tag: number, what: string): number {
  const { bytes, end } = cursor
  const at = cursor.at
  if (at + 2 > end) throw derError(`${what}: ${at >= end ? 'missing' : 'cut short'}`)
  const found = bytes[at] as number
  if ((found & 0x1f) === 0x1f) throw derError(`${what}: tag number above 30`)
  if (tag >= 0 && found !== tag)
    throw derError(`${what}: tag ${hex(found)} where ${hex(tag)} belongs`)
  let length = bytes[at + 1] as number
  let content = at + 2
  if (length >= 0x80) {
    const octets = length & 0x7f
    if (octets === 0) throw derError(`${what}: indefinite length`)
    if (octets > 4) throw derError(`${what}: length of ${octets} octets`)
    if (content + octets > end) throw derError(`${what}: cut short`)
    length = 0
    for (let i = 0; i < octets; i++) length = length * 256 + (bytes[content + i] as number)
    if (length < 0x80 || length < 2 ** (8 * (octets - 1)))
      throw derError(`${what}: length not minimal`)
    content += octets
  }
  if (length > end - content) throw derError(`${what}: cut short`)
  cursor.at = content
  return content + length
}

function hex(octet: number): string {
  return `0x${octet.toString(16).padStart(2, '0')}`
}

/** Content of the next element, which must have `tag` (-1: any). */
export function readContent(cursor: DerCursor, tag: number, what: string): Uint8Array {
  const end = openElement(cursor, tag, what)
  const content = cursor.bytes.subarray(cursor.at, end)
  cursor.at = end
  return content
}

/** Tag, length and content of the next element, which must have `tag` (-1: any). */
export function readElement(cursor: DerCursor, tag: number, what: string): Uint8Array {
  const start = cursor.at
  const end = openElement(cursor, tag, what)
  cursor.at = end
  return cursor.bytes.subarray(start, end)
}

/** A cursor over the content of the next element; the given cursor moves past it. */
export function enter(cursor: DerCursor, tag: number, what: string): DerCursor {
  if (cursor.depth >= MAX_DEPTH) throw derError(`${what}: nested deeper than ${MAX_DEPTH} levels`)
  const end = openElement(cursor, tag, what)
  const inner = { bytes: cursor.bytes, at: cursor.at, end, depth: cursor.depth + 1 }
  cursor.at = end
  return inner
}

/** Like {@link enter} for the only element of `bytes`: anything behind it is an error. */
export function enterOnly(bytes: Uint8Array, tag: number, what: string): DerCursor {
  const outer = derCursor(bytes)
  const inner = enter(outer, tag, what)
  finish(outer, what)
  return inner
}

/** Throws when something is left. */
export function finish(cursor: DerCursor, what: string): void {
  if (cursor.at < cursor.end) throw derError(`${what}: trailing data`)
}

/** Content octets of a minimal INTEGER: two's complement, big endian, at least one. */
export function readInteger(cursor: DerCursor, what: string): Uint8Array {
  const content = readContent(cursor, TAG.integer, what)
  const first = content[0]
  const second = content[1]
  if (first === undefined) throw derError(`${what}: empty INTEGER`)
  if (
    second !== undefined &&
    ((first === 0 && second < 0x80) || (first === 0xff && second >= 0x80))
  )
    throw derError(`${what}: INTEGER not minimal`)
  return content
}

/** An INTEGER from 0 to 2^31-1. */
export function readSmallInteger(cursor: DerCursor, what: string): number {
  const content = readInteger(cursor, what)
  if ((content[0] as number) >= 0x80) throw derError(`${what}: negative`)
  if (content.length > 4) throw derError(`${what}: too large`)
  let value = 0
  for (const octet of content) value = value * 256 + octet
  return value
}

/** The unsigned big-endian value of `bytes`; 0 when there are none. */
export function unsignedOf(bytes: Uint8Array): bigint {
  return bytes.length === 0 ? 0n : BigInt(`0x${hexOf(bytes)}`)
}

/** The value of INTEGER content octets (two's complement). */
export function integerOf(content: Uint8Array): bigint {
  const value = unsignedOf(content)
  return (content[0] ?? 0) >= 0x80 ? value - (1n << BigInt(8 * content.length)) : value
}

export function readBoolean(cursor: DerCursor, what: string): boolean {
  const content = readContent(cursor, TAG.boolean, what)
  if (content.length !== 1 || (content[0] !== 0 && content[0] !== 0xff))
    throw derError(`${what}: BOOLEAN is neither 00 nor FF`)
  return content[0] === 0xff
}

/** A BIT STRING: `bytes` without the leading octet, whose last `unused` bits are zero. */
export function readBitString(
  cursor: DerCursor,
  what: string,
): { readonly bytes: Uint8Array; readonly unused: number } {
  return bitsOf(readContent(cursor, TAG.bitString, what), what)
}

function bitsOf(content: Uint8Array, what: string) {
  const unused = content[0]
  if (unused === undefined || unused > 7 || (content.length === 1 && unused !== 0))
    throw derError(`${what}: BIT STRING malformed`)
  if (unused > 0 && ((content[content.length - 1] as number) & ((1 << unused) - 1)) !== 0)
    throw derError(`${what}: BIT STRING padding is not zero`)
  return { bytes: content.subarray(1), unused }
}

/** A BIT STRING of whole octets, as keys and signatures are. */
export function readOctetBits(cursor: DerCursor, what: string): Uint8Array {
  const { bytes, unused } = readBitString(cursor, what)
  if (unused !== 0) throw derError(`${what}: not a whole number of octets`)
  return bytes
}

export function readOid(cursor: DerCursor, what: string): string {
  return oidOf(readContent(cursor, TAG.oid, what), what)
}

/** Dotted form of the content octets of an OBJECT IDENTIFIER; arcs above 2^31-1 are refused, as Go does. */
export function oidOf(content: Uint8Array, what: string): string {
  if (content.length === 0) throw derError(`${what}: empty OBJECT IDENTIFIER`)
  let text = ''
  let arc = 0
  let fresh = true
  for (let i = 0; i < content.length; i++) {
    const octet = content[i] as number
    if (fresh && octet === 0x80) throw derError(`${what}: OBJECT IDENTIFIER not minimal`)
    arc = arc * 128 + (octet & 0x7f)
    if (arc > 0x7fffffff) throw derError(`${what}: OBJECT IDENTIFIER arc too large`)
    fresh = octet < 0x80
    if (!fresh) continue
    if (text === '') text = arc < 80 ? `${Math.floor(arc / 40)}.${arc % 40}` : `2.${arc - 80}`
    else text += `.${arc}`
    arc = 0
  }
  if (!fresh) throw derError(`${what}: OBJECT IDENTIFIER cut short`)
  return text
}
