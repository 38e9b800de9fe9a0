import { type CutState, cutOffAnywhere } from './cut.js'
import type { Fate, Recording, Unsafe } from './disk-model.js'
import { budget, shuffled } from './sampling.js'

type Random = () => number

const PARTS: readonly Fate[] = ['kept', 'half', 'zeros']

cutOffAnywhere('without power', budget(1000), function* ({ powerless }, random) {
  const { changes } = powerless
  const anywhere = () => 1 + Math.floor(random() * changes.length)
  // Where it matters most first: one name of an authority's files, and nothing else, is there or is missing.
  const unsafe = shuffled(powerless.unsafe, random)
  const ofAuthority = ({ time }: Unsafe) => JSON.stringify(changes[time]).includes('/authorities/')
  const alone = [...unsafe.filter(ofAuthority), ...unsafe.filter((one) => !ofAuthority(one))]
  for (let turn = 0; ; turn++) {
    const one = alone[turn % alone.length]
    if (one) yield* byItself(powerless, one, random)
    yield* withoutContent(powerless, anywhere(), random() < 0.5 ? 'lost' : 'zeros')
    yield cut(powerless, 'power cut that loses all', anywhere(), () => 'lost')
    yield cut(powerless, 'power cut that reorders', anywhere(), mixed(random))
  }
})

function* byItself(recording: Recording, { time, from, to }: Unsafe, random: Random) {
  const count = from + Math.floor(random() * (to - from + 1))
  const only = (mine: Fate, others: Fate) => (at: number) => (at === time ? mine : others)
  yield cut(recording, 'power cut that keeps one change', count, only('kept', 'lost'))
  yield cut(recording, 'power cut that loses one change', count, only('lost', 'kept'))
}

function* withoutContent(recording: Recording, count: number, content: Fate) {
  const kind = 'power cut that keeps names without content'
  yield cut(recording, kind, count, (_, what) => (what === 'data' ? content : 'kept'))
}

function mixed(random: Random): Parameters<Recording['cut']>[1] {
  const rate = random()
  return (_, kind) => {
    if (random() > rate) return 'lost'
    return kind === 'data' ? (PARTS[Math.floor(random() * PARTS.length)] ?? 'kept') : 'kept'
  }
}

function cut(
  recording: Recording,
  kind: string,
  count: number,
  fate: Parameters<Recording['cut']>[1],
): CutState {
  return { kind, count, state: recording.cut(count, fate) }
}
