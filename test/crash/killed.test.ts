import { type CutState, cutOffAnywhere } from './cut.js'
import type { Fate } from './disk-model.js'
import { budget, shuffled } from './sampling.js'

const CUT: readonly Fate[] = ['half', 'short']

cutOffAnywhere('killed anywhere', budget(1200), function* ({ killed }, random) {
  const counts = shuffled([...killed.changes.keys(), killed.changes.length], random)
  for (const count of counts) {
    const state = killed.after(count)
    yield { kind: 'killed between two changes', count, found: 'all of them done', state }
    for (const fate of CUT) {
      const half = killed.halfWritten(count, fate)
      if (half) yield halfWritten(count, fate, half)
    }
  }
})

function halfWritten(count: number, fate: Fate, state: CutState['state']): CutState {
  return { kind: 'killed within a write', count, found: `the last one ${fate}`, state }
}
