import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { basename, join } from 'node:path'
import { expect } from 'vitest'
import { type DiskChange, watched } from '../files/recorder.js'
import {
  fingerprint,
  layDown,
  type Recording,
  recording,
  type Snapshot,
  snapshotOf,
} from './disk-model.js'
import type { Ends } from './judge.js'
import type { CrashRun } from './runs.js'

/** Where states are laid down: in memory where there is such a place, for there are thousands. */
export function workshop(): { readonly path: string; readonly remove: () => void } {
  const place = existsSync('/dev/shm') ? '/dev/shm' : tmpdir()
  const path = mkdtempSync(join(place, 'kpki-crash-'))
  return { path, remove: () => rmSync(path, { recursive: true, force: true }) }
}

export interface Recorded extends Ends {
  /** As a process that was killed leaves it behind: nobody holds its lock. */
  readonly killed: Recording
  /** As the machine's next start finds it. */
  readonly powerless: Recording
}

/** What there is before a run, laid down in a new folder. */
export async function prepared(run: CrashRun, folder: string): Promise<Snapshot> {
  mkdirSync(folder)
  await run.before(folder)
  const before = snapshotOf(folder)
  rmSync(folder, { recursive: true })
  layDown(before, folder)
  return before
}

/** Does a run once, and keeps every change of the disk that it makes. */
export async function record(run: CrashRun, folder: string): Promise<Recorded> {
  const before = await prepared(run, folder)
  const changes: DiskChange[] = []
  const ran = await watched({ changed: (change) => changes.push(change) }, () => run.run(folder))
  expect(ran.exit, ran.err).toBe(0)
  const after = snapshotOf(folder)
  const killed = recording(folder, before, changes.map(ofDeadProcess))
  // What the recorder does not see cannot be cut off: nothing may be missing from what it has seen.
  expect(fingerprint(killed.after(changes.length))).toBe(fingerprint(after))
  return {
    before,
    after,
    killed,
    powerless: recording(folder, before, changes.map(ofEarlierStart)),
  }
}

/** No process has it: Linux gives numbers below 2 to the power of 22. */
const NO_PROCESS = 4_194_305
const EARLIER_BOOT = '00000000-0000-4000-8000-000000000000'

function ofDeadProcess(change: DiskChange): DiskChange {
  return holder(change, ofNobody)
}

/** Has the locks in a folder held by a process that has ended. */
export function endProcess(folder: string): void {
  for (const name of readdirSync(folder, { recursive: true, encoding: 'utf8' })) {
    if (!basename(name).startsWith('.kpki.lock')) continue
    const path = join(folder, name)
    writeFileSync(path, ofNobody(readFileSync(path, 'utf8')))
  }
}

function ofNobody(lock: string): string {
  return lock.replace(`"pid":${process.pid}`, `"pid":${NO_PROCESS}`)
}

function ofEarlierStart(change: DiskChange): DiskChange {
  return holder(change, (text) => text.replace(/"boot":"[^"]*"/, `"boot":"${EARLIER_BOOT}"`))
}

function holder(change: DiskChange, edit: (text: string) => string): DiskChange {
  if (change.kind !== 'write' || !change.data.includes('"pid":')) return change
  return { ...change, data: Buffer.from(edit(change.data.toString())) }
}
