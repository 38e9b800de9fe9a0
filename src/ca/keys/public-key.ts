import type { PublicKeyFacts } from '../certificate/facts.js'
import {
  contextTag,
  type DerCursor,
  derCursor,
  derError,
  enter,
  enterOnly,
  finish,
  peekTag,
  readContent,
  readElement,
  readInteger,
  readOctetBits,
  readOid,
  TAG,
  unsignedOf,
} from '../der/der.js'
import { bitString, integer, NULL, oid, sequence } from '../der/write.js'

export const RSA_OID = '1.2.840.113549.1.1.1'
export const EC_OID = '1.2.840.10045.2.1'
export const ED25519_OID = '1.3.101.112'

interface Curve {
  readonly name: string
  readonly oid: string
  readonly bits: number
  /** Field and coordinate length in octets. */
  readonly octets: number
  /** The field prime and the coefficient b of y² = x³ - 3x + b (FIPS 186-4 §D.1.2). */
  readonly p: bigint
  readonly b: bigint
}

/** The curves whose keys kpki reads, by object identifier. */
export const CURVES: ReadonlyMap<string, Curve> = new Map(
  [
    {
      name: 'P-256',
      oid: '1.2.840.10045.3.1.7',
      bits: 256,
      octets: 32,
      p: 2n ** 256n - 2n ** 224n + 2n ** 192n + 2n ** 96n - 1n,
      b: 0x5ac635d8aa3a93e7b3ebbd55769886bc651d06b0cc53b0f63bce3c3e27d2604bn,
    },
    {
      name: 'P-384',
      oid: '1.3.132.0.34',
      bits: 384,
      octets: 48,
      p: 2n ** 384n - 2n ** 128n - 2n ** 96n + 2n ** 32n - 1n,
      b: 0xb3312fa7e23ee7e4988e056be3f82d19181d9c6efe8141120314088f5013875ac656398d8a2ed19d2a85c8edd3ec2aefn,
    },
    {
      name: 'P-521',
      oid: '1.3.132.0.35',
      bits: 521,
      octets: 66,
      p: 2n ** 521n - 1n,
      b: 0x051953eb9618e1c9a1f929a21a0b68540eea2da725b99b315f3b8b489918ef109e156193951ec7e937b1652c0bd3bb1bf073573df883d2c34f1ef451fd46b503f00n,
    },
  ].map((curve) => [curve.oid, curve]),
)

/**
 * What a DER SubjectPublicKeyInfo says (RFC 5280 §4.1.2.7). RSA numbers and points on P-256, P-384
 * and P-521 are checked as Go does; other algorithms and curves are only named.
 *
 * @throws KpkiError `ERR_DER_INVALID`
 */
export function readPublicKeyInfo(spki: Uint8Array): PublicKeyFacts {
  const { type, parameters, key } = openPublicKeyInfo(spki)
  if (type === RSA_OID) {
    if (parameters.length !== 2 || parameters[0] !== TAG.null)
      throw derError('RSA public key: parameters are not NULL')
    return { type: 'RSA', ...readRsaNumbers(key), spki }
  }
  if (type === EC_OID) return { type: 'EC', ...readCurve(parameters, key), spki }
  if (type === ED25519_OID) {
    if (parameters.length > 0 || key.length !== 32) throw derError('Ed25519 public key: malformed')
    return { type: 'Ed25519', bits: 256, spki }
  }
  return { type, spki }
}

function openPublicKeyInfo(spki: Uint8Array) {
  const body = enterOnly(spki, TAG.sequence, 'public key')
  const algorithm = enter(body, TAG.sequence, 'public key algorithm')
  const type = readOid(algorithm, 'public key algorithm')
  const parameters = algorithm.bytes.subarray(algorithm.at, algorithm.end)
  if (parameters.length > 0) {
    readElement(algorithm, -1, 'public key parameters')
    finish(algorithm, 'public key parameters')
  }
  const key = readOctetBits(body, 'public key bits')
  finish(body, 'public key')
  return { type, parameters, key }
}

/** The content of the subjectPublicKey BIT STRING, which RFC 5280 §4.2.1.2 hashes for key identifiers. */
export function publicKeyBits(spki: Uint8Array): Uint8Array {
  return openPublicKeyInfo(spki).key
}

function readRsaNumbers(pkcs1: Uint8Array) {
  const body = enterOnly(pkcs1, TAG.sequence, 'RSA public key')
  const modulus = positive(body, 'RSA modulus')
  const exponent = positive(body, 'RSA exponent')
  finish(body, 'RSA public key')
  if (exponent.length > 8) throw derError('RSA exponent: too large')
  const top = modulus[0] as number
  return {
    bits: 8 * modulus.length - (Math.clz32(top) - 24),
    modulus: unsignedOf(modulus),
    exponent: unsignedOf(exponent),
  }
}

/** Octets of a positive INTEGER without its sign octet. */
function positive(cursor: DerCursor, what: string): Uint8Array {
  const content = readInteger(cursor, what)
  const first = content[0] as number
  if (first >= 0x80 || (first === 0 && content.length === 1))
    throw derError(`${what}: not positive`)
  return first === 0 ? content.subarray(1) : content
}

function readCurve(parameters: Uint8Array, point: Uint8Array): { bits?: number; curve: string } {
  const cursor = derCursor(parameters)
  if (peekTag(cursor) === TAG.sequence) return { curve: 'explicit' }
  const dotted = readOid(cursor, 'EC public key curve')
  const curve = CURVES.get(dotted)
  if (!curve) return { curve: dotted }
  if (!isOnCurve(curve, point))
    throw derError(`EC public key: not an uncompressed point on ${curve.name}`)
  return { bits: curve.bits, curve: curve.name }
}

function isOnCurve({ p, b, octets }: Curve, point: Uint8Array): boolean {
  if (point.length !== 1 + 2 * octets || point[0] !== 4) return false
  const x = unsignedOf(point.subarray(1, 1 + octets))
  const y = unsignedOf(point.subarray(1 + octets))
  return x < p && y < p && (x * x * x - 3n * x + b - y * y) % p === 0n
}

/** SubjectPublicKeyInfo of an RSA key, from its PKCS#1 RSAPublicKey. */
export function rsaPublicKeyInfo(pkcs1: Uint8Array): Uint8Array {
  return sequence(sequence(oid(RSA_OID), NULL), bitString(pkcs1))
}

/** PKCS#1 RSAPublicKey of unsigned big-endian octets. */
export function rsaPublicKey(modulus: Uint8Array, exponent: Uint8Array): Uint8Array {
  return sequence(integer(modulus), integer(exponent))
}

/** SubjectPublicKeyInfo of an EC key on a named curve, from its uncompressed point. */
export function ecPublicKeyInfo(curveOid: string, point: Uint8Array): Uint8Array {
  return sequence(sequence(oid(EC_OID), oid(curveOid)), bitString(point))
}

/** `[n]` content when the next element has that context tag, else undefined. */
export function readOptional(cursor: DerCursor, n: number, constructed: boolean, what: string) {
  const tag = contextTag(n, constructed)
  return peekTag(cursor) === tag ? readContent(cursor, tag, what) : undefined
}
