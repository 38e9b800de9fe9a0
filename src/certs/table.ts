import type { SubjectAltNames } from '../ca/certificate/facts.js'
import type { SubjectFields } from '../ca/certificate/names.js'
import type { PROFILES } from '../ca/profiles.js'
import type { Cluster, ClusterNode, UserSettings } from '../cluster/cluster.js'
import type { KnownCertificates } from '../cluster/resolve/settings.js'
import { formatIp, isIp, nthAddress } from '../values/addresses.js'

// kubeadm's order: DNS names sorted by bytes, addresses as they come, both without duplicates.
function altNames(names: readonly string[]): SubjectAltNames {
  const dns = new Set<string>()
  const ip = new Set<string>()
  for (const name of names) {
    if (isIp(name)) ip.add(formatIp(name))
    else dns.add(name.toLowerCase())
  }
  return { dns: [...dns].sort(), ip: [...ip] }
}

/**
 * Names of the API server: the node, the `kubernetes` service, its address (the first of the first service
 * subnet: that service is always single-stack), the node's addresses, the control-plane endpoint, and what
 * the user added.
 */
export function apiServerNames({ cluster, node }: At): SubjectAltNames {
  const { networking, controlPlaneEndpoint, kubeconfig, apiServer } = cluster
  const firstService = networking.serviceSubnets[0]
  return altNames([
    node.name,
    'kubernetes',
    'kubernetes.default',
    'kubernetes.default.svc',
    `kubernetes.default.svc.${networking.dnsDomain}`,
    ...(firstService === undefined ? [] : [nthAddress(firstService, 1)]),
    ...node.addresses,
    ...(controlPlaneEndpoint === undefined ? [] : [controlPlaneEndpoint.host]),
    ...apiServer.certSans,
    ...node.extraSans,
    ...(kubeconfig.server === undefined ? [] : [hostOf(kubeconfig.server)]),
  ])
}

function hostOf(server: string): string {
  return new URL(server).hostname.replace(/^\[|\]$/g, '')
}

function etcdNames({ node }: At, extra: readonly string[]): SubjectAltNames {
  return altNames([node.name, 'localhost', ...node.addresses, '127.0.0.1', '::1', ...extra])
}

/** Names of an etcd member towards clients. */
export function etcdServerNames(at: At): SubjectAltNames {
  const { etcd } = at.cluster
  return etcdNames(at, etcd.kind === 'local' ? etcd.serverCertSans : [])
}

/** Names of an etcd member towards the other members. */
export function etcdPeerNames(at: At): SubjectAltNames {
  const { etcd } = at.cluster
  return etcdNames(at, etcd.kind === 'local' ? etcd.peerCertSans : [])
}

/** Names of a kubelet: the API server tries addresses first, then the host name. */
export function kubeletNames({ node }: At): SubjectAltNames {
  return altNames([node.name, ...node.addresses, ...node.extraSans])
}

/** For whom a certificate is made: the cluster, and the node or user where there is one per node or user. */
export interface At {
  readonly cluster: Cluster
  readonly node: ClusterNode
}

/** A subject; Kubernetes sees `CN` as the user and `O` as the groups of a client certificate. */
export type SubjectAttributes = SubjectFields & { readonly CN: string }

/** One certificate authority. */
export interface AuthorityRow {
  /** What it is for, in a few words. */
  readonly about: string
  readonly commonName: (cluster: Cluster) => string
  /** File name without ending, below the certificates directory (and below `authorities/`). */
  readonly base: string
  /** Whether this cluster has it. */
  readonly when: (cluster: Cluster) => boolean
  /** Which authority signs it; itself where undefined. */
  readonly issuer: (cluster: Cluster) => AuthorityId | undefined
}

/** Id of an authority: a row of {@link AUTHORITIES}. */
export type AuthorityId = 'root-ca' | 'ca' | 'etcd-ca' | 'front-proxy-ca'

const stackedEtcd = (cluster: Cluster): boolean => cluster.etcd.kind === 'local'
const belowRoot = (cluster: Cluster): AuthorityId | undefined =>
  cluster.pki.topology === 'hierarchy' ? 'root-ca' : undefined

/**
 * The certificate authorities, issuers before what they sign. In the `single` topology one certificate
 * takes every place; its row is `ca`.
 */
export const AUTHORITIES: Readonly<Record<AuthorityId, AuthorityRow>> = {
  'root-ca': {
    about: 'offline root above the issuing authorities',
    commonName: (cluster) => `${cluster.clusterName}-root-ca`,
    base: 'root-ca',
    when: (cluster) => cluster.pki.topology === 'hierarchy',
    issuer: () => undefined,
  },
  ca: {
    about: 'signs the API server, kubelets and every client of the API',
    commonName: () => 'kubernetes',
    base: 'ca',
    when: () => true,
    issuer: belowRoot,
  },
  'etcd-ca': {
    about: 'signs etcd members and etcd clients, and nobody else',
    commonName: () => 'etcd-ca',
    base: 'etcd/ca',
    when: stackedEtcd,
    issuer: belowRoot,
  },
  'front-proxy-ca': {
    about: 'signs the aggregation layer’s client, and nobody else',
    commonName: () => 'front-proxy-ca',
    base: 'front-proxy-ca',
    when: () => true,
    issuer: belowRoot,
  },
}

/** Where a certificate and its key lie. */
export type CertificatePlace =
  /** Two files below the certificates directory: `<base>.crt` and `<base>.key`. */
  | { readonly kind: 'pki'; readonly base: string }
  /** `/var/lib/kubelet/pki/kubelet.{crt,key}`, where the kubelet looks before it makes its own. */
  | { readonly kind: 'kubelet' }
  /** Embedded in a kubeconfig in `/etc/kubernetes` of the node. */
  | {
      readonly kind: 'kubeconfig'
      readonly file: string
      readonly server: 'endpoint' | 'local' | 'kubelet'
      /** People merge it into a file of their own, as they do an operator's. */
      readonly personal?: true
    }
  /** Embedded in a kubeconfig for a person, outside every node's tree. */
  | { readonly kind: 'operator'; readonly file: string }

/** One end-entity certificate. */
export interface LeafRow {
  readonly about: string
  readonly issuer: Exclude<AuthorityId, 'root-ca'>
  readonly profile: Exclude<keyof typeof PROFILES, 'authority'>
  /** Which nodes have one of their own; `operator`: one for the cluster, kept by the operator. */
  readonly on: 'control-plane' | 'initial' | 'every-node' | 'operator'
  readonly when?: (cluster: Cluster) => boolean
  readonly subject: (at: At) => SubjectAttributes
  readonly altNames?: (at: At) => SubjectAltNames
  readonly place: CertificatePlace
}

const named = (commonName: string, group?: string): SubjectAttributes =>
  group === undefined ? { CN: commonName } : { CN: commonName, O: group }

const superAdmin = (cluster: Cluster): boolean => cluster.release.superAdminConf
const admin = ({ cluster }: At): SubjectAttributes =>
  named('kubernetes-admin', cluster.release.adminGroup)

/**
 * Every end-entity certificate of a cluster: the one place to add one. Files, modes, manifests, audit
 * expectations and help follow from the row. Facts as kubeadm's certificate list
 * (https://kubernetes.io/docs/setup/best-practices/certificates/), and what kubeadm leaves out.
 */
export const LEAVES = {
  apiserver: {
    about: 'serves the Kubernetes API',
    issuer: 'ca',
    profile: 'server',
    on: 'control-plane',
    subject: () => named('kube-apiserver'),
    altNames: apiServerNames,
    place: { kind: 'pki', base: 'apiserver' },
  },
  'apiserver-kubelet-client': {
    about: 'the API server calls kubelets with it (logs, exec)',
    issuer: 'ca',
    profile: 'client',
    on: 'control-plane',
    subject: ({ cluster }) =>
      named('kube-apiserver-kubelet-client', cluster.release.kubeletClientGroup),
    place: { kind: 'pki', base: 'apiserver-kubelet-client' },
  },
  'front-proxy-client': {
    about: 'the API server calls extension API servers with it',
    issuer: 'front-proxy-ca',
    profile: 'client',
    on: 'control-plane',
    subject: () => named('front-proxy-client'),
    place: { kind: 'pki', base: 'front-proxy-client' },
  },
  'etcd-server': {
    about: 'serves etcd to its clients',
    issuer: 'etcd-ca',
    profile: 'peer',
    on: 'control-plane',
    when: stackedEtcd,
    subject: ({ node }) => named(node.name),
    altNames: etcdServerNames,
    place: { kind: 'pki', base: 'etcd/server' },
  },
  'etcd-peer': {
    about: 'etcd members speak to each other with it',
    issuer: 'etcd-ca',
    profile: 'peer',
    on: 'control-plane',
    when: stackedEtcd,
    subject: ({ node }) => named(node.name),
    altNames: etcdPeerNames,
    place: { kind: 'pki', base: 'etcd/peer' },
  },
  'etcd-healthcheck-client': {
    about: 'asks etcd for its health',
    issuer: 'etcd-ca',
    profile: 'client',
    on: 'control-plane',
    when: stackedEtcd,
    subject: ({ cluster }) =>
      named('kube-etcd-healthcheck-client', cluster.release.etcdClientGroup),
    place: { kind: 'pki', base: 'etcd/healthcheck-client' },
  },
  'apiserver-etcd-client': {
    about: 'the API server reads and writes etcd with it',
    issuer: 'etcd-ca',
    profile: 'client',
    on: 'control-plane',
    when: stackedEtcd,
    subject: ({ cluster }) => named('kube-apiserver-etcd-client', cluster.release.etcdClientGroup),
    place: { kind: 'pki', base: 'apiserver-etcd-client' },
  },
  'admin.conf': {
    about: 'administrator, on the control plane',
    issuer: 'ca',
    profile: 'client',
    on: 'control-plane',
    subject: admin,
    place: { kind: 'kubeconfig', file: 'admin.conf', server: 'endpoint', personal: true },
  },
  'super-admin.conf': {
    about: 'break-glass administrator whom RBAC cannot stop',
    issuer: 'ca',
    profile: 'client',
    on: 'initial',
    when: superAdmin,
    subject: () => named('kubernetes-super-admin', 'system:masters'),
    place: { kind: 'kubeconfig', file: 'super-admin.conf', server: 'endpoint', personal: true },
  },
  'controller-manager.conf': {
    about: 'the controller manager',
    issuer: 'ca',
    profile: 'client',
    on: 'control-plane',
    subject: () => named('system:kube-controller-manager'),
    place: { kind: 'kubeconfig', file: 'controller-manager.conf', server: 'local' },
  },
  'scheduler.conf': {
    about: 'the scheduler',
    issuer: 'ca',
    profile: 'client',
    on: 'control-plane',
    subject: () => named('system:kube-scheduler'),
    place: { kind: 'kubeconfig', file: 'scheduler.conf', server: 'local' },
  },
  'kubelet.conf': {
    about: 'the kubelet as a client of the API',
    issuer: 'ca',
    profile: 'client',
    on: 'every-node',
    subject: ({ node }) => named(`system:node:${node.name}`, 'system:nodes'),
    place: { kind: 'kubeconfig', file: 'kubelet.conf', server: 'kubelet' },
  },
  'kubelet-serving': {
    about: 'serves the kubelet’s API (logs, exec, metrics)',
    issuer: 'ca',
    profile: 'server',
    on: 'every-node',
    when: (cluster) => cluster.pki.kubeletServing === 'signed',
    subject: ({ node }) => named(`system:node:${node.name}`, 'system:nodes'),
    altNames: kubeletNames,
    place: { kind: 'kubelet' },
  },
  'kube-proxy.conf': {
    about: 'kube-proxy as a client of the API',
    issuer: 'ca',
    profile: 'client',
    on: 'every-node',
    when: (cluster) => cluster.pki.kubeProxy,
    subject: () => named('system:kube-proxy', 'system:node-proxier'),
    place: { kind: 'kubeconfig', file: 'kube-proxy.conf', server: 'endpoint' },
  },
  'operator-admin': {
    about: 'administrator, for the operator’s own machine',
    issuer: 'ca',
    profile: 'client',
    on: 'operator',
    subject: admin,
    place: { kind: 'operator', file: 'admin.conf' },
  },
  'operator-super-admin': {
    about: 'break-glass administrator, for the operator’s safe',
    issuer: 'ca',
    profile: 'client',
    on: 'operator',
    when: superAdmin,
    subject: () => named('kubernetes-super-admin', 'system:masters'),
    place: { kind: 'operator', file: 'super-admin.conf' },
  },
} as const satisfies Readonly<Record<string, LeafRow>>

export type LeafId = keyof typeof LEAVES

/** The row for one user of `spec.pki.users`; users are certificates of the cluster like any other. */
export function userRow(user: UserSettings): LeafRow {
  return {
    about: `user ${user.name}`,
    issuer: 'ca',
    profile: 'client',
    on: 'operator',
    subject: () => ({ CN: user.name, O: user.groups }),
    place: { kind: 'operator', file: `${user.name}.conf` },
  }
}

/** What the checks of a cluster file need to know of the table. */
export const KNOWN_CERTIFICATES: KnownCertificates = new Map<string, { readonly issuer?: string }>([
  ...Object.keys(AUTHORITIES).map((id) => [id, {}] as const),
  ...Object.entries(LEAVES).map(([id, { issuer }]) => [id, { issuer }] as const),
])
