import { createHash, generateKeyPairSync, type KeyObject, sign } from 'node:crypto'
import { KEY_USAGE_BITS } from '../../src/ca/certificate/extensions.js'
import type { KeyUsageBit } from '../../src/ca/certificate/facts.js'
import { encodeAddress } from '../../src/ca/der/addresses.js'
import { TAG } from '../../src/ca/der/der.js'
import {
  asciiString,
  bitString,
  boolean,
  element,
  explicit,
  implicit,
  integer,
  NULL,
  octetString,
  oid,
  sequence,
  set,
  time,
  utf8String,
} from '../../src/ca/der/write.js'
import { publicKeyBits } from '../../src/ca/keys/public-key.js'

/** Certificates with any defect a test wants: kpki's own issuer would refuse to write most of them. */
export interface Forged {
  readonly der: Uint8Array
  readonly name: Uint8Array
  readonly key: ForgedKey
}

export interface ForgedKey {
  readonly privateKey: KeyObject
  readonly spki: Uint8Array
  /** SHA-1 of the public key bits, as key identifiers are made. */
  readonly id: Uint8Array
}

export interface Forgery {
  /** Common name, or the DER of a Name. Default: `leaf`. */
  readonly subject?: string | Uint8Array
  /** Default: self-signed. */
  readonly by?: Forged
  /** Another issuer name than that of `by`. */
  readonly issuer?: Uint8Array
  readonly key?: ForgedKey
  readonly version?: number
  readonly serial?: Uint8Array
  readonly from?: string
  readonly to?: string
  readonly extensions?: readonly Uint8Array[]
  readonly algorithm?: keyof typeof ALGORITHMS
  readonly innerAlgorithm?: keyof typeof ALGORITHMS
  readonly badSignature?: boolean
}

export const AT = new Date('2025-06-01T00:00:00Z')

const ALGORITHMS = {
  sha256: { ec: '1.2.840.10045.4.3.2', rsa: '1.2.840.113549.1.1.11' },
  sha384: { ec: '1.2.840.10045.4.3.3', rsa: '1.2.840.113549.1.1.12' },
  sha1: { ec: '1.2.840.10045.4.1', rsa: '1.2.840.113549.1.1.5' },
  unknown: { ec: '1.2.3.4', rsa: '1.2.3.4' },
  md5: { ec: '1.2.840.10045.4.1', rsa: '1.2.840.113549.1.1.4' },
} as const

export function ecKey(): ForgedKey {
  return forgedKey(generateKeyPairSync('ec', { namedCurve: 'P-256' }))
}

export function rsaKey(modulusLength: number): ForgedKey {
  return forgedKey(generateKeyPairSync('rsa', { modulusLength }))
}

export function ed25519Key(): ForgedKey {
  return forgedKey(generateKeyPairSync('ed25519'))
}

function forgedKey(pair: { privateKey: KeyObject; publicKey: KeyObject }): ForgedKey {
  const spki = new Uint8Array(pair.publicKey.export({ type: 'spki', format: 'der' }))
  const id = new Uint8Array(createHash('sha1').update(publicKeyBits(spki)).digest())
  return { privateKey: pair.privateKey, spki, id }
}

export function commonName(text: string, write: (text: string) => Uint8Array = utf8String) {
  return text === '' ? sequence() : sequence(set(sequence(oid('2.5.4.3'), write(text))))
}

export function forge(wish: Forgery): Forged {
  const key = wish.key ?? ecKey()
  const signer = wish.by?.key ?? key
  const { subject = 'leaf', version = 3, algorithm = 'sha256' } = wish
  const name = typeof subject === 'string' ? commonName(subject) : subject
  const issuer = wish.issuer ?? wish.by?.name ?? name
  const tbs = sequence(
    ...(version === 1 ? [] : [explicit(0, integer(version - 1))]),
    wish.serial === undefined ? integer(1000 + serials++) : element(TAG.integer, wish.serial),
    identifier(signer, wish.innerAlgorithm ?? algorithm),
    issuer,
    sequence(
      time(new Date(wish.from ?? '2025-01-01T00:00:00Z')),
      time(new Date(wish.to ?? '2026-01-01T00:00:00Z')),
    ),
    name,
    key.spki,
    ...(wish.extensions === undefined || wish.extensions.length === 0
      ? []
      : [explicit(3, sequence(...wish.extensions))]),
  )
  const hash = algorithm === 'unknown' ? 'sha256' : algorithm
  const digest = signer.privateKey.asymmetricKeyType === 'ed25519' ? null : hash
  const signature = new Uint8Array(sign(digest, tbs, signer.privateKey))
  const last = signature.length - 1
  if (wish.badSignature) signature[last] = (signature[last] ?? 0) ^ 1
  const der = sequence(tbs, identifier(signer, algorithm), bitString(signature))
  return { der, name, key }
}

let serials = 0

function identifier(signer: ForgedKey, algorithm: keyof typeof ALGORITHMS): Uint8Array {
  const type = signer.privateKey.asymmetricKeyType
  if (type === 'ed25519') return sequence(oid('1.3.101.112'))
  return type === 'rsa'
    ? sequence(oid(ALGORITHMS[algorithm].rsa), NULL)
    : sequence(oid(ALGORITHMS[algorithm].ec))
}

export function extension(id: string, critical: boolean, value: Uint8Array): Uint8Array {
  return sequence(oid(id), ...(critical ? [boolean(true)] : []), octetString(value))
}

export function constraints(ca: boolean, pathLength?: number, critical = true): Uint8Array {
  const parts = [
    ...(ca ? [boolean(true)] : []),
    ...(pathLength === undefined ? [] : [integer(pathLength)]),
  ]
  return extension('2.5.29.19', critical, sequence(...parts))
}

export function keyUsage(...bits: readonly KeyUsageBit[]): Uint8Array {
  const positions = bits.map((bit) => KEY_USAGE_BITS.indexOf(bit))
  const last = Math.max(-1, ...positions)
  const bytes = new Uint8Array(Math.ceil((last + 1) / 8))
  for (const at of positions) bytes[at >> 3] = (bytes[at >> 3] ?? 0) | (0x80 >> (at & 7))
  return extension('2.5.29.15', true, bitString(bytes, (8 * bytes.length - last - 1) % 8))
}

const USAGES: { readonly [name: string]: string } = {
  anyExtendedKeyUsage: '2.5.29.37.0',
  serverAuth: '1.3.6.1.5.5.7.3.1',
  clientAuth: '1.3.6.1.5.5.7.3.2',
  codeSigning: '1.3.6.1.5.5.7.3.3',
}

export function usages(...names: readonly string[]): Uint8Array {
  return extension('2.5.29.37', false, sequence(...names.map((one) => oid(USAGES[one] ?? one))))
}

/** `dns:…`, `ip:…`, `email:…`, `uri:…`, `dn:…` or `id:…`; as a constraint `ip:10.0.0.0/255.0.0.0`. */
function generalName(text: string): Uint8Array {
  const [kind = '', value = ''] = [
    text.slice(0, text.indexOf(':')),
    text.slice(text.indexOf(':') + 1),
  ]
  const ascii = asciiString(0, value).subarray(asciiString(0, value).length - value.length)
  if (kind === 'dns') return implicit(2, ascii)
  if (kind === 'email') return implicit(1, ascii)
  if (kind === 'uri') return implicit(6, ascii)
  if (kind === 'dn') return explicit(4, commonName(value))
  if (kind === 'id') return implicit(8, oid(value).subarray(2))
  const parts = value.split('/').map(encodeAddress)
  return implicit(7, Uint8Array.from(parts.flatMap((part) => [...part])))
}

export function altNames(names: readonly string[], critical = false): Uint8Array {
  return extension('2.5.29.17', critical, sequence(...names.map(generalName)))
}

export function nameConstraints(
  permitted: readonly string[],
  excluded: readonly string[] = [],
  critical = true,
): Uint8Array {
  const trees = [permitted, excluded].map((names) =>
    names.map((name) => sequence(generalName(name))),
  )
  const parts = trees.flatMap((tree, n) => (tree.length === 0 ? [] : [explicit(n, ...tree)]))
  return extension('2.5.29.30', critical, sequence(...parts))
}

export function subjectKeyId(key: ForgedKey, critical = false): Uint8Array {
  return extension('2.5.29.14', critical, octetString(key.id))
}

export function authorityKeyId(key: ForgedKey, critical = false): Uint8Array {
  return extension('2.5.29.35', critical, sequence(implicit(0, key.id)))
}

/** A CA as kubeadm writes it, with `more` instead of its own extensions where given. */
export function authority(subject: string, wish: Forgery = {}): Forged {
  const key = wish.key ?? ecKey()
  return forge({
    subject,
    key,
    extensions: [
      constraints(true),
      keyUsage('digitalSignature', 'keyCertSign'),
      subjectKeyId(key),
      ...(wish.by === undefined ? [] : [authorityKeyId(wish.by.key)]),
    ],
    ...wish,
  })
}

/** A serving and client certificate for `leaf.test`. */
export function endEntity(by: Forged, wish: Forgery = {}): Forged {
  return forge({ by, extensions: leafExtensions(by), ...wish })
}

export function leafExtensions(by: Forged, names: readonly string[] = ['dns:leaf.test']) {
  return [
    keyUsage('digitalSignature'),
    usages('serverAuth', 'clientAuth'),
    constraints(false),
    authorityKeyId(by.key),
    altNames(names),
  ]
}
