import { MANIFESTS_DIR, secretFile } from '../../certs/paths.js'
import type { Cluster, ClusterNode } from '../../cluster/cluster.js'
import { KpkiError } from '../../errors.js'
import type { FileEntry } from '../../files/tree.js'
import { dumpYaml } from '../../files/yaml/dump.js'
import type { JsonObject } from '../../values/json.js'
import type { StaticPodName } from '../flags.js'
import { applyPatches } from '../patches/patches.js'
import {
  API_SERVER,
  CONTROLLER_MANAGER,
  type Component,
  ETCD,
  type EtcdStart,
  SCHEDULER,
} from './components.js'
import { podOf } from './pod.js'

/** The static pods of a control plane. */
export const COMPONENTS: readonly Component[] = [ETCD, API_SERVER, CONTROLLER_MANAGER, SCHEDULER]

/** What making static pods takes besides cluster and node. */
export interface StaticPodOptions {
  /** How several stacked etcd members start; `one-by-one` by default, as with kubeadm. */
  readonly etcdStart?: EtcdStart
}

/** A static pod as a Kubernetes object; patches can have given it any field. */
export interface NamedPod {
  readonly name: StaticPodName
  readonly pod: JsonObject
}

/**
 * The static pods of a control plane as kubeadm of the cluster's release writes them, patches included: etcd
 * (unless external), kube-apiserver, kube-controller-manager, kube-scheduler. Workers have none.
 * Proxy variables are not taken from the environment, as kubeadm takes them: name them in `extraEnvs`.
 *
 * @throws KpkiError `ERR_SPEC_INVALID` for the feature gate RootlessControlPlane, and for a patch that can't be applied.
 * /
 *
 * @example
 * ```ts
 * import { readFile } from 'node:fs/promises'
 * import { controlPlanes, parseCluster, staticPods } from 'kpki'
 *
 * const { cluster } = parseCluster(await readFile('cluster.yaml', 'utf8'))
 * for (const node of controlPlanes(cluster)) console.log(staticPods(cluster, node).map(({ name }) => name))
 * ```
 */
export function staticPods(
  cluster: Cluster,
  node: ClusterNode,
  options: StaticPodOptions = {},
): readonly NamedPod[] {
  if (node.role !== 'control-plane') return []
  refuseRootless(cluster)
  const site = { cluster, node, etcdStart: options.etcdStart ?? 'one-by-one' }
  return COMPONENTS.filter(({ name }) => name !== 'etcd' || cluster.etcd.kind === 'local').map(
    (component) => ({
      name: component.name,
      pod: applyPatches(cluster, component.name, podOf(component, site)),
    }),
  )
}

/** The static pods as files below `etc/kubernetes/manifests` of the node's tree, mode 0600 as kubeadm's. */
export function manifestFiles(
  cluster: Cluster,
  node: ClusterNode,
  options: StaticPodOptions = {},
): readonly FileEntry[] {
  return staticPods(cluster, node, options).map(({ name, pod }) =>
    secretFile(`${MANIFESTS_DIR}/${name}.yaml`, dumpYaml(pod)),
  )
}

function refuseRootless({ featureGates }: Cluster): void {
  if (featureGates.RootlessControlPlane !== true) return
  const message =
    'the feature gate RootlessControlPlane needs users that kubeadm creates on each machine'
  throw new KpkiError('ERR_SPEC_INVALID', message, {
    issues: [
      {
        path: 'clusterConfiguration.featureGates.RootlessControlPlane',
        message,
        fix: 'leave it out: it is alpha, deprecated since 1.31, and off by default',
      },
    ],
  })
}
