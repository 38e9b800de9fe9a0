import type { Certificate, Estate } from '../estate.js'
import type { Rule } from '../types.js'
import { grouped, indexOf } from './index-of-estate.js'
import { ancestors } from './reach.js'
import {
  aboutCertificate,
  each,
  finding,
  GENERATE,
  HARDENING,
  nameOf,
  quoted,
  rule,
} from './row.js'

const authorities = (estate: Estate) => indexOf(estate).authorities
const latin1 = new TextDecoder('latin1')

function isTrusted(one: Certificate, estate: Estate): boolean {
  return trustedCertificates(estate).has(one)
}

const trustedByEstate = new WeakMap<Estate, ReadonlySet<Certificate>>()

function trustedCertificates(estate: Estate): ReadonlySet<Certificate> {
  const known = trustedByEstate.get(estate)
  if (known) return known
  const made = new Set(indexOf(estate).trusts.flatMap(({ certificates }) => certificates))
  trustedByEstate.set(estate, made)
  return made
}

const issuingByEstate = new WeakMap<Estate, ReadonlySet<Certificate>>()

/** Authorities above any other certificate of the estate. */
export function issuingCertificates(estate: Estate): ReadonlySet<Certificate> {
  const known = issuingByEstate.get(estate)
  if (known) return known
  const made = new Set(
    estate.certificates.flatMap((one) => one.issuers.filter((issuer) => issuer !== one)),
  )
  for (const one of [...made]) for (const above of ancestors(one)) made.add(above)
  issuingByEstate.set(estate, made)
  return made
}

const nonGoTrusts = (estate: Estate) =>
  indexOf(estate).trusts.filter(
    ({ role, node }) =>
      role === 'root-ca' || (role === 'kubeconfig-ca' && node.kind === 'operator'),
  )

export const AUTHORITY_RULES: readonly Rule[] = [
  rule('C10', 'ca-same-dn-different-key', 'H', 'warning', {
    title: 'two trusted authorities share one name',
    citation: 'RFC 5280 §6.1; rancher/rancher#18805',
    why: 'Clients pick a candidate by name. Without key identifiers that differ, some try the wrong one and report a bad signature.',
    fix: 'give the new authority a name of its own, for example with the year in it',
    check: (estate) => {
      const trusted = authorities(estate).filter((one) => isTrusted(one, estate))
      if (trusted.length === 0) return 'not-applicable'
      return [
        ...grouped(trusted, ({ facts }) => latin1.decode(facts.subject.raw)).values(),
      ].flatMap((same) => {
        const [first, ...others] = same
        const other = others.find(({ keyId }) => keyId !== first?.keyId)
        const place = other?.places[0]
        if (!first || !place) return []
        const name = quoted(first.facts.subject.commonNames[0] ?? '')
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
      (estate) => authorities(estate).filter(({ facts }) => facts.selfIssued),
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
      (estate) =>
        authorities(estate).filter(
          (one) => isTrusted(one, estate) && indexOf(estate).leaves.length > 0,
        ),
      (authority, estate) =>
        issuingCertificates(estate).has(authority)
          ? undefined
          : aboutCertificate(authority, 'is trusted, but has issued no certificate of this estate'),
    ),
  }),
]
