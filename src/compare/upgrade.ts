import type { Cluster, ClusterNode } from '../cluster/cluster.js'
import { KpkiError } from '../errors.js'
import { findVersion, type KubernetesVersion, RELEASES } from '../releases.js'
import { compareEstates } from './compare.js'
import { atVersion } from './migrate.js'
import { plannedEstate } from './planned.js'
import type { Difference } from './types.js'
import { certificateItems, kubeadmsPart } from './upgrade-certificates.js'
import { position } from './upgrade-facts.js'
import { NOTES } from './upgrade-notes.js'
import type { Note, UpgradeItem, UpgradePlan, UpgradeStep } from './upgrade-types.js'

export type * from './upgrade-types.js'

/**
 * What lies between a cluster and a newer version, one minor at a time: certificates to make anew, files, flags,
 * images and probes that change, configuration to migrate, steps of etcd, and what kubeadm does of it. Nothing is made.
 *
 * @param to `1.34` (the newest patch that kpki knows) or `v1.34.2`
 * @throws KpkiError `ERR_USAGE` for a version that kpki does not know or that is older than the cluster's.
 *
 * @example
 * ```ts
 * const { steps } = await upgradePlan(cluster, '1.34')
 * const first = steps.flatMap(({ items }) => items).filter(({ before }) => before)
 * ```
 */
export async function upgradePlan(cluster: Cluster, to: string): Promise<UpgradePlan> {
  const { version } = cluster.release
  const target = findVersion(to)
  if (target === undefined)
    throw new KpkiError(
      'ERR_USAGE',
      `"${to}" is not a Kubernetes version that kpki knows`,
      {},
      {
        hint: `write one from ${RELEASES[0]?.minor} to ${RELEASES.at(-1)?.minor}, for example 1.34`,
      },
    )
  if (isOlder(target, version))
    throw new KpkiError(
      'ERR_USAGE',
      `${target.text} is older than the cluster’s ${version.text}`,
      {},
      {
        hint: 'kubeadm does not go back to an older version',
      },
    )
  const steps: UpgradeStep[] = []
  let current = cluster
  for (const next of stops(version, target)) {
    const { cluster: migrated } = atVersion(current, next)
    steps.push(await step(current, migrated))
    current = migrated
  }
  return {
    cluster: cluster.name,
    from: version.text,
    to: target.text,
    steps,
    kubeadm: kubeadmsPart(current),
  }
}

function isOlder(a: KubernetesVersion, b: KubernetesVersion): boolean {
  const [first, second] = [position(a.minor), position(b.minor)]
  return first === second ? a.patch < b.patch : first < second
}

// kubeadm takes one minor at a time; each in between at the newest patch that is known.
function stops(from: KubernetesVersion, to: KubernetesVersion): readonly KubernetesVersion[] {
  if (from.text === to.text) return []
  const between = RELEASES.slice(position(from.minor) + 1, position(to.minor))
  return [...between.flatMap(({ minor }) => findVersion(minor) ?? []), to]
}

async function step(before: Cluster, after: Cluster): Promise<UpgradeStep> {
  const facts = { cluster: before, before: before.release, after: after.release }
  const notes = Object.entries<Note>(NOTES).flatMap(([id, note]): UpgradeItem[] => {
    const item = note(facts)
    return item === undefined ? [] : [{ id, ...item }]
  })
  const kinds = kindsOf(before)
  const models = (cluster: Cluster): Cluster => ({
    ...cluster,
    nodes: cluster.nodes.filter(({ name }) => kinds.has(name)),
  })
  const [old, fresh] = [models(before), models(after)]
  const certificates = certificateItems(old, fresh).map(({ nodes, ...item }) => ({
    ...item,
    ...(nodes && { nodes: nodes.flatMap((name) => kinds.get(name) ?? []) }),
  }))
  // The files name other nodes (etcd's first members): they are rendered from the whole cluster.
  const found = compareEstates(
    await plannedEstate(before, old.nodes),
    await plannedEstate(after, fresh.nodes),
  )
  return {
    from: before.release.version.text,
    to: after.release.version.text,
    items: [...certificates, ...notes],
    differences: found.flatMap((difference): readonly Difference[] =>
      difference.node === undefined
        ? [difference]
        : (kinds.get(difference.node) ?? []).map((node) => ({ ...difference, node })),
    ),
  }
}

/** Between releases workers of one kind change alike: every kind's first node, and the names of all of them. */
function kindsOf({ nodes }: Cluster): ReadonlyMap<string, readonly string[]> {
  const models = new Map<string, string>()
  const kinds = new Map<string, string[]>()
  for (const node of nodes) {
    const kind = kindOf(node)
    const model = models.get(kind) ?? node.name
    models.set(kind, model)
    const names = kinds.get(model) ?? []
    names.push(node.name)
    kinds.set(model, names)
  }
  return kinds
}

function kindOf({ name, role, criSocket, kubeletExtraArgs, taints }: ClusterNode): string {
  return role === 'control-plane' ? name : JSON.stringify([criSocket, kubeletExtraArgs, taints])
}
