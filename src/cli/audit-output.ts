import { basename, dirname, resolve } from 'node:path'
import { writeTree } from '../files/disk.js'
import { file, treeOf } from '../files/tree.js'
import type { Io } from './io.js'

/** Writes a report to standard output, or whole or not at all to a file of mode 0644. */
export async function writeReport(io: Io, path: string | undefined, text: string): Promise<void> {
  if (path === undefined || path === '-') {
    io.out(text)
    return
  }
  const full = resolve(io.cwd, path)
  await writeTree(dirname(full), treeOf([file(basename(full), text, 0o644)]))
}

/** How far something is, for example 120 of 2,000 nodes. */
export type Progress = (done: number, total: number) => void

const PATIENCE = 1_000
const PAUSE = 500

/** Tells a person at a terminal what takes longer than a second. */
export async function withProgress<T>(
  io: Io,
  what: string,
  work: (progress: Progress) => Promise<T>,
): Promise<T> {
  const started = io.now().getTime()
  let last = started
  let told = false
  const tell = (detail: string): void => {
    const now = io.now().getTime()
    if (!io.isTerminal || now - started < PATIENCE || now - last < PAUSE) return
    last = now
    told = true
    io.err(`\r\u001b[Kkpki: ${what}${detail} …`)
  }
  const timer = setInterval(() => tell(''), PATIENCE)
  timer.unref()
  try {
    return await work((done, total) => tell(` ${done} of ${total}`))
  } finally {
    clearInterval(timer)
    if (told) io.err('\r\u001b[K')
  }
}
