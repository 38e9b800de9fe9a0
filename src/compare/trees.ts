import { type CryptoEngine, runtimeEngine } from '../ca/engine.js'
import type { FileTree, TreeEntry } from '../files/tree.js'
import { compareViews } from './compare.js'
import type { ClusterView, Difference, FileView, FolderView } from './types.js'
import { viewEntry } from './view.js'

/** Nodes' trees by name; or one tree: an output folder (`nodes/<name>/…`), or the root of one node. */
export type Trees = ReadonlyMap<string, FileTree> | FileTree

/**
 * What differs between two trees or sets of trees, in words and as data: files, certificates by what they say,
 * kubeconfigs, static pods by flag, environment, mount, probe and image, configuration by field, modes. Keys are told
 * by the SHA-256 of their public half; secrets never appear.
 *
 * @example
 * ```ts
 * import { compareTrees } from 'kpki'
 * import { readTree } from 'kpki/node'
 *
 * const differences = await compareTrees(await readTree('out'), await readTree('out'))
 * for (const { node, path, message } of differences) console.log(node, path, message)
 * ```
 */
export async function compareTrees(
  before: Trees,
  after: Trees,
  engine: CryptoEngine = runtimeEngine(),
): Promise<readonly Difference[]> {
  const [old, fresh] = await Promise.all([viewOf(before, engine), viewOf(after, engine)])
  return compareViews(...paired(old, fresh))
}

/** Reads trees into what is compared of them. */
export async function viewOf(
  trees: Trees,
  engine: CryptoEngine = runtimeEngine(),
): Promise<ClusterView> {
  const { nodes, shared } = partsOf(trees)
  const views = new Map<string, FolderView>()
  for (const [name, tree] of nodes) views.set(name, await viewTree(tree, engine))
  return { nodes: views, ...(shared && { shared: await viewTree(shared, engine) }) }
}

/** Name of the node in a view that was read from one node's root. */
export const ONE_NODE = 'node'

function partsOf(trees: Trees): {
  readonly nodes: ReadonlyMap<string, FileTree>
  readonly shared?: FileTree
} {
  if (!isTree(trees)) return { nodes: trees }
  if (![...trees.keys()].some((path) => /^nodes\/[^/]+\/./.test(path)))
    return { nodes: new Map([[ONE_NODE, trees]]) }
  const nodes = new Map<string, Map<string, TreeEntry>>()
  const shared = new Map<string, TreeEntry>()
  for (const [path, entry] of trees) {
    const [, name, rest] = /^nodes\/([^/]+)\/(.+)$/.exec(path) ?? []
    if (name !== undefined && rest !== undefined) {
      const tree = nodes.get(name) ?? new Map()
      nodes.set(name, tree.set(rest, { ...entry, path: rest }))
    } else if (/^(authorities|kubeconfig)\/|^cluster\.yaml$/.test(path)) shared.set(path, entry)
  }
  return { nodes, shared }
}

function isTree(trees: Trees): trees is FileTree {
  const [first] = trees.values()
  return first === undefined || 'kind' in first
}

async function viewTree(tree: FileTree, engine: CryptoEngine): Promise<FolderView> {
  const views = [...tree].map(
    async ([path, entry]): Promise<readonly [string, FileView]> => [
      path,
      await viewEntry(entry, engine),
    ],
  )
  return new Map(await Promise.all(views))
}

/** Where each side has one node only, these two are meant, whatever their names. */
export function paired(
  before: ClusterView,
  after: ClusterView,
): readonly [ClusterView, ClusterView] {
  const [old, fresh] = [soleNode(before), soleNode(after)]
  if (old && fresh && old[0] !== fresh[0])
    return [renamed(old[1], fresh[0], before), renamed(fresh[1], fresh[0], after)]
  return [before, after]
}

function soleNode({ nodes }: ClusterView): readonly [string, FolderView] | undefined {
  const [first] = nodes
  return nodes.size === 1 ? first : undefined
}

function renamed(view: FolderView, name: string, { shared }: ClusterView): ClusterView {
  return { nodes: new Map([[name, view]]), ...(shared && { shared }) }
}

/** The other side of a comparison with one node's root: that node alone. */
export function cutTo(all: ClusterView, name: string): ClusterView {
  const view = all.nodes.get(name)
  return view === undefined ? all : { nodes: new Map([[name, view]]) }
}
