import type { Cluster } from '../cluster/cluster.js'
import { toV1beta3, V1BETA3, V1BETA4 } from '../cluster/kubeadm/versions.js'
import type { SpecIssue } from '../errors.js'
import type { KubernetesVersion, Release } from '../releases/features.js'
import { releaseOf } from '../releases/releases.js'
import { isObject, type JsonObject, withoutKeys } from '../values/json.js'
import { removedKubeletFlags } from './releases.js'

/** A cluster at another version, and what had to be left out of it for that version. */
export interface Migrated {
  readonly cluster: Cluster
  /** Feature gates that the version's kubeadm does not know. */
  readonly gates: readonly string[]
  /** Fields of the configuration that the version's kubeadm has no word for. */
  readonly fields: readonly SpecIssue[]
  /** Flags that the version's kubelet does not know, by node. */
  readonly kubeletFlags: readonly { readonly node: string; readonly flag: string }[]
}

/** The same cluster as a file for another version would describe it. */
export function atVersion(cluster: Cluster, version: KubernetesVersion): Migrated {
  const release = releaseOf(version)
  const gates = unknownGates(cluster, release)
  const removed = removedKubeletFlags(release)
  const kubeletFlags = cluster.nodes.flatMap(({ name: node, kubeletExtraArgs }) =>
    kubeletExtraArgs
      .filter(({ name }) => removed.includes(name))
      .map(({ name: flag }) => ({ node, flag })),
  )
  const { clusterConfiguration } = cluster.kubeadm
  return {
    gates,
    fields: fieldsLost(cluster, release),
    kubeletFlags,
    cluster: {
      ...cluster,
      release,
      featureGates: withoutKeys(cluster.featureGates, gates),
      nodes: cluster.nodes.map((node) => ({
        ...node,
        kubeletExtraArgs: node.kubeletExtraArgs.filter(({ name }) => !removed.includes(name)),
      })),
      kubeadm: {
        ...cluster.kubeadm,
        clusterConfiguration: withoutGates(clusterConfiguration, gates),
      },
    },
  }
}

function fieldsLost({ kubeadm }: Cluster, { kubeadmApi }: Release): readonly SpecIssue[] {
  if (kubeadmApi !== V1BETA3) return []
  const documents = [
    { ...kubeadm.initConfiguration, apiVersion: V1BETA4, kind: 'InitConfiguration' },
    { ...kubeadm.clusterConfiguration, apiVersion: V1BETA4, kind: 'ClusterConfiguration' },
    { ...kubeadm.joinConfiguration, apiVersion: V1BETA4, kind: 'JoinConfiguration' },
  ]
  return toV1beta3(documents).lost
}

/** Feature gates that the user sets and this release does not have. */
export function unknownGates({ featureGates }: Cluster, release: Release): readonly string[] {
  return Object.keys(featureGates).filter((gate) => !Object.hasOwn(release.featureGates, gate))
}

// kubeadm.yaml is written over the user's own document: what is gone must be gone there too.
function withoutGates(document: JsonObject, gates: readonly string[]): JsonObject {
  const { featureGates, ...rest } = document
  if (!isObject(featureGates)) return document
  const left = withoutKeys(featureGates, gates)
  return Object.keys(left).length === 0 ? rest : { ...rest, featureGates: left }
}
