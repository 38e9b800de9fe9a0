import type { KeyAlgorithm } from '../ca/keys/algorithms.js'

/** A Kubernetes version as kpki reads it: `v1.28.7`. */
export interface KubernetesVersion {
  /** With a leading `v`; a pre-release or build suffix is kept. */
  readonly text: string
  /** `1.28` */
  readonly minor: string
  readonly patch: number
}

/** API versions of kubeadm's configuration. */
export type KubeadmApi = 'kubeadm.k8s.io/v1beta3' | 'kubeadm.k8s.io/v1beta4'

/** HTTP paths of one component's probes; without `readiness` there is no such probe. */
export interface ProbePaths {
  readonly liveness: string
  readonly readiness?: string
  readonly startup: string
}

/** A kubeadm feature gate in one release. */
export interface FeatureGate {
  readonly stage: 'alpha' | 'beta' | 'ga' | 'deprecated'
  readonly default: boolean
}

/** A ClusterRoleBinding that certificates of a release rely on. */
export type BindingName = 'kubeadm:cluster-admins' | 'kubeadm:apiserver-kubelet-client'

/** What is the same for every patch of a minor. */
export interface MinorFeatures {
  /** super-admin.conf exists, and admin.conf is no longer system:masters (kubernetes#121305). */
  readonly superAdminConf: boolean
  /** Organization of admin.conf's client certificate. */
  readonly adminGroup: 'system:masters' | 'kubeadm:cluster-admins'
  /** Organization of the API server's and the health check's etcd client certificates, if any. */
  readonly etcdClientGroup: 'system:masters' | undefined
  /** Where kubeadm takes a leaf's NotBefore from: its authority's, or five minutes before it ran. */
  readonly leafNotBefore: 'authority' | 'issuance'
  /** kubeadm's configuration can set validity periods. */
  readonly configuredValidity: boolean
  /** Key algorithms that kubeadm of this release can make. */
  readonly keyAlgorithms: readonly KeyAlgorithm[]
  /** How kubeadm is told the algorithm: a feature gate, or `encryptionAlgorithm`. */
  readonly keyAlgorithmSetting: 'PublicKeysECDSA' | 'encryptionAlgorithm'
  /** How the subject key identifier of an authority is computed: SHA-1, or SHA-256 cut to 160 bits. */
  readonly subjectKeyIdentifier: 'sha1' | 'sha256-160'
  /** How kubeadm compares the authority of an existing kubeconfig with its own. */
  readonly kubeconfigAuthority: 'same-bytes' | 'common-anchor'

  /** kubelet.conf of a control plane names the node's own API server. */
  readonly kubeletLocalEndpoint: boolean
  /** Kubeconfigs carry the empty `preferences` (kubernetes#131741). */
  readonly kubeconfigPreferences: boolean

  /** API version of the configuration that this release's kubeadm writes and prefers. */
  readonly kubeadmApi: KubeadmApi
  /** Every API version of the configuration that this release's kubeadm reads. */
  readonly kubeadmApis: readonly KubeadmApi[]
  /** `etcd.external.httpEndpoints` is known (kubernetes#134890). */
  readonly externalEtcdHttpEndpoints: boolean

  /**
   * How a user's arguments join the defaults:
   * `replace` one value a flag, all sorted by flag;
   * `repeat` a named flag loses all its defaults, then all sorted by flag and value;
   * `append` as `repeat`, but only the defaults are sorted and the user's follow in their own order.
   */
  readonly extraArgs: 'replace' | 'repeat' | 'append'
  /** The user's authorization modes are filtered, or taken verbatim and left out beside `authorization-config`. */
  readonly authorizationMode: 'filtered' | 'verbatim'
  readonly etcdProbes: ProbePaths
  readonly schedulerProbes: ProbePaths
  /** Probes refer to a container port by the name `probe-port` (kubernetes#132776). */
  readonly namedProbePorts: boolean
  /** Corruption check and progress notification: experimental flags, current flags, or by the etcd tag. */
  readonly etcdFlags: 'experimental' | 'by-tag' | 'current'
  /** Directories that kubeadm mounts into API server and controller manager where the host has them. */
  readonly caDirectories: readonly string[]
  readonly flexvolumeMount: boolean
  /** Objects are written with `creationTimestamp: null` (kubernetes#130989). */
  readonly creationTimestamp: boolean
  /** Order of kubeadm's environment variables; kpki always sorts them. */
  readonly envOrder: 'random' | 'sorted'

  /** The container runtime's socket is in instance-config.yaml and config.yaml, unless the gate says otherwise. */
  readonly nodeLocalCriSocket: boolean
  /** The pause image is a kubelet flag (until kubernetes#133778). */
  readonly pauseImageFlag: boolean
  /** Zero values that config.yaml shows besides those of 1.28. */
  readonly kubeletConfigKeys: readonly (
    | 'imageMaximumGCAge'
    | 'logging.options.text'
    | 'crashLoopBackOff'
  )[]
  /** `resolvConf` is part of the cluster's kubelet configuration, or each node finds its own. */
  readonly resolvConf: 'cluster' | 'node'

  /** Gates that `featureGates` accepts. */
  readonly featureGates: Readonly<Record<string, FeatureGate>>
  readonly patchTargets: readonly string[]
  /** `kubeadm init --skip-phases` names of the top level, in their order. */
  readonly initPhases: readonly string[]
  /** `kubeadm join --skip-phases` names of the top level, in their order. */
  readonly joinPhases: readonly string[]
  /** Sub-phase of kubelet-finalize that points kubelet.conf to the rotating certificate. */
  readonly kubeletFinalizePhase: 'experimental-cert-rotation' | 'enable-client-cert-rotation'
  /** Order of `kubeadm config images list` after the four core images. */
  readonly imageOrder: readonly ('pause' | 'etcd' | 'coredns')[]
  /** Oldest external etcd that kubeadm accepts. */
  readonly minimumExternalEtcd: string
  /** How many minors a kubelet may be older than the control plane, as kubeadm checks it. */
  readonly kubeletSkew: 1 | 3
  readonly pauseImage: string
  /**
   * The minor of Go whose behaviour the components have: what their `go.mod` says (`godebug default`, else `go`). It
   * stays for the life of a Kubernetes minor, though later patches are compiled with a newer Go.
   */
  readonly go: string
}

/** A value by patch: each entry holds from its patch on, in ascending order, the first from patch 0. */
export type ByPatch<T> = readonly (readonly [from: number, value: T])[]

/** What changes between the patches of a minor. */
export interface PatchFeatures {
  /** kubeadm sizes startup probes by v1beta3's `apiServer.timeoutForControlPlane` (kubernetes#133513). */
  readonly v1beta3Timeout: ByPatch<boolean>
  readonly etcdImage: ByPatch<string>
  readonly corednsImage: ByPatch<string>
  /** Organization of apiserver-kubelet-client, if any (kubernetes#121837, #138957). */
  readonly kubeletClientGroup: ByPatch<'system:masters' | 'kubeadm:cluster-admins' | undefined>
}

/** One minor of Kubernetes. */
export interface ReleaseRow extends MinorFeatures, PatchFeatures {
  /** `1.28` */
  readonly minor: string
  /** Newest patch that kpki knows; later ones are read like this one. */
  readonly newestPatch: number
}

/** What a row says besides what it takes over from the minor before it; `null` removes a gate. */
export interface ReleaseChange extends Partial<Omit<ReleaseRow, 'featureGates'>> {
  readonly minor: string
  readonly newestPatch: number
  readonly etcdImage: ByPatch<string>
  readonly featureGates?: Readonly<Record<string, FeatureGate | null>>
}

/** Everything that depends on the Kubernetes release, each as a named feature, for one patch. */
export interface Release extends MinorFeatures {
  readonly version: KubernetesVersion
  /** Default image tags. */
  readonly images: {
    readonly etcd: string
    readonly coredns: string
    readonly pause: string
  }
  /** Organization of apiserver-kubelet-client, if any. */
  readonly kubeletClientGroup: 'system:masters' | 'kubeadm:cluster-admins' | undefined
  /** kubeadm sizes startup probes by v1beta3's `apiServer.timeoutForControlPlane` (kubernetes#133513). */
  readonly v1beta3Timeout: boolean
  /** Bindings without which certificates of this release have no rights. */
  readonly bindings: readonly BindingName[]
}
