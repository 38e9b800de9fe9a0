import { commonNameOf } from '../../ca/certificate/names.js'
import { matchesName } from '../../ca/verify/names.js'
import { apiServerNames } from '../../certs/table.js'
import { contains, familyOf, isIp, parseCidr } from '../../values/addresses.js'
import { flagOf } from '../../values/command-line.js'
import { isLocalHost } from '../../values/hosts.js'
import { isDns1123Subdomain } from '../../values/names.js'
import { quoted } from '../../values/text.js'
import type { Certificate, Evidence } from '../read/evidence.js'
import type { FindingDraft, Rule } from '../types.js'
import {
  dnsDomain,
  endpointHost,
  firstServiceAddress,
  hostsOfFlag,
  indexOf,
  launchOf,
  nodeNameOf,
  serviceRanges,
  trustsIn,
} from './by-evidence.js'
import type { LeafRole, Use } from './roles.js'
import { aboutCertificate, each, finding, GENERATE, listed, rule, STRICT } from './rule.js'

const named = (evidence: Evidence) =>
  indexOf(evidence).leaves.filter(({ facts }) => facts.altNames !== undefined)
const kubelets = (evidence: Evidence) =>
  indexOf(evidence).uses.filter(({ role }) => role === 'kubelet-client')
/** Serving certificates that the cluster signed, as its signer for kubelets would. */
const signedKubelets = (evidence: Evidence) =>
  indexOf(evidence).uses.filter(
    ({ role, certificate }) =>
      role === 'kubelet-serving' &&
      certificate.issuers.length > 0 &&
      !/@\d+$/.test(commonNameOf(certificate.facts.subject)),
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
        ...(commonNameOf(subject).startsWith('system:node:')
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
      const name = /^system:node:(.*)$/.exec(commonNameOf(certificate.facts.subject))?.[1]
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

const servers = (evidence: Evidence) =>
  indexOf(evidence).uses.filter(({ row }) => row.usages.includes('serverAuth'))
const role = (wanted: LeafRole) => (evidence: Evidence) =>
  indexOf(evidence).uses.filter((use) => use.role === wanted)
const apiservers = role('apiserver')

const hasNames = ({ certificate: { facts } }: Use) =>
  (facts.altNames?.dns.length ?? 0) + (facts.altNames?.ip.length ?? 0) > 0

/** Which of the names the certificate is not valid for; nothing for one without any names (S01). */
function missing(use: Use, names: readonly string[]): readonly string[] {
  if (!hasNames(use)) return []
  return [...new Set(names)].filter((name) => !matchesName(use.certificate.facts, name))
}

function has({ certificate: { facts } }: Use): string {
  return listed([...(facts.altNames?.dns ?? []), ...(facts.altNames?.ip ?? [])], 12)
}

function lacking(
  use: Use,
  names: readonly string[],
  more: Partial<FindingDraft> = {},
): FindingDraft | undefined {
  const lacks = missing(use, names)
  return lacks.length === 0
    ? undefined
    : finding(use.pem.place, `lacks the name ${listed(lacks)}; it has ${has(use)}`, {
        certificate: use.certificate,
        ...more,
      })
}

function ownHosts(use: Use, flag: string): readonly string[] {
  const launch = launchOf(use.node, 'etcd')
  return launch ? hostsOfFlag(launch, flag) : []
}

const dualStack = (use: Use, evidence: Evidence) => serviceRanges(use.node, evidence).length > 1

export const NAME_RULES: readonly Rule[] = [
  rule('S01', 'no-san', 'C', 'error', {
    title: 'a serving certificate has no alternative names',
    citation: 'Go 1.15 release notes; RFC 9525 §2',
    why: 'Go ignores the common name: no client accepts the certificate for any host.',
    fix: GENERATE,
    check: each(servers, (use) =>
      hasNames(use)
        ? undefined
        : finding(use.pem.place, 'has no DNS name and no address; the common name does not count', {
            certificate: use.certificate,
          }),
    ),
  }),
  rule('S02', 'apiserver-default-names', 'H', 'warning', {
    title: 'the API server’s certificate lacks a name of its service',
    citation: 'https://kubernetes.io/docs/setup/best-practices/certificates/',
    why: 'Clients in pods that use the service’s DNS name instead of its address refuse the API server.',
    fix: GENERATE,
    check: each(apiservers, (use, evidence) => {
      const domain = dnsDomain(use.node, evidence)
      const names = ['kubernetes', 'kubernetes.default', 'kubernetes.default.svc']
      return lacking(
        use,
        domain === undefined ? names : [...names, `kubernetes.default.svc.${domain}`],
      )
    }),
  }),
  rule('S03', 'apiserver-service-ip', 'C', 'error', {
    title: 'the API server’s certificate lacks the service address',
    citation: 'kubeadm app/phases/certs; kelseyhightower/kubernetes-the-hard-way#872',
    why: 'Every pod reaches the API by that address and refuses the certificate.',
    fix: GENERATE,
    check: each(apiservers, (use, evidence) => {
      const [range] = serviceRanges(use.node, evidence)
      return range === undefined ? undefined : lacking(use, [firstServiceAddress(range)])
    }),
  }),
  rule('S04', 'apiserver-advertise', 'H', 'error', {
    title: 'the API server’s certificate lacks its advertised address',
    citation: 'kubeadm app/phases/certs',
    why: 'The controller manager, the scheduler and other control planes connect to that address.',
    fix: GENERATE,
    check: each(apiservers, (use) => {
      const launch = launchOf(use.node, 'kube-apiserver')
      const address = launch && flagOf(launch.flags, 'advertise-address')
      return address !== undefined && isIp(address) ? lacking(use, [address]) : undefined
    }),
  }),
  rule('S05', 'apiserver-endpoint', 'H', 'error', {
    title: 'the API server’s certificate lacks the control-plane endpoint',
    citation: 'kubernetes/kubeadm#1447; kubernetes-sigs/kubespray#2164',
    why: 'Every kubeconfig names the endpoint, and every client refuses the certificate.',
    fix: GENERATE,
    check: each(apiservers, (use, evidence) => {
      const host = endpointHost(use.node, evidence)
      return host === undefined ? undefined : lacking(use, [host])
    }),
  }),
  rule('S06', 'apiserver-peer-master', 'M', 'info', {
    title: 'the API server’s certificate lacks the other control planes',
    citation: 'kubernetes-sigs/kubespray#4775',
    why: 'Without a common endpoint a client that turns to another control plane needs its name in the certificate it meets; certificates copied between masters break.',
    fix: 'set spec.controlPlaneEndpoint',
    profiles: STRICT,
    check: each(apiservers, (use, evidence) => {
      const others = indexOf(evidence).uses.filter(
        (one) => one.role === 'apiserver' && one.node !== use.node,
      )
      if (endpointHost(use.node, evidence) !== undefined) return undefined
      return lacking(
        use,
        others.flatMap(({ node }) => node.addresses.slice(0, 1)),
      )
    }),
  }),
  rule('S07', 'localhost-missing', 'M', 'warning', {
    title: 'etcd’s certificate lacks localhost',
    citation: 'kubeadm app/phases/certs (etcd names)',
    why: 'The API server and etcdctl reach the member of their own node by the loop-back address.',
    fix: GENERATE,
    check: each(role('etcd-server'), (use) => {
      const launch = launchOf(use.node, 'kube-apiserver')
      const hosts = launch ? hostsOfFlag(launch, 'etcd-servers') : []
      return lacking(use, [...hosts, ...ownHosts(use, 'listen-client-urls')].filter(isLocalHost))
    }),
  }),
  rule('S08', 'etcd-server-san', 'C', 'error', {
    title: 'etcd’s serving certificate lacks its member’s address',
    citation: 'https://etcd.io/docs/latest/op-guide/security/; kubeadm app/phases/certs',
    why: 'API servers and other members refuse the connection to that address.',
    fix: GENERATE,
    check: each(role('etcd-server'), (use) => lacking(use, ownHosts(use, 'advertise-client-urls'))),
  }),
  rule('S09', 'etcd-peer-san', 'C', 'error', {
    title: 'etcd’s peer certificate lacks its member’s address',
    citation: 'https://etcd.io/docs/latest/op-guide/security/',
    why: 'Other members refuse it after the next restart, and the quorum is lost.',
    fix: GENERATE,
    check: each(role('etcd-peer'), (use) =>
      lacking(use, ownHosts(use, 'initial-advertise-peer-urls')),
    ),
  }),
  rule('S10', 'kubelet-serving-san', 'H', 'error', {
    title: 'a kubelet’s serving certificate lacks its node’s address or name',
    citation: 'kubernetes-sigs/metrics-server#196; --kubelet-preferred-address-types',
    why: 'The API server tries the internal address first: logs, exec and metrics of that node fail.',
    fix: GENERATE,
    check: each(
      (evidence) =>
        role('kubelet-serving')(evidence).filter(
          ({ certificate }) => certificate.issuers.length > 0,
        ),
      (use, evidence) => {
        const verified = trustsIn(evidence, 'kubelet-ca').length > 0
        const selfMade = /@\d+$/.test(commonNameOf(use.certificate.facts.subject))
        if (selfMade) return undefined
        // Without a cluster file the node's name is only that of its folder.
        const known =
          evidence.cluster !== undefined || use.node.kubelet?.hostnameOverride !== undefined
        const names = [...use.node.addresses.slice(0, 1), ...(known ? [nodeNameOf(use.node)] : [])]
        return lacking(use, names, { severity: verified ? 'error' : 'warning' })
      },
    ),
  }),
  rule('S17', 'dual-stack-gap', 'H', 'info', {
    title: 'the cluster is dual-stack, the certificate is not',
    citation: 'https://kubernetes.io/docs/concepts/services-networking/dual-stack/',
    why: 'Clients of the other family that use an address refuse the certificate. kubeadm puts one family in.',
    fix: 'give the nodes both addresses in cluster.yaml, then kpki gen -o OUT',
    check: each(
      (evidence) => apiservers(evidence).filter((use) => dualStack(use, evidence)),
      (use, _evidence, { profile }) => {
        const families = new Set((use.certificate.facts.altNames?.ip ?? []).map(familyOf))
        return families.size === 1
          ? finding(
              use.pem.place,
              `has addresses of one family only, in a dual-stack cluster; it has ${has(use)}`,
              { certificate: use.certificate, severity: profile === 'strict' ? 'warning' : 'info' },
            )
          : undefined
      },
    ),
  }),
  rule('S18', 'service-cidr-drift', 'H', 'warning', {
    title: 'the certificate has the service address of another range',
    citation: 'kelseyhightower/kubernetes-the-hard-way#877',
    why: 'A guide’s range was copied and then changed in one of the two places.',
    fix: GENERATE,
    check: each(apiservers, (use, evidence) => {
      const ranges = serviceRanges(use.node, evidence).flatMap((range) => parseCidr(range) ?? [])
      const [first] = serviceRanges(use.node, evidence)
      if (first === undefined || missing(use, [firstServiceAddress(first)]).length === 0)
        return undefined
      const known = new Set(evidence.nodes.flatMap(({ addresses }) => addresses))
      const other = use.certificate.facts.altNames?.ip.filter(
        (ip) =>
          /(\.|:)1$/.test(ip) &&
          !isLocalHost(ip) &&
          !known.has(ip) &&
          !ranges.some((range) => contains(range, ip)),
      )
      return other && other.length > 0
        ? finding(
            use.pem.place,
            `has ${listed(other)}, where the service range ${first} begins with ${firstServiceAddress(first)}`,
            { certificate: use.certificate },
          )
        : undefined
    }),
  }),
  rule('S19', 'san-vs-inventory', 'M', 'warning', {
    title: 'the certificate has a name that the cluster file does not know',
    citation: 'NIST SP 1800-16 §4.2',
    why: 'A machine that was given away keeps an address with a valid certificate of the API server.',
    fix: GENERATE,
    check: each(
      (evidence) => (evidence.cluster ? apiservers(evidence) : []),
      (use, { cluster }) => {
        const node = cluster?.nodes.find(({ name }) => name === use.node.name)
        if (!cluster || !node) return undefined
        const expected = apiServerNames({ cluster, node })
        const known = new Set([
          ...expected.dns,
          ...expected.ip,
          ...cluster.nodes.flatMap((one) => [one.name, ...one.addresses]),
          'localhost',
          '127.0.0.1',
          '::1',
        ])
        const { dns = [], ip = [] } = use.certificate.facts.altNames ?? {}
        const extra = [...dns, ...ip].filter((name) => !known.has(name.toLowerCase()))
        return extra.length > 0
          ? finding(use.pem.place, `has names that cluster.yaml does not give: ${listed(extra)}`, {
              certificate: use.certificate,
            })
          : undefined
      },
    ),
  }),
]
