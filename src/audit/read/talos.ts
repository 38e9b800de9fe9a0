import { textOf as contentOf, type FileEntry } from '../../files/tree.js'
import { bytesOfBase64 } from '../../values/bytes.js'
import { at, isObject, type Json } from '../../values/json.js'
import { readDocuments } from './documents.js'

/** A PEM that a YAML file carries in base64, with the field that holds it. */
export interface CarriedPem {
  /** `certs.etcd.crt`. */
  readonly field: string
  readonly bytes: Uint8Array
}

/** base64 of `-----BEGIN`: whatever has it not carries no PEM. */
const BEGIN = 'LS0tLS1CRUdJTi'
const MAX_DEPTH = 8

/**
 * Certificates and keys in Talos' own files: `secrets.yaml` of `talosctl gen secrets`, talosconfig, machine
 * configurations. Never throws; undefined for a file that is none of these.
 */
export function talosPems(entry: FileEntry): readonly CarriedPem[] | undefined {
  const text = contentOf(entry)
  if (!text.includes(BEGIN)) return undefined
  const documents = readDocuments(text).values.filter(isTalos)
  return documents.length === 0 ? undefined : documents.flatMap((value) => carried(value, [], 0))
}

function isTalos(value: Json): boolean {
  return (
    isObject(at(value, 'certs', 'os')) ||
    (isObject(at(value, 'contexts')) && at(value, 'context') !== undefined) ||
    (isObject(at(value, 'machine')) && isObject(at(value, 'cluster')))
  )
}

function carried(value: Json | undefined, path: readonly string[], depth: number): CarriedPem[] {
  if (typeof value === 'string') {
    const bytes = value.startsWith(BEGIN) ? bytesOfBase64(value) : undefined
    return bytes ? [{ field: path.join('.'), bytes }] : []
  }
  if (!isObject(value) || depth > MAX_DEPTH) return []
  return Object.entries(value).flatMap(([key, one]) => carried(one, [...path, key], depth + 1))
}
