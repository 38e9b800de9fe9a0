import type { JsonObject } from '../cluster/cluster.js'
import { isKpkiError } from '../errors.js'
import { loadYaml } from '../files/yaml.js'

/** The kubeconfig that a text is; undefined where it is none. */
export function kubeconfigObject(text: string): JsonObject | undefined {
  try {
    const value = loadYaml(text)
    return isObject(value) && value.kind === 'Config' ? value : undefined
  } catch (error) {
    if (!isKpkiError(error)) throw error
    return undefined
  }
}

function isObject(value: unknown): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

/** Named entries of one of a kubeconfig's lists. */
export function entries(
  config: JsonObject,
  list: string,
  field: string,
): readonly { readonly name: string; readonly value: JsonObject }[] {
  const items = config[list]
  if (!Array.isArray(items)) return []
  return items.filter(isObject).map((item) => {
    const value = item[field]
    return { name: String(item.name ?? ''), value: isObject(value) ? value : {} }
  })
}
