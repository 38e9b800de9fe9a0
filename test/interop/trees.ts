import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { runtimeEngine } from '../../src/ca/engine.js'
import { type Env, envOf } from '../../src/ca/env.js'
import { KEY_ALGORITHMS, type KeyAlgorithm } from '../../src/ca/keys/algorithms.js'
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

/** Every topology with every algorithm there is. */
export const ALL_COMBINATIONS = TOPOLOGIES.flatMap((topology) =>
  (Object.keys(KEY_ALGORITHMS) as KeyAlgorithm[]).map(
    (algorithm) => [topology, algorithm] as const,
  ),
)

/** Six keys of each kind in turn, made once: authorities, made first, have different ones, and 4096 bits take seconds. */
export function pooledKeysEnv(): Env {
  const env = envOf(runtimeEngine(), new Date())
  let made = 0
  const newKey = (algorithm: KeyAlgorithm) => {
    const name = `${algorithm} ${made++ % 6}`
    const key = pool.get(name) ?? env.newKey(algorithm)
    pool.set(name, key)
    return key
  }
  return { ...env, newKey }
}

const pool = new Map<string, ReturnType<Env['newKey']>>()

/** A run with real clock and randomness, and real keys unless `env` has others, written below `root`. */
export async function written(cluster: Cluster, root: string, env?: Env): Promise<Generated> {
  const made = await generate(cluster, { ...(env && { env }) })
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
