import type { CertificateFacts, PublicKeyFacts } from '../certificate/facts.js'
import { derError, enterOnly, finish, readInteger, TAG } from '../der/der.js'
import { integer, sequence } from '../der/write.js'
import type { CryptoEngine, EngineKey } from '../engine.js'
import { type SignatureAlgorithm, signatureAlgorithmOf } from './algorithms.js'
import { CURVES, readPublicKeyInfo } from './public-key.js'

/** The Ecdsa-Sig-Value of certificates (RFC 3279 §2.2.3) from r‖s, as WebCrypto signs. */
export function ecdsaToDer(raw: Uint8Array): Uint8Array {
  const half = raw.length / 2
  return sequence(integer(raw.subarray(0, half)), integer(raw.subarray(half)))
}

/**
 * r‖s, each `octets` long, from an Ecdsa-Sig-Value.
 *
 * @throws KpkiError `ERR_DER_INVALID`
 */
export function ecdsaFromDer(der: Uint8Array, octets: number): Uint8Array<ArrayBuffer> {
  const body = enterOnly(der, TAG.sequence, 'ECDSA signature')
  const raw = new Uint8Array(2 * octets)
  for (const end of [octets, 2 * octets]) {
    const content = readInteger(body, 'ECDSA signature')
    const first = content[0] as number
    const digits = first === 0 ? content.subarray(1) : content
    if (first >= 0x80 || digits.length > octets || digits.length === 0)
      throw derError('ECDSA signature: number out of range')
    raw.set(digits, end - digits.length)
  }
  finish(body, 'ECDSA signature')
  return raw
}

/** Verifies signatures and remembers the keys it imported. */
export interface Verifier {
  /**
   * Whether the key `issuerSpki` (DER SubjectPublicKeyInfo) signed `certificate`. False as well for
   * algorithms that are not supported (see {@link signatureAlgorithmOf}), keys of another type and
   * differing inner and outer algorithms. Never rejects for what a certificate says.
   */
  verify(certificate: CertificateFacts, issuerSpki: Uint8Array): Promise<boolean>
}

const MAX_KEYS = 256

/** A {@link Verifier} that keeps at most 256 imported keys, forgetting the one not used for longest. */
export function createVerifier(engine: CryptoEngine): Verifier {
  const keys = new Map<string, Promise<Importable>>()
  const imported = (spki: Uint8Array, algorithm: Supported): Promise<Importable> => {
    const hash = algorithm.scheme === 'Ed25519' ? '' : algorithm.hash
    const id = `${algorithm.scheme} ${hash} ${String.fromCharCode(...spki.subarray(0, 8192))}`
    const known = keys.get(id)
    const key = known ?? importKey(engine, spki, algorithm)
    // Map keeps insertion order, so the first entry is the one not used for longest.
    if (known) keys.delete(id)
    else if (keys.size >= MAX_KEYS)
      for (const oldest of keys.keys()) {
        keys.delete(oldest)
        break
      }
    keys.set(id, key)
    return key
  }
  return {
    async verify(certificate, issuerSpki) {
      const algorithm = signatureAlgorithmOf(certificate)
      if (!algorithm.supported || !certificate.signature.consistent) return false
      const key = await imported(issuerSpki, algorithm)
      return key !== undefined && check(engine, key, algorithm, certificate)
    },
  }
}

/** One signature, without remembering the key: see {@link Verifier.verify}. */
export function verifySignature(
  engine: CryptoEngine,
  certificate: CertificateFacts,
  issuerSpki: Uint8Array,
): Promise<boolean> {
  return createVerifier(engine).verify(certificate, issuerSpki)
}

type Supported = Extract<SignatureAlgorithm, { supported: true }>
type Importable = { readonly key: EngineKey; readonly facts: PublicKeyFacts } | undefined

const KEY_TYPES = { 'RSASSA-PKCS1-v1_5': 'RSA', 'RSA-PSS': 'RSA', ECDSA: 'EC', Ed25519: 'Ed25519' }

async function importKey(
  engine: CryptoEngine,
  spki: Uint8Array,
  algorithm: Supported,
): Promise<Importable> {
  try {
    const facts = readPublicKeyInfo(spki)
    if (facts.type !== KEY_TYPES[algorithm.scheme]) return undefined
    const parameters = importParameters(algorithm, facts)
    const bytes = Uint8Array.from(spki)
    const key = await engine.subtle.importKey('spki', bytes, parameters, false, ['verify'])
    return { key, facts }
  } catch {
    // A key that is malformed, or that this engine cannot use, has signed nothing it can confirm.
    return undefined
  }
}

function importParameters(algorithm: Supported, facts: PublicKeyFacts) {
  if (algorithm.scheme === 'Ed25519') return { name: 'Ed25519' }
  if (algorithm.scheme === 'ECDSA') return { name: 'ECDSA', namedCurve: facts.curve ?? '' }
  return { name: algorithm.scheme, hash: algorithm.hash }
}

async function check(
  engine: CryptoEngine,
  { key, facts }: NonNullable<Importable>,
  algorithm: Supported,
  { signature, tbs }: CertificateFacts,
): Promise<boolean> {
  try {
    if (algorithm.scheme === 'Ed25519')
      return await engine.subtle.verify(
        'Ed25519',
        key,
        Uint8Array.from(signature.value),
        Uint8Array.from(tbs),
      )
    const octets = [...CURVES.values()].find((curve) => curve.name === facts.curve)?.octets
    const value =
      algorithm.scheme === 'ECDSA' && octets !== undefined
        ? ecdsaFromDer(signature.value, octets)
        : Uint8Array.from(signature.value)
    const parameters = {
      name: algorithm.scheme,
      hash: algorithm.hash,
      saltLength: algorithm.saltLength ?? 0,
    }
    return await engine.subtle.verify(parameters, key, value, Uint8Array.from(tbs))
  } catch {
    // A malformed signature value, or one this engine cannot check, is not a good signature.
    return false
  }
}
