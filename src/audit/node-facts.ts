import { formatIp } from '../cluster/addresses.js'
import type { Cluster, ClusterNode } from '../cluster/cluster.js'
import {
  textOf as contentOf,
  type FileEntry,
  type FileTree,
  type TreeEntry,
} from '../files/tree.js'
import { withDefaults } from './assumed.js'
import { flagOf } from './command-line.js'
import { at, type DocumentReader, filled, readDocuments, textOf } from './documents.js'
import type {
  ComponentName,
  DocumentFacts,
  KubeconfigFacts,
  KubeletFacts,
  Launch,
  NodeFacts,
  PemFacts,
} from './estate.js'
import { hostOf, isAnyHost, isIpAddress, isLocalHost } from './hosts.js'
import { readKubeconfig } from './kubeconfig-facts.js'
import { readKubelet } from './kubelet-facts.js'
import { readLaunches } from './launch-facts.js'
import { layoutOf } from './layouts.js'
import { normalise } from './paths.js'
import type { PemReader } from './pem-facts.js'

const PEM_NAME = /\.(crt|cer|cert|pem|key|pub|der|csr)(\.(bak|old|orig|new))?$/i
const YAML_NAME = /\.(ya?ml|json|conf|kubeconfig)$/i
/** Longer texts are no configuration; `loadYaml` refuses them too. */
const MAX_TEXT = 1 << 20

/** Reads the tree of one node (or of the authorities, or of the operator). Never throws. */
export async function readNode(
  name: string,
  kind: NodeFacts['kind'],
  given: FileTree,
  pems: PemReader,
  cluster: Cluster | undefined,
  read: DocumentReader,
): Promise<NodeFacts> {
  // A copy: what is derived from a tree is remembered by its identity, and callers may change theirs.
  const tree: FileTree = new Map(given)
  const found = new Map<string, PemFacts>()
  const kubeconfigs = new Map<string, KubeconfigFacts>()
  const documents: DocumentFacts[] = []
  const unread: TreeEntry[] = []
  for (const [path, entry] of tree) {
    if (entry.kind === 'symlink' || entry.kind === 'other') unread.push(entry)
    if (entry.kind !== 'file') continue
    const place = { node: name, path }
    if (PEM_NAME.test(path) || startsAsPem(entry))
      found.set(path, await pems.read(place, entry.data))
    else if (YAML_NAME.test(path) && entry.data.length <= MAX_TEXT) {
      const text = contentOf(entry)
      if (isKubeconfig(path, text))
        kubeconfigs.set(path, await readKubeconfig(tree, place, text, pems))
      else documents.push(...documentsOf(name, path, text))
    }
  }
  const node = cluster?.nodes.find((one) => one.name === name)
  const kubeadm = documents.filter(({ apiVersion }) => apiVersion.startsWith('kubeadm.k8s.io/'))
  const certificatesDir =
    kubeadm.flatMap(({ value }) => filled(at(value, 'certificatesDir')) ?? [])[0] ??
    (node && cluster?.certificatesDir)
  const layout = layoutOf(tree, certificatesDir?.replace(/^\/+|\/+$/g, ''))
  const usual = kind === 'node' ? readLaunches(name, tree) : []
  const ca = `/${layout.pki}/${layout.layout.files['client-ca']}`
  const kubelet = kind === 'node' ? readKubelet(tree, usual, ca, read) : undefined
  const elsewhere = kubelet && normalise(kubelet.staticPodPath) !== 'etc/kubernetes/manifests'
  const real = elsewhere ? readLaunches(name, tree, kubelet.staticPodPath) : usual
  const launches = kind === 'node' ? withDefaults(name, real, layout, found) : []
  return {
    name,
    kind,
    role: roleOf(launches, kubelet, node),
    layout: layout.layout.id,
    pkiDirectory: layout.pki,
    addresses: addressesOf(node, launches, kubelet, kubeadm),
    tree,
    pems: found,
    kubeconfigs,
    launches,
    ...(kubelet && { kubelet }),
    kubeadm,
    encryption: documents.filter(
      ({ kind: one }) => one === 'EncryptionConfiguration' || one === 'EncryptionConfig',
    ),
    unread,
  }
}

const BEGIN = new TextEncoder().encode('-----BEGIN ')

function startsAsPem({ data }: FileEntry): boolean {
  return data.length > BEGIN.length && BEGIN.every((byte, i) => data[i] === byte)
}

function isKubeconfig(path: string, text: string): boolean {
  if (/(^|\/)(etc\/kubernetes\/[^/]+\.conf|[^/]+\.kubeconfig)$/.test(path)) return true
  return /^["{ \t]*kind["']?:\s*["']?Config["']?\s*,?$/m.test(text) && /clusters/.test(text)
}

const OF_INTEREST = /kubeadm\.k8s\.io\/|EncryptionConfig/
const KINDS = /kind["']?:\s*["']?(\w*(Configuration|EncryptionConfig))\b/

function documentsOf(node: string, path: string, text: string): readonly DocumentFacts[] {
  const kind = OF_INTEREST.test(text) ? KINDS.exec(text)?.[1] : undefined
  if (kind === undefined) return []
  const { values, failure } = readDocuments(text)
  if (failure) {
    const apiVersion = /apiVersion["']?:\s*["']?([\w./-]+)/.exec(text)?.[1] ?? ''
    return [{ node, path, kind, apiVersion, value: null, failure }]
  }
  return values.map((value) => ({
    node,
    path,
    kind: textOf(at(value, 'kind')) ?? '',
    apiVersion: textOf(at(value, 'apiVersion')) ?? '',
    value,
  }))
}

function roleOf(
  launches: readonly Launch[],
  kubelet: KubeletFacts | undefined,
  node: ClusterNode | undefined,
): NodeFacts['role'] {
  const runs = (component: ComponentName) => launches.some((one) => one.component === component)
  if (runs('kube-apiserver') || runs('kube-controller-manager')) return 'control-plane'
  if (node) return node.role
  if (runs('etcd')) return 'etcd'
  return kubelet ? 'worker' : 'unknown'
}

function addressesOf(
  node: ClusterNode | undefined,
  launches: readonly Launch[],
  kubelet: KubeletFacts | undefined,
  kubeadm: readonly DocumentFacts[],
): readonly string[] {
  const flag = (component: ComponentName, name: string) =>
    launches.flatMap((one) => (one.component === component ? (one.flags.get(name) ?? []) : []))
  const own = launches.flatMap(({ component, flags }) =>
    component === 'etcd'
      ? [
          flagOf(flags, 'initial-advertise-peer-urls') ?? '',
          flagOf(flags, 'advertise-client-urls') ?? '',
        ]
      : [],
  )
  const configured = kubeadm.flatMap(({ kind, value }) => [
    ...(kind === 'InitConfiguration'
      ? [filled(at(value, 'localAPIEndpoint', 'advertiseAddress'))]
      : []),
    ...(kind === 'JoinConfiguration'
      ? [filled(at(value, 'controlPlane', 'localAPIEndpoint', 'advertiseAddress'))]
      : []),
  ])
  const candidates = [
    ...(node?.addresses ?? []),
    ...flag('kube-apiserver', 'advertise-address'),
    ...(flagOf(kubelet?.flags ?? new Map(), 'node-ip') ?? '').split(','),
    ...own.flatMap((urls) => urls.split(',').map((url) => hostOf(url) ?? '')),
    ...configured.map((address) => address ?? ''),
  ]
  const addresses = candidates.filter((one) => isIpAddress(one)).map((one) => formatIp(one))
  return [...new Set(addresses)].filter((one) => !isLocalHost(one) && !isAnyHost(one))
}
