import { rmSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { afterAll, expect, it } from 'vitest'
import type { Ran } from '../cli/audit-support.js'
import { type DiskCall, watched } from '../files/recorder.js'
import { layDown, type Snapshot, snapshotOf } from './disk-model.js'
import { type Ends, judgeKeys, judgeNextRun } from './judge.js'
import { endProcess, prepared, workshop } from './record.js'
import { type CrashRun, RUNS } from './runs.js'
import { budget, randomOf, SEED, shuffled } from './sampling.js'

/** What a file system says when it fails: with what number, in what words, and whether also of what only reads. */
const FAILURES = {
  ENOSPC: { errno: -28, words: 'no space left on device', reads: false },
  EDQUOT: { errno: -122, words: 'disk quota exceeded', reads: false },
  EROFS: { errno: -30, words: 'read-only file system', reads: false },
  EIO: { errno: -5, words: 'i/o error', reads: true },
  EACCES: { errno: -13, words: 'permission denied', reads: true },
  EINTR: { errno: -4, words: 'interrupted system call', reads: true },
} as const

type Code = keyof typeof FAILURES

interface Fault {
  readonly code: Code
  /** Which call fails, from 0. */
  readonly at: number
  /** Every later change fails as well: a full disk stays full. */
  readonly lasts: boolean
  readonly call: DiskCall
}

const shop = workshop()
const seen = new Map<string, number>()
let left = budget(700)
// Whatever is to be open to others has to be opened.
const umask = process.umask(0o077)

afterAll(() => {
  process.umask(umask)
  shop.remove()
})

RUNS.forEach((run, number) => {
  it(`${run.name}: whatever call of the file system fails, it is said in one line, and no key is lost`, async () => {
    const share = Math.ceil(left / (RUNS.length - number))
    const { ends, calls } = await unfailed(run)
    const faults = chosen(calls, share)
    left -= faults.length
    const wrong: string[] = []
    for (const fault of faults) {
      await judge(run, ends, fault).catch((cause: Error) => wrong.push(cause.message))
      const kind = `${fault.code}${fault.lasts ? ' from then on' : ''}`
      seen.set(kind, (seen.get(kind) ?? 0) + 1)
    }
    expect(wrong.slice(0, 5), `${wrong.length} of ${faults.length} faults`).toEqual([])
  })
})

it('counts them', () => {
  const all = [...seen.values()].reduce((sum, count) => sum + count, 0)
  const kinds = [...seen].map(([kind, count]) => `${count} ${kind}`).join(', ')
  process.stdout.write(
    `failing disks: ${all} faults in ${RUNS.length} runs (${kinds}), seed ${SEED}\n`,
  )
  expect(all).toBeGreaterThan(0)
})

async function unfailed(run: CrashRun): Promise<{ ends: Ends; calls: readonly DiskCall[] }> {
  const folder = join(shop.path, 'unfailed')
  try {
    const before = await prepared(run, folder)
    const calls: DiskCall[] = []
    await watched({ before: (call) => calls.push(call) }, () => run.run(folder))
    return { ends: { before, after: snapshotOf(folder) }, calls }
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

/** Every code at every kind of call once, then anything. */
function chosen(calls: readonly DiskCall[], share: number): readonly Fault[] {
  const codes = Object.keys(FAILURES) as readonly Code[]
  const possible = calls.flatMap((call, at) =>
    codes
      .filter((code) => call.changes || FAILURES[code].reads)
      .flatMap((code): readonly Fault[] =>
        FAILURES[code].reads
          ? [{ code, at, call, lasts: false }]
          : [false, true].map((lasts) => ({ code, at, call, lasts })),
      ),
  )
  const mixed = shuffled(possible, randomOf(SEED))
  const kinds = new Set<string>()
  const isFirst = ({ code, call, lasts }: Fault): boolean => {
    const kind = `${code} ${call.name} ${lasts}`
    return !kinds.has(kind) && kinds.add(kind).size > 0
  }
  const first = mixed.filter(isFirst)
  return [...first, ...mixed.filter((fault) => !first.includes(fault))].slice(0, share)
}

async function judge(run: CrashRun, ends: Ends, fault: Fault): Promise<void> {
  const folder = join(shop.path, 'failed')
  try {
    layDown(ends.before, folder)
    const { ran, met } = await failed(run, folder, fault)
    const state = snapshotOf(folder)
    judgeWords(run, ran, folder, met)
    for (const { data } of state.values()) if (data) judgeSecrets(ran, data)
    endProcess(folder)
    judgeKeys(run, ends, state)
    if (!fault.lasts && !isTakingAway(fault.call)) judgeTidy(state)
    await judgeNextRun(run, ends, state, folder)
  } catch (cause) {
    const { code, at, call, lasts } = fault
    const message = cause instanceof Error ? cause.message : String(cause)
    throw new Error(
      `${run.name}, ${code}${lasts ? ' from then on' : ''} at call ${at} (${call.name} ${call.path}), KPKI_CRASH_SEED=${SEED}: ${message}`,
      { cause },
    )
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

async function failed(
  run: CrashRun,
  folder: string,
  { code, at, lasts }: Fault,
): Promise<{ ran: Ran; met: readonly DiskCall[] }> {
  const { errno, words } = FAILURES[code]
  const met: DiskCall[] = []
  let count = 0
  const before = (call: DiskCall): void => {
    const number = count++
    if (number !== at && !(lasts && number > at && call.changes)) return
    met.push(call)
    const syscall = call.name.replace('handle.', '')
    const where = call.name.startsWith('handle.') ? '' : ` '${call.path}'`
    throw Object.assign(new Error(`${code}: ${words}, ${syscall}${where}`), {
      code,
      errno,
      syscall,
    })
  }
  return { ran: await watched({ before }, () => run.run(folder)), met }
}

/** 0: the fault did not matter. Otherwise 3, one line that names a path, and perhaps a hint. */
function judgeWords(
  run: CrashRun,
  { exit, err }: Ran,
  folder: string,
  met: readonly DiskCall[],
): void {
  if (exit === 0) {
    expect(err).not.toContain('error')
    return
  }
  const mayBe = met.some(({ changes }) => changes) ? [3] : [3, run.unreadable ?? 3]
  expect(mayBe, err).toContain(exit)
  expect(err).toMatch(/^(kpki: warning: [^\n]+\n)*kpki: error: [^\n]+\n(kpki: hint: [^\n]+\n)?$/)
  // No stack, not even on one line.
  // The file system's own error says neither what was tried nor what to do.
  expect(err).not.toMatch(/error: E[A-Z]+: /)
  expect(err).not.toMatch(/:\d+:\d+/)
  const isNamed = ({ path }: DiskCall): boolean =>
    !path.startsWith(folder) ||
    names(err, path) ||
    err.includes(` ${path.slice(folder.length + 1)} `)
  expect(met.some(isNamed), `${err} names none of ${met.map(({ path }) => path)}`).toBe(true)
}

/** Whether a path is named, or the folder that is written to as a whole. */
function names(text: string, path: string): boolean {
  return text.includes(path) || (path.startsWith(`${shop.path}/`) && names(text, dirname(path)))
}

/** What cannot be taken away stays, until the next run. */
function isTakingAway({ name, path }: DiskCall): boolean {
  return name === 'rm' || name === 'unlink' || path.includes('.kpki.lock')
}

/** A run that can do so takes away what it began, and gives the lock back. */
function judgeTidy(state: Snapshot): void {
  const left = [...state.keys()].filter((path) => /kpki-tmp|kpki\.lock/.test(path))
  expect(left, 'left behind').toEqual([])
}

function judgeSecrets({ out, err }: Ran, data: Buffer): void {
  for (const line of data.toString('latin1').split('\n'))
    if (/^[A-Za-z0-9+/=]{40,}$/.test(line)) expect(out + err).not.toContain(line)
}
