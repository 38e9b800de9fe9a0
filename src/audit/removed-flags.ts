import type { Flags } from './command-line.js'
import type { ComponentName } from './estate.js'

/** A flag that a release no longer knows. */
interface Removed {
  readonly component: ComponentName
  readonly flag: string
  /** First minor (of Kubernetes, or of etcd) without it. */
  readonly since: string
}

const REMOVED: readonly Removed[] = [
  { component: 'kube-apiserver', flag: 'basic-auth-file', since: '1.19' },
  { component: 'kube-apiserver', flag: 'insecure-port', since: '1.24' },
  { component: 'kube-apiserver', flag: 'insecure-bind-address', since: '1.24' },
  { component: 'kube-apiserver', flag: 'address', since: '1.24' },
  { component: 'kube-scheduler', flag: 'policy-config-file', since: '1.23' },
  { component: 'kube-scheduler', flag: 'address', since: '1.24' },
  { component: 'kube-scheduler', flag: 'port', since: '1.24' },
  { component: 'kube-controller-manager', flag: 'address', since: '1.24' },
  { component: 'kube-controller-manager', flag: 'port', since: '1.24' },
  { component: 'kube-controller-manager', flag: 'pod-eviction-timeout', since: '1.27' },
  { component: 'kube-controller-manager', flag: 'enable-taint-manager', since: '1.27' },
  { component: 'kubelet', flag: 'network-plugin', since: '1.24' },
  { component: 'kubelet', flag: 'cni-conf-dir', since: '1.24' },
  { component: 'kubelet', flag: 'cni-bin-dir', since: '1.24' },
  { component: 'kubelet', flag: 'container-runtime', since: '1.27' },
  { component: 'kubelet', flag: 'pod-infra-container-image', since: '1.35' },
  { component: 'etcd', flag: 'enable-v2', since: '3.6' },
]

/** Whether version `a` (`1.28.7`) is of minor `b` (`1.24`) or later. */
function isAtLeast(a: string, b: string): boolean {
  const [left, right] = [a, b].map((text) => text.split('.').map(Number)) as [number[], number[]]
  return (left[0] ?? 0) !== (right[0] ?? 0)
    ? (left[0] ?? 0) > (right[0] ?? 0)
    : (left[1] ?? 0) >= (right[1] ?? 0)
}

/** Flags of a command line that the release no longer knows: it does not start with any of them. */
export function removedFlagsOf(
  component: ComponentName,
  flags: Flags,
  version: string,
): readonly Removed[] {
  return REMOVED.filter(
    (row) => row.component === component && flags.has(row.flag) && isAtLeast(version, row.since),
  )
}
