import { KpkiError } from '../../errors.js'
import { sameBytes } from '../../values/bytes.js'
import {
  contextTag,
  type DerCursor,
  derCursor,
  derError,
  enter,
  enterOnly,
  finish,
  integerOf,
  peekTag,
  readBoolean,
  readContent,
  readElement,
  readInteger,
  readOctetBits,
  readOid,
  readSmallInteger,
  TAG,
} from '../der/der.js'
import { readTime } from '../der/time.js'
import { signatureName } from '../keys/algorithms.js'
import { readPublicKeyInfo } from '../keys/public-key.js'
import { firstBlock, isDer, parsePem } from '../pem.js'
import { checkTree, decodeExtension, EXTENSION, readNameConstraints } from './extensions.js'
import type { CertificateFacts, ExtensionFacts } from './facts.js'
import { decodeName } from './names.js'

/** Larger inputs are refused before anything is read. */
const MAX_CERTIFICATE = 1 << 20

/**
 * Reads one X.509 certificate: the first `CERTIFICATE` block of PEM, or DER bytes. As strict as Go's
 * `crypto/x509` (which is what Kubernetes uses); what Go tolerates against DER or RFC 5280 is listed
 * in `oddities`. The input is copied.
 *
 * @throws KpkiError `ERR_PEM_INVALID` when there is no certificate block, `ERR_DER_INVALID` for everything
 *   else, and never anything else. (RFC 5280 §4.1.)
 * /
 *
 * @example
 * ```ts
 * import { readFile } from 'node:fs/promises'
 * import { readCertificate } from 'kpki'
 *
 * const { subject, notAfter } = readCertificate(await readFile('out/authorities/ca.crt', 'utf8'))
 * console.log(subject.commonNames, notAfter)
 * ```
 */
export function readCertificate(input: string | Uint8Array): CertificateFacts {
  if (typeof input !== 'string' && isDer(input))
    return guarded(() => parseCertificate(Uint8Array.from(input)))
  return guarded(() => parseCertificate(firstBlock(input, 'CERTIFICATE').der))
}

/**
 * Every certificate of a PEM bundle, in order; other blocks are skipped. Errors as {@link readCertificate}.
 *
 * @example
 * ```ts
 * import { readFile } from 'node:fs/promises'
 * import { readCertificates } from 'kpki'
 *
 * console.log(readCertificates(await readFile('out/authorities/ca.crt')).length)
 * ```
 */
export function readCertificates(pem: string | Uint8Array): readonly CertificateFacts[] {
  const blocks = parsePem(pem).filter((block) => block.label === 'CERTIFICATE')
  return guarded(() => blocks.map((block) => parseCertificate(block.der)))
}

function guarded<T>(read: () => T): T {
  try {
    return read()
  } catch (error) {
    if (error instanceof KpkiError) throw error
    throw derError('certificate: malformed', error)
  }
}

function parseCertificate(der: Uint8Array): CertificateFacts {
  if (der.length > MAX_CERTIFICATE) throw derError('certificate: larger than 1 MiB')
  const certificate = enterOnly(der, TAG.sequence, 'certificate')
  const tbs = readElement(certificate, TAG.sequence, 'tbsCertificate')
  const outer = readElement(certificate, TAG.sequence, 'signatureAlgorithm')
  const value = readOctetBits(certificate, 'signature')
  finish(certificate, 'certificate')

  const oddities: string[] = []
  const body = enterOnly(tbs, TAG.sequence, 'tbsCertificate')
  const version = readVersion(body)
  const serialBytes = readInteger(body, 'serial number')
  const serial = integerOf(serialBytes)
  if (serial < 0n) oddities.push('serial number is negative (refused since Go 1.23)')
  else if (serial === 0n) oddities.push('serial number is zero')
  if (serialBytes.length > 20) oddities.push('serial number is longer than 20 octets')
  const inner = readElement(body, TAG.sequence, 'signature')
  const issuer = decodeName(readElement(body, TAG.sequence, 'issuer'))
  const validity = enter(body, TAG.sequence, 'validity')
  const notBefore = readTime(validity, 'notBefore', oddities)
  const notAfter = readTime(validity, 'notAfter', oddities)
  finish(validity, 'validity')
  const subject = decodeName(readElement(body, TAG.sequence, 'subject'))
  const publicKey = readPublicKeyInfo(readElement(body, TAG.sequence, 'subjectPublicKeyInfo'))
  readUniqueIdentifiers(body, version, oddities)
  const extensions = readExtensions(body, version, oddities)
  finish(body, 'tbsCertificate')

  return {
    der,
    tbs,
    version,
    serial,
    serialBytes,
    subject,
    issuer,
    notBefore,
    notAfter,
    publicKey,
    signature: { ...readAlgorithm(outer), value, consistent: sameBytes(inner, outer) },
    ...decodeExtensions(extensions, oddities),
    oddities,
    selfIssued: sameBytes(subject.raw, issuer.raw),
  }
}

function readVersion(body: DerCursor): number {
  if (peekTag(body) !== contextTag(0, true)) return 1
  const wrapped = enter(body, -1, 'version')
  const version = readSmallInteger(wrapped, 'version') + 1
  finish(wrapped, 'version')
  if (version > 3) throw derError(`version: ${version} is unknown`)
  return version
}

function readAlgorithm(element: Uint8Array): { readonly oid: string; readonly name: string } {
  const body = enterOnly(element, TAG.sequence, 'signatureAlgorithm')
  const oid = readOid(body, 'signatureAlgorithm')
  if (body.at < body.end) readElement(body, -1, 'signatureAlgorithm parameters')
  finish(body, 'signatureAlgorithm')
  return { oid, name: signatureName(oid) }
}

function readUniqueIdentifiers(body: DerCursor, version: number, oddities: string[]): void {
  for (const [n, what] of [
    [1, 'issuerUniqueID'],
    [2, 'subjectUniqueID'],
  ] as const) {
    if (peekTag(body) !== contextTag(n, false)) continue
    if (version === 1) throw derError(`${what}: not allowed in version 1`)
    readContent(body, -1, what)
    oddities.push(`${what} is present`)
  }
}

function readExtensions(
  body: DerCursor,
  version: number,
  oddities: string[],
): readonly ExtensionFacts[] {
  if (peekTag(body) !== contextTag(3, true)) return []
  if (version !== 3) throw derError(`extensions: not allowed in version ${version}`)
  const wrapped = enter(body, -1, 'extensions')
  const list = enter(wrapped, TAG.sequence, 'extensions')
  finish(wrapped, 'extensions')
  const extensions: ExtensionFacts[] = []
  const seen = new Set<string>()
  while (list.at < list.end) {
    const one = enter(list, TAG.sequence, 'extension')
    const oid = readOid(one, 'extension')
    if (seen.has(oid)) throw derError(`extension ${oid}: occurs twice`)
    seen.add(oid)
    let critical = false
    if (peekTag(one) === TAG.boolean) {
      critical = readBoolean(one, `extension ${oid} critical`)
      if (!critical) oddities.push(`extension ${oid} spells out the default critical FALSE`)
    }
    const value = readContent(one, TAG.octetString, `extension ${oid}`)
    finish(one, `extension ${oid}`)
    extensions.push({ oid, critical, value })
  }
  return extensions
}

// Go parses these and so does not count them as unhandled when critical: CRL distribution
// points, certificate policies, policy mappings, policy constraints, inhibit anyPolicy.
const HANDLED = new Set(['2.5.29.31', '2.5.29.32', '2.5.29.33', '2.5.29.36', '2.5.29.54'])

function decodeExtensions(extensions: readonly ExtensionFacts[], oddities: string[]) {
  const decoded: { -readonly [K in keyof CertificateFacts]?: CertificateFacts[K] } = {}
  const unknownCritical: string[] = []
  for (const extension of extensions) {
    const { oid, critical, value } = extension
    let known = decodeExtension(decoded, extension, oddities)
    if (oid === EXTENSION.nameConstraints) {
      decoded.nameConstraints = readNameConstraints(value, critical)
      known = true
    } else if (HANDLED.has(oid)) {
      checkTree(derCursor(value), `extension ${oid}`)
      known = true
    }
    // Go counts alternative names as unhandled when it knows none of them.
    if (oid === EXTENSION.altNames && !namesAnything(decoded.altNames)) known = false
    if (critical && !known) unknownCritical.push(oid)
  }
  return { ...decoded, extensions, unknownCritical }
}

function namesAnything(names: CertificateFacts['altNames']): boolean {
  return (
    names !== undefined &&
    [names.dns, names.ip, names.email, names.uri].some((one) => one.length > 0)
  )
}
