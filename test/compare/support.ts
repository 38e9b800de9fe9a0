import { mkdtemp, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { main } from '../../src/cli/main.js'
import type { Cluster } from '../../src/cluster/cluster.js'
import { type FileTree, file, treeOf } from '../../src/files/tree.js'
import { dumpYaml } from '../../src/files/yaml/dump.js'
import { parseCluster } from '../../src/generate/source.js'

/** cluster.yaml of three control planes and two workers. */
export function clusterText(version: string, spec: object = {}): string {
  const node = (name: string, role: string, address: string) => ({ name, role, address })
  return dumpYaml({
    apiVersion: 'kpki/v1alpha1',
    kind: 'Cluster',
    metadata: { name: 'prod' },
    spec: {
      kubernetesVersion: version,
      controlPlaneEndpoint: 'api.example.com:6443',
      nodes: [
        node('cp1', 'control-plane', '10.0.0.1'),
        node('cp2', 'control-plane', '10.0.0.2'),
        node('cp3', 'control-plane', '10.0.0.3'),
        node('w1', 'worker', '10.0.0.11'),
        node('w2', 'worker', '10.0.0.12'),
      ],
      hostOs: 'none',
      pki: { keyAlgorithm: 'ECDSA-P256' },
      ...spec,
    },
  })
}

export function cluster(version: string, spec: object = {}): Cluster {
  return parseCluster(clusterText(version, spec)).cluster
}

/** A folder of its own with these files. */
export async function folderWith(files: Readonly<Record<string, string>>): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'kpki-compare-'))
  for (const [name, text] of Object.entries(files)) await writeFile(join(folder, name), text)
  return folder
}

/** One command line and everything that came of it. */
export async function run(cwd: string, ...argv: readonly string[]) {
  let out = ''
  let err = ''
  const exit = await main(argv, {
    out: (text) => {
      out += text
    },
    err: (text) => {
      err += text
    },
    env: {},
    cwd,
    isTerminal: false,
    now: () => new Date(),
  })
  return { out, err, exit }
}

/** A tree of text files, mode 0600. */
export function tree(files: Readonly<Record<string, string>>): FileTree {
  return treeOf(Object.entries(files).map(([path, text]) => file(path, text, 0o600)))
}
