// kubeadm's configuration as its users write it: the fields of v1beta4 and those that only v1beta3 has. Durations
// are Go's (`8760h0m0s`).

/** Additional flags without their leading dashes: a list that may repeat a flag (v1beta4) or a map (v1beta3). */
export type KubeadmArguments =
  | readonly {
      /** Flag without its leading dashes. */
      readonly name: string
      /** Value of the flag; empty by default. */
      readonly value?: string
    }[]
  | Readonly<Record<string, string>>

/** kubeadm’s HostPathMount: a path of the host in a static pod. */
export interface KubeadmVolume {
  /** Name of the volume in the pod. */
  readonly name: string
  /** Path on the host. */
  readonly hostPath: string
  /** Path in the pod. */
  readonly mountPath: string
  /** Mount without write access. */
  readonly readOnly?: boolean
  /** Kubernetes HostPathType, for example DirectoryOrCreate. */
  readonly pathType?: string
}

/** Kubernetes EnvVar. */
export interface KubeadmVariable {
  /** Name of the environment variable. */
  readonly name: string
  readonly value?: string
  /** Kubernetes EnvVarSource. */
  readonly valueFrom?: Readonly<Record<string, unknown>>
}

/** What a user may add to the program in a static pod. */
export interface KubeadmProgram {
  /** Additional flags: a list of {name, value} (v1beta4) or a map (v1beta3). */
  readonly extraArgs?: KubeadmArguments
  /** Additional environment variables (v1beta4). */
  readonly extraEnvs?: readonly KubeadmVariable[]
}

/** What a user may add to a static pod of the control plane. */
export interface KubeadmComponent extends KubeadmProgram {
  readonly extraVolumes?: readonly KubeadmVolume[]
}

/** kubeadm’s Timeouts (v1beta4): Go durations such as `4m0s`. */
export interface KubeadmTimeouts {
  /** Default 4m0s. */
  readonly controlPlaneComponentHealthCheck?: string
  /** Default 4m0s. */
  readonly kubeletHealthCheck?: string
  /** Default 1m0s. */
  readonly kubernetesAPICall?: string
  /** Default 2m0s. */
  readonly etcdAPICall?: string
  /** Default 5m0s. */
  readonly tlsBootstrap?: string
  /** Default 5m0s. */
  readonly discovery?: string
  /** Default 5m0s. */
  readonly upgradeManifests?: string
}

/** kubeadm’s APIEndpoint: where an API server listens. */
export interface KubeadmEndpoint {
  /** Address that the API server advertises. */
  readonly advertiseAddress?: string
  /** Port of the API server; 0 or absent: 6443. */
  readonly bindPort?: number
}

/** kubeadm’s NodeRegistrationOptions: how a node joins the cluster. */
export interface NodeRegistration {
  /** Name of the node. */
  readonly name?: string
  /** Socket of the container runtime. */
  readonly criSocket?: string
  readonly taints?: readonly {
    readonly key: string
    readonly value?: string
    readonly effect: string
    readonly timeAdded?: string
  }[]
  /** Additional flags: a list of {name, value} (v1beta4) or a map (v1beta3). */
  readonly kubeletExtraArgs?: KubeadmArguments
  /** Names of preflight checks. */
  readonly ignorePreflightErrors?: readonly string[]
  /** Always, IfNotPresent or Never. */
  readonly imagePullPolicy?: string
  /** Pull images one after the other (v1beta4). */
  readonly imagePullSerial?: boolean
}

/** What InitConfiguration and JoinConfiguration both have. */
export interface NodeConfiguration {
  readonly apiVersion?: string
  readonly kind?: string
  /** v1beta4. */
  readonly dryRun?: boolean
  readonly nodeRegistration?: NodeRegistration
  readonly patches?: {
    /** Directory with patches of the static pods. */
    readonly directory?: string
  }
  /** How long kubeadm waits (v1beta4). */
  readonly timeouts?: KubeadmTimeouts
}

/** The first control plane, for `kubeadm init`. */
export interface InitConfiguration extends NodeConfiguration {
  readonly bootstrapTokens?: readonly {
    /** Six and sixteen characters of a-z0-9, joined by a dot. */
    readonly token?: string
    readonly description?: string
    /** Default 24h0m0s. */
    readonly ttl?: string
    /** RFC 3339 time. */
    readonly expires?: string
    /** signing, authentication. */
    readonly usages?: readonly string[]
    /** Groups below system:bootstrappers:. */
    readonly groups?: readonly string[]
  }[]
  readonly localAPIEndpoint?: KubeadmEndpoint
  /** 64 hexadecimal digits. */
  readonly certificateKey?: string
  /** Phases that kubeadm init leaves out. */
  readonly skipPhases?: readonly string[]
}

/** What all nodes have in common. */
export interface ClusterConfiguration {
  readonly apiVersion?: string
  readonly kind?: string
  readonly etcd?: {
    readonly local?: KubeadmProgram & {
      /** Repository of the image. */
      readonly imageRepository?: string
      /** Tag of the image. */
      readonly imageTag?: string
      /** Data directory on the host; default /var/lib/etcd. */
      readonly dataDir?: string
      /** Additional names and addresses. */
      readonly serverCertSANs?: readonly string[]
      /** Additional names and addresses. */
      readonly peerCertSANs?: readonly string[]
    }
    readonly external?: {
      /** URLs of the members. */
      readonly endpoints?: readonly string[]
      /** URLs for HTTP only (v1beta4, Kubernetes 1.35). */
      readonly httpEndpoints?: readonly string[]
      /** CA certificate on the node. */
      readonly caFile?: string
      /** Client certificate on the node. */
      readonly certFile?: string
      /** Client key on the node. */
      readonly keyFile?: string
    }
  }
  readonly networking?: {
    /** One CIDR, or two of both families joined by a comma. */
    readonly serviceSubnet?: string
    /** One CIDR, or two of both families joined by a comma. */
    readonly podSubnet?: string
    /** Default cluster.local. */
    readonly dnsDomain?: string
  }
  /** For example v1.28.7. */
  readonly kubernetesVersion?: string
  /** host or host:port. */
  readonly controlPlaneEndpoint?: string
  readonly apiServer?: KubeadmComponent & {
    /** Additional names and addresses. */
    readonly certSANs?: readonly string[]
    /** v1beta3; default 4m0s. */
    readonly timeoutForControlPlane?: string
  }
  readonly controllerManager?: KubeadmComponent
  readonly scheduler?: KubeadmComponent
  readonly dns?: {
    /** Repository of the image. */
    readonly imageRepository?: string
    /** Tag of the image. */
    readonly imageTag?: string
    /** Install no CoreDNS (v1beta4). */
    readonly disabled?: boolean
  }
  readonly proxy?: {
    /** Install no kube-proxy (v1beta4). */
    readonly disabled?: boolean
  }
  /** Default /etc/kubernetes/pki. */
  readonly certificatesDir?: string
  /** Default registry.k8s.io. */
  readonly imageRepository?: string
  readonly featureGates?: Readonly<Record<string, boolean>>
  /** Default kubernetes. */
  readonly clusterName?: string
  /** Key algorithm (v1beta4). */
  readonly encryptionAlgorithm?: string
  /** v1beta4; default 8760h0m0s. */
  readonly certificateValidityPeriod?: string
  /** v1beta4; default 87600h0m0s. */
  readonly caCertificateValidityPeriod?: string
}

/** A node that joins, for `kubeadm join`. */
export interface JoinConfiguration extends NodeConfiguration {
  /** Default /etc/kubernetes/pki/ca.crt. */
  readonly caCertPath?: string
  readonly discovery?: {
    readonly bootstrapToken?: {
      readonly token?: string
      /** host:port. */
      readonly apiServerEndpoint?: string
      /** sha256:<hexadecimal digits>. */
      readonly caCertHashes?: readonly string[]
      readonly unsafeSkipCAVerification?: boolean
    }
    readonly file?: { readonly kubeConfigPath: string }
    readonly tlsBootstrapToken?: string
    /** v1beta3; default 5m0s. */
    readonly timeout?: string
  }
  readonly controlPlane?: {
    readonly localAPIEndpoint?: KubeadmEndpoint
    /** 64 hexadecimal digits. */
    readonly certificateKey?: string
  }
  /** Phases that kubeadm join leaves out. */
  readonly skipPhases?: readonly string[]
}

/** Passed through: only the fields that kpki itself reads or writes are named here. */
export interface KubeletConfiguration {
  readonly [field: string]: unknown
  readonly apiVersion?: string
  readonly kind?: string
  /** Authentication of requests to the kubelet. */
  readonly authentication?: Readonly<Record<string, unknown>>
  /** Authorization of requests to the kubelet. */
  readonly authorization?: Readonly<Record<string, unknown>>
  readonly cgroupDriver?: string
  readonly clusterDNS?: readonly string[]
  readonly clusterDomain?: string
  readonly healthzBindAddress?: string
  readonly healthzPort?: number
  readonly readOnlyPort?: number
  readonly resolvConf?: string
  readonly rotateCertificates?: boolean
  readonly serverTLSBootstrap?: boolean
  readonly staticPodPath?: string
  readonly tlsCertFile?: string
  readonly tlsPrivateKeyFile?: string
}

/** Passed through. */
export interface KubeProxyConfiguration {
  readonly [field: string]: unknown
  readonly apiVersion?: string
  readonly kind?: string
  readonly bindAddress?: string
  readonly clusterCIDR?: string
  readonly mode?: string
}
