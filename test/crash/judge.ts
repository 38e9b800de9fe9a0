import { expect } from 'vitest'
import { readCertificate } from '../../src/ca/certificate/read.js'
import { sameKey } from '../../src/ca/keys/keys.js'
import { readPrivateKey } from '../../src/ca/keys/private-key.js'
import { type Held, type Snapshot, snapshotOf } from './disk-model.js'
import type { CrashRun } from './runs.js'

/** What a run has that is judged: the folder before it and after it. */
export interface Ends {
  readonly before: Snapshot
  readonly after: Snapshot
}

const TEMPORARY = /\.kpki-tmp$|^out\/\.kpki\.lock/

function isPrecious(path: string): boolean {
  return path.startsWith('out/authorities/') && !TEMPORARY.test(path)
}

/** No file is ever half of what it becomes: what was made is seen as it was, or as it is in the end. */
export function judgeWhole(run: CrashRun, { before, after }: Ends, state: Snapshot): void {
  for (const [path, { data }] of state) {
    if (data === undefined || TEMPORARY.test(path)) continue
    if (run.keepsCopiesOf !== undefined && isCopyOf(path, run.keepsCopiesOf)) {
      expect(sameHeld(before.get(run.keepsCopiesOf), data), `${path} is no whole copy`).toBe(true)
      continue
    }
    const whole = [before.get(path), after.get(path)].some((end) => sameHeld(end, data))
    expect(whole, `${path} is neither as it was nor as it becomes`).toBe(true)
  }
}

const SECRET = /PRIVATE KEY|client-key-data: |token: /

/** What must hold of a folder at any moment, whatever comes next: no key is lost, none open to others. */
export function judgeKeys(run: CrashRun, { before, after }: Ends, state: Snapshot): void {
  for (const [path, { data, mode }] of state)
    if (data !== undefined && SECRET.test(data.toString('latin1')) && !before.has(path))
      expect(mode & 0o077, `${path} may be read by others`).toBe(0)
  for (const [path, { data }] of before) {
    if (data === undefined || !isPrecious(path) || run.replaces?.includes(path)) continue
    expect(sameHeld(state.get(path), data), `${path} is lost`).toBe(true)
  }
  for (const [path, { data }] of state) {
    if (data === undefined || !isPrecious(path) || !/\.(crt|pub)$/.test(path)) continue
    const key = path.replace(/\.\w+$/, '.key')
    if (after.has(key)) expect(state.has(key), `${path} is there without its key`).toBe(true)
  }
}

function sameHeld(held: Held | undefined, data: Buffer): boolean {
  return held?.data?.equals(data) === true
}

/** Runs again over what a run that was cut off or failed left in a folder, and looks whether that completes it. */
export async function judgeNextRun(
  run: CrashRun,
  { after }: Ends,
  state: Snapshot,
  folder: string,
): Promise<void> {
  const ran = await (run.next ?? run.run)(folder)
  if (run.makes !== undefined && state.has(run.makes)) {
    expect(ran.exit, ran.err).toBe(2)
    expect(ran.err).toContain('exists already')
  } else expect(ran.exit, ran.err).toBe(0)
  const end = snapshotOf(folder)
  for (const [path, { data }] of state) {
    if (data === undefined || !isPrecious(path) || run.replaces?.includes(path)) continue
    expect(sameHeld(end.get(path), data), `the next run replaced ${path}`).toBe(true)
  }
  for (const path of run.decided ?? [])
    expect(end.get(path)?.data?.toString(), path).toBe(after.get(path)?.data?.toString())
  expect(shape(run, end)).toEqual(shape(run, after))
  for (const [path, { data }] of end) {
    const key = end.get(path.replace(/crt$/, 'key'))?.data
    if (!path.endsWith('.crt') || data === undefined || key === undefined) continue
    const { publicKey } = readCertificate(data)
    expect(sameKey(publicKey.spki, readPrivateKey(key).spki), `${path} and its key`).toBe(true)
  }
  const checked = await run.check?.(folder)
  if (checked) expect(checked.exit, checked.out + checked.err).toBe(0)
}

/** Names and modes of all files and folders. How many copies of a person's file there are is not told. */
function shape({ keepsCopiesOf }: CrashRun, snapshot: Snapshot): readonly string[] {
  const lines = [...snapshot].map(([path, { mode, data }]) => {
    const isCopy = keepsCopiesOf !== undefined && isCopyOf(path, keepsCopiesOf)
    const name = isCopy ? `copy of ${keepsCopiesOf}` : path
    return `${mode.toString(8)} ${name}${data === undefined ? '/' : ''}`
  })
  return [...new Set(lines)].sort()
}

function isCopyOf(path: string, name: string): boolean {
  return path.startsWith(name) && /^\.kpki-\d{8}T\d{6}\.\d{3}Z$/.test(path.slice(name.length))
}
