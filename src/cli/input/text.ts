import { createReadStream } from 'node:fs'
import { stat } from 'node:fs/promises'
import { resolve } from 'node:path'
import { KpkiError } from '../../errors.js'
import { isCode, readBounded } from '../../files/disk.js'
import type { Io } from '../io.js'

const MIB = 1024 * 1024
const MAX_INPUT = 16 * MIB
/** What a shell hands over: standard input by its names, and `<(command)`. They are pipes that end. */
const HANDED_OVER = /^\/dev\/(stdin|fd\/\d+)$|^\/proc\/self\/fd\/\d+$/

const decoder = new TextDecoder('utf-8', { fatal: true })

/** What errors call an input. */
export function inputName(path: string): string {
  return path === '-' ? 'standard input' : path
}

/**
 * The bytes of a file, of what a shell hands over, or of standard input for `-`. Never more than `limit`, 16 MiB by
 * default; neither pipes nor devices are waited for.
 *
 * @throws KpkiError `ERR_FILE_MISSING`, `ERR_FILE_UNREADABLE`, or `ERR_USAGE` when it is no file.
 */
export async function readInput(io: Io, path: string, limit = MAX_INPUT): Promise<Uint8Array> {
  const full = resolve(io.cwd, path)
  const read = await readAny(path, full, limit).catch((cause: unknown) => {
    if (isCode(cause, 'ENOENT') || isCode(cause, 'ENOTDIR'))
      throw new KpkiError('ERR_FILE_MISSING', `${path} does not exist`, { path }, { cause })
    const code = cause instanceof Error && 'code' in cause ? cause.code : cause
    const message = `${inputName(path)} cannot be read (${String(code)})`
    throw new KpkiError('ERR_FILE_UNREADABLE', message, { path }, { cause })
  })
  if (read === 'large') {
    const message = `${inputName(path)} is larger than ${limit / MIB} MiB`
    throw new KpkiError('ERR_FILE_UNREADABLE', message, { path })
  }
  if (read === 'folder')
    throw new KpkiError('ERR_USAGE', `${path} is a folder`, {}, { hint: 'name a file in it' })
  if (read === 'special')
    throw new KpkiError(
      'ERR_USAGE',
      `${path} is neither a file nor a folder`,
      {},
      { hint: 'give it on standard input, as -, where that is possible' },
    )
  return read
}

/**
 * The same as text.
 *
 * @throws KpkiError besides, `ERR_YAML_INVALID` when it is not UTF-8.
 */
export async function readText(io: Io, path: string, limit?: number): Promise<string> {
  const bytes = await readInput(io, path, limit)
  try {
    return decoder.decode(bytes)
  } catch (cause) {
    const line = badLine(bytes)
    throw new KpkiError(
      'ERR_YAML_INVALID',
      `${inputName(path)} is not UTF-8 (line ${line})`,
      { path, line },
      { cause, hint: 'save it as UTF-8, for example with iconv -f latin1 -t utf-8' },
    )
  }
}

// No part of a character in UTF-8 looks like the end of a line.
function badLine(bytes: Uint8Array): number {
  let line = 1
  for (let start = 0; start < bytes.length; line++) {
    const end = bytes.indexOf(0x0a, start)
    try {
      decoder.decode(bytes.subarray(start, end < 0 ? bytes.length : end))
    } catch {
      return line
    }
    if (end < 0) break
    start = end + 1
  }
  return line
}

async function readAny(path: string, full: string, limit: number): ReturnType<typeof readBounded> {
  if (path === '-') return readStream(process.stdin, limit)
  return HANDED_OVER.test(full)
    ? readStream(createReadStream(full), limit)
    : readBounded(full, limit, { follow: true })
}

async function readStream(
  stream: AsyncIterable<Uint8Array>,
  limit: number,
): Promise<Uint8Array | 'large'> {
  const chunks: Uint8Array[] = []
  let size = 0
  for await (const chunk of stream) {
    size += chunk.length
    if (size > limit) return 'large'
    chunks.push(chunk)
  }
  return Buffer.concat(chunks)
}

export async function isFolder(path: string): Promise<boolean> {
  try {
    return (await stat(path)).isDirectory()
  } catch {
    return false
  }
}
