/** One way to do the same job. */
export interface Contender {
  readonly name: string
  /** Does the job once. */
  readonly run: () => unknown
}

/**
 * Runs the contenders in turn, round after round, so that a machine that slows down slows all of them,
 * and prints medians per operation and their ratio to the first.
 */
export async function compareTimes(
  title: string,
  contenders: readonly Contender[],
  options: { readonly rounds?: number; readonly operations?: number } = {},
): Promise<void> {
  const { rounds = 7, operations = 1 } = options
  const times = contenders.map((): number[] => [])
  for (let round = -1; round < rounds; round++) {
    for (const [index, { run }] of contenders.entries()) {
      const start = performance.now()
      for (let operation = 0; operation < operations; operation++) await run()
      // The first round warms up.
      if (round >= 0) times[index]?.push((performance.now() - start) / operations)
    }
  }
  const medians = times.map(median)
  const base = medians[0] ?? 1
  console.log(`${title} (median of ${rounds} rounds, ${operations} a round)`)
  for (const [index, { name }] of contenders.entries()) {
    const value = medians[index] ?? 0
    console.log(
      `  ${name.padEnd(44)}${value.toFixed(3).padStart(11)} ms ${(value / base).toFixed(1).padStart(8)}×`,
    )
  }
}

function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b)
  return sorted[Math.floor(sorted.length / 2)] ?? 0
}
