import type { Json, JsonObject } from './cluster.js'

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

/** Equality of JSON values; the order of object members doesn't matter. */
export function sameJson(a: unknown, b: unknown): boolean {
  if (Array.isArray(a) && Array.isArray(b)) {
    return a.length === b.length && a.every((item, i) => sameJson(item, b[i]))
  }
  if (!isObject(a) || !isObject(b)) return a === b
  const keys = Object.keys(a)
  return keys.length === Object.keys(b).length && keys.every((key) => sameJson(a[key], b[key]))
}
