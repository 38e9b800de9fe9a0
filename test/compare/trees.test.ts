import { describe, expect, test } from 'vitest'
import { compareClusters, plannedView } from '../../src/compare/clusters.js'
import { compareViews } from '../../src/compare/compare.js'
import { compareTrees, cutTo, viewOf } from '../../src/compare/trees.js'
import { type FileEntry, type FileTree, file, textAt } from '../../src/files/tree.js'
import { generate } from '../../src/generate/generate.js'
import { cluster, tree } from './support.js'

const messages = (differences: readonly { path: string; message: string }[]): readonly string[] =>
  differences.map(({ path, message }) => `${path}: ${message}`)

/** One node's tree with one file edited. */
function edited(node: FileTree, path: string, edit: (text: string) => string, mode?: number) {
  const entry = node.get(path) as FileEntry
  return new Map(node).set(path, file(path, edit(textAt(node, path) ?? ''), mode ?? entry.mode))
}

describe('compareTrees', async () => {
  const made = await generate(cluster('v1.28.7'))
  const again = await generate(cluster('v1.28.7'))
  const cp1 = made.nodes.get('cp1') ?? new Map()

  test('the same tree does not differ from itself', async () => {
    expect(await compareTrees(made.nodes, made.nodes)).toEqual([])
  })

  test('finds re-issued certificates, keys by their public half only', async () => {
    const differences = await compareTrees(made.nodes, again.nodes)
    const apiserver = differences.find(({ role, node }) => role === 'apiserver' && node === 'cp1')
    expect(apiserver).toMatchObject({ kind: 'certificate', change: 'changed' })
    expect(apiserver?.message).toMatch(
      /^certificate re-issued: same identity, new key \(sha256:[0-9a-f]{12} → sha256:[0-9a-f]{12}\), ends \d{4}-\d\d-\d\d$/,
    )
    const text = JSON.stringify(differences)
    for (const side of [made, again])
      for (const [path, entry] of side.nodes.get('cp1') ?? [])
        if (path.endsWith('.key') && entry.kind === 'file') {
          const [, line = ''] = (textAt(side.nodes.get('cp1') ?? new Map(), path) ?? '').split('\n')
          expect(text).not.toContain(line)
        }
    const token = textAt(made.authorities, 'bootstrap-token')?.trim() ?? ''
    expect(token).toMatch(/^[a-z0-9]{6}\.[a-z0-9]{16}$/)
    expect(text).not.toContain(token)
    expect(text).not.toContain(textAt(made.authorities, 'certificate-key')?.trim())
    expect(messages(differences)).toContain(
      'etc/kubernetes/kubeadm.yaml: InitConfiguration.certificateKey: (secret, not shown) → (secret, not shown)',
    )
  })

  test.each([
    [
      'a flag added',
      'manifests/kube-apiserver.yaml',
      (text: string) =>
        text.replace(
          '    - --allow-privileged=true',
          '    - --allow-privileged=true\n    - --profiling=false',
        ),
      'flag --profiling added: false',
    ],
    [
      'a flag changed',
      'manifests/kube-apiserver.yaml',
      (text: string) => text.replace('Node,RBAC', 'RBAC'),
      'flag --authorization-mode: Node,RBAC → RBAC',
    ],
    [
      'a flag removed',
      'manifests/kube-scheduler.yaml',
      (text: string) => text.replace('    - --leader-elect=true\n', ''),
      'flag --leader-elect removed: true',
    ],
    [
      'an image',
      'manifests/etcd.yaml',
      (text: string) => text.replace('etcd:3.5.10-0', 'etcd:3.5.12-0'),
      'image: registry.k8s.io/etcd:3.5.10-0 → registry.k8s.io/etcd:3.5.12-0',
    ],
    [
      'a probe',
      'manifests/kube-scheduler.yaml',
      (text: string) => text.replace('failureThreshold: 24', 'failureThreshold: 36'),
      'startupProbe failureThreshold: 24 → 36',
    ],
    [
      'a password in a variable’s URL',
      'manifests/kube-scheduler.yaml',
      (text: string) =>
        text.replace(
          '    image:',
          '    env:\n    - name: HTTPS_PROXY\n      value: http://me:hunter2@proxy:3128\n    image:',
        ),
      'environment variable HTTPS_PROXY added: http://…@proxy:3128',
    ],
    [
      'the order of arguments',
      'manifests/kube-scheduler.yaml',
      (text: string) =>
        text.replace(
          /( +- --bind-address=.*\n)( +- --kubeconfig=.*\n)/,
          (_: string, a: string, b: string) => b + a,
        ),
      'the order of the arguments changed',
    ],
    [
      'a server',
      'scheduler.conf',
      (text: string) => text.replace('https://10.0.0.1:6443', 'https://10.0.0.9:6443'),
      'server: https://10.0.0.1:6443 → https://10.0.0.9:6443',
    ],
  ])('%s', async (_, name, edit, message) => {
    const path = `etc/kubernetes/${name}`
    const other = new Map(made.nodes).set('cp1', edited(cp1, path, edit))
    expect(messages(await compareTrees(made.nodes, other))).toEqual([`${path}: ${message}`])
  })

  test('kubelet configuration by field, flags of kubeadm-flags.env by flag', async () => {
    const path = 'var/lib/kubelet/config.yaml'
    const env = 'var/lib/kubelet/kubeadm-flags.env'
    const one = edited(cp1, path, (text) => text.replace('enabled: false', 'enabled: true'))
    const both = edited(one, env, (text) => text.replace('pause:3.9', 'pause:3.10'))
    const differences = await compareTrees(cp1, both)
    expect(messages(differences)).toEqual([
      `${path}: authentication.anonymous.enabled: false → true`,
      `${env}: flag --pod-infra-container-image: registry.k8s.io/pause:3.9 → registry.k8s.io/pause:3.10`,
    ])
  })

  test('modes, files on one side, nodes on one side', async () => {
    const loose = edited(cp1, 'etc/kubernetes/admin.conf', (text) => text, 0o644)
    loose.delete('etc/kubernetes/scheduler.conf')
    const other = new Map(made.nodes).set('cp1', loose)
    other.delete('w2')
    expect(messages(await compareTrees(made.nodes, other))).toEqual([
      'etc/kubernetes/admin.conf: mode: 0600 → 0644',
      'etc/kubernetes/scheduler.conf: file removed: CN=system:kube-scheduler',
      ': node w2 removed',
    ])
  })

  test('one node’s root against another of a different name', async () => {
    expect(await compareTrees(new Map([['a', cp1]]), cp1)).toEqual([])
  })

  test('what cannot be read differs by its bytes', async () => {
    const differences = await compareTrees(
      tree({ 'etc/kubernetes/a.yaml': '{', 'etc/motd': 'x', 'etc/kubernetes/b.conf': 'a: 1' }),
      tree({ 'etc/kubernetes/a.yaml': '}', 'etc/motd': 'y', 'etc/kubernetes/b.conf': '- a' }),
    )
    expect(messages(differences)).toEqual([
      'etc/kubernetes/a.yaml: content changed',
      'etc/kubernetes/b.conf: it was YAML and is of a kind that is not read',
      'etc/motd: content changed',
    ])
  })

  test('cuts a view to one node', async () => {
    const view = await viewOf(made.nodes)
    expect([...cutTo(view, 'w1').nodes.keys()]).toEqual(['w1'])
    expect(cutTo(view, 'nobody')).toBe(view)
  })
})

describe('plan and output', () => {
  test.each([
    ['separate', {}],
    ['single', { pki: { topology: 'single', keyAlgorithm: 'ECDSA-P256' } }],
    ['hierarchy', { pki: { topology: 'hierarchy', keyAlgorithm: 'ECDSA-P256', kubeProxy: true } }],
    ['offline', { pki: { caKeys: 'offline', keyAlgorithm: 'ECDSA-P256' } }],
    [
      'with users',
      { pki: { users: [{ name: 'jane', groups: ['dev'] }], keyAlgorithm: 'ECDSA-P256' } },
    ],
    ['joining by files', { join: 'files' }],
  ])('what is planned is what is made: %s', async (_, spec) => {
    for (const version of ['v1.28.7', '1.37']) {
      const planned = cluster(version, spec)
      const made = await generate(planned)
      const out = new Map([
        ...[...made.nodes].flatMap(([node, one]) => under(`nodes/${node}`, one)),
        ...under('authorities', made.authorities),
        ...under('kubeconfig', made.kubeconfig),
      ])
      expect(compareViews(await viewOf(out), await plannedView(planned))).toEqual([])
    }
  })

  test('clusters differ before anything is made', async () => {
    const before = cluster('v1.28.7')
    const after = cluster('v1.28.7', {
      pki: { keyAlgorithm: 'ECDSA-P384', apiServer: { extraSans: ['api.internal'] } },
    })
    const differences = await compareClusters(before, after)
    const own = differences.filter(({ node, role }) => node === 'cp1' && role === 'apiserver')
    expect(own.map(({ message }) => message)).toEqual([
      'names: added DNS:api.internal',
      'key algorithm: EC P-256 → EC P-384',
      'key algorithm: EC P-256 → EC P-384',
    ])
  })
})

test('planned clusters differ in every file that the certificate or key is in', async () => {
  const pathsOf = async (pki: object, other: object) => {
    const found = await compareClusters(
      cluster('v1.28.7', { pki }),
      cluster('v1.28.7', { pki: other }),
    )
    return found.map(({ node, path }) => (node === undefined ? path : `${node}:${path}`))
  }
  const hierarchy = { topology: 'hierarchy' }
  const subjects = await pathsOf(hierarchy, { ...hierarchy, subject: { O: 'Example' } })
  expect(subjects).toContain('cp1:etc/kubernetes/pki/root-bundle.crt')
  expect(await pathsOf({}, { keyAlgorithm: 'ECDSA-P384' })).toEqual(
    expect.arrayContaining(['cp1:etc/kubernetes/pki/sa.key', 'authorities/sa.key']),
  )
})

function under(folder: string, tree: FileTree) {
  return [...tree].map(([path, entry]) => {
    const full = `${folder}/${path}`
    return [full, { ...entry, path: full }] as const
  })
}
