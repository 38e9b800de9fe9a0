import { commonNameOf } from '../../ca/certificate/names.js'
import { matchesName } from '../../ca/verify/names.js'
import { apiServerNames } from '../../certs/table.js'
import { contains, familyOf, isIp, parseCidr } from '../../values/addresses.js'
import { flagOf } from '../../values/command-line.js'
import { isLocalHost } from '../../values/hosts.js'
import { isDns1123Subdomain } from '../../values/names.js'
import { once } from '../../values/once.js'
import { listed, quoted } from '../../values/text.js'
import type { Certificate, Evidence } from '../read/evidence.js'
import { certificateAt } from '../read/layouts.js'
import type { Rule } from '../types.js'
import {
  dnsDomain,
  endpointHost,
  firstServiceAddress,
  hostsOfFlag,
  indexOf,
  launchOf,
  nodeNameOf,
  reaches,
  serviceRanges,
  trustsIn,
} from './by-evidence.js'
import { ADD_NAMES, after, byOwner, REISSUE } from './remedies.js'
import type { Use } from './roles.js'
import { rule, STRICT } from './rule.js'
import { isSelfMade, leaves, only, uses, usesAs } from './subjects.js'

const named = only(leaves, ({ facts }) => facts.altNames !== undefined)
const kubelets = usesAs('kubelet-client')
/** Serving certificates of kubelets that something here signed. */
const issued = only(usesAs('kubelet-serving'), ({ certificate }) => certificate.issuers.length > 0)

const isAddress = (name: string) => /^[\d.]+$|:/.test(name) && isIp(name)
const dnsOf = ({ facts }: Certificate) => facts.altNames?.dns ?? []
const shown = (names: readonly string[]) => listed(names.map(quoted))

const servers = only(uses, ({ row }) => row.usages.includes('serverAuth'))
const apiservers = usesAs('apiserver')

export const NAME_RULES: readonly Rule[] = [
  rule('S01', 'no-san', 'C', 'error', {
    title: 'a serving certificate has no alternative names',
    citation: 'Go 1.15 release notes; RFC 9525 §2',
    why: 'Go ignores the common name: no client accepts the certificate for any host.',
    fix: ADD_NAMES,
    of: servers,
    when: (use) => !hasNames(use),
    say: 'has no DNS name and no address; the common name does not count',
  }),
  rule('S02', 'apiserver-default-names', 'H', 'warning', {
    title: 'the API server’s certificate lacks a name of its service',
    citation: 'https://kubernetes.io/docs/setup/best-practices/certificates/',
    why: 'Clients in pods that use the service’s DNS name instead of its address refuse the API server.',
    fix: ADD_NAMES,
    of: apiservers,
    say: (use, evidence) => {
      const domain = dnsDomain(use.node, evidence)
      return lacking(use, [
        'kubernetes',
        'kubernetes.default',
        'kubernetes.default.svc',
        ...(domain === undefined ? [] : [`kubernetes.default.svc.${domain}`]),
      ])
    },
  }),
  rule('S03', 'apiserver-service-ip', 'C', 'error', {
    title: 'the API server’s certificate lacks the service address',
    citation: 'kubeadm app/phases/certs; kelseyhightower/kubernetes-the-hard-way#872',
    why: 'Every pod reaches the API by that address and refuses the certificate.',
    fix: ADD_NAMES,
    of: apiservers,
    say: (use, evidence) =>
      lacking(use, serviceRanges(use.node, evidence).slice(0, 1).map(firstServiceAddress)),
  }),
  rule('S04', 'apiserver-advertise', 'H', 'error', {
    title: 'the API server’s certificate lacks its advertised address',
    citation: 'kubeadm app/phases/certs',
    why: 'The controller manager, the scheduler and other control planes connect to that address.',
    fix: ADD_NAMES,
    of: apiservers,
    say: (use) => {
      const launch = launchOf(use.node, 'kube-apiserver')
      const address = launch && flagOf(launch.flags, 'advertise-address')
      return address !== undefined && isIp(address) && lacking(use, [address])
    },
  }),
  rule('S05', 'apiserver-endpoint', 'H', 'error', {
    title: 'the API server’s certificate lacks the control-plane endpoint',
    citation: 'kubernetes/kubeadm#1447; kubernetes-sigs/kubespray#2164',
    why: 'Every kubeconfig names the endpoint, and every client refuses the certificate.',
    fix: ADD_NAMES,
    of: apiservers,
    say: (use, evidence) => {
      const host = endpointHost(use.node, evidence)
      return host !== undefined && lacking(use, [host])
    },
  }),
  rule('S06', 'apiserver-peer-master', 'L', 'info', {
    title: 'the API server’s certificate lacks the other control planes',
    citation: 'kubernetes-sigs/kubespray#4775',
    why: 'Without a common endpoint a client that turns to another control plane needs its name in the certificate it meets; certificates copied between masters break.',
    fix: byOwner({
      kpki: 'set spec.controlPlaneEndpoint',
      kubeadm: 'set controlPlaneEndpoint of ClusterConfiguration',
      others: 'put one name or address before the API servers',
    }),
    profiles: STRICT,
    of: apiservers,
    when: ({ node }, evidence) => endpointHost(node, evidence) === undefined,
    say: (use, evidence) => {
      const others = apiservers(evidence).filter(({ node }) => node !== use.node)
      return lacking(
        use,
        others.flatMap(({ node }) => node.addresses.slice(0, 1)),
      )
    },
  }),
  rule('S07', 'localhost-missing', 'M', 'warning', {
    title: 'etcd’s certificate lacks localhost',
    citation: 'kubeadm app/phases/certs (etcd names)',
    why: 'The API server and etcdctl reach the member of their own node by the loop-back address.',
    fix: ADD_NAMES,
    of: usesAs('etcd-server'),
    say: (use) => {
      const launch = launchOf(use.node, 'kube-apiserver')
      const hosts = launch ? hostsOfFlag(launch, 'etcd-servers') : []
      return lacking(use, [...hosts, ...ownHosts(use, 'listen-client-urls')].filter(isLocalHost))
    },
  }),
  rule('S08', 'etcd-server-san', 'C', 'error', {
    title: 'etcd’s serving certificate lacks its member’s address',
    citation: 'https://etcd.io/docs/latest/op-guide/security/; kubeadm app/phases/certs',
    why: 'API servers and other members refuse the connection to that address.',
    fix: ADD_NAMES,
    of: usesAs('etcd-server'),
    say: (use) => lacking(use, ownHosts(use, 'advertise-client-urls')),
  }),
  rule('S09', 'etcd-peer-san', 'C', 'error', {
    title: 'etcd’s peer certificate lacks its member’s address',
    citation: 'https://etcd.io/docs/latest/op-guide/security/',
    why: 'Other members refuse it after the next restart, and the quorum is lost.',
    fix: ADD_NAMES,
    of: usesAs('etcd-peer'),
    say: (use) => lacking(use, ownHosts(use, 'initial-advertise-peer-urls')),
  }),
  rule('S10', 'kubelet-serving-san', 'H', 'error', {
    title: 'a kubelet’s serving certificate lacks its node’s address or name',
    citation: 'kubernetes-sigs/metrics-server#196; --kubelet-preferred-address-types',
    why: 'The API server tries the internal address first: logs, exec and metrics of that node fail.',
    fix: ADD_NAMES,
    of: issued,
    when: ({ certificate }) => !isSelfMade(certificate),
    say: (use, evidence) => {
      const verified = trustsIn(evidence, 'kubelet-ca').length > 0
      // Without a cluster file the node's name is only that of its folder.
      const known =
        evidence.cluster !== undefined || use.node.kubelet?.hostnameOverride !== undefined
      const names = [...use.node.addresses.slice(0, 1), ...(known ? [nodeNameOf(use.node)] : [])]
      const message = lacking(use, names)
      return message && { message, severity: verified ? 'error' : 'warning' }
    },
  }),
  rule('S11', 'kubelet-csr-shape', 'H', 'warning', {
    title: 'a kubelet’s serving certificate has not the shape that its signer demands',
    citation:
      'https://kubernetes.io/docs/reference/access-authn-authz/certificate-signing-requests/ (kubelet-serving)',
    why: 'The signer kubernetes.io/kubelet-serving refuses to renew such a certificate.',
    fix: REISSUE,
    of: issued,
    where: ({ certificate }) => !isSelfMade(certificate),
    say: ({ certificate }) => {
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
      return wrong.length > 0 && `is not as the kubelet-serving signer demands: ${wrong.join(', ')}`
    },
  }),
  rule('S12', 'ip-as-dns', 'C', 'error', {
    title: 'an address is written as a DNS name',
    citation: 'RFC 5280 §4.2.1.6',
    why: 'Clients compare addresses with address entries only, so it never matches.',
    fix: REISSUE,
    of: named,
    say: (one) => {
      const addresses = dnsOf(one).filter(isAddress)
      const useless = addresses.every((name) => one.facts.altNames?.ip.includes(name))
      return (
        addresses.length > 0 && {
          message: `has addresses as DNS names: ${shown(addresses)}`,
          severity: useless ? 'warning' : 'error',
        }
      )
    },
  }),
  rule('S13', 'trailing-dot', 'L', 'info', {
    title: 'a name ends in a dot',
    citation: 'RFC 9525 §6.3; Go crypto/x509',
    why: 'Go compares names literally and refuses patterns with a trailing dot.',
    fix: REISSUE,
    of: named,
    say: (one) => {
      const found = dnsOf(one).filter((name) => name.endsWith('.'))
      return found.length > 0 && `has names that end in a dot: ${shown(found)}`
    },
  }),
  rule('S14', 'wildcard', 'M', 'warning', {
    title: 'a wildcard name',
    citation: 'RFC 9525 §7.1; zlint e_san_bare_wildcard',
    why: 'One stolen key poses as every host of the domain.',
    fix: 'list the hosts by name',
    of: named,
    say: (one) => {
      const found = dnsOf(one).filter((name) => name.includes('*'))
      return found.length > 0 && `has wildcard names: ${shown(found)}`
    },
  }),
  rule('S15', 'dns-syntax', 'M', 'warning', {
    title: 'a name that is no host name',
    citation: 'RFC 1123 §2.1; zlint e_rfc_dnsname_label_too_long',
    why: 'Underscores, over-long labels or other letters match nowhere, or only in some clients.',
    fix: REISSUE,
    of: named,
    say: (one) => {
      const found = oddNames(one)
      return found.length > 0 && `has names that are no host names: ${shown(found)}`
    },
  }),
  rule('S16', 'san-duplicate', 'L', 'info', {
    title: 'a name occurs twice',
    citation: 'zlint n_san_dns_name_duplicate',
    why: 'Harmless; two lists were merged carelessly.',
    fix: REISSUE,
    of: named,
    say: (one) => {
      const all = [...dnsOf(one), ...(one.facts.altNames?.ip ?? [])]
      const twice = all.filter((name, i) => all.indexOf(name) !== i)
      return twice.length > 0 && `has names twice: ${shown([...new Set(twice)])}`
    },
  }),
  rule('S17', 'dual-stack-gap', 'L', 'info', {
    title: 'the cluster is dual-stack, the certificate is not',
    citation: 'https://kubernetes.io/docs/concepts/services-networking/dual-stack/',
    why: 'Clients of the other family that use an address refuse the certificate. kubeadm puts one family in.',
    fix: after('give the nodes both addresses in cluster.yaml', REISSUE),
    of: apiservers,
    where: ({ node }, evidence) => serviceRanges(node, evidence).length > 1,
    say: (use, _evidence, { profile }) => {
      const families = new Set((use.certificate.facts.altNames?.ip ?? []).map(familyOf))
      return (
        families.size === 1 && {
          message: `has addresses of one family only, in a dual-stack cluster; it has ${has(use)}`,
          severity: profile === 'strict' ? 'warning' : 'info',
        }
      )
    },
  }),
  rule('S18', 'service-cidr-drift', 'H', 'warning', {
    title: 'the certificate has the service address of another range',
    citation: 'kelseyhightower/kubernetes-the-hard-way#877',
    why: 'A guide’s range was copied and then changed in one of the two places.',
    fix: REISSUE,
    of: apiservers,
    say: (use, evidence) => {
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
      return (
        other &&
        other.length > 0 &&
        `has ${listed(other)}, where the service range ${first} begins with ${firstServiceAddress(first)}`
      )
    },
  }),
  rule('S19', 'san-vs-inventory', 'M', 'warning', {
    title: 'the certificate has a name that the cluster file does not know',
    citation: 'NIST SP 1800-16 §4.2',
    why: 'A machine that was given away keeps an address with a valid certificate of the API server.',
    fix: ADD_NAMES,
    of: (evidence) => (evidence.cluster ? apiservers(evidence) : []),
    say: (use, { cluster }) => {
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
      return extra.length > 0 && `has names that cluster.yaml does not give: ${listed(extra)}`
    },
  }),
  rule('S20', 'node-name-form', 'M', 'warning', {
    title: 'a node name that Kubernetes does not register so',
    citation:
      'https://kubernetes.io/docs/concepts/architecture/nodes/#node-name-uniqueness; kelseyhightower/kubernetes-the-hard-way#613',
    why: 'The kubelet registers in lower case; a certificate for another spelling is another node to the node authorizer.',
    fix: after('use the lower-case host name', REISSUE),
    of: kubelets,
    say: ({ certificate }) => {
      const name = /^system:node:(.*)$/.exec(commonNameOf(certificate.facts.subject))?.[1]
      return (
        name !== undefined &&
        !isDns1123Subdomain(name) &&
        `names the node ${quoted(name)}, which is no lower-case RFC 1123 name`
      )
    },
  }),
  rule('S22', 'api-server-name-on-another', 'C', 'error', {
    title: 'another certificate carries the API server’s names or addresses',
    citation: 'RFC 9525 §6; https://kubernetes.io/docs/setup/best-practices/certificates/',
    why: 'Whoever has its key is the API server for every client: they check the name and the authority, nothing else. Tokens and Secrets go there.',
    fix: 'replace the certificate by one with the machine’s own names, and its key; a new authority alone takes the old one back',
    of: otherServers,
    when: ({ leaf }, _evidence, { at }) => leaf.facts.notAfter >= at,
    say: ({ leaf, node }, evidence) => {
      const found = [...apiNames(evidence)].flatMap(([name, own]) =>
        matchesName(leaf.facts, name) && !(own.has(node.name) && node.addresses.includes(name))
          ? [name]
          : [],
      )
      return (
        found.length > 0 && {
          message: `on ${node.name} is good for ${listed(found)}, which is how clients call the API server`,
          certificate: leaf,
        }
      )
    },
  }),
  rule('S23', 'kubelet-carries-another-node', 'H', 'error', {
    title: 'a kubelet’s serving certificate carries another node’s name or address',
    citation: 'k8s.io/kubernetes/pkg/apis/certificates/v1 (kubelet-serving); RFC 9525 §6',
    why: 'Whoever has the key of this node poses as the other one’s kubelet: what exec and logs send there goes to him.',
    fix: REISSUE,
    of: issued,
    when: ({ certificate }) => !isSelfMade(certificate),
    say: ({ node, certificate }, evidence) => {
      const found = goodFor(certificate, evidence).filter(
        (name) => name !== node.name && name !== nodeNameOf(node) && !node.addresses.includes(name),
      )
      return found.length > 0 && `is good for ${listed(found)}, on ${node.name}`
    },
  }),
  rule('S21', 'san-noncritical-empty-subject', 'M', 'warning', {
    title: 'an empty subject beside names that are not critical',
    citation: 'RFC 5280 §4.2.1.6; zlint e_ext_san_not_critical_without_subject',
    why: 'Strict verifiers refuse it.',
    fix: REISSUE,
    of: named,
    when: (one) => one.facts.subject.rdns.length === 0 && one.facts.altNames?.critical === false,
    say: 'has no subject, and its alternative names are not critical',
  }),
]

/** Names and addresses of all nodes. */
const hosts = once(
  ({ nodes }: Evidence): ReadonlySet<string> =>
    new Set(nodes.flatMap(({ name, addresses }) => [name, ...addresses])),
)

/** Names and addresses of nodes that a certificate is good for; only a wildcard is held against all of them. */
function goodFor({ facts }: Certificate, evidence: Evidence): readonly string[] {
  const { dns = [], ip = [] } = facts.altNames ?? {}
  const all = hosts(evidence)
  const candidates = dns.some((name) => name.startsWith('*.'))
    ? [...all]
    : [...new Set([...dns.map((name) => name.toLowerCase()), ...ip])].filter((name) =>
        all.has(name),
      )
  return candidates.filter((name) => matchesName(facts, name))
}

/** Names by which the API server is called, and the machines that may carry them. */
const apiNames = once((evidence: Evidence): ReadonlyMap<string, ReadonlySet<string>> => {
  const names = new Map<string, Set<string>>()
  const add = (name: string, node: string) => {
    const known = names.get(name) ?? new Set()
    names.set(name, known.add(node))
  }
  for (const { node } of apiservers(evidence)) {
    const domain = dnsDomain(node, evidence)
    const endpoint = endpointHost(node, evidence)
    const service = serviceRanges(node, evidence).map(firstServiceAddress)
    for (const name of [
      'kubernetes',
      'kubernetes.default',
      'kubernetes.default.svc',
      ...(domain === undefined ? [] : [`kubernetes.default.svc.${domain}`]),
      ...(endpoint === undefined ? [] : [endpoint]),
      ...service,
      ...node.addresses,
    ])
      add(name, node.name)
  }
  return names
})

/** Certificates on nodes that may serve, other than the API servers’ own. */
function otherServers(evidence: Evidence) {
  const { usesOf } = indexOf(evidence)
  const doors = (['kubeconfig-ca', 'root-ca'] as const).flatMap((role) => trustsIn(evidence, role))
  return leaves(evidence).flatMap((leaf) => {
    const usages = leaf.facts.extendedKeyUsage?.usages
    const serves =
      !usages || usages.includes('serverAuth') || usages.includes('anyExtendedKeyUsage')
    const isApiServer = usesOf.get(leaf)?.some(({ role }) => role === 'apiserver') === true
    if (!serves || isApiServer || !doors.some((door) => reaches(leaf, door.anchors, leaf.issuers)))
      return []
    return leaf.places.flatMap((place) => {
      const node = evidence.nodes.find(({ name }) => name === place.node)
      // Where nothing starts the API server its own certificate is still its own.
      const isOwn =
        node?.role === 'control-plane' && certificateAt(node, place.path) === 'apiserver'
      return node && !isOwn ? [{ leaf, place, node }] : []
    })
  })
}

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

function lacking(use: Use, names: readonly string[]): string | undefined {
  const lacks = missing(use, names)
  return lacks.length === 0 ? undefined : `lacks the name ${listed(lacks)}; it has ${has(use)}`
}

function ownHosts(use: Use, flag: string): readonly string[] {
  const launch = launchOf(use.node, 'etcd')
  return launch ? hostsOfFlag(launch, flag) : []
}

function oddNames(one: Certificate): readonly string[] {
  return dnsOf(one).filter((name) => {
    // Capitals are as good as small letters (RFC 4343).
    const plain = name.replace(/^\*\./, '').replace(/\.$/, '').toLowerCase()
    return !isAddress(name) && plain !== '*' && !isDns1123Subdomain(plain)
  })
}
