import { cutOffAnywhere } from './cut.js'
import { budget, shuffled } from './sampling.js'

cutOffAnywhere('killed anywhere', budget(1200), function* ({ killed }, random) {
  for (const count of shuffled([...killed.changes.keys(), killed.changes.length], random)) {
    yield { kind: 'killed between two changes', count, state: killed.after(count) }
    for (const part of ['half', 'short'] as const) {
      const state = killed.halfWritten(count, part)
      if (state) yield { kind: 'killed within a write', count, state }
    }
  }
})
