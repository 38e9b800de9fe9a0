import { KpkiError, type SpecIssue } from '../errors.js'
import { rewriteYaml, type YamlOrigin, type YamlTarget } from '../files/yaml/document.js'
import type { KubeadmApi } from '../releases/features.js'
import { cidrOverlap, contains, parseCidr } from '../values/addresses.js'
import {
  isList,
  isObject,
  type Json,
  type JsonObject,
  objectAt,
  shownText,
  valueAt,
  withAt,
  withoutAt,
  withoutEmpty,
} from '../values/json.js'
import { isDns1123Label } from '../values/names.js'
import { DOCUMENTS } from './kubeadm/schema.js'
import { toV1beta3, toV1beta4, V1BETA4 } from './kubeadm/versions.js'
import { clusterDocuments, readDocuments } from './resolve/read.js'
import {
  API_SERVER_SANS,
  CLUSTER_NAME,
  CRI_SOCKETS,
  NODE_FIELDS,
  placeOf,
  SETTINGS,
  type SettingRow,
} from './resolve/settings.js'
import { API_VERSION } from './spec/schema.js'

export type ConfigFormat = KubeadmApi | typeof API_VERSION

export interface ConvertedConfig {
  readonly text: string
  /** What the other format says elsewhere or only kpki knows. */
  readonly warnings: readonly SpecIssue[]
}

/** A document on its way to another format. */
interface ConversionDraft {
  value: JsonObject
  /** Where its parts come from, by dotted path; the empty path is the document. */
  readonly origins: Map<string, YamlOrigin>
}

/**
 * Converts between kubeadm's v1beta3 and v1beta4 configuration and cluster.yaml. Comments stay with their
 * fields. Fields of kpki that kubeadm has no word for are warned about; no field of kubeadm is lost.
 *
 * @throws KpkiError ERR_YAML_INVALID; ERR_SPEC_INVALID naming every field that the target can't say
 */
export function convertConfig(text: string, to: ConfigFormat): ConvertedConfig {
  const values = clusterDocuments(text)
  const { findings, draft } = readDocuments(values)
  const errors = findings.filter((finding) => finding.level === 'error')
  if (errors.length > 0 || !draft) throw refused(errors.map((finding) => finding.issue))
  const [file = {}, ...others] = values.filter(isObject)
  const warnings: SpecIssue[] = []
  const own = draft.source === 'kpki'
  if (own && to === API_VERSION) return { text, warnings }
  const drafts = own
    ? fromClusterFile(file, warnings)
    : [file, ...others].map((value, document) => ({
        value,
        origins: new Map([['', { document, path: [] }]]),
      }))
  const targets = to === API_VERSION ? [toClusterFile(drafts, warnings)] : toApi(drafts, to)
  return { text: rewriteYaml(text, targets), warnings }
}

function refused(issues: readonly SpecIssue[]): KpkiError<'ERR_SPEC_INVALID'> {
  const [first] = issues
  const message = `the file can't be converted: ${first?.path} ${first?.message}`
  return new KpkiError('ERR_SPEC_INVALID', message, { issues })
}

function toApi(drafts: readonly ConversionDraft[], to: KubeadmApi): readonly YamlTarget[] {
  const values = drafts.map((draft) => draft.value)
  const { documents, lost } = to === V1BETA4 ? toV1beta4(values) : toV1beta3(values)
  if (lost.length > 0) throw refused(lost)
  return documents.map((value) => ({ value, origins: originsOf(value, drafts) }))
}

// Fields that stand elsewhere in the other API version: [kind, path, from kind, from path].
const MOVES: readonly (readonly [string, string, string, string])[] = [
  [
    'InitConfiguration',
    'timeouts.controlPlaneComponentHealthCheck',
    'ClusterConfiguration',
    'apiServer.timeoutForControlPlane',
  ],
  [
    'JoinConfiguration',
    'timeouts.controlPlaneComponentHealthCheck',
    'ClusterConfiguration',
    'apiServer.timeoutForControlPlane',
  ],
  ['JoinConfiguration', 'timeouts.discovery', 'JoinConfiguration', 'discovery.timeout'],
  [
    'ClusterConfiguration',
    'apiServer.timeoutForControlPlane',
    'InitConfiguration',
    'timeouts.controlPlaneComponentHealthCheck',
  ],
  ['JoinConfiguration', 'discovery.timeout', 'JoinConfiguration', 'timeouts.discovery'],
]

function originsOf(
  value: JsonObject,
  drafts: readonly ConversionDraft[],
): ReadonlyMap<string, YamlOrigin> {
  const draftOf = (kind: unknown) => drafts.find((draft) => draft.value.kind === kind)
  const origins = new Map(draftOf(value.kind)?.origins)
  for (const [kind, path, fromKind, fromPath] of MOVES) {
    const from = kind === value.kind ? draftOf(fromKind) : undefined
    const origin = from && originAt(from, fromPath)
    if (origin) origins.set(path, origin)
  }
  return origins
}

/** Where a field of a draft comes from, if the draft has it. */
function originAt(draft: ConversionDraft, path: string): YamlOrigin | undefined {
  if (valueAt(draft.value, path) === undefined) return undefined
  const keys = path.split('.')
  for (let n = keys.length; n >= 0; n--) {
    const origin = draft.origins.get(keys.slice(0, n).join('.'))
    if (origin) return { document: origin.document, path: [...origin.path, ...keys.slice(n)] }
  }
  return undefined
}

/** Settings that both cluster.yaml and kubeadm's configuration have words for. */
const SHARED = Object.values<SettingRow<unknown>>(SETTINGS).flatMap(
  ({ own, kubeadm, read, toKubeadm = (written: Json) => written }) =>
    own && kubeadm ? [{ own, ...placeOf(kubeadm), read, toKubeadm }] : [],
)

/** kubeadm's documents as one cluster.yaml that means the same. */
function toClusterFile(drafts: readonly ConversionDraft[], warnings: SpecIssue[]): YamlTarget {
  const origins = new Map<string, YamlOrigin>()
  const rows = Object.values(DOCUMENTS)
  const homeless = drafts.filter(({ value }) => !rows.some(({ kind }) => kind === value.kind))
  if (homeless.length > 0) {
    const message = 'says nothing about a cluster: cluster.yaml has no place for it'
    throw refused(homeless.map(({ value }) => ({ path: shownText(value.kind), message })))
  }
  const draftOf = (kind: string) => drafts.find(({ value }) => value.kind === kind)
  const name = shownText(
    valueAt(draftOf(DOCUMENTS.cluster.kind)?.value, 'clusterName') ?? CLUSTER_NAME,
  )
  const init = draftOf(DOCUMENTS.init.kind)?.value
  // What is left of each document when its settings have moved.
  const left = new Map(drafts.map(({ value }) => [value.kind, value]))
  let spec: JsonObject = {}
  for (const { own, kind, field, read } of SHARED) {
    const draft = draftOf(kind)
    const value = valueAt(draft?.value, field)
    if (!draft || value === undefined || value === '' || read(value) === undefined) continue
    spec = withAt(spec, own, value)
    moveOrigin(draft, field, origins, `spec.${own}`)
    left.set(kind, withoutAt(left.get(kind) ?? {}, field))
  }
  spec = {
    ...allowOverlap(spec, init),
    nodes: nodesOf(draftOf, origins),
    // What differs by default between kubeadm's configuration and cluster.yaml is written out.
    hostOs: 'none',
    apiServer: { verifyKubelets: false },
    kubeadm: sections(left),
  }
  for (const { kind, section } of rows) {
    const root = draftOf(kind)?.origins.get('')
    if (root && valueAt(spec, `kubeadm.${section}`)) origins.set(`spec.kubeadm.${section}`, root)
  }
  warnings.push({
    path: `${DOCUMENTS.init.kind}.${NODE_FIELDS.name}`,
    message:
      'kubeadm passes the name to the kubelet as --hostname-override; with cluster.yaml the host has that name',
  })
  const root = drafts[0]?.origins.get('')
  if (root) origins.set('', root)
  const metadata = { name: isDns1123Label(name) ? name : CLUSTER_NAME }
  return { value: { apiVersion: API_VERSION, kind: 'Cluster', metadata, spec }, origins }
}

function moveOrigin(
  draft: ConversionDraft,
  from: string,
  origins: Map<string, YamlOrigin>,
  to: string,
): void {
  const origin = originAt(draft, from)
  if (origin) origins.set(to, origin)
}

/** The sections of `spec.kubeadm`, with what differs by default between the two formats. */
function sections(left: ReadonlyMap<Json | undefined, JsonObject>): JsonObject {
  const entries = Object.values(DOCUMENTS).map(({ kind, section }) => {
    const { apiVersion: _, kind: __, ...value } = left.get(kind) ?? {}
    if (kind === 'ClusterConfiguration') {
      return [section, { ...value, clusterName: value.clusterName ?? CLUSTER_NAME }]
    }
    if (kind !== 'InitConfiguration') return [section, value]
    const unnamed = withoutAt(withoutAt(value, NODE_FIELDS.name), NODE_FIELDS.address)
    const socket = valueAt(unnamed, CRI_SOCKET) || CRI_SOCKETS.kubeadm
    return [section, withAt(unnamed, CRI_SOCKET, socket)]
  })
  return withoutEmpty(Object.fromEntries(entries))
}

const CRI_SOCKET = 'nodeRegistration.criSocket'

function nodesOf(
  draftOf: (kind: string) => ConversionDraft | undefined,
  origins: Map<string, YamlOrigin>,
): readonly Json[] {
  const places = [
    [DOCUMENTS.init.kind, NODE_FIELDS.address],
    [DOCUMENTS.join.kind, `controlPlane.${NODE_FIELDS.address}`],
  ] as const
  const nodes: Json[] = []
  for (const [kind, addressPath] of places) {
    const draft = draftOf(kind)
    const name = valueAt(draft?.value, NODE_FIELDS.name)
    if (!draft || typeof name !== 'string') continue
    const address = valueAt(draft.value, addressPath)
    const worker = kind === DOCUMENTS.join.kind && draft.value.controlPlane === undefined
    const base = `spec.nodes.${nodes.length}`
    moveOrigin(draft, NODE_FIELDS.name, origins, `${base}.name`)
    moveOrigin(draft, addressPath, origins, `${base}.address`)
    nodes.push({
      name,
      role: worker ? 'worker' : 'control-plane',
      ...(typeof address === 'string' ? { address } : {}),
    })
  }
  return nodes
}

/** kubeadm accepts subnets that overlap. */
function allowOverlap(spec: JsonObject, init: JsonObject | undefined): JsonObject {
  const { serviceSubnet, podSubnet, allowOverlap: allowed } = SETTINGS
  const ranges = (written: Json | undefined) =>
    shownText(written ?? '')
      .split(',')
      .flatMap((text) => parseCidr(text.trim()) ?? [])
  const services = ranges(valueAt(spec, serviceSubnet.own) ?? serviceSubnet.default)
  const pods = ranges(valueAt(spec, podSubnet.own))
  const address = shownText(valueAt(init, NODE_FIELDS.address) ?? '')
  const overlaps =
    services.some((service) => pods.some((pod) => cidrOverlap(service, pod))) ||
    [...services, ...pods].some((range) => contains(range, address))
  return overlaps ? withAt(spec, allowed.own, true) : spec
}

/** What of cluster.yaml kubeadm has words for. */
function fromClusterFile(file: JsonObject, warnings: SpecIssue[]): readonly ConversionDraft[] {
  const spec = objectAt(file, 'spec')
  const drafts = Object.values(DOCUMENTS).flatMap(
    ({ apiVersion, kind, section }): ConversionDraft[] => {
      const given = valueAt(spec, `kubeadm.${section}`)
      const origins = new Map<string, YamlOrigin>()
      if (given !== undefined) origins.set('', { document: 0, path: ['spec', 'kubeadm', section] })
      const always = kind === DOCUMENTS.init.kind || kind === DOCUMENTS.cluster.kind
      if (given === undefined && !always) return []
      const head = { apiVersion, kind }
      return [{ value: { ...head, ...(isObject(given) ? given : {}), ...head }, origins }]
    },
  )
  const put = (kind: string, field: string, value: Json | undefined, from?: readonly string[]) => {
    const draft = drafts.find((candidate) => candidate.value.kind === kind)
    if (!draft || value === undefined) return
    draft.value = withAt(draft.value, field, value)
    if (from) draft.origins.set(field, { document: 0, path: ['spec', ...from] })
  }
  for (const { own, kind, field, toKubeadm } of SHARED) {
    const written = valueAt(spec, own)
    if (written !== undefined) put(kind, field, toKubeadm(written), own.split('.'))
  }
  const { init, cluster } = DOCUMENTS
  const standing = (kind: string, field: string) =>
    valueAt(drafts.find(({ value }) => value.kind === kind)?.value, field)
  if (standing(cluster.kind, 'clusterName') === undefined) {
    put(cluster.kind, 'clusterName', valueAt(file, 'metadata.name'))
  }
  const sans = API_SERVER_SANS.own.flatMap((path) => valueAt(spec, path) ?? [])
  if (sans.length > 0) {
    const { kind, field } = placeOf(API_SERVER_SANS.kubeadm)
    put(kind, field, [standing(kind, field) ?? [], sans].flat())
  }
  const nodes = isList(spec.nodes) ? spec.nodes : []
  const first = nodes.findIndex((node) => isObject(node) && node.role === 'control-plane')
  const node = nodes[first]
  if (isObject(node)) {
    const [listed] = isList(node.addresses) ? node.addresses : []
    const values = { name: node.name, address: node.address ?? listed, taints: node.taints }
    for (const field of ['name', 'address', 'taints'] as const) {
      put(init.kind, NODE_FIELDS[field], values[field], ['nodes', String(first), field])
    }
    if (standing(init.kind, CRI_SOCKET) === undefined) put(init.kind, CRI_SOCKET, CRI_SOCKETS.kpki)
  }
  warnings.push(...unsaid(spec))
  if (nodes.length > 1) {
    const message = "kubeadm's file describes one node: the first control plane"
    warnings.push({ path: 'spec.nodes', message })
  }
  return drafts
}

// kubeadm accepts overlapping subnets without a word.
const SAID: ReadonlySet<string> = new Set([
  ...SHARED.map(({ own }) => own),
  ...API_SERVER_SANS.own,
  SETTINGS.allowOverlap.own,
  'nodes',
  'kubeadm',
])

/** Fields of cluster.yaml that kubeadm has no word for. */
function* unsaid(value: JsonObject, above = ''): Generator<SpecIssue> {
  for (const [key, member] of Object.entries(value)) {
    const path = `${above}${key}`
    if (SAID.has(path)) continue
    const inner = isObject(member) && [...SAID].some((said) => said.startsWith(`${path}.`))
    if (inner) yield* unsaid(member, `${path}.`)
    else yield { path: `spec.${path}`, message: 'has no word in kubeadm: keep cluster.yaml' }
  }
}
