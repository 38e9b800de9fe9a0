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
 * Whether the tree would show a file at `path` if there was one: the nearest directory that exists in it has files of
 * its own, or is there and empty. A bare `pki` folder says nothing about `/etc/kubernetes/admin.conf`.
 */
export function isCovered({ tree }: Pick<NodeEvidence, 'tree'>, path: string): boolean {
  const plain = pathInTree(path) ?? ''
  // It is there and was not read: too large, a device, a socket.
  if (tree.get(plain)?.kind === 'other') return false
  const parts = plain.split('/')
  const directories = directoriesOf(tree)
  for (let i = parts.length - 1; i > 0; i--) {
    const found = directories.get(parts.slice(0, i).join('/'))
    if (found) return found.files || (found.listed && !found.children)
  }
  return false
}

/** The outermost folder on the way to a path that holds nothing, where the tree would show it; undefined for none. */
export function lostFolder({ tree }: Pick<NodeEvidence, 'tree'>, path: string): string | undefined {
  const parts = (pathInTree(path) ?? '').split('/')
  if (!isCovered({ tree }, path)) return undefined
  const directories = directoriesOf(tree)
  for (let i = 1; i < parts.length; i++) {
    const folder = parts.slice(0, i).join('/')
    if (directories.get(folder)?.children !== true) return folder
  }
  return undefined
}

interface Directory {
  /** Files lie in it. */
  files: boolean
  /** Anything lies in it or below. */
  children: boolean
  /** The tree has an entry for it. */
  listed: boolean
}

const directoriesByTree = new WeakMap<FileTree, ReadonlyMap<string, Directory>>()

function directoriesOf(tree: FileTree): ReadonlyMap<string, Directory> {
  const known = directoriesByTree.get(tree)
  if (known) return known
  const all = new Map<string, Directory>()
  const at = (path: string): Directory => {
    const directory = all.get(path) ?? { files: false, children: false, listed: false }
    all.set(path, directory)
    return directory
  }
  for (const [path, entry] of tree) {
    if (entry.kind === 'directory') at(path).listed = true
    const parts = path.split('/')
    for (let i = parts.length - 1; i > 0; i--) {
      const directory = at(parts.slice(0, i).join('/'))
      directory.children = true
      if (i === parts.length - 1 && entry.kind !== 'directory') directory.files = true
    }
  }
  directoriesByTree.set(tree, all)
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
