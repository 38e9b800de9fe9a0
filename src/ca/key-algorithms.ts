import { NULL, oid, sequence } from './der-write.js'
import type { HashName } from './signature-algorithms.js'
import type { PublicKeyFacts } from './types.js'

export type KeyAlgorithm = 'RSA-2048' | 'RSA-3072' | 'RSA-4096' | 'ECDSA-P256' | 'ECDSA-P384'

/** One kind of key that kpki generates. */
export interface KeyAlgorithmRow {
  /** As in {@link PublicKeyFacts}. */
  readonly type: 'RSA' | 'EC'
  /** RSA modulus length or EC field size in bits. */
  readonly bits: number
  readonly curve?: string
  /** PEM label of the private key. */
  readonly pemLabel: 'RSA PRIVATE KEY' | 'EC PRIVATE KEY'
  /** What a key of this kind signs certificates with. */
  readonly signatureHash: HashName
}

/** The keys that kpki generates, under kubeadm's names (`encryptionAlgorithm`, kubeadm v1beta4). */
export const KEY_ALGORITHMS: { readonly [A in KeyAlgorithm]: KeyAlgorithmRow } = {
  'RSA-2048': rsa(2048),
  'RSA-3072': rsa(3072),
  'RSA-4096': rsa(4096),
  'ECDSA-P256': ec(256, 'SHA-256'),
  'ECDSA-P384': ec(384, 'SHA-384'),
}

function rsa(bits: number): KeyAlgorithmRow {
  return { type: 'RSA', bits, pemLabel: 'RSA PRIVATE KEY', signatureHash: 'SHA-256' }
}

function ec(bits: number, signatureHash: HashName): KeyAlgorithmRow {
  return { type: 'EC', bits, curve: `P-${bits}`, pemLabel: 'EC PRIVATE KEY', signatureHash }
}

/** The algorithm that a key is of; undefined for one that kpki does not generate. */
export function keyAlgorithmOf(facts: PublicKeyFacts): KeyAlgorithm | undefined {
  for (const [name, row] of Object.entries(KEY_ALGORITHMS))
    if (
      row.type === facts.type &&
      row.bits === facts.bits &&
      (row.type === 'RSA' || row.curve === facts.curve)
    )
      return name as KeyAlgorithm
  return undefined
}

interface SigningScheme {
  readonly scheme: 'RSASSA-PKCS1-v1_5' | 'ECDSA'
  readonly hash: HashName
  /** DER AlgorithmIdentifier of the signatures. */
  readonly signatureAlgorithm: Uint8Array
}

const RSA_SCHEME: SigningScheme = {
  scheme: 'RSASSA-PKCS1-v1_5',
  hash: 'SHA-256',
  signatureAlgorithm: sequence(oid('1.2.840.113549.1.1.11'), NULL),
}

const EC_SCHEMES: ReadonlyMap<string | undefined, SigningScheme> = new Map([
  ['P-256', ecdsa('SHA-256', '1.2.840.10045.4.3.2')],
  ['P-384', ecdsa('SHA-384', '1.2.840.10045.4.3.3')],
  ['P-521', ecdsa('SHA-512', '1.2.840.10045.4.3.4')],
])

function ecdsa(hash: HashName, dotted: string): SigningScheme {
  return { scheme: 'ECDSA', hash, signatureAlgorithm: sequence(oid(dotted)) }
}

/** How keys of this kind sign, by Go's defaults; undefined when kpki cannot sign with them. */
export function signingSchemeOf(facts: PublicKeyFacts): SigningScheme | undefined {
  if (facts.type === 'RSA') return RSA_SCHEME
  return facts.type === 'EC' ? EC_SCHEMES.get(facts.curve) : undefined
}
