import { readFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import { type Cluster, controlPlanes } from '../../src/cluster/cluster.js'
import { textOf } from '../../src/files/tree.js'
import { nodeFiles } from '../../src/manifests/node-files.js'
import { references } from './cluster.js'

const fixtures = new URL('../../fixtures/kubeadm/v1.28.7/', import.meta.url)

const secrets = { bootstrapToken: undefined, certificateKey: undefined, authorityPins: [] }

function texts(cluster: Cluster): ReadonlyMap<string, string> {
  const [node] = controlPlanes(cluster)
  if (node === undefined) throw new Error('no control plane')
  const files = nodeFiles(cluster, node, secrets).flatMap((entry) =>
    entry.kind === 'file' ? [[entry.path, textOf(entry)] as const] : [],
  )
  return new Map(files)
}

describe.each(Object.entries(references()))('kubeadm v1.28.7, %s', (name, cluster) => {
  const ours = texts(cluster)

  test.each(['etcd', 'kube-apiserver', 'kube-controller-manager', 'kube-scheduler'])(
    '%s',
    (pod) => {
      const real = readFileSync(new URL(`${name}/manifests/${pod}.yaml`, fixtures), 'utf8')
      expect(ours.get(`etc/kubernetes/manifests/${pod}.yaml`)).toBe(real)
    },
  )
})
