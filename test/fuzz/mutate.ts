import { type Choices, choicesOf } from './choices.js'
import { BYTES } from './mutate-bytes.js'
import { DER } from './mutate-der.js'
import { PEM } from './mutate-pem.js'
import { TAR } from './mutate-tar.js'
import { TEXT } from './mutate-text.js'
import { YAML } from './mutate-yaml.js'

/** Changes an input in one place; `other` is a further input of the same kind, to take parts from. */
export type Mutation = (input: Uint8Array, choices: Choices, other: Uint8Array) => Uint8Array

/** What an input is made of, and by that how it is changed: mostly in its own structure, at times against it. */
const SHAPES = {
  bytes: [...BYTES],
  text: [...TEXT, ...TEXT, ...BYTES],
  yaml: [...YAML, ...YAML, ...TEXT, ...BYTES],
  der: [...DER, ...DER, ...BYTES],
  pem: [...PEM, ...PEM, ...TEXT, ...BYTES],
  tar: [...TAR, ...TAR, ...BYTES],
} as const satisfies Readonly<Record<string, readonly Mutation[]>>

export type Shape = keyof typeof SHAPES

/** Larger inputs are cut: how work grows with size is a test of its own. */
const MAX_SIZE = 64 * 1024

/** The input that a list of numbers stands for: one of `known`, changed up to six times. */
export function inputOf(
  shape: Shape,
  known: readonly Uint8Array[],
  numbers: readonly number[],
): Uint8Array {
  const choices = choicesOf(numbers)
  const any = (): Uint8Array => choices.one(known) ?? new Uint8Array()
  let input = any()
  for (let left = choices.below(6) + 1; left > 0; left--) {
    const mutate = choices.one<Mutation>(SHAPES[shape])
    if (mutate) input = mutate(input, choices, any()).subarray(0, MAX_SIZE)
  }
  return Uint8Array.from(input)
}
