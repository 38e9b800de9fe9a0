import { type CutState, cutOffAnywhere } from './cut.js'
import type { Fate, LostEffect, Recording } from './disk-model.js'
import { budget } from './sampling.js'

/** How a power cut can treat what was not made lasting, from the plain to anything that POSIX allows. */
const CUTS: readonly {
  readonly kind: string
  readonly fate: (
    random: () => number,
    changes: Recording['changes'],
  ) => (effect: LostEffect) => Fate
}[] = [
  { kind: 'power cut that loses all', fate: () => () => 'lost' },
  {
    kind: 'power cut that keeps names without content',
    fate: (random) => {
      const content: Fate = random() < 0.5 ? 'lost' : 'zeros'
      return ({ kind }) => (kind === 'data' ? content : 'kept')
    },
  },
  {
    kind: 'power cut that keeps one change',
    fate: (random, changes) => {
      const time = Math.floor(random() * changes.length)
      return (effect) => (effect.time === time ? 'kept' : 'lost')
    },
  },
  {
    kind: 'power cut that loses one change',
    fate: (random, changes) => {
      const time = Math.floor(random() * changes.length)
      return (effect) => (effect.time === time ? 'lost' : 'kept')
    },
  },
  {
    kind: 'power cut that reorders',
    fate: (random) => {
      const rate = random()
      const parts: readonly Fate[] = ['kept', 'half', 'zeros']
      return ({ kind }) => {
        if (random() > rate) return 'lost'
        return kind === 'data' ? (parts[Math.floor(random() * parts.length)] ?? 'kept') : 'kept'
      }
    },
  },
]

cutOffAnywhere('without power', budget(1500), function* ({ powerless }, random) {
  for (;;)
    for (const { kind, fate } of CUTS) {
      const count = 1 + Math.floor(random() * powerless.changes.length)
      const recent = powerless.changes.slice(0, count)
      const state = powerless.cut(count, fate(random, recent))
      yield { kind, count, found: 'see the seed', state } satisfies CutState
    }
})
