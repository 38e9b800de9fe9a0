import { spawnSync } from 'node:child_process'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { ExitCode, Io } from '../../src/cli/io.js'
import { main } from '../../src/cli/main.js'
import { writeTree } from '../../src/files/disk.js'
import { type FileTree, treeOf } from '../../src/files/tree.js'
import type { Generated } from '../../src/generate/generate.js'

export interface Ran {
  readonly exit: ExitCode
  readonly out: string
  readonly err: string
}

/** Runs one command line in a folder at a fixed time. */
export async function kpki(
  cwd: string,
  argv: readonly string[],
  now: Date,
  more: Partial<Io> = {},
): Promise<Ran> {
  const out: string[] = []
  const err: string[] = []
  const exit = await main(argv, {
    out: (text) => out.push(text),
    err: (text) => err.push(text),
    env: {},
    cwd,
    isTerminal: false,
    now: () => now,
    ...more,
  })
  return { exit, out: out.join(''), err: err.join('') }
}

/** A fresh folder, removed afterwards. */
export async function inFolder<T>(work: (folder: string) => Promise<T>): Promise<T> {
  const folder = await mkdtemp(join(tmpdir(), 'kpki-audit-'))
  try {
    return await work(folder)
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}

/** Writes what gen would write. */
export async function writeOut(folder: string, generated: Generated): Promise<void> {
  await writeTree(folder, outTree(generated))
}

export function outTree({ nodes, authorities, kubeconfig }: Generated): FileTree {
  const parts: readonly (readonly [string, FileTree])[] = [
    ['authorities', authorities],
    ['kubeconfig', kubeconfig],
    ...[...nodes].map(([name, tree]) => [`nodes/${name}`, tree] as const),
  ]
  return treeOf(
    parts.flatMap(([prefix, tree]) =>
      [...tree.values()].map((entry) => ({ ...entry, path: `${prefix}/${entry.path}` })),
    ),
  )
}

/** Makes an archive with the system's tar. */
export function tar(cwd: string, args: readonly string[]): void {
  const { status, stderr } = spawnSync('tar', args, { cwd, encoding: 'utf8' })
  if (status !== 0) throw new Error(stderr)
}
