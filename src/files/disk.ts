import { constants } from 'node:fs'
import {
  chmod,
  type FileHandle,
  link,
  lstat,
  mkdir,
  open,
  readdir,
  readlink,
  rename,
  rm,
} from 'node:fs/promises'
import { basename, dirname, join, posix } from 'node:path'
import { KpkiError } from '../errors.js'
import { type FileEntry, type FileTree, file, levels, type TreeEntry, treeOf } from './tree.js'

/**
 * Files that are put in place together: certificate and key share a name up to the ending. The key comes
 * first, so that a cut leaves a pair that the next run recognises as broken, never a certificate whose key
 * is lost.
 */
export function pairs(tree: FileTree): readonly (readonly FileEntry[])[] {
  const groups = new Map<string, FileEntry[]>()
  for (const entry of tree.values()) {
    if (entry.kind !== 'file') continue
    const stem = entry.path.replace(/\.(crt|key|pub)$/, '')
    const group = groups.get(stem) ?? []
    group.push(entry)
    groups.set(stem, group)
  }
  for (const group of groups.values())
    group.sort((a, b) => Number(b.path.endsWith('.key')) - Number(a.path.endsWith('.key')))
  return [...groups.values()]
}

/** Every folder of a tree with its mode, parents first; `mode` where the tree does not say. */
export function foldersOf(tree: FileTree, mode: number): ReadonlyMap<string, number> {
  const modes = new Map<string, number>()
  for (const entry of tree.values()) {
    const names = entry.path.split('/')
    if (entry.kind !== 'directory') names.pop()
    for (let length = 1; length <= names.length; length++) {
      const folder = names.slice(0, length).join('/')
      const named = tree.get(folder)
      modes.set(folder, named?.kind === 'directory' ? named.mode : mode)
    }
  }
  return new Map([...modes].sort(([a], [b]) => (a < b ? -1 : 1)))
}

/** What reading a folder takes besides its path. */
export interface ReadTreeOptions {
  /** Bytes; a larger file is listed, not read. */
  readonly maxFileSize?: number
  /** More entries than this end the reading with an error. */
  readonly maxEntries?: number
  /** How many levels of folders are read; all by default. */
  readonly depth?: number
  /** Read only this folder below the root, with paths relative to it. A link on the way to it is refused. */
  readonly folder?: string
}

const MAX_FILE_SIZE = 4 * 1024 * 1024
const MAX_ENTRIES = 1_000_000

/**
 * Reads a folder into memory. Symbolic links are entries, never followed; devices, sockets and files over
 * the size limit are listed as `other`. A folder that does not exist is an empty tree.
 *
 * @throws KpkiError `ERR_FILE_UNREADABLE` when a folder or file cannot be read, `ERR_FILE_UNSAFE` when
 *   `folder` is or lies behind a symbolic link.
 * /
 *
 * @example
 * ```ts
 * import { readTree } from 'kpki/node'
 *
 * const tree = await readTree('out', { folder: 'nodes/controlplane' })
 * console.log(tree.has('etc/kubernetes/admin.conf'))
 * ```
 */
export async function readTree(top: string, options: ReadTreeOptions = {}): Promise<FileTree> {
  const { folder } = options
  const root = folder === undefined ? top : join(top, folder)
  for (const path of levels(folder)) await refuseUnlessFolder(join(top, path))
  const { maxFileSize = MAX_FILE_SIZE, maxEntries = MAX_ENTRIES, depth = 64 } = options
  const entries: TreeEntry[] = []
  const pending = ['']
  for (let path = pending.pop(); path !== undefined; path = pending.pop()) {
    for (const name of await list(join(root, path), path === '')) {
      if (entries.length >= maxEntries)
        throw new KpkiError('ERR_FILE_UNREADABLE', `${root} holds more than ${maxEntries} files`, {
          path: root,
        })
      const child = path === '' ? name : posix.join(path, name)
      const entry = await readEntry(root, child, maxFileSize)
      if (entry === undefined) continue
      entries.push(entry)
      if (entry.kind === 'directory' && child.split('/').length < depth) pending.push(child)
    }
  }
  return treeOf(entries.sort((a, b) => (a.path < b.path ? -1 : 1)))
}

async function list(path: string, isRoot: boolean): Promise<readonly string[]> {
  try {
    return await readdir(path)
  } catch (cause) {
    if (isRoot && isCode(cause, 'ENOENT')) return []
    throw unreadable(path, cause)
  }
}

async function readEntry(
  root: string,
  path: string,
  maxFileSize: number,
): Promise<TreeEntry | undefined> {
  const full = join(root, path)
  try {
    const stat = await lstat(full)
    const mode = stat.mode & 0o7777
    const owner = { uid: stat.uid, gid: stat.gid }
    if (stat.isSymbolicLink()) return { kind: 'symlink', path, target: await readlink(full) }
    if (stat.isDirectory()) return { kind: 'directory', path, mode, owner }
    if (!stat.isFile()) return { kind: 'other', path, reason: 'not a regular file' }
    // It may have been exchanged since.
    const data = await readBounded(full, maxFileSize)
    if (data === 'large') return { kind: 'other', path, reason: `larger than ${maxFileSize} bytes` }
    if (typeof data === 'string') return { kind: 'other', path, reason: 'not a regular file' }
    return { kind: 'file', path, data, mode, owner, modified: stat.mtimeMs }
  } catch (cause) {
    // gone between listing and reading
    if (isCode(cause, 'ENOENT')) return undefined
    throw unreadable(full, cause)
  }
}

/**
 * The bytes of a regular file, or what is there instead. Neither waits for a pipe or device, nor reads more than
 * `limit` bytes, whatever the file system says of its size. Links are followed only where a person named the path.
 */
export async function readBounded(
  path: string,
  limit: number,
  { follow = false }: { readonly follow?: boolean } = {},
): Promise<Uint8Array | 'folder' | 'special' | 'large'> {
  let handle: FileHandle
  try {
    const flags = constants.O_RDONLY | constants.O_NONBLOCK | constants.O_NOCTTY
    handle = await open(path, follow ? flags : flags | constants.O_NOFOLLOW)
  } catch (cause) {
    // a socket, or a link that is not followed
    if (isCode(cause, 'ENXIO') || (!follow && isCode(cause, 'ELOOP'))) return 'special'
    throw cause
  }
  try {
    const stat = await handle.stat()
    if (!stat.isFile()) return stat.isDirectory() ? 'folder' : 'special'
    if (stat.size > limit) return 'large'
    let data = new Uint8Array(stat.size + 1)
    for (let length = 0; ; ) {
      const { bytesRead } = await handle.read(data, length, data.length - length)
      length += bytesRead
      if (length > limit) return 'large'
      if (bytesRead === 0) return data.slice(0, length)
      if (length < data.length) continue
      const longer = new Uint8Array(Math.min(2 * length + 4096, limit + 1))
      longer.set(data)
      data = longer
    }
  } finally {
    await handle.close()
  }
}

/** What writing a folder takes besides its path and content. */
export interface WriteTreeOptions {
  /** Mode of the root, when it is made; 0755 by default. */
  readonly rootMode?: number
  /** Mode of folders that no directory entry of the tree names; by default 0755, or what is there if it is narrower. */
  readonly directoryMode?: number
  /** Write below this folder of the root, which is made at `rootMode`. A link on the way to it is refused. */
  readonly folder?: string
}

const TEMPORARY = /^\..*\.kpki-tmp$/
const PARALLEL = 16

/**
 * Writes a tree below `top`: each file goes to a temporary file that is opened exclusively at mode 0600,
 * gets its content and final mode, is synced and renamed into place. Certificate and key of the same name
 * are put in place together, the key first. Symbolic links inside `top` are never followed.
 *
 * @throws KpkiError `ERR_FILE_UNSAFE` when a link or another kind of file is in the way, `ERR_WRITE_FAILED`
 *   when the disk refuses; files that were not reached are as they were.
 * /
 *
 * @example
 * ```ts
 * import { file, treeOf } from 'kpki'
 * import { writeTree } from 'kpki/node'
 *
 * await writeTree('copy/nodes/worker1', treeOf([file('etc/hostname', 'worker1', 0o644)]))
 * ```
 */
export async function writeTree(
  top: string,
  tree: FileTree,
  options: WriteTreeOptions = {},
): Promise<void> {
  const { rootMode = 0o755, directoryMode, folder } = options
  const root = folder === undefined ? top : join(top, folder)
  for (const path of [folder ?? '', ...tree.keys()])
    if (path.startsWith('/') || path.split('/').includes('..')) throw unsafe(path)
  const folders = foldersOf(tree, directoryMode ?? 0o755)
  const staged: Staged[] = []
  try {
    for (const path of ['', ...levels(folder)]) await ensureFolder(top, path, rootMode)
    for (const [path, mode] of folders) {
      const mayBeNarrower = directoryMode === undefined && !tree.has(path)
      await ensureFolder(root, path, mode, mayBeNarrower)
    }
    await stage(root, pairs(tree), staged)
    await place(staged)
  } catch (cause) {
    // What cannot be taken away now is taken away by the next run.
    await Promise.allSettled(staged.map(({ temporary }) => rm(temporary, { force: true })))
    throw cause instanceof KpkiError ? cause : unwritable(root, cause)
  }
  const names = ['', ...folders.keys()].map((path) => join(root, path))
  const above = levels(folder).map((path) => join(top, dirname(path)))
  await Promise.all([...new Set([...names, ...above])].map(syncFolder))
}

/**
 * Puts one file in place of what is there, whole or not at all.
 *
 * @throws KpkiError as {@link writeTree}.
 */
export function replaceFile(path: string, data: string | Uint8Array, mode: number): Promise<void> {
  return writeTree(dirname(path), treeOf([file(basename(path), data, mode)]))
}

/**
 * Writes a file that is not there yet, whole or not at all. The umask narrows `mode`: it is a person's own file.
 *
 * @throws KpkiError `ERR_FILE_UNSAFE` when something has its name, `ERR_WRITE_FAILED`.
 */
export async function writeNewFile(path: string, text: string, mode: number): Promise<void> {
  const temporary = temporaryOf(path)
  try {
    await rm(temporary, { force: true })
    await writeNew(temporary, new TextEncoder().encode(text), mode)
    await nameNew(temporary, path)
    await rm(temporary, { force: true })
    await syncFolder(dirname(path))
  } catch (cause) {
    await rm(temporary, { force: true }).catch(() => undefined)
    if (isCode(cause, 'EEXIST'))
      throw new KpkiError(
        'ERR_FILE_UNSAFE',
        `${path} exists already`,
        { path },
        { cause, hint: 'it is not overwritten: choose another name, or remove it first' },
      )
    throw cause instanceof KpkiError ? cause : unwritable(path, cause)
  }
}

// A link never takes the place of what is there. Where a file system has none, nothing better than looking is left.
async function nameNew(temporary: string, path: string): Promise<void> {
  try {
    await link(temporary, path)
  } catch (cause) {
    if (!['EPERM', 'ENOTSUP', 'EOPNOTSUPP', 'ENOSYS'].some((code) => isCode(cause, code)))
      throw cause
    if (await isThere(path)) throw Object.assign(new Error(`${path} is there`), { code: 'EEXIST' })
    await rename(temporary, path)
  }
}

// All keys are there for good before any certificate is: a power cut may undo what was not synced in any order, and
// an authority's certificate whose key is lost is the end of the cluster.
async function place(staged: readonly Staged[]): Promise<void> {
  const keys = staged.filter(({ path }) => path.endsWith('.key'))
  for (const { temporary, path } of keys) await rename(temporary, path)
  await Promise.all([...new Set(keys.map(({ path }) => dirname(path)))].map(syncFolder))
  for (const { temporary, path } of staged)
    if (!path.endsWith('.key')) await rename(temporary, path)
}

interface Staged {
  readonly temporary: string
  readonly path: string
}

// Everything that was begun is in `staged`, also when one fails: the caller removes it.
async function stage(
  root: string,
  groups: readonly (readonly FileEntry[])[],
  staged: Staged[],
): Promise<void> {
  for (let start = 0; start < groups.length; start += PARALLEL) {
    const batch = groups.slice(start, start + PARALLEL)
    const paths = batch.map((group) => group.map((entry) => stagedAt(root, entry)))
    staged.push(...paths.flat())
    const ended = await Promise.allSettled(batch.flat().map((entry) => stageFile(root, entry)))
    for (const end of ended) if (end.status === 'rejected') throw end.reason
  }
}

function stagedAt(root: string, { path }: FileEntry): Staged {
  const full = join(root, path)
  return { temporary: temporaryOf(full), path: full }
}

function temporaryOf(path: string): string {
  return join(dirname(path), `.${basename(path)}.kpki-tmp`)
}

async function stageFile(root: string, entry: FileEntry): Promise<void> {
  const { temporary, path } = stagedAt(root, entry)
  await refuseUnlessRegular(path)
  // A left-over of a killed run; it is ours by its name, and is unlinked, not opened.
  await rm(temporary, { force: true })
  await writeNew(temporary, entry.data, 0o600, entry.mode)
}

/** `afterwards` is what the mode becomes, whatever the umask, once the content is there. */
async function writeNew(
  path: string,
  data: Uint8Array,
  mode: number,
  afterwards?: number,
): Promise<void> {
  const flags = constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL | constants.O_NOFOLLOW
  let handle: FileHandle | undefined
  try {
    handle = await open(path, flags, mode)
    await handle.writeFile(data)
    if (afterwards !== undefined) await handle.chmod(afterwards)
    await handle.sync()
  } catch (cause) {
    throw unwritable(path, cause)
  } finally {
    await handle?.close()
  }
}

async function ensureFolder(
  root: string,
  path: string,
  mode: number,
  mayBeNarrower = true,
): Promise<void> {
  const full = join(root, path)
  // The root the user named, and may reach through a link.
  if (path === '') return makeRoot(full, mode)
  if (await makeFolder(full, mode)) return
  const stat = await lstat(full)
  if (!stat.isDirectory()) throw unsafe(full)
  const present = stat.mode & 0o777
  // A run that was cut off between making a folder and opening it to others leaves a closed one.
  const isRight = mayBeNarrower ? (present & ~mode) === 0 : present === mode
  if (!isRight) await chmod(full, mode)
}

/**
 * Makes a folder, and those above it that are missing, for good.
 *
 * @throws KpkiError `ERR_WRITE_FAILED`.
 */
export async function makeRoot(path: string, mode: number): Promise<void> {
  if (await isThere(path)) return
  // Node's own `recursive` never ends below /proc.
  if (dirname(path) !== path) await makeRoot(dirname(path), mode)
  if (await makeFolder(path, mode)) await syncFolder(dirname(path))
}

async function isThere(path: string): Promise<boolean> {
  try {
    await lstat(path)
    return true
  } catch (cause) {
    if (isCode(cause, 'ENOENT')) return false
    throw unwritable(path, cause)
  }
}

/** Whether the folder was made; false: something was there already. */
async function makeFolder(path: string, mode: number): Promise<boolean> {
  try {
    await mkdir(path, { mode })
    // Whatever the umask: the nodes' folders must be as open as the nodes' programs need them.
    await chmod(path, mode)
    return true
  } catch (cause) {
    if (isCode(cause, 'EEXIST')) return false
    throw unwritable(path, cause)
  }
}

async function refuseUnlessFolder(path: string): Promise<void> {
  try {
    if (!(await lstat(path)).isDirectory()) throw unsafe(path)
  } catch (cause) {
    if (isCode(cause, 'ENOENT')) return
    throw cause instanceof KpkiError ? cause : unreadable(path, cause)
  }
}

async function refuseUnlessRegular(path: string): Promise<void> {
  try {
    if (!(await lstat(path)).isFile()) throw unsafe(path)
  } catch (cause) {
    if (!isCode(cause, 'ENOENT')) throw cause
  }
}

function unsafe(path: string): KpkiError {
  return new KpkiError(
    'ERR_FILE_UNSAFE',
    `${path} is not a regular file or folder below the output folder: links are not followed here`,
    { path },
    { hint: 'remove it, or choose another output folder' },
  )
}

async function syncFolder(path: string): Promise<void> {
  try {
    const handle = await open(path, constants.O_RDONLY | constants.O_DIRECTORY)
    await handle.sync().finally(() => handle.close())
  } catch (cause) {
    // Some file systems sync no folders; one that may be written and not be read can't be opened for it.
    if (!isCode(cause, 'EINVAL') && !isCode(cause, 'EACCES')) throw unwritable(path, cause)
  }
}

/** Whether a path is a left-over of a write that was cut off. */
export function isLeftOver(path: string): boolean {
  return TEMPORARY.test(posix.basename(path))
}

/**
 * Removes what killed runs staged in a folder, and below those of its folders that are named. Links are not followed.
 *
 * @throws KpkiError `ERR_WRITE_FAILED`.
 */
export async function removeLeftOvers(top: string, folders: readonly string[]): Promise<void> {
  const pending = [top]
  for (let path = pending.pop(); path !== undefined; path = pending.pop())
    try {
      for (const entry of await readdir(path, { withFileTypes: true })) {
        const full = join(path, entry.name)
        if (entry.isDirectory() && (path !== top || folders.includes(entry.name)))
          pending.push(full)
        else if (!entry.isDirectory() && isLeftOver(full)) await rm(full, { force: true })
      }
    } catch (cause) {
      throw unwritable(path, cause)
    }
}

/** Removes files and folders with all that is in them, for good. Links are not followed. */
export async function removePaths(top: string, paths: readonly string[]): Promise<void> {
  for (const path of paths) {
    const full = join(top, path)
    await refuseUnlessFolder(dirname(full))
    try {
      await rm(full, { recursive: true, force: true })
    } catch (cause) {
      throw unwritable(full, cause)
    }
    await syncFolder(dirname(full))
  }
}

export function isCode(cause: unknown, code: string): boolean {
  return cause instanceof Error && 'code' in cause && cause.code === code
}

function reason(cause: unknown): string {
  return cause instanceof Error ? cause.message : String(cause)
}

function unwritable(path: string, cause: unknown): KpkiError {
  return new KpkiError(
    'ERR_WRITE_FAILED',
    `${path} could not be written: ${reason(cause)}`,
    { path },
    { cause },
  )
}

export function unreadable(path: string, cause: unknown): KpkiError {
  return new KpkiError(
    'ERR_FILE_UNREADABLE',
    `${path} cannot be read: ${reason(cause)}`,
    { path },
    { cause },
  )
}
