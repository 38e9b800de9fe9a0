import { readFile, stat } from 'node:fs/promises'
import { resolve } from 'node:path'
import { KpkiError } from '../../errors.js'
import type { Io } from '../io.js'

const MAX_INPUT = 16 * 1024 * 1024

/**
 * The bytes of a file, or of standard input for `-`.
 *
 * @throws KpkiError `ERR_FILE_MISSING` or `ERR_FILE_UNREADABLE`.
 */
export async function readInput(io: Io, path: string): Promise<Uint8Array> {
  if (path === '-') return readStandardInput()
  const full = resolve(io.cwd, path)
  try {
    const { size } = await stat(full)
    if (size > MAX_INPUT)
      throw new KpkiError('ERR_FILE_UNREADABLE', `${path} is larger than 16 MiB`, { path })
    return await readFile(full)
  } catch (cause) {
    if (cause instanceof KpkiError) throw cause
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

async function readStandardInput(): Promise<Uint8Array> {
  const chunks: Uint8Array[] = []
  let size = 0
  for await (const chunk of process.stdin) {
    size += chunk.length
    if (size > MAX_INPUT)
      throw new KpkiError('ERR_FILE_UNREADABLE', 'standard input is larger than 16 MiB', {
        path: '-',
      })
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
