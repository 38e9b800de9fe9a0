import { type CryptoEngine, sha256 } from '../../ca/engine.js'
import { pinOf } from '../../ca/keys/keys.js'
import { createVerifier } from '../../ca/keys/signature.js'
import type { Cluster, ClusterNode } from '../../cluster/cluster.js'
import {
  textOf as contentOf,
  type FileEntry,
  type FileTree,
  type TreeEntry,
} from '../../files/tree.js'
import type { ComponentName } from '../../manifests/flags.js'
import { formatIp, isIp } from '../../values/addresses.js'
import { hexOf, sameBytes } from '../../values/bytes.js'
import { flagOf } from '../../values/command-line.js'
import { hostOf, isAnyHost, isLocalHost } from '../../values/hosts.js'
import { at, filled, scalarText } from '../../values/json.js'
import { pathInTree, treePath } from '../../values/paths.js'
import { readArgumentFiles } from './argument-files.js'
import { createDocumentReader, type DocumentReader, readDocuments } from './documents.js'
import type {
  AuditInput,
  Certificate,
  DocumentFacts,
  Evidence,
  KubeconfigFacts,
  KubeletFacts,
  Launch,
  NodeEvidence,
  PemFacts,
} from './evidence.js'
import { kubeconfigFacts, webhookPaths } from './kubeconfig.js'
import { readKubelet } from './kubelet.js'
import { readLaunches } from './launch.js'
import { KUBEADM } from './layout-table.js'
import { layoutOf, layoutPath, withDefaults } from './layouts.js'
import { type CertificateDraft, createPemReader, type PemReader } from './pem.js'
import { talosPems } from './talos.js'

const PEM_NAME = /\.(crt|cer|cert|pem|key|pub|der|csr)(\.(bak|old|orig|new))?$/i
/** kOps and MicroK8s name kubeconfigs in ways of their own, and so does kubectl. */
const YAML_NAME = /\.(ya?ml|json|conf|config|kubeconfig)$|(^|\/)(kubeconfig|config|talosconfig)$/i
/** People call kubeconfigs by the names of their clusters, without an ending. */
const MAY_BE_YAML = new RegExp(`${YAML_NAME.source}|(^|\\/)[^./]+$`, 'i')
/** Longer texts are no configuration; `loadYaml` refuses them too. */
const MAX_TEXT = 1 << 20

/** Reads the tree of one node (or of the authorities, or of the operator). Never throws. */
export async function readNodeEvidence(
  name: string,
  kind: NodeEvidence['kind'],
  given: FileTree,
  pems: PemReader,
  cluster: Cluster | undefined,
  read: DocumentReader,
  out?: string,
): Promise<NodeEvidence> {
  // A copy: what is derived from a tree is remembered by its identity, and callers may change theirs.
  const tree: FileTree = new Map(given)
  const found = new Map<string, PemFacts>()
  const kubeconfigs = new Map<string, KubeconfigFacts>()
  const documents: DocumentFacts[] = []
  const unread: TreeEntry[] = []
  let told: string | undefined
  for (const [path, entry] of tree) {
    if (entry.kind === 'symlink' || entry.kind === 'other') unread.push(entry)
    if (entry.kind !== 'file') continue
    const place = { node: name, path }
    if (PEM_NAME.test(path) || startsAsPem(entry))
      found.set(path, await pems.read(place, entry.data))
    else if (MAY_BE_YAML.test(path) && entry.data.length <= MAX_TEXT) {
      const text = contentOf(entry)
      const inside = talosPems(entry)
      if (inside) told = 'talos'
      for (const { field, bytes } of inside ?? [])
        found.set(`${path}#${field}`, await pems.read({ ...place, field }, bytes))
      if (inside) continue
      if (isKubeconfig(path, text))
        kubeconfigs.set(path, await kubeconfigFacts(tree, place, text, pems))
      else if (YAML_NAME.test(path)) documents.push(...documentsOf(name, path, text))
    }
  }
  const node = cluster?.nodes.find((one) => one.name === name)
  const kubeadm = documents.filter(({ apiVersion }) => apiVersion.startsWith('kubeadm.k8s.io/'))
  const certificatesDir =
    kubeadm.flatMap(({ value }) => filled(at(value, 'certificatesDir')) ?? [])[0] ??
    (node && cluster?.certificatesDir)
  const layout =
    kind === 'node'
      ? layoutOf(tree, certificatesDir && treePath(certificatesDir), told)
      : { layout: KUBEADM, pki: KUBEADM.pki[0] ?? '' }
  const usual =
    kind === 'node' ? [...readLaunches(name, tree), ...readArgumentFiles(name, tree)] : []
  const kubelet =
    kind === 'node' ? readKubelet(tree, usual, layoutPath(layout, 'ca'), read) : undefined
  const elsewhere = kubelet && pathInTree(kubelet.staticPodPath) !== 'etc/kubernetes/manifests'
  const real = elsewhere
    ? [...readLaunches(name, tree, kubelet.staticPodPath), ...readArgumentFiles(name, tree)]
    : usual
  const launches =
    kind === 'node'
      ? withDefaults(name, real, layout, new Set([...found.keys(), ...kubeconfigs.keys()]))
      : []
  const webhooks = webhookPaths(tree, launches)
  return {
    name,
    kind,
    role: roleOf(launches, kubelet, node),
    layout: layout.layout.id,
    ...(out === undefined ? { owner: layout.layout.owner } : { owner: 'kpki', out }),
    standsAlone: kind === 'node' && launches.length === 0 && kubelet === undefined,
    pkiDirectory: layout.pki,
    addresses: addressesOf(node, launches, kubelet, kubeadm),
    tree,
    pems: found,
    kubeconfigs: new Map([...kubeconfigs].filter(([path]) => !webhooks.has(path))),
    webhooks: new Map([...kubeconfigs].filter(([path]) => webhooks.has(path))),
    launches,
    ...(kubelet && { kubelet }),
    kubeadm,
    encryption: documents.filter(
      ({ kind: one }) => one === 'EncryptionConfiguration' || one === 'EncryptionConfig',
    ),
    unread,
  }
}

/**
 * Whether a tree holds anything that an audit could judge: certificates, keys or requests, kubeconfigs, static pods
 * or units of Kubernetes, a kubelet's or kubeadm's configuration. Looks at names and first bytes only.
 */
export function holdsPki(tree: FileTree): boolean {
  for (const [path, entry] of tree) {
    if (entry.kind !== 'file') continue
    if (CERTIFICATE_NAME.test(path) || startsAsPem(entry)) return true
    if (!MAY_BE_YAML.test(path) || entry.data.length > MAX_TEXT) continue
    const text = contentOf(entry)
    if (isKubeconfig(path, text) || talosPems(entry)) return true
    if (!YAML_NAME.test(path)) continue
    if (KUBELET_CONFIGURATION.test(text) || OF_INTEREST.test(text)) return true
  }
  return readLaunches('', tree).length > 0 || readArgumentFiles('', tree).length > 0
}

/** Whether a file is meant to hold certificates, keys or configuration, by its name. */
export function hasKnownName(path: string): boolean {
  return PEM_NAME.test(path) || YAML_NAME.test(path)
}

/** Whether a file may hold certificates, keys or configuration, by its name or as a kubeconfig of any name. */
export function isOfKnownKind(entry: FileEntry): boolean {
  const { path, data } = entry
  if (hasKnownName(path) || startsAsPem(entry)) return true
  return MAY_BE_YAML.test(path) && data.length <= MAX_TEXT && isKubeconfig(path, contentOf(entry))
}

const CERTIFICATE_NAME = /\.(crt|cer|cert|pem|key|der|csr)$/i
const KUBELET_CONFIGURATION = /kind["']?:\s*["']?KubeletConfiguration\b/

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
    kind: scalarText(at(value, 'kind')) ?? '',
    apiVersion: scalarText(at(value, 'apiVersion')) ?? '',
    value,
  }))
}

function roleOf(
  launches: readonly Launch[],
  kubelet: KubeletFacts | undefined,
  node: ClusterNode | undefined,
): NodeEvidence['role'] {
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
  const addresses = candidates.filter((one) => isIp(one)).map((one) => formatIp(one))
  return [...new Set(addresses)].filter((one) => !isLocalHost(one) && !isAnyHost(one))
}

/** How many signatures and digests are under way at a time. */
const BATCH = 128
/** Candidates for one issuer beyond these are not tried: nobody has so many CAs of one name. */
const MAX_CANDIDATES = 16

/**
 * Reads trees into facts: every certificate parsed once, every signature checked once. Hostile or
 * broken files become facts, never errors. Private keys are read for their public half only.
 */
export async function readEvidence(
  input: AuditInput,
  engine: CryptoEngine,
  onProgress: (done: number, total: number) => void = () => {},
): Promise<Evidence> {
  const pems = createPemReader(engine)
  const read = createDocumentReader()
  const { cluster } = input
  const nodes: NodeEvidence[] = []
  for (const [name, tree] of input.nodes) {
    nodes.push(
      await readNodeEvidence(name, 'node', tree, pems, cluster, read, input.outs?.get(name)),
    )
    onProgress(nodes.length, input.nodes.size)
  }
  const extra = async (kind: 'authorities' | 'operator', tree = input[kind]) =>
    tree && {
      [kind]: await readNodeEvidence(kind, kind, tree, pems, cluster, read, input.outs?.get(kind)),
    }
  const beside = { ...(await extra('authorities')), ...(await extra('operator')) }
  const certificates = pems.certificates
  await hashAll(certificates, engine)
  await linkIssuers(certificates, engine)
  const earlier = input.earlier && (await readEvidence(input.earlier, engine))
  return {
    nodes,
    ...beside,
    ...(cluster && { cluster }),
    ...(earlier && { earlier }),
    certificates,
    keys: pems.keys,
    ...(input.unreadCluster && { unreadCluster: input.unreadCluster }),
    unrecognised: input.unrecognised ?? [],
    ...(input.origins && { origins: input.origins }),
    hasMetadata: nodes.some(({ tree }) =>
      [...tree.values()].some((entry) => entry.kind === 'file'),
    ),
    hasManifests: nodes.some(
      ({ launches, kubelet }) =>
        launches.some(({ source }) => source !== 'default') || kubelet?.config !== undefined,
    ),
  }
}

async function inBatches<T>(items: readonly T[], work: (item: T) => Promise<void>): Promise<void> {
  for (let at = 0; at < items.length; at += BATCH)
    await Promise.all(items.slice(at, at + BATCH).map(work))
}

function hashAll(drafts: readonly CertificateDraft[], engine: CryptoEngine): Promise<void> {
  return inBatches(drafts, async (draft) => {
    draft.fingerprint = hexOf(await sha256(engine, draft.facts.der))
    if (isAuthority(draft)) draft.pin = await pinOf(engine, draft.facts.publicKey.spki)
  })
}

/** A certificate that may issue others: the CA bit, or no basic constraints and its own issuer. */
export function isAuthority({ facts }: Pick<Certificate, 'facts'>): boolean {
  return facts.basicConstraints ? facts.basicConstraints.ca : facts.selfIssued
}

const latin1 = new TextDecoder('latin1')

async function linkIssuers(
  drafts: readonly CertificateDraft[],
  engine: CryptoEngine,
): Promise<void> {
  const bySubject = new Map<string, CertificateDraft[]>()
  for (const draft of drafts) {
    const name = latin1.decode(draft.facts.subject.raw)
    const same = bySubject.get(name)
    if (same) same.push(draft)
    else bySubject.set(name, [draft])
  }
  const verifier = createVerifier(engine)
  await inBatches(drafts, async (draft) => {
    const named = bySubject.get(latin1.decode(draft.facts.issuer.raw)) ?? []
    const likely = [...named]
      .sort((a, b) => rank(draft, a) - rank(draft, b))
      .slice(0, MAX_CANDIDATES)
    const byKey = new Map<string, Promise<boolean>>()
    const signed = await Promise.all(
      likely.map((candidate) => {
        const known = byKey.get(candidate.keyId)
        const check = known ?? verifier.verify(draft.facts, candidate.facts.publicKey.spki)
        byKey.set(candidate.keyId, check)
        return check
      }),
    )
    draft.issuers = likely.filter((_, i) => signed[i])
  })
}

// Key identifiers only order the candidates, as in Go; certificate authorities come first.
function rank(child: CertificateDraft, candidate: CertificateDraft): number {
  const wanted = child.facts.authorityKeyIdentifier?.keyIdentifier
  const has = candidate.facts.subjectKeyIdentifier
  const fits = wanted !== undefined && has !== undefined && sameBytes(wanted, has)
  return (fits ? 0 : 2) + (isAuthority(candidate) ? 0 : 1)
}
