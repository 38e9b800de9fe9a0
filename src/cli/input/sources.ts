import { createReadStream } from 'node:fs'
import { lstat, open, readdir, readlink, stat } from 'node:fs/promises'
import { basename, join, resolve } from 'node:path'
import type { AuditInput, Unrecognised } from '../../audit/read/evidence.js'
import { NODE_FOLDERS } from '../../audit/read/layouts.js'
import { recognise, requirePki, UNKNOWN_OUT } from '../../audit/read/recognise.js'
import type { Cluster } from '../../cluster/cluster.js'
import { KpkiError } from '../../errors.js'
import { readBounded, readTree } from '../../files/disk.js'
import { type FileEntry, type FileTree, type TreeEntry, treeOf } from '../../files/tree.js'
import type { Io } from '../io.js'
import { type Archive, isArchiveStart, readArchive } from './archives.js'

/** Whether a folder is the root of a whole system: then only {@link NODE_FOLDERS} are of interest. */
export async function isSystemRoot(folder: string): Promise<boolean> {
  const names = new Set(await readdir(folder).catch(() => []))
  return ['etc', 'usr', 'var'].every((name) => names.has(name))
}

/**
 * Reads what is of interest below the root of a system.
 *
 * @throws KpkiError `ERR_FILE_UNREADABLE`.
 */
export async function readSystem(root: string): Promise<FileTree> {
  const entries: TreeEntry[] = []
  for (const path of NODE_FOLDERS) entries.push(...(await readPart(root, path)))
  return treeOf(entries)
}

async function readPart(root: string, path: string): Promise<readonly TreeEntry[]> {
  const full = join(root, path)
  try {
    const stat = await lstat(full)
    const about = { path, mode: stat.mode & 0o7777, owner: { uid: stat.uid, gid: stat.gid } }
    if (stat.isSymbolicLink()) return [{ kind: 'symlink', path, target: await readlink(full) }]
    if (stat.isFile()) {
      const data = await readBounded(full, MAX_FILE)
      if (typeof data !== 'string')
        return [{ kind: 'file', ...about, data, modified: stat.mtimeMs }]
      if (data === 'large')
        return [{ kind: 'other', path, reason: `larger than ${MAX_FILE} bytes` }]
    }
    if (!stat.isDirectory()) return [{ kind: 'other', path, reason: 'not a regular file' }]
    const below = [...(await readTree(full)).values()]
    return [
      { kind: 'directory', ...about },
      ...below.map((entry) => ({ ...entry, path: `${path}/${entry.path}` })),
    ]
  } catch (cause) {
    if (cause instanceof KpkiError) throw cause
    const code = cause instanceof Error && 'code' in cause ? cause.code : undefined
    if (code === 'ENOENT' || code === 'ENOTDIR') return []
    throw new KpkiError(
      'ERR_FILE_UNREADABLE',
      `${full} cannot be read (${String(code)})`,
      { path: full },
      { cause },
    )
  }
}

export interface SourceOptions {
  /** From `-f`; wins over a `cluster.yaml` inside a folder. */
  readonly cluster?: Cluster
  /** Reads the `cluster.yaml` of an output folder. */
  readonly readCluster?: (text: string) => Cluster
}

const MAX_FILE = 4 * 1024 * 1024
/** The name of the tree that holds files given one by one. */
const LOOSE = 'files'
/** What a tree is called whose node does not say its own name. */
const UNNAMED = 'node'

/**
 * Reads what the user names: folders, archives, hosts, single files, `-` for an archive on standard input.
 *
 * @throws KpkiError `ERR_NO_PKI`, `ERR_FILE_MISSING`, `ERR_FILE_UNREADABLE`, `ERR_FILE_UNSAFE`, `ERR_REMOTE`, `ERR_USAGE`.
 */
export async function readSource(
  io: Io,
  paths: readonly string[],
  options: SourceOptions = {},
): Promise<AuditInput> {
  const inputs: AuditInput[] = []
  const loose: FileEntry[] = []
  for (const path of paths) {
    const found = await readOne(io, path, options)
    requirePki('kind' in found ? looseInput([found]) : found, path)
    if ('kind' in found) loose.push(found)
    else inputs.push(found)
  }
  if (loose.length > 0) inputs.push(looseInput(loose))
  const merged = merge(inputs)
  return options.cluster === undefined ? merged : { ...merged, cluster: options.cluster }
}

async function readOne(
  io: Io,
  path: string,
  { readCluster }: SourceOptions,
): Promise<AuditInput | FileEntry> {
  if (/^ssh:\/\//i.test(path)) {
    const { readHost } = await import('./ssh.js')
    const { host, archive } = await readHost(path)
    return named(fromArchive(archive, readCluster), host)
  }
  if (path === '-')
    return fromArchive(await readArchive(process.stdin, 'standard input'), readCluster)
  const full = resolve(io.cwd, path)
  const found = await look(full, path)
  if (found.isDirectory()) return placedOut(await readFolder(full, readCluster), path)
  if (!found.isFile())
    throw new KpkiError('ERR_USAGE', `${path} is neither a folder nor a regular file`, {})
  if (await isArchive(full, path))
    return fromArchive(await readArchive(createReadStream(full), path), readCluster)
  const data = await readBounded(full, MAX_FILE, { follow: true })
  if (typeof data === 'string')
    throw new KpkiError(
      'ERR_USAGE',
      `${path} is larger than ${MAX_FILE} bytes`,
      {},
      {
        hint: 'give a folder, a tar archive, a certificate or a kubeconfig',
      },
    )
  return {
    kind: 'file',
    path: path.replace(/^(\.?\/)+/, ''),
    data,
    mode: found.mode & 0o7777,
    owner: { uid: found.uid, gid: found.gid },
    modified: found.mtimeMs,
  }
}

async function readFolder(
  full: string,
  readCluster: SourceOptions['readCluster'],
): Promise<AuditInput> {
  const tree = (await isSystemRoot(full)) ? await readSystem(full) : await readTree(full)
  return named(recognise(tree, readCluster), nameOf(full))
}

/** Commands name an output folder as the user did. */
function placedOut(input: AuditInput, path: string): AuditInput {
  if (input.outs === undefined) return input
  const placed = (out: string) => (out === UNKNOWN_OUT ? path : join(path, out))
  return { ...input, outs: new Map([...input.outs].map(([part, out]) => [part, placed(out)])) }
}

async function look(full: string, path: string) {
  try {
    return await stat(full)
  } catch (cause) {
    const code = cause instanceof Error && 'code' in cause ? cause.code : undefined
    if (code === 'ENOENT' || code === 'ENOTDIR')
      throw new KpkiError('ERR_FILE_MISSING', `${path} does not exist`, { path }, { cause })
    throw new KpkiError(
      'ERR_FILE_UNREADABLE',
      `${path} cannot be read (${String(code)})`,
      { path },
      { cause },
    )
  }
}

/** By its first bytes; a name alone decides only that it must be one. */
async function isArchive(full: string, path: string): Promise<boolean> {
  if (/\.(tar|tgz|tar\.gz)$/i.test(path)) return true
  const handle = await open(full, 'r')
  try {
    const head = Buffer.alloc(512)
    const { bytesRead } = await handle.read(head, 0, head.length, 0)
    return isArchiveStart(head.subarray(0, bytesRead))
  } finally {
    await handle.close()
  }
}

function fromArchive(
  { tree, outside }: Archive,
  readCluster: SourceOptions['readCluster'],
): AuditInput {
  const input = recognise(tree, readCluster)
  if (outside.length === 0) return input
  const strays = outside.map((path) => ({ path, reason: 'leads outside the archive: not read' }))
  return { ...input, unrecognised: [...(input.unrecognised ?? []), ...strays] }
}

function looseInput(entries: readonly FileEntry[]): AuditInput {
  const tree = treeOf(entries)
  return { nodes: new Map([[LOOSE, tree]]) }
}

const GENERAL = /^(pki|kubernetes|etc|ssl|certs|tls|root|rootfs|out|)$/

/** A node's name from the folder that holds its files, where that says something. */
function nameOf(full: string): string {
  const name = basename(full)
  return GENERAL.test(name) ? UNNAMED : name
}

/** Gives the only, unnamed node of an input a better name. */
function named(input: AuditInput, name: string): AuditInput {
  if (input.nodes.size !== 1 || !input.nodes.has(UNNAMED) || name === UNNAMED) return input
  return renamed(input, (old) => (old === UNNAMED ? name : old))
}

function renamed(input: AuditInput, rename: (name: string) => string): AuditInput {
  const keys = <V>(map: ReadonlyMap<string, V>): ReadonlyMap<string, V> =>
    new Map([...map].map(([name, value]) => [rename(name), value]))
  const { origins, outs } = input
  return {
    ...input,
    nodes: keys(input.nodes),
    ...(origins === undefined ? {} : { origins: keys(origins) }),
    ...(outs === undefined ? {} : { outs: keys(outs) }),
  }
}

/** One evidence from several sources; nodes of equal name are told apart by a number. */
function merge(inputs: readonly AuditInput[]): AuditInput {
  const [only] = inputs
  if (only !== undefined && inputs.length === 1) return only
  const nodes = new Map<string, FileTree>()
  const origins = new Map<string, ReadonlyMap<string, string>>()
  const outs = new Map<string, string>()
  const unrecognised: Unrecognised[] = []
  const rest: {
    authorities?: FileTree
    operator?: FileTree
    cluster?: Cluster
    unreadCluster?: Unrecognised
  } = {}
  for (const input of inputs) {
    const free = renamed(input, (name) => freeName(name, nodes))
    for (const [name, tree] of free.nodes) nodes.set(name, tree)
    for (const [name, paths] of free.origins ?? []) origins.set(name, paths)
    for (const [name, out] of free.outs ?? []) outs.set(name, out)
    unrecognised.push(...(input.unrecognised ?? []))
    for (const folder of ['authorities', 'operator'] as const) {
      const tree = input[folder]
      if (tree !== undefined) rest[folder] = new Map([...(rest[folder] ?? []), ...tree])
    }
    if (input.cluster !== undefined) rest.cluster ??= input.cluster
    if (input.unreadCluster !== undefined) rest.unreadCluster ??= input.unreadCluster
  }
  return { ...rest, nodes, origins, outs, unrecognised }
}

function freeName(name: string, taken: ReadonlyMap<string, unknown>): string {
  if (!taken.has(name)) return name
  let number = 2
  while (taken.has(`${name}~${number}`)) number++
  return `${name}~${number}`
}
