import type { SpecIssue } from '../../errors.js'
import type { KubeadmApi } from '../../releases/features.js'
import {
  isObject,
  type Json,
  type JsonObject,
  valueAt,
  withAt,
  withoutAt,
} from '../../values/json.js'
import { parseGoDuration } from '../../values/time.js'
import type { Argument } from '../cluster.js'

export const KINDS = [
  'InitConfiguration',
  'ClusterConfiguration',
  'JoinConfiguration',
  'ResetConfiguration',
  'UpgradeConfiguration',
] as const

export type KubeadmKind = (typeof KINDS)[number]

type Paths = Readonly<Partial<Record<KubeadmKind, readonly string[]>>>

/** Where arguments stand: a map in v1beta3, a list in v1beta4. */
export const ARGUMENTS: Paths = {
  InitConfiguration: ['nodeRegistration.kubeletExtraArgs'],
  JoinConfiguration: ['nodeRegistration.kubeletExtraArgs'],
  ClusterConfiguration: [
    'apiServer.extraArgs',
    'controllerManager.extraArgs',
    'scheduler.extraArgs',
    'etcd.local.extraArgs',
  ],
}

/** Fields that only one API version has. */
export const ONLY_IN: Readonly<Record<KubeadmApi, Paths>> = {
  'kubeadm.k8s.io/v1beta3': {
    ClusterConfiguration: ['apiServer.timeoutForControlPlane'],
    JoinConfiguration: ['discovery.timeout'],
  },
  'kubeadm.k8s.io/v1beta4': {
    InitConfiguration: ['dryRun', 'nodeRegistration.imagePullSerial', 'timeouts'],
    ClusterConfiguration: [
      'apiServer.extraEnvs',
      'controllerManager.extraEnvs',
      'scheduler.extraEnvs',
      'etcd.local.extraEnvs',
      'etcd.external.httpEndpoints',
      'encryptionAlgorithm',
      'certificateValidityPeriod',
      'caCertificateValidityPeriod',
      'dns.disabled',
      'proxy',
    ],
    JoinConfiguration: ['dryRun', 'nodeRegistration.imagePullSerial', 'timeouts'],
  },
}

/** Kinds that v1beta3 does not have. */
const V1BETA4_KINDS: readonly KubeadmKind[] = ['ResetConfiguration', 'UpgradeConfiguration']

/** Defaults of v1beta4 fields: leaving such a value out changes nothing. */
const V1BETA4_DEFAULTS: Readonly<Record<string, Json>> = {
  'ClusterConfiguration.encryptionAlgorithm': 'RSA-2048',
  'ClusterConfiguration.certificateValidityPeriod': '8760h0m0s',
  'ClusterConfiguration.caCertificateValidityPeriod': '87600h0m0s',
  'ClusterConfiguration.dns.disabled': false,
  'InitConfiguration.dryRun': false,
  'JoinConfiguration.dryRun': false,
  'InitConfiguration.nodeRegistration.imagePullSerial': true,
  'JoinConfiguration.nodeRegistration.imagePullSerial': true,
}

export const DEFAULT_TIMEOUTS: Readonly<Record<string, string>> = {
  controlPlaneComponentHealthCheck: '4m0s',
  discovery: '5m0s',
  etcdAPICall: '2m0s',
  kubeletHealthCheck: '4m0s',
  kubernetesAPICall: '1m0s',
  tlsBootstrap: '5m0s',
  upgradeManifests: '5m0s',
}

export const V1BETA3 = 'kubeadm.k8s.io/v1beta3'
export const V1BETA4 = 'kubeadm.k8s.io/v1beta4'

/** Documents of kubeadm's configuration, `apiVersion` and `kind` included. */
export interface ConvertedDocuments {
  readonly documents: readonly JsonObject[]
  /** What the target can't say; those fields are left out. */
  readonly lost: readonly SpecIssue[]
}

/**
 * kubeadm documents in the form of v1beta4, as `kubeadm config migrate` gives it: arguments become a
 * list sorted by name, `apiServer.timeoutForControlPlane` and `discovery.timeout` become `timeouts`.
 * Nothing is lost. Documents of other groups stay as they are.
 */
export function toV1beta4(documents: readonly JsonObject[]): ConvertedDocuments {
  const upgraded = documents.map((document) => {
    const kind = kindOf(document)
    if (!kind) return document
    let result: JsonObject = { ...document, apiVersion: V1BETA4 }
    for (const path of ARGUMENTS[kind] ?? []) {
      const value = valueAt(result, path)
      if (value !== undefined) result = withAt(result, path, argumentsJson(argumentsOf(value)))
    }
    const discovery =
      kind === 'JoinConfiguration' ? valueAt(result, 'discovery.timeout') : undefined
    if (discovery === undefined) return result
    return withAt(withoutAt(result, 'discovery.timeout'), 'timeouts.discovery', discovery)
  })
  return { documents: moveControlPlaneTimeout(upgraded), lost: [] }
}

/** kubeadm keeps the wait for control planes in the cluster's document in v1beta3, in each node's in v1beta4. */
function moveControlPlaneTimeout(documents: readonly JsonObject[]): readonly JsonObject[] {
  const path = 'apiServer.timeoutForControlPlane'
  const cluster = documents.find((document) => kindOf(document) === 'ClusterConfiguration')
  const timeout = valueAt(cluster, path)
  if (cluster === undefined || timeout === undefined) return documents
  const target = 'timeouts.controlPlaneComponentHealthCheck'
  const nodes: readonly (KubeadmKind | undefined)[] = ['InitConfiguration', 'JoinConfiguration']
  const moved = documents.map((document) => {
    if (document === cluster) return withoutAt(document, path)
    const takes = nodes.includes(kindOf(document)) && valueAt(document, target) === undefined
    return takes ? withAt(document, target, timeout) : document
  })
  if (documents.some((document) => nodes.includes(kindOf(document)))) return moved
  const init: JsonObject = {
    apiVersion: V1BETA4,
    kind: 'InitConfiguration',
    timeouts: { controlPlaneComponentHealthCheck: timeout },
  }
  return [init, ...moved]
}

/**
 * kubeadm documents in the form of v1beta3. What v1beta3 can't say is named in `lost` and left out, unless
 * it is the default anyway.
 */
export function toV1beta3(documents: readonly JsonObject[]): ConvertedDocuments {
  const lost: SpecIssue[] = []
  const kept = documents.filter((document) => {
    const kind = kindOf(document)
    if (!kind || !V1BETA4_KINDS.includes(kind)) return true
    lost.push({ path: kind, message: `v1beta3 has no ${kind}`, fix: `keep it in a v1beta4 file` })
    return false
  })
  const timeout = controlPlaneTimeout(kept, lost)
  const lowered = kept.map((document) => {
    const kind = kindOf(document)
    if (!kind) return document
    let result: JsonObject = { ...document, apiVersion: V1BETA3 }
    result = lowerTimeouts(result, kind, lost)
    if (kind === 'ClusterConfiguration') result = lowerAlgorithm(result)
    result = lowerArguments(result, kind, lost)
    return dropNewFields(result, kind, lost)
  })
  if (timeout === undefined) return { documents: lowered, lost }
  const path = 'apiServer.timeoutForControlPlane'
  const index = lowered.findIndex((document) => kindOf(document) === 'ClusterConfiguration')
  const home = lowered[index] ?? { apiVersion: V1BETA3, kind: 'ClusterConfiguration' }
  const others = lowered.filter((_, i) => i !== index)
  const placed = withAt(home, path, timeout)
  if (index < 0) return { documents: [...lowered, placed], lost }
  return { documents: [...others.slice(0, index), placed, ...others.slice(index)], lost }
}

function controlPlaneTimeout(
  documents: readonly JsonObject[],
  lost: SpecIssue[],
): Json | undefined {
  const path = 'timeouts.controlPlaneComponentHealthCheck'
  const given = documents.flatMap((document) => valueAt(document, path) ?? [])
  const [first] = given
  if (given.some((value) => value !== first)) {
    lost.push({
      path: `JoinConfiguration.${path}`,
      message: 'v1beta3 has one timeoutForControlPlane for all nodes, but two values are given',
    })
  }
  return first === DEFAULT_TIMEOUTS.controlPlaneComponentHealthCheck ? undefined : first
}

function lowerTimeouts(document: JsonObject, kind: KubeadmKind, lost: SpecIssue[]): JsonObject {
  const timeouts = document.timeouts
  if (!isObject(timeouts)) return document
  let result = withoutAt(document, 'timeouts')
  for (const [name, value] of Object.entries(timeouts)) {
    if (name === 'controlPlaneComponentHealthCheck') continue
    if (name === 'discovery' && kind === 'JoinConfiguration') {
      result = withAt(result, 'discovery.timeout', value)
    } else if (!sameDuration(value, DEFAULT_TIMEOUTS[name])) {
      lost.push(notInV1beta3(kind, `timeouts.${name}`))
    }
  }
  return result
}

/** Whether two values, or two durations written differently, are the same. */
function sameDuration(a: Json, b: Json | undefined): boolean {
  if (typeof a !== 'string' || typeof b !== 'string') return a === b
  const period = parseGoDuration(a)
  return a === b || (period !== undefined && period === parseGoDuration(b))
}

/** v1beta3 asks for ECDSA by a feature gate. */
function lowerAlgorithm(document: JsonObject): JsonObject {
  if (document.encryptionAlgorithm !== 'ECDSA-P256') return document
  return withAt(withoutAt(document, 'encryptionAlgorithm'), 'featureGates.PublicKeysECDSA', true)
}

function lowerArguments(document: JsonObject, kind: KubeadmKind, lost: SpecIssue[]): JsonObject {
  let result = document
  for (const path of ARGUMENTS[kind] ?? []) {
    const value = valueAt(result, path)
    if (value === undefined) continue
    const given = argumentsOf(value)
    const names = given.map((argument) => argument.name)
    for (const name of new Set(names.filter((n, i) => names.indexOf(n) !== i))) {
      lost.push({
        path: `${kind}.${path}`,
        message: `v1beta3 can't give the flag --${name} twice; the last value is kept`,
        fix: 'stay with v1beta4',
      })
    }
    result = withAt(result, path, Object.fromEntries(given.map((a) => [a.name, a.value])))
  }
  return result
}

function dropNewFields(document: JsonObject, kind: KubeadmKind, lost: SpecIssue[]): JsonObject {
  let result = document
  for (const path of ONLY_IN[V1BETA4][kind] ?? []) {
    const value = valueAt(result, path)
    if (value === undefined) continue
    result = withoutAt(result, path)
    const empty = Array.isArray(value) ? value.length === 0 : isObject(value) && isIdle(value)
    if (empty || sameDuration(value, V1BETA4_DEFAULTS[`${kind}.${path}`])) continue
    lost.push(notInV1beta3(kind, path))
  }
  return result
}

/** `proxy: {}` and `proxy: {disabled: false}` say nothing. */
function isIdle(value: JsonObject): boolean {
  return Object.values(value).every((member) => member === false)
}

function notInV1beta3(kind: KubeadmKind, path: string): SpecIssue {
  return { path: `${kind}.${path}`, message: 'has no place in v1beta3', fix: 'stay with v1beta4' }
}

/** Arguments of either form as a list; a map is sorted by name, as kubeadm sorts it. */
export function argumentsOf(value: unknown): readonly Argument[] {
  if (Array.isArray(value)) {
    return value.flatMap((item: unknown) =>
      isObject(item) && typeof item.name === 'string'
        ? [{ name: item.name, value: typeof item.value === 'string' ? item.value : '' }]
        : [],
    )
  }
  if (!isObject(value)) return []
  return Object.entries(value)
    .flatMap(([name, text]) => (typeof text === 'string' ? [{ name, value: text }] : []))
    .sort((a, b) => (a.name < b.name ? -1 : a.name > b.name ? 1 : 0))
}

function argumentsJson(given: readonly Argument[]): Json {
  return given.map(({ name, value }) => ({ name, value }))
}

/** The kind of a document of group kubeadm.k8s.io. */
export function kindOf(document: JsonObject): KubeadmKind | undefined {
  const { apiVersion, kind } = document
  if (typeof apiVersion !== 'string' || !apiVersion.startsWith('kubeadm.k8s.io/')) return undefined
  return KINDS.find((known) => known === kind)
}
