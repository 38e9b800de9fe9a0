import { type ChildProcess, spawn } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { build } from 'esbuild'

/** The command line as a program of its own, bundled from the sources of this moment. */
export interface Program {
  readonly path: string
  /** Starts it; the caller ends it. */
  start(args: readonly string[], options?: StartOptions): ChildProcess
  /** Runs it to its end. */
  run(args: readonly string[], options?: StartOptions): Promise<Ended>
  remove(): void
}

export interface StartOptions {
  readonly uid?: number
  readonly input?: string
  /** Octal, for example `0`. */
  readonly umask?: string
  /** Further variables of its environment. */
  readonly env?: Readonly<Record<string, string>>
}

export interface Ended {
  readonly code: number | null
  readonly signal: NodeJS.Signals | null
  readonly out: string
  readonly err: string
}

export async function bundledProgram(): Promise<Program> {
  const folder = mkdtempSync(join(tmpdir(), 'kpki-program-'))
  const source = fileURLToPath(new URL('../../src/cli/bin.ts', import.meta.url))
  await build({
    entryPoints: { cli: source },
    outdir: folder,
    outExtension: { '.js': '.mjs' },
    bundle: true,
    splitting: true,
    format: 'esm',
    platform: 'node',
    target: 'node20',
    banner: {
      js: "import { createRequire as __createRequire } from 'node:module';const require = __createRequire(import.meta.url);",
    },
    logLevel: 'error',
  })
  const path = join(folder, 'cli.mjs')
  const start: Program['start'] = (args, { uid, umask, env } = {}) => {
    const command = [process.execPath, path, ...args]
    const [program = '', ...rest] =
      umask === undefined ? command : ['sh', '-c', `umask ${umask}; exec "$@"`, 'sh', ...command]
    return spawn(program, rest, {
      stdio: 'pipe',
      ...(uid !== undefined && { uid }),
      ...(env && { env: { ...process.env, ...env } }),
    })
  }
  return {
    path,
    start,
    run: (args, options = {}) => ended(start(args, options), options.input),
    remove: () => rmSync(folder, { recursive: true, force: true }),
  }
}

/** Waits for the end of a process, and what it said until then. */
export function ended(child: ChildProcess, input?: string): Promise<Ended> {
  let out = ''
  let err = ''
  child.stdout?.on('data', (chunk) => {
    out += chunk
  })
  child.stderr?.on('data', (chunk) => {
    err += chunk
  })
  child.stdin?.on('error', () => {})
  child.stdin?.end(input ?? '')
  return new Promise((resolve, reject) => {
    child.on('error', reject)
    child.on('close', (code, signal) => resolve({ code, signal, out, err }))
  })
}
