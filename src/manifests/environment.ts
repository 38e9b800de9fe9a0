import type { JsonObject } from '../cluster/cluster.js'
import { isObject } from '../cluster/json.js'
import { compareBytes } from './flags.js'

/** Kubernetes EnvVar objects with Kubernetes' defaults: the last one of a name counts, sorted by name. */
export function environmentOf(extra: readonly JsonObject[]): readonly JsonObject[] {
  const byName = new Map(extra.map((variable) => [String(variable.name), withDefaults(variable)]))
  return [...byName].sort(([a], [b]) => compareBytes(a, b)).map(([, variable]) => variable)
}

function withDefaults(variable: JsonObject): JsonObject {
  const { value, ...rest } = variable
  const { valueFrom } = rest
  if (!isObject(valueFrom)) return value === '' ? rest : variable
  const { fieldRef, resourceFieldRef } = valueFrom
  return {
    ...variable,
    valueFrom: {
      ...valueFrom,
      ...(isObject(fieldRef) ? { fieldRef: { apiVersion: 'v1', ...fieldRef } } : {}),
      ...(isObject(resourceFieldRef)
        ? { resourceFieldRef: { divisor: '0', ...resourceFieldRef } }
        : {}),
    },
  }
}
