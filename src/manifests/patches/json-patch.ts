import {
  isList,
  isObject,
  type Json,
  type JsonObject,
  sameJson,
  shownText,
} from '../../values/json.js'

/** JSON Merge Patch (RFC 7386). */
export function mergePatch(target: Json | undefined, patch: Json): Json {
  if (!isObject(patch)) return patch
  const merged: Record<string, Json> = isObject(target) ? { ...target } : {}
  for (const [key, value] of Object.entries(patch)) {
    if (value === null) delete merged[key]
    else merged[key] = mergePatch(merged[key], value)
  }
  return merged
}

/**
 * JSON Patch (RFC 6902). As in Kubernetes an index may count from the end: `-1` is the last item.
 *
 * @throws Error with a sentence about an operation that can't be applied
 */
export function jsonPatch(document: Json, patch: Json): Json {
  if (!isList(patch)) throw new Error('a JSON patch is a list of operations')
  return patch.reduce<Json>(operate, document)
}

function operate(document: Json, operation: Json): Json {
  if (!isObject(operation)) throw new Error('an operation of a JSON patch is an object')
  const { op } = operation
  const path = pointer(operation, 'path')
  switch (op) {
    case 'add':
      return put(document, path, required(operation), 'add')
    case 'replace':
      valueAt(document, path)
      return put(document, path, required(operation), 'replace')
    case 'remove':
      valueAt(document, path)
      return remove(document, path)
    case 'move': {
      const from = pointer(operation, 'from')
      const moved = valueAt(document, from)
      return put(remove(document, from), path, moved, 'add')
    }
    case 'copy':
      return put(document, path, valueAt(document, pointer(operation, 'from')), 'add')
    case 'test':
      if (sameJson(valueAt(document, path), operation.value ?? null)) return document
      throw new Error(`test of ${shownText(operation.path)} failed`)
    default:
      throw new Error(`unknown operation ${JSON.stringify(op)}`)
  }
}

function pointer(operation: JsonObject, key: 'path' | 'from'): readonly string[] {
  const text = operation[key]
  if (typeof text !== 'string' || !/^(\/|$)/.test(text)) {
    throw new Error(`${key} ${JSON.stringify(text)} is not a JSON pointer`)
  }
  return text
    .split('/')
    .slice(1)
    .map((part) => part.replaceAll('~1', '/').replaceAll('~0', '~'))
}

function required({ value }: JsonObject): Json {
  if (value === undefined) throw new Error('an operation lacks its value')
  return value
}

function valueAt(document: Json, path: readonly string[]): Json {
  let value: Json | undefined = document
  for (const part of path) {
    if (isList(value)) value = value[indexOf(part, value.length)]
    else value = isObject(value) ? value[part] : undefined
    if (value === undefined) throw new Error(`there is no /${path.join('/')}`)
  }
  return value
}

function put(document: Json, path: readonly string[], value: Json, how: 'add' | 'replace'): Json {
  const [part, ...rest] = path
  if (part === undefined) return value
  const inside = (child: Json | undefined) => {
    if (child === undefined) throw new Error(`there is no ${part}`)
    return put(child, rest, value, how)
  }
  if (isList(document)) {
    const adds = how === 'add' && rest.length === 0
    const index = indexOf(part, document.length + (adds ? 1 : 0))
    const before = document.slice(0, index)
    if (adds) return [...before, value, ...document.slice(index)]
    return [...before, inside(document[index]), ...document.slice(index + 1)]
  }
  if (!isObject(document)) throw new Error(`${part} is not inside an object or list`)
  if (rest.length === 0 && how === 'add') return { ...document, [part]: value }
  return { ...document, [part]: inside(document[part]) }
}

function remove(document: Json, path: readonly string[]): Json {
  const [part, ...rest] = path
  if (part === undefined) throw new Error('the whole document cannot be removed')
  const child = valueAt(document, [part])
  if (isList(document)) {
    const index = indexOf(part, document.length)
    const kept = rest.length === 0 ? [] : [remove(child, rest)]
    return [...document.slice(0, index), ...kept, ...document.slice(index + 1)]
  }
  if (!isObject(document)) throw new Error(`${part} is not inside an object or list`)
  if (rest.length > 0) return { ...document, [part]: remove(child, rest) }
  return Object.fromEntries(Object.entries(document).filter(([key]) => key !== part))
}

function indexOf(part: string, length: number): number {
  const number = part === '-' ? length - 1 : /^-?\d+$/.test(part) ? Number(part) : Number.NaN
  const index = number < 0 ? number + length : number
  if (index >= 0 && index < length) return index
  throw new Error(`there is no item ${part}`)
}
