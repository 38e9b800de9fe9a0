import type { Cluster, Json, JsonObject, PatchFile } from '../cluster/cluster.js'
import { KpkiError } from '../errors.js'
import { loadYamlAll } from '../files/yaml.js'
import { compareBytes } from './flags.js'
import { isObject } from './json.js'
import { jsonPatch, mergePatch } from './json-patch.js'
import { POD_SCHEMA, tidyPod } from './pod-fields.js'
import { type MergeSchema, strategicMerge } from './strategic-merge.js'

export type PatchType = 'strategic' | 'merge' | 'json'

/** What kubeadm makes of a patch file's name. */
export type PatchName =
  | { readonly kind: 'patch'; readonly target: string; readonly type: PatchType }
  /** kubeadm leaves the file out with a warning. */
  | { readonly kind: 'ignored'; readonly reason: string }
  /** kubeadm refuses to go on. */
  | { readonly kind: 'invalid'; readonly reason: string }

/** Reads `target[suffix][+strategic|merge|json].{json,yaml}`; the default type is strategic. */
export function parsePatchName(name: string, targets: readonly string[]): PatchName {
  if (!/.+\.(json|yaml)$/.test(name)) {
    return { kind: 'ignored', reason: 'its extension is not json or yaml' }
  }
  const pattern = new RegExp(`^(${targets.join('|')})([^.+\\n]*)(\\+)?(json|merge|strategic)?`)
  const match = pattern.exec(name)
  if (match === null) {
    return { kind: 'ignored', reason: `it starts with none of ${targets.join(', ')}` }
  }
  const [, target = '', , plus, type] = match
  if (plus !== undefined && type === undefined) {
    return { kind: 'invalid', reason: 'after "+" it says none of json, merge, strategic' }
  }
  if (type === 'json' || type === 'merge') return { kind: 'patch', target, type }
  return { kind: 'patch', target, type: 'strategic' }
}

/**
 * A static pod, or the kubelet's configuration, with the cluster's patches for it, in the order of file names.
 *
 * @throws KpkiError `ERR_SPEC_INVALID` naming the file of a patch that can't be applied
 */
export function applyPatches(cluster: Cluster, target: string, document: JsonObject): JsonObject {
  const isPod = target !== 'kubeletconfiguration'
  let patched = document
  for (const patch of [...cluster.patches].sort((a, b) => compareBytes(a.name, b.name))) {
    const name = parsePatchName(patch.name, cluster.release.patchTargets)
    if (name.kind === 'invalid') throw invalid(patch, name.reason)
    if (name.kind === 'ignored' || name.target !== target) continue
    patched = applyFile(patched, patch, name.type, isPod ? POD_SCHEMA : {})
  }
  if (patched === document) return document
  return isPod ? tidyPod(patched, cluster.release.creationTimestamp) : patched
}

function applyFile(
  document: JsonObject,
  file: PatchFile,
  type: PatchType,
  schema: MergeSchema,
): JsonObject {
  let patched: Json = document
  for (const patch of documentsOf(file)) {
    try {
      patched = applyOne(patched, patch, type, schema)
    } catch (error) {
      throw invalid(file, error instanceof Error ? error.message : String(error), error)
    }
  }
  if (isObject(patched)) return patched
  throw invalid(file, 'it leaves no object')
}

function applyOne(document: Json, patch: Json, type: PatchType, schema: MergeSchema): Json {
  if (type === 'json') return jsonPatch(document, patch)
  if (!isObject(patch)) throw new Error('a patch of this type is an object')
  if (type === 'merge' || !isObject(document)) return mergePatch(document, patch)
  return strategicMerge(document, patch, schema)
}

function documentsOf({ name, text }: PatchFile): readonly Json[] {
  return loadYamlAll(text, name).map((document) => JSON.parse(JSON.stringify(document)))
}

function invalid({ name }: PatchFile, reason: string, cause?: unknown): KpkiError {
  const message = `patch ${name} can't be applied: ${reason}`
  const details = { issues: [{ path: `patches/${name}`, message: reason }] }
  return new KpkiError('ERR_SPEC_INVALID', message, details, { cause })
}
