import type { Cluster, ClusterNode } from '../../src/cluster/cluster.js'
import { textOf } from '../../src/files/tree.js'
import { dumpYaml } from '../../src/files/yaml/dump.js'
import { parseCluster } from '../../src/generate/source.js'
import { nodeFiles } from '../../src/manifests/node-files.js'
import type { StaticPodOptions } from '../../src/manifests/pods/static-pods.js'
import type { KubernetesVersion } from '../../src/releases/features.js'
import { releaseOf } from '../../src/releases/releases.js'

/** Text of kubeadm's configuration for one control plane. */
function kubeadmText(version: string, clusterConfiguration: object): string {
  const api = /1\.(28|29|30)\b/.test(version) ? 'v1beta3' : 'v1beta4'
  const head = (kind: string) => ({ apiVersion: `kubeadm.k8s.io/${api}`, kind })
  const init = {
    ...head('InitConfiguration'),
    localAPIEndpoint: { advertiseAddress: '10.0.0.1' },
    nodeRegistration: { name: 'cp-1', criSocket: 'unix:///run/containerd/containerd.sock' },
  }
  const cluster = { ...head('ClusterConfiguration'), kubernetesVersion: version }
  return [init, { ...cluster, ...clusterConfiguration }].map(dumpYaml).join('---\n')
}

/** What kpki reads from kubeadm's configuration: one control plane, no CA directories on the host. */
export function kubeadmCluster(version: string, clusterConfiguration: object = {}): Cluster {
  return parseCluster(kubeadmText(version, clusterConfiguration)).cluster
}

/** The same cluster in another release, also in one that kpki's table doesn't have. */
export function inRelease(
  cluster: Cluster,
  version: KubernetesVersion,
  rows: Parameters<typeof releaseOf>[1],
): Cluster {
  return { ...cluster, release: releaseOf(version, rows) }
}

/** A cluster of three control planes and a worker, as cluster.yaml describes it. */
export function kpkiCluster(version: string, spec: object = {}): Cluster {
  const names = ['cp-1', 'cp-2', 'cp-3', 'worker-1']
  const nodes = names.map((name, index) => ({
    name,
    role: name.startsWith('cp') ? 'control-plane' : 'worker',
    address: `10.0.0.${index + 1}`,
  }))
  const document = {
    apiVersion: 'kpki/v1alpha1',
    kind: 'Cluster',
    metadata: { name: 'demo' },
    spec: {
      kubernetesVersion: version,
      controlPlaneEndpoint: 'api.example.com:6443',
      networking: { serviceSubnet: '10.96.0.0/16', podSubnet: '10.244.0.0/16' },
      nodes,
      ...spec,
    },
  }
  return parseCluster(dumpYaml(document)).cluster
}

export function nodeOf(cluster: Cluster, name: string): ClusterNode {
  const node = cluster.nodes.find((candidate) => candidate.name === name)
  if (node === undefined) throw new Error(`no node ${name}`)
  return node
}

const SECRETS = {
  bootstrapToken: 'abcdef.0123456789abcdef',
  certificateKey: 'ab'.repeat(32),
  kubeadmTokens: new Map<string, string>(),
  authorityPins: [`sha256:${'cd'.repeat(32)}`],
}

/** Every file of a node as text, by its path in the node's tree. */
export function filesOf(
  cluster: Cluster,
  node: ClusterNode,
  options: StaticPodOptions = {},
): ReadonlyMap<string, string> {
  const entries = nodeFiles(cluster, node, SECRETS, options)
  return new Map(entries.map((entry) => [entry.path, textOf(entry)]))
}

/** The files of the cluster's first node. */
export function initialFiles(cluster: Cluster): ReadonlyMap<string, string> {
  const [node] = cluster.nodes
  if (node === undefined) throw new Error('no node')
  return filesOf(cluster, node)
}
