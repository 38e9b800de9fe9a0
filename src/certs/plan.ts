import type { SubjectAltNames } from '../ca/certificate/facts.js'
import type { KeyAlgorithm } from '../ca/keys/algorithms.js'
import type { ProfileName } from '../ca/profiles.js'
import { type Cluster, type ClusterNode, controlPlanes } from '../cluster/cluster.js'
import {
  AUTHORITIES,
  type AuthorityId,
  type CertificatePlace,
  LEAVES,
  type LeafRow,
  type SubjectAttributes,
  userRow,
} from './table.js'

/** A certificate that a cluster needs, as data. */
export interface PlannedCertificate {
  /** For an authority its row, else row and owner: `etcd-server/controlplane`, `operator-admin`. */
  readonly id: string
  readonly about: string
  /** Undefined: kept by the operator. */
  readonly node: string | undefined
  /** Undefined: itself. */
  readonly issuer: AuthorityId | undefined
  readonly profile: ProfileName
  readonly subject: SubjectAttributes
  readonly altNames: SubjectAltNames | undefined
  readonly keyAlgorithm: KeyAlgorithm
  /** Milliseconds. */
  readonly validity: number
  /** Of an authority; undefined: unlimited. */
  readonly pathLength?: number | undefined
}

/** A certificate authority that a cluster needs. */
export interface PlannedAuthority extends PlannedCertificate {
  readonly id: AuthorityId
  readonly base: string
  readonly profile: 'authority'
}

/** An end-entity certificate that a cluster needs. */
export interface PlannedLeaf extends PlannedCertificate {
  readonly row: string
  readonly issuer: AuthorityId
  readonly profile: LeafRow['profile']
  readonly place: CertificatePlace
}

/** The authority in this place: `single` has one for all of them. */
export function authorityIn(cluster: Cluster, id: AuthorityId): AuthorityId {
  return cluster.pki.topology === 'single' ? 'ca' : id
}

/** The authorities of a cluster, issuers first. Pure; nothing is made. */
export function planAuthorities(cluster: Cluster): readonly PlannedAuthority[] {
  const { pki } = cluster
  const planned: PlannedAuthority[] = []
  for (const [id, row] of entries(AUTHORITIES)) {
    if (!row.when(cluster) || authorityIn(cluster, id) !== id) continue
    const own = pki.certificates[id]
    const commonName = row.commonName(cluster)
    const issuer = row.issuer(cluster)
    planned.push({
      id,
      about: row.about,
      base: row.base,
      node: undefined,
      profile: 'authority',
      subject: { ...pki.caSubject, CN: commonName },
      issuer,
      keyAlgorithm: own?.keyAlgorithm ?? pki.keyAlgorithm,
      validity: own?.validity ?? pki.validity.ca,
      pathLength: issuer === undefined ? undefined : 0,
      // kubeadm's authorities name themselves so; a root that no server sees has no use for it
      altNames: id === 'root-ca' ? undefined : { dns: [commonName], ip: [] },
    })
  }
  return planned
}

/** The certificates that one node has of its own. */
export function planNode(cluster: Cluster, node: ClusterNode): readonly PlannedLeaf[] {
  return entries<string, LeafRow>(LEAVES)
    .filter(([, row]) => isOn(row, node) && (row.when?.(cluster) ?? true))
    .map(([id, row]) => planLeaf(cluster, node, id, row, node.name))
}

/** The certificates that stay with the operator: administrators and users. */
export function planOperator(cluster: Cluster): readonly PlannedLeaf[] {
  const initial = controlPlanes(cluster)[0]
  if (initial === undefined) return []
  const rows = entries<string, LeafRow>(LEAVES).filter(
    ([, row]) => row.on === 'operator' && (row.when?.(cluster) ?? true),
  )
  const users = cluster.pki.users.map((user): [string, LeafRow] => [
    `user:${user.name}`,
    userRow(user),
  ])
  return [...rows, ...users].map(([id, row]) => planLeaf(cluster, initial, id, row, undefined))
}

/** Every certificate that a cluster needs, as data: authorities, then nodes, then the operator's. */
export interface Plan {
  readonly authorities: readonly PlannedAuthority[]
  readonly leaves: readonly PlannedLeaf[]
}

/**
 * Plans a cluster's PKI. Pure; nothing is made.
 *
 * @example
 * ```ts
 * import { readFile } from 'node:fs/promises'
 * import { parseCluster, plan } from 'kpki'
 *
 * const { cluster } = parseCluster(await readFile('cluster.yaml', 'utf8'))
 * for (const { id, subject } of plan(cluster).leaves) console.log(id, subject.CN)
 * ```
 */
export function plan(cluster: Cluster): Plan {
  const leaves = cluster.nodes.flatMap((node) => planNode(cluster, node))
  return {
    authorities: planAuthorities(cluster),
    leaves: [...leaves, ...planOperator(cluster)],
  }
}

function isOn(row: LeafRow, node: ClusterNode): boolean {
  if (row.on === 'every-node') return true
  if (row.on === 'initial') return node.initial
  return row.on === 'control-plane' && node.role === 'control-plane'
}

function planLeaf(
  cluster: Cluster,
  node: ClusterNode,
  row: string,
  { about, issuer, profile, subject, altNames, place }: LeafRow,
  owner: string | undefined,
): PlannedLeaf {
  const { pki } = cluster
  const at = { cluster, node }
  const own = pki.certificates[row]
  const user = pki.users.find((candidate) => `user:${candidate.name}` === row)
  return {
    id: owner === undefined ? row : `${row}/${owner}`,
    row,
    about,
    node: owner,
    issuer: authorityIn(cluster, issuer),
    profile,
    subject: subject(at),
    altNames: altNames?.(at),
    keyAlgorithm: own?.keyAlgorithm ?? pki.keyAlgorithm,
    validity: user?.validity ?? own?.validity ?? pki.validity.certificate,
    place,
  }
}

function entries<K extends string, V>(table: Readonly<Record<K, V>>): readonly [K, V][] {
  return Object.entries(table) as [K, V][]
}
