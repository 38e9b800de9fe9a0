import { rmSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, expect, it } from 'vitest'
import { describeChange } from '../files/recorder.js'
import { fingerprint, layDown, type Snapshot } from './disk-model.js'
import { judgeKeys, judgeNextRun, judgeWhole } from './judge.js'
import { type Recorded, record, workshop } from './record.js'
import { type CrashRun, RUNS } from './runs.js'
import { randomOf, SEED } from './sampling.js'

/** A folder as a run that was cut off can leave it. */
export interface CutState {
  readonly kind: string
  /** After how many changes of the disk. */
  readonly count: number
  readonly state: Snapshot
}

/** States of a recorded run, without end or not; equal ones are dropped. */
export type States = (recorded: Recorded, random: () => number) => Iterable<CutState>

/** One test for each run: each of its states is judged, and mended by the next run. Ends with how many there were. */
export function cutOffAnywhere(title: string, budget: number, states: States): void {
  const shop = workshop()
  const seen = new Map<string, number>()
  let left = budget
  // Whatever is to be open to others has to be opened.
  const umask = process.umask(0o077)
  afterAll(() => {
    process.umask(umask)
    shop.remove()
  })

  RUNS.forEach((run, number) => {
    it(`${run.name}: ${title}, it is completed by the next run and loses no key`, async () => {
      const share = Math.ceil(left / (RUNS.length - number))
      left -= await tryStates(run, share)
    })
  })

  it('counts them', () => {
    const all = [...seen.values()].reduce((sum, count) => sum + count, 0)
    const kinds = [...seen].map(([kind, count]) => `${count} ${kind}`).join(', ')
    process.stdout.write(
      `${title}: ${all} states of ${RUNS.length} runs (${kinds}), seed ${SEED}\n`,
    )
    expect(all).toBeGreaterThan(0)
  })

  async function tryStates(run: CrashRun, share: number): Promise<number> {
    const random = randomOf(SEED)
    const original = join(shop.path, 'recorded')
    const recorded = await record(run, original).finally(() =>
      rmSync(original, { recursive: true, force: true }),
    )
    const known = new Set<string>()
    let again = 0
    for (const cut of states(recorded, random)) {
      if (known.size >= share || (Number.isFinite(share) && again > MAX_REPEATED)) break
      const print = fingerprint(cut.state)
      again = known.has(print) ? again + 1 : 0
      if (again > 0) continue
      known.add(print)
      seen.set(cut.kind, (seen.get(cut.kind) ?? 0) + 1)
      await judge(run, recorded, cut)
    }
    return known.size
  }

  async function judge(run: CrashRun, recorded: Recorded, cut: CutState): Promise<void> {
    const folder = join(shop.path, 'state')
    try {
      judgeWhole(run, recorded, cut.state)
      judgeKeys(run, recorded, cut.state)
      layDown(cut.state, folder)
      await judgeNextRun(run, recorded, cut.state, folder)
    } catch (cause) {
      const change = recorded.killed.changes[cut.count - 1]
      const where =
        change === undefined ? 'nothing' : describeChange(change, join(shop.path, 'recorded'))
      const message = cause instanceof Error ? cause.message : String(cause)
      throw new Error(
        `${run.name}, ${cut.kind} after ${cut.count} changes (${where}), KPKI_CRASH_SEED=${SEED}: ${message}`,
        { cause },
      )
    } finally {
      rmSync(folder, { recursive: true, force: true })
    }
  }
}

/** So many known states in a row, and there are hardly any others: what has no end is left. */
const MAX_REPEATED = 200
