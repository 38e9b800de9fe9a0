import { createGunzip } from 'node:zlib'
import { KpkiError } from '../../errors.js'
import {
  applyPax,
  type Header,
  hasMagic,
  headerOf,
  nulTerminated,
  type Overrides,
} from '../../files/tar.js'
import { type FileTree, type TreeEntry, treeOf } from '../../files/tree.js'

/** What an archive may at most hold; more ends the reading with an error, except for single large files. */
export interface ArchiveLimits {
  /** Bytes after decompression. */
  readonly maxTotal?: number
  readonly maxEntries?: number
  /** Bytes; a larger file is listed, not kept. */
  readonly maxFileSize?: number
}

export interface Archive {
  readonly tree: FileTree
  /** Entries that point outside: recorded, not placed. */
  readonly outside: readonly string[]
}

const BLOCK = 512
const MAX_TOTAL = 1024 * 1024 * 1024
const MAX_ENTRIES = 1_000_000
const MAX_FILE_SIZE = 4 * 1024 * 1024
/** Files of a cluster shrink to a tenth; what grows this much beyond this size is made to fill the memory. */
const MAX_GROWTH = 100
const MAX_GROWN = 64 * 1024 * 1024
const MAX_EXTENSION = 1024 * 1024

/**
 * Reads a tar archive (ustar, pax or GNU; gzip is recognised) into memory. Links and devices are entries,
 * never followed; nothing is unpacked.
 *
 * @throws KpkiError `ERR_FILE_UNREADABLE` when it is no archive, damaged, cut off or beyond a limit.
 */
export async function readArchive(
  bytes: AsyncIterable<Uint8Array>,
  name: string,
  limits: ArchiveLimits = {},
): Promise<Archive> {
  const { maxTotal = MAX_TOTAL, maxEntries = MAX_ENTRIES, maxFileSize = MAX_FILE_SIZE } = limits
  const refuse = (message: string): never => {
    throw new KpkiError('ERR_FILE_UNREADABLE', `${name}: ${message}`, { path: name })
  }
  const reader = createReader(await expanded(bytes, refuse), maxTotal, refuse)
  const entries: TreeEntry[] = []
  const outside: string[] = []
  let overrides: Overrides = {}
  let count = 0
  for (;;) {
    const block = await reader.take(BLOCK, count === 0 && reader.total() === 0)
    if (block === undefined || block.every((byte) => byte === 0)) break
    const header = headerOf(block)
    if (header === undefined)
      return refuse(count === 0 ? 'is not a tar archive' : 'is a damaged tar archive')
    if (++count > maxEntries) refuse(`holds more than ${maxEntries} entries`)
    const { size: written } = header
    if (isExtension(header)) {
      if (written > MAX_EXTENSION) refuse('is a damaged tar archive')
      const data = (await reader.take(written, false)) ?? new Uint8Array()
      await reader.skip(padding(written))
      overrides = extend(overrides, header, data)
      continue
    }
    const whole = applyPax(header, overrides)
    overrides = {}
    const keep = whole.kind === 'file' && whole.size <= maxFileSize
    const data = keep ? await reader.take(whole.size, false) : undefined
    if (!keep) await reader.skip(whole.size)
    await reader.skip(padding(whole.size))
    const path = placeOf(whole.path)
    if (path === undefined) outside.push(whole.path)
    else if (path !== '') entries.push(entryOf(whole, path, data, maxFileSize))
  }
  return { tree: treeOf(entries.sort((a, b) => (a.path < b.path ? -1 : 1))), outside }
}

function isExtension({ type }: Header): boolean {
  return type === 'x' || type === 'g' || type === 'L' || type === 'K'
}

function extend(overrides: Overrides, { type }: Header, data: Uint8Array): Overrides {
  // global pax records speak about the archive, not about files
  if (type === 'g') return overrides
  if (type === 'L') return { ...overrides, path: nulTerminated(data) }
  if (type === 'K') return { ...overrides, link: nulTerminated(data) }
  return { ...overrides, pax: data }
}

const padding = (size: number): number => (BLOCK - (size % BLOCK)) % BLOCK

/** The path inside the tree; undefined when it leads outside. Leading slashes go, as tar itself does it. */
function placeOf(path: string): string | undefined {
  const parts = path.split('/').filter((part) => part !== '' && part !== '.')
  return parts.includes('..') ? undefined : parts.join('/')
}

function entryOf(
  { kind, mode, uid, gid, link, mtime, size }: Header,
  path: string,
  data: Uint8Array | undefined,
  maxFileSize: number,
): TreeEntry {
  const owner = { uid, gid }
  if (kind === 'directory') return { kind, path, mode, owner }
  if (kind === 'symlink') return { kind, path, target: link }
  if (kind === 'other')
    return { kind, path, reason: link === '' ? 'not a regular file' : `hard link to ${link}` }
  if (data === undefined)
    return { kind: 'other', path, reason: `${size} bytes are more than ${maxFileSize}` }
  return { kind, path, data, mode, owner, modified: mtime * 1000 }
}

/** Whether a file that begins so, with at most its first 512 bytes, says it is an archive. */
export function isArchiveStart(head: Uint8Array): boolean {
  return isGzip(head) || hasMagic(head)
}

function isGzip(start: Uint8Array): boolean {
  return start[0] === 0x1f && start[1] === 0x8b
}

/** The bytes behind a gzip header if there is one. */
async function expanded(
  bytes: AsyncIterable<Uint8Array>,
  refuse: (message: string) => never,
): Promise<AsyncIterable<Uint8Array>> {
  const source = bytes[Symbol.asyncIterator]()
  const first = await source.next()
  const start: Uint8Array = first.done === true ? new Uint8Array() : first.value
  const whole = resumed(start, source)
  return isGzip(start) ? gunzipped(whole, refuse) : whole
}

async function* resumed(
  first: Uint8Array,
  rest: AsyncIterator<Uint8Array>,
): AsyncGenerator<Uint8Array> {
  yield first
  for (let next = await rest.next(); next.done !== true; next = await rest.next()) yield next.value
}

async function* gunzipped(
  bytes: AsyncIterable<Uint8Array>,
  refuse: (message: string) => never,
): AsyncGenerator<Uint8Array> {
  const gunzip = createGunzip()
  let taken = 0
  let grown = 0
  const feeding = (async () => {
    for await (const chunk of bytes) {
      if (gunzip.destroyed) return
      taken += chunk.length
      if (!gunzip.write(chunk))
        await new Promise<void>((resolve) => {
          gunzip.once('drain', resolve)
          gunzip.once('close', resolve)
        })
    }
    gunzip.end()
  })()
  feeding.catch((error: unknown) => gunzip.destroy(error instanceof Error ? error : undefined))
  try {
    for await (const chunk of gunzip) {
      grown += chunk.length
      if (grown > MAX_GROWN && grown > MAX_GROWTH * taken)
        refuse(`grows more than a hundredfold beyond ${MAX_GROWN} bytes`)
      yield chunk as Uint8Array
    }
  } catch (cause) {
    if (cause instanceof KpkiError) throw cause
    refuse(`cannot be decompressed: ${cause instanceof Error ? cause.message : String(cause)}`)
  }
}

/** Takes exact amounts from a stream, never more than allowed in all. */
function createReader(
  bytes: AsyncIterable<Uint8Array>,
  maxTotal: number,
  refuse: (message: string) => never,
) {
  const source = bytes[Symbol.asyncIterator]()
  let rest: Uint8Array = new Uint8Array()
  let total = 0

  const more = async (): Promise<boolean> => {
    for (;;) {
      const next = await source.next()
      if (next.done === true) return false
      total += next.value.length
      if (total > maxTotal) refuse(`holds more than ${maxTotal} bytes`)
      rest = next.value
      if (rest.length > 0) return true
    }
  }
  const pieces = async (size: number, use: (piece: Uint8Array) => void): Promise<number> => {
    let missing = size
    while (missing > 0) {
      if (rest.length === 0 && !(await more())) break
      const piece = rest.subarray(0, missing)
      rest = rest.subarray(piece.length)
      missing -= piece.length
      use(piece)
    }
    return missing
  }
  return {
    total: () => total,
    /** Undefined at the very end, where that is allowed: archives may lack their final blocks. */
    take: async (size: number, mustExist: boolean): Promise<Uint8Array | undefined> => {
      const parts: Uint8Array[] = []
      const missing = await pieces(size, (piece) => parts.push(piece))
      if (missing === size && size === BLOCK && !mustExist) return undefined
      if (missing > 0) refuse(mustExist ? 'is not a tar archive' : 'is cut off')
      return joined(parts, size)
    },
    skip: async (size: number): Promise<void> => {
      if ((await pieces(size, () => undefined)) > 0) refuse('is cut off')
    },
  }
}

/** A copy of its own: neither a view of a larger chunk nor a Buffer. */
function joined(parts: readonly Uint8Array[], size: number): Uint8Array {
  const whole = new Uint8Array(size)
  let at = 0
  for (const part of parts) {
    whole.set(part, at)
    at += part.length
  }
  return whole
}
