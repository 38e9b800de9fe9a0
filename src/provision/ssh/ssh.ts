import { type ChildProcess, spawn } from 'node:child_process'
import { createHash } from 'node:crypto'
import { chmod, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { redactor } from '../run/redact.js'
import { type RunOptions, type RunResult, type Transport, TransportError } from './transport.js'

/**
 * One word of a POSIX shell command line: the shell reads back exactly `word`.
 * A NUL byte can't be in an argument of any process and is refused.
 */
export function shellQuote(word: string): string {
  if (word.includes('\0')) throw new RangeError('an argument holds a NUL byte')
  return /^[A-Za-z0-9_@%+:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`
}

/** A whole command line. */
export function shellJoin(argv: readonly string[]): string {
  return argv.map(shellQuote).join(' ')
}

/** One host as OpenSSH reaches it; what is not given comes from the user's ssh_config. */
export interface SshTarget {
  readonly name: string
  readonly host: string
  readonly port?: number | undefined
  readonly user?: string | undefined
  readonly identityFile?: string | undefined
  readonly proxyJump?: string | undefined
  /** Accepted host keys: `ssh-ed25519 AAAA…` or `SHA256:…`. Empty: the user's known_hosts decide. */
  readonly hostKeys: readonly string[]
}

/** How hosts are reached. */
export interface SshOptions {
  /** Handed to ssh as `-F`. */
  readonly configFile?: string | undefined
  /** Record keys of hosts that were never seen; a changed key still stops. */
  readonly acceptNewHostKeys?: boolean | undefined
  /** Milliseconds for a connection including login. */
  readonly connectTimeoutMs?: number
  readonly program?: string
}

/** Options of every ssh that is started for a host: nothing interactive, nothing forwarded. */
export function sshOptions(target: SshTarget, options: SshOptions, timeoutMs: number): string[] {
  const set = (name: string, value: string) => ['-o', `${name}=${value}`]
  return [
    ...(options.configFile ? ['-F', options.configFile] : []),
    ...set('BatchMode', 'yes'),
    ...set('ConnectTimeout', String(Math.ceil(timeoutMs / 1000))),
    ...set('ServerAliveInterval', '5'),
    ...set('ServerAliveCountMax', '3'),
    ...set('ForwardAgent', 'no'),
    ...set('ForwardX11', 'no'),
    ...set('ClearAllForwardings', 'yes'),
    ...set('PermitLocalCommand', 'no'),
    ...set('RemoteCommand', 'none'),
    ...set('LogLevel', 'ERROR'),
    '-T',
    ...(target.port === undefined ? [] : ['-p', String(target.port)]),
    ...(target.user === undefined ? [] : ['-l', target.user]),
    ...(target.identityFile === undefined
      ? []
      : ['-i', target.identityFile, ...set('IdentitiesOnly', 'yes')]),
    ...(target.proxyJump === undefined ? [] : ['-J', target.proxyJump]),
  ]
}

/** What ssh's own words say about a connection that did not come about. */
export function connectFault(stderr: string): TransportError {
  if (
    /host key verification failed|IDENTIFICATION HAS CHANGED|No .*host key is known/i.test(stderr)
  )
    return new TransportError('host-key', `host key verification failed${tail(stderr)}`)
  if (/permission denied|too many authentication failures/i.test(stderr))
    return new TransportError(
      'login',
      `login refused${tail(stderr)}`,
      'check ssh.user and ssh.identityFile, or the agent (ssh-add -l)',
    )
  if (
    /bad configuration option|no such file|bad permissions|not accessible|unprotected/i.test(stderr)
  )
    return new TransportError('login', `ssh refuses its configuration${tail(stderr)}`)
  return new TransportError('connect', `no connection${tail(stderr)}`)
}

// ssh passes on what the host's login shell says.
const redact = redactor()

export function tail(stderr: string): string {
  const lines = redact(stderr)
    .split(/\r?\n/)
    .filter((line) => line.trim() !== '' && !/^@+/.test(line))
  return lines.length === 0 ? '' : `: ${lines.slice(-2).join('; ').slice(0, 400)}`
}

/** The system's OpenSSH client: one connection per host, shared by all its commands. */
export interface Ssh {
  readonly connect: (target: SshTarget) => Promise<Transport>
  /** Ends every connection and removes the private folder. */
  readonly close: () => Promise<void>
}

const defaultMaxOutput = 4 * 1024 * 1024
const marker = 'kpki-connected'

/**
 * Opens a private folder (0700) for control sockets and pinned host keys.
 *
 * @example
 * ```ts
 * import { openSsh } from 'kpki/provision'
 *
 * const ssh = await openSsh()
 * try {
 *   const host = await ssh.connect({ name: 'worker1', host: 'worker1.example', hostKeys: [] })
 *   console.log(await host.run(['uname', '-r'], { timeoutMs: 10_000 }))
 * } catch (error) {
 *   console.log(error)
 * } finally {
 *   await ssh.close()
 * }
 * ```
 */
export async function openSsh(options: SshOptions = {}): Promise<Ssh> {
  const folder = await mkdtemp(join(tmpdir(), 'kpki-ssh-'))
  await chmod(folder, 0o700)
  const program = options.program ?? 'ssh'
  const masters = new Set<ChildProcess>()
  let count = 0

  const connect = async (target: SshTarget): Promise<Transport> => {
    const socket = join(folder, String(++count))
    const trust = await trustOf(target)
    const timeoutMs = options.connectTimeoutMs ?? 15_000
    const args = [
      ...sshOptions(target, options, timeoutMs),
      ...['-M', '-S', socket, '-o', 'ControlPersist=no'],
      ...trust,
      ...['--', target.host, `echo ${marker}; exec cat`],
    ]
    const master = spawn(program, args, { stdio: 'pipe', detached: true, env: environment() })
    masters.add(master)
    master.once('close', () => masters.delete(master))
    await ready(master, timeoutMs + 5_000).catch(async (error: unknown) => {
      master.kill('SIGKILL')
      throw await explain(target, error)
    })
    const alive = () => master.exitCode === null && master.signalCode === null
    return {
      run: async (argv, run) => {
        if (!alive()) throw new TransportError('connect', 'the connection is closed')
        // Without the socket ssh would connect anew, unchecked by us: the false proxy command prevents it.
        const mux = ['-F', '/dev/null', '-S', socket, '-o', 'ControlMaster=no', '-T']
        const quiet = ['-o', 'ProxyCommand=false', '-o', 'BatchMode=yes', '-o', 'LogLevel=ERROR']
        const line = shellJoin(argv)
        const result = await collect(program, [...mux, ...quiet, '--', 'kpki', line], run)
        if (result.exitCode !== 255 || (await stillThere(socket))) return result
        throw new TransportError('cut', `the connection was lost${tail(result.stderr)}`)
      },
      close: () => stop(master),
    }
  }

  const stillThere = async (socket: string) => {
    const check = ['-F', '/dev/null', '-S', socket, '-O', 'check', 'kpki']
    const result = await collect(program, check, { timeoutMs: 5_000 }).catch(() => undefined)
    return result?.exitCode === 0
  }

  const trustOf = async (target: SshTarget): Promise<readonly string[]> => {
    if (target.hostKeys.length === 0)
      return ['-o', `StrictHostKeyChecking=${options.acceptNewHostKeys ? 'accept-new' : 'yes'}`]
    const keys = target.hostKeys.filter((key) => !key.startsWith('SHA256:'))
    const prints = target.hostKeys.filter((key) => key.startsWith('SHA256:'))
    if (prints.length > 0) {
      const offered = await scan(target)
      const matching = offered.filter((key) => prints.includes(fingerprint(key)))
      if (matching.length === 0 && keys.length === 0) throw wrongKey(target, offered)
      keys.push(...matching)
    }
    const file = join(folder, `known-${++count}`)
    const alias = `kpki-${target.name}`
    const lines = keys.map((key) => `${alias} ${key.split(/\s+/).slice(0, 2).join(' ')}\n`)
    await writeFile(file, lines.join(''), { mode: 0o600, flag: 'wx' })
    const files = ['-o', `UserKnownHostsFile=${file}`, '-o', 'GlobalKnownHostsFile=/dev/null']
    return [...files, '-o', `HostKeyAlias=${alias}`, '-o', 'StrictHostKeyChecking=yes']
  }

  /** The keys that the host offers, one connection per kind; nothing is authenticated, nothing runs. */
  const scan = async (target: SshTarget): Promise<readonly string[]> => {
    const found: string[] = []
    const kinds = ['ssh-ed25519', 'ecdsa-sha2-nistp256', 'rsa-sha2-512']
    for (const kind of kinds) {
      const file = join(folder, `scan-${++count}`)
      const args = [
        ...sshOptions(target, options, 10_000),
        ...['-o', 'StrictHostKeyChecking=accept-new', '-o', `UserKnownHostsFile=${file}`],
        ...['-o', 'GlobalKnownHostsFile=/dev/null', '-o', 'HashKnownHosts=no'],
        ...['-o', 'UpdateHostKeys=no', '-o', 'HostKeyAlias=kpki-scan', '-o', 'ControlPath=none'],
        ...['-o', `HostKeyAlgorithms=${kind}`, '-o', 'PreferredAuthentications=none'],
        ...['--', target.host, 'true'],
      ]
      await collect(program, args, { timeoutMs: 15_000 }).catch(() => undefined)
      const text = await readFile(file, 'utf8').catch(() => '')
      for (const line of text.split('\n')) {
        const [host, type, key] = line.split(' ')
        if (host?.startsWith('kpki-scan') && type && key) found.push(`${type} ${key}`)
      }
    }
    return found
  }

  const explain = async (target: SshTarget, error: unknown): Promise<unknown> => {
    if (!(error instanceof TransportError) || error.fault !== 'host-key') return error
    if (/has changed/i.test(error.message) || target.hostKeys.length > 0)
      return wrongKey(target, await scan(target))
    const offered = await scan(target)
    if (offered.length === 0) return error
    return new TransportError(
      'host-key',
      `the host key of ${target.host} is unknown: ${offered.map(describeKey).join(', ')}`,
      `compare it with the machine's console, then pin it in cluster.yaml (ssh.hostKeys: ["${fingerprint(offered[0] ?? '')}"]), add it to known_hosts, or accept it with --accept-new-host-keys`,
    )
  }

  const close = async () => {
    await Promise.all([...masters].map(stop))
    await rm(folder, { recursive: true, force: true })
  }
  return { connect, close }
}

const environment = () => ({ ...process.env, LC_ALL: 'C', SSH_ASKPASS_REQUIRE: 'never' })

/** `SHA256:…` as ssh-keygen -l prints it, of `type base64`. */
export function fingerprint(key: string): string {
  const blob = Buffer.from(key.split(' ')[1] ?? '', 'base64')
  return `SHA256:${createHash('sha256').update(blob).digest('base64').replace(/=+$/, '')}`
}

const describeKey = (key: string) => `${key.split(' ')[0]} ${fingerprint(key)}`

function wrongKey(target: SshTarget, offered: readonly string[]): TransportError {
  const seen = offered.map(describeKey).join(', ') || 'no key that could be read'
  const hint =
    'someone may be in between, or the machine was made anew: compare with its console; then correct the pin or remove the old line with ssh-keygen -R'
  return new TransportError(
    'host-key',
    `${target.host} answers with another host key: ${seen}`,
    hint,
  )
}

/** Resolves when the remote shell has echoed the marker. */
function ready(master: ChildProcess, timeoutMs: number): Promise<void> {
  return new Promise((resolve, reject) => {
    let out = ''
    let err = ''
    const end = (error?: TransportError) => {
      clearTimeout(timer)
      master.stdout?.removeAllListeners('data').resume()
      if (error) reject(error)
      else resolve()
    }
    const timer = setTimeout(
      () => end(new TransportError('timeout', `no login within ${Math.round(timeoutMs / 1000)} s`)),
      timeoutMs,
    )
    master.stdin?.on('error', () => undefined)
    master.stderr?.on('data', (chunk: Buffer) => {
      err = (err + chunk.toString('utf8')).slice(-4096)
    })
    master.stdout?.on('data', (chunk: Buffer) => {
      out += chunk.toString('latin1')
      if (out.includes(marker)) end()
      else if (out.length > 65_536)
        end(
          new TransportError(
            'output',
            'the login shell answers garbage instead of running commands',
          ),
        )
    })
    master.once('error', (error) => end(new TransportError('connect', `ssh: ${error.message}`)))
    master.once('close', () => end(connectFault(err)))
  })
}

async function stop(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return
  const gone = new Promise<void>((resolve) => child.once('close', () => resolve()))
  child.stdin?.end()
  child.kill('SIGTERM')
  const timer = setTimeout(() => child.kill('SIGKILL'), 2_000)
  await gone
  clearTimeout(timer)
}

/** Runs a local program to its end, within the deadline and the output limit. */
export function collect(
  program: string,
  args: readonly string[],
  options: RunOptions,
): Promise<RunResult> {
  const limit = options.maxOutput ?? defaultMaxOutput
  return new Promise((resolve, reject) => {
    const child = spawn(program, args, { stdio: 'pipe', detached: true, env: environment() })
    const parts = { stdout: [] as Buffer[], stderr: [] as Buffer[] }
    const sizes = { stdout: 0, stderr: 0 }
    const fail = (error: TransportError) => {
      clearTimeout(timer)
      child.kill('SIGKILL')
      reject(error)
    }
    const seconds = Math.round(options.timeoutMs / 1000)
    const late = () => fail(new TransportError('timeout', `no answer within ${seconds} s`))
    const timer = setTimeout(late, options.timeoutMs)
    for (const name of ['stdout', 'stderr'] as const)
      child[name].on('data', (chunk: Buffer) => {
        sizes[name] += chunk.length
        if (sizes[name] <= limit) parts[name].push(chunk)
        else fail(new TransportError('output', `more than ${limit} bytes of output`))
      })
    child.once('error', (error) => fail(new TransportError('connect', error.message)))
    child.once('close', (code) => {
      clearTimeout(timer)
      const read = (name: 'stdout' | 'stderr') => Buffer.concat(parts[name]).toString('utf8')
      resolve({ exitCode: code ?? 255, stdout: read('stdout'), stderr: read('stderr') })
    })
    // The reader may end before it has read all: its exit code tells why, not the broken pipe.
    child.stdin.on('error', () => undefined)
    void feed(child, options.stdin)
  })
}

async function feed(child: ChildProcess, stdin: RunOptions['stdin']): Promise<void> {
  if (!child.stdin) return
  if (stdin === undefined || stdin instanceof Uint8Array) {
    child.stdin.end(stdin)
    return
  }
  for await (const chunk of stdin) {
    if (!child.stdin.writable) return
    if (!child.stdin.write(chunk))
      await new Promise<void>((resolve) => {
        child.stdin?.once('drain', () => resolve())
        child.once('close', () => resolve())
      })
  }
  child.stdin.end()
}
