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

const PATIENCE = 1_000

/** Tells a person at a terminal what takes longer than a second, every second. */
export async function withProgress<T>(io: Io, what: string, work: () => Promise<T>): Promise<T> {
  const started = io.now().getTime()
  let told = false
  const timer = setInterval(() => {
    if (!io.isTerminal) return
    told = true
    const seconds = Math.round((io.now().getTime() - started) / 1000)
    io.err(`\r\u001b[Kkpki: ${what} … ${seconds} s`)
  }, PATIENCE)
  timer.unref()
  try {
    return await work()
  } finally {
    clearInterval(timer)
    if (told) io.err('\r\u001b[K')
  }
}
