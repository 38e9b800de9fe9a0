import { generatePrimeSync } from 'node:crypto'
import { expect, test } from 'vitest'
import { hasClosePrimes, sharedFactors, smallFactor } from '../../../src/audit/rules/keys.js'

const prime = () => generatePrimeSync(256, { bigint: true })
const [a, b, c, d, e] = [prime(), prime(), prime(), prime(), prime()] as [
  bigint,
  bigint,
  bigint,
  bigint,
  bigint,
]

test('moduli that share a prime are found, in lists of any length', () => {
  for (const others of [0, 1, 2, 5]) {
    const rest = Array.from({ length: others }, () => prime() * prime())
    const shared = sharedFactors([a * b, ...rest, a * c])
    expect([...shared]).toEqual([
      [a * b, a],
      [a * c, a],
    ])
  }
  expect(sharedFactors([a * b, c * d, a * b]).size).toBe(0)
  expect(sharedFactors([]).size).toBe(0)
})

test('small factors up to 751', () => {
  expect(smallFactor(a * 751n)).toBe(751)
  expect(smallFactor(a * 3n)).toBe(3)
  expect(smallFactor(a * b)).toBeUndefined()
})

test('close primes', () => {
  let near = a + 2n
  while (near % 3n === 0n) near += 2n
  expect(hasClosePrimes(a * near)).toBe(true)
  expect(hasClosePrimes(a * a)).toBe(true)
  expect(hasClosePrimes(d * e)).toBe(false)
})
