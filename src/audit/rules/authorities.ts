import { commonNameOf } from '../../ca/certificate/names.js'
import { sameBytes } from '../../values/bytes.js'
import { groupBy } from '../../values/lists.js'
import { once } from '../../values/once.js'
import { quoted } from '../../values/text.js'
import { ancestors } from '../graph/trust.js'
import type { Certificate, Evidence } from '../read/evidence.js'
import type { Rule } from '../types.js'
import { acceptersOf, indexOf, reaches } from './by-evidence.js'
import { REISSUE } from './remedies.js'
import type { TrustUse, Use } from './roles.js'
import { HARDENING, nameOf, rule } from './rule.js'
import { authorities, leaves, only, subjectKey, trusts, trustsAs, uses } from './subjects.js'

const trustedCertificates = once(
  (evidence: Evidence): ReadonlySet<Certificate> =>
    new Set(trusts(evidence).flatMap(({ certificates }) => certificates)),
)
const trusted = only(authorities, (one, evidence) => trustedCertificates(evidence).has(one))
const trustedByName = once((evidence: Evidence) => groupBy(trusted(evidence), subjectKey))

/** Authorities above any other certificate of the evidence. */
export const issuingCertificates = once((evidence: Evidence): ReadonlySet<Certificate> => {
  const made = new Set(
    evidence.certificates.flatMap((one) => one.issuers.filter((issuer) => issuer !== one)),
  )
  for (const one of [...made]) for (const above of ancestors(one)) made.add(above)
  return made
})

const nonGoTrusts = only(
  trusts,
  ({ role, node }) => role === 'root-ca' || (role === 'kubeconfig-ca' && node.kind === 'operator'),
)

const GUIDE = 'https://kubernetes.io/docs/tasks/tls/manual-rotation-of-ca-certificates/'

const sameKey = (a: Certificate, b: Certificate) =>
  sameBytes(a.facts.publicKey.spki, b.facts.publicKey.spki)
const sameName = (a: Certificate, b: Certificate) =>
  sameBytes(a.facts.subject.raw, b.facts.subject.raw)

function before({ earlier }: Evidence): readonly Certificate[] {
  return earlier ? indexOf(earlier).authorities : []
}

const isIn = (all: readonly Certificate[] | undefined, one: Certificate) =>
  all?.some(({ fingerprint }) => fingerprint === one.fingerprint) === true
const fresh = only(authorities, (one, evidence) => !isIn(before(evidence), one))

const name = ({ facts }: Certificate) => quoted(commonNameOf(facts.subject))

export const AUTHORITY_RULES: readonly Rule[] = [
  rule('C10', 'ca-same-dn-different-key', 'H', 'warning', {
    title: 'two trusted authorities share one name',
    citation: 'RFC 5280 §6.1; rancher/rancher#18805',
    why: 'Clients pick a candidate by name. Without key identifiers that differ, some try the wrong one and report a bad signature.',
    fix: 'give the new authority a name of its own, for example with the year in it',
    of: trusted,
    say: (authority, evidence) => {
      const [first, ...others] = trustedByName(evidence).get(subjectKey(authority)) ?? []
      const place = others.find(({ keyId }) => keyId !== authority.keyId)?.places[0]
      return (
        first === authority &&
        place && {
          message: `shares the name ${name(authority)} with ${nameOf(place)}, which has another key`,
          suspects: [place],
        }
      )
    },
  }),
  rule('C12', 'partial-anchor', 'M', 'warning', {
    title: 'programs that are not Go get no self-signed root',
    citation: 'OpenSSL X509_V_FLAG_PARTIAL_CHAIN',
    why: 'Go ends a chain at any trusted certificate; OpenSSL-based clients in pods want the self-signed root in the bundle.',
    fix: 'cat ca.crt root-ca.crt > root-bundle.crt   # and give it to --root-ca-file',
    of: nonGoTrusts,
    when: ({ certificates }) =>
      certificates.length > 0 && !certificates.some(({ facts }) => facts.selfIssued),
    say: 'holds no self-signed root, which clients other than Go need',
  }),
  rule('C15', 'cross-sign-loop', 'M', 'warning', {
    title: 'authorities have signed each other',
    citation: 'RFC 4158 §2.4',
    why: 'There are several paths for one certificate, and each client chooses its own.',
    fix: 'keep one direction of the cross-signature, and only while rotating',
    of: authorities,
    say: (authority) => {
      const crossed = authority.issuers.find(
        (issuer) =>
          issuer.keyId !== authority.keyId &&
          [...ancestors(issuer)].some(
            ({ keyId, facts }) => keyId === authority.keyId && !facts.selfIssued,
          ),
      )
      const place = crossed?.places[0]
      return place && `and ${nameOf(place)} have signed each other`
    },
  }),
  rule('C16', 'ca-not-self-consistent', 'C', 'error', {
    title: 'a root’s own signature does not verify',
    citation: 'RFC 5280 §6.1',
    why: 'The certificate was damaged or made up; OpenSSL-based clients refuse it, and so does whoever checks.',
    fix: REISSUE,
    of: authorities,
    where: ({ facts }) => facts.selfIssued,
    when: (authority) =>
      authority.issuers.length === 0 && !/md5|md2|sha1/i.test(authority.facts.signature.name),
    say: 'names itself as its issuer, but its own key did not sign it',
  }),
  rule('C17', 'orphan-ca', 'L', 'info', {
    title: 'a trusted authority has issued nothing here',
    citation: GUIDE,
    why: 'Trust that nobody needs: whoever holds that key gets in.',
    fix: 'remove it from the trust files, unless a rotation is under way',
    profiles: HARDENING,
    of: trusted,
    where: (_one, evidence) => leaves(evidence).length > 0,
    when: (authority, evidence) => !issuingCertificates(evidence).has(authority),
    say: 'is trusted, but has issued no certificate of these trees',
  }),
  rule('R01', 'trust-before-issue', 'C', 'error', {
    title: 'a certificate of the new authority meets somebody who trusts only the old one',
    citation: GUIDE,
    why: 'The connection fails in the middle of the rotation.',
    fix: 'first put the new authority into every trust file, then issue from it',
    needs: 'second-tree',
    of: (evidence) => (fresh(evidence).length === 0 ? [] : uses(evidence)),
    say: (use, evidence) => {
      const { certificate, pem } = use
      const issuer = certificate.issuers.find((one) => !isIn(before(evidence), one))
      if (!issuer || issuer === certificate) return undefined
      const behind = acceptersOf(use, evidence).find(
        (trust) => !reaches(certificate, trust.anchors, pem.certificates),
      )
      return (
        behind &&
        `is from the new authority ${name(issuer)}, which ${nameOf(behind.pem.place)} on ${behind.node.name} does not trust yet`
      )
    },
  }),
  rule('R02', 'trust-matrix-hole', 'C', 'error', {
    title: 'a pair of components has no authority in common at this step',
    citation: 'https://docs.siderolabs.com/talos/ (CA rotation: connectivity check)',
    why: 'That pair cannot connect until the rotation goes on.',
    fix: 'keep both authorities in all trust files until every certificate is from the new one',
    needs: 'second-tree',
    check: (_evidence, { connections }) => {
      const judged = connections.filter(({ must }) => must === 'succeed')
      const holes = judged.filter(
        ({ will, rule: id }) => will === 'fail' && id === 'connection-untrusted',
      )
      if (judged.length === 0) return 'not-applicable'
      const [first] = holes
      return first
        ? [
            {
              ...(first.node !== undefined && { node: first.node }),
              message: `${holes.length} of ${judged.length} connections have no authority in common, for example ${first.from} → ${first.to}`,
            },
          ]
        : []
    },
  }),
  rule('R03', 'distrust-too-early', 'C', 'error', {
    title: 'an authority was removed while its certificates are in use',
    citation: 'https://kops.sigs.k8s.io/operations/rotate-secrets/',
    why: 'Whoever still has such a certificate is locked out.',
    fix: 'put the old authority back until its last certificate is replaced',
    needs: 'second-tree',
    of: trusts,
    say: (trust, evidence, { at }) => {
      const was = earlierTrust(trust, evidence)?.certificates ?? []
      return was.flatMap((old) => {
        const inUse = isIn(trust.certificates, old)
          ? undefined
          : stillUsed(old, trust, evidence, at)
        return inUse
          ? `no longer trusts ${name(old)}, from which ${nameOf(inUse.pem.place)} on ${inUse.node.name} still is`
          : []
      })
    },
  }),
  rule('R04', 'stuck-overlap', 'M', 'warning', {
    title: 'both authorities were trusted before and still are',
    citation: 'https://kops.sigs.k8s.io/operations/rotate-secrets/',
    why: 'The old key keeps its power for as long as the overlap lasts.',
    fix: 'finish the rotation: replace the last certificates, then remove the old authority',
    needs: 'second-tree',
    of: trustsAs('client-ca', 'etcd-ca'),
    say: (trust, evidence) => {
      const was = earlierTrust(trust, evidence)?.certificates
      const both = trust.certificates.filter((one) => isIn(was, one))
      return (
        both.length > 1 &&
        `trusts ${both.length} authorities, as it did before: the rotation has not gone on`
      )
    },
  }),
  rule('R05', 'same-dn-roll', 'H', 'warning', {
    title: 'the new authority has the old one’s name',
    citation: 'rancher/rancher#18805',
    why: 'Clients choose the candidate by name; those that stop at the first one report a bad signature.',
    fix: 'give the new authority a name of its own',
    needs: 'second-tree',
    of: fresh,
    when: (one, evidence) =>
      before(evidence).some((old) => sameName(old, one) && !sameKey(old, one)),
    say: (one) => `is a new authority with the old one’s name ${name(one)}`,
  }),
  rule('R06', 'ca-reissued-same-key', 'I', 'info', {
    title: 'an authority was issued again with its old key',
    citation: 'NIST SP 800-57 part 1 §5.3.6',
    why: 'That helps against its end, not against a stolen key.',
    fix: 'after a compromise, make a new key',
    needs: 'second-tree',
    of: fresh,
    when: (one, evidence) =>
      before(evidence).some((old) => sameName(old, one) && sameKey(old, one)),
    say: (one) => `is a new certificate for the old key of ${name(one)}`,
  }),
]

/** The same trust file as it was before. */
function earlierTrust(trust: TrustUse, { earlier }: Evidence): TrustUse | undefined {
  return (
    earlier &&
    indexOf(earlier).trusts.find(
      ({ role, pem }) =>
        role === trust.role &&
        pem.place.node === trust.pem.place.node &&
        pem.place.path === trust.pem.place.path,
    )
  )
}

/** A certificate of an authority that a trust file no longer has, and that it has to accept. */
function stillUsed(
  authority: Certificate,
  trust: TrustUse,
  evidence: Evidence,
  at: Date,
): Use | undefined {
  const used = uses(evidence).find(
    ({ certificate, role, row }) =>
      row.acceptedBy.includes(trust.role) &&
      role !== 'kubelet-serving' &&
      certificate.facts.notAfter > at &&
      sameBytes(certificate.facts.issuer.raw, authority.facts.subject.raw) &&
      !reaches(certificate, trust.anchors),
  )
  const here = evidence.certificates.find(
    ({ fingerprint }) => fingerprint === authority.fingerprint,
  )
  const isIssuer = !here || issuingCertificates(evidence).has(here)
  return used && (isIssuer || used.certificate.issuers.length === 0) ? used : undefined
}
