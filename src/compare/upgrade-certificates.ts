import { formatName, subject } from '../ca/names.js'
import { type PlannedLeaf, planNode, planOperator } from '../certs/plan.js'
import type { Cluster } from '../cluster/cluster.js'
import { RENEWED_BY_UPGRADE } from './upgrade-facts.js'
import type { UpgradeItem } from './upgrade-types.js'

/** Certificates whose identity is another one after a step: to be made anew, and by whom. */
export function certificateItems(before: Cluster, after: Cluster): readonly UpgradeItem[] {
  const fresh = new Map(planned(after).map((leaf) => [leaf.id, leaf]))
  const changed = planned(before).flatMap((leaf) => {
    const next = fresh.get(leaf.id)
    const [from, to] = [nameOf(leaf), next && nameOf(next)]
    return to === undefined || from === to ? [] : [{ leaf, from, to }]
  })
  const rows = new Map<string, (typeof changed)[number][]>()
  for (const change of changed) {
    const row = rows.get(change.leaf.row) ?? []
    row.push(change)
    rows.set(change.leaf.row, row)
  }
  return [...rows].flatMap(([row, changes]) => {
    const [first] = changes
    return first
      ? [
          item(
            row,
            first,
            changes.flatMap(({ leaf }) => leaf.node ?? []),
          ),
        ]
      : []
  })
}

function item(
  row: string,
  { leaf, from, to }: { readonly leaf: PlannedLeaf; readonly from: string; readonly to: string },
  nodes: readonly string[],
): UpgradeItem {
  const renewed = RENEWED_BY_UPGRADE.includes(row)
  return {
    id: `certificate:${row}`,
    area: 'certificate',
    what: `${row} (${leaf.about}): ${from} → ${to}`,
    kubeadm: renewed ? 'upgrade apply and node' : 'nobody',
    todo: renewed
      ? 'kubeadm takes the subject from the old certificate when it renews, except where a release says otherwise (1.29 does): look with `kpki inspect`, and make it anew with `kpki gen` where it did not change'
      : 'kpki gen makes it anew; kubeadm does not know it',
    ...(nodes.length > 0 && { nodes }),
  }
}

function planned(cluster: Cluster): readonly PlannedLeaf[] {
  return [...cluster.nodes.flatMap((node) => planNode(cluster, node)), ...planOperator(cluster)]
}

function nameOf(leaf: PlannedLeaf): string {
  return formatName(subject(leaf.subject))
}

/** What `kubeadm upgrade` does for this cluster at every step, and what it leaves to others. */
export function kubeadmsPart(cluster: Cluster): {
  readonly does: readonly string[]
  readonly leaves: readonly string[]
} {
  const rows = [...new Set(planned(cluster).map(({ row }) => row))]
  const renewed = rows.filter((row) => RENEWED_BY_UPGRADE.includes(row))
  const foreign = rows.filter((row) => !RENEWED_BY_UPGRADE.includes(row) && row !== 'kubelet.conf')
  const offline = cluster.pki.caKeys === 'offline'
  const patched = cluster.patches.length > 0
  const [initial] = cluster.nodes.filter((node) => node.initial)
  return {
    does: [
      `\`kubeadm upgrade apply\` on ${initial?.name ?? 'the first control plane'}: rewrites the static pods, the kubelet’s config.yaml, the ConfigMaps kubeadm-config and kubelet-config, the bootstrap tokens’ RBAC, CoreDNS and kube-proxy`,
      '`kubeadm upgrade node` on every other node: the same files of that node, nothing in the cluster; on workers only the kubelet’s config.yaml',
      offline
        ? 'it renews nothing here: the key of the certificate authority is not on the nodes'
        : `it renews, unless --certificate-renewal=false: ${renewed.join(', ')}; with the subject and the names that they have`,
    ],
    leaves: [
      'certificate authorities, sa.key and kubelet.conf',
      ...(offline ? [`${renewed.join(', ')}: \`kpki gen\` renews them`] : []),
      ...(foreign.length > 0 ? [`${foreign.join(', ')}: \`kpki gen\` renews them`] : []),
      'new names in certSANs: a renewed certificate keeps its old ones (`kpki gen` makes it anew)',
      ...(patched
        ? ['your patches, unless you name them again: --patches /etc/kubernetes/patches']
        : []),
      'edits by hand in /etc/kubernetes/manifests: they are overwritten (the old files stay below /etc/kubernetes/tmp)',
      'packages, draining, the container runtime, the pod network',
    ],
  }
}
