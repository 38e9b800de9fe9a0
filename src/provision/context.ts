import type { Cluster, ClusterNode } from '../cluster/cluster.js'
import type { FileTree } from '../files/tree.js'
import type { HostFacts } from './host/facts.js'
import type { Digest } from './host/transforms.js'
import type { Secret } from './run/remote.js'

/** Something that is applied through the API server: text, or an address that the host fetches. */
export interface AppliedDocument {
  readonly name: string
  readonly text?: Secret<string>
  readonly url?: string
  /** Hexadecimal SHA-256 that the content must have. */
  readonly sha256?: string
}

/** What the caller decides besides the cluster file. */
export interface StepOptions {
  /** `init`: one `kubeadm init` with skipped phases; `phases`: its remaining phases one by one. */
  readonly method: 'init' | 'phases'
  readonly containerd: 'distribution' | 'docker'
  /** Address of a mirror by the registry it stands for. */
  readonly registryMirrors: Readonly<Record<string, string>>
  /** Fingerprints (hexadecimal SHA-256) of authorities on hosts that may be replaced. */
  readonly replaceCa: readonly string[]
  /** Fetch nothing from the network: packages must be there, or come from sources that apt has. */
  readonly offline: boolean
}

/** How the steps go where nothing else is asked for. */
export const STEP_DEFAULTS: StepOptions = {
  method: 'init',
  containerd: 'distribution',
  registryMirrors: {},
  replaceCa: [],
  offline: false,
}

/** What comes from the operator's side: read once, before any host is asked. */
export interface Inputs {
  readonly cluster: Cluster
  /** By node name. */
  readonly trees: ReadonlyMap<string, FileTree>
  /** admin.conf for people. */
  readonly adminKubeconfig: string
  /** What the operator's kubeconfig holds now (undefined: there is none); without it the file is left alone. */
  readonly operatorKubeconfig?: (() => string | undefined) | undefined
  /** `manifests:` of the cluster file, loaded. */
  readonly manifests: readonly AppliedDocument[]
  /** The manifest of `cni: { type: manifest }`, loaded. */
  readonly cniManifest?: AppliedDocument | undefined
  readonly options: StepOptions
  readonly digest: Digest
}

/** What one step sees of one host. */
export interface StepContext extends Inputs {
  readonly node: ClusterNode
  readonly tree: FileTree
  readonly facts: HostFacts
  /** Facts of every host that was asked, this one included. */
  readonly peers: ReadonlyMap<string, HostFacts>
}

/** kubeadm join runs on this node: further control planes always, workers with `join: token`. */
export function joinsByKubeadm(cluster: Cluster, node: ClusterNode): boolean {
  if (node.initial) return false
  return node.role === 'control-plane' || cluster.provision.join === 'token'
}

export const ADMIN_CONF = '/etc/kubernetes/admin.conf'
