import { constants } from 'node:fs'
import { link, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { hostname } from 'node:os'
import { dirname, join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { KpkiError } from '../errors.js'

interface Holder {
  readonly host: string
  readonly pid: number
  /** When the process started, in the kernel's ticks: a process id may be given again. Empty where unknown. */
  readonly started: string
}

const NAME = '.kpki.lock'

/**
 * Runs `work` while no other run holds the folder. The lock names its process: one that no longer lives
 * does not count. On another machine it can't be asked, and holds.
 *
 * @throws KpkiError `ERR_LOCKED` while another run holds it.
 * /
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
  await acquire(path)
  try {
    await removeLeftOvers(folder)
    return await work()
  } finally {
    await rm(path, { force: true })
  }
}

const ATTEMPTS = 20

async function acquire(path: string): Promise<void> {
  const own = `${path}.${process.pid}`
  await writeOwn(own)
  try {
    for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
      if (await linked(own, path)) return
      const holder = await holderOf(path)
      if (holder !== undefined && (await lives(holder))) throw locked(path, holder)
      if (holder !== undefined) await removeStale(path, holder, own)
      await delay(attempt)
    }
    throw locked(path, await holderOf(path))
  } finally {
    await rm(own, { force: true })
  }
}

// A complete file is linked into place, so the lock never lacks its holder; link is atomic and exclusive.
async function writeOwn(own: string): Promise<void> {
  const holder: Holder = {
    host: hostname(),
    pid: process.pid,
    started: (await startOf(process.pid)) ?? '',
  }
  try {
    await rm(own, { force: true })
    const flags = constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL
    await writeFile(own, JSON.stringify(holder), { flag: flags, mode: 0o600 })
  } catch (cause) {
    const folder = dirname(own)
    throw new KpkiError(
      'ERR_WRITE_FAILED',
      `${folder} could not be locked: ${cause instanceof Error ? cause.message : String(cause)}`,
      { path: folder },
      { cause, hint: 'choose a folder that you may write to' },
    )
  }
}

async function linked(own: string, path: string): Promise<boolean> {
  try {
    await link(own, path)
    return true
  } catch (cause) {
    if (cause instanceof Error && 'code' in cause && cause.code === 'EEXIST') return false
    throw cause
  }
}

// Whoever removes a stale lock holds its guard, so that nobody removes the lock that took its place. The
// guard is a lock itself, and may be stale itself where its process was killed in this very moment.
async function removeStale(path: string, stale: Holder, own: string): Promise<void> {
  const guard = `${path}.x`
  if (!(await linked(own, guard))) {
    const holder = await holderOf(guard)
    if (holder !== undefined && !(await lives(holder))) await removeStale(guard, holder, own)
    return
  }
  const holder = await holderOf(path)
  if (holder !== undefined && sameHolder(holder, stale)) await rm(path, { force: true })
  await rm(guard, { force: true })
}

function sameHolder(a: Holder, b: Holder): boolean {
  return a.host === b.host && a.pid === b.pid && a.started === b.started
}

async function holderOf(path: string): Promise<Holder | undefined> {
  try {
    const { host, pid, started } = JSON.parse(await readFile(path, 'utf8'))
    return { host: String(host), pid: Number(pid), started: String(started) }
  } catch {
    return undefined
  }
}

// What runs that were killed while they asked for the lock left behind.
async function removeLeftOvers(folder: string): Promise<void> {
  for (const name of await readdir(folder)) {
    if (!/^\.kpki\.lock\.\d+$/.test(name)) continue
    const path = join(folder, name)
    const holder = await holderOf(path)
    if (holder !== undefined && !(await lives(holder))) await rm(path, { force: true })
  }
}

async function lives({ host, pid, started }: Holder): Promise<boolean> {
  if (host !== hostname()) return true
  try {
    process.kill(pid, 0)
  } catch (cause) {
    // Somebody else's process may not be signalled, but it is there.
    if (!(cause instanceof Error && 'code' in cause && cause.code === 'EPERM')) return false
  }
  const now = await startOf(pid)
  return now === undefined || started === '' || now === started
}

/** Field 22 of /proc/PID/stat (proc(5)), counted behind the command name, which may hold blanks. */
async function startOf(pid: number): Promise<string | undefined> {
  try {
    const stat = await readFile(`/proc/${pid}/stat`, 'utf8')
    return stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19]
  } catch {
    return undefined
  }
}

function locked(path: string, holder: Holder | undefined): KpkiError {
  const owner = holder === undefined ? 'another run' : `process ${holder.pid} on ${holder.host}`
  return new KpkiError(
    'ERR_LOCKED',
    `${path} is held by ${owner}`,
    { path, owner },
    {
      hint: 'wait for it to end; if that machine is gone, remove the file',
    },
  )
}
