import { formatName, subject } from '../ca/certificate/names.js'
import { type CryptoEngine, runtimeEngine } from '../ca/engine.js'
import { KEY_ALGORITHMS, type KeyAlgorithm } from '../ca/keys/algorithms.js'
import { PROFILES } from '../ca/profiles.js'
import { type PlannedAuthority, type PlannedCertificate, planAuthorities } from '../certs/plan.js'
import { furtherTokens, secretIds } from '../certs/secrets.js'
import type { Cluster, ClusterNode } from '../cluster/cluster.js'
import { type FileEntry, textOf } from '../files/tree.js'
import {
  authoritiesLayout,
  type FolderLayout,
  type Holding,
  nodeLayout,
  operatorLayout,
} from '../generate/layout.js'
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

/**
 * What differs between the files of two clusters, before any key or certificate is made.
 *
 * @example
 * ```ts
 * import { readFile } from 'node:fs/promises'
 * import { compareClusters, parseCluster } from 'kpki'
 *
 * const text = await readFile('cluster.yaml', 'utf8')
 * const { cluster } = parseCluster(text)
 * const newer = parseCluster(text.replace('v1.28.7', 'v1.29.0')).cluster
 * for (const { node, path, message } of await compareClusters(cluster, newer)) console.log(node, path, message)
 * ```
 */
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
  const context = { cluster, authorities: planAuthorities(cluster), view: viewOnce(engine) }
  const secrets = {
    bootstrapToken: secretIds(cluster).includes('bootstrapToken') ? UNDECIDED : undefined,
    certificateKey: UNDECIDED,
    kubeadmTokens: new Map([...furtherTokens(cluster).keys()].map((place) => [place, UNDECIDED])),
    authorityPins: [UNDECIDED],
  }
  const views = new Map<string, FolderView>()
  for (const node of nodes)
    views.set(node.name, await folderView(context, nodeLayout(cluster, node, secrets), ''))
  const shared = [operatorLayout(cluster), authoritiesLayout(cluster)].map((layout) =>
    folderView(context, layout, `${layout.folder}/`),
  )
  return {
    nodes: views,
    shared: new Map((await Promise.all(shared)).flatMap((view) => [...view])),
  }
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

async function folderView(
  context: PlannedContext,
  { files }: FolderLayout,
  prefix: string,
): Promise<FolderView> {
  const views = files.map(
    async ({ path, mode, holds }): Promise<readonly [string, FileView]> => [
      prefix + path,
      holds.kind === 'configuration'
        ? await context.view(holds.entry)
        : { mode, content: contentOf(context, holds) },
    ],
  )
  return new Map(await Promise.all(views))
}

function contentOf(
  context: PlannedContext,
  holds: Exclude<Holding, { readonly kind: 'configuration' }>,
): Content {
  const { pki } = context.cluster
  const shapes = (of: readonly PlannedCertificate[]) => of.map((one) => shapeOf(context, one))
  switch (holds.kind) {
    case 'certificates':
      return { kind: 'pem', certificates: shapes(holds.of), keys: [] }
    case 'key':
      return keyContent(holds.of.keyAlgorithm)
    case 'secret':
      return holds.secret.startsWith('serviceAccount')
        ? keyContent(pki.certificates.sa?.keyAlgorithm ?? pki.keyAlgorithm)
        : { kind: 'unknown' }
    case 'kubeconfig': {
      const { clusterName, contextName, userName, server } = holds.names
      const authorities = shapes(holds.authorities)
      const credentials = ['client-certificate-data', 'client-key-data']
      const config = {
        currentContext: contextName,
        clusters: [{ name: clusterName, server, authorities }],
        users: [{ name: userName, certificates: shapes([holds.of]), credentials }],
      }
      return { kind: 'kubeconfig', config }
    }
  }
}

function shapeOf({ authorities }: PlannedContext, planned: PlannedCertificate): CertificateShape {
  const { dns = [], ip = [] } = planned.altNames ?? {}
  const issuer = authorities.find(({ id }) => id === planned.issuer) ?? planned
  return {
    subject: formatName(subject(planned.subject)),
    issuer: formatName(subject(issuer.subject)),
    names: [...dns.map((name) => `DNS:${name}`), ...ip.map((address) => `IP:${address}`)],
    key: keyText(planned.keyAlgorithm),
    extendedUsages: PROFILES[planned.profile].extendedKeyUsage,
    authority: PROFILES[planned.profile].ca,
    validity: planned.validity,
  }
}

function keyContent(algorithm: KeyAlgorithm): Content {
  return { kind: 'pem', certificates: [], keys: [{ key: keyText(algorithm) }] }
}

// As `inspect` words a key.
function keyText(algorithm: KeyAlgorithm): string {
  const { type, bits, curve } = KEY_ALGORITHMS[algorithm]
  return `${type} ${curve ?? bits}`
}
