import type {
  Certificate,
  Estate,
  KeyFacts,
  KubeconfigFacts,
  Launch,
  NodeFacts,
  PemFacts,
  Place,
} from '../estate.js'
import type { LeafRole, LeafRow, TrustRole } from './roles.js'
import { trustsOf, usesOf } from './uses.js'

/** A certificate in the place from which a component takes it. */
export interface Use {
  readonly role: LeafRole
  readonly row: LeafRow
  readonly node: NodeFacts
  readonly pem: PemFacts
  readonly certificate: Certificate
  /** The key file that goes with it; absent when it is not there. */
  readonly key?: PemFacts
  /** Path of the key, relative, where it is known. */
  readonly keyPath?: string
  /** The kubeconfig that holds or names it. */
  readonly kubeconfig?: KubeconfigFacts
}

/** A file of certificate authorities in the place from which a component takes it. */
export interface Trust {
  readonly role: TrustRole
  readonly node: NodeFacts
  readonly pem: PemFacts
  readonly certificates: readonly Certificate[]
  /** Absent for kubelets and kubeconfigs. */
  readonly launch?: Launch
}

/** A key block with its place. */
export interface KeyPlace {
  readonly place: Place
  readonly node: NodeFacts
  readonly key: KeyFacts
}

/** What rules share, computed once for an estate. */
export interface EstateIndex {
  /** Every part: nodes, authorities, operator. */
  readonly parts: readonly NodeFacts[]
  /** Every PEM text: files, and what kubeconfigs embed. */
  readonly pems: readonly { readonly node: NodeFacts; readonly pem: PemFacts }[]
  readonly kubeconfigs: readonly { readonly node: NodeFacts; readonly config: KubeconfigFacts }[]
  readonly launches: readonly { readonly node: NodeFacts; readonly launch: Launch }[]
  readonly uses: readonly Use[]
  readonly trusts: readonly Trust[]
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

const indexes = new WeakMap<Estate, EstateIndex>()

/** The index of an estate, made when first asked for. */
export function indexOf(estate: Estate): EstateIndex {
  const known = indexes.get(estate)
  if (known) return known
  const made = build(estate)
  indexes.set(estate, made)
  return made
}

function build(estate: Estate): EstateIndex {
  const parts = [estate.authorities, ...estate.nodes, estate.operator].flatMap((one) => one ?? [])
  const kubeconfigs = parts.flatMap((node) =>
    [...node.kubeconfigs.values()].map((config) => ({ node, config })),
  )
  const pems = parts.flatMap((node) => [...node.pems.values()].map((pem) => ({ node, pem })))
  for (const { node, config } of kubeconfigs) {
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
  const usesByCertificate = grouped(uses, ({ certificate }) => certificate)
  const trusted = new Set(trusts.flatMap(({ certificates }) => certificates))
  const presented = (one: Certificate) => usesByCertificate.has(one)
  const isAuthority = (one: Certificate) =>
    !presented(one) && (one.facts.basicConstraints?.ca === true || trusted.has(one))
  const authorities = estate.certificates.filter(isAuthority)
  return {
    parts,
    pems,
    kubeconfigs,
    launches,
    uses,
    trusts,
    keys,
    privateKeys: grouped(
      keys.filter(({ key }) => key.private && key.keyId !== undefined),
      ({ key }) => key.keyId ?? '',
    ),
    leaves: estate.certificates.filter((one) => !isAuthority(one)),
    authorities,
    usesOf: usesByCertificate,
    used: new Set([...uses, ...trusts].map(({ pem }) => pem)),
    authorityOfKey: new Map(authorities.map((one) => [one.keyId, one])),
  }
}

/** Lists by a key, in order. */
export function grouped<K, T>(items: Iterable<T>, keyOf: (item: T) => K): Map<K, T[]> {
  const groups = new Map<K, T[]>()
  for (const item of items) {
    const key = keyOf(item)
    const group = groups.get(key)
    if (group) group.push(item)
    else groups.set(key, [item])
  }
  return groups
}
