import { execFile, execFileSync, spawn } from 'node:child_process'
import { createHash } from 'node:crypto'
import { existsSync, mkdirSync, mkdtempSync, readFileSync, writeFileSync } from 'node:fs'
import { homedir, tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

const here = dirname(fileURLToPath(import.meta.url))
const real = process.env.KBIN !== undefined

/** Why the lab can't run here; undefined: it can. */
export function obstacle(): string | undefined {
  if (process.platform !== 'linux' || process.getuid?.() !== 0) return 'it needs root on Linux'
  for (const tool of ['ip', 'unshare', 'nsenter', 'ssh', 'apt-get', 'dpkg-scanpackages', 'openssl'])
    if (!which(tool)) return `${tool} is missing`
  return undefined
}

const which = (tool: string) => {
  try {
    execFileSync('sh', ['-c', 'command -v "$1"', 'sh', tool])
    return true
  } catch {
    return false
  }
}

export interface Ended {
  readonly code: number
  readonly out: string
  readonly err: string
}

export interface Lab {
  readonly real: boolean
  /** A folder for files of the test. */
  readonly folder: string
  readonly up: () => void
  readonly down: () => void
  /** Root's shell in a machine, without ssh. */
  readonly inside: (machine: string, script: string) => string
  readonly restart: (machine: string) => void
  /** kpki where the machines can be reached. `onLine` sees its output line by line and may kill it. */
  readonly kpki: (
    args: readonly string[],
    onLine?: (line: string, kill: () => void) => void,
  ) => Promise<Ended>
  readonly sshConfig: string
}

/** Builds what is missing (a minute, once) and the command line; boots nothing yet. */
export function openLab(name: string): Lab {
  const cache =
    process.env.LAB_CACHE ?? join(homedir(), '.cache', real ? 'kpki-lab-real' : 'kpki-lab')
  const folder = mkdtempSync(join(tmpdir(), 'kpki-lab-'))
  const run = join(folder, 'run')
  const env = { ...process.env, CACHE: cache, NAME: name, RUN: run }
  const tool = (program: string, ...args: string[]) =>
    execFileSync('bash', [join(here, 'bin', program), ...args], {
      env,
      stdio: ['ignore', 'pipe', 'pipe'],
    }).toString()
  tool('build-cache')
  const dist = join(folder, 'dist')
  bundle(dist)
  const home = join(folder, 'home')
  mkdirSync(home)
  const sshConfig = join(run, 'ssh_config')
  return {
    real,
    folder,
    sshConfig,
    up: () => void tool('ssh-nodes', 'up'),
    down: () => void tool('ssh-nodes', 'down'),
    restart: (machine) => void tool('ssh-nodes', 'restart', machine),
    inside: (machine, script) => tool('ssh-nodes', 'exec', machine, 'bash', '-c', script),
    kpki: (args, onLine) =>
      new Promise((resolve) => {
        const words = [
          'netns',
          'exec',
          `${name}-br`,
          process.execPath,
          join(dist, 'cli.mjs'),
          ...args,
        ]
        const child = spawn('ip', words, {
          env: { ...env, HOME: home, KUBECONFIG: '' },
          cwd: folder,
        })
        const ended = { out: '', err: '' }
        const kill = () => child.kill('SIGKILL')
        for (const stream of ['stdout', 'stderr'] as const)
          child[stream].on('data', (chunk: Buffer) => {
            const text = chunk.toString()
            ended[stream === 'stdout' ? 'out' : 'err'] += text
            for (const line of text.split('\n')) onLine?.(line, kill)
          })
        child.on('close', (code) => resolve({ code: code ?? 137, ...ended }))
      }),
  }
}

function bundle(dist: string): void {
  const banner =
    "import { createRequire as __createRequire } from 'node:module';const require = __createRequire(import.meta.url);"
  const args = ['--bundle', '--platform=node', '--format=esm', '--target=node20', '--splitting']
  const out = [
    `--outdir=${dist}`,
    '--out-extension:.js=.mjs',
    '--log-level=error',
    `--banner:js=${banner}`,
  ]
  execFileSync(join(here, '../../node_modules/.bin/esbuild'), [
    join(here, 'cli.ts'),
    ...args,
    ...out,
  ])
}

/** Writes a cluster file for the lab's three machines and generates OUT from it. */
export async function generated(lab: Lab, name: string, more = ''): Promise<readonly string[]> {
  const cache =
    process.env.LAB_CACHE ?? join(homedir(), '.cache', lab.real ? 'kpki-lab-real' : 'kpki-lab')
  const key = readFileSync(join(cache, 'mirror/Release.key'), 'utf8')
  const file = join(lab.folder, `${name}.yaml`)
  const out = join(lab.folder, name)
  const node = (host: string, role: string, address: string) =>
    `    - { name: ${host}, role: ${role}, address: ${address}, ssh: { user: ubuntu } }\n`
  writeFileSync(
    file,
    `apiVersion: kpki/v1alpha1
kind: Cluster
metadata: { name: lab }
spec:
  kubernetesVersion: v1.28.7
  hostOs: debian
  networking: { serviceSubnet: 10.128.0.0/16, podSubnet: 10.244.0.0/16 }
  packages: { keyFingerprint: ${fingerprintOf(key)} }
${more}
  nodes:
${node('controlplane', 'control-plane', '172.31.10.5')}${node('worker1', 'worker', '172.31.10.6')}${node('worker2', 'worker', '172.31.10.7')}`,
  )
  if (!existsSync(out)) {
    const made = await lab.kpki(['gen', '-f', file, '-o', out])
    if (made.code !== 0) throw new Error(made.err)
  }
  return ['-f', file, '--from', out, '--ssh-config', lab.sshConfig]
}

/** SHA-1 over the key's first packet, an old-format RSA key as gpg exports it. */
function fingerprintOf(armoured: string): string {
  const text = /\n\n([\s\S]+?)\n=/.exec(armoured)?.[1] ?? ''
  const bytes = Buffer.from(text, 'base64')
  const size = bytes.readUInt16BE(1)
  const framed = Buffer.concat([
    Buffer.from([0x99, size >> 8, size & 0xff]),
    bytes.subarray(3, 3 + size),
  ])
  return createHash('sha1').update(framed).digest('hex').toUpperCase()
}

/** Arguments of every process of this machine, again and again, until told to stop. */
export function watchArguments(): () => Promise<string> {
  let seen = ''
  let on = true
  const watching = (async () => {
    while (on) {
      await new Promise<void>((next) =>
        execFile('ps', ['-eo', 'args'], (_error, out) => {
          seen += out
          next()
        }),
      )
      await new Promise((next) => setTimeout(next, 300))
    }
  })()
  return async () => {
    on = false
    await watching
    return seen
  }
}
