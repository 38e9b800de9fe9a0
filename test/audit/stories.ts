import type { GeneratedTrees } from '../../src/audit/audit.js'
import type { Finding } from '../../src/audit/types.js'
import { runtimeEngine } from '../../src/ca/engine.js'
import { envOf } from '../../src/ca/env.js'
import { textAt } from '../../src/files/tree.js'
import { generate } from '../../src/generate/generate.js'
import { parseCluster } from '../../src/generate/source.js'
import { clusterText, generated, type Mutable, mutated, NOW, newKeyPem, PKI } from './support.js'

/** A cluster as people break theirs: docs/audit.md tells it, with what the audit says. */
export interface Story {
  readonly id: string
  readonly trees: () => Promise<GeneratedTrees>
  /** When it is audited; the tests' moment by default. */
  readonly at?: Date
  /** The causes that must be named, first one first: code, node and path. */
  readonly causes: readonly string[]
  /** Every error, those that follow from the causes too: at least so many. */
  readonly errors: number
}

export const MANIFEST = 'etc/kubernetes/manifests/kube-apiserver.yaml'

/** Of what rule a finding is, and where. */
export const told = ({ node, path, code }: Finding) => `${code} ${node}: ${path}`

/** Another cluster's files in the place of this one's: what a second `kubeadm init`, or a wrong backup, leaves. */
export async function overwrite(node: Mutable, ...paths: readonly string[]): Promise<void> {
  const { cluster } = parseCluster(clusterText())
  const another = await generate(cluster, { env: envOf(runtimeEngine(), NOW) })
  const other = another.nodes.get('controlplane') ?? new Map()
  for (const path of paths) node.write(path, textAt(other, path) ?? '')
}

export const STORIES: readonly Story[] = [
  {
    id: 'mount',
    trees: async () =>
      mutated(await generated(), (node) =>
        node.replace(
          MANIFEST,
          / {4}- mountPath: \/etc\/kubernetes\/pki\n {6}name: k8s-certs\n {6}readOnly: true\n/,
          '',
        ),
      ),
    causes: [`M01 controlplane: ${MANIFEST}`],
    errors: 3,
  },
  {
    id: 'second-init',
    trees: async () =>
      mutated(
        await generated({ controlPlanes: 3 }),
        (node) => overwrite(node, `${PKI}/ca.crt`, `${PKI}/ca.key`),
        'controlplane2',
      ),
    causes: [`C18 controlplane2: ${PKI}/ca.crt`, `T12 controlplane2: ${PKI}/ca.crt`],
    errors: 35,
  },
  {
    id: 'renewed-without-key',
    trees: async () =>
      mutated(await generated(), async (node) =>
        node.write(`${PKI}/apiserver.key`, await newKeyPem()),
      ),
    causes: [`K01 controlplane: ${PKI}/apiserver.crt`],
    errors: 2,
  },
  {
    id: 'load-balancer',
    trees: async () =>
      mutated(await generated({ controlPlanes: 3 }), (node) => {
        for (const name of ['admin', 'kubelet'])
          node.replace(`etc/kubernetes/${name}.conf`, 'api.example.com', 'lb.example.com')
      }),
    causes: [
      'F05 controlplane: etc/kubernetes/admin.conf',
      'F05 controlplane: etc/kubernetes/kubelet.conf',
    ],
    errors: 5,
  },
  {
    id: 'deleted',
    trees: async () =>
      mutated(await generated(), (node) => {
        for (const path of [...node.tree.keys()])
          if (path.startsWith(`${PKI}/`)) node.tree.delete(path)
      }),
    causes: [`P01 controlplane: ${PKI}`],
    errors: 8,
  },
]
