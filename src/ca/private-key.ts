import { isKpkiError, KpkiError } from '../errors.js'
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
  readSmallInteger,
  TAG,
  unsignedOf,
} from './der.js'
import { bitString, explicit, integer, NULL, octetString, oid, sequence } from './der-write.js'
import { type KeyAlgorithm, keyAlgorithmOf } from './key-algorithms.js'
import { encodePem } from './pem.js'
import {
  CURVES,
  EC_OID,
  ED25519_OID,
  ecPublicKeyInfo,
  RSA_OID,
  readPublicKeyInfo,
  rsaPublicKey,
  rsaPublicKeyInfo,
} from './public-key.js'
import type { PublicKeyFacts } from './types.js'

/** A private key that gives its secret only to `pem()` and `pkcs8()`: printing or serialising it does not. */
export interface PrivateKey {
  /** DER SubjectPublicKeyInfo of its public half. */
  readonly spki: Uint8Array
  readonly facts: PublicKeyFacts
  /** Undefined for a kind of key that kpki reads but does not generate. */
  readonly algorithm?: KeyAlgorithm
  /** PEM as Go writes it: PKCS#1 `RSA PRIVATE KEY`, SEC1 `EC PRIVATE KEY`, or PKCS#8 `PRIVATE KEY` for Ed25519. Secret. */
  pem(): string
  /** DER PrivateKeyInfo (RFC 5208). Secret. */
  pkcs8(): Uint8Array
  /** A description without any secret. */
  toJSON(): string
}

/** The parts of a key before its public half is known. */
export interface Secret {
  readonly label: string
  readonly traditional: Uint8Array
  readonly pkcs8: Uint8Array
  readonly spki?: Uint8Array
  /** Of an EC key. */
  readonly curve?: string
}

const INSPECT = Symbol.for('nodejs.util.inspect.custom')

export function privateKeyOf(secret: Secret, spki: Uint8Array): PrivateKey {
  const facts = readPublicKeyInfo(spki)
  const algorithm = keyAlgorithmOf(facts)
  const kind = algorithm ?? [facts.type, facts.curve ?? facts.bits].filter(Boolean).join(' ')
  const describe = () => `[private key, ${kind}]`
  const key: PrivateKey = {
    spki,
    facts,
    ...(algorithm && { algorithm }),
    pem: () => encodePem(secret.label, secret.traditional),
    pkcs8: () => secret.pkcs8.slice(),
    toJSON: describe,
  }
  for (const name of ['toString', INSPECT]) Object.defineProperty(key, name, { value: describe })
  return Object.freeze(key)
}

/** An `ERR_KEY_INVALID` error. */
export function keyError(
  message: string,
  options: { readonly hint?: string; readonly cause?: unknown } = {},
): KpkiError<'ERR_KEY_INVALID'> {
  return new KpkiError('ERR_KEY_INVALID', message, {}, options)
}

/** Turns errors of the DER reader into `ERR_KEY_INVALID`; their messages never quote content. */
export function asKeyError<T>(what: string, read: () => T): T {
  try {
    return read()
  } catch (cause) {
    if (isKpkiError(cause) && cause.code === 'ERR_KEY_INVALID') throw cause
    const reason = cause instanceof KpkiError ? cause.message : 'malformed'
    throw keyError(`${what}: ${reason}`, { cause })
  }
}

/** PKCS#1 RSAPrivateKey (RFC 8017 §A.1.2), checked for consistency. */
export function rsaSecret(pkcs1: Uint8Array): Secret {
  const body = enterOnly(pkcs1, TAG.sequence, 'RSA private key')
  if (readSmallInteger(body, 'RSA version') !== 0)
    throw keyError('RSA private key: more than two primes')
  const [n, e, d, p, q, dp, dq, qinv] = Array.from({ length: 8 }, () => positive(body)) as Eight
  finish(body, 'RSA private key')
  const [p1, q1] = [p.value - 1n, q.value - 1n]
  const consistent =
    p1 > 0n &&
    q1 > 0n &&
    n.value === p.value * q.value &&
    (e.value * d.value) % p1 === 1n &&
    (e.value * d.value) % q1 === 1n &&
    d.value % p1 === dp.value &&
    d.value % q1 === dq.value &&
    (q.value * qinv.value) % p.value === 1n
  if (!consistent) throw keyError('RSA private key: its numbers contradict each other')
  return {
    label: 'RSA PRIVATE KEY',
    traditional: pkcs1,
    pkcs8: sequence(integer(0), sequence(oid(RSA_OID), NULL), octetString(pkcs1)),
    spki: rsaPublicKeyInfo(rsaPublicKey(n.octets, e.octets)),
  }
}

type Positive = { readonly octets: Uint8Array; readonly value: bigint }
type Eight = [Positive, Positive, Positive, Positive, Positive, Positive, Positive, Positive]

function positive(body: DerCursor): Positive {
  const octets = readInteger(body, 'RSA private key')
  const value = unsignedOf(octets)
  if ((octets[0] as number) >= 0x80 || value === 0n)
    throw derError('RSA private key: a number is not positive')
  return { octets, value }
}

/** SEC1 ECPrivateKey (RFC 5915); `wrapped` is the curve that a PKCS#8 wrapper names, `computed` the public point if it is not in the key. */
export function ecSecret(
  sec1: Uint8Array,
  wrapped?: string,
  computed?: readonly [x: Uint8Array, y: Uint8Array],
): Secret {
  const body = enterOnly(sec1, TAG.sequence, 'EC private key')
  if (readSmallInteger(body, 'EC version') !== 1) throw keyError('EC private key: unknown version')
  const digits = readContent(body, TAG.octetString, 'EC private key')
  const named = inside(body, 0, (part) => {
    if (peekTag(part) === TAG.sequence)
      throw keyError('EC private key: spelled-out curve parameters are not supported')
    return readOid(part, 'EC curve')
  })
  const present = inside(body, 1, (part) => readOctetBits(part, 'EC public point'))
  const given = present ?? (computed && Uint8Array.of(4, ...computed[0], ...computed[1]))
  finish(body, 'EC private key')
  if (wrapped && named && wrapped !== named) throw keyError('EC private key: names two curves')
  const dotted = wrapped ?? named
  if (!dotted) throw keyError('EC private key: names no curve')
  const curve = CURVES.get(dotted)
  if (!curve) throw keyError(`EC private key: curve ${dotted} is not supported`)
  const scalar = padScalar(digits, curve.octets)
  const point = given ? [explicit(1, bitString(given))] : []
  const inner = sequence(integer(1), octetString(scalar), ...point)
  return {
    label: 'EC PRIVATE KEY',
    traditional: sequence(integer(1), octetString(scalar), explicit(0, oid(dotted)), ...point),
    pkcs8: sequence(integer(0), sequence(oid(EC_OID), oid(dotted)), octetString(inner)),
    curve: curve.name,
    ...(given && { spki: ecPublicKeyInfo(dotted, given) }),
  }
}

function inside<T>(body: DerCursor, n: number, read: (part: DerCursor) => T): T | undefined {
  if (peekTag(body) !== contextTag(n, true)) return undefined
  const part = enter(body, -1, 'EC private key')
  const value = read(part)
  finish(part, 'EC private key')
  return value
}

function padScalar(digits: Uint8Array, octets: number): Uint8Array {
  let start = 0
  while (start < digits.length && digits[start] === 0) start++
  if (start === digits.length) throw keyError('EC private key: is zero')
  if (digits.length - start > octets) throw keyError('EC private key: too long for its curve')
  const scalar = new Uint8Array(octets)
  scalar.set(digits.subarray(start), octets - (digits.length - start))
  return scalar
}

/** PKCS#8 PrivateKeyInfo (RFC 5208) or OneAsymmetricKey (RFC 5958). */
export function pkcs8Secret(der: Uint8Array): Secret {
  const body = enterOnly(der, TAG.sequence, 'PKCS#8 key')
  if (readSmallInteger(body, 'PKCS#8 version') > 1) throw keyError('PKCS#8 key: unknown version')
  const algorithm = enter(body, TAG.sequence, 'PKCS#8 algorithm')
  const type = readOid(algorithm, 'PKCS#8 algorithm')
  const inner = readContent(body, TAG.octetString, 'PKCS#8 key')
  // Attributes and a public key may follow; neither is used.
  while (body.at < body.end) readElement(body, -1, 'PKCS#8 key')
  if (type === RSA_OID) return rsaSecret(inner)
  if (type === EC_OID) return ecSecret(inner, readOid(algorithm, 'PKCS#8 curve'))
  if (type !== ED25519_OID) throw keyError(`private key of type ${type} is not supported`)
  const seed = derCursor(inner)
  if (readContent(seed, TAG.octetString, 'Ed25519 key').length !== 32)
    throw keyError('Ed25519 private key: malformed')
  finish(seed, 'Ed25519 key')
  const plain = sequence(integer(0), sequence(oid(ED25519_OID)), octetString(inner))
  return { label: 'PRIVATE KEY', traditional: plain, pkcs8: plain }
}
