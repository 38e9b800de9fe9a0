import type { KeyAlgorithm } from '../../ca/keys/algorithms.js'
import type { HostOs, Role, Topology } from '../cluster.js'
import type {
  ClusterConfiguration,
  InitConfiguration,
  JoinConfiguration,
  KubeletConfiguration,
  KubeProxyConfiguration,
} from '../kubeadm/configuration.js'

/** How provisioning reaches a node. */
export interface SshSpec {
  /** Host name or address to connect to; the node address by default. */
  readonly host?: string
  /** Port of sshd; 22 by default. */
  readonly port?: number
  /** Login name; OpenSSH's own configuration by default. */
  readonly user?: string
  /** Private key file on this machine. */
  readonly identityFile?: string
  /** Jump hosts as for ssh -J: user@host:port, comma-separated. */
  readonly proxyJump?: string
  /** Accepted host keys: "ssh-ed25519 AAAA…" or "SHA256:…" fingerprints. */
  readonly hostKeys?: readonly string[]
}

/** A machine of the cluster. */
export interface NodeSpec {
  /** Kubernetes node name: RFC 1123, lower case, at most 52 characters. */
  readonly name: string
  /** The first control plane is where kubeadm init runs. */
  readonly role: Role
  /** IP address that the node is reached at; or use addresses. */
  readonly address?: string
  /** IPv4 and IPv6 address; the first one is advertised. */
  readonly addresses?: readonly string[]
  /** Further names and addresses for the node's serving certificates. */
  readonly extraSans?: readonly string[]
  /** Node labels. */
  readonly labels?: Readonly<Record<string, string>>
  /** Node taints; an empty list also removes the control plane's own taint. */
  readonly taints?: readonly {
    /** Key of the taint. */
    readonly key: string
    /** Value of the taint. */
    readonly value?: string
    /** What the taint does. */
    readonly effect: 'NoSchedule' | 'PreferNoSchedule' | 'NoExecute'
  }[]
  /** How provisioning reaches the node; OpenSSH's own configuration fills the rest. */
  readonly ssh?: SshSpec
}

/** Certificates and keys. */
export interface PkiSpec {
  /**
   * separate: three CAs as kubeadm; single: one CA for everything; hierarchy: an offline root above three
   * issuing CAs. Default separate.
   */
  readonly topology?: Topology
  /** Algorithm of every key. Default RSA-2048. */
  readonly keyAlgorithm?: KeyAlgorithm
  readonly validity?: {
    /**
     * Validity of CAs; default 3650d. Days (365d), years of 365 days (10y) or a Go duration (8760h).
     */
    readonly ca?: string
    /**
     * Validity of all other certificates; default 365d. Days (365d), years of 365 days (10y) or a Go duration
     * (8760h).
     */
    readonly certificate?: string
  }
  /** offline: no CA key enters a node. Default on-control-plane. */
  readonly caKeys?: 'on-control-plane' | 'offline'
  /** signed: kubelets serve with certificates of the cluster CA. Default signed. */
  readonly kubeletServing?: 'signed' | 'self-signed'
  /** Additions to the subjects of the CAs. */
  readonly subject?: {
    /** Organization, at most 64 characters. */
    readonly O?: string
    /** Organizational unit, at most 64 characters. */
    readonly OU?: string
    /** Country, two letters (ISO 3166). */
    readonly C?: string
  }
  readonly apiServer?: {
    /** Further names and addresses of the API server certificate. */
    readonly extraSans?: readonly string[]
  }
  /** A client certificate and kubeconfig for kube-proxy. Default false. */
  readonly kubeProxy?: boolean
  readonly users?: readonly {
    /** User name: the certificate's CN, at most 64 characters. */
    readonly name: string
    /** Groups: the certificate's O. */
    readonly groups?: readonly string[]
    /**
     * Validity; that of certificates by default. Days (365d), years of 365 days (10y) or a Go duration (8760h).
     */
    readonly validity?: string
  }[]
  /** Exceptions by certificate id, for example apiserver or etcd-ca. */
  readonly certificates?: Readonly<
    Record<
      string,
      {
        /** Algorithm of this key. */
        readonly keyAlgorithm?: KeyAlgorithm
        /**
         * Validity of this certificate. Days (365d), years of 365 days (10y) or a Go duration (8760h).
         */
        readonly validity?: string
      }
    >
  >
}

/** Pod network that provisioning installs. */
export type CniSpec =
  | { readonly type: 'none' }
  | {
      readonly type: 'cilium'
      /** Version of Cilium, for example 1.15.1. */
      readonly version: string
      /** Values of its Helm chart. */
      readonly values?: Readonly<Record<string, unknown>>
    }
  | {
      readonly type: 'manifest'
      /** File on this machine. */
      readonly file?: string
      /** https:// address. */
      readonly url?: string
      /** Checksum of the manifest, 64 hexadecimal digits. */
      readonly sha256?: string
    }

/** A cluster.yaml as a value: what the user says, before defaults. */
export interface ClusterSpec {
  readonly apiVersion: 'kpki/v1alpha1'
  readonly kind: 'Cluster'
  readonly metadata: {
    /** Name of the cluster: an RFC 1123 label. */
    readonly name: string
  }
  readonly spec: {
    /** For example v1.28.7; 1.28 takes the newest patch that kpki knows. */
    readonly kubernetesVersion: string
    /** host or host:port of the API; needed with more than one control plane. */
    readonly controlPlaneEndpoint?: string
    readonly networking?: {
      /** CIDR of services, or two of both families joined by a comma. Default 10.96.0.0/12. */
      readonly serviceSubnet?: string
      /** CIDR of pods, or two of both families joined by a comma. */
      readonly podSubnet?: string
      /** Domain of the cluster's DNS. Default cluster.local. */
      readonly dnsDomain?: string
      /** Accept subnets that overlap. Default false. */
      readonly allowOverlap?: boolean
    }
    /** Default registry.k8s.io. */
    readonly imageRepository?: string
    /** The machines of the cluster. */
    readonly nodes: readonly NodeSpec[]
    /** Certificates and keys. */
    readonly pki?: PkiSpec
    readonly apiServer?: {
      /** The API server verifies kubelets (CIS 1.2.5). Default: kubeletServing is signed. */
      readonly verifyKubelets?: boolean
      /** The same as pki.apiServer.extraSans. */
      readonly extraSans?: readonly string[]
    }
    /** Operating system of the nodes: decides CA-directory mounts and resolvConf. Default ubuntu. */
    readonly hostOs?: HostOs
    /** Pod network that provisioning installs. Default none. */
    readonly cni?: CniSpec
    /** How provisioning joins nodes: bootstrap token, or certificates laid down. Default token. */
    readonly join?: 'token' | 'files'
    /** Where provisioning takes kubelet and kubeadm from. */
    readonly packages?: {
      /** Package repository. Default https://pkgs.k8s.io. */
      readonly repository?: string
      /** Fingerprint of its signing key, 40 or 64 hexadecimal digits. */
      readonly keyFingerprint?: string
    }
    /** Namespaces that provisioning creates. */
    readonly namespaces?: readonly string[]
    /** Files or https:// addresses applied once the cluster is up. */
    readonly manifests?: readonly string[]
    /** The operator's kubeconfig. */
    readonly kubeconfig?: {
      /** Add the cluster's name to user and context names. Default false. */
      readonly uniqueNames?: boolean
      /** https:// address of the API server in the operator's kubeconfig. */
      readonly server?: string
    }
    /** Directory with patches as kubeadm names them: target[suffix][+type].{json,yaml}. */
    readonly patches?: string
    /** kubeadm's own fields in kubeadm's own words (v1beta3 or v1beta4). */
    readonly kubeadm?: {
      readonly clusterConfiguration?: ClusterConfiguration
      readonly initConfiguration?: InitConfiguration
      readonly joinConfiguration?: JoinConfiguration
      readonly kubeletConfiguration?: KubeletConfiguration
      readonly kubeProxyConfiguration?: KubeProxyConfiguration
    }
  }
}
