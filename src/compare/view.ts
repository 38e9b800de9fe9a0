import type { CryptoEngine } from '../ca/engine.js'
import { isKpkiError } from '../errors.js'
import { type FileEntry, type TreeEntry, textOf } from '../files/tree.js'
import { loadYamlAll } from '../files/yaml/yaml.js'
import { type CertificateView, type InspectedObject, inspectFile } from '../inspect/inspect.js'
import { splitWords } from '../values/command-line.js'
import type { JsonObject } from '../values/json.js'
import { isObject } from '../values/json.js'
import type { CertificateShape, Content, FileView, KubeconfigShape } from './types.js'

const STRUCTURED = /\.(ya?ml|json|conf|kubeconfig)$/
const FIVE_MINUTES = 300_000

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
  if (config === undefined) return { kind: 'opaque', data: entry.data }
  return { kind: 'kubeconfig', config: kubeconfigShape(config) }
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

function kubeconfigShape(
  view: Extract<InspectedObject, { readonly kind: 'kubeconfig' }>,
): KubeconfigShape {
  return {
    context: view.currentContext,
    clusters: view.clusters.map(({ name, server, authorities }) => ({
      name,
      server,
      authorities: authorities.map(certificateShape),
    })),
    users: view.users.map(({ name, certificates, credentials }) => ({
      name,
      certificates: certificates.map(certificateShape),
      credentials,
    })),
  }
}

function pemOf(objects: readonly InspectedObject[]): Content | undefined {
  const certificates = objects.filter((object) => object.kind === 'certificate')
  const keys = objects.filter(({ kind }) => kind === 'private key' || kind === 'public key')
  if (certificates.length + keys.length === 0) return undefined
  return {
    kind: 'pem',
    certificates: certificates.map(certificateShape),
    keys: keys.flatMap((object) =>
      'pin' in object && 'key' in object ? [{ key: object.key, pin: object.pin }] : [],
    ),
  }
}

function certificateShape(view: CertificateView): CertificateShape {
  const { subject, issuer, names, key, extendedUsages, authority, pin, fingerprint } = view
  const lifetime = Date.parse(view.notAfter) - Date.parse(view.notBefore) - FIVE_MINUTES
  return {
    ...{ subject, issuer, names, key, extendedUsages, authority, pin, fingerprint },
    lifetime,
    notAfter: view.notAfter,
  }
}
