import { fileAt } from '../../files/tree.js'
import { groupBy } from '../../values/lists.js'
import { once } from '../../values/once.js'
import { plural } from '../../values/text.js'
import { DAY, isoDay } from '../../values/time.js'
import { ancestors } from '../graph/trust.js'
import type { Certificate, Evidence } from '../read/evidence.js'
import { shortPath } from '../read/paths.js'
import type { Rule } from '../types.js'
import { indexOf } from './by-evidence.js'
import { after, byOwner, REISSUE, RENEW, remarked, renewWithin } from './remedies.js'
import { HARDENING, rule, STRICT } from './rule.js'
import { authorities, certificates, isSelfMade, leaves } from './subjects.js'

const YEAR = 365
/** A root ends with little notice; kubeadm’s leaf lives a year. */
const AUTHORITY_HORIZON = 180
/** kpki gen renews what ends within so many days, or the last third of a shorter life. */
const RENEWED = 30
const ROTATE =
  'rotate the authority: trust a new one beside it first, then issue from the new one, then drop the old one'
/** Nodes’ clocks differ by minutes. */
const ALLOWANCE = 5 * 60_000

const daysBetween = (from: Date, to: Date) => (to.getTime() - from.getTime()) / DAY
const lifeInDays = ({ facts }: Certificate) => daysBetween(facts.notBefore, facts.notAfter)

function unused(one: Certificate, evidence: Evidence): boolean {
  return !indexOf(evidence).usesOf.has(one) && !authorities(evidence).includes(one)
}

const modified = (evidence: Evidence) =>
  indexOf(evidence).uses.flatMap((use) => {
    const entry = fileAt(use.node.tree, use.pem.place.path)
    return entry?.modified === undefined || use.pem.place.field !== undefined
      ? []
      : [{ ...use.certificate, lead: entry.modified - use.certificate.facts.notBefore.getTime() }]
  })

/** The longest life in days that each authority gave one of its leaves. */
const longestLeaf = once((evidence: Evidence): ReadonlyMap<Certificate, number> => {
  const longest = new Map<Certificate, number>()
  for (const leaf of leaves(evidence))
    for (const issuer of leaf.issuers)
      longest.set(issuer, Math.max(longest.get(issuer) ?? 0, lifeInDays(leaf)))
  return longest
})

export const VALIDITY_RULES: readonly Rule[] = [
  rule('V01', 'expired', 'C', 'error', {
    title: 'a certificate has expired',
    citation: 'RFC 5280 §4.1.2.5',
    why: 'Every connection that needs it fails.',
    fix: RENEW,
    of: certificates,
    when: (one, evidence, { at }) => one.facts.notAfter < at && !isDeadEntry(one, evidence),
    say: (one, evidence, { at }) => {
      const { notAfter } = one.facts
      const ago = Math.floor(daysBetween(notAfter, at))
      const message = `expired on ${isoDay(notAfter)}, ${ago} days ago`
      return unused(one, evidence) ? { message, severity: 'warning' } : message
    },
  }),
  rule('V02', 'expiring', 'H', 'warning', {
    title: 'a certificate ends soon',
    citation: 'kubernetes/kubeadm#581',
    why: 'It is an outage with a date. One that lives shortly is due in the last third of its life, as kpki gen renews it. Authorities are reported half a year ahead, since replacing one takes a rotation.',
    fix: RENEW,
    of: certificates,
    // What a kubelet made for itself it makes anew, and nobody verifies it.
    where: (one) => !isThrowaway(one),
    say: (one, evidence, { at, horizonDays }) => {
      const { notAfter } = one.facts
      const left = daysBetween(at, notAfter)
      const isAuthority = trustedAuthority(one, evidence)
      const horizon = isAuthority
        ? Math.max(AUTHORITY_HORIZON, horizonDays)
        : Math.min(horizonDays, lifeInDays(one) / 3)
      if (left < 0 || left >= horizon) return undefined
      const message = `ends on ${isoDay(notAfter)}, in ${Math.floor(left)} days`
      if (isAuthority) return { message, fix: ROTATE }
      return left < Math.min(RENEWED, lifeInDays(one) / 3)
        ? message
        : { message, fix: renewWithin(Math.ceil(left) + 1) }
    },
  }),
  rule('V03', 'not-yet-valid', 'C', 'error', {
    title: 'a certificate is not valid yet',
    citation: 'RFC 5280 §4.1.2.5; kubernetes-sigs/cluster-api-provider-vsphere#503',
    why: 'Both sides refuse it until then. Usually a clock was wrong where it was made.',
    fix: after('correct the clock (timedatectl)', REISSUE),
    of: certificates,
    when: (one, _evidence, { at }) => one.facts.notBefore.getTime() > at.getTime() + ALLOWANCE,
    say: (one) => `is not valid before ${one.facts.notBefore.toISOString()}`,
  }),
  rule('V04', 'no-backdate', 'L', 'info', {
    title: 'a certificate begins the minute it was made',
    citation: 'kubernetes/kubernetes#118922 (five minutes)',
    why: 'A fresh node whose clock is a little slow refuses it.',
    fix: remarked(REISSUE, 'with a begin five minutes back'),
    needs: 'metadata',
    profiles: HARDENING,
    of: modified,
    when: ({ lead }) => lead >= 0 && lead < 60_000,
    say: 'begins within a minute of its making; five minutes earlier is usual',
  }),
  rule('V05', 'too-long-leaf', 'L', 'info', {
    title: 'a certificate lives longer than policies allow',
    citation: 'NIST SP 800-52 rev. 2 §3.1; CA/Browser Forum §6.3.2 (398 days)',
    why: 'Nothing revokes it in Kubernetes: a stolen key is good until the end.',
    fix: after(
      byOwner({
        kpki: 'set spec.pki.validity.certificate to 8760h or less',
        kubeadm: 'set certificateValidityPeriod of ClusterConfiguration (v1beta4) to 8760h or less',
        others: 'choose an end within 398 days',
      }),
      REISSUE,
    ),
    profiles: STRICT,
    of: leaves,
    when: (leaf) => lifeInDays(leaf) > 398,
    say: (leaf) => ({
      message: `is valid for ${Math.floor(lifeInDays(leaf))} days; 398 is the usual limit`,
      severity: lifeInDays(leaf) > 3 * YEAR + 1 ? 'warning' : 'info',
    }),
  }),
  rule('V06', 'ca-too-long-too-short', 'H', 'warning', {
    title: 'an authority lives too long, or not long enough for its next leaf',
    citation: 'NIST SP 800-57 part 1 §5.3.6',
    why: 'What is left of the authority cuts the next renewal short; one that never ends is never rotated.',
    fix: 'rotate the authority before its leaves are renewed again',
    of: authorities,
    where: (authority) => !isThrowaway(authority),
    say: (authority, evidence, { at }) => {
      const { notAfter } = authority.facts
      const left = daysBetween(at, notAfter)
      const years = lifeInDays(authority) / YEAR
      if (years > 15.1 && years < 60)
        return { message: `is an authority for ${Math.round(years)} years`, severity: 'info' }
      const life = longestLeaf(evidence).get(authority) ?? 0
      return (
        left >= AUTHORITY_HORIZON &&
        left < life &&
        `ends on ${isoDay(notAfter)}, in ${Math.floor(left)} days: the next leaf of ${Math.floor(life)} days does not fit`
      )
    },
  }),
  rule('V07', 'effective-window', 'I', 'info', {
    title: 'a chain ends before its certificate',
    citation: 'kubernetes/kubeadm#1784',
    why: 'The date in the certificate is not the date of the outage: that is the earliest end over the chain.',
    fix: 'renew what ends first',
    of: authorities,
    say: (authority, evidence, { expiry }) => {
      const { notAfter } = authority.facts
      const end = notAfter.toISOString()
      const late = expiry.filter(
        (one) => one.effectiveNotAfter === end && one.notAfter > end && !one.authority,
      )
      const below = late.filter(({ certificate }) => isBelow(certificate, authority, evidence))
      const [first] = below
      const where = new Set(below.map(({ certificate }) => certificate)).size
      return (
        first &&
        `ends on ${isoDay(notAfter)}, before ${plural(where, 'certificate')} that hangs on it: ${shortPath(first.path)} on ${first.node} says ${first.notAfter.slice(0, 10)}`
      )
    },
  }),
  rule('V08', 'same-second-cliff', 'L', 'info', {
    title: 'most certificates end at the same moment',
    citation: 'kOps upup/pkg/fi issue_cert.go (up to 30 days of skew)',
    why: 'A forgotten renewal stops the whole cluster at once instead of one component at a time.',
    fix: byOwner({
      kpki: 'give rows of spec.pki.certificates different validity',
      others: 'renew them on different days',
    }),
    profiles: STRICT,
    check: (evidence) => {
      const all = leaves(evidence)
      if (all.length < 4) return 'not-applicable'
      const byEnd = [...groupBy(all, ({ facts }) => facts.notAfter.toISOString())]
      const [end, { length }] = byEnd.sort(([, a], [, b]) => b.length - a.length)[0] ?? ['', []]
      if (length * 2 <= all.length) return []
      return [{ message: `${length} of ${all.length} certificates end at ${end}` }]
    },
  }),
  rule('V09', 'window-inverted', 'C', 'error', {
    title: 'a certificate ends before it begins',
    citation: 'RFC 5280 §4.1.2.5; zlint e_validity_time_not_positive',
    why: 'It is never valid.',
    fix: REISSUE,
    of: certificates,
    when: (one) => one.facts.notAfter <= one.facts.notBefore,
    say: (one) =>
      `is valid from ${one.facts.notBefore.toISOString()} to ${one.facts.notAfter.toISOString()}: never`,
  }),
  rule('V10', 'time-encoding', 'M', 'warning', {
    title: 'a date is written in the wrong type',
    citation: 'RFC 5280 §4.1.2.5; zlint e_wrong_time_format_pre2050',
    why: 'Go reads it; strict parsers refuse the certificate.',
    fix: REISSUE,
    of: certificates,
    say: (one) => {
      const odd = one.facts.oddities.filter((text) => /^not(Before|After) /.test(text))
      return odd.length > 0 && `is odd: ${odd.join(', ')}`
    },
  }),
  rule('V11', 'absurd-far', 'M', 'warning', {
    title: 'a certificate that practically never ends',
    citation: 'kubespray etcd_cert script (36,500 days)',
    why: 'It is never rotated, and nobody remembers how when it has to be.',
    fix: after(
      byOwner({
        kpki: 'set spec.pki.validity',
        kubeadm: 'set certificateValidityPeriod of ClusterConfiguration (v1beta4)',
        others: 'choose an end within reach',
      }),
      REISSUE,
    ),
    of: certificates,
    when: (one) =>
      lifeInDays(one) >= 60 * YEAR ||
      (one.facts.basicConstraints?.ca !== true && lifeInDays(one) > 20 * YEAR),
    say: (one) => `is valid until ${isoDay(one.facts.notAfter)}`,
  }),
  rule('V12', 'revocation-ignored', 'I', 'info', {
    title: 'a certificate names a revocation service',
    citation: 'kubernetes/kubernetes#18982',
    why: 'Kubernetes reads neither CRLs nor OCSP: a revoked certificate still gets in.',
    fix: 'rotate the authority to shut a certificate out',
    of: certificates,
    when: (one) =>
      one.facts.extensions.some(({ oid }) => oid === '2.5.29.31' || oid === '1.3.6.1.5.5.7.1.1'),
    say: 'has CRL or OCSP pointers, which Kubernetes does not read',
  }),
]

/** An authority that ended in a file which holds others, and from which nothing in use comes any more. */
function isDeadEntry(one: Certificate, evidence: Evidence): boolean {
  return (
    authorities(evidence).includes(one) &&
    !indexOf(evidence).usesOf.has(one) &&
    one.places.every(({ node, path, field }) =>
      indexOf(evidence).pems.some(
        ({ pem }) =>
          pem.place.node === node &&
          pem.place.path === path &&
          pem.place.field === field &&
          pem.certificates.some((other) => other.facts.notAfter > one.facts.notAfter),
      ),
    ) &&
    !indexOf(evidence).uses.some(
      ({ certificate }) => certificate.issuers.includes(one) && certificate.issuers.length === 1,
    )
  )
}

/** What a kubelet makes for itself at its first start, and everything that it signed. */
function isThrowaway(one: Certificate): boolean {
  return isSelfMade(one) || one.issuers.some((issuer) => issuer !== one && isSelfMade(issuer))
}

function isBelow(fingerprint: string, authority: Certificate, evidence: Evidence): boolean {
  const one = certificates(evidence).find((other) => other.fingerprint === fingerprint)
  return one !== undefined && one !== authority && ancestors(one).has(authority)
}

function trustedAuthority(one: Certificate, evidence: Evidence): boolean {
  const isAuthority = one.facts.basicConstraints?.ca === true && !isSelfMade(one)
  return isAuthority && !indexOf(evidence).usesOf.has(one)
}
