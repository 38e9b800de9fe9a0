import { hexOf, sameBytes } from '../../values/bytes.js'
import { quoted } from '../../values/text.js'
import type { CertificateFacts, KeyUsageBit } from '../certificate/facts.js'
import { formatName } from '../certificate/names.js'
import { signatureAlgorithmOf } from '../keys/algorithms.js'
import type { Verifier } from '../keys/signature.js'
import { constraintReason } from './constraints.js'
import type { ChainPolicy } from './consumers.js'
import { policyReason } from './policies.js'
import { type ChainReason, reason } from './reasons.js'

/** What is asked of every certificate of a path: critical extensions and validity. */
export function ownReason(
  certificate: CertificateFacts,
  at: Date,
  policy: ChainPolicy,
): ChainReason | undefined {
  const unknown = unknownCritical(certificate, policy)
  if (unknown !== undefined) {
    const message = `has a critical extension that is not understood: ${unknown}`
    return reason('unknown-critical', certificate, message)
  }
  const { notBefore, notAfter } = certificate
  if (at < notBefore) {
    const message = `is valid from ${stamp(notBefore)}, checked at ${stamp(at)}`
    return reason('not-yet-valid', certificate, message)
  }
  const past = policy.lastSecond === 'expired' ? at >= notAfter : at > notAfter
  if (past) {
    const message = `expired at ${stamp(notAfter)}, checked at ${stamp(at)}`
    return reason('expired', certificate, message)
  }
}

/** Whether a certificate may issue others; `anchor` says that it is one. */
export function issuerReason(
  issuer: CertificateFacts,
  anchor: boolean,
  policy: ChainPolicy,
): ChainReason | undefined {
  const { basicConstraints, keyUsage } = issuer
  if (basicConstraints === undefined && !isCaWithoutConstraints(issuer, anchor, policy)) {
    const message = `has no basic constraints (version ${issuer.version}), so it is not a CA`
    return reason('issuer-not-ca', issuer, message)
  }
  if (basicConstraints !== undefined && !basicConstraints.ca) {
    return reason('issuer-not-ca', issuer, 'says CA:FALSE in its basic constraints')
  }
  const limited =
    keyUsage !== undefined && (keyUsage.bits.length > 0 || policy.emptyKeyUsage === 'nothing')
  if (limited && !keyUsage.bits.includes('keyCertSign')) {
    const bits = keyUsage.bits.join(', ') || 'nothing'
    return reason('no-key-cert-sign', issuer, `its key usage allows ${bits}, not keyCertSign`)
  }
}

/** Path length: `below` is the path so far, the leaf first. */
export function lengthReason(
  issuer: CertificateFacts,
  below: readonly CertificateFacts[],
  policy: ChainPolicy,
): ChainReason | undefined {
  const allowed = issuer.basicConstraints?.pathLength
  if (allowed === undefined || allowed < 0) return
  const count = below
    .slice(1)
    .filter((ca) => policy.selfIssued === 'counted' || !ca.selfIssued).length
  if (count <= allowed) return
  const message = `allows ${allowed} CA certificates below it, the path has ${count}`
  return reason('path-too-long', issuer, message)
}

/** Whether a whole path allows one of the usages; each certificate must allow the same one. */
export function usageReason(
  chain: readonly CertificateFacts[],
  usages: readonly string[],
  policy: ChainPolicy,
): ChainReason | undefined {
  const [leaf] = chain
  if (leaf === undefined || usages.includes('anyExtendedKeyUsage')) return
  const allows = (certificate: CertificateFacts, usage: string): boolean => {
    const listed = certificate.extendedKeyUsage?.usages ?? []
    return (
      listed.length === 0 ||
      listed.includes(usage) ||
      (policy.anyUsage === 'counts' && listed.includes('anyExtendedKeyUsage'))
    )
  }
  const open = usages.filter((usage) => chain.every((certificate) => allows(certificate, usage)))
  if (open.length === 0) {
    const culprit = chain.findLast((one) => !usages.some((usage) => allows(one, usage))) ?? leaf
    const listed = culprit.extendedKeyUsage?.usages.join(', ') ?? ''
    const message = `its extended key usage is ${listed}, not ${usages.join(' or ')}`
    return reason('usage', culprit, message)
  }
  const bits = leaf.keyUsage?.bits
  if (policy.leafKeyUsage === 'ignored' || bits === undefined) return
  const fits = open.some((usage) => {
    const wanted = KEY_USAGES[usage]
    return wanted === undefined || wanted.some((bit) => bits.includes(bit))
  })
  if (!fits) {
    const message = `its key usage ${bits.join(', ')} does not fit ${open.join(' or ')}`
    return reason('key-usage', leaf, message)
  }
}

const KEY_USAGES: { readonly [usage: string]: readonly KeyUsageBit[] } = {
  serverAuth: ['digitalSignature', 'keyEncipherment', 'keyAgreement'],
  clientAuth: ['digitalSignature', 'keyAgreement'],
}

/** How well the key identifiers of an issuer and a certificate fit: 0 well, 1 one is missing, 2 not. */
export function keyIdentifierRank(issuer: CertificateFacts, child: CertificateFacts): 0 | 1 | 2 {
  const given = issuer.subjectKeyIdentifier ?? NONE
  const wanted = child.authorityKeyIdentifier?.keyIdentifier ?? NONE
  if (sameBytes(given, wanted)) return 0
  return given.length === 0 || wanted.length === 0 ? 1 : 2
}

/** Why the authority key identifier rules an issuer out, for consumers to whom it is binding. */
export function keyIdentifierReason(
  issuer: CertificateFacts,
  child: CertificateFacts,
): ChainReason | undefined {
  const serial = child.authorityKeyIdentifier?.serial
  if (keyIdentifierRank(issuer, child) === 2) {
    const message = 'its authority key identifier is not the subject key identifier of its issuer'
    return reason('key-id-mismatch', child, message)
  }
  if (serial !== undefined && serial !== issuer.serial) {
    const message = `its authority key identifier names serial ${serial.toString(16)}, its issuer has ${issuer.serial.toString(16)}`
    return reason('key-id-mismatch', child, message)
  }
}

/**
 * Whether a candidate is in the path already by subject, key and alternative names: this ends the
 * loops of cross-signed pairs.
 */
export function isRepeated(
  candidate: CertificateFacts,
  chain: readonly CertificateFacts[],
): boolean {
  const names = altNameBytes(candidate)
  for (const member of chain) {
    if (!sameBytes(member.subject.raw, candidate.subject.raw)) continue
    if (!sameBytes(member.publicKey.spki, candidate.publicKey.spki)) continue
    const others = altNameBytes(member)
    // Go looks no further here, so one look-alike without names lets a repetition pass
    if ((names === undefined) !== (others === undefined)) return false
    if (sameBytes(names ?? NONE, others ?? NONE)) return true
  }
  return false
}

/** The key under which a name is looked up. */
export function nameKey(name: CertificateFacts['subject'], policy: ChainPolicy): string {
  if (policy.names === 'bytes') return hexOf(name.raw)
  return JSON.stringify(
    name.rdns.map((rdn) =>
      rdn.map(({ type, value }) => [type, value.trim().replace(/\s+/g, ' ').toLowerCase()]).sort(),
    ),
  )
}

/** Self-issued, and its authority key identifier does not point elsewhere. */
export function looksSelfSigned(certificate: CertificateFacts): boolean {
  return certificate.selfIssued && keyIdentifierReason(certificate, certificate) === undefined
}

function isCaWithoutConstraints(
  issuer: CertificateFacts,
  anchor: boolean,
  policy: ChainPolicy,
): boolean {
  return policy.withoutBasicConstraints === 'version-1-anchor'
    ? anchor && issuer.version < 3
    : issuer.version === 1 && looksSelfSigned(issuer)
}

function unknownCritical(certificate: CertificateFacts, policy: ChainPolicy): string | undefined {
  const { extensions, altNames, nameConstraints } = certificate
  const unknown = extensions.find(({ oid, critical }) => critical && !policy.processes.has(oid))
  if (unknown !== undefined) return unknown.oid
  if (policy.parser !== 'go') return
  if (altNames?.critical) {
    const { dns, ip, email, uri } = altNames
    const known = dns.length + ip.length + email.length + uri.length
    if (known === 0) return 'subject alternative names of other kinds only'
  }
  if (nameConstraints?.critical) {
    const trees = [nameConstraints.permitted, nameConstraints.excluded]
    if (trees.some(({ other }) => other > 0)) return 'name constraints of other kinds'
    const directory = trees.some((tree) => tree.directory.length > 0)
    if (directory && policy.directoryConstraints === 'unknown') return 'directory name constraints'
  }
}

function altNameBytes(certificate: CertificateFacts): Uint8Array | undefined {
  return certificate.extensions.find(({ oid }) => oid === '2.5.29.17')?.value
}

const NONE = new Uint8Array()

function stamp(date: Date): string {
  return Number.isNaN(date.getTime()) ? 'an invalid date' : date.toISOString()
}

/** Everything that a search for a path depends on. */
export interface PathSearch {
  readonly leaf: CertificateFacts
  readonly intermediates: readonly CertificateFacts[]
  readonly anchors: readonly CertificateFacts[]
  readonly at: Date
  readonly usages: readonly string[]
  /** How many intermediates there may be, self-issued ones not counted (RFC 5280 §6.1.4). */
  readonly maxDepth: number
  readonly verifier: Verifier
  readonly policy: ChainPolicy
}

export interface PathFound {
  /** The first acceptable path, the leaf first. */
  readonly chain?: readonly CertificateFacts[]
  /** Why candidates were refused on the way, in the order of the search, bad signatures last. */
  readonly reasons: readonly ChainReason[]
}

type Path = readonly [CertificateFacts, ...CertificateFacts[]]

/** Go's limit; cross-signed CAs of one name would otherwise make the search exponential. */
const MAX_SIGNATURE_CHECKS = 100

const MAX_REASONS = 20

/**
 * Searches depth first for a path from the leaf to an anchor, anchors before intermediates and
 * candidates with a fitting key identifier first. Stops at the first acceptable one.
 */
export async function findPath(search: PathSearch): Promise<PathFound> {
  const { leaf, at, policy } = search
  const own = ownReason(leaf, at, policy)
  if (own !== undefined) return { reasons: [own] }
  const anchors = bySubject(search.anchors, policy)
  const intermediates = bySubject(search.intermediates, policy)
  const refused = new Map<string, ChainReason>()
  const refuse = (why: ChainReason): undefined => {
    const key = JSON.stringify([why.code, why.certificate, why.message])
    if (refused.size < MAX_REASONS || why.code === 'search-limit') refused.set(key, why)
  }
  let checks = 0

  const accept = (path: Path): Path | undefined => {
    const policies = policy.certificatePolicies === 'checked' ? policyReason(path) : undefined
    const why = policies ?? usageReason(path, search.usages, policy)
    return why === undefined ? path : refuse(why)
  }

  const extend = async (path: Path): Promise<Path | undefined> => {
    const child = path[path.length - 1] ?? leaf
    const key = nameKey(child.issuer, policy)
    const candidates = [
      ...ranked(anchors.get(key) ?? [], child).map((issuer) => ({ issuer, anchor: true })),
      ...ranked(intermediates.get(key) ?? [], child).map((issuer) => ({ issuer, anchor: false })),
    ]
    let tried = false
    for (const { issuer, anchor } of candidates) {
      if (isRepeated(issuer, path)) continue
      tried = true
      if (++checks > MAX_SIGNATURE_CHECKS) {
        const message = `no path after ${MAX_SIGNATURE_CHECKS} signature checks`
        return refuse(reason('search-limit', leaf, message))
      }
      const ends = anchor && endsPaths(issuer, policy)
      const why =
        (await signatureReason(child, issuer, anchor, search)) ??
        ownReason(issuer, at, policy) ??
        constraintReason(issuer, path, policy) ??
        lengthReason(issuer, path, policy) ??
        (ends ? undefined : depthReason(issuer, path, search.maxDepth))
      if (why !== undefined) {
        refuse(why)
        continue
      }
      const longer: Path = [...path, issuer]
      const found = ends ? accept(longer) : await extend(longer)
      if (found !== undefined) return found
      if (anchor && !ends) {
        const message = 'is an anchor, but not self-signed, and its own issuer is missing'
        refuse(reason('anchor-not-self-signed', issuer, message))
      }
    }
    return tried ? undefined : refuse(unknownIssuer(child))
  }

  const isAnchor = search.anchors.some((anchor) => hexOf(anchor.der) === hexOf(leaf.der))
  const chain = isAnchor && endsPaths(leaf, policy) ? accept([leaf]) : await extend([leaf])
  // a look-alike of the issuer is rarely the cause
  const rank = ({ code }: ChainReason) => (code === 'bad-signature' ? 1 : 0)
  return {
    ...(chain && { chain }),
    reasons: [...refused.values()].sort((a, b) => rank(a) - rank(b)),
  }
}

function bySubject(
  certificates: readonly CertificateFacts[],
  policy: ChainPolicy,
): ReadonlyMap<string, readonly CertificateFacts[]> {
  const found = new Map<string, CertificateFacts[]>()
  const seen = new Set<string>()
  for (const certificate of certificates) {
    const identity = hexOf(certificate.der)
    if (seen.has(identity)) continue
    seen.add(identity)
    const key = nameKey(certificate.subject, policy)
    const same = found.get(key)
    if (same === undefined) found.set(key, [certificate])
    else same.push(certificate)
  }
  return found
}

function ranked(candidates: readonly CertificateFacts[], child: CertificateFacts) {
  const rank = (issuer: CertificateFacts) => keyIdentifierRank(issuer, child)
  return candidates.toSorted((a, b) => rank(a) - rank(b))
}

function endsPaths(anchor: CertificateFacts, policy: ChainPolicy): boolean {
  return policy.anchors === 'any' || looksSelfSigned(anchor)
}

/** Whether `issuer` may have signed `child`, and did. */
async function signatureReason(
  child: CertificateFacts,
  issuer: CertificateFacts,
  anchor: boolean,
  { policy, verifier }: PathSearch,
): Promise<ChainReason | undefined> {
  const unfit =
    (policy.keyIdentifiers === 'binding' ? keyIdentifierReason(issuer, child) : undefined) ??
    issuerReason(issuer, anchor, policy)
  if (unfit !== undefined) return unfit
  const algorithm = signatureAlgorithmOf(child)
  if (!algorithm.supported) {
    const weak = algorithm.reason === 'weak-hash'
    const message = `is signed with ${algorithm.name}, which is ${weak ? 'too weak' : 'not supported'}`
    return reason(weak ? 'weak-signature' : 'unsupported-algorithm', child, message)
  }
  const { type, bits = MIN_RSA_BITS, spki } = issuer.publicKey
  if (type === 'RSA' && bits < MIN_RSA_BITS) {
    return reason('weak-key', issuer, `has an RSA key of ${bits} bits`)
  }
  if (await verifier.verify(child, spki)) return
  const serial = issuer.serial.toString(16)
  const message = `its signature is not by the key of its issuer (serial ${serial})`
  return reason('bad-signature', child, message)
}

/** Go 1.24 verifies nothing with shorter ones, OpenSSL at security level 1 neither. */
const MIN_RSA_BITS = 1024

function depthReason(
  issuer: CertificateFacts,
  path: Path,
  maxDepth: number,
): ChainReason | undefined {
  const count = [...path.slice(1), issuer].filter((ca) => !ca.selfIssued).length
  if (count <= maxDepth) return
  return reason('depth', issuer, `would be intermediate ${count}, at most ${maxDepth} are allowed`)
}

function unknownIssuer(child: CertificateFacts): ChainReason {
  if (child.selfIssued) {
    return reason('unknown-issuer', child, 'is issued by itself and is not an anchor')
  }
  const issuer = formatName(child.issuer.rdns)
  const message = `no anchor and no intermediate is its issuer ${quoted(issuer)}`
  return reason('unknown-issuer', child, message)
}
