import type { Json, JsonObject } from '../cluster/cluster.js'
import { isKpkiError } from '../errors.js'
import { loadYaml, loadYamlAll } from '../files/yaml.js'
import type { Failure } from './estate.js'

/** A YAML text read without ever throwing. */
export interface Documents {
  readonly values: readonly Json[]
  readonly failure?: Failure
}

export function readDocuments(text: string): Documents {
  try {
    return { values: loadYamlAll(text) as Json[] }
  } catch (error) {
    return { values: [], failure: failureOf(error) }
  }
}

export type DocumentReader = typeof readDocument

/** As {@link readDocument}, remembering recent texts: most nodes have the same configuration. */
export function createDocumentReader(): DocumentReader {
  const known = new Map<string, ReturnType<typeof readDocument>>()
  return (text) => {
    const found = known.get(text) ?? readDocument(text)
    if (known.size >= MAX_REMEMBERED) known.clear()
    known.set(text, found)
    return found
  }
}

const MAX_REMEMBERED = 64

/** As {@link readDocuments}, for files that hold one document: several are a failure. */
export function readDocument(text: string): { readonly value?: Json; readonly failure?: Failure } {
  try {
    return { value: loadYaml(text) as Json }
  } catch (error) {
    return { failure: failureOf(error) }
  }
}

/** The message of anything thrown; only kpki's own are trusted to name no secret. */
export function messageOf(error: unknown): string {
  return isKpkiError(error) ? error.message : 'could not be read'
}

function failureOf(error: unknown): Failure {
  const line =
    isKpkiError(error) && error.code === 'ERR_YAML_INVALID' ? error.details.line : undefined
  return { message: messageOf(error), ...(line !== undefined && { line }) }
}

export function isObject(value: unknown): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

/** The value at a path of keys, if every step is an object that owns the key. */
export function at(value: Json | undefined, ...keys: readonly string[]): Json | undefined {
  let here: Json | undefined = value
  for (const key of keys) here = isObject(here) && Object.hasOwn(here, key) ? here[key] : undefined
  return here
}

export function textOf(value: Json | undefined): string | undefined {
  if (typeof value === 'string') return value
  return typeof value === 'number' || typeof value === 'boolean' ? String(value) : undefined
}

/** Non-empty text. */
export function filled(value: Json | undefined): string | undefined {
  const text = textOf(value)
  return text === undefined || text === '' ? undefined : text
}

export function listOf(value: Json | undefined): readonly Json[] {
  return Array.isArray(value) ? value : []
}

export function textsOf(value: Json | undefined): readonly string[] {
  return listOf(value).flatMap((item) => textOf(item) ?? [])
}
