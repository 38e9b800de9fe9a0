import type { CryptoEngine } from '../ca/engine.js'
import { isKpkiError } from '../errors.js'
import { type FileEntry, type TreeEntry, textOf } from '../files/tree.js'
import { loadYamlAll } from '../files/yaml/yaml.js'
import { type InspectedObject, inspectFile } from '../inspect/inspect.js'
import { splitWords } from '../values/command-line.js'
import { isObject, type JsonObject } from '../values/json.js'
import type { Content, FileView } from './types.js'

const STRUCTURED = /\.(ya?ml|json|conf|kubeconfig)$/

/** What an entry of a tree holds, as far as it is understood. */
export async function viewEntry(entry: TreeEntry, engine: CryptoEngine): Promise<FileView> {
  switch (entry.kind) {
    case 'symlink':
      return { content: { kind: 'link', target: entry.target } }
    case 'other':
      return { content: { kind: 'unknown' } }
    case 'directory':
      return { mode: entry.mode, content: { kind: 'directory' } }
    case 'file':
      return { mode: entry.mode, content: await contentOf(entry, engine) }
  }
}

async function contentOf(entry: FileEntry, engine: CryptoEngine): Promise<Content> {
  const { path, data } = entry
  if (STRUCTURED.test(path)) return structured(entry, engine)
  if (path.endsWith('.env')) return { kind: 'arguments', words: kubeletWords(textOf(entry)) }
  const content = pemOf((await inspectFile(path, data, engine)).objects)
  return content ?? { kind: 'opaque', data }
}

// The line KUBELET_KUBEADM_ARGS="--a=b --c=d".
function kubeletWords(text: string): readonly string[] {
  return splitWords(text).flatMap((word) => splitWords(word.slice(word.indexOf('=') + 1)))
}

async function structured(entry: FileEntry, engine: CryptoEngine): Promise<Content> {
  const documents = documentsOf(textOf(entry))
  const [first] = documents ?? []
  if (!documents || !first) return { kind: 'opaque', data: entry.data }
  if (documents.length > 1) return { kind: 'documents', documents }
  if (first.kind === 'Pod') return { kind: 'pod', pod: first }
  if (first.kind !== 'Config') return { kind: 'documents', documents }
  const { objects } = await inspectFile(entry.path, entry.data, engine)
  const config = objects.find((object) => object.kind === 'kubeconfig')
  return config ? { kind: 'kubeconfig', config } : { kind: 'opaque', data: entry.data }
}

function documentsOf(text: string): readonly JsonObject[] | undefined {
  try {
    const documents = loadYamlAll(text)
    const objects = documents.filter(isObject)
    return objects.length === documents.length ? objects : undefined
  } catch (error) {
    if (isKpkiError(error)) return undefined
    throw error
  }
}

function pemOf(objects: readonly InspectedObject[]): Content | undefined {
  const certificates = objects.filter((object) => object.kind === 'certificate')
  const keys = objects.flatMap((object) =>
    object.kind === 'private key' || object.kind === 'public key' ? [object] : [],
  )
  return certificates.length + keys.length > 0 ? { kind: 'pem', certificates, keys } : undefined
}
