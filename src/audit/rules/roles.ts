import type { ComponentName } from '../estate.js'

/** What a certificate is for, in the place where it was found. */
export type LeafRole =
  | 'apiserver'
  | 'apiserver-kubelet-client'
  | 'apiserver-etcd-client'
  | 'front-proxy-client'
  | 'etcd-server'
  | 'etcd-peer'
  | 'etcd-healthcheck-client'
  | 'controller-manager-serving'
  | 'scheduler-serving'
  | 'kubelet-serving'
  | 'kubelet-client'
  | 'user'

/** Which authority a certificate belongs to. */
export type Zone = 'cluster' | 'etcd' | 'front-proxy'

export interface LeafRow {
  /** In words. */
  readonly about: string
  readonly zone: Zone
  readonly usages: readonly ('serverAuth' | 'clientAuth')[]
  /** Flags that name the certificate and its key, where flags do. */
  readonly flags?: {
    readonly component: ComponentName
    readonly certificate: string
    readonly key: string
  }
  /** Trust files that must accept it, in order of preference; the first role that exists decides. */
  readonly acceptedBy: readonly TrustRole[]
}

/** A file of authorities, by who uses it for what. */
export type TrustRole =
  | 'client-ca'
  | 'requestheader-ca'
  | 'etcd-ca'
  | 'etcd-peer-ca'
  | 'apiserver-etcd-ca'
  | 'kubelet-ca'
  | 'kubelet-client-ca'
  | 'signing'
  | 'root-ca'
  | 'kubeconfig-ca'

export interface TrustRow {
  /** In words. */
  readonly about: string
  readonly flags?: { readonly component: ComponentName; readonly file: string }
  /** The certificates that it accepts are clients (or servers) of this zone. */
  readonly zone: Zone
}

const apiserver = 'kube-apiserver'
const manager = 'kube-controller-manager'
const server = ['serverAuth'] as const
const client = ['clientAuth'] as const

export const ROLES: Readonly<Record<LeafRole, LeafRow>> = {
  apiserver: {
    about: 'the API server’s serving certificate',
    zone: 'cluster',
    usages: server,
    flags: {
      component: apiserver,
      certificate: 'tls-cert-file',
      key: 'tls-private-key-file',
    },
    acceptedBy: ['root-ca', 'kubeconfig-ca', 'client-ca'],
  },
  'apiserver-kubelet-client': {
    about: 'the API server’s certificate towards kubelets',
    zone: 'cluster',
    usages: client,
    flags: {
      component: apiserver,
      certificate: 'kubelet-client-certificate',
      key: 'kubelet-client-key',
    },
    acceptedBy: ['kubelet-client-ca', 'client-ca'],
  },
  'apiserver-etcd-client': {
    about: 'the API server’s certificate towards etcd',
    zone: 'etcd',
    usages: client,
    flags: { component: apiserver, certificate: 'etcd-certfile', key: 'etcd-keyfile' },
    acceptedBy: ['etcd-ca'],
  },
  'front-proxy-client': {
    about: 'the API server’s certificate towards extension API servers',
    zone: 'front-proxy',
    usages: client,
    flags: {
      component: apiserver,
      certificate: 'proxy-client-cert-file',
      key: 'proxy-client-key-file',
    },
    acceptedBy: ['requestheader-ca'],
  },
  'etcd-server': {
    about: 'etcd’s serving certificate',
    zone: 'etcd',
    usages: server,
    flags: { component: 'etcd', certificate: 'cert-file', key: 'key-file' },
    acceptedBy: ['apiserver-etcd-ca', 'etcd-ca'],
  },
  'etcd-peer': {
    about: 'etcd’s certificate towards its peers',
    zone: 'etcd',
    usages: ['serverAuth', 'clientAuth'],
    flags: { component: 'etcd', certificate: 'peer-cert-file', key: 'peer-key-file' },
    acceptedBy: ['etcd-peer-ca'],
  },
  'etcd-healthcheck-client': {
    about: 'the certificate of etcd’s health check',
    zone: 'etcd',
    usages: client,
    acceptedBy: ['etcd-ca'],
  },
  'controller-manager-serving': {
    about: 'the controller manager’s serving certificate',
    zone: 'cluster',
    usages: server,
    flags: {
      component: manager,
      certificate: 'tls-cert-file',
      key: 'tls-private-key-file',
    },
    acceptedBy: [],
  },
  'scheduler-serving': {
    about: 'the scheduler’s serving certificate',
    zone: 'cluster',
    usages: server,
    flags: {
      component: 'kube-scheduler',
      certificate: 'tls-cert-file',
      key: 'tls-private-key-file',
    },
    acceptedBy: [],
  },
  'kubelet-serving': {
    about: 'the kubelet’s serving certificate',
    zone: 'cluster',
    usages: server,
    acceptedBy: [],
  },
  'kubelet-client': {
    about: 'the kubelet’s certificate towards the API server',
    zone: 'cluster',
    usages: client,
    acceptedBy: ['client-ca'],
  },
  user: {
    about: 'a client certificate for the API server',
    zone: 'cluster',
    usages: client,
    acceptedBy: ['client-ca'],
  },
}

export const TRUSTS: Readonly<Record<TrustRole, TrustRow>> = {
  'client-ca': {
    about: 'who the API server takes for a user',
    flags: { component: apiserver, file: 'client-ca-file' },
    zone: 'cluster',
  },
  'requestheader-ca': {
    about: 'who may speak for other users in headers',
    flags: { component: apiserver, file: 'requestheader-client-ca-file' },
    zone: 'front-proxy',
  },
  'etcd-ca': {
    about: 'who may read and write etcd',
    flags: { component: 'etcd', file: 'trusted-ca-file' },
    zone: 'etcd',
  },
  'etcd-peer-ca': {
    about: 'who may join etcd’s consensus',
    flags: { component: 'etcd', file: 'peer-trusted-ca-file' },
    zone: 'etcd',
  },
  'apiserver-etcd-ca': {
    about: 'which etcd servers the API server trusts',
    flags: { component: apiserver, file: 'etcd-cafile' },
    zone: 'etcd',
  },
  'kubelet-ca': {
    about: 'which kubelets the API server trusts',
    flags: { component: apiserver, file: 'kubelet-certificate-authority' },
    zone: 'cluster',
  },
  'kubelet-client-ca': { about: 'who may call the kubelet', zone: 'cluster' },
  signing: {
    about: 'what the controller manager signs requests with',
    flags: { component: manager, file: 'cluster-signing-cert-file' },
    zone: 'cluster',
  },
  'root-ca': {
    about: 'what pods trust the API server by',
    flags: { component: manager, file: 'root-ca-file' },
    zone: 'cluster',
  },
  'kubeconfig-ca': { about: 'what clients trust the API server by', zone: 'cluster' },
}
