import { describe, expect, it } from 'vitest'
import { answered, fuzz, seedsOf } from './fuzz.js'
import { secretsOf } from './secrets.js'
import { TARGETS } from './targets.js'

/** A minute of CI in all; `npm run fuzz` goes on from there. */
const RUNS = Number(process.env.KPKI_FUZZ_RUNS ?? 15_000)
const SEED = Number(process.env.KPKI_FUZZ_SEED ?? 20_260_301)
const SHARES = TARGETS.reduce((sum, { share }) => sum + share, 0)

describe.each(TARGETS)('$name', (target) => {
  it('answers what once broke it as promised', async () => {
    const seeds = seedsOf(target)
    const secrets = secretsOf(seeds)
    expect(seeds.length).toBeGreaterThan(0)
    for (const input of seeds) await answered(target, input, secrets)
  })

  it('answers whatever it is given', async () => {
    const runs = Math.ceil((RUNS * target.share) / SHARES)
    const { findings } = await fuzz(target, { runs, seed: SEED })
    expect(
      findings.map(({ message, input }) => `${message}\n${Buffer.from(input).toString('base64')}`),
    ).toEqual([])
  })
})
