/** A plain JSON value, as configuration documents hold it. */
export type Json = null | boolean | number | string | readonly Json[] | JsonObject

/** A plain JSON object. */
export interface JsonObject {
  readonly [key: string]: Json
}

/** Narrows to a mapping: neither a list nor null. */
export function isObject(value: unknown): value is JsonObject {
  return value !== null && typeof value === 'object' && !Array.isArray(value)
}

/** The value at a dotted path, if every step is an object. */
export function valueAt(value: Json | undefined, path: string): Json | undefined {
  let current = value
  for (const key of path.split('.')) {
    if (!isObject(current)) return undefined
    current = current[key]
  }
  return current
}

/** A copy with the value at a dotted path replaced; objects on the way are made. */
export function withAt(object: JsonObject, path: string, value: Json): JsonObject {
  const [key = '', ...rest] = path.split('.')
  if (rest.length === 0) return { ...object, [key]: value }
  const inner = object[key]
  return { ...object, [key]: withAt(isObject(inner) ? inner : {}, rest.join('.'), value) }
}

/** A copy without the value at a dotted path, and without the objects that this leaves empty. */
export function withoutAt(object: JsonObject, path: string): JsonObject {
  const [key = '', ...rest] = path.split('.')
  const inner = object[key]
  const left = Object.fromEntries(Object.entries(object).filter(([name]) => name !== key))
  if (rest.length === 0 || !isObject(inner)) return rest.length === 0 ? left : object
  const shorter = withoutAt(inner, rest.join('.'))
  const emptied = Object.keys(shorter).length === 0 && Object.keys(inner).length > 0
  return emptied ? left : { ...object, [key]: shorter }
}

/** A copy without the members of these names. */
export function withoutKeys<T>(
  record: Readonly<Record<string, T>>,
  names: readonly string[],
): Readonly<Record<string, T>> {
  return Object.fromEntries(Object.entries(record).filter(([name]) => !names.includes(name)))
}

/** Equality of JSON values; the order of object members doesn't matter. */
export function sameJson(a: unknown, b: unknown): boolean {
  if (Array.isArray(a) && Array.isArray(b)) {
    return a.length === b.length && a.every((item, i) => sameJson(item, b[i]))
  }
  if (!isObject(a) || !isObject(b)) return a === b
  const keys = Object.keys(a)
  return (
    keys.length === Object.keys(b).length &&
    keys.every((key) => Object.hasOwn(b, key) && sameJson(a[key], b[key]))
  )
}

/** Narrows to a list. */
export function isList(value: Json | undefined): value is readonly Json[] {
  return Array.isArray(value)
}

/** A member that is an object; an empty one if it is anything else. */
export function objectAt(parent: JsonObject, key: string): JsonObject {
  const member = parent[key]
  return isObject(member) ? member : {}
}

/** Objects joined member by member, at every depth; anything else in `over` replaces what is below it. */
export function mergeObjects(below: JsonObject, over: JsonObject): JsonObject {
  const merged: Record<string, Json> = { ...below }
  for (const [key, value] of Object.entries(over)) {
    const existing = merged[key]
    merged[key] = isObject(existing) && isObject(value) ? mergeObjects(existing, value) : value
  }
  return merged
}

/** Without members that are undefined, empty text, empty lists or empty objects: what Go's `omitempty` leaves out. */
export function withoutEmpty(members: Readonly<Record<string, Json | undefined>>): JsonObject {
  const kept: Record<string, Json> = {}
  for (const [key, value] of Object.entries(members)) {
    if (value !== undefined && !isEmpty(value)) kept[key] = value
  }
  return kept
}

function isEmpty(value: Json): boolean {
  if (value === null || value === '') return true
  return typeof value === 'object' && Object.keys(value).length === 0
}

/** The value at a path of keys, if every step is an object that owns the key. */
export function at(value: Json | undefined, ...keys: readonly string[]): Json | undefined {
  let here: Json | undefined = value
  for (const key of keys) here = isObject(here) && Object.hasOwn(here, key) ? here[key] : undefined
  return here
}

export function scalarText(value: Json | undefined): string | undefined {
  if (typeof value === 'string') return value
  return typeof value === 'number' || typeof value === 'boolean' ? String(value) : undefined
}

/** A value for people to read: scalars as they are, anything else as JSON. */
export function shownText(value: Json | undefined): string {
  return scalarText(value) ?? JSON.stringify(value ?? null)
}

/** Non-empty text. */
export function filled(value: Json | undefined): string | undefined {
  const text = scalarText(value)
  return text === undefined || text === '' ? undefined : text
}

export function listOf(value: Json | undefined): readonly Json[] {
  return Array.isArray(value) ? value : []
}

export function textsOf(value: Json | undefined): readonly string[] {
  return listOf(value).flatMap((item) => scalarText(item) ?? [])
}
