/** Unix owner of an entry. */
export interface Owner {
  readonly uid: number
  readonly gid: number
}

/** A regular file. `path` is relative to the root of the tree, separated by `/`, without a leading one. */
export interface FileEntry {
  readonly kind: 'file'
  readonly path: string
  readonly data: Uint8Array
  /** Permission bits, for example `0o600`. */
  readonly mode: number
  readonly owner?: Owner
  /** Last change, milliseconds since the epoch. */
  readonly modified?: number
}

/** A folder of a tree. */
export interface DirectoryEntry {
  readonly kind: 'directory'
  readonly path: string
  readonly mode: number
  readonly owner?: Owner
}

/** A symbolic link, never followed when a tree is read. */
export interface SymlinkEntry {
  readonly kind: 'symlink'
  readonly path: string
  readonly target: string
}

/** Something that is there but is not read: a device, a socket, a file over the size limit. */
export interface OtherEntry {
  readonly kind: 'other'
  readonly path: string
  readonly reason: string
}

/** Anything that lies in a tree. */
export type TreeEntry = FileEntry | DirectoryEntry | SymlinkEntry | OtherEntry

/** A file system in memory: what lies on one node, or in one folder, by path. */
export type FileTree = ReadonlyMap<string, TreeEntry>

const encoder = new TextEncoder()
const decoder = new TextDecoder()

/**
 * Makes a file entry; text is stored as UTF-8.
 *
 * @example
 * ```ts
 * import { file, treeOf } from 'kpki'
 *
 * const tree = treeOf([file('etc/kubernetes/admin.conf', 'kind: Config', 0o600)])
 * console.log(tree.has('etc/kubernetes/admin.conf'))
 * ```
 */
export function file(path: string, data: string | Uint8Array, mode: number): FileEntry {
  return { kind: 'file', path, data: typeof data === 'string' ? encoder.encode(data) : data, mode }
}

/**
 * A folder of a tree: path and mode (permission bits).
 *
 * @example
 * ```ts
 * import { directory, treeOf } from 'kpki'
 *
 * console.log(treeOf([directory('etc/kubernetes/manifests', 0o700)]))
 * ```
 */
export function directory(path: string, mode: number): DirectoryEntry {
  return { kind: 'directory', path, mode }
}

/**
 * Collects entries into a tree; a later entry replaces an earlier one of the same path.
 *
 * @example
 * ```ts
 * import { directory, file, treeOf } from 'kpki'
 *
 * console.log(treeOf([directory('etc', 0o755), file('etc/hostname', 'worker1', 0o644)]).size)
 * ```
 */
export function treeOf(entries: Iterable<TreeEntry>): FileTree {
  const tree = new Map<string, TreeEntry>()
  for (const entry of entries) tree.set(entry.path, entry)
  return tree
}

/**
 * The entry at `path` if it is a regular file.
 *
 * @example
 * ```ts
 * import { fileAt } from 'kpki'
 * import { readTree } from 'kpki/node'
 *
 * const key = fileAt(await readTree('out'), 'authorities/ca.key')
 * console.log(key?.mode === 0o600)
 * ```
 */
export function fileAt(tree: FileTree, path: string): FileEntry | undefined {
  const entry = tree.get(path)
  return entry?.kind === 'file' ? entry : undefined
}

/**
 * The content of a regular file as UTF-8 text.
 *
 * @example
 * ```ts
 * import { textAt } from 'kpki'
 * import { readTree } from 'kpki/node'
 *
 * console.log(textAt(await readTree('out'), 'authorities/ca.crt'))
 * ```
 */
export function textAt(tree: FileTree, path: string): string | undefined {
  const entry = fileAt(tree, path)
  return entry && textOf(entry)
}

/**
 * The UTF-8 text of a file.
 *
 * @example
 * ```ts
 * import { file, textOf } from 'kpki'
 *
 * console.log(textOf(file('etc/hostname', 'worker1', 0o644)))
 * ```
 */
export function textOf(entry: FileEntry): string {
  return decoder.decode(entry.data)
}

/**
 * The part of a tree below `prefix`, with paths relative to it.
 *
 * @example
 * ```ts
 * import { under } from 'kpki'
 * import { readTree } from 'kpki/node'
 *
 * const pki = under(await readTree('out/nodes/controlplane'), 'etc/kubernetes/pki')
 * console.log([...pki.keys()])
 * ```
 */
export function under(tree: FileTree, prefix: string): FileTree {
  const start = prefix.endsWith('/') ? prefix : `${prefix}/`
  const part = new Map<string, TreeEntry>()
  for (const [path, entry] of tree) {
    if (!path.startsWith(start)) continue
    const rest = path.slice(start.length)
    part.set(rest, { ...entry, path: rest })
  }
  return part
}

/** `a`, `a/b`, `a/b/c` of `a/b/c`. */
export function levels(folder: string | undefined): readonly string[] {
  const names = (folder ?? '').split('/').filter((name) => name !== '')
  return names.map((_, index) => names.slice(0, index + 1).join('/'))
}

/** A file's mode as `stat` and kubeadm write it: `0600`. */
export function modeText(mode: number): string {
  return (mode & 0o7777).toString(8).padStart(4, '0')
}
