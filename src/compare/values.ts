import { isList, isObject, type Json, type JsonObject } from '../values/json.js'

/** What stands for a secret in every text. */
export const HIDDEN = '(secret, not shown)'

/** Stands in a planned file for a value that is only decided when the file is made. */
export const UNDECIDED = '(made by kpki gen)'

const SECRET_FIELD =
  /^(token|tlsBootstrapToken|certificateKey|password|passwd|secret|client-key-data|privateKey|stringData)$|(?:password|secret|token|apikey|api_key|private_key|access_key)$/i

/** Whether a field, flag or variable of this name carries a secret in clear text. */
export function isSecretName(name: string): boolean {
  return SECRET_FIELD.test(name) && !/file|path|ttl|secret-?name/i.test(name)
}

/** A value as text for people: compact JSON for structures, secrets and passwords in URLs left out. */
export function shown(name: string, value: Json): string {
  if (isSecretName(name)) return HIDDEN
  const text = typeof value === 'string' ? value : JSON.stringify(hidden(value))
  return withoutPasswords(text)
}

/** Text without the user part of URLs and without bootstrap tokens, which are known by their form under any name. */
export function withoutPasswords(text: string): string {
  return text
    .replace(/(\w:\/\/)[^\s/@]+@/g, '$1…@')
    .replace(/\b[a-z0-9]{6}\.[a-z0-9]{16}\b/g, HIDDEN)
}

function hidden(value: Json): Json {
  if (Array.isArray(value)) return value.map(hidden)
  if (typeof value !== 'object' || value === null) return value
  const entries = Object.entries(value)
  const variable = entries.find(([key]) => key === 'name')?.[1]
  return Object.fromEntries(
    entries.map(([key, member]): [string, Json] => {
      const named = key === 'value' && typeof variable === 'string' && isSecretName(variable)
      return [key, isSecretName(key) || named ? HIDDEN : hidden(member)]
    }),
  )
}

/** One place in which two JSON values differ. */
export interface ValueDifference {
  /** `apiServer.extraArgs[audit-log-path].value` */
  readonly path: string
  /** Last key of the path. */
  readonly name: string
  readonly before?: Json
  readonly after?: Json
}

/**
 * Where two JSON values differ, by key path. Lists of named objects are compared by name, lists of plain values as a
 * whole, other lists by position.
 */
export function diffValues(before: Json | undefined, after: Json | undefined): ValueDifference[] {
  return diffAt('', '', before, after)
}

function diffAt(
  path: string,
  name: string,
  before: Json | undefined,
  after: Json | undefined,
): ValueDifference[] {
  if (before === UNDECIDED || after === UNDECIDED) return []
  if (isObject(before) && isObject(after)) return diffObjects(path, before, after)
  if (isList(before) && isList(after)) return diffLists(path, name, before, after)
  if (before === after || JSON.stringify(before) === JSON.stringify(after)) return []
  return [
    {
      path,
      name,
      ...(before !== undefined && { before }),
      ...(after !== undefined && { after }),
    },
  ]
}

function diffObjects(path: string, before: JsonObject, after: JsonObject): ValueDifference[] {
  const keys = new Set([...Object.keys(before), ...Object.keys(after)])
  return [...keys].flatMap((key) =>
    diffAt(path === '' ? key : `${path}.${key}`, key, before[key], after[key]),
  )
}

function diffLists(
  path: string,
  name: string,
  before: readonly Json[],
  after: readonly Json[],
): ValueDifference[] {
  const [old, fresh] = [byName(before), byName(after)]
  if (old && fresh) {
    const keys = new Set([...old.keys(), ...fresh.keys()])
    return [...keys].flatMap((key) => diffAt(`${path}[${key}]`, key, old.get(key), fresh.get(key)))
  }
  if ([...before, ...after].every(isPlain)) {
    if (before.includes(UNDECIDED) || after.includes(UNDECIDED)) return []
    return JSON.stringify(before) === JSON.stringify(after) ? [] : [{ path, name, before, after }]
  }
  const length = Math.max(before.length, after.length)
  return Array.from({ length }, (_, i) => diffAt(`${path}[${i}]`, name, before[i], after[i])).flat()
}

function byName(list: readonly Json[]): ReadonlyMap<string, Json> | undefined {
  const named = new Map<string, Json>()
  for (const item of list) {
    const name = isObject(item) ? item.name : undefined
    if (typeof name !== 'string' || named.has(name)) return undefined
    named.set(name, item)
  }
  return named
}

function isPlain(value: Json): boolean {
  return typeof value !== 'object' || value === null
}
