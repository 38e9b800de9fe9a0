import { sameBytes } from '../values/bytes.js'
import { EXTENSION, KEY_USAGE_BITS, USAGE_NAMES } from './certificate/extensions.js'
import type { CertificateFacts, KeyUsageBit, Name, SubjectAltNames } from './certificate/facts.js'
import { encodeName } from './certificate/names.js'
import { encodeAddress } from './der/addresses.js'
import { derError } from './der/der.js'
import {
  asciiString,
  bitString,
  boolean,
  explicit,
  implicit,
  integer,
  octetString,
  oid,
  sequence,
  time,
} from './der/write.js'
import type { CryptoEngine } from './engine.js'
import { keyError } from './keys/private-key.js'
import { readPublicKeyInfo } from './keys/public-key.js'
import { PROFILES, type ProfileName } from './profiles.js'
import type { Signer } from './signer.js'

/** What a certificate shall say. */
export interface CertificateRequest {
  readonly subject: Name
  /** DER SubjectPublicKeyInfo of the holder. */
  readonly publicKey: Uint8Array
  readonly profile: ProfileName
  readonly altNames?: SubjectAltNames
  /** First and last instant of validity, both cut to whole seconds. */
  readonly notBefore: Date
  readonly notAfter: Date
  /** Unsigned big-endian octets, from {@link randomSerial}; not zero, at most 20 once encoded. */
  readonly serial: Uint8Array
  /** Only with the profile `authority`. */
  readonly pathLength?: number
  /** From `keyIdentifierOf`. */
  readonly subjectKeyIdentifier: Uint8Array
}

/** Who signs. Without `certificate` the certificate is self-signed. */
export interface Issuer {
  readonly signer: Signer
  readonly certificate?: CertificateFacts
}

/**
 * Issues an X.509 v3 certificate as DER (RFC 5280 §4.1), extensions in kubeadm's order. The issuer's
 * name is copied byte for byte from its certificate, since Go chains names by their bytes.
 *
 * @throws KpkiError `ERR_DER_INVALID` for a request that cannot be written (times, serial number, names) or
 *   an issuer that is no authority, `ERR_KEY_INVALID` when the signer's key is not the issuer's
 */
export async function issueCertificate(
  request: CertificateRequest,
  issuer: Issuer,
): Promise<Uint8Array> {
  checkIssuer(request, issuer)
  const { signer, certificate } = issuer
  const subject = encodeName(request.subject)
  const tbs = sequence(
    explicit(0, integer(2)),
    encodeSerial(request.serial),
    signer.signatureAlgorithm,
    certificate ? certificate.subject.raw : subject,
    encodeValidity(request),
    subject,
    request.publicKey,
    explicit(3, sequence(...encodeExtensions(request, certificate))),
  )
  const value = await signer.sign(tbs)
  return sequence(tbs, signer.signatureAlgorithm, bitString(value))
}

function checkIssuer(request: CertificateRequest, { signer, certificate }: Issuer): void {
  if (!certificate) {
    if (sameBytes(signer.spki, request.publicKey)) return
    throw keyError('a self-signed certificate must hold the key of its signer')
  }
  if (!sameBytes(signer.spki, certificate.publicKey.spki))
    throw keyError('the signer does not hold the key of the issuing certificate')
  const { basicConstraints, keyUsage } = certificate
  if (!basicConstraints?.ca) throw derError('the issuing certificate is not an authority (CA:TRUE)')
  if (keyUsage && !keyUsage.bits.includes('keyCertSign'))
    throw derError('the issuing certificate may not sign certificates (keyCertSign)')
  if (basicConstraints.pathLength === 0 && PROFILES[request.profile].ca)
    throw derError('the issuing certificate may not sign authorities (pathLenConstraint 0)')
}

function encodeSerial(serial: Uint8Array): Uint8Array {
  const encoded = integer(serial)
  if (serial.every((octet) => octet === 0)) throw derError('the serial number is empty or zero')
  if (encoded.length > 22) throw derError('the serial number is longer than 20 octets')
  return encoded
}

function encodeValidity({ notBefore, notAfter }: CertificateRequest): Uint8Array {
  const [from, to] = [notBefore, notAfter].map((date) => Math.floor(date.getTime() / 1000)) as [
    number,
    number,
  ]
  if (!(from < to)) throw derError('notAfter is not later than notBefore')
  return sequence(time(notBefore), time(notAfter))
}

const ID = {
  keyUsage: oid(EXTENSION.keyUsage),
  extendedKeyUsage: oid(EXTENSION.extendedKeyUsage),
  basicConstraints: oid(EXTENSION.basicConstraints),
  subjectKeyIdentifier: oid(EXTENSION.subjectKeyIdentifier),
  authorityKeyIdentifier: oid(EXTENSION.authorityKeyIdentifier),
  altNames: oid(EXTENSION.altNames),
}
const USAGE_IDS = new Map([...USAGE_NAMES].map(([dotted, name]) => [name, oid(dotted)]))

function encodeExtensions(request: CertificateRequest, issuer: CertificateFacts | undefined) {
  const profile = PROFILES[request.profile]
  const isRsa = readPublicKeyInfo(request.publicKey).type === 'RSA'
  const usage = isRsa ? [...profile.keyUsage, ...profile.rsaKeyUsage] : profile.keyUsage
  const extensions = [extension(ID.keyUsage, true, encodeKeyUsage(usage))]
  if (profile.extendedKeyUsage.length > 0)
    extensions.push(extension(ID.extendedKeyUsage, false, encodeUsages(profile.extendedKeyUsage)))
  extensions.push(
    extension(ID.basicConstraints, true, encodeBasicConstraints(profile.ca, request.pathLength)),
  )
  if (request.subjectKeyIdentifier.length === 0)
    throw derError('the subject key identifier is empty')
  extensions.push(
    extension(ID.subjectKeyIdentifier, false, octetString(request.subjectKeyIdentifier)),
  )
  // As in kubeadm, a self-signed certificate has none, nor one whose issuer has no identifier.
  const authority = issuer?.subjectKeyIdentifier
  if (authority)
    extensions.push(extension(ID.authorityKeyIdentifier, false, sequence(implicit(0, authority))))
  const { dns = [], ip = [] } = request.altNames ?? {}
  // RFC 5280 §4.2.1.6: critical when it is all that names the subject.
  if (dns.length + ip.length > 0)
    extensions.push(extension(ID.altNames, request.subject.length === 0, encodeAltNames(dns, ip)))
  else if (request.subject.length === 0) throw derError('the certificate names nobody')
  return extensions
}

function extension(id: Uint8Array, critical: boolean, value: Uint8Array): Uint8Array {
  return critical
    ? sequence(id, boolean(true), octetString(value))
    : sequence(id, octetString(value))
}

/** A named bit list: DER drops trailing zero bits (X.690 §11.2.2). */
function encodeKeyUsage(usage: readonly KeyUsageBit[]): Uint8Array {
  const positions = usage.map((name) => KEY_USAGE_BITS.indexOf(name))
  const last = Math.max(...positions)
  const octets = new Uint8Array((last >> 3) + 1)
  for (const at of positions) octets[at >> 3] = (octets[at >> 3] ?? 0) | (0x80 >> (at & 7))
  return bitString(octets, 7 - (last & 7))
}

function encodeUsages(usages: readonly string[]): Uint8Array {
  return sequence(...usages.map((name) => USAGE_IDS.get(name) ?? oid(name)))
}

function encodeBasicConstraints(ca: boolean, pathLength: number | undefined): Uint8Array {
  if (!ca && pathLength !== undefined) throw derError('only an authority can have a path length')
  if (!ca) return sequence()
  return sequence(boolean(true), ...(pathLength === undefined ? [] : [integer(pathLength)]))
}

function encodeAltNames(dns: readonly string[], ip: readonly string[]): Uint8Array {
  return sequence(
    ...dns.map((name) => {
      if (!/^[\x21-\x7e]+$/.test(name)) throw derError(`${JSON.stringify(name)} is not a DNS name`)
      return asciiString(0x82, name)
    }),
    ...ip.map((address) => implicit(7, encodeAddress(address))),
  )
}

/**
 * A random serial number: 127 random bits, positive, at most 16 octets, as the content of a minimal
 * INTEGER. (RFC 5280 §4.1.2.2; the CA/Browser Forum wants 64 random bits.)
 */
export function randomSerial(engine: CryptoEngine): Uint8Array {
  const octets = engine.getRandomValues(new Uint8Array(16))
  octets[0] = (octets[0] ?? 0) & 0x7f
  // A zero, once in 2^127, would not be a legal serial number.
  if (octets.every((octet) => octet === 0)) octets[15] = 1
  return integer(octets).slice(2)
}
