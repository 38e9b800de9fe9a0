import { execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import {
  chmodSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  type StatsFs,
  statSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from 'node:fs'
import disk from 'node:fs/promises'
import { syncBuiltinESMExports } from 'node:module'
import { hostname } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { build } from 'esbuild'
import { describe, expect, it, vi } from 'vitest'
import { withLock } from '../../src/files/lock.js'
import { scratch, skipUnless } from '../interop/workbench.js'
import { ended } from './program.js'
import { recorded } from './recorder.js'

const NAME = '.kpki.lock'
/** What every process of this machine has in common. */
const HERE = {
  host: hostname(),
  boot: readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim(),
  space: readlinkSync('/proc/self/ns/pid'),
}

/** Holds the lock while `work` runs; what a second run gets then. */
async function second(folder: string): Promise<unknown> {
  return withLock(folder, async () => 'got it').catch((error: unknown) => error)
}

function createdFile(path: string): string {
  writeFileSync(path, '')
  return path
}

function hold(folder: string, holder: object): void {
  writeFileSync(join(folder, NAME), JSON.stringify(holder))
}

async function endedProcess(): Promise<number> {
  const child = spawn('true')
  await ended(child)
  return child.pid ?? 0
}

describe('withLock', () => {
  it('keeps a second run out until the first ends, and leaves nothing', async () => {
    using folder = scratch()
    const inside = await withLock(folder.path, () => second(folder.path))
    expect(inside).toMatchObject({
      code: 'ERR_LOCKED',
      message: `${join(folder.path, NAME)} is held by process ${process.pid} on ${hostname()}`,
      details: { owner: `process ${process.pid} on ${hostname()}` },
      hint: expect.stringContaining('wait for it to end'),
    })
    expect(await second(folder.path)).toBe('got it')
    expect(readdirSync(folder.path)).toEqual([])
  })

  it('is given back when the work fails', async () => {
    using folder = scratch()
    const failing = withLock(folder.path, async () => {
      throw new Error('failed')
    })
    await expect(failing).rejects.toThrow('failed')
    expect(await second(folder.path)).toBe('got it')
  })

  it('names its process, and who may read the folder may read that', async () => {
    using folder = scratch()
    const path = join(folder.path, NAME)
    const [text, mode] = await withLock(folder.path, async () => [
      readFileSync(path, 'utf8'),
      statSync(path).mode & 0o777,
    ])
    expect(mode).toBe(0o644)
    expect(JSON.parse(String(text))).toEqual({
      ...HERE,
      pid: process.pid,
      started: expect.stringMatching(/^\d+$/),
    })
  })

  it('is on the disk with its holder before it has its name: no power cut leaves it empty', async () => {
    using folder = scratch()
    const calls = await recorded(() => second(folder.path))
    const [written = '', ...after] = calls.filter((call) => call.includes(`${NAME}.`))
    expect(written).toMatch(/^open \.kpki\.lock\./)
    const own = written.slice('open '.length)
    expect(after).toEqual([`sync ${own}`, `link ${own} ${NAME}`, `rm ${own}`])
  })

  it('of a dead process does not count, nor does what it left', async () => {
    using folder = scratch()
    const pid = await endedProcess()
    const holder = { ...HERE, pid, started: '1' }
    hold(folder.path, holder)
    for (const name of [`${NAME}.${pid}`, `${NAME}.x`, `${NAME}.x.x`])
      writeFileSync(join(folder.path, name), JSON.stringify(holder))
    expect(await second(folder.path)).toBe('got it')
    expect(readdirSync(folder.path)).toEqual([])
  })

  it('of a process whose number was given again does not count', async () => {
    using folder = scratch()
    hold(folder.path, { ...HERE, pid: process.pid, started: '1' })
    expect(await second(folder.path)).toBe('got it')
  })

  it('without a start time counts while a process has its number', async () => {
    using folder = scratch()
    hold(folder.path, { ...HERE, pid: process.pid, started: '' })
    expect(await second(folder.path)).toMatchObject({ code: 'ERR_LOCKED' })
  })

  it('holds while its process is suspended, and is gone with it', async () => {
    using folder = scratch()
    const child = spawn(process.execPath, [
      '--input-type=module',
      '-e',
      `import { withLock } from ${JSON.stringify(await bundledLock(folder.path))}
       await withLock(${JSON.stringify(folder.path)}, () => new Promise(() => {
         process.stdout.write('in')
         setInterval(() => undefined, 1000)
       }))`,
    ])
    const closed = once(child, 'close')
    await once(child.stdout, 'data')
    child.kill('SIGSTOP')
    const held = { code: 'ERR_LOCKED', details: { owner: `process ${child.pid} on ${hostname()}` } }
    expect(await second(folder.path)).toMatchObject(held)
    child.kill('SIGKILL')
    await closed
    expect(await second(folder.path)).toBe('got it')
    expect(readdirSync(folder.path)).toEqual(['lock.mjs'])
  })

  it('does not count once its process is dead and only not yet buried', async () => {
    using folder = scratch()
    // The shell becomes a sleep that never asks for its child's end.
    const parent = spawn('sh', ['-c', 'sh -c "echo \\$\\$; read go" & exec sleep 1000'])
    const closed = once(parent, 'close')
    const pid = Number(String((await once(parent.stdout, 'data'))[0]))
    const stat = () => readFileSync(`/proc/${pid}/stat`, 'utf8')
    const started = stat()
      .slice(stat().lastIndexOf(')') + 2)
      .split(' ')[19]
    process.kill(pid, 'SIGKILL')
    await vi.waitFor(() => expect(stat()).toContain(') Z '))
    hold(folder.path, { ...HERE, pid, started })
    expect(await second(folder.path)).toBe('got it')
    parent.kill('SIGKILL')
    await closed
  })

  it('is not given back when it is no longer the same', async () => {
    using folder = scratch()
    const other = { ...HERE, pid: process.ppid, started: '' }
    await withLock(folder.path, async () => hold(folder.path, other))
    expect(readdirSync(folder.path)).toEqual([NAME])
  })

  const garbage: readonly (readonly [string, (path: string) => void])[] = [
    ['nothing', (path) => writeFileSync(path, '')],
    ['garbage', (path) => writeFileSync(path, '\u0000\u0000{')],
    ['a number', (path) => writeFileSync(path, '7')],
    ['null', (path) => writeFileSync(path, 'null')],
    ['endless bytes', (path) => truncateSync(createdFile(path), 2 ** 40)],
    ...[0, -1, 1.5, '1', undefined].map(
      (pid) =>
        [
          `process ${pid}`,
          (path: string) => writeFileSync(path, JSON.stringify({ ...HERE, pid })),
        ] as const,
    ),
    ['a pipe', (path) => execFileSync('mkfifo', [path])],
    ['a link', (path) => symlinkSync('/dev/zero', path)],
    ['a dangling link', (path) => symlinkSync('nowhere', path)],
  ]
  it.each(garbage)('that is %s is nobody’s', async (_, make) => {
    using folder = scratch()
    for (const name of [NAME, `${NAME}.x`, `${NAME}.123`]) make(join(folder.path, name))
    expect(await second(folder.path)).toBe('got it')
    expect(readdirSync(folder.path)).toEqual([])
  })

  it('that is a folder is named', async () => {
    using folder = scratch()
    mkdirSync(join(folder.path, NAME))
    expect(await second(folder.path)).toMatchObject({
      code: 'ERR_FILE_UNSAFE',
      message: expect.stringContaining(join(folder.path, NAME)),
    })
  })

  const before = { ...HERE, boot: 'of an earlier start', pid: process.pid, started: '' }
  it('of an earlier start of the machine does not count, whatever its name was', async () => {
    using folder = scratch()
    for (const host of [hostname(), 'renamed']) {
      hold(folder.path, { ...before, host })
      expect(await second(folder.path)).toBe('got it')
    }
  })

  it('holds when only the machine’s name changed', async () => {
    using folder = scratch()
    hold(folder.path, { ...HERE, host: 'renamed', pid: process.pid, started: '' })
    expect(await second(folder.path)).toMatchObject({ code: 'ERR_LOCKED' })
  })

  it('on a network file system holds when its machine cannot be asked, and says so', async () => {
    using folder = scratch()
    hold(folder.path, { ...before, host: 'elsewhere' })
    const statfs = vi.spyOn(disk, 'statfs').mockResolvedValue({ type: 0x6969 } as StatsFs)
    syncBuiltinESMExports()
    const held = await second(folder.path).finally(() => {
      statfs.mockRestore()
      syncBuiltinESMExports()
    })
    expect(held).toMatchObject({
      code: 'ERR_LOCKED',
      details: { owner: `process ${process.pid} on elsewhere` },
      hint: expect.stringContaining('a shared file system does not tell whether it still runs'),
    })
    expect(readdirSync(folder.path)).toEqual([NAME])
  })

  it('of another container of this machine holds, and says what cannot be seen', async () => {
    using folder = scratch()
    hold(folder.path, { ...HERE, space: 'pid:[1]', pid: await endedProcess(), started: '1' })
    expect(await second(folder.path)).toMatchObject({
      code: 'ERR_LOCKED',
      hint: expect.stringContaining('in another container: whether it still runs cannot be seen'),
    })
  })

  it('is taken by one of many who find it stale at once', async () => {
    using folder = scratch()
    const script = `
      import { once } from 'node:events'
      import { withLock } from ${JSON.stringify(await bundledLock(folder.path))}
      process.stdout.write('ready')
      await once(process.stdin, 'data')
      try {
        await withLock(${JSON.stringify(folder.path)}, async () => {
          process.stdout.write('in')
          await once(process.stdin, 'end')
        })
      } catch (error) { process.stdout.write(error.code) }
      process.exit()`
    hold(folder.path, { ...HERE, pid: await endedProcess(), started: '1' })
    const runs = Array.from({ length: 6 }, () =>
      spawn(process.execPath, ['--input-type=module', '-e', script]),
    )
    const ends = runs.map((run) => once(run, 'close'))
    const word = async (run: (typeof runs)[number]) => String((await once(run.stdout, 'data'))[0])
    await Promise.all(runs.map(word))
    // Whoever gets in stays until everybody has said how it went.
    const said = runs.map(word)
    for (const run of runs) run.stdin.write('go')
    expect((await Promise.all(said)).sort()).toEqual([...Array(5).fill('ERR_LOCKED'), 'in'])
    for (const run of runs) run.stdin.on('error', () => undefined).end()
    await Promise.all(ends)
  })

  it('is asked for again when whoever got in removed the request before it was complete', async () => {
    using folder = scratch()
    const { link } = disk
    const spy = vi.spyOn(disk, 'link').mockImplementationOnce(async (own, path) => {
      rmSync(own)
      await link(own, path)
    })
    syncBuiltinESMExports()
    const got = await second(folder.path).finally(() => {
      spy.mockRestore()
      syncBuiltinESMExports()
    })
    expect(got).toBe('got it')
    expect(readdirSync(folder.path)).toEqual([])
  })

  const isRoot = process.getuid?.() === 0
  it.skipIf(skipUnless(isRoot, 'a lock number given to another user', 'root, to be somebody else'))(
    'of a process whose number another user’s process got does not count',
    async () => {
      using folder = scratch()
      const lock = await bundledLock(folder.path)
      const script = `
        import { withLock } from ${JSON.stringify(lock)}
        console.log(await withLock(${JSON.stringify(folder.path)}, async () => 'in'))`
      // Process 1 is root's: this user may not signal it.
      hold(folder.path, { ...HERE, pid: 1, started: 'before' })
      chmodSync(folder.path, 0o777)
      chmodSync(join(folder.path, NAME), 0o644)
      const child = spawn(process.execPath, ['--input-type=module', '-e', script], { uid: 65534 })
      expect(await ended(child)).toMatchObject({ code: 0, out: 'in\n' })
    },
  )
})

async function bundledLock(folder: string): Promise<string> {
  const outfile = join(folder, 'lock.mjs')
  const entry = fileURLToPath(new URL('../../src/files/lock.ts', import.meta.url))
  await build({ entryPoints: [entry], outfile, bundle: true, format: 'esm', platform: 'node' })
  return outfile
}
