import type { Cluster, ClusterNode, Taint } from '../cluster/cluster.js'
import { type FileEntry, file } from '../files/tree.js'
import { dumpYaml } from '../files/yaml.js'
import { commandLine, type Flags, mergeArguments } from './flags.js'
import { imageOf } from './images.js'
import { kubeletConfiguration, socketInConfig } from './kubelet-config.js'
import { KUBELET_DIR, treePath } from './paths.js'

/**
 * The kubelet's files of a node as `kubeadm init` and `kubeadm join` write them: `config.yaml`, `kubeadm-flags.env`
 * and, where the release has it, `instance-config.yaml`.
 */
export function kubeletFiles(cluster: Cluster, node: ClusterNode): readonly FileEntry[] {
  const entry = (name: string, text: string) =>
    file(treePath(`${KUBELET_DIR}/${name}`), text, 0o644)
  return [
    entry('config.yaml', dumpYaml(kubeletConfiguration(cluster, node))),
    entry('kubeadm-flags.env', kubeletEnvironment(cluster, node)),
    ...(socketInConfig(cluster)
      ? [entry('instance-config.yaml', `containerRuntimeEndpoint: ${quoted(node.criSocket)}\n`)]
      : []),
  ]
}

/** The line of `kubeadm-flags.env`. */
export function kubeletEnvironment(cluster: Cluster, node: ClusterNode): string {
  const merged = mergeArguments(
    cluster.release.extraArgs,
    kubeletFlags(cluster, node),
    node.kubeletExtraArgs,
  )
  return `KUBELET_KUBEADM_ARGS=${quoted(commandLine(merged).join(' '))}\n`
}

function kubeletFlags(cluster: Cluster, node: ClusterNode): Flags {
  const { taints = [] } = node
  const flags: Record<string, string> = {}
  if (!socketInConfig(cluster)) flags['container-runtime-endpoint'] = node.criSocket
  if (cluster.release.pauseImageFlag) flags['pod-infra-container-image'] = imageOf(cluster, 'pause')
  // Control planes are tainted by kubeadm itself once they run.
  if (node.role === 'worker' && taints.length > 0) {
    flags['register-with-taints'] = taints.map(taintText).join(',')
  }
  if (cluster.hostnameOverride) flags['hostname-override'] = node.name
  return flags
}

function taintText({ key, value = '', effect }: Taint): string {
  const pair = value === '' ? key : `${key}=${value}`
  return effect === '' ? pair : `${pair}:${effect}`
}

// As Go's %q writes printable text.
function quoted(text: string): string {
  return JSON.stringify(text)
}
