import { type FileTree, fileAt } from '../../files/tree.js'
import type { ComponentName } from '../../manifests/flags.js'
import type { Flags } from '../../values/command-line.js'
import type { Launch, PemFacts } from './evidence.js'

/** Certificates that every layout has a place for. */
export type Slot =
  | 'ca'
  | 'client-ca'
  | 'etcd-ca'
  | 'etcd-peer-ca'
  | 'front-proxy-ca'
  | 'apiserver'
  | 'apiserver-kubelet-client'
  | 'apiserver-etcd-client'
  | 'front-proxy-client'
  | 'etcd-server'
  | 'etcd-peer'
  | 'etcd-healthcheck-client'

/** One way of laying out a cluster's files: where its certificates are, relative to `pki`. */
export interface Layout {
  readonly id: string
  /** Certificate directories, first one that exists counts. */
  readonly pki: readonly string[]
  /** Certificate file by slot; the key has the same name with the other ending. */
  readonly files: Readonly<Record<Slot, string>>
  readonly keyOf: (certificate: string) => string
  readonly sa: { readonly key: string; readonly pub: string }
  /** A file below `pki` that tells this layout from the others. */
  readonly sign: string
}

const dotKey = (certificate: string): string => certificate.replace(/\.(crt|pem)$/, '.key')
const dashKey = (certificate: string): string => certificate.replace(/\.pem$/, '-key.pem')

const KUBEADM: Readonly<Record<Slot, string>> = {
  ca: 'ca.crt',
  'client-ca': 'ca.crt',
  'etcd-ca': 'etcd/ca.crt',
  'etcd-peer-ca': 'etcd/ca.crt',
  'front-proxy-ca': 'front-proxy-ca.crt',
  apiserver: 'apiserver.crt',
  'apiserver-kubelet-client': 'apiserver-kubelet-client.crt',
  'apiserver-etcd-client': 'apiserver-etcd-client.crt',
  'front-proxy-client': 'front-proxy-client.crt',
  'etcd-server': 'etcd/server.crt',
  'etcd-peer': 'etcd/peer.crt',
  'etcd-healthcheck-client': 'etcd/healthcheck-client.crt',
}

const SA = { key: 'sa.key', pub: 'sa.pub' }

/** The layouts that are recognised: one row each. The last one that fits nothing else is kubeadm's. */
export const LAYOUTS: readonly Layout[] = [
  {
    id: 'k3s',
    pki: ['var/lib/rancher/k3s/server/tls', 'var/lib/rancher/rke2/server/tls'],
    sign: 'server-ca.crt',
    keyOf: dotKey,
    sa: { key: 'service.current.key', pub: 'service.key' },
    files: {
      ca: 'server-ca.crt',
      'client-ca': 'client-ca.crt',
      'etcd-ca': 'etcd/server-ca.crt',
      'etcd-peer-ca': 'etcd/peer-ca.crt',
      'front-proxy-ca': 'request-header-ca.crt',
      apiserver: 'serving-kube-apiserver.crt',
      'apiserver-kubelet-client': 'client-kube-apiserver.crt',
      'apiserver-etcd-client': 'etcd/client.crt',
      'front-proxy-client': 'client-auth-proxy.crt',
      'etcd-server': 'etcd/server-client.crt',
      'etcd-peer': 'etcd/peer-server-client.crt',
      'etcd-healthcheck-client': 'etcd/client.crt',
    },
  },
  {
    id: 'hard-way',
    pki: ['var/lib/kubernetes', 'var/lib/kubernetes/pki'],
    sign: 'kubernetes.pem',
    keyOf: dashKey,
    sa: { key: 'service-account-key.pem', pub: 'service-account.pem' },
    files: oneCa('ca.pem', 'kubernetes.pem'),
  },
  {
    id: 'hard-way',
    pki: ['var/lib/kubernetes', 'var/lib/kubernetes/pki'],
    sign: 'kube-api-server.crt',
    keyOf: dotKey,
    sa: { key: 'service-accounts.key', pub: 'service-accounts.crt' },
    files: oneCa('ca.crt', 'kube-api-server.crt'),
  },
  {
    id: 'minikube',
    pki: ['var/lib/minikube/certs'],
    sign: 'ca.crt',
    keyOf: dotKey,
    sa: SA,
    files: { ...KUBEADM, 'front-proxy-ca': 'front-proxy-ca.crt' },
  },
  {
    id: 'kubespray',
    pki: ['etc/kubernetes/ssl'],
    sign: 'ca.crt',
    keyOf: dotKey,
    sa: SA,
    files: KUBEADM,
  },
  { id: 'kubeadm', pki: ['etc/kubernetes/pki'], sign: '', keyOf: dotKey, sa: SA, files: KUBEADM },
]

// Kubernetes The Hard Way: one CA, one certificate for the API server in all its roles and for etcd.
function oneCa(ca: string, apiserver: string): Readonly<Record<Slot, string>> {
  return {
    ca,
    'client-ca': ca,
    'etcd-ca': ca,
    'etcd-peer-ca': ca,
    'front-proxy-ca': ca,
    apiserver,
    'apiserver-kubelet-client': apiserver,
    'apiserver-etcd-client': apiserver,
    'front-proxy-client': apiserver,
    'etcd-server': apiserver,
    'etcd-peer': apiserver,
    'etcd-healthcheck-client': apiserver,
  }
}

/** The layout of a node's tree, and its certificate directory. */
export interface FoundLayout {
  readonly layout: Layout
  readonly pki: string
}

const FALLBACK: Layout = LAYOUTS[LAYOUTS.length - 1] as Layout

/** `certificatesDir` of a kubeadm configuration wins over the usual places. */
export function layoutOf(tree: FileTree, certificatesDir?: string): FoundLayout {
  for (const layout of LAYOUTS) {
    for (const pki of layout.pki) {
      if (layout.sign !== '' && fileAt(tree, `${pki}/${layout.sign}`)) return { layout, pki }
    }
  }
  return { layout: FALLBACK, pki: certificatesDir ?? FALLBACK.pki[0] ?? '' }
}

/** Absolute paths of a slot. */
export function slotFiles({ layout, pki }: FoundLayout, slot: Slot) {
  const certificate = `/${pki}/${layout.files[slot]}`
  return { certificate, key: layout.keyOf(certificate) }
}

/**
 * The flags that a component has where the layout is all that is known: kubeadm's own, with this
 * layout's paths.
 */
export function defaultFlags(
  found: FoundLayout,
  component: ComponentName,
): ReadonlyMap<string, readonly string[]> {
  const of = (slot: Slot) => slotFiles(found, slot)
  const sa = {
    key: `/${found.pki}/${found.layout.sa.key}`,
    pub: `/${found.pki}/${found.layout.sa.pub}`,
  }
  const flags: Readonly<Record<string, string>> = {
    etcd: {
      'cert-file': of('etcd-server').certificate,
      'key-file': of('etcd-server').key,
      'trusted-ca-file': of('etcd-ca').certificate,
      'client-cert-auth': 'true',
      'peer-cert-file': of('etcd-peer').certificate,
      'peer-key-file': of('etcd-peer').key,
      'peer-trusted-ca-file': of('etcd-peer-ca').certificate,
      'peer-client-cert-auth': 'true',
      'listen-client-urls': 'https://127.0.0.1:2379',
    },
    'kube-apiserver': {
      'client-ca-file': of('client-ca').certificate,
      'etcd-cafile': of('etcd-ca').certificate,
      'etcd-certfile': of('apiserver-etcd-client').certificate,
      'etcd-keyfile': of('apiserver-etcd-client').key,
      'etcd-servers': 'https://127.0.0.1:2379',
      'kubelet-client-certificate': of('apiserver-kubelet-client').certificate,
      'kubelet-client-key': of('apiserver-kubelet-client').key,
      'proxy-client-cert-file': of('front-proxy-client').certificate,
      'proxy-client-key-file': of('front-proxy-client').key,
      'requestheader-allowed-names':
        found.layout.id === 'k3s' ? 'system:auth-proxy' : 'front-proxy-client',
      'requestheader-client-ca-file': of('front-proxy-ca').certificate,
      'service-account-key-file': sa.pub,
      'service-account-signing-key-file': sa.key,
      'tls-cert-file': of('apiserver').certificate,
      'tls-private-key-file': of('apiserver').key,
    },
    'kube-controller-manager': {
      kubeconfig: '/etc/kubernetes/controller-manager.conf',
      'client-ca-file': of('client-ca').certificate,
      'cluster-signing-cert-file': of('client-ca').certificate,
      'cluster-signing-key-file': of('client-ca').key,
      'requestheader-client-ca-file': of('front-proxy-ca').certificate,
      'root-ca-file': of('ca').certificate,
      'service-account-private-key-file': sa.key,
    },
    'kube-scheduler': { kubeconfig: '/etc/kubernetes/scheduler.conf' },
    'kube-proxy': {},
    kubelet: {},
  }[component]
  return new Map(Object.entries(flags).map(([name, value]) => [name, [value]]))
}

const CONTROL_PLANE: readonly ComponentName[] = [
  'etcd',
  'kube-apiserver',
  'kube-controller-manager',
  'kube-scheduler',
]

/** Where no manifest says how a component is started, its certificates do: kubeadm's flags are assumed. */
export function withDefaults(
  node: string,
  real: readonly Launch[],
  found: FoundLayout,
  pems: ReadonlyMap<string, PemFacts>,
): readonly Launch[] {
  if (real.some(({ component }) => CONTROL_PLANE.includes(component))) return real
  const has = (slot: 'apiserver' | 'etcd-server') =>
    pems.has(`${found.pki}/${found.layout.files[slot]}`)
  const assumed: readonly ComponentName[] = [
    ...(has('etcd-server') ? (['etcd'] as const) : []),
    ...(has('apiserver')
      ? (['kube-apiserver', 'kube-controller-manager', 'kube-scheduler'] as const)
      : []),
  ]
  const launches = assumed.map((component) => ({
    node,
    component,
    source: 'default' as const,
    flags: assumedFlags(defaultFlags(found, component), found.layout.id, pems),
    probes: [],
  }))
  return [...launches, ...real]
}

const OPTIONAL = /^(cluster-signing-|etcd-)/

/**
 * A flag that is only assumed is dropped where its file is absent: external etcd, offline CA keys, and
 * everything of layouts whose flags are known less well than kubeadm's.
 */
function assumedFlags(flags: Flags, layout: string, pems: ReadonlyMap<string, PemFacts>): Flags {
  const isThere = ([name, [value = '']]: readonly [string, readonly string[]]): boolean => {
    const isFile = value.startsWith('/') && !value.endsWith('.conf')
    const isOptional = layout !== 'kubeadm' || OPTIONAL.test(name)
    return !isFile || !isOptional || pems.has(value.slice(1))
  }
  const kept = new Map([...flags].filter(isThere))
  // What comes in pairs goes in pairs.
  for (const [certificate, key] of PAIRS)
    if (!kept.has(certificate) || !kept.has(key))
      for (const one of [certificate, key]) kept.delete(one)
  if (!kept.has('cert-file')) kept.delete('listen-client-urls')
  if (!kept.has('etcd-certfile'))
    for (const one of ['etcd-servers', 'etcd-cafile']) kept.delete(one)
  return kept
}

const PAIRS = [
  ['cluster-signing-cert-file', 'cluster-signing-key-file'],
  ['cert-file', 'key-file'],
  ['peer-cert-file', 'peer-key-file'],
  ['etcd-certfile', 'etcd-keyfile'],
  ['kubelet-client-certificate', 'kubelet-client-key'],
  ['proxy-client-cert-file', 'proxy-client-key-file'],
  ['tls-cert-file', 'tls-private-key-file'],
] as const

/** What says everything about a node's certificates, relative to its root directory. */
export const NODE_FOLDERS = [
  'etc/kubernetes',
  'var/lib/kubelet/pki',
  'var/lib/kubelet/config.yaml',
  'var/lib/kubelet/kubeadm-flags.env',
  'etc/etcd',
  'etc/ssl/etcd',
  'etc/systemd/system/kubelet.service',
  'etc/systemd/system/kubelet.service.d',
  'usr/lib/systemd/system/kubelet.service.d',
  'var/lib/kubernetes',
  'var/lib/minikube/certs',
  'var/lib/rancher/k3s/server/tls',
  'var/lib/rancher/rke2/server/tls',
] as const
