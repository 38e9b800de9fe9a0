import { matchesName } from '../../ca/verify.js'
import { apiServerNames } from '../../certs/names.js'
import { contains, familyOf, isIp, parseCidr } from '../../cluster/addresses.js'
import { flagOf } from '../command-line.js'
import type { Estate } from '../estate.js'
import { isLocalHost } from '../hosts.js'
import type { FindingDraft, Rule } from '../types.js'
import {
  dnsDomain,
  endpointHost,
  firstServiceAddress,
  hostsOfFlag,
  launchOf,
  nodeNameOf,
  serviceRanges,
} from './facts-of-cluster.js'
import { indexOf, type Use } from './index-of-estate.js'
import { trustsIn } from './reach.js'
import type { LeafRole } from './roles.js'
import { each, finding, GENERATE, listed, rule, STRICT } from './row.js'

const servers = (estate: Estate) =>
  indexOf(estate).uses.filter(({ row }) => row.usages.includes('serverAuth'))
const role = (wanted: LeafRole) => (estate: Estate) =>
  indexOf(estate).uses.filter((use) => use.role === wanted)
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

const dualStack = (use: Use, estate: Estate) => serviceRanges(use.node, estate).length > 1

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
    check: each(apiservers, (use, estate) => {
      const domain = dnsDomain(use.node, estate)
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
    check: each(apiservers, (use, estate) => {
      const [range] = serviceRanges(use.node, estate)
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
    check: each(apiservers, (use, estate) => {
      const host = endpointHost(use.node, estate)
      return host === undefined ? undefined : lacking(use, [host])
    }),
  }),
  rule('S06', 'apiserver-peer-master', 'M', 'info', {
    title: 'the API server’s certificate lacks the other control planes',
    citation: 'kubernetes-sigs/kubespray#4775',
    why: 'Without a common endpoint a client that turns to another control plane needs its name in the certificate it meets; certificates copied between masters break.',
    fix: 'set spec.controlPlaneEndpoint',
    profiles: STRICT,
    check: each(apiservers, (use, estate) => {
      const others = indexOf(estate).uses.filter(
        (one) => one.role === 'apiserver' && one.node !== use.node,
      )
      if (endpointHost(use.node, estate) !== undefined) return undefined
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
      (estate) =>
        role('kubelet-serving')(estate).filter(({ certificate }) => certificate.issuers.length > 0),
      (use, estate) => {
        const verified = trustsIn(estate, 'kubelet-ca').length > 0
        const selfMade = /@\d+$/.test(use.certificate.facts.subject.commonNames[0] ?? '')
        if (selfMade) return undefined
        // Without a cluster file the node's name is only that of its folder.
        const known =
          estate.cluster !== undefined || use.node.kubelet?.hostnameOverride !== undefined
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
      (estate) => apiservers(estate).filter((use) => dualStack(use, estate)),
      (use, _estate, { profile }) => {
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
    check: each(apiservers, (use, estate) => {
      const ranges = serviceRanges(use.node, estate).flatMap((range) => parseCidr(range) ?? [])
      const [first] = serviceRanges(use.node, estate)
      if (first === undefined || missing(use, [firstServiceAddress(first)]).length === 0)
        return undefined
      const known = new Set(estate.nodes.flatMap(({ addresses }) => addresses))
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
      (estate) => (estate.cluster ? apiservers(estate) : []),
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
