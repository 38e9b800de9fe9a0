import { describe, expect, it } from 'vitest'
import { auditTree } from '../../src/audit/audit.js'
import { recognise } from '../../src/audit/read/recognise.js'
import { type FileTree, file, type TreeEntry, treeOf, under } from '../../src/files/tree.js'
import { CONTROL_PLANE, clusterText, generated, NOW, PKI } from './support.js'

/** The same files below another folder. */
function below(prefix: string, tree: FileTree): readonly TreeEntry[] {
  return [...tree.values()].map((entry) => ({ ...entry, path: `${prefix}${entry.path}` }))
}

async function outFolder(prefix = ''): Promise<FileTree> {
  const { nodes, authorities, kubeconfig } = await generated()
  return treeOf([
    file(`${prefix}cluster.yaml`, clusterText(), 0o644),
    ...below(`${prefix}authorities/`, authorities ?? new Map()),
    ...below(`${prefix}kubeconfig/`, kubeconfig ?? new Map()),
    ...[...nodes].flatMap(([name, tree]) => below(`${prefix}nodes/${name}/`, tree)),
  ])
}

async function controlPlane(): Promise<FileTree> {
  const { nodes } = await generated()
  return nodes.get(CONTROL_PLANE) ?? new Map()
}

describe('recognise', () => {
  it('an OUT folder, also inside another folder', async () => {
    for (const prefix of ['', 'backup/clusters/prod/']) {
      const input = recognise(await outFolder(prefix))
      expect([...input.nodes.keys()].sort()).toEqual(['controlplane', 'worker1', 'worker2'])
      expect(input.operator?.has('admin.conf')).toBe(true)
      expect([...(input.authorities?.keys() ?? [])]).toEqual(
        expect.arrayContaining(['ca.crt', 'ca.key', 'etcd/ca.key', 'front-proxy-ca.key', 'sa.key']),
      )
      expect(input.unrecognised).toEqual([])
      expect(input.origins?.get('worker1')?.get('etc/kubernetes/kubelet.conf')).toBe(
        `${prefix}nodes/worker1/etc/kubernetes/kubelet.conf`,
      )
    }
  })

  it('reads cluster.yaml of an OUT folder', async () => {
    const report = await auditTree(await outFolder(), { at: NOW })
    expect(
      report.connections.find(({ id }) => id === 'kube-apiserver/controlplane>kubelet/worker1')
        ?.url,
    ).toBe('https://172.31.10.6:10250')
    expect(report.unrecognised).toEqual([])
  })

  it('says why a cluster.yaml is of no use, and what belongs nowhere', async () => {
    const tree = new Map(await outFolder())
    tree.set('cluster.yaml', file('cluster.yaml', 'kind: Cluster', 0o644))
    tree.set('notes.txt', file('notes.txt', 'x', 0o644))
    const report = await auditTree(tree, { at: NOW })
    expect(report.unrecognised.map(({ path }) => path)).toEqual(['notes.txt'])
    const [unread] = report.findings.filter(({ code }) => code === 'P25')
    expect(unread?.message).toContain("cluster.yaml can't be read: ")
  })

  it('one node’s root, named by its own files', async () => {
    const { nodes } = await generated()
    for (const [name, tree] of nodes) expect([...recognise(tree).nodes.keys()]).toEqual([name])
  })

  it('/etc/kubernetes, and what the user calls its files', async () => {
    const input = recognise(under(await controlPlane(), 'etc/kubernetes'))
    expect([...input.nodes.keys()]).toEqual([CONTROL_PLANE])
    expect(input.origins?.get(CONTROL_PLANE)?.get(`${PKI}/ca.crt`)).toBe('pki/ca.crt')
  })

  it('a pki folder', async () => {
    const input = recognise(under(await controlPlane(), PKI))
    expect(input.nodes.get('node')?.has(`${PKI}/etcd/ca.crt`)).toBe(true)
  })

  it('several nodes’ roots side by side', async () => {
    const { nodes } = await generated()
    const input = recognise(treeOf([...nodes].flatMap(([name, tree]) => below(`${name}/`, tree))))
    expect([...input.nodes.keys()].sort()).toEqual([...nodes.keys()].sort())
  })

  it('loose files', () => {
    const input = recognise(treeOf([file('server.crt', 'x', 0o644), file('photo.jpg', 'x', 0o644)]))
    expect([...input.nodes.keys()]).toEqual(['files'])
    expect(input.unrecognised).toEqual([{ path: 'photo.jpg', reason: 'no known kind of file' }])
  })

  it.each([
    ['k3s', 'var/lib/rancher/k3s/server/tls/server-ca.crt'],
    ['minikube', 'var/lib/minikube/certs/ca.crt'],
    ['kubespray', 'etc/kubernetes/ssl/ca.crt'],
    ['hard-way', 'var/lib/kubernetes/kubernetes.pem'],
  ])('the layout of %s', async (_name, path) => {
    const tree = await controlPlane()
    const ca = tree.get(`${PKI}/ca.crt`)
    if (ca?.kind !== 'file') throw new Error('no ca.crt')
    const report = await auditTree(treeOf([{ ...ca, path }]), { at: NOW })
    expect(report.stats.certificates).toBe(1)
    expect(report.findings.filter(({ severity }) => severity === 'error')).toEqual([])
  })
})
