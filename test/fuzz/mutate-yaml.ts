import { dumpYamlAll } from '../../src/files/yaml/dump.js'
import { loadYamlAll } from '../../src/files/yaml/yaml.js'
import type { Choices } from './choices.js'
import type { Mutation } from './mutate.js'
import { TOKENS } from './mutate-text.js'

/** A place in a document: the object or list that holds it, and under what. */
interface Place {
  readonly holder: Record<string, unknown>
  readonly key: string
}

const encoder = new TextEncoder()
const decoder = new TextDecoder()

function documentsOf(input: Uint8Array): unknown[] {
  try {
    return structuredClone(loadYamlAll(decoder.decode(input)))
  } catch {
    return []
  }
}

function placesOf(value: unknown, found: Place[] = []): Place[] {
  if (value === null || typeof value !== 'object') return found
  const holder = value as Record<string, unknown>
  for (const key of Object.keys(holder)) {
    found.push({ holder, key })
    placesOf(holder[key], found)
  }
  return found
}

const any = (choices: Choices): unknown =>
  choices.one<unknown>([
    choices.one(TOKENS),
    null,
    choices.below(2) === 0,
    choices.below(70000) - 1000,
    [],
    {},
    [choices.one(TOKENS), choices.one(TOKENS)],
    { name: choices.one(TOKENS), value: choices.one(TOKENS) },
    [{ name: choices.one(TOKENS) }],
  ])

/** Changes one node of the documents and writes them anew; what is no YAML stays as it is. */
function node(
  change: (place: Place, choices: Choices, others: readonly Place[]) => void,
): Mutation {
  return (input, choices, other) => {
    const documents = documentsOf(input)
    const place = choices.one(placesOf(documents))
    if (!place) return input
    change(place, choices, placesOf(documentsOf(other)))
    try {
      return encoder.encode(dumpYamlAll(documents))
    } catch {
      return input
    }
  }
}

function put(holder: Record<string, unknown>, key: string, value: unknown): void {
  // A key such as __proto__ is a key like any other.
  Object.defineProperty(holder, key, {
    value,
    enumerable: true,
    configurable: true,
    writable: true,
  })
}

/** Changes of YAML by its nodes. */
export const YAML: readonly Mutation[] = [
  node(({ holder, key }, choices) => put(holder, key, any(choices))),
  node(({ holder, key }) => {
    if (Array.isArray(holder)) holder.splice(Number(key), 1)
    else delete holder[key]
  }),
  node(({ holder, key }, choices) => {
    const value = structuredClone(holder[key])
    if (Array.isArray(holder)) for (let n = choices.below(6); n >= 0; n--) holder.push(value)
    else put(holder, choices.one(TOKENS) ?? '', value)
  }),
  node(({ holder, key }, choices) => {
    const value = holder[key]
    if (Array.isArray(holder)) return
    delete holder[key]
    put(holder, choices.one(TOKENS) ?? '', value)
  }),
  node(({ holder, key }, choices, others) => {
    const from = choices.one(others)
    if (from) put(holder, key, from.holder[from.key])
  }),
  node(({ holder, key }, choices, others) => {
    const from = choices.one(others)
    if (from && !Array.isArray(holder)) put(holder, from.key, from.holder[from.key])
    else put(holder, key, [holder[key]])
  }),
  node(({ holder, key }, choices) => {
    const value = holder[key]
    if (typeof value !== 'string') return put(holder, key, JSON.stringify(value))
    const place = choices.below(value.length + 1)
    put(holder, key, value.slice(0, place) + (choices.one(TOKENS) ?? '') + value.slice(place))
  }),
]
