/** What a plain scalar is to Go's yaml.v2, the parser behind sigs.k8s.io/yaml. */
export type PlainScalar =
  | { readonly kind: 'text' }
  | { readonly kind: 'null' }
  | { readonly kind: 'timestamp' }
  | { readonly kind: 'boolean'; readonly value: boolean }
  | { readonly kind: 'integer'; readonly value: bigint }
  | { readonly kind: 'float'; readonly value: number }

const TEXT: PlainScalar = { kind: 'text' }

const WORDS: ReadonlyMap<string, PlainScalar> = new Map([
  ...spellings(['y', 'yes', 'true', 'on'], { kind: 'boolean', value: true }),
  ...spellings(['n', 'no', 'false', 'off'], { kind: 'boolean', value: false }),
  ...spellings(['null'], { kind: 'null' }),
  ['', { kind: 'null' }] as const,
  ['~', { kind: 'null' }] as const,
  ...['.nan', '.NaN', '.NAN'].map((w) => [w, { kind: 'float', value: Number.NaN }] as const),
  ...['', '+', '-'].flatMap((sign) =>
    ['.inf', '.Inf', '.INF'].map(
      (w) =>
        [`${sign}${w}`, { kind: 'float', value: sign === '-' ? -Infinity : Infinity }] as const,
    ),
  ),
])

const INTEGER = /^([-+]?)(?:0[xX]([0-9a-fA-F]+)|0[bB]([01]+)|0[oO]?([0-7]+)|(0|[1-9][0-9]*))$/
const FLOAT = /^[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?$/
const FRACTION = /^\.[0-9]+(?:_[0-9]+)*(?:[eE][-+]?[0-9]+(?:_[0-9]+)*)?$/
const TIMESTAMP =
  /^(\d{4})-(\d{1,2})-(\d{1,2})(?:(?:[Tt](\d{1,2}):(\d{1,2}):(\d{1,2})(?:[.,]\d+)?(?:Z|[-+]\d{2}:\d{2}))|(?: +(\d{1,2}):(\d{1,2}):(\d{1,2})(?:[.,]\d+)?))?$/

const INT64_MIN = -(2n ** 63n)
const UINT64_MAX = 2n ** 64n - 1n

/** Reads an unquoted, untagged scalar as yaml.v2 does: YAML 1.1 with decimal, hex, octal and binary integers. */
export function resolvePlain(text: string): PlainScalar {
  const word = WORDS.get(text)
  if (word) return word
  const first = text.charAt(0)
  if (first === '.') return FRACTION.test(text) ? floatOf(text.replaceAll('_', '')) : TEXT
  if (!/[-+0-9]/.test(first)) return TEXT
  if (isTimestamp(text)) return { kind: 'timestamp' }
  const digits = text.replaceAll('_', '')
  const integer = integerOf(digits)
  if (integer !== undefined && integer >= INT64_MIN && integer <= UINT64_MAX) {
    return { kind: 'integer', value: integer }
  }
  return FLOAT.test(digits) ? floatOf(digits) : TEXT
}

function integerOf(digits: string): bigint | undefined {
  const match = INTEGER.exec(digits)
  if (!match) return undefined
  const [, sign, hex, binary, octal, decimal] = match
  const magnitude = BigInt(
    hex ? `0x${hex}` : binary ? `0b${binary}` : octal ? `0o${octal}` : (decimal ?? '0'),
  )
  return sign === '-' ? -magnitude : magnitude
}

function floatOf(digits: string): PlainScalar {
  const value = Number(digits)
  return Number.isFinite(value) ? { kind: 'float', value } : TEXT
}

function isTimestamp(text: string): boolean {
  const match = TIMESTAMP.exec(text)
  if (!match) return false
  const [year, month, day, h1, m1, s1, h2, m2, s2] = match.slice(1).map((part) => Number(part ?? 0))
  if (year === undefined || month === undefined || day === undefined) return false
  const days = [31, year % 4 === 0 && (year % 100 !== 0 || year % 400 === 0) ? 29 : 28, 31]
  const inMonth = month <= 3 ? days[month - 1] : [4, 6, 9, 11].includes(month) ? 30 : 31
  if (inMonth === undefined || month > 12 || day < 1 || day > inMonth) return false
  return within(h1, 24) && within(h2, 24) && [m1, s1, m2, s2].every((part) => within(part, 60))
}

function within(value: number | undefined, limit: number): boolean {
  return (value ?? 0) < limit
}

function spellings(
  words: readonly string[],
  scalar: PlainScalar,
): readonly (readonly [string, PlainScalar])[] {
  return words.flatMap((word) =>
    [word, word.charAt(0).toUpperCase() + word.slice(1), word.toUpperCase()].map(
      (spelling) => [spelling, scalar] as const,
    ),
  )
}
