import type { CertificateFacts, PublicKeyFacts } from '../certificate/facts.js'
import {
  contextTag,
  type derCursor,
  enter,
  enterOnly,
  finish,
  peekTag,
  readOid,
  readSmallInteger,
  TAG,
} from '../der/der.js'
import { NULL, oid, sequence } from '../der/write.js'

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

/**
 * The keys that kpki generates, under kubeadm's names (`encryptionAlgorithm`, kubeadm v1beta4): the one place to
 * add one.
 */
export const KEY_ALGORITHMS = {
  'RSA-2048': rsa(2048),
  'RSA-3072': rsa(3072),
  'RSA-4096': rsa(4096),
  'ECDSA-P256': ec(256, 'SHA-256'),
  'ECDSA-P384': ec(384, 'SHA-384'),
} as const satisfies Readonly<Record<string, KeyAlgorithmRow>>

/** Name of a kind of key, as in `spec.pki.keyAlgorithm` and kubeadm’s `encryptionAlgorithm`. */
export type KeyAlgorithm = keyof typeof KEY_ALGORITHMS

function rsa(bits: number): KeyAlgorithmRow {
  return { type: 'RSA', bits, pemLabel: 'RSA PRIVATE KEY', signatureHash: 'SHA-256' }
}

function ec(bits: number, signatureHash: HashName): KeyAlgorithmRow {
  return { type: 'EC', bits, curve: `P-${bits}`, pemLabel: 'EC PRIVATE KEY', signatureHash }
}

/** The algorithm that a key is of; undefined for one that kpki does not generate. */
export function keyAlgorithmOf(facts: PublicKeyFacts): KeyAlgorithm | undefined {
  for (const [name, row] of Object.entries<KeyAlgorithmRow>(KEY_ALGORITHMS))
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

export type HashName = 'SHA-256' | 'SHA-384' | 'SHA-512'

type Scheme = 'RSASSA-PKCS1-v1_5' | 'RSA-PSS' | 'ECDSA' | 'Ed25519'

/** How a certificate is signed, or why kpki does not verify such a signature. */
export type SignatureAlgorithm =
  | { readonly name: string; readonly supported: true; readonly scheme: 'Ed25519' }
  | {
      readonly name: string
      readonly supported: true
      readonly scheme: Exclude<Scheme, 'Ed25519'>
      readonly hash: HashName
      /** Salt length in octets, for RSA-PSS. */
      readonly saltLength?: number
    }
  | {
      readonly name: string
      readonly supported: false
      /** `weak-hash`: MD2, MD5, SHA-1 or DSA, which Go refuses; `unknown`: an algorithm or parameters not known here. */
      readonly reason: 'weak-hash' | 'unknown'
    }

interface SignatureRow {
  readonly oid: string
  readonly name: string
  readonly scheme?: Scheme
  readonly hash?: HashName
}

const ROWS: readonly SignatureRow[] = [
  {
    oid: '1.2.840.113549.1.1.11',
    name: 'sha256WithRSAEncryption',
    scheme: 'RSASSA-PKCS1-v1_5',
    hash: 'SHA-256',
  },
  {
    oid: '1.2.840.113549.1.1.12',
    name: 'sha384WithRSAEncryption',
    scheme: 'RSASSA-PKCS1-v1_5',
    hash: 'SHA-384',
  },
  {
    oid: '1.2.840.113549.1.1.13',
    name: 'sha512WithRSAEncryption',
    scheme: 'RSASSA-PKCS1-v1_5',
    hash: 'SHA-512',
  },
  { oid: '1.2.840.113549.1.1.10', name: 'rsassaPss', scheme: 'RSA-PSS' },
  { oid: '1.2.840.10045.4.3.2', name: 'ecdsa-with-SHA256', scheme: 'ECDSA', hash: 'SHA-256' },
  { oid: '1.2.840.10045.4.3.3', name: 'ecdsa-with-SHA384', scheme: 'ECDSA', hash: 'SHA-384' },
  { oid: '1.2.840.10045.4.3.4', name: 'ecdsa-with-SHA512', scheme: 'ECDSA', hash: 'SHA-512' },
  { oid: '1.3.101.112', name: 'Ed25519', scheme: 'Ed25519' },
  { oid: '1.2.840.113549.1.1.2', name: 'md2WithRSAEncryption' },
  { oid: '1.2.840.113549.1.1.4', name: 'md5WithRSAEncryption' },
  { oid: '1.2.840.113549.1.1.5', name: 'sha1WithRSAEncryption' },
  { oid: '1.2.840.10045.4.1', name: 'ecdsa-with-SHA1' },
  { oid: '1.2.840.10040.4.3', name: 'dsa-with-SHA1' },
  { oid: '2.16.840.1.101.3.4.3.2', name: 'dsa-with-SHA256' },
]

const BY_OID: ReadonlyMap<string, SignatureRow> = new Map(ROWS.map((row) => [row.oid, row]))

/** Name of a signature algorithm identifier; the identifier itself if unknown. */
export function signatureName(oid: string): string {
  return BY_OID.get(oid)?.name ?? oid
}

/** How `certificate` is signed (RFC 4055, RFC 5758, RFC 8410). Never throws. */
export function signatureAlgorithmOf(certificate: CertificateFacts): SignatureAlgorithm {
  const { oid, name } = certificate.signature
  const row = BY_OID.get(oid)
  if (!row) return { name, supported: false, reason: 'unknown' }
  const { scheme, hash } = row
  if (scheme === 'Ed25519') return { name, supported: true, scheme }
  if (scheme === 'RSA-PSS') return pssOf(name, certificate)
  return scheme && hash
    ? { name, supported: true, scheme, hash }
    : { name, supported: false, reason: 'weak-hash' }
}

const HASHES: ReadonlyMap<string, { readonly hash: HashName; readonly length: number }> = new Map([
  ['2.16.840.1.101.3.4.2.1', { hash: 'SHA-256', length: 32 }],
  ['2.16.840.1.101.3.4.2.2', { hash: 'SHA-384', length: 48 }],
  ['2.16.840.1.101.3.4.2.3', { hash: 'SHA-512', length: 64 }],
])

function pssOf(name: string, certificate: CertificateFacts): SignatureAlgorithm {
  try {
    const parameters = readPss(certificate)
    if (parameters) return { name, supported: true, scheme: 'RSA-PSS', ...parameters }
  } catch {
    // Malformed parameters are parameters that are not known here.
  }
  return { name, supported: false, reason: 'unknown' }
}

/** Parameters with the same hash in both places and, as Go wants, a salt as long as the hash. */
function readPss({ der }: CertificateFacts) {
  const certificate = enterOnly(der, TAG.sequence, 'certificate')
  enter(certificate, TAG.sequence, 'tbsCertificate')
  const algorithm = enter(certificate, TAG.sequence, 'signatureAlgorithm')
  readOid(algorithm, 'signatureAlgorithm')
  const body = enter(algorithm, TAG.sequence, 'RSASSA-PSS parameters')
  const hashOid = readHash(enter(body, contextTag(0, true), 'RSASSA-PSS hash'))
  const mask = enter(
    enter(body, contextTag(1, true), 'RSASSA-PSS mask'),
    TAG.sequence,
    'RSASSA-PSS mask',
  )
  const mgf1 = readOid(mask, 'RSASSA-PSS mask')
  const maskHash = readHash(mask)
  const saltLength = readSmallInteger(
    enter(body, contextTag(2, true), 'RSASSA-PSS salt'),
    'RSASSA-PSS salt',
  )
  const row = HASHES.get(hashOid)
  // A trailer field, when present, has only one legal value, the default.
  const fits = mgf1 === '1.2.840.113549.1.1.8' && maskHash === hashOid && row?.length === saltLength
  return fits && row ? { hash: row.hash, saltLength } : undefined
}

function readHash(cursor: ReturnType<typeof derCursor>): string {
  const body = enter(cursor, TAG.sequence, 'RSASSA-PSS hash')
  const oid = readOid(body, 'RSASSA-PSS hash')
  if (peekTag(body) === TAG.null) enter(body, TAG.null, 'RSASSA-PSS hash')
  finish(body, 'RSASSA-PSS hash')
  return oid
}
