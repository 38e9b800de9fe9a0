import type { Files } from '../../certs/paths.js'
import type { LeafId } from '../../certs/table.js'
import { type FileTree, fileAt } from '../../files/tree.js'
import {
  type ComponentName,
  defaultFlags,
  FLAGS,
  type FlagFile,
  partOf,
  pathOf,
} from '../../manifests/flags.js'
import type { Flags } from '../../values/command-line.js'
import type { Launch, NodeEvidence, PemFacts } from './evidence.js'

/** One way of laying out a cluster's files: how it differs from kubeadm's. */
export interface Layout {
  readonly id: string
  /** Certificate directories, first one that exists counts. */
  readonly pki: readonly string[]
  /** Names below `pki`; a key has its certificate's name with the other ending. */
  readonly files?: Partial<Readonly<Record<FlagFile, string>>>
  /** Flags for which this layout has another file below `pki`, or another value. */
  readonly flags?: Readonly<Record<string, string>>
  readonly keyOf: (certificate: string) => string
  /** A file below `pki` that tells this layout from the others. */
  readonly sign: string
}

const dotKey = (certificate: string): string => certificate.replace(/\.(crt|pem)$/, '.key')
const dashKey = (certificate: string): string => certificate.replace(/\.pem$/, '-key.pem')

const KUBEADM: Layout = { id: 'kubeadm', pki: ['etc/kubernetes/pki'], sign: '', keyOf: dotKey }

/** The layouts that are recognised by their files: one row each. Everything else is kubeadm's. */
const LAYOUTS: readonly Layout[] = [
  {
    id: 'k3s',
    pki: ['var/lib/rancher/k3s/server/tls', 'var/lib/rancher/rke2/server/tls'],
    sign: 'server-ca.crt',
    keyOf: dotKey,
    files: {
      ca: 'client-ca.crt',
      'etcd-ca': 'etcd/server-ca.crt',
      'front-proxy-ca': 'request-header-ca.crt',
      apiserver: 'serving-kube-apiserver.crt',
      'apiserver-kubelet-client': 'client-kube-apiserver.crt',
      'apiserver-etcd-client': 'etcd/client.crt',
      'front-proxy-client': 'client-auth-proxy.crt',
      'etcd-server': 'etcd/server-client.crt',
      'etcd-peer': 'etcd/peer-server-client.crt',
      'etcd-healthcheck-client': 'etcd/client.crt',
      'sa.key': 'service.current.key',
      'sa.pub': 'service.key',
    },
    flags: {
      'root-ca-file': 'server-ca.crt',
      'peer-trusted-ca-file': 'etcd/peer-ca.crt',
      'requestheader-allowed-names': 'system:auth-proxy',
    },
  },
  {
    id: 'hard-way',
    pki: ['var/lib/kubernetes', 'var/lib/kubernetes/pki'],
    sign: 'kubernetes.pem',
    keyOf: dashKey,
    files: {
      ...oneCa('ca.pem', 'kubernetes.pem'),
      'sa.key': 'service-account-key.pem',
      'sa.pub': 'service-account.pem',
    },
  },
  {
    id: 'hard-way',
    pki: ['var/lib/kubernetes', 'var/lib/kubernetes/pki'],
    sign: 'kube-api-server.crt',
    keyOf: dotKey,
    files: {
      ...oneCa('ca.crt', 'kube-api-server.crt'),
      'sa.key': 'service-accounts.key',
      'sa.pub': 'service-accounts.crt',
    },
  },
  { ...KUBEADM, id: 'minikube', pki: ['var/lib/minikube/certs'], sign: 'ca.crt' },
  { ...KUBEADM, id: 'kubespray', pki: ['etc/kubernetes/ssl'], sign: 'ca.crt' },
]

// Kubernetes The Hard Way: one CA, one certificate for the API server in all its roles and for etcd.
function oneCa(ca: string, apiserver: string): Layout['files'] {
  return {
    ca,
    'etcd-ca': ca,
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

/** Names of the layouts that are recognised. */
export const LAYOUT_IDS: readonly string[] = [...new Set([KUBEADM, ...LAYOUTS].map(({ id }) => id))]

/** The layout of a node's tree, and its certificate directory. */
export interface FoundLayout {
  readonly layout: Layout
  readonly pki: string
}

/** `certificatesDir` of a kubeadm configuration wins over the usual place. */
export function layoutOf(tree: FileTree, certificatesDir?: string): FoundLayout {
  for (const layout of LAYOUTS)
    for (const pki of layout.pki) if (fileAt(tree, `${pki}/${layout.sign}`)) return { layout, pki }
  return { layout: KUBEADM, pki: certificatesDir ?? KUBEADM.pki[0] ?? '' }
}

/** Absolute path of a file in a layout. */
export function layoutPath(
  { layout, pki }: FoundLayout,
  file: FlagFile,
  part: keyof Files = 'certificate',
): string {
  const name = layout.files?.[file]
  if (name === undefined) return pathOf({ certificatesDir: pki }, file, part)
  return `/${pki}/${part === 'key' ? layout.keyOf(name) : name}`
}

/** Absolute paths of a certificate and its key where the layout of a node has them. */
export function layoutFiles(node: NodeEvidence, id: LeafId): Files | undefined {
  const pki = node.pkiDirectory
  const found = [...LAYOUTS, KUBEADM].find(
    (layout) =>
      layout.id === node.layout && node.pems.has(layoutPath({ layout, pki }, id).slice(1)),
  )
  return (
    found && {
      certificate: layoutPath({ layout: found, pki }, id),
      key: layoutPath({ layout: found, pki }, id, 'key'),
    }
  )
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
  const has = (id: LeafId) => pems.has(layoutPath(found, id).slice(1))
  const assumed = CONTROL_PLANE.filter((component) =>
    has(component === 'etcd' ? 'etcd-server' : 'apiserver'),
  )
  const launches = assumed.map((component) => ({
    node,
    component,
    source: 'default' as const,
    flags: assumedFlags(found, component, pems),
    probes: [],
  }))
  return [...launches, ...real]
}

const ETCD_URL = 'https://127.0.0.1:2379'

/**
 * The flags that a component has where the layout is all that is known: kubeadm's, with this layout's paths. One
 * that is only assumed is dropped where its file is absent: external etcd, offline CA keys, and everything of
 * layouts whose flags are known less well than kubeadm's.
 */
export function assumedFlags(
  found: FoundLayout,
  component: ComponentName,
  pems: ReadonlyMap<string, PemFacts>,
  table = FLAGS,
): Flags {
  const { layout, pki } = found
  const isKubeadm = layout.id === 'kubeadm'
  const has = (path: string) => pems.has(path.slice(1))
  const hasPair = (id: LeafId) => has(layoutPath(found, id)) && has(layoutPath(found, id, 'key'))
  const isLocal = hasPair('apiserver-etcd-client')
  const flags = defaultFlags(
    component,
    (row) => {
      const own = layout.flags?.[row.flag]
      if (row.file === undefined) return own ?? row.value
      const path = own === undefined ? layoutPath(found, row.file, partOf(row)) : `/${pki}/${own}`
      if (row.external !== undefined && !isLocal) return undefined
      const isOptional = !isKubeadm || row.external !== undefined || row.online
      return isOptional && row.reader !== 'kubeconfig' && !has(path) ? undefined : path
    },
    table,
  )
  const urls = {
    ...(component === 'kube-apiserver' && isLocal && { 'etcd-servers': ETCD_URL }),
    ...(component === 'etcd' &&
      (isKubeadm || hasPair('etcd-server')) && { 'listen-client-urls': ETCD_URL }),
  }
  return new Map(Object.entries({ ...flags, ...urls }).map(([name, value]) => [name, [value]]))
}

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
