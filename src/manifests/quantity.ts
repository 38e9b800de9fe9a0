const SUFFIXES = ['n', 'u', 'm', '', 'k', 'M', 'G', 'T', 'P', 'E']
const BINARY_SUFFIXES = ['', 'Ki', 'Mi', 'Gi', 'Ti', 'Pi', 'Ei']
const NANO = 1_000_000_000n

/** A Kubernetes quantity in its canonical form: `0.5` is `500m`, `1024Mi` is `1Gi`. Other text stays as it is. */
export function canonicalQuantity(text: string): string {
  const match = /^([+-]?)(\d*)(?:\.(\d{0,9}))?([numkMGTPE]|[KMGTPE]i)?$/.exec(text.trim())
  const [, sign = '', whole = '', fraction = '', suffix = ''] = match ?? []
  if (match === null || whole + fraction === '') return text
  const nanos = BigInt(`${whole || '0'}${fraction.padEnd(9, '0')}`)
  const power = BINARY_SUFFIXES.indexOf(suffix)
  const magnitude =
    suffix !== '' && power > 0
      ? binary(nanos * 1024n ** BigInt(power))
      : decimal(scaled(nanos, SUFFIXES.indexOf(suffix)))
  return `${sign === '-' && magnitude !== '0' ? '-' : ''}${magnitude}`
}

// Smaller than a billionth is rounded up.
function scaled(nanos: bigint, suffix: number): bigint {
  if (suffix >= 3) return nanos * 1000n ** BigInt(suffix - 3)
  const divisor = 1000n ** BigInt(3 - suffix)
  return (nanos + divisor - 1n) / divisor
}

function decimal(nanos: bigint): string {
  if (nanos === 0n) return '0'
  let value = nanos
  let suffix = 0
  while (value % 1000n === 0n && suffix < SUFFIXES.length - 1) {
    value /= 1000n
    suffix += 1
  }
  return `${value}${SUFFIXES[suffix]}`
}

function binary(nanos: bigint): string {
  if (nanos < 1024n * NANO) return decimal(nanos)
  let value = (nanos + NANO - 1n) / NANO
  let suffix = 0
  while (value % 1024n === 0n && suffix < BINARY_SUFFIXES.length - 1) {
    value /= 1024n
    suffix += 1
  }
  return `${value}${BINARY_SUFFIXES[suffix]}`
}
