import { KNOWN_CERTIFICATES } from '../certs/table.js'
import type { Cluster } from '../cluster/cluster.js'
import { clusterDocuments } from '../cluster/resolve/read.js'
import {
  type ReadCluster,
  type ResolvedCluster,
  type ResolveOptions,
  readCluster,
} from '../cluster/resolve/resolve.js'
import type { ClusterSpec } from '../cluster/spec/spec.js'

/**
 * Reads a cluster.yaml (`kpki/v1alpha1`) or kubeadm's own configuration (`kubeadm.k8s.io/v1beta3` or
 * `v1beta4`, several documents) into a complete cluster. Values that kubeadm would ask the machine or the
 * internet for must be written.
 *
 * @throws KpkiError `ERR_YAML_INVALID`; `ERR_SPEC_INVALID` with every mistake at once
 * /
 *
 * @example
 * ```ts
 * import { readFile } from 'node:fs/promises'
 * import { parseCluster } from 'kpki'
 *
 * const { cluster, warnings } = parseCluster(await readFile('cluster.yaml', 'utf8'))
 * console.log(cluster.release.version.text, warnings)
 * ```
 */
export function parseCluster(text: string, options: ResolveOptions = {}): ResolvedCluster {
  return readSource(clusterDocuments(text, options.source), options).resolve(options.patches)
}

/**
 * Resolves a cluster.yaml that is a value already. See {@link parseCluster}.
 *
 * @throws KpkiError `ERR_SPEC_INVALID` with every mistake at once
 * /
 *
 * @example
 * ```ts
 * import { resolveCluster } from 'kpki'
 *
 * const { cluster } = resolveCluster({
 *   apiVersion: 'kpki/v1alpha1',
 *   kind: 'Cluster',
 *   metadata: { name: 'demo' },
 *   spec: {
 *     kubernetesVersion: 'v1.31.4',
 *     nodes: [{ name: 'cp', role: 'control-plane', address: '192.0.2.10' }],
 *   },
 * })
 * console.log(cluster.nodes.length)
 * ```
 */
export function resolveCluster(spec: ClusterSpec, options: ResolveOptions = {}): ResolvedCluster {
  return readSource([spec], options).resolve(options.patches)
}

/** Reads the documents of a cluster file, for who then reads the patches that it names. */
export function readSource(documents: readonly unknown[], options: ResolveOptions): ReadCluster {
  return readCluster(documents, KNOWN_CERTIFICATES, options)
}

/** What {@link generate} takes: a cluster file's text, the same as a value, or a resolved cluster. */
export type ClusterSource = string | ClusterSpec | Cluster

export function clusterOf(source: ClusterSource): Cluster {
  if (typeof source === 'string') return parseCluster(source).cluster
  return 'release' in source ? source : resolveCluster(source).cluster
}
