import type { JsonObject } from '../cluster/cluster.js'
import { compareBytes } from './flags.js'

/** Kubernetes EnvVar objects: the last one of a name counts, sorted by name. */
export function environmentOf(extra: readonly JsonObject[]): readonly JsonObject[] {
  const byName = new Map(extra.map((variable) => [String(variable.name), variable]))
  return [...byName].sort(([a], [b]) => compareBytes(a, b)).map(([, variable]) => variable)
}
