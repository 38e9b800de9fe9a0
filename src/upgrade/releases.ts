import type { Release } from '../releases/features.js'
import { RELEASES } from '../releases/table.js'

/**
 * Facts of a release that nothing kpki renders depends on, by feature: the minor that brings each. `until` is the first
 * minor without it.
 */
export const HOST_FACTS = {
  'cgroup-v2': {
    since: '1.35',
    what: 'kubelets refuse hosts with cgroup v1',
    todo: 'before this step, check every node with `stat -fc %T /sys/fs/cgroup` (cgroup2fs is right); nodes with tmpfs need a newer system, or failCgroupV1: false in the KubeletConfiguration',
    source: 'kubernetes#134744',
  },
  'containerd-2': {
    since: '1.36',
    what: 'containerd 1.x is no longer supported',
    todo: 'upgrade it to 2.x on every node before this step',
    source: 'kubernetes#133778',
  },
  'ipvs-warning': {
    since: '1.37',
    what: 'kubeadm writes kube-proxy’s mode explicitly (iptables) and warns of ipvs',
    todo: 'name the mode yourself in a KubeProxyConfiguration if you depend on it',
    source: 'kubernetes#139777, kubernetes#139067',
  },
} as const satisfies Readonly<Record<string, HostFact>>

interface HostFact {
  readonly since: string
  readonly what: string
  readonly todo: string
  readonly source: string
}

/** Flags that kubelets no longer know, with the first minor that refuses them. */
const REMOVED_KUBELET_FLAGS: Readonly<Record<string, string>> = {
  'pod-infra-container-image': '1.35',
}

/** The kubelet's flags that end a kubelet of this release at its start. */
export function removedKubeletFlags({ version }: Release): readonly string[] {
  return Object.entries(REMOVED_KUBELET_FLAGS)
    .filter(([, since]) => position(since) <= position(version.minor))
    .map(([flag]) => flag)
}

/** Whether a fact becomes true between two releases. */
export function begins(since: string, before: Release, after: Release): boolean {
  return (
    position(before.version.minor) < position(since) &&
    position(since) <= position(after.version.minor)
  )
}

/** Place of a minor in the table of releases. */
export function position(minor: string): number {
  return RELEASES.findIndex((row) => row.minor === minor)
}

/** Steps between etcd's minors that need a certain patch before them. */
export const ETCD_STEPS: readonly EtcdStep[] = [
  {
    to: '3.6',
    first: '3.5.26',
    why: 'older ones can bring members back that were removed long ago, which stops the cluster; before 3.5.20 members can turn into learners, too',
    source: 'https://etcd.io/blog/2025/zombie_members_upgrade/',
  },
  {
    to: '3.7',
    first: '3.6.11',
    why: 'etcd’s upgrade guide asks for it',
    source: 'https://github.com/etcd-io/website/issues/1165',
  },
]

export interface EtcdStep {
  /** The minor that the step leads to. */
  readonly to: string
  /** The patch that every member should run before. */
  readonly first: string
  readonly why: string
  readonly source: string
}

/** Flags that an etcd minor removed: a pattern of their names. */
export const ETCD_FLAGS_REMOVED: readonly { readonly in: string; readonly flags: RegExp }[] = [
  { in: '3.6', flags: /^(enable-v2|experimental-enable-v2v3|proxy(-.+)?)$/ },
  { in: '3.7', flags: /^experimental-/ },
]

/** Oldest etcd whose probes `/livez` and `/readyz` answer. */
export const ETCD_HEALTH_PATHS = '3.5.11'

/** The release whose `kubeadm upgrade` stops at a kubeadm-flags.env without flags (kubeadm#3279). */
export const EMPTY_FLAGS_FAIL_IN = '1.35'

/** The only release whose `kubeadm upgrade` takes `pod-infra-container-image` out of kubeadm-flags.env. */
export const PAUSE_FLAG_CLEANED_BY = '1.35'

/** Releases whose renewal gives a certificate the release's own organization; others keep what is there. */
export const RENEWAL_MOVES_SUBJECT = {
  minors: ['1.29'] as readonly string[],
  source: 'kubernetes#121841',
}

/** The certificates that `kubeadm upgrade apply` and `kubeadm upgrade node` renew on a control plane. */
export const RENEWED_BY_UPGRADE: readonly string[] = [
  'apiserver',
  'apiserver-kubelet-client',
  'front-proxy-client',
  'apiserver-etcd-client',
  'etcd-server',
  'etcd-peer',
  'etcd-healthcheck-client',
  'controller-manager.conf',
  'scheduler.conf',
  'admin.conf',
  'super-admin.conf',
]
