import { sameBytes } from '../../ca/der.js'
import type { Certificate, Estate } from '../estate.js'
import type { FindingDraft, Rule, RuleContext } from '../types.js'
import { issuingCertificates } from './authorities.js'
import { indexOf, type Trust } from './index-of-estate.js'
import { acceptersOf, anchorsOf, reaches } from './reach.js'
import { aboutCertificate, each, finding, nameOf, quoted, rule } from './row.js'

const GUIDE = 'https://kubernetes.io/docs/tasks/tls/manual-rotation-of-ca-certificates/'

const sameKey = (a: Certificate, b: Certificate) =>
  sameBytes(a.facts.publicKey.spki, b.facts.publicKey.spki)
const sameName = (a: Certificate, b: Certificate) =>
  sameBytes(a.facts.subject.raw, b.facts.subject.raw)

function before({ earlier }: Estate): readonly Certificate[] {
  return earlier ? indexOf(earlier).authorities : []
}

function isKnown(one: Certificate, estate: Estate): boolean {
  return before(estate).some(({ fingerprint }) => fingerprint === one.fingerprint)
}

const fresh = (estate: Estate) => indexOf(estate).authorities.filter((one) => !isKnown(one, estate))

/** The same trust file as it was before. */
function earlierTrust(trust: Trust, { earlier }: Estate): Trust | undefined {
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

const name = ({ facts }: Certificate) => quoted(facts.subject.commonNames[0] ?? '')

function* trustBeforeIssue(estate: Estate): Iterable<FindingDraft> {
  const old = new Set(before(estate).map(({ fingerprint }) => fingerprint))
  for (const use of indexOf(estate).uses) {
    const issuer = use.certificate.issuers.find(({ fingerprint }) => !old.has(fingerprint))
    if (!issuer || issuer === use.certificate) continue
    const behind = acceptersOf(use, estate).find(
      (trust) => !reaches(use.certificate, anchorsOf(trust), use.pem.certificates),
    )
    if (behind)
      yield finding(
        use.pem.place,
        `is from the new authority ${name(issuer)}, which ${nameOf(behind.pem.place)} on ${behind.node.name} does not trust yet`,
        { certificate: use.certificate },
      )
  }
}

function* distrusted(estate: Estate, { at }: RuleContext): Iterable<FindingDraft> {
  const issuing = issuingCertificates(estate)
  for (const trust of indexOf(estate).trusts) {
    const was = earlierTrust(trust, estate)
    const gone = was?.certificates.filter(
      (one) => !trust.certificates.some(({ fingerprint }) => fingerprint === one.fingerprint),
    )
    for (const one of gone ?? []) {
      const here = estate.certificates.find(({ fingerprint }) => fingerprint === one.fingerprint)
      const inUse = indexOf(estate).uses.find(
        ({ certificate, role, row }) =>
          row.acceptedBy.includes(trust.role) &&
          role !== 'kubelet-serving' &&
          certificate.facts.notAfter > at &&
          sameBytes(certificate.facts.issuer.raw, one.facts.subject.raw) &&
          !reaches(certificate, anchorsOf(trust)),
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
    check: (estate) => (fresh(estate).length === 0 ? 'not-applicable' : trustBeforeIssue(estate)),
  }),
  rule('R02', 'trust-matrix-hole', 'C', 'error', {
    title: 'a pair of components has no authority in common at this step',
    citation: 'https://docs.siderolabs.com/talos/ (CA rotation: connectivity check)',
    why: 'That pair cannot connect until the rotation goes on.',
    fix: 'keep both authorities in all trust files until every certificate is from the new one',
    needs: 'second-tree',
    check: (_estate, { connections }) => {
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
    check: (estate, context) => distrusted(estate, context),
  }),
  rule('R04', 'stuck-overlap', 'M', 'warning', {
    title: 'both authorities were trusted before and still are',
    citation: 'https://kops.sigs.k8s.io/operations/rotate-secrets/',
    why: 'The old key keeps its power for as long as the overlap lasts.',
    fix: 'finish the rotation: replace the last certificates, then remove the old authority',
    needs: 'second-tree',
    check: each(
      (estate) =>
        indexOf(estate).trusts.filter(({ role }) => role === 'client-ca' || role === 'etcd-ca'),
      (trust, estate) => {
        const was = earlierTrust(trust, estate)
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
    check: each(fresh, (one, estate) =>
      before(estate).some((old) => sameName(old, one) && !sameKey(old, one))
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
    check: each(fresh, (one, estate) =>
      before(estate).some((old) => sameName(old, one) && sameKey(old, one))
        ? aboutCertificate(one, `is a new certificate for the old key of ${name(one)}`)
        : undefined,
    ),
  }),
]
