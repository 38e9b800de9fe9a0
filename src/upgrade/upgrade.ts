import { formatName, subject } from '../ca/certificate/names.js'
import { type PlannedLeaf, plan } from '../certs/plan.js'
import type { Cluster, ClusterNode } from '../cluster/cluster.js'
import { plannedView } from '../compare/clusters.js'
import { compareViews } from '../compare/compare.js'
import type { Difference } from '../compare/types.js'
import { KpkiError } from '../errors.js'
import type { KubernetesVersion, Release } from '../releases/features.js'
import { findVersion } from '../releases/releases.js'
import { RELEASES } from '../releases/table.js'
import { atVersion } from './migrate.js'
import { NOTES } from './notes.js'
import { position, RENEWAL_MOVES_SUBJECT, RENEWED_BY_UPGRADE } from './releases.js'
import type { Note, UpgradeItem, UpgradePlan, UpgradeStep } from './types.js'

/** Certificates whose subject is another one after a step: to be made anew, and by whom. */
export function certificateItems(before: Cluster, after: Cluster): readonly UpgradeItem[] {
  const fresh = new Map(plan(after).leaves.map((leaf) => [leaf.id, leaf]))
  const rows = new Map<string, LeafChange>()
  for (const leaf of plan(before).leaves) {
    const next = fresh.get(leaf.id)
    const [from, to] = [nameOf(leaf), next && nameOf(next)]
    if (to === undefined || from === to) continue
    const { nodes } = rows.get(leaf.row) ?? { nodes: [] }
    rows.set(leaf.row, { leaf, from, to, nodes: [...nodes, ...(leaf.node ? [leaf.node] : [])] })
  }
  return [...rows].map(([row, change]) => item(row, change, after.release))
}

interface LeafChange {
  readonly leaf: PlannedLeaf
  readonly from: string
  readonly to: string
  readonly nodes: readonly string[]
}

function item(row: string, { leaf, from, to, nodes }: LeafChange, release: Release): UpgradeItem {
  return {
    id: `certificate:${row}`,
    area: 'certificate',
    what: `${row} (${leaf.about}): ${from} → ${to}`,
    ...making(row, release),
    ...(nodes.length > 0 && { nodes }),
  }
}

function making(row: string, release: Release): Pick<UpgradeItem, 'kubeadm' | 'todo' | 'source'> {
  if (!RENEWED_BY_UPGRADE.includes(row))
    return { kubeadm: 'nobody', todo: '`kpki gen` makes it anew; kubeadm does not know it' }
  if (RENEWAL_MOVES_SUBJECT.minors.includes(release.version.minor))
    return { kubeadm: 'upgrade apply and node', source: RENEWAL_MOVES_SUBJECT.source }
  const old = 'the old one goes on working, and kubeadm renews it with the subject that it has'
  if (row !== 'apiserver-kubelet-client' || release.kubeletClientGroup !== undefined)
    return { kubeadm: 'nobody', todo: `${old}; \`kpki gen\` makes it anew` }
  return {
    kubeadm: 'nobody',
    todo: `${old} (not verified for patched releases); make it anew with \`kpki gen\`, but put it in place only when its ClusterRoleBinding exists: \`kubectl logs\` and \`exec\` stop otherwise`,
    source: 'kubernetes#138957, kubeadm#3310',
  }
}

function nameOf(leaf: PlannedLeaf): string {
  return formatName(subject(leaf.subject))
}

/** What `kubeadm upgrade` does for this cluster at every step, and what it leaves to others. */
export function kubeadmsPart(cluster: Cluster): {
  readonly does: readonly string[]
  readonly leaves: readonly string[]
} {
  const [worker] = cluster.nodes.filter(({ role }) => role === 'worker')
  const models = cluster.nodes.filter((node) => node.role === 'control-plane' || node === worker)
  const rows = [...new Set(plan({ ...cluster, nodes: models }).leaves.map(({ row }) => row))]
  const renewed = rows.filter((row) => RENEWED_BY_UPGRADE.includes(row))
  const foreign = rows.filter((row) => !RENEWED_BY_UPGRADE.includes(row) && row !== 'kubelet.conf')
  const offline = cluster.pki.caKeys === 'offline'
  const patched = cluster.patches.length > 0
  const [initial] = cluster.nodes.filter((node) => node.initial)
  return {
    does: [
      `\`kubeadm upgrade apply\` on ${initial?.name ?? 'the first control plane'}: rewrites the static pods (etcd’s only if its version rises), the kubelet’s config.yaml, the ConfigMaps kubeadm-config and kubelet-config, the bootstrap tokens’ RBAC, CoreDNS and kube-proxy`,
      '`kubeadm upgrade node` on every other node: the same files of that node, nothing in the cluster; on workers only the kubelet’s config.yaml',
      offline
        ? 'it renews nothing here: the key of the certificate authority is not on the nodes'
        : `it renews, unless --certificate-renewal=false: ${renewed.join(', ')}; with the subject and the names that they have`,
    ],
    leaves: [
      'certificate authorities, sa.key and kubelet.conf',
      ...(offline ? [`${renewed.join(', ')}: \`kpki gen\` renews them`] : []),
      ...(foreign.length > 0 ? [`${foreign.join(', ')}: \`kpki gen\` renews them`] : []),
      '/var/lib/kubelet/kubeadm-flags.env: the kubelet’s flags stay as they were, except where a step says otherwise',
      'new names in certSANs: a renewed certificate keeps its old ones (`kpki gen` makes it anew)',
      ...(patched
        ? ['your patches, unless you name them again: --patches /etc/kubernetes/patches']
        : []),
      'edits by hand in /etc/kubernetes/manifests: they are overwritten (the old files stay below /etc/kubernetes/tmp)',
      'packages, draining, the container runtime, the pod network',
    ],
  }
}

/**
 * What lies between a cluster and a newer version, one minor at a time: certificates to make anew, files, flags,
 * images and probes that change, configuration to migrate, steps of etcd, and what kubeadm does of it. Nothing is made.
 *
 * @param to `1.34` (the newest patch that kpki knows) or `v1.34.2`
 * @throws KpkiError `ERR_USAGE` for a version that kpki does not know or that is older than the cluster's.
 *
 * @example
 * ```ts
 * import { readFile } from 'node:fs/promises'
 * import { parseCluster, upgradePlan } from 'kpki'
 *
 * const { cluster } = parseCluster(await readFile('cluster.yaml', 'utf8'))
 * const { steps } = await upgradePlan(cluster, '1.30')
 * console.log(steps.flatMap(({ items }) => items).filter(({ before }) => before))
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
  const found = compareViews(
    await plannedView(before, old.nodes),
    await plannedView(after, fresh.nodes),
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
