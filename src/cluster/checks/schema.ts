import * as v from 'valibot'
import type { SpecIssue } from '../../errors.js'
import { isObject } from '../../values/json.js'
import { nearest } from '../../values/names.js'

/** A value of which every part may be missing because it was not given or was not usable. */
export type Incomplete<T> = T extends string | number | boolean | null | undefined
  ? T
  : T extends readonly (infer Item)[]
    ? readonly (Incomplete<Item> | undefined)[]
    : { readonly [K in keyof T]?: Incomplete<T[K]> | undefined }

interface Checked<T> {
  /** The usable part of the value. */
  readonly draft: Incomplete<T>
  readonly issues: readonly SpecIssue[]
}

type Key = string | number
/** The key of the whole value; no field is called so. */
const ROOT = -1

const MAX_ROUNDS = 200

/**
 * Checks a value against a schema and reports every mistake: a schema stops at the first unknown key of
 * an object, so what was found is taken out and the rest is checked again.
 *
 * @param path where the value stands, for example `spec`; empty for the root
 */
export function checkSchema<S extends v.GenericSchema>(
  schema: S,
  value: unknown,
  path: string,
): Checked<v.InferOutput<S>> {
  let rest = withoutNulls(value)
  const issues = new Map<string, SpecIssue>()
  for (let round = 0; round < MAX_ROUNDS; round++) {
    const cuts = new Map<Key, Cut>()
    for (const issue of v.safeParse(schema, rest).issues ?? [])
      for (const keys of placesOf(schema, issue)) {
        const place = join(path, keys)
        if (!issues.has(place)) issues.set(place, issueOf(schema, issue, keys, place))
        // Missing keys stay missing: nothing is left to take out.
        if (!isMissing(issue)) addCut(cuts, keys)
      }
    if (cuts.size === 0) break
    rest = without(rest, cuts)
  }
  return { draft: rest as Incomplete<v.InferOutput<S>>, issues: [...issues.values()] }
}

/** An unknown key stands for all of its object: one round finds them all. */
function placesOf(
  schema: v.GenericSchema,
  issue: v.BaseIssue<unknown>,
): readonly (readonly Key[])[] {
  const keys = keysOf(issue)
  const parent = issue.path?.at(-1)?.input
  if (issue.expected !== 'never' || !isObject(parent)) return [keys]
  const above = keys.slice(0, -1)
  const known = new Set<Key>(knownKeys(schema, above))
  const others = Object.keys(parent).filter((key) => !known.has(key) && key !== keys.at(-1))
  return [keys, ...others.map((key) => [...above, key])]
}

function isMissing(issue: v.BaseIssue<unknown>): boolean {
  return issue.kind === 'schema' && issue.input === undefined
}

function issueOf(
  schema: v.GenericSchema,
  issue: v.BaseIssue<unknown>,
  keys: readonly Key[],
  path: string,
): SpecIssue {
  if (issue.kind !== 'schema') {
    const [message = '', fix] = issue.message.split('\n')
    return { path, message: `${shown(issue.input)} ${message}`.trim(), ...(fix ? { fix } : {}) }
  }
  if (issue.expected === 'never') return unknownKey(schema, keys, path)
  if (isMissing(issue)) return { path, message: 'is missing', fix: missingFix(issue) }
  const options = (issue.expected ?? '').match(/"[^"]*"/g)?.map((word) => word.slice(1, -1))
  if (options && options.length > 0) return notOneOf(issue.input, options, path)
  const expected = WORDS[issue.expected ?? ''] ?? issue.expected ?? 'another type'
  const quote = expected === 'text' && ['number', 'boolean'].includes(typeof issue.input)
  // What may be a secret is not shown.
  const input = SECRET.test(String(keys.at(-1))) ? typeof issue.input : kindOf(issue.input)
  return {
    path,
    message: `must be ${expected}, not ${input}`,
    ...(quote
      ? {
          fix: input.includes(' ')
            ? `put it in quotes: "${String(issue.input)}"`
            : 'put it in quotes',
        }
      : {}),
  }
}

const SECRET = /token|certificateKey/i

const WORDS: Readonly<Record<string, string>> = {
  string: 'text',
  number: 'a number',
  boolean: 'true or false',
  Array: 'a list',
  Object: 'a mapping',
}

function missingFix(issue: v.BaseIssue<unknown>): string {
  const options = issue.type === 'variant' || issue.type === 'picklist' ? issue.expected : undefined
  return options
    ? `write one of ${options.replace(/[()"]/g, '').replaceAll(' | ', ', ')}`
    : 'add it'
}

function notOneOf(input: unknown, options: readonly string[], path: string): SpecIssue {
  const list = options.join(', ')
  const fix = suggestion(typeof input === 'string' ? input : '', options, `write one of ${list}`)
  return { path, message: `${shown(input)} is not one of ${list}`, fix }
}

/** The word that was probably meant, or else what there is. */
export function suggestion(word: string, known: readonly string[], otherwise: string): string {
  const near = nearest(word, known)
  return near === undefined ? otherwise : `did you mean "${near}"?`
}

function unknownKey(schema: v.GenericSchema, keys: readonly Key[], path: string): SpecIssue {
  const known = knownKeys(schema, keys.slice(0, -1))
  const message = 'is not a known field'
  if (known.length === 0) return { path, message }
  const fix = suggestion(String(keys.at(-1)), known, `known here: ${known.join(', ')}`)
  return { path, message, fix }
}

interface Inner {
  readonly type?: string
  readonly wrapped?: v.GenericSchema
  readonly item?: v.GenericSchema
  readonly value?: v.GenericSchema
  readonly entries?: Readonly<Record<string, v.GenericSchema>>
  readonly options?: readonly v.GenericSchema[]
}

/** Keys that the schema knows at a place of the value. */
function knownKeys(schema: v.GenericSchema, keys: readonly Key[]): readonly string[] {
  const inner: Inner = schema
  if (inner.wrapped) return knownKeys(inner.wrapped, keys)
  if (inner.options) return [...new Set(inner.options.flatMap((option) => knownKeys(option, keys)))]
  const [key, ...rest] = keys
  if (key === undefined) return Object.keys(inner.entries ?? {})
  const next = inner.entries?.[String(key)] ?? inner.item ?? inner.value
  return next ? knownKeys(next, rest) : []
}

function keysOf(issue: v.BaseIssue<unknown>): readonly Key[] {
  return (issue.path ?? []).map((item) =>
    typeof item.key === 'number' ? item.key : String(item.key),
  )
}

/** Path text as users write it: `spec.nodes[1].labels["a/b"]`. */
export function join(base: string, keys: readonly Key[]): string {
  return keys.reduce<string>((path, key) => {
    if (typeof key === 'number') return `${path}[${key}]`
    if (!/^[A-Za-z0-9_-]+$/.test(key)) return `${path}[${JSON.stringify(key)}]`
    return path === '' ? key : `${path}.${key}`
  }, base)
}

/** What is taken out of a value: `all` of it, or parts of its parts, by key. */
type Cut = 'all' | Map<Key, Cut>

function addCut(cuts: Map<Key, Cut>, keys: readonly Key[]): void {
  let level = cuts
  for (const key of keys.slice(0, -1)) {
    const next = level.get(key) ?? new Map<Key, Cut>()
    level.set(key, next)
    if (next === 'all') return
    level = next
  }
  level.set(keys.at(-1) ?? ROOT, 'all')
}

/** Without the parts at `cuts`; list items become undefined so that the others keep their numbers. */
function without(value: unknown, cuts: Cut | undefined): unknown {
  if (cuts === undefined) return value
  if (cuts === 'all' || cuts.has(ROOT)) return undefined
  if (Array.isArray(value)) return value.map((item: unknown, i) => without(item, cuts.get(i)))
  if (value === null || typeof value !== 'object') return value
  return Object.fromEntries(
    Object.entries(value).flatMap(([name, member]: [string, unknown]) => {
      const left = without(member, cuts.get(name))
      return left === undefined ? [] : [[name, left]]
    }),
  )
}

/** In Kubernetes a field that is null is a field that was not given. */
function withoutNulls(value: unknown): unknown {
  if (Array.isArray(value)) return value.map((item: unknown) => withoutNulls(item))
  if (value === null || typeof value !== 'object') return value
  return Object.fromEntries(
    Object.entries(value)
      .filter(([, member]) => member !== null && member !== undefined)
      .map(([key, member]: [string, unknown]) => [key, withoutNulls(member)]),
  )
}

/** 256 bits in hexadecimal. */
export function isHex256(text: string): boolean {
  return /^[0-9a-fA-F]{64}$/.test(text)
}

function shown(input: unknown): string {
  return typeof input === 'string' || typeof input === 'number' ? JSON.stringify(input) : ''
}

function kindOf(input: unknown): string {
  if (input === null) return 'nothing'
  if (Array.isArray(input)) return 'a list'
  if (typeof input === 'object') return 'a mapping'
  return typeof input === 'string'
    ? `the text ${JSON.stringify(input)}`
    : `the ${typeof input} ${String(input)}`
}
