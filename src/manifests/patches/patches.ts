import type { Cluster, PatchFile } from '../../cluster/cluster.js'
import { type PatchType, patchTarget } from '../../cluster/patch-files.js'
import { KpkiError } from '../../errors.js'
import { loadYamlAll } from '../../files/yaml/yaml.js'
import { isObject, type Json, type JsonObject } from '../../values/json.js'
import { compareText } from '../../values/text.js'
import { jsonPatch, mergePatch } from './json-patch.js'
import { POD_SCHEMA, tidyPod } from './pod-fields.js'
import { type MergeSchema, strategicMerge } from './strategic-merge.js'

/**
 * A static pod, or the kubelet's configuration, with the cluster's patches for it, in the order of file names.
 *
 * @throws KpkiError `ERR_SPEC_INVALID` naming the file of a patch that can't be applied
 */
export function applyPatches(cluster: Cluster, target: string, document: JsonObject): JsonObject {
  const isPod = target !== 'kubeletconfiguration'
  let patched = document
  for (const patch of [...cluster.patches].sort((a, b) => compareText(a.name, b.name))) {
    const name = patchTarget(patch.name, cluster.release.patchTargets)
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
