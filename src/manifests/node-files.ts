import type { Cluster, ClusterNode, PatchFile } from '../cluster/cluster.js'
import { type FileEntry, file } from '../files/tree.js'
import { dumpYaml, dumpYamlAll } from '../files/yaml.js'
import { COMPONENTS } from './components.js'
import { environmentOf } from './environment.js'
import { type JoinSecrets, kubeadmYaml, PATCHES_DIR } from './kubeadm.js'
import { kubeletFiles } from './kubelet.js'
import { KUBERNETES_DIR, treePath } from './paths.js'
import { bindingsOf } from './rbac.js'
import { manifestFiles, type StaticPodOptions } from './static-pods.js'

export type { JoinSecrets } from './kubeadm.js'

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
  const patches = [...cluster.patches, ...environmentPatches(cluster)]
  const bindings = node.initial ? bindingsOf(cluster) : []
  return [
    ...kubeletFiles(cluster, node),
    secret('kubeadm.yaml', kubeadmYaml({ ...cluster, patches }, node, secrets)),
    ...patches.map(({ name, text }) => file(treePath(`${PATCHES_DIR}/${name}`), text, 0o600)),
    ...(bindings.length === 0 ? [] : [secret('rbac.yaml', dumpYamlAll(bindings))]),
  ]
}

function secret(name: string, text: string): FileEntry {
  return file(treePath(`${KUBERNETES_DIR}/${name}`), text, 0o600)
}

// v1beta3 has no extraEnvs: kubeadm gets them as patches.
function environmentPatches(cluster: Cluster): readonly PatchFile[] {
  if (cluster.release.kubeadmApi !== 'kubeadm.k8s.io/v1beta3') return []
  return COMPONENTS.flatMap(({ name, extraEnvs }) => {
    const env = environmentOf(extraEnvs(cluster))
    if (env.length === 0) return []
    const patch = { spec: { containers: [{ env, name }] } }
    return [{ name: `${name}-environment+strategic.yaml`, text: dumpYaml(patch) }]
  })
}
