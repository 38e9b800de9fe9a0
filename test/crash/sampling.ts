/** Which power cuts and faults are tried: the same seed gives the same ones. */
export const SEED = Number(process.env.KPKI_CRASH_SEED ?? 20260301)

/** How many of them, where not all can be. */
export function budget(byDefault: number): number {
  return Number(process.env.KPKI_CRASH_STATES ?? byDefault)
}

/** Numbers from 0 to below 1, decided by a seed (mulberry32). */
export function randomOf(seed: number): () => number {
  let state = seed >>> 0
  return () => {
    state = (state + 0x6d2b79f5) >>> 0
    let mixed = Math.imul(state ^ (state >>> 15), state | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296
  }
}

export function shuffled<T>(items: readonly T[], random: () => number): readonly T[] {
  return items
    .map((item) => [random(), item] as const)
    .sort(([a], [b]) => a - b)
    .map(([, item]) => item)
}
