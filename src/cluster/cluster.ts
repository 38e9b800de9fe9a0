import type { KeyAlgorithm } from '../ca/keys/algorithms.js'
import type { Release } from '../releases/features.js'
import type { Endpoint } from '../values/addresses.js'
import type { JsonObject } from '../values/json.js'

/** What a node is in the cluster. */
export type Role = 'control-plane' | 'worker'
/** The operating systems that nodes may have; `none`: nothing is known of it. */
export const HOST_SYSTEMS = ['ubuntu', 'debian', 'rhel', 'none'] as const

/** Operating system of the nodes: decides which folders of CA certificates are mounted, and resolvConf. */
export type HostOs = (typeof HOST_SYSTEMS)[number]
/** How many authorities there are, and who stands above whom. */
export type Topology = 'separate' | 'single' | 'hierarchy'

/** One command-line argument without its leading dashes, as kubeadm's v1beta4 writes it. */
export interface Argument {
  readonly name: string
  readonly value: string
}

/** kubeadm's HostPathMount. */
export interface ExtraVolume {
  readonly name: string
  readonly hostPath: string
  readonly mountPath: string
  readonly readOnly: boolean
  /** Kubernetes HostPathType; empty: no check. */
  readonly pathType: string
}

/** A taint of a node (Kubernetes core/v1). */
export interface Taint {
  readonly key: string
  readonly value?: string
  readonly effect: string
}

/** What kubeadm lets a user add to one control-plane component. */
export interface ComponentSettings {
  readonly extraArgs: readonly Argument[]
  readonly extraVolumes: readonly ExtraVolume[]
  /** Kubernetes EnvVar objects. */
  readonly extraEnvs: readonly JsonObject[]
}

/** What a user may set of the API server. */
export interface ApiServerSettings extends ComponentSettings {
  /** Additional names and addresses of the API server certificate, normalised as kubeadm does (lower case). */
  readonly certSans: readonly string[]
  /** `--kubelet-certificate-authority` is rendered (CIS 1.2.5). */
  readonly verifyKubelets: boolean
}

/** Stacked etcd: a member on every control plane. */
export interface LocalEtcd extends ComponentSettings {
  readonly kind: 'local'
  readonly dataDir: string
  readonly imageRepository?: string
  readonly imageTag?: string
  readonly serverCertSans: readonly string[]
  readonly peerCertSans: readonly string[]
}

/** An etcd that is not a part of the cluster: where it is, and the files that the API server calls it with. */
export interface ExternalEtcd {
  readonly kind: 'external'
  readonly endpoints: readonly string[]
  readonly httpEndpoints: readonly string[]
  /** Absolute paths on the node; empty when not given. */
  readonly caFile: string
  readonly certFile: string
  readonly keyFile: string
}

/** How provisioning reaches a node. Every field is optional: OpenSSH's own configuration fills the rest. */
export interface SshSettings {
  readonly host?: string
  readonly port?: number
  readonly user?: string
  readonly identityFile?: string
  readonly proxyJump?: string
  /** Accepted host keys: known_hosts key text (`ssh-ed25519 AAAA…`) or `SHA256:…` fingerprints. */
  readonly hostKeys: readonly string[]
}

/** One machine of a cluster. */
export interface ClusterNode {
  /** Kubernetes node name (RFC 1123, lower case). */
  readonly name: string
  readonly role: Role
  /** True for the control plane that kubeadm init runs on. */
  readonly initial: boolean
  /** IP addresses; the first one is advertised. */
  readonly addresses: readonly string[]
  /** Port of the API server on this node; 6443 by default. */
  readonly bindPort: number
  /** Further names and addresses for this node's serving certificates. */
  readonly extraSans: readonly string[]
  readonly labels: Readonly<Record<string, string>>
  /** Undefined: kubeadm's default taint on control planes. */
  readonly taints?: readonly Taint[]
  readonly criSocket: string
  readonly kubeletExtraArgs: readonly Argument[]
  readonly ssh: SshSettings
}

/** A person or program that gets a certificate of its own (`spec.pki.users`). */
export interface UserSettings {
  readonly name: string
  readonly groups: readonly string[]
  /** Milliseconds. */
  readonly validity?: number
}

/** Overrides for one row of the certificate table. */
export interface CertificateSettings {
  readonly keyAlgorithm?: KeyAlgorithm
  /** Milliseconds. */
  readonly validity?: number
}

/** What a user may set of the certificates. */
export interface PkiSettings {
  readonly topology: Topology
  readonly keyAlgorithm: KeyAlgorithm
  /** Milliseconds. */
  readonly validity: { readonly ca: number; readonly certificate: number }
  readonly caKeys: 'on-control-plane' | 'offline'
  readonly kubeletServing: 'signed' | 'self-signed'
  /** Organization, organizational unit and country of the CAs' subjects. */
  readonly caSubject: {
    readonly O?: string
    readonly OU?: string
    readonly C?: string
  }
  /** A client certificate and kubeconfig for kube-proxy. */
  readonly kubeProxy: boolean
  readonly users: readonly UserSettings[]
  /** By certificate id. */
  readonly certificates: Readonly<Record<string, CertificateSettings>>
}

/** What only provisioning reads. */
export interface ProvisionSettings {
  readonly cni:
    | { readonly type: 'none' }
    | { readonly type: 'cilium'; readonly version: string; readonly values: JsonObject }
    | {
        readonly type: 'manifest'
        readonly file?: string
        readonly url?: string
        readonly sha256?: string
      }
  readonly join: 'token' | 'files'
  readonly packages: {
    /** Base address of the package repository; `https://pkgs.k8s.io` by default. */
    readonly repository: string
    /** Fingerprint of the repository's signing key, upper-case hexadecimal. */
    readonly keyFingerprint: string
  }
  readonly namespaces: readonly string[]
  /** Files or addresses applied after the cluster is up. */
  readonly manifests: readonly string[]
}

/** A kubeadm patch file: `target[suffix][+strategic|merge|json].{json,yaml}`. */
export interface PatchFile {
  readonly name: string
  readonly text: string
}

/** kubeadm's own documents as the user gave them, in the field names of v1beta4. */
export interface KubeadmDocuments {
  readonly initConfiguration: JsonObject
  readonly clusterConfiguration: JsonObject
  readonly joinConfiguration: JsonObject
  readonly kubeletConfiguration: JsonObject
  readonly kubeProxyConfiguration: JsonObject
}

/**
 * A resolved cluster: complete, validated, every default filled in. Everything else is computed from it.
 */
export interface Cluster {
  /** `metadata.name`. */
  readonly name: string
  /** kubeadm's clusterName: the cluster entry of kubeconfigs and `--cluster-name`. */
  readonly clusterName: string
  /** Which kind of file it came from; some defaults differ. */
  readonly source: 'kpki' | 'kubeadm'
  readonly release: Release
  readonly nodes: readonly ClusterNode[]
  /** Undefined: the first control plane's own address. A port of 0 stands for the node's bind port. */
  readonly controlPlaneEndpoint?: Endpoint
  readonly networking: {
    /** One or two CIDRs, as written. */
    readonly serviceSubnets: readonly string[]
    /** None, one or two CIDRs, as written. */
    readonly podSubnets: readonly string[]
    readonly dnsDomain: string
  }
  /** Absolute path on the nodes, clean: without `.`, `..`, doubled or trailing slashes. */
  readonly certificatesDir: string
  readonly imageRepository: string
  readonly dns: { readonly imageRepository?: string; readonly imageTag?: string }
  readonly etcd: LocalEtcd | ExternalEtcd
  readonly apiServer: ApiServerSettings
  readonly controllerManager: ComponentSettings
  readonly scheduler: ComponentSettings
  readonly featureGates: Readonly<Record<string, boolean>>
  /** Seconds until a control-plane component counts as failed: the startup probes' budget. */
  readonly componentTimeoutSeconds: number
  /** kubeadm's `--hostname-override` is rendered. */
  readonly hostnameOverride: boolean
  readonly hostOs: HostOs
  readonly pki: PkiSettings
  readonly kubeconfig: {
    readonly uniqueNames: boolean
    /** Server address in the operator's admin.conf, where it differs from the control-plane endpoint. */
    readonly server?: string
  }
  readonly kubeadm: KubeadmDocuments
  /** Patches for static pods and the kubelet's configuration, in the order of their file names. */
  readonly patches: readonly PatchFile[]
  readonly provision: ProvisionSettings
}

/**
 * Control planes in order; the first one is where kubeadm init runs.
 *
 * @example
 * ```ts
 * import { readFile } from 'node:fs/promises'
 * import { controlPlanes, parseCluster } from 'kpki'
 *
 * const { cluster } = parseCluster(await readFile('cluster.yaml', 'utf8'))
 * console.log(controlPlanes(cluster).map(({ name }) => name))
 * ```
 */
export function controlPlanes(cluster: Cluster): readonly ClusterNode[] {
  return cluster.nodes.filter((node) => node.role === 'control-plane')
}
