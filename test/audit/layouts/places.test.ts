import { describe, expect, it } from 'vitest'
import { auditTree } from '../../../src/audit/audit.js'
import { NODE_FOLDERS } from '../../../src/audit/read/layouts.js'
import { holdsPki } from '../../../src/audit/read/read.js'
import { renderText } from '../../../src/audit/report/text.js'
import { type FileTree, file, treeOf, under } from '../../../src/files/tree.js'
import { NOW } from '../support.js'
import { FIXTURES } from './fixtures.js'
import { type Defect, kubeconfig, moved, workshop } from './workshop.js'

const made = async (title: string, defect?: Defect): Promise<FileTree> => {
  const found = FIXTURES.find((one) => one.title === title)
  if (!found) throw new Error(`no fixture ${title}`)
  return found.make(defect)
}
const audit = (tree: FileTree) => auditTree(tree, { at: NOW })
const layoutsOf = async (tree: FileTree) => (await audit(tree)).layouts.map(({ layout }) => layout)

describe('a part of a tree', () => {
  it.each([
    ['k3s, a server', 'var/lib/rancher/k3s/server/tls', 'k3s'],
    ['k3s, a server', 'var/lib/rancher/k3s/server', 'k3s'],
    ['RKE2, a server', 'var/lib/rancher', 'rke2'],
    ['the hard way with cfssl', 'var/lib/kubernetes', 'hard-way'],
    ['kOps, a control plane', 'srv/kubernetes', 'kops'],
    ['MicroK8s', 'var/snap/microk8s/current', 'microk8s'],
    ['MicroK8s', 'var/snap/microk8s/current/certs', 'microk8s'],
    ['the home of minikube', '.minikube', 'minikube-home'],
    ['a machine of minikube', 'var/lib/minikube/certs', 'minikube'],
    ['Kubespray, a control plane', 'etc/kubernetes', 'kubespray'],
    ['a kubelet’s certificates alone', 'var/lib/kubelet/pki', 'kubelet'],
    ['a kubelet’s certificates alone', 'var/lib/kubelet', 'kubelet'],
    ['kubeadm, a control plane', 'etc/kubernetes/pki', 'kubeadm'],
    ['an admin.conf alone', 'etc/kubernetes', 'kubeadm'],
  ])('%s: %s', async (title, folder, layout) => {
    expect(await layoutsOf(under(await made(title), folder))).toEqual([layout])
  })

  it('behind the link of a snap', async () => {
    const tree = new Map(
      [...(await made('MicroK8s'))].map(([path, entry]) => {
        const moved = path.replace('/current/', '/7394/')
        return [moved, { ...entry, path: moved }] as const
      }),
    )
    const current = 'var/snap/microk8s/current'
    tree.set(current, { kind: 'symlink', path: current, target: '7394' })
    const report = await audit(tree)
    expect(report.layouts.map(({ layout }) => layout)).toEqual(['microk8s'])
    expect(report.findings.filter(({ code }) => code === 'X01')).toEqual([])
  })
})

describe('names the true file', () => {
  it.each(['a/b/c/d/e', 'one'])('below %s', async (folder) => {
    const path = 'etc/kubernetes/pki/apiserver.crt'
    const tree = moved(await made('kubeadm, a control plane', { path, how: 'expired' }), folder)
    const { findings, connections, components, expiry } = await audit(tree)
    const placed = [...findings, ...connections, ...components, ...expiry].flatMap(
      ({ path }) => path ?? [],
    )
    expect(placed.filter((one) => !tree.has(one))).toEqual([])
    expect(placed).toContain(`${folder}/${path}`)
  })

  it('in a folder that lies at a known place', async () => {
    const path = 'etc/kubernetes/pki/apiserver.crt'
    const whole = await made('kubeadm, a control plane', { path, how: 'expired' })
    const tree = moved(under(whole, 'etc/kubernetes/pki'), 'backups/2026/monday/node-1/pki-copy')
    const { findings } = await audit(tree)
    const expired = findings.find(({ code }) => code === 'V01')
    expect(expired?.path).toBe('backups/2026/monday/node-1/pki-copy/apiserver.crt')
    expect(tree.has(expired?.path ?? '')).toBe(true)
  })
})

describe('what is not recognised', () => {
  it('is said first', async () => {
    const text = renderText(
      await audit(await made('pairs and a kubeconfig in folders of any name')),
    )
    expect(text.split('\n')[0]).toBe(
      'the layout is not recognised; pairs, chains and kubeconfigs are judged each by itself, and nothing is said of components',
    )
  })

  it('a ca.crt beside pairs of other names is nobody’s but its owner’s', async () => {
    const shop = workshop()
    const ca = await shop.authority({ CN: 'ours' })
    shop.write('ca.crt', ca.certificate)
    await shop.pair('web.crt', 'web.key', ca, { CN: 'web', profile: 'server', dns: ['web'] })
    expect(await layoutsOf(shop.tree)).toEqual(['unrecognised'])
    expect(await layoutsOf(moved(shop.tree, 'pki'))).toEqual(['kubeadm'])
  })

  it('has no components and no connections but those of its kubeconfigs', async () => {
    const report = await audit(await made('pairs and a kubeconfig in folders of any name'))
    expect(report.components).toEqual([])
    expect(report.connections.map(({ from, will }) => [from, will])).toEqual([
      ['jane/files', 'unknown'],
    ])
  })

  it('a certificate without its authority is neither praised nor blamed for its chain', async () => {
    const shop = workshop()
    const ca = await shop.authority({ CN: 'elsewhere' })
    await shop.pair('x/web.crt', 'x/web.key', ca, { CN: 'web', profile: 'server', dns: ['web'] })
    const { findings } = await audit(shop.tree)
    expect(findings.filter(({ severity }) => severity === 'error')).toEqual([])
  })

  it('a kubeconfig whose files are not there, or are of another', async () => {
    const shop = workshop()
    const ca = await shop.authority({ CN: 'ca' })
    shop.write('k/ca.crt', ca.certificate)
    const jane = await shop.pair('k/jane.crt', 'k/jane.key', ca, { CN: 'jane', profile: 'client' })
    shop.write('k/other.key', (await shop.key()).key)
    const parts = { server: 'https://a.example.com:6443', authority: 'ca.crt', user: 'jane' }
    const files = { ...parts, certificate: 'jane.crt', key: 'other.key', files: true }
    shop.write('k/config', kubeconfig(files))
    expect(jane.certificate).toContain('BEGIN')
    const { findings } = await audit(shop.tree)
    expect(findings.map(({ code }) => code)).toContain('F06')
  })

  it('a kubeconfig of any name is one', async () => {
    const shop = workshop()
    const ca = await shop.authority({ CN: 'ca' })
    const made = await shop.issue('prod', ca, { CN: 'jane', profile: 'client' })
    const server = 'https://prod.example.com:6443'
    const text = kubeconfig({ server, authority: ca.certificate, user: 'jane', ...made })
    shop.write('prod', text)
    shop.write('LICENSE', 'kubeadm.k8s.io/ is a word of this text\n')
    const { expiry, unrecognised } = await audit(shop.tree)
    expect(new Set(expiry.map(({ path }) => path))).toEqual(new Set(['prod']))
    expect(unrecognised.map(({ path }) => path)).toEqual(['LICENSE'])
    expect(holdsPki(treeOf([file('prod', text, 0o600)]))).toBe(true)
    expect(holdsPki(treeOf([file('LICENSE', 'kubeadm.k8s.io/', 0o600)]))).toBe(false)
  })

  it('garbage, empty files and broken YAML end in no crash', async () => {
    const report = await audit(
      treeOf([
        file('a/x.crt', '', 0o644),
        file('a/x.key', '-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n', 0o600),
        file('b/secrets.yaml', 'certs: { os: { crt: LS0tLS1CRUdJTiBhYmM=, key: 7 } }\n', 0o600),
        file('c/talosconfig', 'contexts: [LS0tLS1CRUdJTi\n', 0o600),
        file('d/config', 'kind: Config\nclusters: 7\n', 0o600),
      ]),
    )
    expect(report.crashed).toEqual([])
    expect(report.layouts.map(({ alone }) => alone)).toEqual([true])
  })
})

it('of a host only what is meant is read: no pods, images, databases, units of others', () => {
  const wide = [
    'var/lib/kubelet',
    'var/lib/rancher/k3s',
    'var/lib/rancher/k3s/agent',
    'var/lib/etcd',
  ]
  const below = [...wide, 'etc/systemd/system', 'var/lib/rancher/rke2/agent', 'var/snap/microk8s']
  for (const folder of below) expect(NODE_FOLDERS).not.toContain(folder)
  expect(NODE_FOLDERS).toEqual(
    expect.arrayContaining(['etc/kubernetes', 'var/lib/kubelet/pki', 'srv/kubernetes']),
  )
})

it('says whose layout it is, and that flags are assumed from it', async () => {
  const text = renderText(await audit(await made('k3s, a server')))
  expect(text.split('\n')[0]).toBe(
    'the layout is that of k3s; flags of etcd, kube-apiserver, kube-controller-manager, kube-scheduler are assumed from it',
  )
  expect(renderText(await audit(await made('kubeadm, a control plane')))).not.toContain('layout')
})
