import type { Cluster } from '../cluster/cluster.js'
import { cleanPath } from '../values/paths.js'

export const KUBERNETES_DIR = '/etc/kubernetes'
export const MANIFESTS_DIR = '/etc/kubernetes/manifests'
export const KUBELET_DIR = '/var/lib/kubelet'

/** Absolute path of a file in the certificates directory, cleaned as Go's filepath.Join does. */
export function pkiFile(cluster: Cluster, name: string): string {
  return cleanPath(`${cluster.certificatesDir}/${name}`)
}

/** A path in a node's tree: relative to its root. */
export function treePath(absolute: string): string {
  return cleanPath(absolute).slice(1)
}

/** The directory of an absolute path. */
export function directoryOf(path: string): string {
  return cleanPath(path.slice(0, path.lastIndexOf('/') + 1))
}
