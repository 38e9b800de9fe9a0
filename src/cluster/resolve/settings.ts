import type { SpecIssue } from '../../errors.js'
import type { KubeadmApi, Release } from '../../releases/features.js'
import { findVersion } from '../../releases/releases.js'
import { isObject, type Json, type JsonObject } from '../../values/json.js'
import { formatGoDuration, parseDuration } from '../../values/time.js'
import type { Incomplete } from '../checks/schema.js'
import type { Argument, HostOs, PatchFile, Role, Taint } from '../cluster.js'
import { HOST_SYSTEMS } from '../cluster.js'
import type {
  ClusterConfiguration,
  InitConfiguration,
  JoinConfiguration,
} from '../kubeadm/configuration.js'
import { ALGORITHMS, CA_KEYS, JOINS, KUBELET_SERVING, TOPOLOGIES } from '../spec/schema.js'
import type { ClusterSpec } from '../spec/spec.js'

// text ─clusterDocuments→ documents ─readDocuments→ Draft ─gather→ Settings ─checks, buildCluster→ Cluster
//   A Draft is what the user wrote, in its own place. Settings have one value for each thing to decide, with
//   its place, defaults filled in, not yet judged. A Cluster is right, and no longer knows where it was written.

/** A value and where the user wrote it, or would write it where it is a default. */
export interface Given<T> {
  readonly value: T
  readonly path: string
}

/** One thing that a check found. */
export interface SpecFinding {
  readonly level: 'error' | 'warning'
  readonly issue: SpecIssue
}

type SpecDraft = Incomplete<ClusterSpec['spec']>

/** A kubeadm document in the form of v1beta4, without apiVersion and kind. */
export interface GivenDocument<T> {
  /** Path of its fields: a kind, or `spec.kubeadm.clusterConfiguration`. */
  readonly path: string
  readonly value: Incomplete<T>
}

/** A file as far as it could be read. */
export interface Draft {
  readonly source: 'kpki' | 'kubeadm'
  readonly name: Given<string> | undefined
  /** `spec` of cluster.yaml; empty for kubeadm's configuration. */
  readonly spec: SpecDraft
  readonly documents: {
    readonly init: GivenDocument<InitConfiguration>
    readonly cluster: GivenDocument<ClusterConfiguration>
    readonly join: GivenDocument<JoinConfiguration>
    readonly kubelet: GivenDocument<JsonObject>
    readonly kubeProxy: GivenDocument<JsonObject>
  }
  /** API version that each kind of kubeadm's configuration was written in. */
  readonly apis: ReadonlyMap<string, KubeadmApi>
}

/** Dotted paths of the fields below a type; lists have none. */
type PathOf<T> = T extends readonly unknown[]
  ? never
  : T extends object
    ? { [K in keyof T & string]: K | `${K}.${PathOf<NonNullable<T[K]>>}` }[keyof T & string]
    : never

/** Where cluster.yaml has a setting, below `spec`. */
type SpecPath = PathOf<ClusterSpec['spec']>

/** Where kubeadm's configuration has a setting, in the fields of v1beta4. */
export type KubeadmPath =
  | `ClusterConfiguration.${PathOf<ClusterConfiguration>}`
  | `InitConfiguration.${PathOf<InitConfiguration>}`

/** The document and the field of a place in kubeadm's configuration. */
export function placeOf(path: KubeadmPath): { readonly kind: string; readonly field: string } {
  const dot = path.indexOf('.')
  return { kind: path.slice(0, dot), field: path.slice(dot + 1) }
}

/** One thing that a user may decide: where it is written, how it is read, and what holds otherwise. */
export interface SettingRow<T> {
  readonly own?: SpecPath
  /** For what belongs to a node: of a node that joins, the same field of its JoinConfiguration. */
  readonly kubeadm?: KubeadmPath
  /** Undefined: not of this form, which the schema or a check has said. */
  readonly read: (written: Json) => T | undefined
  /** Whether two values mean the same; equality by default. */
  same?(a: T, b: T): boolean
  /** How kubeadm takes text that cluster.yaml refuses. */
  readonly sloppy?: (written: string) => string
  /** What cluster.yaml says, in kubeadm's words; the same words by default. */
  readonly toKubeadm?: (written: Json) => Json | undefined
  /** As it would be written. */
  readonly default?: Json
}

const text = (written: Json) => (typeof written === 'string' ? written : undefined)
const flag = (written: Json) => (typeof written === 'boolean' ? written : undefined)
const oneOf =
  <T extends string>(values: readonly T[]) =>
  (written: Json) =>
    values.find((value) => value === written)

/** Milliseconds. */
export const durationOf = (written: Json | undefined) =>
  typeof written === 'string' ? parseDuration(written) : undefined

const goDurationOf = (written: Json) => {
  const period = durationOf(written)
  return period === undefined ? undefined : formatGoDuration(period)
}

/** kubeadm takes leading zeros of IPv4 numbers for decimal (`netutils.ParseCIDRSloppy`). */
const unpadded = (subnet: string) => subnet.replace(/(^|[.,])0+(?=\d)/g, '$1')

/** Every setting that is one value; nodes, names of certificates and lists of users have shapes of their own. */
export const SETTINGS = {
  version: {
    own: 'kubernetesVersion',
    kubeadm: 'ClusterConfiguration.kubernetesVersion',
    read: text,
    same: (a: string, b: string) => findVersion(a)?.text === findVersion(b)?.text,
  },
  endpoint: {
    own: 'controlPlaneEndpoint',
    kubeadm: 'ClusterConfiguration.controlPlaneEndpoint',
    read: text,
  },
  serviceSubnet: {
    own: 'networking.serviceSubnet',
    kubeadm: 'ClusterConfiguration.networking.serviceSubnet',
    read: text,
    sloppy: unpadded,
    default: '10.96.0.0/12',
  },
  podSubnet: {
    own: 'networking.podSubnet',
    kubeadm: 'ClusterConfiguration.networking.podSubnet',
    read: text,
    sloppy: unpadded,
  },
  dnsDomain: {
    own: 'networking.dnsDomain',
    kubeadm: 'ClusterConfiguration.networking.dnsDomain',
    read: text,
    default: 'cluster.local',
  },
  allowOverlap: { own: 'networking.allowOverlap', read: flag, default: false },
  clusterName: { kubeadm: 'ClusterConfiguration.clusterName', read: text },
  certificatesDir: {
    kubeadm: 'ClusterConfiguration.certificatesDir',
    read: text,
    default: '/etc/kubernetes/pki',
  },
  imageRepository: {
    own: 'imageRepository',
    kubeadm: 'ClusterConfiguration.imageRepository',
    read: text,
    default: 'registry.k8s.io',
  },
  etcdDataDir: {
    kubeadm: 'ClusterConfiguration.etcd.local.dataDir',
    read: text,
    default: '/var/lib/etcd',
  },
  topology: { own: 'pki.topology', read: oneOf(TOPOLOGIES), default: 'separate' },
  keyAlgorithm: {
    own: 'pki.keyAlgorithm',
    kubeadm: 'ClusterConfiguration.encryptionAlgorithm',
    read: oneOf(ALGORITHMS),
    default: 'RSA-2048',
  },
  caValidity: {
    own: 'pki.validity.ca',
    kubeadm: 'ClusterConfiguration.caCertificateValidityPeriod',
    read: durationOf,
    toKubeadm: goDurationOf,
    default: '3650d',
  },
  certificateValidity: {
    own: 'pki.validity.certificate',
    kubeadm: 'ClusterConfiguration.certificateValidityPeriod',
    read: durationOf,
    toKubeadm: goDurationOf,
    default: '365d',
  },
  caKeys: { own: 'pki.caKeys', read: oneOf(CA_KEYS), default: 'on-control-plane' },
  kubeletServing: { own: 'pki.kubeletServing', read: oneOf(KUBELET_SERVING), default: 'signed' },
  kubeProxy: { own: 'pki.kubeProxy', read: flag, default: false },
  verifyKubelets: { own: 'apiServer.verifyKubelets', read: flag },
  hostOs: { own: 'hostOs', read: oneOf(HOST_SYSTEMS) },
  join: { own: 'join', read: oneOf(JOINS) },
  packageRepository: {
    own: 'packages.repository',
    read: text,
    default: 'https://pkgs.k8s.io',
  },
  packageKey: {
    own: 'packages.keyFingerprint',
    read: text,
    default: 'DE15B14486CD377B9E876E1A234654DA9A296436',
  },
  uniqueNames: { own: 'kubeconfig.uniqueNames', read: flag, default: false },
  server: { own: 'kubeconfig.server', read: text },
  patchesDirectory: {
    own: 'patches',
    kubeadm: 'InitConfiguration.patches.directory',
    read: text,
  },
} as const satisfies Readonly<Record<string, SettingRow<unknown>>>

type GivenFor<S> = S extends { readonly read: (written: Json) => infer T }
  ? Given<Exclude<T, undefined>> | (S extends { readonly default: Json } ? never : undefined)
  : never

/** Every row of {@link SETTINGS} with its value; undefined where nothing was written and nothing holds. */
export type Gathered = { readonly [K in keyof typeof SETTINGS]: GivenFor<(typeof SETTINGS)[K]> }

/** Names and addresses of the API server's certificate that the user adds; all that are written count. */
export const API_SERVER_SANS = {
  own: ['pki.apiServer.extraSans', 'apiServer.extraSans'],
  kubeadm: 'ClusterConfiguration.apiServer.certSANs',
} as const satisfies { own: readonly SpecPath[]; kubeadm: KubeadmPath }

/** Fields of an entry of `spec.nodes` in kubeadm's document of that node. */
export const NODE_FIELDS = {
  name: 'nodeRegistration.name',
  address: 'localAPIEndpoint.advertiseAddress',
  taints: 'nodeRegistration.taints',
} as const satisfies Readonly<Record<string, PathOf<InitConfiguration>>>

/** kubeadm's own, where neither a cluster.yaml's name nor another is given. */
export const CLUSTER_NAME = 'kubernetes'

/** The runtime's socket where none is written. */
export const CRI_SOCKETS = {
  kpki: 'unix:///run/containerd/containerd.sock',
  kubeadm: 'unix:///var/run/containerd/containerd.sock',
} as const

export interface NodeSettings {
  readonly path: string
  readonly name: Given<string> | undefined
  readonly role: Given<Role> | undefined
  readonly addresses: readonly Given<string>[]
  readonly extraSans: readonly Given<string>[]
  readonly labels: Given<Readonly<Record<string, string | undefined>>>
  readonly taints: Given<readonly Taint[]> | undefined
  readonly bindPort: number
  readonly criSocket: string
  readonly kubeletExtraArgs: readonly Argument[]
  readonly ssh: Given<SshDraft>
}

export type SshDraft = NonNullable<NonNullable<NonNullable<SpecDraft['nodes']>[number]>['ssh']>

/**
 * Every certificate that a cluster file may name, by id, with the authority that signs it; authorities have none.
 * The certificate table hands it in: what a cluster is made of is not known here.
 */
export type KnownCertificates = ReadonlyMap<string, { readonly issuer?: string }>

/** What the user wants: each setting once, with its place, defaults filled in; not yet validated. */
export interface Settings extends Draft, Gathered {
  readonly clusterName: Given<string>
  readonly hostOs: Given<HostOs>
  readonly release: Release | undefined
  readonly nodes: readonly NodeSettings[]
  /** Every node that the user listed could be read. */
  readonly nodesComplete: boolean
  readonly apiServerSans: readonly Given<string>[]
  readonly patches: readonly PatchFile[] | undefined
  /** Which certificates there are. */
  readonly certificates: KnownCertificates
}

export function mistake(path: string, message: string, fix?: string): SpecFinding {
  return { level: 'error', issue: { path, message, ...(fix === undefined ? {} : { fix }) } }
}

export function caution(path: string, message: string, fix?: string): SpecFinding {
  return { ...mistake(path, message, fix), level: 'warning' }
}

/** A mistake in cluster.yaml that kubeadm accepts in its own configuration. */
export function mistakeOf({ source }: Draft, ...finding: Parameters<typeof mistake>): SpecFinding {
  return source === 'kpki' ? mistake(...finding) : caution(...finding)
}

export function given<T>(value: T | undefined, path: string): Given<T> | undefined {
  return value === undefined ? undefined : { value, path }
}

/** The usable items of a list, each with its place. */
export function list<T>(items: readonly (T | undefined)[] | undefined, path: string): Given<T>[] {
  return (items ?? []).flatMap((value, i) => given(value, `${path}[${i}]`) ?? [])
}

/** A part of a file as plain JSON, which is what YAML and JSON hold. */
export function jsonOf(value: unknown): JsonObject {
  return isObject(value) ? value : {}
}
