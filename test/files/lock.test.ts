import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { chmodSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { hostname } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { build } from 'esbuild'
import { describe, expect, it } from 'vitest'
import { withLock } from '../../src/files/lock.js'
import { scratch, skipUnless } from '../interop/workbench.js'
import { ended } from './program.js'

const NAME = '.kpki.lock'

/** Holds the lock while `work` runs; what a second run gets then. */
async function second(folder: string): Promise<unknown> {
  return withLock(folder, async () => 'got it').catch((error: unknown) => error)
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

  it('names its process', async () => {
    using folder = scratch()
    const text = await withLock(folder.path, async () =>
      readFileSync(join(folder.path, NAME), 'utf8'),
    )
    expect(JSON.parse(text)).toEqual({
      host: hostname(),
      pid: process.pid,
      started: expect.stringMatching(/^\d+$/),
    })
  })

  it('of a dead process does not count, nor does what it left', async () => {
    using folder = scratch()
    const pid = await endedProcess()
    const holder = { host: hostname(), pid, started: '1' }
    hold(folder.path, holder)
    for (const name of [`${NAME}.${pid}`, `${NAME}.x`, `${NAME}.x.x`])
      writeFileSync(join(folder.path, name), JSON.stringify(holder))
    expect(await second(folder.path)).toBe('got it')
    expect(readdirSync(folder.path)).toEqual([])
  })

  it('of a process whose number was given again does not count', async () => {
    using folder = scratch()
    hold(folder.path, { host: hostname(), pid: process.pid, started: '1' })
    expect(await second(folder.path)).toBe('got it')
  })

  it('without a start time counts while a process has its number', async () => {
    using folder = scratch()
    hold(folder.path, { host: hostname(), pid: process.pid, started: '' })
    expect(await second(folder.path)).toMatchObject({ code: 'ERR_LOCKED' })
  })

  it('on another machine holds: nobody here can ask', async () => {
    using folder = scratch()
    hold(folder.path, { host: 'elsewhere', pid: await endedProcess(), started: '1' })
    expect(await second(folder.path)).toMatchObject({
      code: 'ERR_LOCKED',
      details: { owner: expect.stringMatching(/^process \d+ on elsewhere$/) },
    })
    expect(readdirSync(folder.path)).toEqual([NAME])
  })

  it('that cannot be read is somebody’s', async () => {
    using folder = scratch()
    writeFileSync(join(folder.path, NAME), '')
    expect(await second(folder.path)).toMatchObject({
      code: 'ERR_LOCKED',
      details: { owner: 'another run' },
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
    hold(folder.path, { host: hostname(), pid: await endedProcess(), started: '1' })
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
      hold(folder.path, { host: hostname(), pid: 1, started: 'before' })
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
