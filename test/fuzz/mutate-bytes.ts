import type { Choices } from './choices.js'
import type { Mutation } from './mutate.js'

export function joined(...parts: readonly Uint8Array[]): Uint8Array {
  return new Uint8Array(Buffer.concat(parts))
}

/** Some part of an input, seldom a long one. */
export function rangeOf(
  input: Uint8Array,
  choices: Choices,
): { readonly from: number; readonly to: number } {
  const from = choices.below(input.length + 1)
  const most = 2 ** choices.below(12)
  return { from, to: Math.min(input.length, from + choices.below(most + 1)) }
}

function replaced(
  input: Uint8Array,
  { from, to }: { readonly from: number; readonly to: number },
  by: Uint8Array,
): Uint8Array {
  return joined(input.subarray(0, from), by, input.subarray(to))
}

const INTERESTING = [0x00, 0x01, 0x7f, 0x80, 0x81, 0x84, 0xff, 0x0a, 0x0d, 0x20, 0x22, 0x30, 0xc3]

/** Changes of any bytes. */
export const BYTES: readonly Mutation[] = [
  function flip(input, choices) {
    const copy = Uint8Array.from(input)
    const at = choices.below(copy.length)
    if (copy.length > 0) copy[at] = (copy[at] ?? 0) ^ (1 << choices.below(8))
    return copy
  },
  function set(input, choices) {
    const copy = Uint8Array.from(input)
    const at = choices.below(copy.length)
    if (copy.length > 0) copy[at] = choices.one(INTERESTING) ?? 0
    return copy
  },
  function insert(input, choices) {
    const at = choices.below(input.length + 1)
    const bytes = Array.from({ length: choices.below(8) + 1 }, () => choices.below(256))
    return replaced(input, { from: at, to: at }, Uint8Array.from(bytes))
  },
  function remove(input, choices) {
    return replaced(input, rangeOf(input, choices), new Uint8Array())
  },
  function repeat(input, choices) {
    const range = rangeOf(input, choices)
    const part = input.subarray(range.from, range.to)
    const times = 2 ** choices.below(8)
    return replaced(input, range, joined(...Array.from({ length: times }, () => part)))
  },
  function splice(input, choices, other) {
    const part = rangeOf(other, choices)
    return replaced(input, rangeOf(input, choices), other.subarray(part.from, part.to))
  },
  function cut(input, choices) {
    return input.subarray(0, choices.below(input.length + 1))
  },
]
