import type { SubjectAltNames } from '../ca/certificate/facts.js'
import { formatName, subject } from '../ca/certificate/names.js'
import { type CryptoEngine, runtimeEngine } from '../ca/engine.js'
import { KEY_ALGORITHMS, type KeyAlgorithm } from '../ca/keys/algorithms.js'
import { PROFILES } from '../ca/profiles.js'
import {
  authorityFiles,
  filesOf,
  MODES,
  rootBundleFile,
  serviceAccountFiles,
} from '../certs/paths.js'
import {
  type PlannedAuthority,
  type PlannedLeaf,
  planAuthorities,
  planNode,
  planOperator,
} from '../certs/plan.js'
import { SECRET_FILES } from '../certs/secrets.js'
import type { AuthorityId } from '../certs/table.js'
import type { Cluster, ClusterNode } from '../cluster/cluster.js'
import { type FileEntry, textOf } from '../files/tree.js'
import { serverFor } from '../kubeconfig/servers.js'
import { nodeFiles } from '../manifests/node-files.js'
import { compareViews } from './compare.js'
import type {
  CertificateShape,
  ClusterView,
  Content,
  Difference,
  FileView,
  FolderView,
} from './types.js'
import { UNDECIDED } from './values.js'
import { viewEntry } from './view.js'

/** What differs between the files of two clusters, before any key or certificate is made. */
export async function compareClusters(
  before: Cluster,
  after: Cluster,
): Promise<readonly Difference[]> {
  const [old, fresh] = await Promise.all([plannedView(before), plannedView(after)])
  return compareViews(old, fresh)
}

/** Everything that `generate` would make of a cluster, without keys and dates. */
export async function plannedView(
  cluster: Cluster,
  nodes: readonly ClusterNode[] = cluster.nodes,
  engine: CryptoEngine = runtimeEngine(),
): Promise<ClusterView> {
  const views = new Map<string, FolderView>()
  const context = { cluster, authorities: planAuthorities(cluster), view: viewOnce(engine) }
  for (const node of nodes) views.set(node.name, await plannedNode(context, node))
  return { nodes: views, shared: plannedShared(context) }
}

interface PlannedContext {
  readonly cluster: Cluster
  readonly authorities: readonly PlannedAuthority[]
  readonly view: (entry: FileEntry) => Promise<FileView>
}

// Many nodes have the same files: each text is read once.
function viewOnce(engine: CryptoEngine): PlannedContext['view'] {
  const known = new Map<string, Promise<FileView>>()
  return (entry) => {
    const key = `${entry.path}\n${textOf(entry)}`
    const view = known.get(key) ?? viewEntry(entry, engine)
    known.set(key, view)
    return view
  }
}

type Entries = [path: string, view: FileView][]

async function plannedNode(context: PlannedContext, node: ClusterNode): Promise<FolderView> {
  const { cluster } = context
  const secrets = {
    bootstrapToken: cluster.provision.join === 'token' ? UNDECIDED : undefined,
    certificateKey: node.initial ? UNDECIDED : undefined,
    authorityPins: [UNDECIDED],
  }
  const entries: Entries = [...trust(context, node)]
  for (const leaf of planNode(cluster, node)) entries.push(...leafViews(context, node, leaf))
  for (const entry of nodeFiles(cluster, node, secrets))
    entries.push([entry.path, await context.view(entry)])
  return new Map(entries)
}

function trust(context: PlannedContext, node: ClusterNode): Entries {
  const { cluster, authorities } = context
  const plane = node.role === 'control-plane'
  const entries: Entries = []
  for (const authority of authorities) {
    if (authority.id === 'root-ca' || (authority.id !== 'ca' && !plane)) continue
    entries.push(...authorityViews(context, authority, plane))
  }
  if (!plane) return entries
  // One authority for everything lies in every authority's place.
  if (cluster.pki.topology === 'single')
    entries.push(
      ...aliases(context).flatMap(([id, ca]) => authorityViews(context, { ...ca, id }, true)),
    )
  if (cluster.pki.topology === 'hierarchy')
    entries.push([
      rootBundleFile(cluster),
      { mode: MODES.certificate, content: { kind: 'unknown' } },
    ])
  const account = serviceAccountFiles(cluster)
  const key = keyText(cluster.pki.certificates.sa?.keyAlgorithm ?? cluster.pki.keyAlgorithm)
  return [
    ...entries,
    [account.key, secretView(keyContent(key))],
    [account.pub, secretView(keyContent(key))],
  ]
}

function aliases({
  cluster,
  authorities,
}: PlannedContext): readonly (readonly [AuthorityId, PlannedAuthority])[] {
  const [ca] = authorities
  if (ca === undefined) return []
  const etcd = cluster.etcd.kind === 'local' ? ([['etcd-ca', ca]] as const) : []
  return [['front-proxy-ca', ca], ...etcd]
}

function authorityViews(
  context: PlannedContext,
  authority: PlannedAuthority,
  plane: boolean,
): Entries {
  const { cluster } = context
  const files = authorityFiles(cluster, authority.id)
  const certificate: [string, FileView] = [
    files.certificate,
    { mode: MODES.certificate, content: pem(authorityShape(context, authority)) },
  ]
  const withKey = plane && cluster.pki.caKeys === 'on-control-plane'
  const key = keyContent(keyText(authority.keyAlgorithm))
  return withKey ? [certificate, [files.key, secretView(key)]] : [certificate]
}

function leafViews(
  context: PlannedContext,
  node: ClusterNode | undefined,
  leaf: PlannedLeaf,
): Entries {
  const { cluster } = context
  const { place } = leaf
  const files = filesOf(cluster, place)
  const certificate = leafShape(context, leaf)
  if (place.kind === 'pki' || place.kind === 'kubelet')
    return [
      [files.certificate, { mode: MODES.certificate, content: pem(certificate) }],
      [files.key, secretView(keyContent(certificate.key))],
    ]
  const server = serverFor(cluster, node, place)
  const merged = place.kind === 'operator' || /^(super-)?admin\.conf$/.test(place.file)
  const user = leaf.subject.CN
  const unique = merged && cluster.kubeconfig.uniqueNames ? `${user}@${cluster.clusterName}` : user
  const people = place.kind === 'operator'
  const config = {
    context: `${user}@${cluster.clusterName}`,
    clusters: [{ name: cluster.clusterName, server, authorities: anchors(context, people) }],
    users: [
      {
        name: unique,
        certificates: [certificate],
        credentials: ['client-certificate-data', 'client-key-data'],
      },
    ],
  }
  return [[files.certificate, secretView({ kind: 'kubeconfig', config })]]
}

// People's clients need the root where there is one.
function anchors(context: PlannedContext, people: boolean): readonly CertificateShape[] {
  const { cluster, authorities } = context
  const wanted = people && cluster.pki.topology === 'hierarchy' ? ['ca', 'root-ca'] : ['ca']
  return authorities
    .filter(({ id }) => wanted.includes(id))
    .map((authority) => authorityShape(context, authority))
}

function plannedShared(context: PlannedContext): FolderView {
  const { cluster, authorities } = context
  const entries: Entries = planOperator(cluster)
    .flatMap((leaf) => leafViews(context, undefined, leaf))
    .map(([path, view]) => [`kubeconfig/${path}`, view])
  const at = (name: string): string => `authorities/${name}`
  for (const authority of authorities) {
    const key = keyContent(keyText(authority.keyAlgorithm))
    entries.push(
      [at(`${authority.base}.crt`), secretView(pem(authorityShape(context, authority)))],
      [at(`${authority.base}.key`), secretView(key)],
    )
  }
  const names: readonly string[] = Object.values(SECRET_FILES)
  for (const name of names)
    if (name !== SECRET_FILES.bootstrapToken || cluster.provision.join === 'token')
      entries.push([at(name), secretView({ kind: 'unknown' })])
  return new Map(entries)
}

function authorityShape(
  { authorities }: PlannedContext,
  authority: PlannedAuthority,
): CertificateShape {
  const name = formatName(subject(authority.subject))
  return {
    subject: name,
    issuer: issuerName(authorities, authority.issuer) ?? name,
    names: namesText(authority.altNames),
    key: keyText(authority.keyAlgorithm),
    extendedUsages: [],
    authority: true,
    lifetime: authority.validity,
  }
}

function leafShape({ authorities }: PlannedContext, leaf: PlannedLeaf): CertificateShape {
  return {
    subject: formatName(subject(leaf.subject)),
    issuer: issuerName(authorities, leaf.issuer) ?? '',
    names: namesText(leaf.altNames),
    key: keyText(leaf.keyAlgorithm),
    extendedUsages: PROFILES[leaf.profile].extendedKeyUsage,
    authority: false,
    lifetime: leaf.validity,
  }
}

function issuerName(
  authorities: readonly PlannedAuthority[],
  id: AuthorityId | undefined,
): string | undefined {
  const issuer = authorities.find((authority) => authority.id === id)
  return issuer && formatName(subject(issuer.subject))
}

function namesText(names: SubjectAltNames | undefined): readonly string[] {
  const { dns = [], ip = [] } = names ?? {}
  return [...dns.map((name) => `DNS:${name}`), ...ip.map((address) => `IP:${address}`)]
}

// As `inspect` words a key.
function keyText(algorithm: KeyAlgorithm): string {
  const { type, bits, curve } = KEY_ALGORITHMS[algorithm]
  return `${type} ${curve ?? bits}`
}

function pem(certificate: CertificateShape): Content {
  return { kind: 'pem', certificates: [certificate], keys: [] }
}

function keyContent(key: string): Content {
  return { kind: 'pem', certificates: [], keys: [{ key }] }
}

function secretView(content: Content): FileView {
  return { mode: MODES.secret, content }
}
