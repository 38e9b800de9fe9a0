import { randomUUID } from 'node:crypto'
import { constants } from 'node:fs'
import { link, open, readdir, readFile, readlink, rm, statfs } from 'node:fs/promises'
import { hostname } from 'node:os'
import { dirname, join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { KpkiError } from '../errors.js'
import { isObject } from '../values/json.js'
import { isCode, readBounded, unreadable } from './disk.js'

interface Holder {
  readonly host: string
  /** One start of one kernel: no process outlives it, and whatever the machine is called, it is the same. */
  readonly boot: string
  /** The process-id namespace: containers of one kernel number their processes each for themselves. */
  readonly space: string
  readonly pid: number
  /** When the process started, in the kernel's ticks: a process id may be given again. Empty where unknown. */
  readonly started: string
}

/** What a lock file says: `free` is none, `dead` is nobody's any more, else who holds it and what to do then. */
type LockState = 'free' | 'dead' | { readonly owner: string; readonly hint: string }

const NAME = '.kpki.lock'

/**
 * Runs `work` while no other run holds the folder. The lock names its process, and holds while that lives,
 * suspended or not; what a killed process, a restarted machine or anything else left there does not count. On a
 * shared file system, and in another container, its process can't be asked: there it holds, and the error says so.
 *
 * @throws KpkiError `ERR_LOCKED` while another run holds it, `ERR_FILE_UNSAFE` when a folder has the lock's name.
 *
 * @example
 * ```ts
 * import { withLock } from 'kpki/node'
 *
 * await withLock('out', async () => console.log('nobody else writes here now'))
 * ```
 */
export async function withLock<T>(folder: string, work: () => Promise<T>): Promise<T> {
  const path = join(folder, NAME)
  const self = await ownHolder()
  await orSayWhyNot(folder, 'locked', () => acquire(path, self))
  let result: T
  try {
    await orSayWhyNot(folder, 'locked', () => removeDead(folder, self))
    result = await work()
  } catch (cause) {
    // What went wrong first is what counts.
    await release(path, self).catch(() => undefined)
    throw cause
  }
  await orSayWhyNot(folder, 'unlocked', () => release(path, self))
  return result
}

async function release(path: string, self: Holder): Promise<void> {
  const text = await contentOf(path).catch(() => undefined)
  const holder = text === undefined ? undefined : parseHolder(text, self)
  // Somebody may have removed it by hand, and another run have taken it.
  if (holder !== undefined && sameHolder(holder, self)) await rm(path, { force: true })
}

async function orSayWhyNot(
  folder: string,
  what: 'locked' | 'unlocked',
  work: () => Promise<void>,
): Promise<void> {
  try {
    await work()
  } catch (cause) {
    if (cause instanceof KpkiError) throw cause
    throw new KpkiError(
      'ERR_WRITE_FAILED',
      `${folder} could not be ${what}: ${cause instanceof Error ? cause.message : String(cause)}`,
      { path: folder },
      { cause, hint: 'choose a folder that you may write to' },
    )
  }
}

async function ownHolder(): Promise<Holder> {
  const host = hostname()
  const [boot, space, started] = await Promise.all([
    readFile('/proc/sys/kernel/random/boot_id', 'utf8').catch(() => host),
    readlink('/proc/self/ns/pid').catch(() => ''),
    startOf(process.pid),
  ])
  return { host, boot: boot.trim(), space, pid: process.pid, started: started ?? '' }
}

const ATTEMPTS = 20

async function acquire(path: string, self: Holder): Promise<void> {
  for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
    const own = await writeOwn(path, self)
    try {
      if (await linked(own, path)) return
      const state = await stateOf(path, self)
      if (typeof state === 'object') throw locked(path, state)
      if (state === 'dead') await removeStale(path, own, self)
    } catch (cause) {
      // Whoever got in may have found our file before its content was in it, and removed it as nobody's.
      if (!isCode(cause, 'ENOENT')) throw cause
    } finally {
      await rm(own, { force: true })
    }
    await delay(attempt)
  }
  throw locked(path, { owner: 'another run', hint: 'try again' })
}

// A complete file that a power cut can't empty is linked into place, so the lock never lacks its holder; link is
// atomic and exclusive. Other users may read who holds it, and see when that is nobody.
async function writeOwn(path: string, self: Holder): Promise<string> {
  const own = `${path}.${self.pid}.${randomUUID()}`
  try {
    const handle = await open(own, constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL, 0o600)
    try {
      await handle.writeFile(JSON.stringify(self))
      await handle.chmod(0o644)
      await handle.sync()
    } finally {
      await handle.close()
    }
    return own
  } catch (cause) {
    await rm(own, { force: true }).catch(() => undefined)
    throw cause
  }
}

async function linked(own: string, path: string): Promise<boolean> {
  try {
    await link(own, path)
    return true
  } catch (cause) {
    if (isCode(cause, 'EEXIST')) return false
    throw cause
  }
}

// Whoever removes a stale lock holds its guard, so that nobody removes the lock that took its place. The
// guard is a lock itself, and may be stale itself where its process was killed in this very moment.
async function removeStale(path: string, own: string, self: Holder): Promise<void> {
  const guard = `${path}.x`
  if (!(await linked(own, guard))) {
    if ((await stateOf(guard, self)) === 'dead') await removeStale(guard, own, self)
    return
  }
  if ((await stateOf(path, self)) === 'dead') await rm(path, { force: true })
  await rm(guard, { force: true })
}

// What runs that were killed while they asked for the lock left behind.
async function removeDead(folder: string, self: Holder): Promise<void> {
  for (const name of await readdir(folder)) {
    if (!name.startsWith(`${NAME}.`)) continue
    const path = join(folder, name)
    if ((await stateOf(path, self)) === 'dead') await rm(path, { force: true })
  }
}

async function stateOf(path: string, self: Holder): Promise<LockState> {
  const text = await contentOf(path)
  if (text === undefined) return 'free'
  const holder = parseHolder(text, self)
  if (holder === undefined) return 'dead'
  const { host, boot, space, pid } = holder
  const owner = `process ${pid} on ${host}`
  const unknown = (why: string): LockState => ({
    owner,
    hint: `wait for it to end; ${why}: if it is gone, remove the file`,
  })
  if (boot !== self.boot)
    return (await isLocal(dirname(path)))
      ? 'dead'
      : unknown('a shared file system does not tell whether it still runs')
  if (space !== self.space)
    return unknown('it runs in another container: whether it still runs cannot be seen from here')
  return (await lives(holder)) ? { owner, hint: 'wait for it to end' } : 'dead'
}

const MAX_LOCK = 4096

/** Undefined when there is none; empty when it can't be one of ours. Never waits, and follows no link. */
async function contentOf(path: string): Promise<string | undefined> {
  try {
    const read = await readBounded(path, MAX_LOCK)
    if (read instanceof Uint8Array) return new TextDecoder().decode(read)
    if (read !== 'folder') return ''
  } catch (cause) {
    if (isCode(cause, 'ENOENT')) return undefined
    throw unreadable(path, cause)
  }
  const message = `${path} is a folder, and has the name of the lock`
  throw new KpkiError('ERR_FILE_UNSAFE', message, { path }, { hint: 'remove it' })
}

/** Undefined when it names no process: then it is nobody's. */
function parseHolder(text: string, self: Holder): Holder | undefined {
  const { host, boot, space, pid, started } = parsed(text)
  if (typeof host !== 'string' || !Number.isSafeInteger(pid) || Number(pid) < 1) return undefined
  // Locks of kpki 0.1 say no more than host, process and start.
  const here = host === self.host ? self : { boot: '', space: '' }
  return {
    host,
    boot: typeof boot === 'string' ? boot : here.boot,
    space: typeof space === 'string' ? space : here.space,
    pid: Number(pid),
    started: String(started ?? ''),
  }
}

function parsed(text: string): Readonly<Record<string, unknown>> {
  try {
    const value: unknown = JSON.parse(text)
    return isObject(value) ? value : {}
  } catch {
    return {}
  }
}

function sameHolder(a: Holder, b: Holder): boolean {
  return a.boot === b.boot && a.space === b.space && a.pid === b.pid && a.started === b.started
}

/** Magic numbers (statfs(2)) of file systems that one kernel alone mounts: ext2 to 4, XFS, Btrfs, ZFS, … */
const LOCAL = new Set([
  0xef53, 0x58465342, 0x9123683e, 0x2fc12fc1, 0x01021994, 0x794c7630, 0xf2f52010, 0xca451a4e,
  0x858458f6, 0xf15f, 0x4d44, 0x2011bab0, 0x7366746e, 0x3153464a, 0x52654973,
])

async function isLocal(folder: string): Promise<boolean> {
  try {
    return LOCAL.has((await statfs(folder)).type)
  } catch {
    return false
  }
}

async function lives({ pid, started }: Holder): Promise<boolean> {
  try {
    process.kill(pid, 0)
  } catch (cause) {
    // Somebody else's process may not be signalled, but it is there.
    if (!isCode(cause, 'EPERM')) return false
  }
  const now = await startOf(pid)
  return now !== 'dead' && (now === undefined || started === '' || now === started)
}

/**
 * Fields 3 and 22 of /proc/PID/stat (proc(5)), counted behind the command name, which may hold blanks: when it
 * started; `dead` when only its parent has not asked for its end yet.
 */
async function startOf(pid: number): Promise<string | undefined> {
  try {
    const stat = await readFile(`/proc/${pid}/stat`, 'utf8')
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
    return /^[ZXx]$/.test(fields[0] ?? '') ? 'dead' : fields[19]
  } catch {
    return undefined
  }
}

function locked(
  path: string,
  { owner, hint }: { readonly owner: string; readonly hint: string },
): KpkiError {
  return new KpkiError('ERR_LOCKED', `${path} is held by ${owner}`, { path, owner }, { hint })
}
