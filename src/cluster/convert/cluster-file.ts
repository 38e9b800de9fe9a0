import { KpkiError, type SpecIssue } from '../../errors.js'
import type { YamlOrigin, YamlTarget } from '../../files/yaml/document.js'
import { cidrOverlap, contains, parseCidr } from '../../values/addresses.js'
import {
  isObject,
  type Json,
  type JsonObject,
  valueAt,
  withAt,
  withoutAt,
} from '../../values/json.js'
import { isDns1123Label } from '../../values/names.js'
import { formatGoDuration, parseDuration } from '../../values/time.js'
import { V1BETA4 } from '../kubeadm/convert.js'
import { API_VERSION } from '../spec/schema.js'

/** A document on its way to another format. */
export interface ConversionDraft {
  readonly value: JsonObject
  /** Where its parts come from, by dotted path; the empty path is the document. */
  readonly origins: ReadonlyMap<string, YamlOrigin>
}

/** Where a field of a draft comes from, if the draft has it. */
export function originAt(draft: ConversionDraft, path: string): YamlOrigin | undefined {
  const keys = path.split('.')
  let value: unknown = draft.value
  for (const key of keys) value = isObject(value) ? value[key] : undefined
  if (value === undefined) return undefined
  for (let n = keys.length; n >= 0; n--) {
    const origin = draft.origins.get(keys.slice(0, n).join('.'))
    if (origin) return { document: origin.document, path: [...origin.path, ...keys.slice(n)] }
  }
  return undefined
}

export function refused(issues: readonly SpecIssue[]): KpkiError<'ERR_SPEC_INVALID'> {
  const [first] = issues
  const message = `the file can't be converted: ${first?.path} ${first?.message}`
  return new KpkiError('ERR_SPEC_INVALID', message, { issues })
}

/** Fields of ClusterConfiguration that cluster.yaml has in its own words. */
const SHARED = [
  'kubernetesVersion',
  'controlPlaneEndpoint',
  'networking.serviceSubnet',
  'networking.podSubnet',
  'networking.dnsDomain',
  'imageRepository',
] as const

const SECTIONS = [
  ['initConfiguration', 'InitConfiguration', V1BETA4],
  ['clusterConfiguration', 'ClusterConfiguration', V1BETA4],
  ['joinConfiguration', 'JoinConfiguration', V1BETA4],
  ['kubeletConfiguration', 'KubeletConfiguration', 'kubelet.config.k8s.io/v1beta1'],
  ['kubeProxyConfiguration', 'KubeProxyConfiguration', 'kubeproxy.config.k8s.io/v1alpha1'],
] as const

const CRI_SOCKET = 'unix:///var/run/containerd/containerd.sock'

/** kubeadm's documents as one cluster.yaml that means the same. */
export function toClusterFile(
  drafts: readonly ConversionDraft[],
  warnings: SpecIssue[],
): YamlTarget {
  const origins = new Map<string, YamlOrigin>()
  const kindOf = (draft: ConversionDraft) => draft.value.kind
  const homeless = drafts.filter((draft) => !SECTIONS.some(([, kind]) => kind === kindOf(draft)))
  if (homeless.length > 0) {
    const message = 'says nothing about a cluster: cluster.yaml has no place for it'
    throw refused(homeless.map((draft) => ({ path: String(kindOf(draft)), message })))
  }
  const own = (kind: string) => drafts.find((draft) => kindOf(draft) === kind)
  const cluster = own('ClusterConfiguration')
  let spec: JsonObject = {}
  for (const path of SHARED) {
    const value = valueAt(cluster?.value, path)
    const origin = cluster && originAt(cluster, path)
    if (value === undefined || value === '') continue
    spec = withAt(spec, path, value)
    if (origin) origins.set(`spec.${path}`, origin)
  }
  spec = allowOverlap(spec, own('InitConfiguration'))
  spec = { ...spec, nodes: nodesOf(own, origins) }
  // What differs by default between kubeadm's configuration and cluster.yaml is written out.
  spec = { ...spec, hostOs: 'none', apiServer: { verifyKubelets: false } }
  spec = { ...spec, kubeadm: sections(drafts, origins) }
  warnings.push({
    path: 'InitConfiguration.nodeRegistration.name',
    message:
      'kubeadm passes the name to the kubelet as --hostname-override; with cluster.yaml the host has that name',
  })
  const name = String(valueAt(cluster?.value, 'clusterName') ?? 'kubernetes')
  const label = isDns1123Label(name) ? name : 'kubernetes'
  const root = drafts[0]?.origins.get('')
  if (root) origins.set('', root)
  const head = { apiVersion: API_VERSION, kind: 'Cluster', metadata: { name: label } }
  return { value: { ...head, spec }, origins }
}

function sections(
  drafts: readonly ConversionDraft[],
  origins: Map<string, YamlOrigin>,
): JsonObject {
  let kubeadm: JsonObject = {}
  for (const [section, kind] of SECTIONS) {
    const draft = drafts.find((candidate) => candidate.value.kind === kind)
    let value = draft?.value ?? {}
    for (const path of ['apiVersion', 'kind']) value = withoutAt(value, path)
    if (kind === 'ClusterConfiguration') {
      for (const path of SHARED) value = withoutAt(value, path)
      if (value.clusterName === undefined) value = { ...value, clusterName: 'kubernetes' }
    }
    if (kind === 'InitConfiguration') {
      for (const path of ['nodeRegistration.name', 'localAPIEndpoint.advertiseAddress']) {
        value = withoutAt(value, path)
      }
      const socket = 'nodeRegistration.criSocket'
      if (!valueAt(value, socket)) value = withAt(value, socket, CRI_SOCKET)
    }
    if (Object.keys(value).length === 0) continue
    kubeadm = { ...kubeadm, [section]: value }
    const root = draft?.origins.get('')
    if (root) origins.set(`spec.kubeadm.${section}`, root)
  }
  return kubeadm
}

function nodesOf(
  own: (kind: string) => ConversionDraft | undefined,
  origins: Map<string, YamlOrigin>,
): readonly Json[] {
  const places = [
    ['InitConfiguration', 'control-plane', 'localAPIEndpoint.advertiseAddress'],
    ['JoinConfiguration', 'worker', 'controlPlane.localAPIEndpoint.advertiseAddress'],
  ] as const
  const nodes: Json[] = []
  for (const [kind, role, addressPath] of places) {
    const draft = own(kind)
    const name = valueAt(draft?.value, 'nodeRegistration.name')
    if (!draft || typeof name !== 'string') continue
    const address = valueAt(draft.value, addressPath)
    const planes = kind === 'JoinConfiguration' && draft.value.controlPlane !== undefined
    const base = `spec.nodes.${nodes.length}`
    const nameOrigin = originAt(draft, 'nodeRegistration.name')
    const addressOrigin = originAt(draft, addressPath)
    if (nameOrigin) origins.set(`${base}.name`, nameOrigin)
    if (addressOrigin) origins.set(`${base}.address`, addressOrigin)
    nodes.push({
      name,
      role: planes ? 'control-plane' : role,
      ...(typeof address === 'string' ? { address } : {}),
    })
  }
  return nodes
}

/** kubeadm accepts subnets that overlap. */
function allowOverlap(spec: JsonObject, init: ConversionDraft | undefined): JsonObject {
  const ranges = (path: string, fallback = '') =>
    String(valueAt(spec, path) ?? fallback)
      .split(',')
      .flatMap((text) => parseCidr(text.trim()) ?? [])
  const services = ranges('networking.serviceSubnet', '10.96.0.0/12')
  const pods = ranges('networking.podSubnet')
  const address = String(valueAt(init?.value, 'localAPIEndpoint.advertiseAddress') ?? '')
  const overlaps =
    services.some((service) => pods.some((pod) => cidrOverlap(service, pod))) ||
    [...services, ...pods].some((range) => contains(range, address))
  return overlaps ? withAt(spec, 'networking.allowOverlap', true) : spec
}

interface SectionDraft {
  value: JsonObject
  readonly origins: Map<string, YamlOrigin>
  readonly given: boolean
}

/** What of cluster.yaml kubeadm has words for. */
export function fromClusterFile(
  file: JsonObject,
  warnings: SpecIssue[],
): readonly ConversionDraft[] {
  const spec = isObject(file.spec) ? file.spec : {}
  const drafts = SECTIONS.map(([section, kind, api]): SectionDraft => {
    const given = valueAt(spec, `kubeadm.${section}`)
    const value: JsonObject = { apiVersion: api, kind, ...(isObject(given) ? given : {}) }
    const origins = new Map<string, YamlOrigin>()
    if (given !== undefined) origins.set('', { document: 0, path: ['spec', 'kubeadm', section] })
    return {
      value: { ...value, apiVersion: api, kind },
      origins,
      given: given !== undefined,
    }
  })
  const [init, cluster] = drafts
  if (!cluster || !init) return []
  const put = (
    draft: { value: JsonObject; origins: Map<string, YamlOrigin> },
    to: string,
    from: string,
  ) => {
    const value = valueAt(spec, from)
    if (value === undefined) return
    draft.value = withAt(draft.value, to, value)
    draft.origins.set(to, { document: 0, path: ['spec', ...from.split('.')] })
  }
  for (const path of SHARED) put(cluster, path, path)
  if (cluster.value.clusterName === undefined) {
    const name = valueAt(file, 'metadata.name')
    if (name !== undefined) cluster.value = { ...cluster.value, clusterName: name }
  }
  const nodes = Array.isArray(spec.nodes) ? spec.nodes : []
  const first = nodes.findIndex((node: unknown) => isObject(node) && node.role === 'control-plane')
  if (first >= 0) putNode(init, nodes[first], first)
  putPki(cluster, spec)
  warnings.push(...unsaid(spec, nodes.length))
  const used = drafts.filter((draft) => draft.given || draft === cluster || draft === init)
  return used.map(({ value, origins }) => ({ value, origins }))
}

function putNode(init: SectionDraft, node: unknown, index: number): void {
  if (!isObject(node)) return
  const [listed] = Array.isArray(node.addresses) ? node.addresses : []
  const base = ['spec', 'nodes', String(index)]
  const fields = [
    ['nodeRegistration.name', node.name, 'name'],
    ['localAPIEndpoint.advertiseAddress', node.address ?? listed, 'address'],
    ['nodeRegistration.taints', node.taints, 'taints'],
  ] as const
  for (const [to, value, from] of fields) {
    if (value === undefined) continue
    init.value = withAt(init.value, to, value)
    init.origins.set(to, { document: 0, path: [...base, from] })
  }
  const socket = 'nodeRegistration.criSocket'
  if (valueAt(init.value, socket) === undefined) {
    init.value = withAt(init.value, socket, 'unix:///run/containerd/containerd.sock')
  }
}

function putPki(cluster: SectionDraft, spec: JsonObject): void {
  const algorithm = valueAt(spec, 'pki.keyAlgorithm')
  if (algorithm !== undefined) {
    cluster.value = { ...cluster.value, encryptionAlgorithm: algorithm }
  }
  const periods = [
    ['certificateValidityPeriod', 'pki.validity.certificate'],
    ['caCertificateValidityPeriod', 'pki.validity.ca'],
  ] as const
  for (const [to, from] of periods) {
    const text = valueAt(spec, from)
    const period = typeof text === 'string' ? parseDuration(text) : undefined
    if (period !== undefined) cluster.value = { ...cluster.value, [to]: formatGoDuration(period) }
  }
  const extra = valueAt(spec, 'pki.apiServer.extraSans')
  const own = valueAt(cluster.value, 'apiServer.certSANs')
  if (Array.isArray(extra)) {
    const all = [...(Array.isArray(own) ? own : []), ...extra]
    cluster.value = withAt(cluster.value, 'apiServer.certSANs', all)
  }
}

const SAID = new Set([
  'kubernetesVersion',
  'controlPlaneEndpoint',
  'networking',
  'imageRepository',
  'nodes',
  'pki',
  'kubeadm',
])
const SAID_OF_PKI = new Set(['keyAlgorithm', 'validity', 'apiServer'])

function* unsaid(spec: JsonObject, nodes: number): Generator<SpecIssue> {
  const message = 'has no word in kubeadm: keep cluster.yaml'
  for (const key of Object.keys(spec)) if (!SAID.has(key)) yield { path: `spec.${key}`, message }
  if (isObject(spec.pki)) {
    for (const key of Object.keys(spec.pki)) {
      if (!SAID_OF_PKI.has(key)) yield { path: `spec.pki.${key}`, message }
    }
  }
  if (nodes > 1) {
    yield {
      path: 'spec.nodes',
      message: "kubeadm's file describes one node: the first control plane",
    }
  }
}
