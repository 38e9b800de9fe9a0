import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { formatGoDuration, parseDuration, parseGoDuration } from '../../src/values/time.js'

const HOUR = 3_600_000

describe('durations', () => {
  it.each([
    ['8760h0m0s', 8760 * HOUR],
    ['1h30m', 1.5 * HOUR],
    ['1.5h', 1.5 * HOUR],
    ['100ms', 100],
    ['0', 0],
    ['-1h', -HOUR],
    ['365d', undefined],
    ['4', undefined],
    ['4x', undefined],
    ['', undefined],
    ['h', undefined],
    ['1h ', undefined],
    ['9999999h', undefined],
  ])('Go reads %j', (text, ms) => expect(parseGoDuration(text)).toBe(ms))

  it.each([
    ['365d', 8760 * HOUR],
    ['10y', 87600 * HOUR],
    ['1y1d', 366 * 24 * HOUR],
    ['8760h', 8760 * HOUR],
    ['a year', undefined],
  ])('cluster.yaml reads %j', (text, ms) => expect(parseDuration(text)).toBe(ms))

  it('writes what Go writes and reads it back', () => {
    expect(formatGoDuration(8760 * HOUR)).toBe('8760h0m0s')
    expect(formatGoDuration(240_000)).toBe('4m0s')
    expect(formatGoDuration(1500)).toBe('1.5s')
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 1e12 }), (ms) => {
        expect(parseGoDuration(formatGoDuration(ms))).toBeCloseTo(ms, 3)
      }),
    )
  })
})
