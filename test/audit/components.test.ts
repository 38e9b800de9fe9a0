import { describe, expect, it } from 'vitest'
import { ACTED_OUT } from './acted-out.js'
import { audit, down, generated, mutated, surprises } from './support.js'

describe('broken control planes that were acted out on real programs', () => {
  for (const [name, { options, mutate, ...outcome }] of Object.entries(ACTED_OUT))
    it(name, async () => {
      const report = await audit(await mutated(await generated(options), mutate))
      expect(down(report)).toEqual(outcome.down)
      const found = surprises(report)
      for (const id of outcome.surprises ?? []) expect(found).toContain(id)
      if (outcome.surprises?.length === 0) expect(found).toEqual([])
      // A component that is down is an error, and so is a connection, except where nobody misses it.
      const isQuiet = found.every((id) => id.startsWith('etcd-gateway/'))
      expect(report.verdict.errors > 0).toBe(!isQuiet || outcome.down.length > 0)
    })
})
