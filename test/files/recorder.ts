import type { MakeDirectoryOptions, RmOptions } from 'node:fs'
import disk, { type FileHandle } from 'node:fs/promises'
import { syncBuiltinESMExports } from 'node:module'
import { basename, join, resolve } from 'node:path'

/** One change of the disk that was done. Open files and folders are called by a number of their own. */
export type DiskChange =
  | { readonly kind: 'open'; readonly path: string; readonly opened: number; readonly mode: number }
  | { readonly kind: 'write'; readonly opened: number; readonly at: number; readonly data: Buffer }
  | { readonly kind: 'truncate'; readonly opened: number }
  | { readonly kind: 'chmod'; readonly of: number | string; readonly mode: number }
  /** Makes lasting what was done to this file or folder among the first `since` changes. */
  | { readonly kind: 'sync'; readonly opened: number; readonly since: number }
  | { readonly kind: 'mkdir'; readonly path: string; readonly mode: number }
  | { readonly kind: 'rename' | 'link'; readonly path: string; readonly to: string }
  | { readonly kind: 'unlink' | 'rmdir'; readonly path: string }

/** One call of the file system before it is done. */
export interface DiskCall {
  /** As `node:fs/promises` calls it; what is asked of an open file begins with `handle.`. */
  readonly name: string
  readonly path: string
  /** Whether it may change what the disk holds, or make that lasting. */
  readonly changes: boolean
}

export interface DiskWatch {
  /** May throw what the call then fails with. */
  readonly before?: (call: DiskCall) => void
  readonly changed?: (change: DiskChange) => void
}

type Call = (...args: unknown[]) => Promise<unknown>

const READING = ['readdir', 'lstat', 'stat', 'readlink', 'readFile', 'statfs', 'realpath', 'access']
const HANDLE_READING = ['read', 'readFile', 'readv', 'stat', 'close']
/** What nothing of kpki calls: whoever does so first teaches it to the recorder. */
const UNKNOWN =
  'appendFile chown copyFile cp lchmod lchown lutimes mkdtemp opendir symlink truncate utimes'.split(
    ' ',
  )
const HANDLE_UNKNOWN =
  'appendFile chown createReadStream createWriteStream utimes write writev'.split(' ')

/** Has every call of the file system that `work` makes through `node:fs/promises` pass here. */
export async function watched<T>(watch: DiskWatch, work: () => Promise<T>): Promise<T> {
  const own = new Watched(watch)
  const module = disk as unknown as Record<string, Call>
  const real = { ...module }
  Object.assign(module, own.calls(real))
  syncBuiltinESMExports()
  try {
    return await work()
  } finally {
    Object.assign(module, real)
    syncBuiltinESMExports()
  }
}

class Watched {
  private count = 0
  private opened = 0
  private readonly watch: DiskWatch

  constructor(watch: DiskWatch) {
    this.watch = watch
  }

  calls(real: Readonly<Record<string, Call>>): Record<string, Call> {
    const { open, rename, link, unlink, rmdir, mkdir, chmod, lstat, readdir, rm } = real as {
      readonly [name: string]: Call
    } & Pick<typeof disk, 'open' | 'lstat' | 'readdir'>
    if (!rename || !link || !unlink || !rmdir || !mkdir || !chmod || !rm) throw new Error('no fs')
    const moving = (kind: 'rename' | 'link', move: Call) => async (from: unknown, to: unknown) => {
      this.before(kind, String(from))
      await move(from, to)
      this.changed({ kind, path: resolve(String(from)), to: resolve(String(to)) })
    }
    const removing = (kind: 'unlink' | 'rmdir', remove: Call) => async (path: unknown) => {
      this.before(kind, String(path))
      await remove(path)
      this.changed({ kind, path: resolve(String(path)) })
    }
    const calls: Record<string, Call> = {
      rename: moving('rename', rename),
      link: moving('link', link),
      unlink: removing('unlink', unlink),
      rmdir: removing('rmdir', rmdir),
      chmod: async (path, mode) => {
        this.before('chmod', String(path))
        await chmod(path, mode)
        this.changed({ kind: 'chmod', of: resolve(String(path)), mode: Number(mode) })
      },
      mkdir: async (path, options) => {
        const { mode = 0o777, recursive } = (options ?? {}) as MakeDirectoryOptions
        if (recursive) throw new Error('the recorder does not know a recursive mkdir')
        this.before('mkdir', String(path))
        await mkdir(path, options)
        const left = Number(mode) & ~process.umask()
        this.changed({ kind: 'mkdir', path: resolve(String(path)), mode: left })
      },
      // One call for each file, as the system does it.
      rm: async (path, options) => {
        const full = resolve(String(path))
        const { recursive, force } = (options ?? {}) as RmOptions
        this.before('rm', full)
        const found = await lstat(full).catch((cause: NodeJS.ErrnoException) => {
          if (force && cause.code === 'ENOENT') return undefined
          throw cause
        })
        if (found === undefined) return
        if (!found.isDirectory()) return calls.unlink?.(full)
        if (!recursive) return rm(full, options)
        for (const name of await readdir(full)) await calls.rm?.(join(full, name), options)
        await calls.rmdir?.(full)
      },
      open: async (path, flags = 'r', mode = 0o666) => {
        const full = resolve(String(path))
        const asked = numberOf(flags)
        this.before('open', full, (asked & disk.constants.O_CREAT) !== 0)
        const isNew =
          (asked & disk.constants.O_CREAT) !== 0 &&
          (await lstat(full).then(
            () => false,
            () => true,
          ))
        const handle = await open(full, asked, Number(mode))
        const opened = this.opened++
        const left = isNew ? Number(mode) & ~process.umask() : -1
        this.changed({ kind: 'open', path: full, opened, mode: left })
        if ((asked & disk.constants.O_TRUNC) !== 0 && !isNew)
          this.changed({ kind: 'truncate', opened })
        return this.handle(handle, opened, full)
      },
      writeFile: async (path, data, options) => {
        const { flag = 'w', mode } = (options ?? {}) as { flag?: string; mode?: number }
        const handle = (await calls.open?.(path, flag, mode)) as FileHandle
        await handle.writeFile(data as Buffer).finally(() => handle.close())
      },
    }
    for (const name of READING)
      calls[name] = async (path, ...rest) => {
        this.before(name, String(path), false)
        return real[name]?.(path, ...rest)
      }
    for (const name of UNKNOWN)
      calls[name] = () => Promise.reject(new Error(`the recorder does not know ${name}`))
    return calls
  }

  private handle(handle: FileHandle, opened: number, path: string): FileHandle {
    const writeFile = handle.writeFile.bind(handle)
    const chmod = handle.chmod.bind(handle)
    let at = 0
    handle.writeFile = async (data) => {
      this.before('handle.writeFile', path)
      await writeFile(data)
      const written = typeof data === 'string' ? Buffer.from(data) : Buffer.from(data as Uint8Array)
      this.changed({ kind: 'write', opened, at, data: written })
      at += written.length
    }
    handle.chmod = async (mode) => {
      this.before('handle.chmod', path)
      await chmod(mode)
      this.changed({ kind: 'chmod', of: opened, mode: Number(mode) })
    }
    const methods = handle as unknown as Record<string, Call>
    for (const name of ['sync', 'datasync']) {
      const sync = methods[name]?.bind(handle)
      methods[name] = async () => {
        this.before(`handle.${name}`, path)
        const since = this.count
        await sync?.()
        this.changed({ kind: 'sync', opened, since })
      }
    }
    for (const name of HANDLE_READING) {
      const real = methods[name]?.bind(handle)
      methods[name] = async (...args) => {
        // A file is closed, whatever the system says of it.
        try {
          this.before(`handle.${name}`, path, false)
        } catch (cause) {
          if (name === 'close') await real?.()
          throw cause
        }
        return real?.(...args)
      }
    }
    for (const name of HANDLE_UNKNOWN)
      methods[name] = () => Promise.reject(new Error(`the recorder does not know handle.${name}`))
    return handle
  }

  private before(name: string, path: string, changes = true): void {
    this.watch.before?.({ name, path, changes })
  }

  private changed(change: DiskChange): void {
    this.count++
    this.watch.changed?.(change)
  }
}

const FLAGS: Readonly<Record<string, number>> = {
  r: disk.constants.O_RDONLY,
  w: disk.constants.O_WRONLY | disk.constants.O_CREAT | disk.constants.O_TRUNC,
  wx:
    disk.constants.O_WRONLY |
    disk.constants.O_CREAT |
    disk.constants.O_TRUNC |
    disk.constants.O_EXCL,
}

function numberOf(flags: unknown): number {
  if (typeof flags === 'number') return flags
  const known = FLAGS[String(flags)]
  if (known === undefined) throw new Error(`the recorder does not know the flag ${flags}`)
  return known
}

/** The changes of the disk that `work` does, in order, by the last names of their paths: `rename .a.kpki-tmp a`. */
export async function recorded(work: () => Promise<unknown>): Promise<readonly string[]> {
  const calls: string[] = []
  const names = new Map<number, string>()
  await watched(
    {
      changed: (change) => {
        if (change.kind === 'open') names.set(change.opened, basename(change.path))
        const said = sentence(change, names)
        if (said !== undefined) calls.push(said)
      },
    },
    work,
  )
  return calls
}

function sentence(change: DiskChange, names: ReadonlyMap<number, string>): string | undefined {
  switch (change.kind) {
    case 'open':
      return change.mode < 0 ? undefined : `open ${basename(change.path)}`
    case 'sync':
      return `sync ${names.get(change.opened)}`
    case 'rename':
    case 'link':
      return `${change.kind} ${basename(change.path)} ${basename(change.to)}`
    case 'unlink':
      return `rm ${basename(change.path)}`
    case 'mkdir':
    case 'rmdir':
      return `${change.kind} ${basename(change.path)}`
    case 'write':
    case 'truncate':
    case 'chmod':
      return undefined
  }
}

/** Where a change was done, for people. */
export function describeChange(change: DiskChange, root: string): string {
  const short = (path: string) => path.replace(`${root}/`, '')
  if ('to' in change) return `${change.kind} ${short(change.path)} ${basename(change.to)}`
  if ('path' in change) return `${change.kind} ${short(change.path)}`
  if ('of' in change) return `chmod ${typeof change.of === 'string' ? short(change.of) : 'opened'}`
  return change.kind
}
