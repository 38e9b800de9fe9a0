import type { KeyAlgorithm } from '../../ca/keys/algorithms.js'
import type { SpecIssue } from '../../errors.js'
import type { KubeadmApi, Release } from '../../releases/releases.js'
import type { JsonObject } from '../../values/json.js'
import type { Incomplete } from '../checks/schema.js'
import type { Argument, HostOs, PatchFile, Role, Taint } from '../cluster.js'
import type {
  ClusterConfiguration,
  InitConfiguration,
  JoinConfiguration,
} from '../kubeadm/schema.js'
import type { ClusterSpec } from '../spec/schema.js'

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

export interface NodeSettings {
  readonly path: string
  readonly name: Given<string> | undefined
  readonly role: Given<Role> | undefined
  readonly addresses: readonly Given<string>[]
  readonly extraSans: readonly Given<string>[]
  readonly labels: Given<Readonly<Record<string, string | undefined>>>
  readonly taints: Given<readonly Taint[]> | undefined
  readonly bindPort: Given<number>
  readonly criSocket: Given<string>
  readonly kubeletExtraArgs: readonly Argument[]
  readonly ssh: Given<SshDraft>
}

export type SpecDraft = Incomplete<ClusterSpec['spec']>
type NodeDraft = NonNullable<NonNullable<SpecDraft['nodes']>[number]>
export type SshDraft = NonNullable<NodeDraft['ssh']>
export type PkiDraft = NonNullable<SpecDraft['pki']>

/** A kubeadm document in the form of v1beta4, without apiVersion and kind. */
export interface GivenDocument<T> {
  /** Path of its fields: a kind, or `spec.kubeadm.clusterConfiguration`. */
  readonly path: string
  readonly value: Incomplete<T>
  readonly json: JsonObject
}

export interface DocumentApi {
  readonly kind: string
  readonly api: KubeadmApi
}

export interface GivenDocuments {
  readonly init: GivenDocument<InitConfiguration>
  readonly cluster: GivenDocument<ClusterConfiguration>
  readonly join: GivenDocument<JoinConfiguration>
  readonly kubelet: GivenDocument<JsonObject>
  readonly kubeProxy: GivenDocument<JsonObject>
}

/**
 * Every certificate that a cluster file may name, by id, with the authority that signs it; authorities have none.
 * The certificate table hands it in: what a cluster is made of is not known here.
 */
export type KnownCertificates = ReadonlyMap<string, { readonly issuer?: string }>

/**
 * What the user wants, collected from cluster.yaml and kubeadm's documents, defaults filled in, each value
 * with its place; not yet validated.
 */
export interface Settings {
  readonly source: 'kpki' | 'kubeadm'
  readonly name: Given<string> | undefined
  readonly clusterName: Given<string>
  readonly version: Given<string> | undefined
  readonly release: Release | undefined
  readonly endpoint: Given<string> | undefined
  readonly serviceSubnet: Given<string>
  readonly podSubnet: Given<string> | undefined
  readonly dnsDomain: Given<string>
  readonly allowOverlap: boolean
  readonly certificatesDir: Given<string>
  readonly imageRepository: Given<string>
  readonly nodes: readonly NodeSettings[]
  /** Every node that the user listed could be read. */
  readonly nodesComplete: boolean
  readonly keyAlgorithm: Given<KeyAlgorithm>
  readonly validity: { readonly ca: Given<number>; readonly certificate: Given<number> }
  readonly apiServerSans: readonly Given<string>[]
  readonly hostOs: HostOs
  readonly patchesDirectory: Given<string> | undefined
  readonly patches: readonly PatchFile[] | undefined
  readonly documents: GivenDocuments
  /** Which certificates there are. */
  readonly certificates: KnownCertificates
  /** API version of every document of kubeadm's configuration. */
  readonly apis: readonly DocumentApi[]
  /** The rest of `spec`; empty for kubeadm's configuration. */
  readonly spec: SpecDraft
}

/** What was read, before it is collected into settings. */
export interface Input {
  readonly source: Settings['source']
  readonly name: Given<string> | undefined
  readonly spec: SpecDraft
  readonly documents: GivenDocuments
  readonly apis: readonly DocumentApi[]
  readonly certificates: KnownCertificates
  readonly options: { readonly hostOs?: HostOs; readonly patches?: readonly PatchFile[] }
}

export function mistake(path: string, message: string, fix?: string): SpecFinding {
  return { level: 'error', issue: { path, message, ...(fix === undefined ? {} : { fix }) } }
}

export function caution(path: string, message: string, fix?: string): SpecFinding {
  return { level: 'warning', issue: { path, message, ...(fix === undefined ? {} : { fix }) } }
}

/** A mistake in cluster.yaml that kubeadm accepts in its own configuration. */
export function mistakeOf(
  settings: Settings,
  path: string,
  message: string,
  fix?: string,
): SpecFinding {
  return settings.source === 'kpki' ? mistake(path, message, fix) : caution(path, message, fix)
}

export function given<T>(value: T | undefined, path: string): Given<T> | undefined {
  return value === undefined ? undefined : { value, path }
}

/** The usable items of a list, each with its place. */
export function list<T>(items: readonly (T | undefined)[] | undefined, path: string): Given<T>[] {
  return (items ?? []).flatMap((value, i) =>
    value === undefined ? [] : [{ value, path: `${path}[${i}]` }],
  )
}
