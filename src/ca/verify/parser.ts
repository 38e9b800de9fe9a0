import { isIp } from '../../values/addresses.js'
import { quoted } from '../../values/text.js'
import type { CertificateFacts, GeneralSubtrees, NameConstraints } from '../certificate/facts.js'
import {
  contextTag,
  type DerCursor,
  derCursor,
  enter,
  peekTag,
  readContent,
  readOid,
  TAG,
} from '../der/der.js'
import { domainLabels, parseMailbox, uriHost } from './constraints.js'
import type { ChainPolicy } from './consumers.js'
import { readPolicies } from './policies.js'
import { type ChainReason, reason } from './reasons.js'

/**
 * Reads CRL distribution points (RFC 5280 §4.2.1.13) and authority information access (§4.2.2.1) only
 * to refuse what Go's parser refuses: it does not know distribution points relative to the issuer.
 *
 * @throws KpkiError `ERR_DER_INVALID`
 */
export function checkPoints({ extensions }: CertificateFacts): void {
  for (const { oid, value } of extensions) {
    if (oid === '2.5.29.31') eachIn(value, 'CRL distribution point', checkPoint)
    if (oid === '1.3.6.1.5.5.7.1.1') eachIn(value, 'authority information access', checkAccess)
  }
}

function eachIn(value: Uint8Array, what: string, check: (one: DerCursor) => void): void {
  const list = enter(derCursor(value), TAG.sequence, what)
  while (list.at < list.end) check(enter(list, TAG.sequence, what))
}

function checkPoint(point: DerCursor): void {
  if (peekTag(point) !== contextTag(0, true)) return
  const name = enter(point, contextTag(0, true), 'CRL distribution point')
  const fullName = enter(name, contextTag(0, true), 'CRL distribution point')
  while (fullName.at < fullName.end && peekTag(fullName) === contextTag(6, false)) {
    readContent(fullName, contextTag(6, false), 'CRL distribution point')
  }
}

function checkAccess(access: DerCursor): void {
  readOid(access, 'authority information access')
  if (peekTag(access) === contextTag(6, false)) {
    readContent(access, contextTag(6, false), 'authority information access')
  }
}

/**
 * What Go 1.24 refuses while it parses a certificate and kpki's reader lets through. Go then never
 * sees the certificate: a leaf fails, a pool lacks it.
 *
 * @throws KpkiError `ERR_DER_INVALID` where the policies, CRL distribution points or access descriptions
 *   cannot be read
 */
export function goRefuses(
  certificate: CertificateFacts,
  policy: ChainPolicy,
): ChainReason | undefined {
  const problem = problems(certificate, policy).next()
  return problem.done ? undefined : reason('malformed', certificate, problem.value)
}

function* problems(
  certificate: CertificateFacts,
  policy: ChainPolicy,
): Generator<string, undefined> {
  const { version, serial, signature, publicKey } = certificate
  const { altNames, nameConstraints, extensions } = certificate
  if (version < 1 || version > 3) yield `has version ${version}`
  if (serial < 0n && policy.negativeSerials === 'refused')
    yield `has the negative serial number ${serial}`
  if (!signature.consistent) yield 'names two different signature algorithms, inside and outside'
  if (publicKey.type === 'EC' && !GO_CURVES.has(publicKey.curve ?? '')) {
    yield `has a key on the elliptic curve ${publicKey.curve}`
  }
  const seen = new Set<string>()
  for (const { oid, critical } of extensions) {
    if (seen.has(oid)) yield `has the extension ${oid} twice`
    seen.add(oid)
    const name = NEVER_CRITICAL[oid]
    if (critical && name !== undefined) yield `marks its ${name} critical`
  }
  if (altNames !== undefined) {
    const odd = [...altNames.dns, ...altNames.email, ...altNames.uri].find((name) => !isAscii(name))
    if (odd !== undefined) yield `has the alternative name ${quoted(odd)}, which is not ASCII`
    const uri = altNames.uri.find((name) => uriHost(name) === undefined)
    if (uri !== undefined) yield `has the alternative name ${quoted(uri)}, which is not a URI`
  }
  if (nameConstraints !== undefined) yield* constraintProblems(nameConstraints)
  readPolicies(certificate)
  checkPoints(certificate)
  return
}

// the dotted one is P-224
const GO_CURVES = new Set(['P-256', 'P-384', 'P-521', '1.3.132.0.33'])

const NEVER_CRITICAL: { readonly [oid: string]: string } = {
  '2.5.29.14': 'subject key identifier',
  '2.5.29.35': 'authority key identifier',
  '1.3.6.1.5.5.7.1.1': 'authority information access',
}

function* constraintProblems(constraints: NameConstraints): Generator<string, undefined> {
  const trees = [constraints.permitted, constraints.excluded]
  if (trees.every((tree) => size(tree) === 0)) yield 'has empty name constraints'
  for (const { dns, ip, email, uri } of trees) {
    const bad =
      dns.find((name) => !isDomainConstraint(name)) ??
      email.find((name) =>
        name.includes('@') ? parseMailbox(name) === undefined : !isDomainConstraint(name),
      ) ??
      uri.find((name) => !isDomainConstraint(name) || isIp(name))
    if (bad !== undefined) yield `has the malformed name constraint ${quoted(bad)}`
    const network = ip.find((bytes) => !isNetwork(bytes))
    if (network !== undefined) yield `has the malformed address constraint ${network.join('.')}`
  }
  return
}

function size(tree: GeneralSubtrees): number {
  const { dns, ip, email, uri, directory, other } = tree
  return dns.length + ip.length + email.length + uri.length + directory.length + other
}

function isDomainConstraint(name: string): boolean {
  return isAscii(name) && domainLabels(name.startsWith('.') ? name.slice(1) : name) !== undefined
}

/** Address and mask of equal length, the mask ones first. */
function isNetwork(bytes: Uint8Array): boolean {
  if (bytes.length !== 8 && bytes.length !== 32) return false
  const bits = Array.from(bytes.subarray(bytes.length / 2), (byte) =>
    byte.toString(2).padStart(8, '0'),
  ).join('')
  return /^1*0*$/.test(bits)
}

function isAscii(text: string): boolean {
  return Array.from(text).every((character) => character <= '\x7f')
}
