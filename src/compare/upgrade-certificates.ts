import { formatName, subject } from '../ca/names.js'
import { type PlannedLeaf, planNode, planOperator } from '../certs/plan.js'
import type { Cluster } from '../cluster/cluster.js'
import type { Release } from '../releases.js'
import { RENEWAL_MOVES_SUBJECT, RENEWED_BY_UPGRADE } from './upgrade-facts.js'
import type { UpgradeItem } from './upgrade-types.js'

/** Certificates whose subject is another one after a step: to be made anew, and by whom. */
export function certificateItems(before: Cluster, after: Cluster): readonly UpgradeItem[] {
  const fresh = new Map(planned(after).map((leaf) => [leaf.id, leaf]))
  const rows = new Map<string, Change>()
  for (const leaf of planned(before)) {
    const next = fresh.get(leaf.id)
    const [from, to] = [nameOf(leaf), next && nameOf(next)]
    if (to === undefined || from === to) continue
    const { nodes } = rows.get(leaf.row) ?? { nodes: [] }
    rows.set(leaf.row, { leaf, from, to, nodes: [...nodes, ...(leaf.node ? [leaf.node] : [])] })
  }
  return [...rows].map(([row, change]) => item(row, change, after.release))
}

interface Change {
  readonly leaf: PlannedLeaf
  readonly from: string
  readonly to: string
  readonly nodes: readonly string[]
}

function item(row: string, { leaf, from, to, nodes }: Change, release: Release): UpgradeItem {
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
  const [worker] = cluster.nodes.filter(({ role }) => role === 'worker')
  const models = cluster.nodes.filter((node) => node.role === 'control-plane' || node === worker)
  const rows = [...new Set(planned({ ...cluster, nodes: models }).map(({ row }) => row))]
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
