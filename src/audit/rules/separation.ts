import type { Certificate, Estate } from '../estate.js'
import type { Rule } from '../types.js'
import type { Trust } from './index-of-estate.js'
import { indexOf } from './index-of-estate.js'
import { ancestors, trustsIn } from './reach.js'
import type { TrustRole } from './roles.js'
import { each, finding, nameOf, rule } from './row.js'

const SEPARATE =
  'set pki.topology: separate in cluster.yaml, then kpki gen into a new OUT (a new authority for each zone)'
const ONLY_INTERMEDIATE = 'keep only the zone’s own issuing authority in the file, not the root'

const trusts =
  (...roles: readonly TrustRole[]) =>
  (estate: Estate) =>
    indexOf(estate).trusts.filter(({ role }) => roles.includes(role))

/** Authorities of API clients, of every control plane. */
function clientAuthorities(estate: Estate): readonly Certificate[] {
  return [...new Set(trustsIn(estate, 'client-ca').flatMap(({ certificates }) => certificates))]
}

/** A certificate of the trust file with the key of a client authority. */
function sharedKey(trust: Trust, estate: Estate): Certificate | undefined {
  const keys = new Set(clientAuthorities(estate).map(({ keyId }) => keyId))
  return trust.certificates.find(({ keyId }) => keys.has(keyId))
}

/** A certificate of the trust file above a client authority, though none itself. */
function sharedRoot(trust: Trust, estate: Estate): Certificate | undefined {
  if (sharedKey(trust, estate)) return undefined
  for (const authority of clientAuthorities(estate)) {
    const above = ancestors(authority)
    const found = trust.certificates.find((one) => above.has(one) && one !== authority)
    if (found) return found
  }
  return undefined
}

function clientCaName(estate: Estate): string {
  const [first] = trustsIn(estate, 'client-ca')
  return first ? nameOf(first.pem.place) : 'the client authority'
}

export const SEPARATION_RULES: readonly Rule[] = [
  rule('T01', 'frontproxy-eq-client-ca', 'C', 'error', {
    title: 'the front proxy’s authority is the client authority',
    citation:
      'kubernetes/kubernetes#119267; https://kubernetes.io/docs/tasks/extend-kubernetes/configure-aggregation-layer/',
    why: 'Whoever gets a certificate with the front proxy’s name from the client authority may claim any identity in headers. A signed CSR (signer kubernetes.io/kube-apiserver-client) is enough: admission forbids only O=system:masters there.',
    fix: SEPARATE,
    check: each(trusts('requestheader-ca'), (trust, estate) => {
      if (trust.launch?.component !== 'kube-apiserver' || !sharedKey(trust, estate))
        return undefined
      return finding(
        trust.pem.place,
        `holds the client authority of ${clientCaName(estate)}: any holder of a CSR signature with the front proxy’s name may claim any identity, system:masters included`,
      )
    }),
  }),
  rule('T02', 'shared-root-in-requestheader', 'C', 'error', {
    title: 'the request-header file trusts a root above the client authority',
    citation: 'openshift/microshift#949, #951',
    why: 'A certificate from the client authority also chains to that root, so the separation of the intermediates is undone.',
    fix: ONLY_INTERMEDIATE,
    check: each(trusts('requestheader-ca'), (trust, estate) => {
      const root = sharedRoot(trust, estate)
      return root
        ? finding(
            trust.pem.place,
            `holds ${JSON.stringify(root.facts.subject.commonNames[0] ?? '')}, under which ${clientCaName(estate)} stands: clients of the API may pose as the front proxy`,
            { certificate: root },
          )
        : undefined
    }),
  }),
  rule('T03', 'etcd-ca-eq-cluster-ca', 'H', 'error', {
    title: 'etcd trusts the cluster’s authority',
    citation: 'CIS 2.7; kubernetes/kubeadm#710',
    why: 'etcd asks for no name: every certificate of the cluster, each kubelet’s included, reads and writes all of etcd, Secrets first.',
    fix: SEPARATE,
    check: each(trusts('etcd-ca', 'etcd-peer-ca'), (trust, estate) =>
      trust.role === 'etcd-ca' && sharedKey(trust, estate)
        ? finding(
            trust.pem.place,
            `holds the client authority of ${clientCaName(estate)}: any client certificate of the cluster reads and writes all of etcd`,
          )
        : undefined,
    ),
  }),
  rule('T04', 'shared-root-in-etcd', 'H', 'error', {
    title: 'etcd trusts a root above the cluster’s authority',
    citation: 'CIS 2.7',
    why: 'Every client certificate of the cluster chains to that root too, so etcd lets it in.',
    fix: ONLY_INTERMEDIATE,
    check: each(trusts('etcd-ca', 'etcd-peer-ca'), (trust, estate) => {
      const root = sharedRoot(trust, estate)
      return root
        ? finding(
            trust.pem.place,
            `holds ${JSON.stringify(root.facts.subject.commonNames[0] ?? '')}, under which ${clientCaName(estate)} stands: any client certificate of the cluster opens etcd`,
            { certificate: root },
          )
        : undefined
    }),
  }),
]
