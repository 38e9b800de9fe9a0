/** A Kubernetes version as kpki reads it: `v1.28.7`. */
export interface KubernetesVersion {
  /** With a leading `v`. */
  readonly text: string
  /** `1.28` */
  readonly minor: string
  readonly patch: number
}

/** Everything that depends on the Kubernetes release, each as a named feature. */
export interface Release {
  readonly version: KubernetesVersion
  readonly images: { readonly etcd: string; readonly coredns: string; readonly pause: string }
  /** API version of the configuration that this release's kubeadm writes and prefers. */
  readonly kubeadmApi: 'kubeadm.k8s.io/v1beta3' | 'kubeadm.k8s.io/v1beta4'
  /** super-admin.conf exists, and admin.conf is no longer system:masters. */
  readonly superAdminConf: boolean
  /** Organization of admin.conf's client certificate. */
  readonly adminGroup: 'system:masters' | 'kubeadm:cluster-admins'
  /** Organization of apiserver-kubelet-client, if any. */
  readonly kubeletClientGroup: 'system:masters' | 'kubeadm:cluster-admins' | undefined
  /** Organization of the API server's and the health check's etcd client certificates, if any. */
  readonly etcdClientGroup: 'system:masters' | undefined
  /** kubelet.conf of a control plane names the node's own API server. */
  readonly kubeletLocalEndpoint: boolean
  /** Kubeconfigs carry the empty `preferences`. */
  readonly kubeconfigPreferences: boolean
}
