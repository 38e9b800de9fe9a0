import type { Json, JsonObject } from '../cluster/cluster.js'
import { UNDECIDED } from './secrets.js'

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

export function isObject(value: unknown): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

export function isList(value: Json | undefined): value is readonly Json[] {
  return Array.isArray(value)
}
