import { commonNameOf } from '../../ca/certificate/names.js'
import { FLAGS, type FlagRow } from '../../manifests/flags.js'
import { flagList, flagOf } from '../../values/command-line.js'
import { hostOf, isLocalHost } from '../../values/hosts.js'
import type { Json } from '../../values/json.js'
import { groupBy } from '../../values/lists.js'
import { listed, quoted } from '../../values/text.js'
import { fileOfFlag, privateKeyOf, tokenSigner, tokenVerifiers } from '../graph/credentials.js'
import type { Certificate, Evidence, NodeEvidence, Place } from '../read/evidence.js'
import { documentOfFlag } from '../starts/access.js'
import type { FindingDraft, Rule } from '../types.js'
import { issuingCertificates } from './authorities.js'
import { reaches, trustsIn } from './by-evidence.js'
import type { TrustUse, TrustUseRole } from './roles.js'
import { finding, rule } from './rule.js'
import {
  authorities,
  controlPlanes,
  launches,
  launchesAs,
  subjectKey,
  trusts,
  uses,
  usesAs,
} from './subjects.js'

const several = (evidence: Evidence) =>
  controlPlanes(evidence).length > 1 ? controlPlanes(evidence) : []

/** What one machine says, and where. */
interface Speaker<T> {
  readonly node: string
  readonly place: Place
  readonly value: T
}

/**
 * Those that differ from most of them, and what most are like. Of as many on either side those are odd for which less
 * speaks, then the later ones.
 */
function deviants<T, S extends Speaker<T>>(
  members: readonly S[],
  keyOf: (value: T) => string,
  weightOf: (value: T) => number = () => 0,
): { readonly norm: S; readonly odd: readonly S[] } | undefined {
  const groups = [...groupBy(members, ({ value }) => keyOf(value)).values()].map((same) => ({
    same,
    weight: same[0] ? weightOf(same[0].value) : 0,
  }))
  const [first, ...others] = groups.sort(
    (a, b) => b.same.length - a.same.length || b.weight - a.weight,
  )
  const norm = first?.same[0]
  return norm && { norm, odd: others.flatMap(({ same }) => same) }
}

/** A finding for each that differs. */
function drift<T, S extends Speaker<T>>(
  members: readonly S[],
  keyOf: (value: T) => string,
  weightOf: (value: T) => number,
  message: (norm: S, odd: S) => string | FindingDraft,
): readonly FindingDraft[] | 'not-applicable' {
  const found = members.length > 1 ? deviants(members, keyOf, weightOf) : undefined
  if (!found) return 'not-applicable'
  return found.odd.map((one) => {
    const said = message(found.norm, one)
    return typeof said === 'string' ? finding(one.place, said) : said
  })
}

const keyOfSet = (values: readonly string[]) => [...new Set(values)].sort().join(' ')

/** How many certificates of the evidence a file of authorities has to accept, and does. */
const accepted =
  (role: TrustUseRole, evidence: Evidence) => (certificates: readonly Certificate[]) => {
    const anchors = new Set(certificates)
    return uses(evidence).filter(
      ({ row, certificate, pem }) =>
        row.acceptedBy.includes(role) && reaches(certificate, anchors, pem.certificates),
    ).length
  }

function accountKeys(node: NodeEvidence): readonly (Speaker<readonly string[]> & {
  /** The key beside, with which the member signs. */
  readonly signer?: Place
})[] {
  const launch = node.launches.find(({ component }) => component === 'kube-apiserver')
  const pem = launch && tokenVerifiers(node, launch).at(-1)?.pem
  const value = pem?.keys.flatMap(({ keyId }) => keyId ?? [])
  const signer = launch && tokenSigner(node, launch)?.pem?.place
  return pem && value
    ? [{ node: node.name, place: pem.place, value, ...(signer && { signer }) }]
    : []
}

/** How many components sign tokens with one of the keys. */
const signers =
  ({ nodes }: Evidence) =>
  (keys: readonly string[]) =>
    nodes.flatMap((node) =>
      node.launches.filter((launch) =>
        keys.includes(privateKeyOf(tokenSigner(node, launch)?.pem)?.keyId ?? ''),
      ),
    ).length

/** Encryption of API servers; `null` where there is none. */
function encryptions(evidence: Evidence): readonly Speaker<Json>[] {
  return launchesAs('kube-apiserver')(evidence).flatMap(
    ({ node, launch }): readonly Speaker<Json>[] => {
      if (launch.path === undefined) return []
      if (flagOf(launch.flags, 'encryption-provider-config') === undefined)
        return [{ node: node.name, place: { node: node.name, path: launch.path }, value: null }]
      const document = documentOfFlag(node, launch, 'encryption-provider-config')
      return document?.value
        ? [{ node: node.name, place: document.place, value: document.value }]
        : []
    },
  )
}

/** Flags that all machines of a cluster must have alike. */
const ALIKE = FLAGS.filter(({ judgedBy }) => judgedBy?.includes('T19'))
/** A token, an address or a stored object of one member is nothing to the others. */
const GRAVE = new Set([
  'service-account-issuer',
  'api-audiences',
  'service-cluster-ip-range',
  'etcd-prefix',
  'authorization-mode',
])

/** What speaks for a value besides its number: kubeadm’s default, the cluster file, and other components. */
function support({ component, flag, value: usual = '' }: FlagRow, evidence: Evidence) {
  const { cluster } = evidence
  const ranges = cluster?.networking.serviceSubnets.join(',')
  const known = (flag === 'service-cluster-ip-range' ? ranges : undefined) ?? usual
  const others = launches(evidence).flatMap(({ launch }) =>
    launch.component === component ? [] : (launch.flags.get(flag)?.join(',') ?? []),
  )
  const isIssuer = flag === 'service-account-issuer'
  return (value: string) =>
    others.filter((one) => one === value).length +
    (value === known || (isIssuer && value.startsWith('https://kubernetes.default.svc')) ? 1 : 0)
}

/** What differs between machines that must be alike. */
export const DRIFT_RULES: readonly Rule[] = [
  rule('T12', 'ca-certificate-drift-ha', 'C', 'error', {
    title: 'control planes trust different authorities',
    citation:
      'https://kubernetes.io/docs/setup/production-environment/tools/kubeadm/high-availability/',
    why: 'A client is welcome at one API server and gets 401 at the next.',
    fix: 'copy the same ca.crt to every control plane',
    check: (evidence) => {
      const roles = ['client-ca', 'etcd-ca', 'requestheader-ca'] as const
      if (several(evidence).length === 0) return 'not-applicable'
      return roles.flatMap((role) => {
        const all = trustsIn(evidence, role).map(({ node, pem, certificates }) => ({
          node: node.name,
          place: pem.place,
          value: certificates,
        }))
        const found = drift(
          all,
          (certificates) => keyOfSet(certificates.map(({ fingerprint }) => fingerprint)),
          accepted(role, evidence),
          (norm) => `holds other authorities than on ${norm.node}`,
        )
        return found === 'not-applicable' ? [] : found
      })
    },
  }),
  rule('T13', 'sa-drift-ha', 'C', 'error', {
    title: 'control planes have different service-account keys',
    citation: 'kubernetes/kubernetes#20165',
    why: 'A token that one API server issued is refused by the next: pods get 401 at random.',
    fix: 'copy the same sa.key and sa.pub to every control plane',
    check: (evidence) =>
      drift(
        several(evidence).flatMap(accountKeys),
        keyOfSet,
        signers(evidence),
        (norm, { place, signer }) =>
          finding(place, `holds other service-account keys than on ${norm.node}`, {
            suspects: signer ? [signer] : [],
          }),
      ),
  }),
  rule('T14', 'encryption-config-drift-ha', 'C', 'error', {
    title: 'control planes encrypt Secrets with different keys',
    citation: 'https://kubernetes.io/docs/tasks/administer-cluster/encrypt-data/',
    why: 'What one API server writes the next cannot read, or writes with an older key.',
    fix: 'copy the same encryption configuration to every control plane',
    needs: 'manifests',
    check: (evidence) =>
      drift(
        encryptions(evidence),
        (value) => JSON.stringify(value),
        (value) => (value === null ? 0 : 1),
        (norm, one) => {
          if (one.value === null) return `encrypts nothing, unlike that on ${norm.node}`
          return norm.value === null
            ? `encrypts on ${one.node}, while ${norm.node} encrypts nothing and cannot read it`
            : `differs from that on ${norm.node}`
        },
      ),
  }),
  rule('T19', 'members-differ', 'H', 'warning', {
    title: 'a machine has other settings than its peers',
    citation:
      'https://kubernetes.io/docs/setup/production-environment/tools/kubeadm/high-availability/',
    why: 'What one API server issues, stores or allows the next refuses: a client’s luck depends on which of them it meets.',
    fix: 'give the same value on every control plane',
    needs: 'manifests',
    check: (evidence) =>
      ALIKE.flatMap((row) => {
        const { component, flag } = row
        const members = launchesAs(component)(evidence).flatMap(({ node, launch }) => {
          const { path, flags, failure } = launch
          const value = flags.get(flag)?.join(',') ?? ''
          return path === undefined || failure
            ? []
            : [{ node: node.name, place: { node: node.name, path }, value }]
        })
        const severity = GRAVE.has(flag) ? 'error' : 'warning'
        const shown = (value: string) => (value === '' ? `no --${flag}` : `--${flag}=${value}`)
        const found = drift(
          members,
          (value) => value,
          support(row, evidence),
          (norm, one) =>
            finding(
              one.place,
              `has ${shown(one.value)}, where ${norm.node} has ${shown(norm.value)}`,
              { severity },
            ),
        )
        return found === 'not-applicable' ? [] : found
      }),
  }),
  rule('T20', 'delegated-authorities-differ', 'M', 'warning', {
    title: 'a component authenticates by other authorities than its API server',
    citation:
      'k8s.io/apiserver/pkg/server/options/authentication.go (DelegatingAuthenticationOptions)',
    why: 'Whoever holds a certificate of that authority is somebody there, and the names in it are his to choose.',
    fix: 'give the API server’s --client-ca-file and --requestheader-client-ca-file',
    needs: 'manifests',
    of: (evidence) =>
      (['kube-controller-manager', 'kube-scheduler'] as const).flatMap((component) =>
        launchesAs(component)(evidence),
      ),
    say: ({ node, launch }) =>
      ['client-ca-file', 'requestheader-client-ca-file'].map((flag) => {
        const server = node.launches.find(({ component }) => component === 'kube-apiserver')
        const own = fileOfFlag(node, launch, flag)?.pem?.certificates
        const theirs = server && fileOfFlag(node, server, flag)?.pem?.certificates
        return (
          own &&
          theirs &&
          own.some((one) => !theirs.includes(one)) &&
          `has a --${flag} with authorities that the API server’s does not hold`
        )
      }),
  }),
  rule('T21', 'etcd-unknown-host', 'H', 'warning', {
    title: 'a machine that the cluster file does not know is part of etcd',
    citation: 'https://etcd.io/docs/latest/op-guide/clustering/',
    why: 'A member has every Secret of the cluster, and whoever an API server takes for etcd gets all that is written.',
    fix: 'remove the address, or add the node to cluster.yaml',
    needs: 'manifests',
    of: (evidence) =>
      evidence.cluster?.etcd.kind === 'local'
        ? [...launchesAs('etcd')(evidence), ...launchesAs('kube-apiserver')(evidence)]
        : [],
    say: ({ launch: { flags } }, { cluster, nodes }) => {
      const known = new Set(
        [...(cluster?.nodes ?? []), ...nodes].flatMap(({ name, addresses }) => [
          name,
          ...addresses,
        ]),
      )
      const urls = [
        ...flagList(flags, 'initial-cluster').map((one) => one.slice(one.indexOf('=') + 1)),
        ...flagList(flags, 'etcd-servers'),
        ...flagList(flags, 'etcd-servers-overrides').flatMap((one) =>
          (one.split('#')[1] ?? '').split(';'),
        ),
      ]
      const odd = urls.filter((url) => {
        const host = hostOf(url)
        return host !== undefined && !isLocalHost(host) && !known.has(host)
      })
      return odd.length > 0 && `names ${listed(odd)} as etcd, which cluster.yaml does not know`
    },
  }),
  rule('T22', 'kubelet-authority-drift', 'C', 'error', {
    title: 'a kubelet trusts another authority than its peers',
    citation: 'https://kubernetes.io/docs/setup/best-practices/certificates/',
    why: 'It refuses the API server: no logs, no exec, no metrics of that node.',
    fix: 'copy the cluster’s ca.crt to the node, and restart the kubelet',
    check: (evidence) => {
      const clients = usesAs('apiserver-kubelet-client')(evidence)
      // What the API server trusts as well is judged there.
      const shared = new Set(trustsIn(evidence, 'client-ca').map(({ pem }) => pem))
      const doors = trustsIn(evidence, 'kubelet-client-ca').filter(
        ({ certificates }) => certificates.length > 0,
      )
      if (clients.length === 0 || doors.length < 2) return 'not-applicable'
      const isOpen = ({ anchors }: TrustUse) =>
        clients.some(({ certificate, pem }) => reaches(certificate, anchors, pem.certificates))
      const [norm] = doors.filter(isOpen)
      return norm
        ? doors
            .filter((one) => !isOpen(one) && !shared.has(one.pem))
            .map(({ pem }) =>
              finding(
                pem.place,
                `holds no authority of the API server’s certificate towards kubelets, which that on ${norm.node.name} does`,
              ),
            )
        : []
    },
  }),
  rule('T24', 'etcd-without-itself', 'C', 'error', {
    title: 'etcd does not find itself, or its peers, among its members',
    citation: 'go.etcd.io/etcd/server/config/config.go (hasLocalMember, advertiseMatchesCluster)',
    why: 'On an empty data directory etcd ends with "couldn’t find local name in the initial cluster configuration", or makes a cluster of its own. A member with data passes over the flag, until it has to be made anew.',
    fix: 'give --initial-cluster every member’s own --name and --initial-advertise-peer-urls',
    needs: 'manifests',
    of: launchesAs('etcd'),
    where: ({ launch }) => flagList(launch.flags, 'initial-cluster').length > 0,
    say: ({ node, launch: { flags } }, evidence) => {
      const members = flagList(flags, 'initial-cluster').map((one) => {
        const cut = one.indexOf('=')
        return { name: one.slice(0, cut), url: one.slice(cut + 1) }
      })
      const own = flagOf(flags, 'name') ?? 'default'
      const mine = members.filter(({ name }) => name === own)
      const shown = `--initial-cluster=${members.map(({ name, url }) => `${name}=${url}`).join(',')}`
      if (mine.length === 0) return `is ${quoted(own)}, which ${shown} does not have`
      const urls = flagList(flags, 'initial-advertise-peer-urls')
      const lost = urls.find((url) => !mine.some((one) => one.url === url))
      if (lost !== undefined) return `advertises ${lost} to its peers, which ${shown} does not have`
      // kubeadm makes the first member alone, and joins the others to it.
      const alone = launchesAs('etcd')(evidence).filter(({ launch }) =>
        flagList(launch.flags, 'initial-cluster').every((one) =>
          one.startsWith(`${flagOf(launch.flags, 'name') ?? 'default'}=`),
        ),
      )
      return (
        alone.findIndex((one) => one.node === node) > 0 &&
        `knows no member but itself (${shown}), and neither does that on ${alone[0]?.node.name}`
      )
    },
  }),
  rule('T16', 'mixed-generation', 'H', 'warning', {
    title: 'certificates of two authorities of one name are in use',
    citation: 'https://kubernetes.io/docs/tasks/tls/manual-rotation-of-ca-certificates/',
    why: 'A rotation stopped half-way: what trusts only one of the two breaks at the next step.',
    fix: 'finish the rotation, with both authorities in every bundle until then',
    check: (evidence) => {
      const issuing = authorities(evidence).filter((one) => issuingCertificates(evidence).has(one))
      if (issuing.length === 0) return 'not-applicable'
      const generations = groupBy(issuing, subjectKey)
      return [...generations.values()].flatMap((same) => {
        const keys = new Set(same.map(({ keyId }) => keyId))
        const [first, ...others] = same
        const whole = trusts(evidence).filter(({ certificates }) =>
          certificates.some((one) => keys.has(one.keyId)),
        )
        const halves = whole.filter(({ certificates }) =>
          [...keys].some((key) => !certificates.some(({ keyId }) => keyId === key)),
        )
        const place = halves[0]?.pem.place
        return first && place && keys.size > 1 && others.length > 0
          ? finding(
              place,
              `trusts only one of ${keys.size} authorities named ${JSON.stringify(commonNameOf(first.facts.subject))} that have issued certificates here`,
            )
          : []
      })
    },
  }),
]
