import type { Choices } from './choices.js'
import type { Mutation } from './mutate.js'
import { joined } from './mutate-bytes.js'

/** One element of DER, by offsets; what an OCTET STRING or a BIT STRING wraps counts as inside of it. */
interface Element {
  readonly start: number
  readonly content: number
  readonly end: number
  /** From the outermost in. */
  readonly parents: readonly Element[]
}

const MAX_ELEMENTS = 2000

function elementsOf(bytes: Uint8Array): readonly Element[] {
  const found: Element[] = []
  const visit = (from: number, to: number, parents: readonly Element[]): boolean => {
    const before = found.length
    for (let at = from; at < to; ) {
      const element = elementAt(bytes, at, to, parents)
      if (!element || found.length > MAX_ELEMENTS || parents.length > 40) {
        found.length = before
        return false
      }
      found.push(element)
      const tag = bytes[at] ?? 0
      const inside = [...parents, element]
      if ((tag & 0x20) !== 0 || tag === 0x04) visit(element.content, element.end, inside)
      else if (tag === 0x03) visit(element.content + 1, element.end, inside)
      at = element.end
    }
    return true
  }
  visit(0, bytes.length, [])
  return found
}

function elementAt(
  bytes: Uint8Array,
  start: number,
  limit: number,
  parents: readonly Element[],
): Element | undefined {
  let at = start + 1
  let length = bytes[at++] ?? 0x80
  if (length >= 0x80) {
    const octets = length & 0x7f
    if (octets === 0 || octets > 3) return undefined
    length = 0
    for (let n = 0; n < octets; n++) length = length * 256 + (bytes[at++] ?? 0)
  }
  const end = at + length
  return end > limit ? undefined : { start, content: at, end, parents }
}

/** A tag with its length and content; `padding` further octets of length are one form that DER forbids. */
function encoded(tag: number, content: Uint8Array, padding = 0): Uint8Array {
  const digits: number[] = []
  for (let left = content.length; left > 0; left >>>= 8) digits.unshift(left & 0xff)
  const long = padding > 0 || content.length >= 0x80
  const octets = [...new Array<number>(padding).fill(0), ...digits]
  const length = long ? [0x80 | octets.length, ...octets] : [content.length]
  return joined(Uint8Array.from([tag, ...length]), content)
}

/** The bytes with an element replaced; the lengths around it follow. */
function withElement(bytes: Uint8Array, element: Element, by: Uint8Array): Uint8Array {
  let part = by
  let lower = element
  for (const parent of [...element.parents].reverse()) {
    const before = bytes.subarray(parent.content, lower.start)
    const content = joined(before, part, bytes.subarray(lower.end, parent.end))
    part = encoded(bytes[parent.start] ?? 0, content)
    lower = parent
  }
  return joined(bytes.subarray(0, lower.start), part, bytes.subarray(lower.end))
}

const TAGS = [
  0x01, 0x02, 0x03, 0x04, 0x05, 0x06, 0x0a, 0x0c, 0x13, 0x14, 0x16, 0x17, 0x18, 0x1e, 0x30, 0x31,
  0x80, 0x82, 0x87, 0xa0, 0xa1, 0xa3, 0x3f, 0x1f, 0x00,
]
const CONTENTS: readonly Uint8Array[] = [
  '',
  '00',
  '01',
  'ff',
  '7f',
  '80',
  '0080',
  'ff80',
  '00'.repeat(21),
  'ff'.repeat(21),
  '7f'.repeat(300),
  '550403',
  '2a8648ce3d0301',
  '8080',
  '80808080808080808080',
  '88378fffffffffffffff7f',
  '551d11',
  '2b0e03021a',
  Buffer.from('490231235959Z').toString('hex'),
  Buffer.from('20500101000000Z').toString('hex'),
  Buffer.from('99991231235959Z').toString('hex'),
  Buffer.from('260230000000Z').toString('hex'),
  Buffer.from('2601010000+0500').toString('hex'),
  Buffer.from('zzzz').toString('hex'),
  'c3',
  'c328',
  'd800',
  '00000000',
  '0a000001',
  '00'.repeat(16),
  Buffer.from('*.example.com').toString('hex'),
  Buffer.from('a\0b').toString('hex'),
].map((hex) => Uint8Array.from(Buffer.from(hex, 'hex')))

type Change = (
  bytes: Uint8Array,
  element: Element,
  choices: Choices,
  other: Uint8Array,
) => Uint8Array

function element(change: Change): Mutation {
  return (input, choices, other) => {
    const one = choices.one(elementsOf(input))
    return one ? withElement(input, one, change(input, one, choices, other)) : input
  }
}

const whole = (bytes: Uint8Array, { start, end }: Element) => bytes.subarray(start, end)
const contentOf = (bytes: Uint8Array, { content, end }: Element) => bytes.subarray(content, end)

/** Changes of DER by its elements. */
export const DER: readonly Mutation[] = [
  element(() => new Uint8Array()),
  element((bytes, one, choices) =>
    joined(...Array.from({ length: 2 ** choices.below(7) + 1 }, () => whole(bytes, one))),
  ),
  element((bytes, one, choices, other) => {
    const from = choices.one(elementsOf(other))
    return from ? whole(other, from) : whole(bytes, one)
  }),
  element((bytes, one, choices) => encoded(choices.one(TAGS) ?? 0, contentOf(bytes, one))),
  element((bytes, one, choices) =>
    encoded(bytes[one.start] ?? 0, choices.one(CONTENTS) ?? new Uint8Array()),
  ),
  element((bytes, one, choices) =>
    encoded(bytes[one.start] ?? 0, contentOf(bytes, one), choices.below(4) + 1),
  ),
  // The indefinite form, which BER has.
  element((bytes, one) =>
    joined(Uint8Array.of(bytes[one.start] ?? 0, 0x80), contentOf(bytes, one), new Uint8Array(2)),
  ),
  element((bytes, one, choices) => {
    let part = whole(bytes, one)
    const tag = choices.one([0x30, 0x31, 0xa0, 0x04]) ?? 0x30
    for (let depth = 2 ** choices.below(8); depth > 0; depth--) part = encoded(tag, part)
    return part
  }),
  element((bytes, one, choices) => {
    const copy = Uint8Array.from(contentOf(bytes, one))
    const at = choices.below(copy.length)
    if (copy.length > 0) copy[at] = choices.below(256)
    return encoded(bytes[one.start] ?? 0, copy)
  }),
]
