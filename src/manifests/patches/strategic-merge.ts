import { isList, isObject, type Json, type JsonObject } from '../../values/json.js'

const DIRECTIVE = '$patch'
const RETAIN_KEYS = '$retainKeys'
const DELETE_FROM = '$deleteFromPrimitiveList/'
const ELEMENT_ORDER = '$setElementOrder/'

/**
 * What the Kubernetes types say about a list: the key by which its objects are merged, `''` for a list of plain values,
 * and the same for the lists inside its objects. A list that is not named is replaced as a whole.
 */
export interface MergeSchema {
  readonly key?: string
  readonly members?: { readonly [field: string]: MergeSchema }
}

type Fields = Record<string, Json>

/**
 * Applies a strategic merge patch as Kubernetes does: objects member by member, lists by the schema's keys, the
 * directives `$patch`, `$retainKeys`, `$setElementOrder/…` and `$deleteFromPrimitiveList/…`, `null` deletes.
 *
 * @throws Error with a sentence about a patch that Kubernetes refuses too
 */
export function strategicMerge(
  original: JsonObject,
  patch: JsonObject,
  schema: MergeSchema,
): JsonObject {
  const directive = patch[DIRECTIVE]
  if (directive === 'delete') return {}
  const { [DIRECTIVE]: _, ...fields } = patch
  if (directive === 'replace') return fields
  if (directive !== undefined) throw new Error(`unknown $patch type ${JSON.stringify(directive)}`)
  const merged = retained(original, fields)
  for (const [key, value] of Object.entries(fields)) mergeField(merged, key, value, schema)
  for (const [key, order] of Object.entries(fields)) {
    if (!key.startsWith(ELEMENT_ORDER)) continue
    const name = key.slice(ELEMENT_ORDER.length)
    const list = merged[name]
    if (!isList(list) || !isList(order)) continue
    merged[name] = ordered(list, order, listOf(original[name]), schema.members?.[name]?.key ?? '')
  }
  return merged
}

function retained(original: JsonObject, patch: JsonObject): Fields {
  const keep = patch[RETAIN_KEYS]
  if (!isList(keep)) return { ...original }
  const stray = Object.keys(patch).find((key) => !key.startsWith('$') && !keep.includes(key))
  if (stray !== undefined) throw new Error(`${stray} is not in its $retainKeys`)
  return Object.fromEntries(Object.entries(original).filter(([key]) => keep.includes(key)))
}

function mergeField(target: Fields, key: string, value: Json, schema: MergeSchema): void {
  if (key.startsWith(DELETE_FROM)) {
    const name = key.slice(DELETE_FROM.length)
    const gone = listOf(value)
    const list = target[name]
    if (isList(list)) target[name] = list.filter((item) => !gone.includes(item))
    return
  }
  if (key === RETAIN_KEYS || key.startsWith(ELEMENT_ORDER)) return
  if (value === null) {
    delete target[key]
    return
  }
  const member = schema.members?.[key] ?? {}
  const existing = target[key]
  if (isObject(existing) && isObject(value)) target[key] = strategicMerge(existing, value, member)
  else if (isList(existing) && isList(value) && member.key !== undefined) {
    target[key] = mergeList(existing, value, member, key)
  } else {
    const plain = isList(existing) && isList(value) ? value : withoutDirectives(value)
    if (plain === undefined) delete target[key]
    else target[key] = plain
  }
}

function mergeList(
  original: readonly Json[],
  patch: readonly Json[],
  schema: MergeSchema,
  name: string,
): readonly Json[] {
  const key = schema.key ?? ''
  if (key === '') return ordered([...new Set([...original, ...patch])], patch, original, key)
  const items = patch.map((item) => {
    if (isObject(item)) return item
    throw new Error(`${name} must be a list of objects`)
  })
  const kept = items.filter((item) => item[DIRECTIVE] === undefined)
  const special = items.filter((item) => item[DIRECTIVE] !== undefined)
  if (special.some((item) => item[DIRECTIVE] === 'replace')) return kept
  let base = original
  for (const item of special) {
    if (item[DIRECTIVE] !== 'delete') throw new Error(`$patch in ${name} must be delete or replace`)
    const gone = keyOf(item, key, name)
    base = base.filter((other) => identityOf(other, key) !== gone)
  }
  const merged = [...base]
  for (const item of kept) {
    const wanted = keyOf(item, key, name)
    const at = merged.findIndex((other) => identityOf(other, key) === wanted)
    const existing = merged[at]
    if (isObject(existing)) merged[at] = strategicMerge(existing, item, schema)
    else merged.push(item)
  }
  return ordered(merged, kept, base, key)
}

// Kubernetes' order: what the patch names in the patch's order, what it doesn't in the original's; an item of the
// original stays in front of one that the patch names only if it was there before.
function ordered(
  list: readonly Json[],
  patch: readonly Json[],
  original: readonly Json[],
  key: string,
): readonly Json[] {
  const indexIn = (order: readonly Json[], item: Json | undefined) =>
    order.findIndex((other) => identityOf(other, key) === identityOf(item, key))
  const named = list
    .filter((item) => indexIn(patch, item) >= 0)
    .sort((a, b) => indexIn(patch, a) - indexIn(patch, b))
  const others = list.filter((item) => indexIn(patch, item) < 0)
  const result: Json[] = []
  for (const item of named) {
    const at = indexIn(original, item)
    while (others.length > 0 && at >= 0 && indexIn(original, others[0]) < at) {
      result.push(...others.splice(0, 1))
    }
    result.push(item)
  }
  return [...result, ...others]
}

function listOf(value: Json | undefined): readonly Json[] {
  return isList(value) ? value : []
}

function identityOf(item: Json | undefined, key: string): Json | undefined {
  return key !== '' && isObject(item) ? item[key] : item
}

function keyOf(item: JsonObject, key: string, name: string): Json {
  const value = item[key]
  if (value === undefined) throw new Error(`an item of ${name} lacks its merge key ${key}`)
  return value
}

// A value that is new to the original: nulls and objects that are only directives are not taken over.
function withoutDirectives(value: Json): Json | undefined {
  if (isList(value)) {
    return value.map(withoutDirectives).filter((item): item is Json => item !== undefined)
  }
  if (!isObject(value)) return value
  if (value[DIRECTIVE] !== undefined) return undefined
  const fields: Fields = {}
  for (const [key, member] of Object.entries(value)) {
    const plain = member === null ? undefined : withoutDirectives(member)
    if (plain !== undefined) fields[key] = plain
  }
  return fields
}
