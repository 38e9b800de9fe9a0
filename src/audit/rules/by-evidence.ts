import type { ComponentName } from '../../manifests/flags.js'
import type { Release } from '../../releases/features.js'
import { findVersion, releaseOf } from '../../releases/releases.js'
import { nthAddress, parseCidr } from '../../values/addresses.js'
import { flagList, flagOf } from '../../values/command-line.js'
import { parseHost } from '../../values/hosts.js'
import { at, filled } from '../../values/json.js'
import { groupBy } from '../../values/lists.js'
import { once } from '../../values/once.js'
import type {
  Certificate,
  Evidence,
  KeyFacts,
  KubeconfigFacts,
  Launch,
  NodeEvidence,
  PemFacts,
  Place,
} from '../read/evidence.js'
import { type TrustUse, type TrustUseRole, trustsOf, type Use, usesOf } from './roles.js'

export function launchOf(node: NodeEvidence, component: ComponentName): Launch | undefined {
  return node.launches.find((launch) => launch.component === component)
}

/** The release of the cluster, by its file or by the images of its API servers: the oldest of them. */
export const releaseIn = once((evidence: Evidence): Release | undefined => {
  if (evidence.cluster) return evidence.cluster.release
  const versions = evidence.nodes.flatMap(({ launches }) =>
    launches.flatMap(({ component, version }) => {
      const found = component === 'kube-apiserver' && version ? findVersion(version) : undefined
      return found ? [found] : []
    }),
  )
  const [oldest] = versions.sort(
    (a, b) => Number(a.minor.slice(2)) - Number(b.minor.slice(2)) || a.patch - b.patch,
  )
  return oldest && releaseOf(oldest)
})

/** Service ranges of the cluster, by flag or cluster file. */
export function serviceRanges(node: NodeEvidence, { cluster }: Evidence): readonly string[] {
  const launch = launchOf(node, 'kube-apiserver')
  const flags = launch ? flagList(launch.flags, 'service-cluster-ip-range') : []
  const ranges = flags.length > 0 ? flags : (cluster?.networking.serviceSubnets ?? [])
  return ranges.filter((range) => parseCidr(range) !== undefined)
}

/** Address of the `kubernetes` service in a range. */
export function firstServiceAddress(range: string): string {
  return nthAddress(range, 1)
}

/** The DNS domain of the cluster’s services, where something tells it. */
export function dnsDomain(node: NodeEvidence, { cluster }: Evidence): string | undefined {
  const issuer = flagOf(
    launchOf(node, 'kube-apiserver')?.flags ?? new Map(),
    'service-account-issuer',
  )
  const fromIssuer = /^https:\/\/kubernetes\.default\.svc\.(.+)$/.exec(issuer ?? '')?.[1]
  return (
    cluster?.networking.dnsDomain ?? filled(at(node.kubelet?.config, 'clusterDomain')) ?? fromIssuer
  )
}

/** Host of the control-plane endpoint, by cluster file or kubeadm configuration. */
export function endpointHost(node: NodeEvidence, { cluster }: Evidence): string | undefined {
  if (cluster) return cluster.controlPlaneEndpoint?.host
  const configured = node.kubeadm.flatMap(
    ({ value }) => filled(at(value, 'controlPlaneEndpoint')) ?? [],
  )[0]
  return configured === undefined ? undefined : parseHost(configured)?.host
}

/** Hosts of a URL list flag. */
export function hostsOfFlag(launch: Launch, flag: string): readonly string[] {
  return flagList(launch.flags, flag).flatMap((url) => parseHost(url)?.host ?? [])
}

/** The name a node goes by in Kubernetes. */
export function nodeNameOf(node: NodeEvidence): string {
  return node.kubelet?.hostnameOverride ?? node.name
}

/** A key block with its place. */
export interface KeyPlace {
  readonly place: Place
  readonly node: NodeEvidence
  readonly key: KeyFacts
}

/** What rules share, computed once for an evidence. */
export interface EvidenceIndex {
  /** Every part: nodes, authorities, operator. */
  readonly parts: readonly NodeEvidence[]
  /** Every PEM text: files, and what kubeconfigs embed. */
  readonly pems: readonly { readonly node: NodeEvidence; readonly pem: PemFacts }[]
  readonly kubeconfigs: readonly { readonly node: NodeEvidence; readonly config: KubeconfigFacts }[]
  readonly launches: readonly { readonly node: NodeEvidence; readonly launch: Launch }[]
  readonly uses: readonly Use[]
  readonly trusts: readonly TrustUse[]
  readonly trustsByRole: ReadonlyMap<TrustUseRole, readonly TrustUse[]>
  /** By role and name of the node. */
  readonly trustsByNode: ReadonlyMap<string, readonly TrustUse[]>
  readonly keys: readonly KeyPlace[]
  readonly privateKeys: ReadonlyMap<string, readonly KeyPlace[]>
  /** Certificates that serve as end entities: in a use, or without CA:TRUE. */
  readonly leaves: readonly Certificate[]
  /** Certificates with CA:TRUE, or in a trust file, that no component presents. */
  readonly authorities: readonly Certificate[]
  readonly usesOf: ReadonlyMap<Certificate, readonly Use[]>
  /** PEM texts that a component reads. */
  readonly used: ReadonlySet<PemFacts>
  /** By key: an authority that has it. */
  readonly authorityOfKey: ReadonlyMap<string, Certificate>
}

const indexes = new WeakMap<Evidence, EvidenceIndex>()

/** The index of an evidence, made when first asked for. */
export function indexOf(evidence: Evidence): EvidenceIndex {
  const known = indexes.get(evidence)
  if (known) return known
  const made = build(evidence)
  indexes.set(evidence, made)
  return made
}

function build(evidence: Evidence): EvidenceIndex {
  const parts = [evidence.authorities, ...evidence.nodes, evidence.operator].flatMap(
    (one) => one ?? [],
  )
  const kubeconfigs = parts.flatMap((node) =>
    [...node.kubeconfigs.values()].map((config) => ({ node, config })),
  )
  const pems = parts.flatMap((node) => [...node.pems.values()].map((pem) => ({ node, pem })))
  const configs = parts.flatMap((node) =>
    [...node.kubeconfigs.values(), ...node.webhooks.values()].map((config) => ({ node, config })),
  )
  for (const { node, config } of configs) {
    for (const { authority, authorityInline } of config.clusters)
      if (authority && authorityInline) pems.push({ node, pem: authority })
    for (const { certificate, certificateInline, key, keyInline } of config.users) {
      if (certificate && certificateInline) pems.push({ node, pem: certificate })
      if (key && keyInline) pems.push({ node, pem: key })
    }
  }
  const launches = parts.flatMap((node) => node.launches.map((launch) => ({ node, launch })))
  const keys = pems.flatMap(({ node, pem }) =>
    pem.keys.map((key) => ({ node, key, place: pem.place })),
  )
  const uses = parts.flatMap(usesOf)
  const trusts = parts.flatMap(trustsOf)
  const usesByCertificate = groupBy(uses, ({ certificate }) => certificate)
  const trusted = new Set(trusts.flatMap(({ certificates }) => certificates))
  const presented = (one: Certificate) => usesByCertificate.has(one)
  const isAuthority = (one: Certificate) =>
    !presented(one) && (one.facts.basicConstraints?.ca === true || trusted.has(one))
  const authorities = evidence.certificates.filter(isAuthority)
  return {
    parts,
    pems,
    kubeconfigs,
    launches,
    uses,
    trusts,
    trustsByRole: groupBy(trusts, ({ role }) => role),
    trustsByNode: groupBy(trusts, ({ role, node }) => `${role} ${node.name}`),
    keys,
    privateKeys: groupBy(
      keys.filter(({ key }) => key.private && key.keyId !== undefined),
      ({ key }) => key.keyId ?? '',
    ),
    leaves: evidence.certificates.filter((one) => !isAuthority(one)),
    authorities,
    usesOf: usesByCertificate,
    used: new Set([...uses, ...trusts].map(({ pem }) => pem)),
    authorityOfKey: new Map(authorities.map((one) => [one.keyId, one])),
  }
}

/**
 * Whether a path of names and signatures leads from a certificate to one of the anchors, over
 * anchors and certificates that are served along. Dates and usages are other rules' concern.
 */
export function reaches(
  certificate: Certificate,
  anchors: ReadonlySet<Certificate>,
  served: readonly Certificate[] = [],
): boolean {
  const seen = new Set<Certificate>()
  const queue: Certificate[] = [certificate]
  for (const one of queue) {
    if (anchors.has(one)) return true
    if (seen.has(one)) continue
    seen.add(one)
    for (const issuer of one.issuers)
      if (anchors.has(issuer) || served.includes(issuer)) queue.push(issuer)
  }
  return false
}

/** Every trust file of a role. */
export function trustsIn(evidence: Evidence, role: TrustUseRole): readonly TrustUse[] {
  return indexOf(evidence).trustsByRole.get(role) ?? []
}

/** The trust files that have to accept a use: those of its own node, else all of the first role there is. */
export function acceptersOf(use: Use, evidence: Evidence): readonly TrustUse[] {
  for (const role of use.row.acceptedBy) {
    const all = trustsIn(evidence, role)
    if (all.length === 0) continue
    return indexOf(evidence).trustsByNode.get(`${role} ${use.node.name}`) ?? all.slice(0, 1)
  }
  return []
}
