import { hexOf, sameBytes } from '../../values/bytes.js'
import { groupBy } from '../../values/lists.js'
import { once } from '../../values/once.js'
import { isoDay } from '../../values/time.js'
import { ancestors } from '../graph/trust.js'
import type { Certificate, Evidence, Place } from '../read/evidence.js'
import type { Rule } from '../types.js'
import { issuingCertificates } from './authorities.js'
import { acceptersOf, indexOf, reaches, trustsIn } from './by-evidence.js'
import { REISSUE } from './remedies.js'
import { authorityOf, issuerOf, type Use } from './roles.js'
import { finding, HARDENING, nameOf, rule, STRICT } from './rule.js'
import { authorities, certificates, leaves, only, subjectKey, uses } from './subjects.js'

/** Kubeconfigs have rules of their own (F03, F07), and so has the kubelet’s door (M07). */
const slotted = only(
  uses,
  ({ role, row }) => role !== 'user' && role !== 'kubelet-client' && row.acceptedBy.length > 0,
)

function isUntrusted(use: Use, evidence: Evidence): boolean {
  const accepters = acceptersOf(use, evidence).filter(({ certificates }) => certificates.length > 0)
  return (
    accepters.length > 0 &&
    !accepters.every((trust) => reaches(use.certificate, trust.anchors, use.pem.certificates))
  )
}

/** Another zone’s trust file that accepts the certificate although its own does not. */
function otherSlot(use: Use, evidence: Evidence) {
  const roles = ['client-ca', 'etcd-ca', 'requestheader-ca'] as const
  return roles
    .filter((role) => authorityOf(role) !== issuerOf(use.role))
    .flatMap((role) => trustsIn(evidence, role).slice(0, 1))
    .find((trust) => reaches(use.certificate, trust.anchors, use.pem.certificates))
}

const authoritiesByName = once((evidence: Evidence) => groupBy(authorities(evidence), subjectKey))

/** Certificates without an issuer among the files, of which no trust file speaks. */
const strangers = only(
  leaves,
  (leaf, evidence) =>
    leaf.issuers.length === 0 &&
    (indexOf(evidence).usesOf.get(leaf) ?? []).every(
      (use) => acceptersOf(use, evidence).length === 0,
    ),
)
function accepterPlaces(use: Use, evidence: Evidence) {
  return acceptersOf(use, evidence).map(({ pem }) => pem.place)
}

function acceptersText(use: Use, evidence: Evidence): string {
  const [first] = acceptersOf(use, evidence)
  return first ? nameOf(first.pem.place) : 'its trust file'
}

function keyIdMismatch(one: Certificate, issuer: Certificate): boolean {
  const [wanted, given] = [
    one.facts.authorityKeyIdentifier?.keyIdentifier,
    issuer.facts.subjectKeyIdentifier,
  ]
  return wanted !== undefined && given !== undefined && !sameBytes(wanted, given)
}

/** Trust files that accept none of several certificates which they have to accept, and that no other place’s file accepts. */
function* replaced(evidence: Evidence): Iterable<ReplacedAuthority> {
  const demands = uses(evidence).flatMap((use) =>
    acceptersOf(use, evidence).flatMap(({ pem, certificates }) =>
      certificates.length > 0 ? [{ pem, use }] : [],
    ),
  )
  for (const [pem, pairs] of groupBy(demands, (one) => one.pem)) {
    const demanding = pairs.map(({ use }) => use)
    const anchors = new Set(pem.certificates)
    const isLost = (use: Use) =>
      !reaches(use.certificate, anchors, use.pem.certificates) && !otherSlot(use, evidence)
    const distinct = new Set(demanding.map(({ certificate }) => certificate))
    if (distinct.size > 1 && demanding.every(isLost))
      yield { place: pem.place, uses: demanding.filter(firstOf(distinct)) }
  }
}

interface ReplacedAuthority {
  readonly place: Place
  readonly uses: readonly Use[]
}

/** Each certificate once, however many use it. */
function firstOf(left: Set<Certificate>) {
  return ({ certificate }: Use) => left.delete(certificate)
}

const canSign = ({ facts }: Certificate) =>
  facts.basicConstraints?.ca === true &&
  (facts.keyUsage === undefined || facts.keyUsage.bits.includes('keyCertSign'))

export const CHAIN_RULES: readonly Rule[] = [
  rule('C01', 'untrusted', 'C', 'error', {
    title: 'a certificate does not chain to the authority of its place',
    citation: 'RFC 5280 §6.1; Go crypto/x509',
    why: 'The other side ends the handshake with "certificate signed by unknown authority".',
    fix: REISSUE,
    of: slotted,
    when: (use, evidence) => isUntrusted(use, evidence) && !otherSlot(use, evidence),
    say: (use, evidence) => ({
      message: `does not chain to ${acceptersText(use, evidence)}`,
      suspects: accepterPlaces(use, evidence),
    }),
  }),
  rule('C18', 'authority-replaced', 'C', 'error', {
    title:
      'a trust file holds another authority than the one that signed the certificates of its place',
    citation: 'RFC 5280 §6.1; https://kubernetes.io/docs/setup/best-practices/certificates/',
    why: 'A second kubeadm init, or a restored backup, has put a new authority in the place of the cluster’s: everything that hangs on the old one is refused here.',
    fix: 'put back the authority that signed the certificates, or have them all issued anew by this one',
    of: (evidence) => [...replaced(evidence)],
    say: ({ uses }) => {
      const issuers = new Set(uses.flatMap(({ certificate }) => certificate.issuers))
      const [place] = [...issuers].flatMap(({ places }) => places)
      const still = place ? `; theirs is still in ${nameOf(place)} on ${place.node}` : ''
      return `signed none of the ${uses.length} certificates that have to hang on it${still}`
    },
  }),
  rule('C02', 'wrong-ca-slot', 'C', 'error', {
    title: 'a certificate comes from another place’s authority',
    citation: 'CIS 2.7; https://kubernetes.io/docs/setup/best-practices/certificates/',
    why: 'Its own door refuses it, and the door of the other authority lets it in.',
    fix: REISSUE,
    of: slotted,
    say: (use, evidence) => {
      const other = isUntrusted(use, evidence) ? otherSlot(use, evidence) : undefined
      return (
        other && {
          message: `is signed by an authority of ${nameOf(other.pem.place)}; it must be one of ${acceptersText(use, evidence)}`,
          suspects: accepterPlaces(use, evidence),
        }
      )
    },
  }),
  rule('C19', 'issuer-in-name-only', 'C', 'error', {
    title: 'a certificate names an authority that has not signed it',
    citation: 'RFC 5280 §6.1.3',
    why: 'The authority was made anew under its old name, or another of that name has signed: whoever trusts the one that is here refuses the certificate.',
    fix: REISSUE,
    of: strangers,
    say: (leaf, evidence) => {
      const named = authoritiesByName(evidence).get(hexOf(leaf.facts.issuer.raw)) ?? []
      const place = named[0]?.places[0]
      return (
        place &&
        `names the authority of ${nameOf(place)} as its issuer, whose key has not signed it`
      )
    },
  }),
  rule('C03', 'intermediate-missing', 'H', 'error', {
    title: 'an intermediate is neither served nor trusted',
    citation: 'kubernetes/kubeadm#2360; RFC 8446 §4.4.2',
    why: 'The chain has a gap: clients that happen to know the intermediate connect, all others do not.',
    fix: 'cat LEAF.crt INTERMEDIATE.crt > FILE   # or put the intermediate into the trust file',
    of: slotted,
    say: (use, evidence) => {
      if (!isUntrusted(use, evidence)) return undefined
      const above = ancestors(use.certificate)
      const [trust] = acceptersOf(use, evidence)
      const root = trust?.certificates.find((anchor) => above.has(anchor))
      if (!root || !trust) return undefined
      const lack = 'only over an intermediate that neither file holds'
      // Where nothing leads there, the file of authorities is what was changed.
      const all = slotted(evidence).filter((one) =>
        acceptersOf(one, evidence).some(({ pem }) => pem === trust.pem),
      )
      return all.length > 1 && all.every((one) => isUntrusted(one, evidence))
        ? finding(trust.pem.place, `is reached by ${all.length} certificates ${lack}`)
        : {
            message: `leads to ${nameOf(trust.pem.place)} ${lack}`,
            suspects: [trust.pem.place],
          }
    },
  }),
  rule('C04', 'issuer-not-ca', 'C', 'error', {
    title: 'the issuer may not issue',
    citation: 'RFC 5280 §4.2.1.9, §4.2.1.3; CVE-2026-33896',
    why: 'Go refuses a chain over a certificate without CA:TRUE or keyCertSign. Lax verifiers accept it, and then any leaf can forge others.',
    fix: REISSUE,
    of: (evidence) => [...issuingCertificates(evidence)],
    when: (issuer) => !canSign(issuer),
    say: 'has signed other certificates, but lacks CA:TRUE or keyCertSign: Go refuses them',
  }),
  rule('C05', 'pathlen-exceeded', 'C', 'error', {
    title: 'an authority stands deeper than its path length allows',
    citation: 'RFC 5280 §4.2.1.9',
    why: 'Go refuses every chain through it.',
    fix: 'issue the upper authority with a larger pathLenConstraint, or sign the leaves directly',
    of: authorities,
    say: (authority) => {
      const issuer = authority.issuers.find((one) => one !== authority)
      const limit = issuer?.facts.basicConstraints?.pathLength
      const place = issuer?.places[0]
      return (
        limit === 0 &&
        place &&
        !authority.facts.selfIssued &&
        `is an authority below ${nameOf(place)}, whose path length is 0`
      )
    },
  }),
  rule('C06', 'aki-ski-mismatch', 'H', 'warning', {
    title: 'the authority key identifier names another key',
    citation: 'RFC 5280 §4.2.1.1',
    why: 'Go connects, but OpenSSL, Node and Java clients find no issuer: only curl is broken.',
    fix: REISSUE,
    of: certificates,
    where: ({ issuers }) => issuers.length > 0,
    say: (certificate) => {
      const [issuer] = certificate.issuers
      if (!issuer || !certificate.issuers.every((one) => keyIdMismatch(certificate, one)))
        return undefined
      const wanted = certificate.facts.authorityKeyIdentifier?.keyIdentifier
      const given = issuer.facts.subjectKeyIdentifier
      return `names the issuer’s key ${wanted ? hexOf(wanted) : ''}, but its issuer has ${given ? hexOf(given) : ''}: OpenSSL refuses it, Go does not look`
    },
  }),
  rule('C07', 'aki-issuer-serial-stale', 'H', 'warning', {
    title: 'the authority key identifier names an older issuer by serial number',
    citation: 'RFC 5280 §4.2.1.1',
    why: 'After the authority was issued again with the same key, OpenSSL clients look for the old certificate and find none.',
    fix: REISSUE,
    of: certificates,
    where: ({ facts }) => facts.authorityKeyIdentifier?.serial !== undefined,
    say: (certificate) => {
      const serial = certificate.facts.authorityKeyIdentifier?.serial
      const { issuers } = certificate
      return (
        issuers.length > 0 &&
        !issuers.some(({ facts }) => facts.serial === serial) &&
        `names its issuer’s serial number ${serial?.toString(16)}, which no authority here has`
      )
    },
  }),
  rule('C08', 'ski-missing-ca', 'M', 'warning', {
    title: 'an authority has no subject key identifier',
    citation: 'RFC 5280 §4.2.1.2',
    why: 'In a roll-over nothing but trial tells the old authority of that name from the new one.',
    fix: REISSUE,
    of: authorities,
    when: (authority) => authority.facts.version === 3 && !authority.facts.subjectKeyIdentifier,
    say: 'is an authority without a subject key identifier',
  }),
  rule('C09', 'aki-missing', 'L', 'info', {
    title: 'a certificate has no authority key identifier',
    citation: 'RFC 5280 §4.2.1.1',
    why: 'Clients find the issuer by name alone.',
    fix: REISSUE,
    profiles: HARDENING,
    of: leaves,
    when: (leaf) => !leaf.facts.selfIssued && !leaf.facts.authorityKeyIdentifier?.keyIdentifier,
    say: 'has no authority key identifier',
  }),
  rule('C11', 'self-signed-leaf', 'H', 'warning', {
    title: 'a component serves a self-signed certificate',
    citation: 'kubernetes/kubeadm#1223',
    why: 'Nobody can verify it, so clients learn to skip verification.',
    fix: REISSUE,
    of: uses,
    where: ({ role }) => role !== 'kubelet-serving',
    when: ({ certificate }) =>
      certificate.facts.selfIssued && certificate.issuers.includes(certificate),
    say: 'is self-signed, where a certificate of the cluster’s authority is expected',
  }),
  rule('C13', 'leaf-outlives-issuer', 'H', 'warning', {
    title: 'a certificate ends after its authority',
    citation: 'RFC 5280 §6.1; kubeadm does not clamp',
    why: 'The chain ends with the authority, long before the date that everybody watches.',
    fix: 'renew the authority first, then the certificate',
    of: leaves,
    say: (leaf) => {
      const { notAfter } = leaf.facts
      const ends = leaf.issuers.map(({ facts }) => facts.notAfter.getTime())
      const last = Math.max(...ends)
      return (
        ends.length > 0 &&
        last < notAfter.getTime() &&
        `is valid until ${isoDay(notAfter)}, but its authority ends on ${isoDay(new Date(last))}`
      )
    },
  }),
  rule('C14', 'leaf-predates-issuer', 'L', 'info', {
    title: 'a certificate begins before its authority',
    citation: 'kubernetes/kubernetes#113618',
    why: 'Scanners that demand nested validity complain; kubeadm copies the authority’s start for this reason.',
    fix: REISSUE,
    profiles: STRICT,
    of: leaves,
    say: (leaf) => {
      const starts = leaf.issuers.map(({ facts }) => facts.notBefore.getTime())
      const first = Math.min(...starts)
      return (
        starts.length > 0 &&
        first > leaf.facts.notBefore.getTime() &&
        `begins on ${leaf.facts.notBefore.toISOString()}, before its authority (${new Date(first).toISOString()})`
      )
    },
  }),
]
