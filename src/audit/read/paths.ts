import { type FileEntry, type FileTree, fileAt } from '../../files/tree.js'
import { pathInTree } from '../../values/paths.js'
import type { Launch, NodeEvidence } from './evidence.js'

const MAX_LINKS = 16

/** The path behind every symbolic link on the way, inside the tree; undefined for loops and escapes. */
export function followLinks(tree: FileTree, path: string): string | undefined {
  let rest = pathInTree(path)
  if (!hasLinks(tree)) return rest
  for (let links = 0; rest !== undefined && links <= MAX_LINKS; links++) {
    const parts: readonly string[] = rest.split('/')
    let linked: string | undefined
    for (let i = 1; i <= parts.length && linked === undefined; i++) {
      const here = parts.slice(0, i).join('/')
      const entry = tree.get(here)
      if (entry?.kind !== 'symlink') continue
      const base = entry.target.startsWith('/') ? '' : parts.slice(0, i - 1).join('/')
      linked = [base, entry.target, ...parts.slice(i)].join('/')
    }
    if (linked === undefined) return rest
    rest = pathInTree(linked)
  }
  return undefined
}

const linksByTree = new WeakMap<FileTree, boolean>()

function hasLinks(tree: FileTree): boolean {
  const known = linksByTree.get(tree)
  if (known !== undefined) return known
  let found = false
  for (const { kind } of tree.values()) found ||= kind === 'symlink'
  linksByTree.set(tree, found)
  return found
}

/** The regular file that a path of the node leads to. */
export function fileOn(tree: FileTree, path: string): FileEntry | undefined {
  const target = followLinks(tree, path)
  return target === undefined ? undefined : fileAt(tree, target)
}

/**
 * Whether the tree would show a file at `path` if there was one: the nearest directory that exists
 * in it has files of its own. A bare `pki` folder says nothing about `/etc/kubernetes/admin.conf`.
 */
export function isCovered({ tree }: Pick<NodeEvidence, 'tree'>, path: string): boolean {
  const parts = (pathInTree(path) ?? '').split('/')
  for (let i = parts.length - 1; i > 0; i--) {
    const directory = parts.slice(0, i).join('/')
    const hasFiles = childrenOf(tree).get(directory)
    if (hasFiles !== undefined) return hasFiles
  }
  return false
}

const childrenByTree = new WeakMap<FileTree, ReadonlyMap<string, boolean>>()

/** Every directory of a tree, and whether files lie in it. */
function childrenOf(tree: FileTree): ReadonlyMap<string, boolean> {
  const known = childrenByTree.get(tree)
  if (known) return known
  const all = new Map<string, boolean>()
  for (const [path, entry] of tree) {
    const parts = path.split('/')
    for (let i = parts.length - 1; i > 0; i--) {
      const directory = parts.slice(0, i).join('/')
      const isIn = i === parts.length - 1 && entry.kind !== 'directory'
      all.set(directory, isIn || all.get(directory) === true)
    }
    if (entry.kind === 'directory' && !all.has(path)) all.set(path, false)
  }
  childrenByTree.set(tree, all)
  return all
}

/** Where a path named on a component's command line lies on its node, or why it lies nowhere. */
export type Located =
  | { readonly path: string }
  | { readonly unmounted: string }
  /** Inside a volume that is not a hostPath. */
  | { readonly foreign: string }

/** Follows a pod's mounts: a container sees only what is mounted into it. */
export function locate(launch: Launch, path: string): Located {
  const wanted = `/${pathInTree(path) ?? ''}`
  if (!launch.mounts) return { path: wanted.slice(1) }
  const holding = launch.mounts
    .filter(({ mountPath }) => wanted === mountPath || wanted.startsWith(`${mountPath}/`))
    .sort((a, b) => b.mountPath.length - a.mountPath.length)[0]
  if (!holding) return { unmounted: wanted }
  if (holding.hostPath === undefined) return { foreign: wanted }
  const rest = wanted.slice(holding.mountPath.length)
  return { path: pathInTree(`${holding.hostPath}${rest}`) ?? '' }
}

/** A path as messages show it: without the well-known `etc/kubernetes/`. */
export function shortPath(path: string): string {
  const plain = path.replace(/^\/+/, '')
  return plain.startsWith('etc/kubernetes/') ? plain.slice('etc/kubernetes/'.length) : plain
}
