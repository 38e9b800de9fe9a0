import { filesOf } from '../certs/paths.js'
import { AUTHORITIES, LEAVES, type LeafRow } from '../certs/table.js'
import { DEFAULT_TIMEOUTS, toV1beta4, V1BETA3 } from '../cluster/kubeadm/versions.js'
import { modeText } from '../files/tree.js'
import { sameBytes } from '../values/bytes.js'
import { isObject, type JsonObject, shownText } from '../values/json.js'
import { diffKubeconfigs, diffPem } from './certificates.js'
import { diffArguments, diffPods, fields } from './pods.js'
import { type DifferenceDraft, draft, present, sentence } from './text.js'
import type { ClusterView, Content, Difference, FileView, FolderView } from './types.js'

const BASES: ReadonlyMap<string, string> = new Map([
  ...Object.entries(AUTHORITIES).map(([id, { base }]) => [base, id] as const),
  ...Object.entries<LeafRow>(LEAVES).flatMap(([id, { place }]) =>
    place.kind === 'pki' ? [[place.base, id] as const] : [],
  ),
  ['sa', 'sa'],
])

// Wherever a cluster keeps its certificates, these lie in one place.
const FIXED: ReadonlyMap<string, string> = new Map(
  Object.entries<LeafRow>(LEAVES).flatMap(([id, { place }]) =>
    place.kind === 'pki'
      ? []
      : Object.values(filesOf({ certificatesDir: '' }, place)).map((path) => [
          place.kind === 'operator' ? `kubeconfig/${path}` : path,
          id,
        ]),
  ),
)

/** The row of the certificate table that a file of a node, or of the output folder, belongs to. */
export function roleOf(path: string): string | undefined {
  const fixed = FIXED.get(path)
  if (fixed !== undefined) return fixed
  if (!/\.(crt|key|pub)$/.test(path)) return undefined
  const parts = path.replace(/\.[a-z]+$/, '').split('/')
  return BASES.get(parts.slice(-2).join('/')) ?? BASES.get(parts.slice(-1).join('/'))
}

/** Every difference between two clusters, node by node, then what is on no node. */
export function compareViews(before: ClusterView, after: ClusterView): readonly Difference[] {
  const names = new Set([...before.nodes.keys(), ...after.nodes.keys()])
  const nodes = [...names].flatMap((node) => {
    const [old, fresh] = [before.nodes.get(node), after.nodes.get(node)]
    if (old && fresh) return compareFolders(old, fresh, node)
    const change = old ? 'removed' : 'added'
    const one: DifferenceDraft = { kind: 'node', change, subject: node }
    return [{ node, path: '', ...one, message: sentence(one) }]
  })
  const { shared } = before
  if (!shared || !after.shared) return nodes
  // A cluster that was planned has no cluster file, and needs none to be the same.
  const others = compareFolders(shared, after.shared, undefined)
  return [
    ...nodes,
    ...others.filter(({ kind, path }) => kind !== 'file' || path !== 'cluster.yaml'),
  ]
}

function compareFolders(
  before: FolderView,
  after: FolderView,
  node: string | undefined,
): readonly Difference[] {
  const paths = [...new Set([...before.keys(), ...after.keys()])].sort()
  return paths.flatMap((path) => {
    const role = roleOf(path)
    return compareFiles(before.get(path), after.get(path)).map((one) => ({
      ...(node !== undefined && { node }),
      path,
      ...(role !== undefined && { role }),
      ...one,
      message: sentence(one),
    }))
  })
}

function compareFiles(
  before: FileView | undefined,
  after: FileView | undefined,
): readonly DifferenceDraft[] {
  if (before && after)
    return present([...diffContents(before.content, after.content), mode(before.mode, after.mode)])
  const only = before ?? after
  // An empty folder more or less changes nothing.
  if (only === undefined || only.content.kind === 'directory') return []
  const what = describe(only.content)
  return [
    {
      kind: 'file',
      change: before ? 'removed' : 'added',
      subject: '',
      ...(what !== undefined && (before ? { before: what } : { after: what })),
    },
  ]
}

function describe(content: Content): string | undefined {
  switch (content.kind) {
    case 'pem': {
      const [certificate] = content.certificates
      return certificate?.subject ?? content.keys[0]?.key
    }
    case 'kubeconfig':
      return content.config.users[0]?.certificates[0]?.subject
    case 'link':
      return `→ ${content.target}`
    default:
      return undefined
  }
}

function mode(before: number | undefined, after: number | undefined): DifferenceDraft | undefined {
  if (before === undefined || after === undefined) return undefined
  return draft('mode', 'mode', modeText(before), modeText(after))
}

function diffContents(before: Content, after: Content): readonly DifferenceDraft[] {
  if (before.kind === 'unknown' || after.kind === 'unknown') return []
  if (before.kind === 'pem' && after.kind === 'pem') return diffPem(before, after)
  if (before.kind === 'kubeconfig' && after.kind === 'kubeconfig')
    return diffKubeconfigs(before.config, after.config)
  if (before.kind === 'pod' && after.kind === 'pod') return diffPods(before.pod, after.pod)
  if (before.kind === 'documents' && after.kind === 'documents')
    return diffDocuments(before.documents, after.documents)
  if (before.kind === 'arguments' && after.kind === 'arguments')
    return diffArguments(before.words, after.words)
  if (before.kind === 'link' && after.kind === 'link')
    return present([draft('content', 'target', before.target, after.target)])
  if (before.kind === 'opaque' && after.kind === 'opaque')
    return sameBytes(before.data, after.data) ? [] : [changed('content changed')]
  return before.kind === after.kind
    ? []
    : [changed(`it was ${NAMES[before.kind]} and is ${NAMES[after.kind]}`)]
}

const NAMES: Readonly<Record<Content['kind'], string>> = {
  pem: 'PEM',
  kubeconfig: 'a kubeconfig',
  pod: 'a pod',
  documents: 'YAML',
  arguments: 'a command line',
  link: 'a symbolic link',
  directory: 'a folder',
  opaque: 'of a kind that is not read',
  unknown: 'unknown',
}

function changed(message: string): DifferenceDraft {
  return { kind: 'content', change: 'changed', subject: 'content', message }
}

// kubeadm's two API versions are compared as v1beta4: the same setting written in the other form is no difference.
function diffDocuments(
  before: readonly JsonObject[],
  after: readonly JsonObject[],
): readonly DifferenceDraft[] {
  const several = before.length > 1 || after.length > 1
  const [old, fresh] = [byTitle(before, several), byTitle(after, several)]
  const titles = [...new Set([...old.keys(), ...fresh.keys()])]
  return titles.flatMap((title) => {
    const [a, b] = [old.get(title), fresh.get(title)]
    if (!a || !b) return [{ kind: 'field', change: a ? 'removed' : 'added', subject: title }]
    return fields(a, b, title === '' ? '' : `${title}.`)
  })
}

function byTitle(
  documents: readonly JsonObject[],
  several: boolean,
): ReadonlyMap<string, JsonObject> {
  const written = new Map<string, JsonObject>()
  const lifted = documents.some(({ apiVersion }) => apiVersion === V1BETA3)
    ? toV1beta4(documents).documents
    : documents
  for (const document of lifted) {
    const name = titleOf(document, several)
    const title = written.has(name) ? `${name}[${written.size}]` : name
    const apiVersion = documents.find(({ kind }) => kind === document.kind)?.apiVersion
    const { timeouts, ...others } = document
    const own = isObject(timeouts) ? withoutDefaults(timeouts) : {}
    written.set(title, {
      ...others,
      ...(apiVersion !== undefined && { apiVersion }),
      ...(Object.keys(own).length > 0 && { timeouts: own }),
    })
  }
  return written
}

// v1beta3 writes its timeout always, v1beta4 only where it differs.
function withoutDefaults(timeouts: JsonObject): JsonObject {
  return Object.fromEntries(
    Object.entries(timeouts).filter(([name, value]) => value !== DEFAULT_TIMEOUTS[name]),
  )
}

function titleOf({ kind, metadata }: JsonObject, several: boolean): string {
  const name = isObject(metadata) && 'name' in metadata ? `/${shownText(metadata.name)}` : ''
  return several && typeof kind === 'string' ? `${kind}${name}` : ''
}
