import { commonNameOf } from '../../ca/certificate/names.js'
import { fileAt } from '../../files/tree.js'
import { DAY, isoDay } from '../../values/time.js'
import type { Certificate, Evidence } from '../read/evidence.js'
import type { Rule } from '../types.js'
import { indexOf } from './by-evidence.js'
import { aboutCertificate, each, GENERATE, HARDENING, rule, STRICT } from './rule.js'

const certificates = (evidence: Evidence) => evidence.certificates
const leaves = (evidence: Evidence) => indexOf(evidence).leaves
const authorities = (evidence: Evidence) => indexOf(evidence).authorities

function lifeInDays({ facts }: Certificate): number {
  return (facts.notAfter.getTime() - facts.notBefore.getTime()) / DAY
}

const YEAR = 365
/** A root ends with little notice; kubeadm’s leaf lives a year. */
const AUTHORITY_HORIZON = 180
/** Nodes’ clocks differ by minutes. */
const ALLOWANCE = 5 * 60_000

const dayAsked = (days: number) => Math.floor(days)

function unused(one: Certificate, evidence: Evidence): boolean {
  return !indexOf(evidence).usesOf.has(one) && !authorities(evidence).includes(one)
}

const modified = (evidence: Evidence) =>
  indexOf(evidence).uses.flatMap((use) => {
    const entry = fileAt(use.node.tree, use.pem.place.path)
    return entry?.modified === undefined || use.pem.place.field !== undefined
      ? []
      : [{ use, at: entry.modified }]
  })

export const VALIDITY_RULES: readonly Rule[] = [
  rule('V01', 'expired', 'C', 'error', {
    title: 'a certificate has expired',
    citation: 'RFC 5280 §4.1.2.5',
    why: 'Every connection that needs it fails.',
    fix: `${GENERATE}   # kubeadm: kubeadm certs renew all, then restart the control plane`,
    check: each(certificates, (one, evidence, { at }) => {
      const { notAfter } = one.facts
      if (notAfter >= at) return undefined
      const ago = dayAsked((at.getTime() - notAfter.getTime()) / DAY)
      const text = `expired on ${isoDay(notAfter)}, ${ago} days ago`
      return aboutCertificate(one, text, unused(one, evidence) ? { severity: 'warning' } : {})
    }),
  }),
  rule('V02', 'expiring', 'H', 'warning', {
    title: 'a certificate ends soon',
    citation: 'kubernetes/kubeadm#581',
    why: 'It is an outage with a date. Authorities are reported half a year ahead, since replacing one takes a rotation.',
    fix: `${GENERATE}   # kubeadm: kubeadm certs renew all, then restart the control plane`,
    check: each(certificates, (one, evidence, { at, horizonDays }) => {
      const { notAfter } = one.facts
      const left = (notAfter.getTime() - at.getTime()) / DAY
      const isAuthority = trustedAuthority(one, evidence)
      const horizon = isAuthority ? Math.max(AUTHORITY_HORIZON, horizonDays) : horizonDays
      return left >= 0 && left < horizon
        ? aboutCertificate(one, `ends on ${isoDay(notAfter)}, in ${dayAsked(left)} days`)
        : undefined
    }),
  }),
  rule('V03', 'not-yet-valid', 'C', 'error', {
    title: 'a certificate is not valid yet',
    citation: 'RFC 5280 §4.1.2.5; kubernetes-sigs/cluster-api-provider-vsphere#503',
    why: 'Both sides refuse it until then. Usually a clock was wrong where it was made.',
    fix: `correct the clock (timedatectl), then ${GENERATE}`,
    check: each(certificates, (one, _evidence, { at }) =>
      one.facts.notBefore.getTime() > at.getTime() + ALLOWANCE
        ? aboutCertificate(one, `is not valid before ${one.facts.notBefore.toISOString()}`)
        : undefined,
    ),
  }),
  rule('V04', 'no-backdate', 'L', 'info', {
    title: 'a certificate begins the minute it was made',
    citation: 'kubernetes/kubernetes#118922 (five minutes)',
    why: 'A fresh node whose clock is a little slow refuses it.',
    fix: `${GENERATE}   # back-dates by five minutes`,
    needs: 'metadata',
    profiles: HARDENING,
    check: each(modified, ({ use, at }) => {
      const lead = at - use.certificate.facts.notBefore.getTime()
      return lead >= 0 && lead < 60_000
        ? aboutCertificate(
            use.certificate,
            'begins within a minute of its making; five minutes earlier is usual',
          )
        : undefined
    }),
  }),
  rule('V05', 'too-long-leaf', 'M', 'info', {
    title: 'a certificate lives longer than policies allow',
    citation: 'NIST SP 800-52 rev. 2 §3.1; CA/Browser Forum §6.3.2 (398 days)',
    why: 'Nothing revokes it in Kubernetes: a stolen key is good until the end.',
    fix: `set pki.validity.certificate to 8760h or less, then ${GENERATE}`,
    profiles: STRICT,
    check: each(leaves, (leaf) => {
      const days = lifeInDays(leaf)
      if (days <= 398) return undefined
      const severity = days > 3 * YEAR + 1 ? ('warning' as const) : ('info' as const)
      return aboutCertificate(leaf, `is valid for ${dayAsked(days)} days; 398 is the usual limit`, {
        severity,
      })
    }),
  }),
  rule('V06', 'ca-too-long-too-short', 'H', 'warning', {
    title: 'an authority lives too long, or not long enough for its next leaf',
    citation: 'NIST SP 800-57 part 1 §5.3.6',
    why: 'What is left of the authority cuts the next renewal short; one that never ends is never rotated.',
    fix: 'rotate the authority before its leaves are renewed again',
    check: each(authorities, (authority, evidence, { at }) => {
      const { notAfter } = authority.facts
      const left = (notAfter.getTime() - at.getTime()) / DAY
      const years = lifeInDays(authority) / YEAR
      if (years > 15.1 && years < 60)
        return aboutCertificate(authority, `is an authority for ${Math.round(years)} years`, {
          severity: 'info',
        })
      const life = longestLeaf(evidence).get(authority) ?? 0
      return left >= AUTHORITY_HORIZON && left < life
        ? aboutCertificate(
            authority,
            `ends on ${isoDay(notAfter)}, in ${dayAsked(left)} days: the next leaf of ${dayAsked(life)} days does not fit`,
          )
        : undefined
    }),
  }),
  rule('V07', 'effective-window', 'I', 'info', {
    title: 'a chain ends before its certificate',
    citation: 'kubernetes/kubeadm#1784',
    why: 'The date in the certificate is not the date of the outage: that is the earliest end over the chain.',
    fix: 'renew what ends first',
    check: (_evidence, { expiry }) =>
      expiry.length === 0
        ? 'not-applicable'
        : expiry.flatMap(({ node, path, field, notAfter, effectiveNotAfter }) =>
            effectiveNotAfter < notAfter
              ? [
                  {
                    node,
                    path,
                    message: `${path}${field === undefined ? '' : ` (${field})`} says ${notAfter.slice(0, 10)}, but its chain ends on ${effectiveNotAfter.slice(0, 10)}`,
                  },
                ]
              : [],
          ),
  }),
  rule('V08', 'same-second-cliff', 'M', 'info', {
    title: 'most certificates end at the same moment',
    citation: 'kOps upup/pkg/fi issue_cert.go (up to 30 days of skew)',
    why: 'A forgotten renewal stops the whole cluster at once instead of one component at a time.',
    fix: 'give rows of pki.certificates different validity',
    profiles: STRICT,
    check: (evidence) => {
      const all = leaves(evidence)
      if (all.length < 4) return 'not-applicable'
      const counts = new Map<number, number>()
      for (const { facts } of all) {
        const end = facts.notAfter.getTime()
        counts.set(end, (counts.get(end) ?? 0) + 1)
      }
      const [end, count] = [...counts].sort(([, a], [, b]) => b - a)[0] ?? [0, 0]
      return count * 2 > all.length
        ? [
            {
              message: `${count} of ${all.length} certificates end at ${new Date(end).toISOString()}`,
            },
          ]
        : []
    },
  }),
  rule('V09', 'window-inverted', 'C', 'error', {
    title: 'a certificate ends before it begins',
    citation: 'RFC 5280 §4.1.2.5; zlint e_validity_time_not_positive',
    why: 'It is never valid.',
    fix: GENERATE,
    check: each(certificates, (one) =>
      one.facts.notAfter <= one.facts.notBefore
        ? aboutCertificate(
            one,
            `is valid from ${one.facts.notBefore.toISOString()} to ${one.facts.notAfter.toISOString()}: never`,
          )
        : undefined,
    ),
  }),
  rule('V10', 'time-encoding', 'M', 'warning', {
    title: 'a date is written in the wrong type',
    citation: 'RFC 5280 §4.1.2.5; zlint e_wrong_time_format_pre2050',
    why: 'Go reads it; strict parsers refuse the certificate.',
    fix: GENERATE,
    check: each(certificates, (one) => {
      const odd = one.facts.oddities.filter((text) => /^not(Before|After) /.test(text))
      return odd.length > 0 ? aboutCertificate(one, `is odd: ${odd.join(', ')}`) : undefined
    }),
  }),
  rule('V11', 'absurd-far', 'L', 'warning', {
    title: 'a certificate that practically never ends',
    citation: 'kubespray etcd_cert script (36,500 days)',
    why: 'It is never rotated, and nobody remembers how when it has to be.',
    fix: `set pki.validity, then ${GENERATE}`,
    check: each(certificates, (one) =>
      lifeInDays(one) >= 60 * YEAR ||
      (one.facts.basicConstraints?.ca !== true && lifeInDays(one) > 20 * YEAR)
        ? aboutCertificate(one, `is valid until ${isoDay(one.facts.notAfter)}`)
        : undefined,
    ),
  }),
  rule('V12', 'revocation-ignored', 'I', 'info', {
    title: 'a certificate names a revocation service',
    citation: 'kubernetes/kubernetes#18982',
    why: 'Kubernetes reads neither CRLs nor OCSP: a revoked certificate still gets in.',
    fix: 'rotate the authority to shut a certificate out',
    check: each(certificates, (one) =>
      one.facts.extensions.some(({ oid }) => oid === '2.5.29.31' || oid === '1.3.6.1.5.5.7.1.1')
        ? aboutCertificate(one, 'has CRL or OCSP pointers, which Kubernetes does not read')
        : undefined,
    ),
  }),
]

const longestByEvidence = new WeakMap<Evidence, ReadonlyMap<Certificate, number>>()

/** The longest life in days that each authority gave one of its leaves. */
function longestLeaf(evidence: Evidence): ReadonlyMap<Certificate, number> {
  const known = longestByEvidence.get(evidence)
  if (known) return known
  const longest = new Map<Certificate, number>()
  for (const leaf of leaves(evidence))
    for (const issuer of leaf.issuers)
      longest.set(issuer, Math.max(longest.get(issuer) ?? 0, lifeInDays(leaf)))
  longestByEvidence.set(evidence, longest)
  return longest
}

/** Not the throw-away authority in a kubelet’s own kubelet.crt. */
function trustedAuthority(one: Certificate, evidence: Evidence): boolean {
  return (
    one.facts.basicConstraints?.ca === true &&
    !indexOf(evidence).usesOf.has(one) &&
    !/@\d+$/.test(commonNameOf(one.facts.subject))
  )
}
