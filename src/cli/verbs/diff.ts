import { stat } from 'node:fs/promises'
import { resolve } from 'node:path'
import type { Command } from 'commander'
import { recognise } from '../../audit/read/recognise.js'
import { plannedView } from '../../compare/clusters.js'
import { compareViews } from '../../compare/compare.js'
import { differencesSummary, differencesText } from '../../compare/text.js'
import { cutTo, paired, viewOf } from '../../compare/trees.js'
import type { ClusterView } from '../../compare/types.js'
import { KpkiError } from '../../errors.js'
import { readTree } from '../../files/disk.js'
import type { FileTree } from '../../files/tree.js'
import type { KubernetesVersion } from '../../releases/features.js'
import { findVersion } from '../../releases/releases.js'
import { atVersion } from '../../upgrade/migrate.js'
import { loadCluster } from '../input/cluster-file.js'
import { isFolder } from '../input/text.js'
import { type ExitCode, type Io, issueLine } from '../io.js'
import { hostSystem } from '../options.js'

export interface DiffOptions {
  readonly hostOs?: string
  readonly json?: boolean
}

/** `kpki diff`. */
export function diffCommand(verb: Command, io: Io): Command {
  return verb
    .description(
      'Compares certificates by what they say, static pods by flag, kubeconfigs and configuration by field, and modes. A and B are each an output folder, a node’s root folder, a cluster file, or one at another version (cluster.yaml@1.34). Secrets are never printed. Exit code 1: they differ.',
    )
    .argument('<A>')
    .argument('<B>')
    .addOption(hostSystem('the nodes of cluster files'))
    .option('--json', 'print the differences as JSON')
    .addHelpText(
      'after',
      `
Examples:
  kpki diff out backup/out
  kpki diff cluster.yaml cluster.yaml@1.34    what the release changes
  kpki diff out new-cluster.yaml              what kpki gen would change
  kpki diff out/nodes/cp1 /mnt/cp1            against a node's disk
`,
    )
    .action(async (a: string, b: string, options: DiffOptions) => {
      io.exit(await runDiff(io, a, b, options))
    })
}

interface Side {
  readonly view: ClusterView
  /** The one node that it is the root of, or a part of, and where that part lies on the node. */
  readonly root?: { readonly node: string; readonly place: string }
}

/** Compares two trees, clusters or releases. */
export async function runDiff(
  outside: Io,
  a: string,
  b: string,
  options: DiffOptions,
): Promise<ExitCode> {
  const io = sayingOnce(outside)
  const before = await sideOf(io, a, options)
  const after = await sideOf(io, b, options)
  const differences = compareViews(...paired(seenBy(before, after), seenBy(after, before)))
  if (options.json === true) io.out(`${JSON.stringify(differences, undefined, 2)}\n`)
  else if (differences.length > 0)
    io.out(`${differencesText(differences)}${differencesSummary(differences)}\n`)
  else io.out('no differences\n')
  return differences.length > 0 ? 1 : 0
}

// One file at two versions has the same warnings twice.
function sayingOnce(io: Io): Io {
  const said = new Set<string>()
  const err = (text: string): void => {
    if (!said.has(text)) io.err(text)
    said.add(text)
  }
  return { ...io, err }
}

async function sideOf(io: Io, text: string, options: DiffOptions): Promise<Side> {
  const { path, version } = await splitVersion(io, text)
  const folder = await isFolder(resolve(io.cwd, path))
  if (!folder || version !== undefined) {
    const source = folder ? { out: path } : { file: path }
    return { view: await clusterView(io, { ...options, ...source }, version) }
  }
  const tree = await readTree(resolve(io.cwd, path))
  if (isOutput(tree)) return { view: await viewOf(tree) }
  const { nodes, origins } = recognise(tree)
  const [only] = nodes
  if (only === undefined || [...nodes.values()].every((one) => one.size === 0))
    throw new KpkiError('ERR_FILE_MISSING', `${path} holds no files`, { path })
  const view = await viewOf(nodes)
  if (nodes.size > 1) return { view }
  return { view, root: { node: only[0], place: placeOf(origins?.get(only[0])) } }
}

// `cluster.yaml@1.34`, unless there is a file of that name.
async function splitVersion(
  io: Io,
  text: string,
): Promise<{ readonly path: string; readonly version?: KubernetesVersion }> {
  const [, path, wanted] = /^(.+)@(v?\d[^@/]*)$/.exec(text) ?? []
  if (path === undefined || wanted === undefined || (await exists(resolve(io.cwd, text))))
    return { path: text }
  const version = findVersion(wanted)
  if (version !== undefined) return { path, version }
  throw new KpkiError(
    'ERR_USAGE',
    `${text}: "${wanted}" is not a version that kpki knows`,
    {},
    {
      hint: 'write it as cluster.yaml@1.34 or cluster.yaml@v1.34.2',
    },
  )
}

async function exists(path: string): Promise<boolean> {
  try {
    await stat(path)
    return true
  } catch {
    return false
  }
}

async function clusterView(
  io: Io,
  source: DiffOptions & { readonly file?: string; readonly out?: string },
  version: KubernetesVersion | undefined,
): Promise<ClusterView> {
  const { cluster, warnings } = await loadCluster(io, source)
  for (const warning of warnings) io.err(`kpki: warning:${issueLine(warning).slice(1)}\n`)
  if (version === undefined) return plannedView(cluster)
  const migrated = atVersion(cluster, version)
  for (const gate of migrated.gates)
    io.err(`kpki: warning: feature gate ${gate} is left out: ${version.text} does not have it\n`)
  for (const field of migrated.fields)
    io.err(`kpki: warning:${issueLine(field).slice(1)} (${version.text})\n`)
  for (const { node, flag } of migrated.kubeletFlags)
    io.err(
      `kpki: warning: --${flag} of ${node} is left out: the kubelet of ${version.text} does not know it\n`,
    )
  return plannedView(migrated.cluster)
}

function isOutput(tree: FileTree): boolean {
  return [...tree.keys()].some((path) => /^nodes\/[^/]+\/./.test(path))
}

// Of a bare /etc/kubernetes or pki folder: where it lies on a node.
function placeOf(origins: ReadonlyMap<string, string> | undefined): string {
  const [first] = origins ?? []
  if (first === undefined) return ''
  const [path, origin] = first
  const [parts, own] = [path.split('/').reverse(), origin.split('/').reverse()]
  const differs = parts.findIndex((part, i) => part !== own[i])
  return differs < 0 ? '' : `${parts.slice(differs).reverse().join('/')}/`
}

/** What a node's root, or a part of it, is compared with: that node of the other side, and that part of it. */
function seenBy({ view, root }: Side, other: Side): ClusterView {
  const node = other.root?.node
  const cut = node === undefined || root !== undefined ? view : cutTo(view, node)
  const place = other.root?.place ?? ''
  if (place === '') return cut
  const nodes = [...cut.nodes].map(
    ([name, view]) =>
      [name, new Map([...view].filter(([path]) => path.startsWith(place)))] as const,
  )
  return { nodes: new Map(nodes) }
}
