import { hexOf } from './der.js'
import { formatName } from './names.js'
import { signatureAlgorithmOf, type Verifier } from './signature.js'
import type { CertificateFacts } from './types.js'
import {
  isRepeated,
  issuerReason,
  keyIdentifierRank,
  keyIdentifierReason,
  lengthReason,
  looksSelfSigned,
  nameKey,
  ownReason,
  usageReason,
} from './verify-checks.js'
import { constraintReason } from './verify-constraints.js'
import { policyReason } from './verify-policies.js'
import type { ChainPolicy } from './verify-policy.js'
import { type ChainReason, quoted, reason } from './verify-reasons.js'

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
