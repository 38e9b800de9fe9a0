import { TAG } from '../../ca/der.js'
import { flagList } from '../command-line.js'
import type { Certificate, Estate } from '../estate.js'
import { identityText } from '../identities.js'
import type { Rule } from '../types.js'
import { fileOf, identityOf } from './identity.js'
import { indexOf } from './index-of-estate.js'
import { anchorsOf, reaches, trustsIn } from './reach.js'
import {
  aboutCertificate,
  DAY,
  each,
  finding,
  GENERATE,
  HARDENING,
  listed,
  quoted,
  rule,
} from './row.js'

const uses = (estate: Estate) => indexOf(estate).uses
const leaves = (estate: Estate) => indexOf(estate).leaves
const clients = (estate: Estate) =>
  leaves(estate).filter(
    ({ facts }) => facts.extendedKeyUsage?.usages.includes('clientAuth') !== false,
  )

const subjectValues = ({ facts }: Certificate) =>
  facts.subject.rdns.flat().map(({ type, value }) => ({ type, value }))

// biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what is looked for
const INJECTED = /[\u0000-\u001f\u007f]|[,+/;]\s*(CN|O|OU)\s*=/i

function allowedNames(estate: Estate): ReadonlySet<string> {
  return new Set(
    indexOf(estate).launches.flatMap(({ launch }) =>
      flagList(launch.flags, 'requestheader-allowed-names'),
    ),
  )
}

/** Whether a name has a value of one of the string types that Go reads byte by byte. */
function hasOldString({ facts }: Certificate): boolean {
  const { raw } = facts.subject
  const values = facts.subject.rdns.flat()
  // Each value is an element of its own; the tag stands two octets before a short value.
  for (let at = 0; at + 2 < raw.length; at++)
    if ((raw[at] === TAG.t61String || raw[at] === TAG.bmpString) && isValueAt(raw, at, values))
      return true
  return false
}

function isValueAt(
  raw: Uint8Array,
  at: number,
  values: readonly { readonly value: string }[],
): boolean {
  const length = raw[at + 1] ?? 0
  const content = raw.subarray(at + 2, at + 2 + length)
  const wide = raw[at] === TAG.bmpString
  return values.some(({ value }) => {
    if (value.length * (wide ? 2 : 1) !== length) return false
    const last = value.charCodeAt(value.length - 1)
    return content[content.length - 1] === (last & 0xff)
  })
}

export const IDENTITY_NAME_RULES: readonly Rule[] = [
  rule('I13', 'frontproxy-cn-from-client-ca', 'C', 'warning', {
    title: 'a client certificate with the front proxy’s name',
    citation: 'kubernetes/kubernetes#119267',
    why: 'Where the request-header authority accepts it, its holder may claim any identity in headers; elsewhere somebody has tried.',
    fix: 'remove the certificate; keep the front proxy’s authority apart from the client authority',
    check: (estate) => {
      const names = allowedNames(estate)
      const [clientCa] = trustsIn(estate, 'client-ca')
      if (names.size === 0 || !clientCa) return 'not-applicable'
      return leaves(estate).flatMap((leaf) => {
        const user = leaf.facts.subject.commonNames[0] ?? ''
        const isProxy = indexOf(estate)
          .usesOf.get(leaf)
          ?.some(({ role }) => role === 'front-proxy-client')
        if (!names.has(user) || isProxy || !reaches(leaf, anchorsOf(clientCa))) return []
        const accepted = trustsIn(estate, 'requestheader-ca').some((trust) =>
          reaches(leaf, anchorsOf(trust)),
        )
        const text = `has the front proxy’s name ${quoted(user)} and is signed by the client authority`
        const gain = accepted ? ': its holder may claim any identity, system:masters included' : ''
        return (
          aboutCertificate(leaf, text + gain, { severity: accepted ? 'error' : 'warning' }) ?? []
        )
      })
    },
  }),
  rule('I14', 'sa-shaped-cn', 'H', 'warning', {
    title: 'a certificate poses as a service account',
    citation:
      'https://kubernetes.io/docs/reference/access-authn-authz/authentication/#service-account-tokens',
    why: 'It has that service account’s rights, without its token’s end and audit trail.',
    fix: 'use a token of the service account, or a user of its own',
    check: each(clients, (one) => {
      const user = one.facts.subject.commonNames[0] ?? ''
      return user.startsWith('system:serviceaccount:')
        ? aboutCertificate(one, `is the user ${quoted(user)}`)
        : undefined
    }),
  }),
  rule('I15', 'dn-injection', 'H', 'warning', {
    title: 'a subject with separators or control characters in a value',
    citation: 'RFC 4514 §2.4',
    why: 'A name that a user chose was pasted into a subject: in some tools it becomes a group, in logs it forges lines.',
    fix: GENERATE,
    check: each(leaves, (one) => {
      const odd = subjectValues(one).filter(({ value }) => INJECTED.test(value))
      return odd.length > 0
        ? aboutCertificate(
            one,
            `has separators in its subject: ${listed(odd.map(({ type, value }) => `${type} ${quoted(value)}`))}`,
          )
        : undefined
    }),
  }),
  rule('I16', 'multi-o', 'I', 'info', {
    title: 'a certificate with several groups',
    citation: 'k8s.io/apiserver/pkg/authentication/request/x509',
    why: 'Every O is a group; each adds its own bindings.',
    fix: 'keep the groups that are needed',
    check: each(clients, (one) => {
      const { organizations } = one.facts.subject
      return organizations.length > 1
        ? aboutCertificate(
            one,
            `is in ${organizations.length} groups: ${listed(organizations.map(quoted))}`,
          )
        : undefined
    }),
  }),
  rule('I17', 'kubelet-client-group', 'M', 'info', {
    title: 'the API server’s kubelet client is an administrator',
    citation: 'KEP-4214; kubernetes/kubernetes#121837, #138957',
    why: 'It only has to reach kubelets. kubeadm up to 1.28 makes it system:masters; 1.29 puts it into kubeadm:cluster-admins, 1.37 into no group.',
    fix: `upgrade to 1.29 or later, then ${GENERATE}`,
    check: each(
      (estate) => uses(estate).filter(({ role }) => role === 'apiserver-kubelet-client'),
      (use) =>
        identityOf(use).groups.includes('system:masters')
          ? finding(
              use.pem.place,
              `is ${identityText(identityOf(use))}; kubeadm 1.29 and later give it fewer rights`,
              { certificate: use.certificate },
            )
          : undefined,
    ),
  }),
  rule('I18', 'etcd-client-masters', 'L', 'info', {
    title: 'an etcd client carries system:masters',
    citation: 'kubernetes/kubernetes#119859, #120521',
    why: 'etcd reads no groups. If the authorities are ever shared, the certificate opens the API as well. kubeadm up to 1.28 writes it.',
    fix: `upgrade to 1.29 or later, then ${GENERATE}`,
    check: each(
      (estate) =>
        uses(estate).filter(
          ({ role }) => role === 'apiserver-etcd-client' || role === 'etcd-healthcheck-client',
        ),
      (use) =>
        identityOf(use).groups.includes('system:masters')
          ? finding(
              use.pem.place,
              `is ${identityText(identityOf(use))}, although etcd reads no groups`,
              { certificate: use.certificate },
            )
          : undefined,
    ),
  }),
  rule('I19', 'user-long-lived', 'M', 'warning', {
    title: 'a person’s certificate lives long',
    citation: 'CIS 3.1.1',
    why: 'Client certificates cannot be revoked one by one; 90 days limit what a lost laptop costs.',
    fix: `set pki.users[].validity to 2160h, then ${GENERATE}`,
    profiles: HARDENING,
    check: each(
      (estate) =>
        uses(estate).filter(({ role, node }) => role === 'user' && node.kind === 'operator'),
      (use) => {
        const { notBefore, notAfter } = use.certificate.facts
        const days = Math.round((notAfter.getTime() - notBefore.getTime()) / DAY)
        return days > 90 && !/^(super-)?admin\.conf$/.test(fileOf(use))
          ? finding(use.pem.place, `is valid for ${days} days; 90 are enough for a person`, {
              certificate: use.certificate,
            })
          : undefined
      },
    ),
  }),
  rule('I20', 'subject-whitespace', 'M', 'warning', {
    title: 'a subject with spaces around a value',
    citation: 'zlint w_subject_dn_leading_whitespace, w_subject_dn_trailing_whitespace',
    why: 'RBAC compares names literally, so it is another user or group than it looks.',
    fix: GENERATE,
    check: each(leaves, (one) => {
      const odd = subjectValues(one).filter(({ value }) => value.trim() !== value)
      return odd.length > 0
        ? aboutCertificate(
            one,
            `has spaces around ${listed(odd.map(({ type, value }) => `${type} ${quoted(value)}`))}`,
          )
        : undefined
    }),
  }),
  rule('I21', 'encoding-odd', 'L', 'info', {
    title: 'a subject in an outdated string type',
    citation: 'RFC 5280 §4.1.2.4',
    why: 'TeletexString and BMPString read differently in different programs, and Go chains names by their bytes.',
    fix: GENERATE,
    check: each(
      ({ certificates }) => certificates,
      (one) =>
        hasOldString(one)
          ? aboutCertificate(one, 'has a TeletexString or BMPString in its subject')
          : undefined,
    ),
  }),
]
