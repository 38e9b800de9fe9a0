import { chmod, readFile, rename, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { clusterText, folderWith, run } from '../compare/support.js'

const folder = await folderWith({
  'cluster.yaml': clusterText('v1.28.7'),
  'broken.yaml': 'kind: Cluster',
  'external.yaml': clusterText('v1.31.2', {
    imageRepository: 'mirror.example.com/k8s',
    kubeadm: {
      clusterConfiguration: {
        etcd: { external: { endpoints: ['https://10.9.9.9:2379'], caFile: '/e/ca.crt' } },
      },
    },
  }),
})
const kpki = (line: string) => run(folder, ...line.split(' '))

describe('kpki images', () => {
  test('one image a line', async () => {
    expect(await kpki('images -f cluster.yaml')).toEqual({
      out: [
        'registry.k8s.io/kube-apiserver:v1.28.7',
        'registry.k8s.io/kube-controller-manager:v1.28.7',
        'registry.k8s.io/kube-scheduler:v1.28.7',
        'registry.k8s.io/kube-proxy:v1.28.7',
        'registry.k8s.io/pause:3.9',
        'registry.k8s.io/etcd:3.5.10-0',
        'registry.k8s.io/coredns/coredns:v1.10.1',
        '',
      ].join('\n'),
      err: '',
      exit: 0,
    })
  })

  test('as JSON; a mirror, external etcd', async () => {
    const { out, exit } = await kpki('images -f external.yaml --json')
    expect(exit).toBe(0)
    expect(JSON.parse(out)).toEqual([
      { component: 'kube-apiserver', image: 'mirror.example.com/k8s/kube-apiserver:v1.31.2' },
      {
        component: 'kube-controller-manager',
        image: 'mirror.example.com/k8s/kube-controller-manager:v1.31.2',
      },
      { component: 'kube-scheduler', image: 'mirror.example.com/k8s/kube-scheduler:v1.31.2' },
      { component: 'kube-proxy', image: 'mirror.example.com/k8s/kube-proxy:v1.31.2' },
      { component: 'coredns', image: 'mirror.example.com/k8s/coredns:v1.11.3' },
      { component: 'pause', image: 'mirror.example.com/k8s/pause:3.10' },
    ])
  })

  test('a file that is not there, or not a cluster', async () => {
    const missing = await kpki('images -f nothing.yaml')
    expect(missing).toMatchObject({ out: '', exit: 2 })
    expect(missing.err).toContain('kpki: error: nothing.yaml does not exist')
    expect((await kpki('images -f broken.yaml')).exit).toBe(2)
  })
})

describe('kpki manifests', () => {
  test('every static pod of every control plane, each under its path', async () => {
    const { out, err, exit } = await kpki('manifests')
    expect([err, exit]).toEqual(['', 0])
    const names = ['etcd', 'kube-apiserver', 'kube-controller-manager', 'kube-scheduler']
    expect(out.match(/^# .*$/gm)).toEqual(
      ['cp1', 'cp2', 'cp3'].flatMap((node) =>
        names.map((name) => `# nodes/${node}/etc/kubernetes/manifests/${name}.yaml`),
      ),
    )
    const pods = out
      .split('---\n')
      .map((text) => /^kind: (.*)\nmetadata:[\s\S]*?^ {2}name: (.*)$/m.exec(text)?.slice(1))
    expect(pods).toEqual(['cp1', 'cp2', 'cp3'].flatMap(() => names.map((name) => ['Pod', name])))
  })

  test('one of them, equal to the file that gen writes', async () => {
    const { out } = await kpki('manifests --node cp2 --component kube-scheduler')
    await kpki('gen -f cluster.yaml -o manifests-out')
    const path = 'nodes/cp2/etc/kubernetes/manifests/kube-scheduler.yaml'
    const written = await readFile(join(folder, 'manifests-out', path), 'utf8')
    expect(out).toBe(`# ${path}\n${written}`)
  })

  test('as JSON', async () => {
    const { out } = await kpki('manifests --component etcd --json')
    const listed: readonly { readonly node: string; readonly path: string }[] = JSON.parse(out)
    expect(listed.map(({ node, path }) => [node, path])).toEqual([
      ['cp1', 'nodes/cp1/etc/kubernetes/manifests/etcd.yaml'],
      ['cp2', 'nodes/cp2/etc/kubernetes/manifests/etcd.yaml'],
      ['cp3', 'nodes/cp3/etc/kubernetes/manifests/etcd.yaml'],
    ])
  })

  test.each([
    [
      'manifests --node w1',
      'kpki: error: w1 is a worker: static pods are on control planes\nkpki: hint: control planes: cp1, cp2, cp3\n',
    ],
    [
      'manifests --node cp9',
      'kpki: error: the cluster has no node cp9\nkpki: hint: control planes: cp1, cp2, cp3\n',
    ],
    [
      'manifests -f external.yaml --component etcd',
      'kpki: error: this cluster has no static pod etcd\nkpki: hint: with external etcd there is none of etcd\n',
    ],
  ])('%s', async (line, err) => {
    expect(await kpki(line)).toEqual({ out: '', err, exit: 2 })
  })

  test('an unknown component', async () => {
    expect((await kpki('manifests --component kubelet')).exit).toBe(2)
  })
})

describe('kpki diff', async () => {
  await kpki('gen -f cluster.yaml -o out')
  await kpki('gen -f cluster.yaml -o other')
  const admin = join(folder, 'out/nodes/cp1/etc/kubernetes/admin.conf')

  test('nothing', async () => {
    const same = { out: 'no differences\n', err: '', exit: 0 }
    expect(await kpki('diff cluster.yaml cluster.yaml')).toEqual(same)
    expect(await kpki('diff out out')).toEqual(same)
    expect(await kpki('diff out cluster.yaml')).toEqual(same)
    expect(await kpki('diff out/nodes/cp2 out')).toEqual(same)
    expect(await kpki('diff out out/nodes/w1')).toEqual(same)
    expect(await kpki('diff cluster.yaml out/nodes/w1')).toEqual(same)
    expect(await kpki('diff out/nodes/cp1/etc/kubernetes out/nodes/cp1')).toEqual(same)
    expect(await kpki('diff cluster.yaml out@1.28.7')).toEqual(same)
  })

  test('a release', async () => {
    expect(await kpki('diff cluster.yaml cluster.yaml@v1.28.8')).toEqual({
      out: [
        'cp1: etc/kubernetes/kubeadm.yaml',
        '  ~ ClusterConfiguration.kubernetesVersion: v1.28.7 → v1.28.8',
        'cp1, cp2, cp3: etc/kubernetes/manifests/etcd.yaml',
        '  ~ image: registry.k8s.io/etcd:3.5.10-0 → registry.k8s.io/etcd:3.5.12-0',
        'cp1, cp2, cp3: etc/kubernetes/manifests/kube-apiserver.yaml',
        '  ~ image: registry.k8s.io/kube-apiserver:v1.28.7 → registry.k8s.io/kube-apiserver:v1.28.8',
        'cp1, cp2, cp3: etc/kubernetes/manifests/kube-controller-manager.yaml',
        '  ~ image: registry.k8s.io/kube-controller-manager:v1.28.7 → registry.k8s.io/kube-controller-manager:v1.28.8',
        'cp1, cp2, cp3: etc/kubernetes/manifests/kube-scheduler.yaml',
        '  ~ image: registry.k8s.io/kube-scheduler:v1.28.7 → registry.k8s.io/kube-scheduler:v1.28.8',
        '13 differences in 13 files on 3 nodes',
        '',
      ].join('\n'),
      err: '',
      exit: 1,
    })
  })

  test('two outputs: new keys, never printed', async () => {
    const { out, exit } = await kpki('diff out other')
    expect(exit).toBe(1)
    expect(out).toContain('  ~ certificate re-issued: same identity, new key (sha256:')
    expect(out).not.toMatch(/PRIVATE KEY|LS0tLS1/)
    const token = (await readFile(join(folder, 'out/authorities/bootstrap-token'), 'utf8')).trim()
    expect(out).not.toContain(token)
  })

  test('a mode, as JSON', async () => {
    await chmod(admin, 0o644)
    const { out, exit } = await kpki('diff --json cluster.yaml out')
    await chmod(admin, 0o600)
    expect([JSON.parse(out), exit]).toEqual([
      [
        {
          node: 'cp1',
          path: 'etc/kubernetes/admin.conf',
          role: 'admin.conf',
          kind: 'mode',
          change: 'changed',
          subject: 'mode',
          before: '0600',
          after: '0644',
          message: 'mode: 0600 → 0644',
        },
      ],
      1,
    ])
  })

  test('what a version has no word for is left out with a warning', async () => {
    await writeFile(
      join(folder, 'gates.yaml'),
      clusterText('v1.36.1', {
        kubeadm: { clusterConfiguration: { featureGates: { PublicKeysECDSA: true } } },
      }),
    )
    const { err } = await kpki('diff gates.yaml gates.yaml@1.37')
    expect(err).toContain(
      'kpki: warning: feature gate PublicKeysECDSA is left out: v1.37.1 does not have it\n',
    )
    await writeFile(
      join(folder, 'proxy.yaml'),
      clusterText('v1.36.1', {
        kubeadm: { clusterConfiguration: { proxy: { disabled: true } } },
      }),
    )
    const older = await kpki('diff proxy.yaml proxy.yaml@1.30')
    expect(older.err).toContain(
      'kpki: warning: ClusterConfiguration.proxy: has no place in v1beta3',
    )
  })

  test.each([
    ['diff cluster.yaml', "kpki: error: missing required argument 'B'"],
    ['diff cluster.yaml cluster.yaml@2.0', 'kpki: error: cluster.yaml@2.0: "2.0" is not a version'],
    ['diff nothing out', 'kpki: error: nothing does not exist'],
  ])('%s', async (line, err) => {
    const result = await kpki(line)
    expect(result).toMatchObject({ out: '', exit: 2 })
    expect(result.err).toContain(err)
  })

  test('a file with an @ of its own', async () => {
    await writeFile(join(folder, 'a@1.30'), clusterText('v1.28.7'))
    expect((await kpki('diff cluster.yaml a@1.30')).exit).toBe(0)
  })

  test('text of a hostile file cannot move the cursor', async () => {
    await kpki('gen -f cluster.yaml -o hostile')
    const path = join(folder, 'hostile/nodes/w1/var/lib/kubelet/config.yaml')
    await writeFile(path, `${await readFile(path, 'utf8')}evil: "\\e[2J"\n`)
    await rename(join(folder, 'hostile/kubeconfig'), join(folder, 'hostile-kubeconfig'))
    const { out } = await kpki('diff out/nodes/w1 hostile/nodes/w1')
    expect(out).toContain('  + evil added: \\u001b[2J\n')
  })
})

describe('kpki upgrade-plan', () => {
  test('steps, what to do, and kubeadm’s part', async () => {
    const { out, err, exit } = await kpki('upgrade-plan cluster.yaml --to v1.28.8')
    expect([err, exit]).toEqual(['', 0])
    expect(out).toMatch(/^prod: v1\.28\.7 → v1\.28\.8 in 1 step: v1\.28\.7 → v1\.28\.8\n/)
    expect(out).toContain('\n== v1.28.7 → v1.28.8\n\netcd\n  - etcd 3.5.10-0 → 3.5.12-0\n')
    expect(out).toContain('  cp1, cp2, cp3: etc/kubernetes/manifests/etcd.yaml\n    ~ image: ')
    expect(out).toContain('\nat every step kubeadm\n  - `kubeadm upgrade apply` on cp1: ')
    expect(out).toContain('and leaves\n  - certificate authorities, sa.key and kubelet.conf\n')
  })

  test('marks what must be done before a step', async () => {
    const { out } = await kpki('upgrade-plan out --to 1.34')
    expect(out).toContain('1 thing must be done before a step (marked !)\n')
    expect(out).toContain('  ! etcd 3.5.24-0 → 3.6.5-0\n')
  })

  test('as JSON, from an output folder and from a node with its kubeadm.yaml', async () => {
    for (const source of ['out', 'cluster.yaml']) {
      const { out, exit } = await kpki(`upgrade-plan ${source} --to 1.29 --json`)
      expect(exit).toBe(0)
      expect(JSON.parse(out)).toMatchObject({ cluster: 'prod', from: 'v1.28.7', to: 'v1.29.15' })
    }
    const node = await kpki('upgrade-plan out/nodes/cp1 --to 1.29 --json')
    expect(JSON.parse(node.out)).toMatchObject({ from: 'v1.28.7', to: 'v1.29.15' })
  })

  test('nothing to do', async () => {
    expect(await kpki('upgrade-plan cluster.yaml --to v1.28.7')).toEqual({
      out: 'prod is at v1.28.7 already\n',
      err: '',
      exit: 0,
    })
  })

  test.each([
    ['upgrade-plan cluster.yaml', "kpki: error: required option '--to <VERSION>' not specified"],
    ['upgrade-plan cluster.yaml --to 1.27', 'kpki: error: "1.27" is not a Kubernetes version'],
    [
      'upgrade-plan cluster.yaml --to 1.28.1',
      'kpki: error: v1.28.1 is older than the cluster’s v1.28.7',
    ],
    ['upgrade-plan out/nodes --to 1.29', 'kpki: error: out/nodes has no cluster.yaml'],
  ])('%s', async (line, err) => {
    const result = await kpki(line)
    expect(result).toMatchObject({ out: '', exit: 2 })
    expect(result.err).toContain(err)
  })
})
