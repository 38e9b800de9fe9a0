import { createHash, randomBytes } from 'node:crypto'
import { createWriteStream, readlinkSync } from 'node:fs'
import { open, realpath, stat } from 'node:fs/promises'
import { homedir, hostname, userInfo } from 'node:os'
import { dirname, join, resolve } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import type { Cluster } from '../cluster/cluster.js'
import { KpkiError } from '../errors.js'
import { isCode, makeRoot, readBounded, readTree, replaceFile, unreadable } from '../files/disk.js'
import type { FileTree } from '../files/tree.js'
import { type AppliedDocument, type Inputs, STEP_DEFAULTS, type StepOptions } from './context.js'
import type { Happening, ProvisionEvent } from './event.js'
import type { World } from './host/fleet.js'
import type { Digest } from './host/transforms.js'
import { type Exchange, secret } from './run/remote.js'
import { openSsh, type SshOptions } from './ssh/ssh.js'
import type { Clock } from './ssh/transport.js'

/** The machine's own time. */
export const systemClock: Clock = {
  now: () => Date.now(),
  sleep: (ms, signal) => delay(ms, undefined, signal ? { signal } : {}),
}

/** Hexadecimal hashes by Node.js. */
export const nodeDigest: Digest = (algorithm, data) =>
  createHash(algorithm).update(data).digest('hex')

/** Where the inputs of provisioning lie. */
export interface LoadOptions {
  readonly cluster: Cluster
  /** The folder that `kpki gen` wrote. */
  readonly out: string
  /** Where relative paths of the cluster file start. */
  readonly base: string
  /** Where they differ from {@link STEP_DEFAULTS}. */
  readonly options?: Partial<StepOptions>
  /** The operator's kubeconfig; undefined leaves it alone. */
  readonly kubeconfig?: string | undefined
}

/**
 * Reads everything that provisioning places or applies.
 *
 * @throws KpkiError `ERR_FILE_MISSING` when a node's folder or a named file is not there.
 * /
 *
 * @example
 * ```ts
 * import { readFile } from 'node:fs/promises'
 * import { parseCluster } from 'kpki'
 * import { loadInputs } from 'kpki/provision'
 *
 * const { cluster } = parseCluster(await readFile('cluster.yaml', 'utf8'))
 * const { trees } = await loadInputs({ cluster, out: 'out', base: '.' })
 * console.log(trees.size)
 * ```
 */
export async function loadInputs(
  request: LoadOptions,
): Promise<Inputs & { reload: () => Promise<void> }> {
  const { cluster, out, base, kubeconfig } = request
  const options = { ...STEP_DEFAULTS, ...request.options }
  const trees = new Map<string, FileTree>()
  for (const { name } of cluster.nodes) {
    const path = join(out, 'nodes', name)
    const tree = await readTree(path)
    if (tree.size === 0) {
      const hint = `run kpki gen -f … -o ${out} first`
      throw new KpkiError(
        'ERR_FILE_MISSING',
        `there are no files for ${name} in ${path}`,
        { path },
        { hint },
      )
    }
    trees.set(name, tree)
  }
  const { cni, manifests } = cluster.provision
  const present = async () =>
    kubeconfig === undefined ? undefined : textIn(await readIfThere(kubeconfig))
  let current = await present()
  return {
    cluster,
    trees,
    adminKubeconfig: await readNamed(join(out, 'kubeconfig', 'admin.conf')),
    operatorKubeconfig: kubeconfig === undefined ? undefined : () => current,
    manifests: await Promise.all(manifests.map((name) => loadDocument(base, name))),
    cniManifest:
      cni.type === 'manifest'
        ? await loadDocument(base, cni.file ?? cni.url ?? '', cni.sha256)
        : undefined,
    options,
    digest: nodeDigest,
    reload: async () => {
      current = await present()
    },
  }
}

async function loadDocument(base: string, name: string, sha256?: string): Promise<AppliedDocument> {
  const pinned = sha256 === undefined ? {} : { sha256: sha256.toLowerCase() }
  if (/^https?:\/\//.test(name)) return { name, url: name, ...pinned }
  const text = await readNamed(resolve(base, name))
  const found = nodeDigest('sha256', new TextEncoder().encode(text))
  if (pinned.sha256 !== undefined && pinned.sha256 !== found)
    throw new KpkiError('ERR_FILE_UNSAFE', `${name} has the SHA-256 ${found}, not ${sha256}`, {
      path: name,
    })
  return { name, text: secret(text), ...pinned }
}

async function readNamed(path: string): Promise<string> {
  const text = textIn(await readIfThere(path))
  if (text !== undefined) return text
  throw new KpkiError('ERR_FILE_MISSING', `${path} does not exist`, { path })
}

function textIn(data: Uint8Array | undefined): string | undefined {
  return data && new TextDecoder().decode(data)
}

/** As large as a manifest of a whole network plugin never is. */
const MAX_FILE = 16 * 1024 * 1024

async function readIfThere(path: string): Promise<Uint8Array | undefined> {
  try {
    const read = await readBounded(path, MAX_FILE, { follow: true })
    if (read instanceof Uint8Array) return read
    const why = read === 'large' ? 'is larger than 16 MiB' : 'is not a file'
    throw new KpkiError('ERR_FILE_UNREADABLE', `${path} ${why}`, { path })
  } catch (cause) {
    if (isCode(cause, 'ENOENT')) return undefined
    throw cause instanceof KpkiError ? cause : unreadable(path, cause)
  }
}

/** What the real world needs to know. */
export interface WorldOptions extends SshOptions {
  /** Transcript file, made with mode 0600. */
  readonly log?: string | undefined
  /** The operator's kubeconfig. */
  readonly kubeconfig?: string | undefined
  readonly onEvent?: (event: ProvisionEvent) => void
  readonly signal?: AbortSignal | undefined
  /** Judges the files before any byte is sent. */
  readonly audit?: World['audit']
  /** After the operator's kubeconfig was written. */
  readonly onKubeconfig?: () => Promise<void>
}

/**
 * The real world: OpenSSH, the clock, the disk. `close` ends all connections.
 *
 * @example
 * ```ts
 * import { openWorld } from 'kpki/provision'
 *
 * const world = await openWorld({ onEvent: ({ type }) => console.log(type) })
 * await world.close()
 * ```
 */
export async function openWorld(
  options: WorldOptions,
): Promise<World & { readonly close: () => Promise<void> }> {
  const ssh = await openSsh(options)
  const log = options.log === undefined ? undefined : await openLog(options.log)
  const nonce = randomBytes(8).toString('hex')
  const machine = thisMachine()
  const emit = (happening: Happening) => {
    const event = { time: new Date().toISOString(), run: nonce, ...happening } as ProvisionEvent
    options.onEvent?.(event)
    log?.write(`${JSON.stringify(event)}\n`)
  }
  return {
    clock: systemClock,
    connect: ({ name, addresses, ssh: settings }) =>
      ssh.connect({ ...settings, name, host: settings.host ?? addresses[0] ?? name }),
    owner: {
      operator: `${userInfo().username}@${hostname()}`,
      machine,
      pid: process.pid,
      nonce,
      since: new Date().toISOString(),
    },
    isAlive: (where, pid) => (where === machine ? alive(pid) : 'unknown'),
    randomHex: () => randomBytes(3).toString('hex'),
    writeKubeconfig: async (text) => {
      if (options.kubeconfig === undefined) return
      await writeKubeconfig(options.kubeconfig, text)
      await options.onKubeconfig?.()
    },
    log: (exchange: Exchange) =>
      log?.write(
        `${JSON.stringify({ time: new Date().toISOString(), type: 'command', ...exchange })}\n`,
      ),
    emit,
    audit: options.audit,
    signal: options.signal,
    close: async () => {
      await ssh.close()
      await new Promise<void>((done) => (log ? log.end(done) : done()))
    },
  }
}

async function openLog(path: string) {
  await makeRoot(dirname(path), 0o700)
  const handle = await open(path, 'wx', 0o600)
  return createWriteStream('', { fd: handle.fd, autoClose: false }).on('close', () =>
    handle.close(),
  )
}

/** Host name and process namespace: a process id means something only within. */
function thisMachine(): string {
  try {
    return `${hostname()} ${readlinkSync('/proc/self/ns/pid')}`
  } catch {
    return hostname()
  }
}

function alive(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return true
  } catch (error) {
    return error instanceof Error && 'code' in error && error.code === 'EPERM'
  }
}

/**
 * Replaces a person's kubeconfig, whole or not at all; what was there is kept beside it, named by the time of its last
 * change. Both are at mode 0600 from the first byte. A link is followed: people keep it elsewhere.
 */
export async function writeKubeconfig(path: string, text: string): Promise<void> {
  const full = await followed(path)
  const before = await readIfThere(full)
  await makeRoot(dirname(full), 0o700)
  if (before !== undefined) await replaceFile(await copyName(full), before, 0o600)
  await replaceFile(full, text, 0o600)
}

async function copyName(path: string): Promise<string> {
  try {
    return `${path}.kpki-${(await stat(path)).mtime.toISOString().replace(/[-:]/g, '')}`
  } catch (cause) {
    throw unreadable(path, cause)
  }
}

async function followed(path: string): Promise<string> {
  try {
    return await realpath(path)
  } catch (cause) {
    if (isCode(cause, 'ENOENT')) return path
    throw unreadable(path, cause)
  }
}

/**
 * The kubeconfig that kubectl would use.
 *
 * @example
 * ```ts
 * import { defaultKubeconfig } from 'kpki/provision'
 *
 * console.log(defaultKubeconfig(process.env))
 * ```
 */
export function defaultKubeconfig(env: Readonly<Record<string, string | undefined>>): string {
  const [first] = (env.KUBECONFIG ?? '').split(':').filter((path) => path !== '')
  return first ?? join(env.HOME ?? homedir(), '.kube', 'config')
}
