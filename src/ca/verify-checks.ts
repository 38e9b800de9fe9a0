import { hexOf, sameBytes } from './der.js'
import type { CertificateFacts, KeyUsageBit } from './types.js'
import type { ChainPolicy } from './verify-policy.js'
import { type ChainReason, reason } from './verify-reasons.js'

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
  if (leaf === undefined || usages.includes('any')) return
  const allows = (certificate: CertificateFacts, usage: string): boolean => {
    const listed = certificate.extendedKeyUsage?.usages ?? []
    return (
      listed.length === 0 ||
      listed.includes(usage) ||
      (policy.anyUsage === 'counts' && listed.includes('any'))
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
