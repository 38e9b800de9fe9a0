import type { Json, JsonObject } from '../cluster/cluster.js'
import { isObject } from '../cluster/json.js'

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
