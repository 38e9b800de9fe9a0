import { spawn } from 'node:child_process'
import { createHash } from 'node:crypto'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Digest } from '../../src/provision/host/transforms.js'
import type { RunOptions, RunResult, Transport } from '../../src/provision/ssh/transport.js'

export const digest: Digest = (algorithm, data) => createHash(algorithm).update(data).digest('hex')

export interface Sandbox {
  readonly root: string
  readonly transport: Transport
  /** From now on: kill all that a script started at its n-th change (a power cut); 0 never. */
  killAt: number
  /** Every argument and script line that reached the "host". */
  readonly argv: string[]
  readonly remove: () => void
}

// Changing commands count themselves; at the chosen one everything that runs on the "host" dies without
// a word. What reaches the disk is the same without waiting for it, so nothing is synced.
const counted = ['mv', 'cp', 'mkdir', 'rm', 'chmod', 'tar', 'sha256sum', 'tee']
const prelude = (count: string, killAt: number) => `tick() {
  read n <${count}; n=$((n+1)); echo $n >${count}
  [ $n != ${killAt} ] || kill -9 0
}
chown() { :; }
sync() { tick; }
${counted.map((name) => `${name}() { tick; command ${name} "$@"; }`).join('\n')}
`

/**
 * A host whose root folder is a temporary folder: kpki's own scripts run in a real shell, with their
 * absolute paths moved there. No root rights are needed.
 */
export function sandbox(): Sandbox {
  const root = mkdtempSync(join(tmpdir(), 'kpki-host-'))
  for (const folder of ['etc', 'run', 'var/lib', 'proc'])
    mkdirSync(join(root, folder), { recursive: true })
  let runs = 0
  const argv: string[] = []
  const moved = (script: string) =>
    script
      .replaceAll('"/$path"', `"${root}/$path"`)
      .replaceAll('dirname "/$1"', `dirname "${root}/$1"`)
      .replaceAll(/(?<![\w}])\/(var\/lib|run|etc)\//g, `${root}/$1/`)
  const host: Sandbox = {
    root,
    argv,
    killAt: 0,
    remove: () => rmSync(root, { recursive: true, force: true }),
    transport: {
      run: async (words, options) => {
        // sh -c BECOME kpki SECONDS SCRIPT-or-dash ARGS…
        const [, , , , , script = '', ...args] = words
        argv.push(...words)
        const stdin = await bytesOf(options.stdin)
        const text = script === '-' ? new TextDecoder().decode(stdin) : script
        // of each run its own: several may be under way
        const count = join(root, `.count-${++runs}`)
        writeFileSync(count, '0')
        const program = prelude(count, host.killAt) + moved(text)
        return shell(program, args, script === '-' ? undefined : stdin)
      },
      close: async () => undefined,
    },
  }
  return host
}

// In a process group of its own, which dies as a whole; and without a deadline: only a hang meets the
// test runner's.
function shell(
  program: string,
  args: readonly string[],
  stdin: Uint8Array | undefined,
): Promise<RunResult> {
  return new Promise((resolve) => {
    const child = spawn('sh', ['-c', program, 'sh', ...args], { detached: true })
    let [stdout, stderr] = ['', '']
    child.stdout.on('data', (chunk) => {
      stdout += chunk
    })
    child.stderr.on('data', (chunk) => {
      stderr += chunk
    })
    child.stdin.on('error', () => undefined)
    child.stdin.end(stdin)
    // Not `exit`: what it has said may arrive later, and so may the end of its background processes.
    child.on('close', (code) => resolve({ exitCode: code ?? 137, stdout, stderr }))
  })
}

async function bytesOf(stdin: RunOptions['stdin']): Promise<Uint8Array> {
  if (stdin === undefined) return new Uint8Array()
  if (stdin instanceof Uint8Array) return stdin
  const chunks: Uint8Array[] = []
  for await (const chunk of stdin) chunks.push(chunk)
  return Buffer.concat(chunks)
}
