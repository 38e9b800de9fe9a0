import { commonNameOf } from '../../ca/certificate/names.js'
import { FLAGS } from '../../manifests/flags.js'
import { fileOfFlag, type NamedFile } from '../graph/credentials.js'
import { ancestors } from '../graph/trust.js'
import type { Certificate, Evidence } from '../read/evidence.js'
import type { Rule } from '../types.js'
import { reaches, trustsIn } from './by-evidence.js'
import { SEPARATE } from './remedies.js'
import type { TrustUse } from './roles.js'
import { type Launched, nameOf, rule } from './rule.js'
import { trustsAs } from './subjects.js'

const ONLY_INTERMEDIATE = 'keep only the zone’s own issuing authority in the file, not the root'

/** Authorities of API clients, of every control plane. */
function clientAuthorities(evidence: Evidence): readonly Certificate[] {
  return [...new Set(trustsIn(evidence, 'client-ca').flatMap(({ certificates }) => certificates))]
}

/** A certificate of the trust file with the key of a client authority. */
function sharedKey(trust: TrustUse, evidence: Evidence): Certificate | undefined {
  const keys = new Set(clientAuthorities(evidence).map(({ keyId }) => keyId))
  return trust.certificates.find(({ keyId }) => keys.has(keyId))
}

/** A certificate of the trust file above a client authority, though none itself. */
function sharedRoot(trust: TrustUse, evidence: Evidence): Certificate | undefined {
  if (sharedKey(trust, evidence)) return undefined
  for (const authority of clientAuthorities(evidence)) {
    const above = ancestors(authority)
    const found = trust.certificates.find((one) => above.has(one) && one !== authority)
    if (found) return found
  }
  return undefined
}

function clientCaName(evidence: Evidence): string {
  const [first] = trustsIn(evidence, 'client-ca')
  return first ? nameOf(first.pem.place) : 'the client authority'
}

const clientCaPlaces = (evidence: Evidence) =>
  trustsIn(evidence, 'client-ca').map(({ pem }) => pem.place)

/** Says that a trust file holds a root above the client authority, and what follows. */
const holdsRoot = (so: string) => (trust: TrustUse, evidence: Evidence) => {
  const root = sharedRoot(trust, evidence)
  if (!root) return undefined
  const name = JSON.stringify(commonNameOf(root.facts.subject))
  const message = `holds ${name}, under which ${clientCaName(evidence)} stands: ${so}`
  return { message, certificate: root }
}

/** A flag that names the authority with which the controller manager signs approved requests. */
interface SigningFlag extends Launched {
  readonly flag: string
  readonly signs: 'clients' | 'kubelets'
  readonly authority: Certificate
  readonly file: NamedFile
}

const SIGNING = FLAGS.filter(({ certificate }) => certificate?.startsWith('signing'))

function signingFlags({ nodes }: Evidence): readonly SigningFlag[] {
  return nodes.flatMap((node) =>
    node.launches.flatMap((launch) =>
      SIGNING.flatMap(({ component, flag, certificate: role }) => {
        const file = component === launch.component ? fileOfFlag(node, launch, flag) : undefined
        const authority = file?.pem?.certificates[0]
        const signs = role === 'signing-kubelet-serving' ? 'kubelets' : 'clients'
        return file && authority ? [{ node, launch, flag, file, signs, authority }] : []
      }),
    ),
  )
}

/** Trust files of another zone to which a signing authority leads, although not all of the clients’ authorities do. */
function otherZone({ authority }: SigningFlag, evidence: Evidence): TrustUse | undefined {
  return (['requestheader-ca', 'etcd-ca', 'etcd-peer-ca'] as const)
    .flatMap((role) => trustsIn(evidence, role))
    .find(
      (trust) =>
        reaches(authority, trust.anchors) &&
        !clientAuthorities(evidence).every((one) => reaches(one, trust.anchors)),
    )
}

export const SEPARATION_RULES: readonly Rule[] = [
  rule('T01', 'frontproxy-eq-client-ca', 'C', 'error', {
    title: 'the front proxy’s authority is the client authority',
    citation:
      'kubernetes/kubernetes#119267; https://kubernetes.io/docs/tasks/extend-kubernetes/configure-aggregation-layer/',
    why: 'Whoever gets a certificate with the front proxy’s name from the client authority may claim any identity in headers. A signed CSR (signer kubernetes.io/kube-apiserver-client) is enough: admission forbids only O=system:masters there.',
    fix: SEPARATE,
    of: trustsAs('requestheader-ca'),
    when: (trust, evidence) =>
      trust.launch?.component === 'kube-apiserver' && sharedKey(trust, evidence),
    say: (_trust, evidence) => ({
      message: `holds the client authority of ${clientCaName(evidence)}: any holder of a CSR signature with the front proxy’s name may claim any identity, system:masters included`,
      suspects: clientCaPlaces(evidence),
    }),
  }),
  rule('T02', 'shared-root-in-requestheader', 'C', 'error', {
    title: 'the request-header file trusts a root above the client authority',
    citation: 'openshift/microshift#949, #951',
    why: 'A certificate from the client authority also chains to that root, so the separation of the intermediates is undone.',
    fix: ONLY_INTERMEDIATE,
    of: trustsAs('requestheader-ca'),
    say: holdsRoot('clients of the API may pose as the front proxy'),
  }),
  rule('T03', 'etcd-ca-eq-cluster-ca', 'H', 'error', {
    title: 'etcd trusts the cluster’s authority',
    citation: 'CIS 2.7; kubernetes/kubeadm#710',
    why: 'etcd asks for no name: every certificate of the cluster, each kubelet’s included, reads and writes all of etcd, Secrets first.',
    fix: SEPARATE,
    of: trustsAs('etcd-ca', 'etcd-peer-ca'),
    when: (trust, evidence) => trust.role === 'etcd-ca' && sharedKey(trust, evidence),
    say: (_trust, evidence) => ({
      message: `holds the client authority of ${clientCaName(evidence)}: any client certificate of the cluster reads and writes all of etcd`,
      suspects: clientCaPlaces(evidence),
    }),
  }),
  rule('T04', 'shared-root-in-etcd', 'H', 'error', {
    title: 'etcd trusts a root above the cluster’s authority',
    citation: 'CIS 2.7',
    why: 'Every client certificate of the cluster chains to that root too, so etcd lets it in.',
    fix: ONLY_INTERMEDIATE,
    of: trustsAs('etcd-ca', 'etcd-peer-ca'),
    say: holdsRoot('any client certificate of the cluster opens etcd'),
  }),
  rule('T17', 'signing-ca-opens-another-zone', 'C', 'error', {
    title: 'approved requests are signed by the authority of another zone',
    citation:
      'https://kubernetes.io/docs/reference/access-authn-authz/certificate-signing-requests/; kubernetes/kubernetes#119267',
    why: 'Whoever gets a certificate request approved holds a certificate of that zone: etcd asks for nothing else, and the front proxy’s name lets one claim any identity.',
    fix: 'set --cluster-signing-cert-file and --cluster-signing-key-file to the clients’ authority (ca.crt, ca.key)',
    of: signingFlags,
    say: (one, evidence) => {
      const trust = otherZone(one, evidence)
      const zone = trust?.role === 'requestheader-ca' ? 'as the front proxy' : 'at etcd'
      return (
        trust &&
        `signs with --${one.flag} by an authority that ${nameOf(trust.pem.place)} trusts: whoever gets a request approved is let in ${zone}`
      )
    },
  }),
  rule('T18', 'signing-ca-not-trusted', 'H', 'error', {
    title: 'approved requests are signed by an authority that nobody trusts',
    citation:
      'https://kubernetes.io/docs/reference/access-authn-authz/certificate-signing-requests/',
    why: 'Kubelets that join or rotate get a certificate which the API server refuses: the node is lost when its present one ends.',
    fix: 'set --cluster-signing-cert-file and --cluster-signing-key-file to the clients’ authority (ca.crt, ca.key)',
    of: signingFlags,
    say: (one, evidence) => {
      const door = one.signs === 'kubelets' ? 'kubelet-ca' : 'client-ca'
      const doors = trustsIn(evidence, door).filter(({ certificates }) => certificates.length > 0)
      const closed = doors.find((trust) => !reaches(one.authority, trust.anchors))
      return (
        closed && {
          message: `signs with --${one.flag} by an authority that ${nameOf(closed.pem.place)} on ${closed.node.name} does not trust`,
          suspects: [one.file, closed.pem.place],
        }
      )
    },
  }),
]
