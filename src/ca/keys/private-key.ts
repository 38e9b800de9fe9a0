import { isKpkiError, KpkiError } from '../../errors.js'
import { bytesOfBase64 } from '../../values/bytes.js'
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
  readSmallInteger,
  TAG,
  unsignedOf,
} from '../der/der.js'
import { bitString, explicit, integer, NULL, octetString, oid, sequence } from '../der/write.js'
import type { CryptoEngine } from '../engine.js'
import { encodePem, type PemBlock, parsePem } from '../pem.js'
import { type KeyAlgorithm, keyAlgorithmOf } from './algorithms.js'
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
export interface KeyMaterial {
  readonly label: string
  readonly traditional: Uint8Array
  readonly pkcs8: Uint8Array
  readonly spki?: Uint8Array
  /** Of an EC key. */
  readonly curve?: string
}

const INSPECT = Symbol.for('nodejs.util.inspect.custom')

export function privateKeyOf(secret: KeyMaterial, spki: Uint8Array): PrivateKey {
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
export function rsaSecret(pkcs1: Uint8Array): KeyMaterial {
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
): KeyMaterial {
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
export function pkcs8Secret(der: Uint8Array): KeyMaterial {
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

/**
 * Reads the first private key of PEM text: PKCS#1 or PKCS#8 RSA, SEC1 or PKCS#8 EC on P-256, P-384
 * or P-521. `EC PARAMETERS` and other blocks are skipped. The RSA numbers are checked against each
 * other; an EC key must carry its public point, otherwise use {@link readPrivateKeyWith}, which reads
 * Ed25519 as well.
 *
 * @throws KpkiError `ERR_KEY_INVALID` with the reason: encrypted, of an unsupported type, malformed, or not
 *   there
 */
export function readPrivateKey(pem: string | Uint8Array): PrivateKey {
  return asKeyError('private key', () => {
    const secret = readSecret(pem)
    if (secret.spki) return privateKeyOf(secret, secret.spki)
    const type = secret.label === 'EC PRIVATE KEY' ? 'EC' : 'Ed25519'
    throw keyError(`${type} private key without its public key`, {
      hint: 'write the key anew with `openssl pkey`, which adds the public key to EC keys',
    })
  })
}

/** Like {@link readPrivateKey}, and has `engine` compute a public key that the PEM does not hold, which `peculiarEngine` cannot. */
export async function readPrivateKeyWith(
  engine: CryptoEngine,
  pem: string | Uint8Array,
): Promise<PrivateKey> {
  const { secret, key } = asKeyError('private key', () => {
    const secret = readSecret(pem)
    return { secret, key: secret.spki && privateKeyOf(secret, secret.spki) }
  })
  if (key) return key
  try {
    return await complete(engine, secret)
  } catch (cause) {
    throw keyError('private key: its public key cannot be computed', { cause })
  }
}

function readSecret(pem: string | Uint8Array): KeyMaterial {
  const block = parsePem(pem).find((one) => one.label.endsWith('PRIVATE KEY'))
  if (!block) throw keyError('no private key block in the PEM text')
  if (isEncrypted(block))
    throw keyError('private key is encrypted', {
      hint: 'decrypt it first, for example with `openssl pkey`',
    })
  switch (block.label) {
    case 'RSA PRIVATE KEY':
      return rsaSecret(block.der)
    case 'EC PRIVATE KEY':
      return ecSecret(block.der)
    case 'PRIVATE KEY':
      return pkcs8Secret(block.der)
    default:
      throw keyError(`${JSON.stringify(block.label.slice(0, 40))} blocks are not supported`)
  }
}

function isEncrypted({ label, headers }: PemBlock): boolean {
  const type = headers['Proc-Type']
  return (
    label === 'ENCRYPTED PRIVATE KEY' || (typeof type === 'string' && type.includes('ENCRYPTED'))
  )
}

async function complete(engine: CryptoEngine, secret: KeyMaterial): Promise<PrivateKey> {
  const parameters = { name: secret.curve ? 'ECDSA' : 'Ed25519', namedCurve: secret.curve ?? '' }
  const pkcs8 = Uint8Array.from(secret.pkcs8)
  const key = await engine.subtle.importKey('pkcs8', pkcs8, parameters, true, ['sign'])
  const { x = '', y = '' } = await engine.subtle.exportKey('jwk', key)
  if (!secret.curve) {
    const spki = sequence(sequence(oid(ED25519_OID)), bitString(decodeUrl(x)))
    return privateKeyOf(secret, spki)
  }
  const completed = ecSecret(secret.traditional, undefined, [decodeUrl(x), decodeUrl(y)])
  return privateKeyOf(completed, completed.spki ?? new Uint8Array())
}

function decodeUrl(text: string): Uint8Array {
  const digits = text.replaceAll('-', '+').replaceAll('_', '/')
  const padded = digits.padEnd(Math.ceil(digits.length / 4) * 4, '=')
  return bytesOfBase64(padded) ?? new Uint8Array()
}
