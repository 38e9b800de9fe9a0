import * as v from 'valibot'
import { describe, expect, expectTypeOf, it } from 'vitest'
import { auditTree } from '../../../src/audit/audit.js'
import { FORMAT_IDS, FORMATS, renderJson } from '../../../src/audit/report/formats.js'
import { isReport, ReportSchema } from '../../../src/audit/report/schema.js'
import { RULES } from '../../../src/audit/rules/index.js'
import type { AuditReport } from '../../../src/audit/types.js'
import { generate } from '../../../src/generate/generate.js'
import { envAt, later, small } from '../../certs/clusters.js'
import { expectContent } from './content.js'
import { badReport, hostileReport, sampleReport } from './sample.js'

describe('the JSON report', () => {
  it.each([
    ['a clean report', sampleReport()],
    ['a bad one', badReport()],
    ['a hostile one', hostileReport()],
  ])('%s reads back equal and fits its schema', (_, report) => {
    const back: unknown = JSON.parse(renderJson(report))
    expect(back).toEqual(report)
    expect(v.safeParse(ReportSchema, back).issues).toBeUndefined()
    expect(isReport(back)).toBe(true)
  })

  it.each(['separate', 'single', 'hierarchy'])('a real one fits too: %s', async (topology) => {
    const generated = await generate(small({ topology }), { env: envAt() })
    for (const days of [10, 350, 4000]) {
      const report = await auditTree(generated, { at: later(days), profile: 'strict' })
      const back: unknown = JSON.parse(renderJson(report))
      expect(back).toEqual(report)
      expect(v.safeParse(ReportSchema, back).issues).toBeUndefined()
      for (const format of FORMAT_IDS)
        expectContent(format, await FORMATS[format].render(report, { rules: RULES }), report)
    }
  })

  it('refuses what is no report', () => {
    expect(isReport({ ...sampleReport(), surplus: 1 })).toBe(false)
    expect(isReport({ ...sampleReport(), at: 'yesterday' })).toBe(false)
    expect(isReport(null)).toBe(false)
  })

  it('has a schema that says what the type says', () => {
    // Optional properties are compared by name: the schema's may also be undefined.
    type Plain<T> = T extends readonly (infer E)[]
      ? Plain<E>[]
      : T extends object
        ? { -readonly [K in keyof T]-?: Plain<Exclude<T[K], undefined>> }
        : T
    type Output = v.InferOutput<typeof ReportSchema>
    expectTypeOf<Plain<AuditReport>>().toEqualTypeOf<Plain<Output>>()
  })
})
