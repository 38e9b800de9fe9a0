import { commonNameOf } from '../../ca/certificate/names.js'
import { sameBytes } from '../../values/bytes.js'
import { groupBy } from '../../values/lists.js'
import { quoted } from '../../values/text.js'
import { ancestors } from '../graph/trust.js'
import type { Certificate, Evidence } from '../read/evidence.js'
import type { FindingDraft, Rule, RuleContext } from '../types.js'
import { acceptersOf, indexOf, reaches } from './by-evidence.js'
import type { TrustUse } from './roles.js'
import { aboutCertificate, each, finding, GENERATE, HARDENING, nameOf, rule } from './rule.js'

const authorities = (evidence: Evidence) => indexOf(evidence).authorities
const latin1 = new TextDecoder('latin1')

function isTrusted(one: Certificate, evidence: Evidence): boolean {
  return trustedCertificates(evidence).has(one)
}

const trustedByEvidence = new WeakMap<Evidence, ReadonlySet<Certificate>>()

function trustedCertificates(evidence: Evidence): ReadonlySet<Certificate> {
  const known = trustedByEvidence.get(evidence)
  if (known) return known
  const made = new Set(indexOf(evidence).trusts.flatMap(({ certificates }) => certificates))
  trustedByEvidence.set(evidence, made)
  return made
}

const issuingByEvidence = new WeakMap<Evidence, ReadonlySet<Certificate>>()

/** Authorities above any other certificate of the evidence. */
export function issuingCertificates(evidence: Evidence): ReadonlySet<Certificate> {
  const known = issuingByEvidence.get(evidence)
  if (known) return known
  const made = new Set(
    evidence.certificates.flatMap((one) => one.issuers.filter((issuer) => issuer !== one)),
  )
  for (const one of [...made]) for (const above of ancestors(one)) made.add(above)
  issuingByEvidence.set(evidence, made)
  return made
}

const nonGoTrusts = (evidence: Evidence) =>
  indexOf(evidence).trusts.filter(
    ({ role, node }) =>
      role === 'root-ca' || (role === 'kubeconfig-ca' && node.kind === 'operator'),
  )

export const AUTHORITY_RULES: readonly Rule[] = [
  rule('C10', 'ca-same-dn-different-key', 'H', 'warning', {
    title: 'two trusted authorities share one name',
    citation: 'RFC 5280 §6.1; rancher/rancher#18805',
    why: 'Clients pick a candidate by name. Without key identifiers that differ, some try the wrong one and report a bad signature.',
    fix: 'give the new authority a name of its own, for example with the year in it',
    check: (evidence) => {
      const trusted = authorities(evidence).filter((one) => isTrusted(one, evidence))
      if (trusted.length === 0) return 'not-applicable'
      return [
        ...groupBy(trusted, ({ facts }) => latin1.decode(facts.subject.raw)).values(),
      ].flatMap((same) => {
        const [first, ...others] = same
        const other = others.find(({ keyId }) => keyId !== first?.keyId)
        const place = other?.places[0]
        if (!first || !place) return []
        const name = quoted(commonNameOf(first.facts.subject))
        return (
          aboutCertificate(
            first,
            `shares the name ${name} with ${nameOf(place)}, which has another key`,
          ) ?? []
        )
      })
    },
  }),
  rule('C12', 'partial-anchor', 'M', 'warning', {
    title: 'programs that are not Go get no self-signed root',
    citation: 'OpenSSL X509_V_FLAG_PARTIAL_CHAIN',
    why: 'Go ends a chain at any trusted certificate; OpenSSL-based clients in pods want the self-signed root in the bundle.',
    fix: 'cat ca.crt root-ca.crt > root-bundle.crt   # and give it to --root-ca-file',
    check: each(nonGoTrusts, ({ pem, certificates }) =>
      certificates.length > 0 && !certificates.some(({ facts }) => facts.selfIssued)
        ? finding(pem.place, 'holds no self-signed root, which clients other than Go need')
        : undefined,
    ),
  }),
  rule('C15', 'cross-sign-loop', 'M', 'warning', {
    title: 'authorities have signed each other',
    citation: 'RFC 4158 §2.4',
    why: 'There are several paths for one certificate, and each client chooses its own.',
    fix: 'keep one direction of the cross-signature, and only while rotating',
    check: each(authorities, (authority) => {
      const crossed = authority.issuers.find(
        (issuer) =>
          issuer.keyId !== authority.keyId &&
          [...ancestors(issuer)].some(
            ({ keyId, facts }) => keyId === authority.keyId && !facts.selfIssued,
          ),
      )
      const place = crossed?.places[0]
      return place && aboutCertificate(authority, `and ${nameOf(place)} have signed each other`)
    }),
  }),
  rule('C16', 'ca-not-self-consistent', 'C', 'error', {
    title: 'a root’s own signature does not verify',
    citation: 'RFC 5280 §6.1',
    why: 'The certificate was damaged or made up; OpenSSL-based clients refuse it, and so does whoever checks.',
    fix: GENERATE,
    check: each(
      (evidence) => authorities(evidence).filter(({ facts }) => facts.selfIssued),
      (authority) =>
        authority.issuers.length === 0 && !/md5|md2|sha1/i.test(authority.facts.signature.name)
          ? aboutCertificate(
              authority,
              'names itself as its issuer, but its own key did not sign it',
            )
          : undefined,
    ),
  }),
  rule('C17', 'orphan-ca', 'L', 'info', {
    title: 'a trusted authority has issued nothing here',
    citation: 'https://kubernetes.io/docs/tasks/tls/manual-rotation-of-ca-certificates/',
    why: 'Trust that nobody needs: whoever holds that key gets in.',
    fix: 'remove it from the trust files, unless a rotation is under way',
    profiles: HARDENING,
    check: each(
      (evidence) =>
        authorities(evidence).filter(
          (one) => isTrusted(one, evidence) && indexOf(evidence).leaves.length > 0,
        ),
      (authority, evidence) =>
        issuingCertificates(evidence).has(authority)
          ? undefined
          : aboutCertificate(authority, 'is trusted, but has issued no certificate of these trees'),
    ),
  }),
]

const GUIDE = 'https://kubernetes.io/docs/tasks/tls/manual-rotation-of-ca-certificates/'

const sameKey = (a: Certificate, b: Certificate) =>
  sameBytes(a.facts.publicKey.spki, b.facts.publicKey.spki)
const sameName = (a: Certificate, b: Certificate) =>
  sameBytes(a.facts.subject.raw, b.facts.subject.raw)

function before({ earlier }: Evidence): readonly Certificate[] {
  return earlier ? indexOf(earlier).authorities : []
}

function isKnown(one: Certificate, evidence: Evidence): boolean {
  return before(evidence).some(({ fingerprint }) => fingerprint === one.fingerprint)
}

const fresh = (evidence: Evidence) =>
  indexOf(evidence).authorities.filter((one) => !isKnown(one, evidence))

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

const name = ({ facts }: Certificate) => quoted(commonNameOf(facts.subject))

function* trustBeforeIssue(evidence: Evidence): Iterable<FindingDraft> {
  const old = new Set(before(evidence).map(({ fingerprint }) => fingerprint))
  for (const use of indexOf(evidence).uses) {
    const issuer = use.certificate.issuers.find(({ fingerprint }) => !old.has(fingerprint))
    if (!issuer || issuer === use.certificate) continue
    const behind = acceptersOf(use, evidence).find(
      (trust) => !reaches(use.certificate, trust.anchors, use.pem.certificates),
    )
    if (behind)
      yield finding(
        use.pem.place,
        `is from the new authority ${name(issuer)}, which ${nameOf(behind.pem.place)} on ${behind.node.name} does not trust yet`,
        { certificate: use.certificate },
      )
  }
}

function* distrusted(evidence: Evidence, { at }: RuleContext): Iterable<FindingDraft> {
  const issuing = issuingCertificates(evidence)
  for (const trust of indexOf(evidence).trusts) {
    const was = earlierTrust(trust, evidence)
    const gone = was?.certificates.filter(
      (one) => !trust.certificates.some(({ fingerprint }) => fingerprint === one.fingerprint),
    )
    for (const one of gone ?? []) {
      const here = evidence.certificates.find(({ fingerprint }) => fingerprint === one.fingerprint)
      const inUse = indexOf(evidence).uses.find(
        ({ certificate, role, row }) =>
          row.acceptedBy.includes(trust.role) &&
          role !== 'kubelet-serving' &&
          certificate.facts.notAfter > at &&
          sameBytes(certificate.facts.issuer.raw, one.facts.subject.raw) &&
          !reaches(certificate, trust.anchors),
      )
      if (inUse && (!here || issuing.has(here) || inUse.certificate.issuers.length === 0))
        yield finding(
          trust.pem.place,
          `no longer trusts ${name(one)}, from which ${nameOf(inUse.pem.place)} on ${inUse.node.name} still is`,
        )
    }
  }
}

export const ROTATION_RULES: readonly Rule[] = [
  rule('R01', 'trust-before-issue', 'C', 'error', {
    title: 'a certificate of the new authority meets somebody who trusts only the old one',
    citation: GUIDE,
    why: 'The connection fails in the middle of the rotation.',
    fix: 'first put the new authority into every trust file, then issue from it',
    needs: 'second-tree',
    check: (evidence) =>
      fresh(evidence).length === 0 ? 'not-applicable' : trustBeforeIssue(evidence),
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
    check: (evidence, context) => distrusted(evidence, context),
  }),
  rule('R04', 'stuck-overlap', 'M', 'warning', {
    title: 'both authorities were trusted before and still are',
    citation: 'https://kops.sigs.k8s.io/operations/rotate-secrets/',
    why: 'The old key keeps its power for as long as the overlap lasts.',
    fix: 'finish the rotation: replace the last certificates, then remove the old authority',
    needs: 'second-tree',
    check: each(
      (evidence) =>
        indexOf(evidence).trusts.filter(({ role }) => role === 'client-ca' || role === 'etcd-ca'),
      (trust, evidence) => {
        const was = earlierTrust(trust, evidence)
        const both = trust.certificates.filter((one) =>
          was?.certificates.some(({ fingerprint }) => fingerprint === one.fingerprint),
        )
        return both.length > 1
          ? finding(
              trust.pem.place,
              `trusts ${both.length} authorities, as it did before: the rotation has not gone on`,
            )
          : undefined
      },
    ),
  }),
  rule('R05', 'same-dn-roll', 'H', 'warning', {
    title: 'the new authority has the old one’s name',
    citation: 'rancher/rancher#18805',
    why: 'Clients choose the candidate by name; those that stop at the first one report a bad signature.',
    fix: 'give the new authority a name of its own',
    needs: 'second-tree',
    check: each(fresh, (one, evidence) =>
      before(evidence).some((old) => sameName(old, one) && !sameKey(old, one))
        ? aboutCertificate(one, `is a new authority with the old one’s name ${name(one)}`)
        : undefined,
    ),
  }),
  rule('R06', 'ca-reissued-same-key', 'I', 'info', {
    title: 'an authority was issued again with its old key',
    citation: 'NIST SP 800-57 part 1 §5.3.6',
    why: 'That helps against its end, not against a stolen key.',
    fix: 'after a compromise, make a new key',
    needs: 'second-tree',
    check: each(fresh, (one, evidence) =>
      before(evidence).some((old) => sameName(old, one) && sameKey(old, one))
        ? aboutCertificate(one, `is a new certificate for the old key of ${name(one)}`)
        : undefined,
    ),
  }),
]
