import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import type { KeyAlgorithm } from '../../src/ca/keys/algorithms.js'
import type { Cluster } from '../../src/cluster/cluster.js'
import { writeTree } from '../../src/files/disk.js'
import { type FileTree, textAt } from '../../src/files/tree.js'
import { loadYaml } from '../../src/files/yaml/yaml.js'
import { type Generated, generate } from '../../src/generate/generate.js'

export const TOPOLOGIES = ['separate', 'single', 'hierarchy'] as const
export const ALGORITHMS: readonly KeyAlgorithm[] = ['RSA-2048', 'ECDSA-P256']

/** Every topology with every algorithm that clusters commonly have. */
export const COMBINATIONS = TOPOLOGIES.flatMap((topology) =>
  ALGORITHMS.map((algorithm) => [topology, algorithm] as const),
)

/** A run with real keys, clock and randomness, written below `root`. */
export async function written(cluster: Cluster, root: string): Promise<Generated> {
  const made = await generate(cluster)
  mkdirSync(root, { recursive: true })
  await writeTree(root, made.authorities, { folder: 'authorities' })
  for (const [name, tree] of made.nodes) await writeTree(root, tree, { folder: `nodes/${name}` })
  await writeTree(root, made.kubeconfig, { folder: 'kubeconfig' })
  return made
}

/** Root of a node's own file system in what {@link written} wrote. */
export function nodeRoot(root: string, node: string): string {
  return join(root, 'nodes', node)
}

/** A static pod's command line, as its manifest has it. */
export function commandOf(tree: FileTree | undefined, component: string): readonly string[] {
  const text = tree && textAt(tree, `etc/kubernetes/manifests/${component}.yaml`)
  const pod = loadYaml(text ?? '') as {
    readonly spec: { readonly containers: readonly { readonly command: readonly string[] }[] }
  }
  return pod.spec.containers[0]?.command ?? []
}
