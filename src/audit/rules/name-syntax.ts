import { isIp } from '../../cluster/addresses.js'
import { isDns1123Subdomain } from '../../cluster/names.js'
import type { Certificate, Estate } from '../estate.js'
import type { Rule } from '../types.js'
import { indexOf } from './index-of-estate.js'
import { aboutCertificate, each, finding, GENERATE, listed, quoted, rule } from './row.js'

const named = (estate: Estate) =>
  indexOf(estate).leaves.filter(({ facts }) => facts.altNames !== undefined)
const kubelets = (estate: Estate) =>
  indexOf(estate).uses.filter(({ role }) => role === 'kubelet-client')
/** Serving certificates that the cluster signed, as its signer for kubelets would. */
const signedKubelets = (estate: Estate) =>
  indexOf(estate).uses.filter(
    ({ role, certificate }) =>
      role === 'kubelet-serving' &&
      certificate.issuers.length > 0 &&
      !/@\d+$/.test(certificate.facts.subject.commonNames[0] ?? ''),
  )

const isAddress = (name: string) => /^[\d.]+$|:/.test(name) && isIp(name)
const dnsOf = ({ facts }: Certificate) => facts.altNames?.dns ?? []
const shown = (names: readonly string[]) => listed(names.map(quoted))

function oddNames(one: Certificate): readonly string[] {
  return dnsOf(one).filter((name) => {
    const plain = name.replace(/^\*\./, '').replace(/\.$/, '')
    return !isAddress(name) && plain !== '*' && !isDns1123Subdomain(plain)
  })
}

export const NAME_SYNTAX_RULES: readonly Rule[] = [
  rule('S11', 'kubelet-csr-shape', 'H', 'warning', {
    title: 'a kubelet’s serving certificate has not the shape that its signer demands',
    citation:
      'https://kubernetes.io/docs/reference/access-authn-authz/certificate-signing-requests/ (kubelet-serving)',
    why: 'The signer kubernetes.io/kubelet-serving refuses to renew such a certificate.',
    fix: GENERATE,
    check: each(signedKubelets, ({ certificate, pem }) => {
      const { subject, altNames } = certificate.facts
      const wrong = [
        ...(subject.commonNames[0]?.startsWith('system:node:')
          ? []
          : ['CN is not system:node:<name>']),
        ...(subject.organizations.join() === 'system:nodes'
          ? []
          : ['O is not exactly system:nodes']),
        ...((altNames?.email.length ?? 0) + (altNames?.uri.length ?? 0) > 0
          ? ['it has mail or URI names']
          : []),
      ]
      return wrong.length > 0
        ? finding(pem.place, `is not as the kubelet-serving signer demands: ${wrong.join(', ')}`, {
            certificate,
          })
        : undefined
    }),
  }),
  rule('S12', 'ip-as-dns', 'C', 'error', {
    title: 'an address is written as a DNS name',
    citation: 'RFC 5280 §4.2.1.6',
    why: 'Clients compare addresses with address entries only, so it never matches.',
    fix: GENERATE,
    check: each(named, (one) => {
      const addresses = dnsOf(one).filter(isAddress)
      const useless = addresses.every((name) => one.facts.altNames?.ip.includes(name))
      return addresses.length > 0
        ? aboutCertificate(one, `has addresses as DNS names: ${shown(addresses)}`, {
            severity: useless ? 'warning' : 'error',
          })
        : undefined
    }),
  }),
  rule('S13', 'trailing-dot', 'L', 'info', {
    title: 'a name ends in a dot',
    citation: 'RFC 9525 §6.3; Go crypto/x509',
    why: 'Go compares names literally and refuses patterns with a trailing dot.',
    fix: GENERATE,
    check: each(named, (one) => {
      const found = dnsOf(one).filter((name) => name.endsWith('.'))
      return found.length > 0
        ? aboutCertificate(one, `has names that end in a dot: ${shown(found)}`)
        : undefined
    }),
  }),
  rule('S14', 'wildcard', 'M', 'warning', {
    title: 'a wildcard name',
    citation: 'RFC 9525 §7.1; zlint e_san_bare_wildcard',
    why: 'One stolen key poses as every host of the domain.',
    fix: 'list the hosts by name',
    check: each(named, (one) => {
      const found = dnsOf(one).filter((name) => name.includes('*'))
      return found.length > 0
        ? aboutCertificate(one, `has wildcard names: ${shown(found)}`)
        : undefined
    }),
  }),
  rule('S15', 'dns-syntax', 'M', 'warning', {
    title: 'a name that is no host name',
    citation: 'RFC 1123 §2.1; zlint e_rfc_dnsname_label_too_long',
    why: 'Underscores, capitals, over-long labels or other letters match nowhere, or only in some clients.',
    fix: GENERATE,
    check: each(named, (one) => {
      const found = oddNames(one)
      return found.length > 0
        ? aboutCertificate(one, `has names that are no host names: ${shown(found)}`)
        : undefined
    }),
  }),
  rule('S16', 'san-duplicate', 'L', 'info', {
    title: 'a name occurs twice',
    citation: 'zlint n_san_dns_name_duplicate',
    why: 'Harmless; two lists were merged carelessly.',
    fix: GENERATE,
    check: each(named, (one) => {
      const all = [...dnsOf(one), ...(one.facts.altNames?.ip ?? [])]
      const twice = all.filter((name, i) => all.indexOf(name) !== i)
      return twice.length > 0
        ? aboutCertificate(one, `has names twice: ${shown([...new Set(twice)])}`)
        : undefined
    }),
  }),
  rule('S20', 'node-name-form', 'M', 'warning', {
    title: 'a node name that Kubernetes does not register so',
    citation:
      'https://kubernetes.io/docs/concepts/architecture/nodes/#node-name-uniqueness; kelseyhightower/kubernetes-the-hard-way#613',
    why: 'The kubelet registers in lower case; a certificate for another spelling is another node to the node authorizer.',
    fix: 'use the lower-case host name, then kpki gen -o OUT',
    check: each(kubelets, ({ certificate, pem }) => {
      const name = /^system:node:(.*)$/.exec(certificate.facts.subject.commonNames[0] ?? '')?.[1]
      return name !== undefined && !isDns1123Subdomain(name)
        ? finding(
            pem.place,
            `names the node ${quoted(name)}, which is no lower-case RFC 1123 name`,
            { certificate },
          )
        : undefined
    }),
  }),
  rule('S21', 'san-noncritical-empty-subject', 'M', 'warning', {
    title: 'an empty subject beside names that are not critical',
    citation: 'RFC 5280 §4.2.1.6; zlint e_ext_san_not_critical_without_subject',
    why: 'Strict verifiers refuse it.',
    fix: GENERATE,
    check: each(named, (one) =>
      one.facts.subject.rdns.length === 0 && one.facts.altNames?.critical === false
        ? aboutCertificate(one, 'has no subject, and its alternative names are not critical')
        : undefined,
    ),
  }),
]
