import { decodeAddress } from '../der/addresses.js'
import {
  contextTag,
  type DerCursor,
  derError,
  enter,
  enterOnly,
  finish,
  integerOf,
  peekTag,
  readBitString,
  readBoolean,
  readContent,
  readElement,
  readOid,
  readSmallInteger,
  TAG,
} from '../der/der.js'
import type {
  CertificateFacts,
  DecodedAltNames,
  ExtensionFacts,
  GeneralSubtrees,
  KeyUsageBit,
  NameConstraints,
} from './facts.js'
import { decodeString } from './names.js'

/** Object identifiers of the extensions that kpki reads or writes (RFC 5280 §4.2). */
export const EXTENSION = {
  subjectKeyIdentifier: '2.5.29.14',
  keyUsage: '2.5.29.15',
  altNames: '2.5.29.17',
  basicConstraints: '2.5.29.19',
  nameConstraints: '2.5.29.30',
  authorityKeyIdentifier: '2.5.29.35',
  extendedKeyUsage: '2.5.29.37',
} as const

/** Names of extended key usages by object identifier (RFC 5280 §4.2.1.12). */
export const USAGE_NAMES: ReadonlyMap<string, string> = new Map([
  ['2.5.29.37.0', 'anyExtendedKeyUsage'],
  ['1.3.6.1.5.5.7.3.1', 'serverAuth'],
  ['1.3.6.1.5.5.7.3.2', 'clientAuth'],
  ['1.3.6.1.5.5.7.3.3', 'codeSigning'],
  ['1.3.6.1.5.5.7.3.4', 'emailProtection'],
  ['1.3.6.1.5.5.7.3.8', 'timeStamping'],
  ['1.3.6.1.5.5.7.3.9', 'OCSPSigning'],
])

/** Bit number of each key usage is its position here (RFC 5280 §4.2.1.3). */
export const KEY_USAGE_BITS: readonly KeyUsageBit[] = [
  'digitalSignature',
  'contentCommitment',
  'keyEncipherment',
  'dataEncipherment',
  'keyAgreement',
  'keyCertSign',
  'cRLSign',
  'encipherOnly',
  'decipherOnly',
]

type Mutable<T> = { -readonly [K in keyof T]: T[K] }
type Decoded = Mutable<
  Pick<
    CertificateFacts,
    | 'basicConstraints'
    | 'keyUsage'
    | 'extendedKeyUsage'
    | 'altNames'
    | 'subjectKeyIdentifier'
    | 'authorityKeyIdentifier'
  >
>

/** Reads the extensions that have a field of their own; false when it is none of them. */
export function decodeExtension(
  into: Decoded,
  extension: ExtensionFacts,
  oddities: string[],
): boolean {
  const { oid, critical, value } = extension
  switch (oid) {
    case EXTENSION.keyUsage:
      into.keyUsage = { critical, bits: readKeyUsage(value, oddities) }
      return true
    case EXTENSION.basicConstraints:
      into.basicConstraints = { critical, ...readBasicConstraints(value, oddities) }
      return true
    case EXTENSION.extendedKeyUsage:
      into.extendedKeyUsage = { critical, usages: readExtendedKeyUsage(value, oddities) }
      return true
    case EXTENSION.altNames:
      into.altNames = { ...readAltNames(value, oddities), critical }
      return true
    case EXTENSION.subjectKeyIdentifier:
      into.subjectKeyIdentifier = readSubjectKeyIdentifier(value)
      if (critical) oddities.push('subjectKeyIdentifier is critical')
      return true
    case EXTENSION.authorityKeyIdentifier:
      into.authorityKeyIdentifier = readAuthorityKeyIdentifier(value)
      if (critical) oddities.push('authorityKeyIdentifier is critical')
      return true
    default:
      return false
  }
}

function only(value: Uint8Array, what: string): DerCursor {
  return enterOnly(value, TAG.sequence, what)
}

function readKeyUsage(value: Uint8Array, oddities: string[]): readonly KeyUsageBit[] {
  const cursor = { bytes: value, at: 0, end: value.length, depth: 0 }
  const { bytes, unused } = readBitString(cursor, 'keyUsage')
  finish(cursor, 'keyUsage')
  const set = (i: number) => (((bytes[i >> 3] ?? 0) >> (7 - (i & 7))) & 1) === 1
  const last = 8 * bytes.length - unused - 1
  if (last >= 0 && !set(last)) oddities.push('keyUsage has trailing zero bits')
  const bits = KEY_USAGE_BITS.filter((_, i) => set(i))
  if (bits.length === 0) oddities.push('keyUsage is empty')
  return bits
}

function readBasicConstraints(value: Uint8Array, oddities: string[]) {
  const body = only(value, 'basicConstraints')
  let ca = false
  if (peekTag(body) === TAG.boolean) {
    ca = readBoolean(body, 'basicConstraints cA')
    if (!ca) oddities.push('basicConstraints spells out the default cA FALSE')
  }
  const pathLength =
    peekTag(body) === TAG.integer ? readSmallInteger(body, 'pathLenConstraint') : undefined
  finish(body, 'basicConstraints')
  return pathLength === undefined ? { ca } : { ca, pathLength }
}

function readExtendedKeyUsage(value: Uint8Array, oddities: string[]): readonly string[] {
  const body = only(value, 'extKeyUsage')
  if (body.at === body.end) oddities.push('extKeyUsage is empty')
  const usages: string[] = []
  while (body.at < body.end) {
    const oid = readOid(body, 'extKeyUsage')
    usages.push(USAGE_NAMES.get(oid) ?? oid)
  }
  return usages
}

/** Content of an alternative-names extension, without its criticality. */
export function readAltNames(
  value: Uint8Array,
  oddities: string[],
): Omit<DecodedAltNames, 'critical'> {
  const body = only(value, 'subjectAltName')
  const names = {
    dns: [] as string[],
    ip: [] as string[],
    email: [] as string[],
    uri: [] as string[],
  }
  let other = 0
  if (body.at === body.end) oddities.push('subjectAltName is empty')
  while (body.at < body.end) {
    const tag = peekTag(body)
    const content = readContent(body, -1, 'subjectAltName')
    if (tag === 0x82) names.dns.push(ascii(content, 'subjectAltName DNS name'))
    else if (tag === 0x87) {
      names.ip.push(decodeAddress(content))
      if (isMapped(content)) oddities.push('subjectAltName has an IPv4-mapped IPv6 address')
    } else if (tag === 0x81) names.email.push(ascii(content, 'subjectAltName email'))
    else if (tag === 0x86) names.uri.push(ascii(content, 'subjectAltName URI'))
    // As in Go: what is no name of these four kinds, or no GeneralName at all, is passed over.
    else other++
  }
  return { ...names, other }
}

function isMapped(address: Uint8Array): boolean {
  return (
    address.length === 16 && address.every((octet, i) => i > 11 || octet === (i < 10 ? 0 : 255))
  )
}

/** Text of an IA5String's content octets. */
export function ascii(content: Uint8Array, what: string): string {
  return decodeString(TAG.ia5String, content, what)
}

function readSubjectKeyIdentifier(value: Uint8Array): Uint8Array {
  const cursor = { bytes: value, at: 0, end: value.length, depth: 0 }
  const identifier = readContent(cursor, TAG.octetString, 'subjectKeyIdentifier')
  finish(cursor, 'subjectKeyIdentifier')
  return identifier
}

function readAuthorityKeyIdentifier(value: Uint8Array) {
  const body = only(value, 'authorityKeyIdentifier')
  const facts: Mutable<NonNullable<CertificateFacts['authorityKeyIdentifier']>> = {
    namesIssuer: false,
  }
  if (peekTag(body) === contextTag(0, false))
    facts.keyIdentifier = readContent(body, -1, 'authorityKeyIdentifier keyIdentifier')
  const hasIssuer = peekTag(body) === contextTag(1, true)
  if (hasIssuer) readElement(body, -1, 'authorityKeyIdentifier issuer')
  if (peekTag(body) === contextTag(2, false)) {
    const serial = readContent(body, -1, 'authorityKeyIdentifier serial')
    if (serial.length === 0) throw derError('authorityKeyIdentifier serial: empty INTEGER')
    facts.serial = integerOf(serial)
  }
  finish(body, 'authorityKeyIdentifier')
  facts.namesIssuer = hasIssuer && facts.serial !== undefined
  return facts
}

/** Enters and leaves every constructed element, so that malformed or too deep DER is refused. */
export function checkTree(cursor: DerCursor, what: string): void {
  while (cursor.at < cursor.end) {
    const tag = peekTag(cursor)
    if ((tag & 0x20) !== 0) checkTree(enter(cursor, -1, what), what)
    else readContent(cursor, -1, what)
  }
}

/**
 * Reads a name constraints extension as Go does: an empty one, subtrees with other distances than
 * the default, and address masks that are not a prefix throw KpkiError `ERR_DER_INVALID`
 * (RFC 5280 §4.2.1.10).
 */
export function readNameConstraints(value: Uint8Array, critical: boolean): NameConstraints {
  const body = enterOnly(value, TAG.sequence, 'nameConstraints')
  const permitted = readSubtrees(body, 0)
  const excluded = readSubtrees(body, 1)
  finish(body, 'nameConstraints')
  if (!permitted && !excluded) throw derError('nameConstraints: empty')
  return { critical, permitted: permitted ?? NONE, excluded: excluded ?? NONE }
}

const NONE: GeneralSubtrees = { dns: [], ip: [], email: [], uri: [], directory: [], other: 0 }

function readSubtrees(body: DerCursor, n: number): GeneralSubtrees | undefined {
  if (peekTag(body) !== contextTag(n, true)) return undefined
  const list = enter(body, -1, 'nameConstraints subtrees')
  const dns: string[] = []
  const ip: Uint8Array[] = []
  const email: string[] = []
  const uri: string[] = []
  const directory: Uint8Array[] = []
  let other = 0
  while (list.at < list.end) {
    const subtree = enter(list, TAG.sequence, 'nameConstraints subtree')
    const tag = peekTag(subtree)
    if (tag === contextTag(4, true)) {
      const inner = enter(subtree, -1, 'nameConstraints directory name')
      directory.push(readElement(inner, TAG.sequence, 'nameConstraints directory name'))
      finish(inner, 'nameConstraints directory name')
    } else {
      const content = readContent(subtree, -1, 'nameConstraints subtree')
      if (tag === 0x82) dns.push(ascii(content, 'nameConstraints DNS name'))
      else if (tag === 0x87) ip.push(network(content))
      else if (tag === 0x81) email.push(ascii(content, 'nameConstraints email'))
      else if (tag === 0x86) uri.push(ascii(content, 'nameConstraints URI'))
      else other++
    }
    // minimum and maximum: RFC 5280 fixes them to the default, which DER leaves out.
    finish(subtree, 'nameConstraints subtree')
  }
  return { dns, ip, email, uri, directory, other }
}

function network(octets: Uint8Array): Uint8Array {
  if (octets.length !== 8 && octets.length !== 32)
    throw derError(`nameConstraints: network of ${octets.length} octets`)
  const mask = octets.subarray(octets.length / 2)
  let ended = false
  for (const octet of mask)
    for (let bit = 7; bit >= 0; bit--) {
      const one = ((octet >> bit) & 1) === 1
      if (one && ended) throw derError('nameConstraints: the mask is not a prefix')
      ended ||= !one
    }
  return octets
}
