import { expect, test } from 'vitest'
import { NOT_DECIDABLE } from '../../../src/audit/rules/docs.js'
import { RULES } from '../../../src/audit/rules/index.js'

test('what is not decidable has no row', () => {
  const codes = new Set(RULES.map(({ code }) => code))
  expect(NOT_DECIDABLE.filter(([code]) => codes.has(code))).toEqual([])
})

test('with those, the whole catalogue is accounted for', () => {
  const sizes = {
    P: 23,
    K: 16,
    C: 17,
    E: 30,
    S: 21,
    N: 7,
    V: 14,
    I: 21,
    T: 16,
    A: 19,
    F: 24,
    O: 11,
    M: 18,
    R: 10,
  }
  const known = new Set([...RULES.map(({ code }) => code), ...NOT_DECIDABLE.map(([code]) => code)])
  const missing = Object.entries(sizes).flatMap(([group, size]) =>
    Array.from({ length: size }, (_, i) => `${group}${String(i + 1).padStart(2, '0')}`).filter(
      (code) => !known.has(code),
    ),
  )
  expect(missing).toEqual([])
})
