/**
 * Which RSA moduli share a prime with another one, with that factor (batch GCD on a product tree:
 * for each modulus the product of all others is taken modulo it). Quasi-linear in theory; BigInt
 * division makes it about 1 ms a modulus for a few hundred, 2 ms for a few thousand.
 */
export function sharedFactors(all: readonly bigint[]): ReadonlyMap<bigint, bigint> {
  const moduli = [...new Set(all)]
  const found = new Map<bigint, bigint>()
  if (moduli.length < 2) return found
  const rests = productsOfOthers(moduli)
  moduli.forEach((modulus, i) => {
    const factor = gcd(rests[i] ?? 1n, modulus)
    if (factor !== 1n) found.set(modulus, factor)
  })
  return found
}

function productsOfOthers(moduli: readonly bigint[]): readonly bigint[] {
  const levels = productTree(moduli)
  let rests: readonly bigint[] = [1n]
  for (let depth = levels.length - 2; depth >= 0; depth--) {
    const level = levels[depth] ?? []
    const above = rests
    rests = level.map((value, i) => {
      const rest = (above[i >> 1] ?? 1n) % value
      const sibling = level[i ^ 1]
      return sibling === undefined ? rest : (rest * (sibling % value)) % value
    })
  }
  return rests
}

function productTree(leaves: readonly bigint[]): readonly (readonly bigint[])[] {
  const levels: (readonly bigint[])[] = [leaves]
  for (let level = leaves; level.length > 1; ) {
    const next: bigint[] = []
    for (let i = 0; i < level.length; i += 2) next.push((level[i] ?? 1n) * (level[i + 1] ?? 1n))
    levels.push(next)
    level = next
  }
  return levels
}

function gcd(a: bigint, b: bigint): bigint {
  let [x, y] = [a, b]
  while (y !== 0n) [x, y] = [y, x % y]
  return x
}

/** As far as zlint looks. */
const LARGEST_SMALL = 751

// Products of primes that stay exact in a Number, so that one BigInt remainder serves several primes.
const SMALL_PRIMES: readonly { readonly product: number; readonly primes: readonly number[] }[] =
  groupsOf(primesTo(LARGEST_SMALL))

function primesTo(last: number): readonly number[] {
  const primes: number[] = []
  for (let n = 2; n <= last; n++) if (primes.every((prime) => n % prime !== 0)) primes.push(n)
  return primes
}

function groupsOf(primes: readonly number[]) {
  const groups: { product: number; primes: number[] }[] = []
  for (const prime of primes) {
    const last = groups.at(-1)
    if (last && last.product * prime <= Number.MAX_SAFE_INTEGER) {
      last.product *= prime
      last.primes.push(prime)
    } else groups.push({ product: prime, primes: [prime] })
  }
  return groups
}

/** A prime up to 751 that divides the modulus. */
export function smallFactor(modulus: bigint): number | undefined {
  for (const { product, primes } of SMALL_PRIMES) {
    const rest = Number(modulus % BigInt(product))
    const found = primes.find((prime) => rest % prime === 0)
    if (found !== undefined) return found
  }
  return undefined
}

const FERMAT_ROUNDS = 16

/** Whether the modulus is a product of two primes so close that Fermat’s method finds them at once. */
export function hasClosePrimes(modulus: bigint): boolean {
  let a = squareRoot(modulus)
  if (a * a === modulus) return true
  a += 1n
  let difference = a * a - modulus
  for (let round = 0; round < FERMAT_ROUNDS; round++) {
    if (isSquare(difference)) return true
    difference += 2n * a + 1n
    a += 1n
  }
  return false
}

// Squares end in 0, 1, 4, 9, 16, 17, 25, 33, 36, 41, 49 or 57 modulo 64.
const SQUARES = new Set(Array.from({ length: 64 }, (_, n) => (n * n) % 64))

function isSquare(n: bigint): boolean {
  if (!SQUARES.has(Number(BigInt.asUintN(6, n)))) return false
  const root = squareRoot(n)
  return root * root === n
}

/** Rounded down, with twice the digits in each step (the way of Python’s math.isqrt). */
function squareRoot(n: bigint): bigint {
  if (n < 4n) return n < 1n ? 0n : 1n
  const half = (bitLength(n) - 1) >> 1
  let root = 1n
  let digits = 0
  for (let shift = 31 - Math.clz32(half); shift >= 0; shift--) {
    const before = digits
    digits = half >> shift
    const high = n >> BigInt(2 * half - before - digits + 1)
    root = (root << BigInt(digits - before - 1)) + high / root
  }
  return root * root > n ? root - 1n : root
}

function bitLength(n: bigint): number {
  const hex = n.toString(16)
  return hex.length * 4 - Math.clz32(Number.parseInt(hex.charAt(0), 16)) + 28
}
