import { defaultEnv, type Env } from '../ca/env.js'
import { createVerifier } from '../ca/keys/signature.js'
import {
  adoptFromNode,
  copiesOfLost,
  establishAuthorities,
  holdsEveryAuthority,
  type LeftCopy,
} from '../certs/authorities.js'
import { establishSecrets } from '../certs/secrets.js'
import { type Cluster, controlPlanes } from '../cluster/cluster.js'
import { KpkiError } from '../errors.js'
import type { FileTree } from '../files/tree.js'
import { type Change, compare, type DatedCertificate, type Part } from './changes.js'
import { refuseEarlyAuthorities, refuseEarlyLeaves, refuseUnusable } from './found.js'
import { authoritiesLayout, type FolderLayout, nodeLayout, operatorLayout } from './layout.js'
import { draftPart, joinSecrets } from './parts.js'
import { type ClusterSource, clusterOf } from './source.js'

/** What is in an output folder already, by its sub-folder: `authorities`, `nodes/<name>`, `kubeconfig`. */
export type Existing = (folder: string) => FileTree | Promise<FileTree>

/** What generating takes besides the cluster. */
export interface GenerateOptions {
  readonly env?: Env
  /** What an earlier run left: it is kept where it is still right. Nothing by default. */
  readonly existing?: Existing
  /**
   * Certificates that end within this time (milliseconds) are made anew. By default 30 days, and for
   * certificates that live shorter than 90 days the last third of their validity.
   */
  readonly renewBefore?: number
  /** Names of nodes that left the cluster, whose folders are in `existing` still: an authority may be left only there. */
  readonly departed?: readonly string[]
}

/** A whole cluster's files in memory. */
export interface Generated {
  readonly cluster: Cluster
  /** Every authority's certificate and key, the service-account keys, bootstrap token and certificate key. */
  readonly authorities: FileTree
  /** By node name: exactly what belongs on that node, from its root directory. */
  readonly nodes: ReadonlyMap<string, FileTree>
  /** Kubeconfigs for people. */
  readonly kubeconfig: FileTree
  /** For every file: whether it is new, kept or replaced, and why. Paths are relative to the output folder. */
  readonly changes: readonly Change[]
  readonly certificates: readonly DatedCertificate[]
}

/**
 * Makes the files of a cluster part by part: first the authorities, then one part per node, then the
 * operator's kubeconfigs. Only one part is in memory at a time.
 * /
 *
 * @example
 * ```ts
 * import { readFile } from 'node:fs/promises'
 * import { generateParts, parseCluster } from 'kpki'
 * import { writeTree } from 'kpki/node'
 *
 * const { cluster } = parseCluster(await readFile('cluster.yaml', 'utf8'))
 * for await (const { folder, tree } of generateParts(cluster)) await writeTree(`copy/${folder}`, tree)
 * ```
 */
export async function* generateParts(
  cluster: Cluster,
  options: GenerateOptions = {},
): AsyncGenerator<Part> {
  const { env = defaultEnv(), existing = () => new Map(), renewBefore, departed = [] } = options
  const before = await existing('authorities')
  const safe = authoritiesLayout(cluster)
  refuseUnusable(safe.folder, safe.files, before)
  const { kept, recovered } = await recover(cluster, before, existing, departed)
  const authorities = await establishAuthorities(cluster, kept, env)
  const secrets = await establishSecrets(cluster, kept, env, recovered)
  const verifier = createVerifier(env.engine)
  const context = { cluster, authorities, secrets, env, verifier, renewBefore, recovered }
  const part = async (layout: FolderLayout, found?: FileTree): Promise<Part> => {
    const there = found ?? (await existing(layout.folder))
    return compare(await draftPart(context, layout, there), there)
  }
  const join = await joinSecrets(context)
  const layouts: readonly (() => FolderLayout)[] = [
    ...cluster.nodes.map((node) => () => nodeLayout(cluster, node, join)),
    () => operatorLayout(cluster),
  ]
  // Nothing is planned before all that is there was seen: a plan that is refused half-way is half written.
  refuseEarlyAuthorities(authorities, env.now)
  await inTurns(layouts, async (make) => {
    const layout = make()
    const there = await existing(layout.folder)
    refuseUnusable(layout.folder, layout.files, there)
    refuseEarlyLeaves(cluster, layout, there, env.now)
  })
  yield part(safe, before)
  for (const layout of layouts) yield part(layout())
}

const SEEN_AT_ONCE = 8

// A disk answers several questions in the time of one; thousands of trees would fill the memory.
async function inTurns<T>(items: readonly T[], work: (item: T) => Promise<void>): Promise<void> {
  for (let start = 0; start < items.length; start += SEEN_AT_ONCE)
    await Promise.all(items.slice(start, start + SEEN_AT_ONCE).map(work))
}

// A lost authorities/ must not lead to new authorities while nodes still carry the old ones.
async function recover(
  cluster: Cluster,
  before: FileTree,
  existing: Existing,
  departed: readonly string[],
): Promise<{ readonly kept: FileTree; readonly recovered: ReadonlyMap<string, string> }> {
  const recovered = new Map<string, string>()
  let kept = before
  for (const { name } of controlPlanes(cluster)) {
    if (holdsEveryAuthority(cluster, kept)) break
    const folder = `nodes/${name}`
    const more = adoptFromNode(cluster, kept, await existing(folder))
    for (const path of more.keys()) if (!kept.has(path)) recovered.set(path, folder)
    kept = more
  }
  if (!holdsEveryAuthority(cluster, kept)) {
    const nodes = [...departed, ...cluster.nodes.map(({ name }) => name)]
    await refuseLost(cluster, kept, nodes, existing)
  }
  return { kept, recovered }
}

// What nobody may take up is no reason to make anew what it belongs to: the old one is in use, and here may be its
// last copy.
async function refuseLost(
  cluster: Cluster,
  kept: FileTree,
  nodes: readonly string[],
  existing: Existing,
): Promise<void> {
  const left: (LeftCopy & { readonly folder: string })[] = []
  await inTurns(nodes, async (name) => {
    const folder = `nodes/${name}`
    const [copy] = copiesOfLost(cluster, kept, await existing(folder))
    if (copy !== undefined) left.push({ ...copy, folder })
  })
  const copy = left.find(({ isKey }) => isKey) ?? left[0]
  if (copy === undefined) return
  const { authority, key, certificate, folder, path, isKey } = copy
  throw new KpkiError(
    'ERR_CA_KEY_MISSING',
    `authorities/${key} is lost, and ${folder}/${path} is still there: a new one would end what the old one has signed`,
    { authority },
    {
      hint: `${isKey ? `put it back into authorities/ with ${certificate}` : 'restore authorities/ from a backup'}; to begin anew, generate into a new folder`,
    },
  )
}

/**
 * Makes every certificate, kubeconfig, manifest and configuration of a cluster, in memory.
 *
 * @throws KpkiError `ERR_SPEC_INVALID` with every mistake at once, `ERR_YAML_INVALID`, `ERR_CA_KEY_MISSING`,
 *   `ERR_KEY_MISMATCH`, `ERR_CLOCK` when something in `existing` began later than the clock of `env` says,
 *   `ERR_FILE_UNSAFE` when something else is in a file’s place
 *
 * @example
 * ```ts
 * import { readFile } from 'node:fs/promises'
 * import { generate } from 'kpki'
 *
 * const { nodes } = await generate(await readFile('cluster.yaml', 'utf8'))
 * console.log(nodes.get('controlplane')?.get('etc/kubernetes/pki/apiserver.crt'))
 * ```
 */
export async function generate(
  source: ClusterSource,
  options: GenerateOptions = {},
): Promise<Generated> {
  const cluster = clusterOf(source)
  const nodes = new Map<string, FileTree>()
  let authorities: FileTree = new Map()
  let kubeconfig: FileTree = new Map()
  const changes: Change[] = []
  const certificates: DatedCertificate[] = []
  for await (const part of generateParts(cluster, options)) {
    if (part.node !== undefined) nodes.set(part.node, part.tree)
    else if (part.folder === 'authorities') authorities = part.tree
    else kubeconfig = part.tree
    changes.push(...part.changes)
    certificates.push(...part.certificates)
  }
  return { cluster, authorities, nodes, kubeconfig, changes, certificates }
}
