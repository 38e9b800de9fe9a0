import { KUBERNETES_DIR, secretFile } from '../certs/paths.js'
import type { Cluster, ClusterNode } from '../cluster/cluster.js'
import type { FileEntry } from '../files/tree.js'
import { dumpYamlAll } from '../files/yaml/dump.js'
import { type JoinSecrets, kubeadmYaml, PATCHES_DIR } from './kubeadm/kubeadm.js'
import { kubeletFiles } from './kubeadm/kubelet.js'
import { manifestFiles, type StaticPodOptions } from './pods/static-pods.js'
import { bindingsOf } from './rbac.js'

/** Every file of a node that is no certificate, key or kubeconfig, with kubeadm's paths and modes. */
export function nodeFiles(
  cluster: Cluster,
  node: ClusterNode,
  secrets: JoinSecrets,
  options: StaticPodOptions = {},
): readonly FileEntry[] {
  return [...manifestFiles(cluster, node, options), ...nodeConfiguration(cluster, node, secrets)]
}

/**
 * Configuration of a node: the kubelet's files, `kubeadm.yaml` and the patches that it names, and on the initial
 * control plane the role bindings that the release's certificates rely on (`rbac.yaml`).
 */
export function nodeConfiguration(
  cluster: Cluster,
  node: ClusterNode,
  secrets: JoinSecrets,
): readonly FileEntry[] {
  const { patches } = cluster
  const bindings = node.initial ? bindingsOf(cluster) : []
  return [
    ...kubeletFiles(cluster, node),
    secretFile(`${KUBERNETES_DIR}/kubeadm.yaml`, kubeadmYaml(cluster, node, secrets)),
    ...patches.map(({ name, text }) => secretFile(`${PATCHES_DIR}/${name}`, text)),
    ...(bindings.length === 0
      ? []
      : [secretFile(`${KUBERNETES_DIR}/rbac.yaml`, dumpYamlAll(bindings))]),
  ]
}
