import type { Container, PodSpec, Volume } from 'kubernetes-types/core/v1'
import type { ObjectMeta } from 'kubernetes-types/meta/v1'
import { describe, expect, expectTypeOf, test } from 'vitest'
import type { Cluster } from '../../src/cluster/cluster.js'
import { loadYaml } from '../../src/files/yaml/yaml.js'
import type { StaticPod } from '../../src/manifests/pods/pod.js'
import { staticPods } from '../../src/manifests/pods/static-pods.js'
import { RELEASES } from '../../src/releases/table.js'
import { filesOf, initialFiles, kpkiCluster, kubeadmCluster, nodeOf } from './cluster.js'

const MANIFESTS = 'etc/kubernetes/manifests'

function argumentsOf(cluster: Cluster, component: string, node = 'cp-1', options = {}) {
  const text = filesOf(cluster, nodeOf(cluster, node), options).get(
    `${MANIFESTS}/${component}.yaml`,
  )
  return [...(text ?? '').matchAll(/^ {4}- --(.*)$/gm)].map((match) => match[1] ?? '')
}

describe('every path that a flag names is mounted', () => {
  const external = {
    external: {
      endpoints: ['https://10.0.0.21:2379'],
      caFile: '/etc/kubernetes/pki-etcd/ca.crt',
      certFile: '/etc/pki/etcd/client.crt',
      keyFile: '/srv/etcd/client.key',
    },
  }
  const clusters: readonly (readonly [string, (minor: string) => Cluster])[] = [
    ['base', (minor) => kpkiCluster(minor)],
    [
      'offline keys, hierarchy',
      (minor) => kpkiCluster(minor, { pki: { topology: 'hierarchy', caKeys: 'offline' } }),
    ],
    [
      'external etcd',
      (minor) => kpkiCluster(minor, { kubeadm: { clusterConfiguration: { etcd: external } } }),
    ],
    ['other folder', (minor) => kubeadmCluster(minor, { certificatesDir: '/srv/pki/' })],
  ]

  for (const [name, make] of clusters) {
    test.each(RELEASES.map((row) => row.minor))(`${name}, %s`, (minor) => {
      const cluster = make(minor)
      for (const pod of staticPods(cluster, nodeOf(cluster, 'cp-1'))) {
        expect(unmounted(pod.pod.spec as unknown as PodSpec), pod.name).toEqual([])
      }
    })
  }
})

function unmounted(spec: PodSpec): readonly string[] {
  return spec.containers.flatMap(({ command = [], volumeMounts = [] }) => {
    const volumes = new Set(spec.volumes?.map((volume) => volume.name))
    const mounted = volumeMounts
      .filter((mount) => volumes.has(mount.name))
      .map(({ mountPath }) => `${mountPath}/`.replace(/\/+/g, '/'))
    const paths = command.flatMap((word) => /^--[\w-]+=(\/.*)$/.exec(word)?.[1] ?? [])
    return paths.filter((path) => !mounted.some((mount) => `${path}/`.startsWith(mount)))
  })
}

describe('what kpki adds', () => {
  test('the API server verifies kubelets', () => {
    const on = argumentsOf(kpkiCluster('1.28'), 'kube-apiserver')
    expect(on).toContain('kubelet-certificate-authority=/etc/kubernetes/pki/ca.crt')
    const off = argumentsOf(
      kpkiCluster('1.28', { apiServer: { verifyKubelets: false } }),
      'kube-apiserver',
    )
    expect(off.join()).not.toContain('kubelet-certificate-authority')
  })

  test('pods get the root beside the issuing authority of a hierarchy', () => {
    const list = argumentsOf(
      kpkiCluster('1.28', { pki: { topology: 'hierarchy' } }),
      'kube-controller-manager',
    )
    expect(list).toContain('root-ca-file=/etc/kubernetes/pki/root-bundle.crt')
    expect(list.filter((argument) => argument.startsWith('root-ca-file'))).toHaveLength(1)
  })

  test('without authority keys nothing signs', () => {
    const list = argumentsOf(
      kpkiCluster('1.28', { pki: { caKeys: 'offline' } }),
      'kube-controller-manager',
    )
    expect(list).toContain('cluster-signing-cert-file=')
    expect(list).toContain('cluster-signing-key-file=')
    expect(list.join()).not.toContain('ca.key')
  })

  test('what the user says comes first', () => {
    const apiServer = {
      extraArgs: [{ name: 'kubelet-certificate-authority', value: '/etc/ssl/certs/k.crt' }],
    }
    const list = argumentsOf(
      kpkiCluster('1.33', { kubeadm: { clusterConfiguration: { apiServer } } }),
      'kube-apiserver',
    )
    expect(list.filter((argument) => argument.startsWith('kubelet-certificate-authority'))).toEqual(
      ['kubelet-certificate-authority=/etc/ssl/certs/k.crt'],
    )
  })
})

describe('folders of CA certificates on the host', () => {
  const mounted = (hostOs: string) => {
    const text = initialFiles(kpkiCluster('1.28', { hostOs })).get(
      `${MANIFESTS}/kube-apiserver.yaml`,
    )
    return (text ?? '').match(/^ {4}name: .*certificates$/gm)?.map((line) => line.trim()) ?? []
  }
  const debian = [
    'name: etc-ca-certificates',
    'name: usr-local-share-ca-certificates',
    'name: usr-share-ca-certificates',
  ]

  test.each([
    ['ubuntu', debian],
    ['debian', debian],
    ['none', []],
  ])('%s', (hostOs, expected) => expect(mounted(hostOs)).toEqual(expected))

  test('systemd-resolved is ubuntu’s', () => {
    const config = (hostOs: string) =>
      initialFiles(kpkiCluster('1.28', { hostOs })).get('var/lib/kubelet/config.yaml')
    expect(config('ubuntu')).toContain('resolvConf: /run/systemd/resolve/resolv.conf')
    expect(config('debian')).not.toContain('resolvConf')
  })
})

describe('stacked etcd members', () => {
  const members = ['cp-1', 'cp-2', 'cp-3']
  const url = (name: string) => `${name}=https://10.0.0.${name.at(-1)}:2380`
  const flagsOf = (name: string, options = {}) =>
    argumentsOf(kpkiCluster('1.28'), 'etcd', name, options).filter((flag) =>
      flag.startsWith('initial-cluster'),
    )

  test.each(members)('%s joins those before it', (name) => {
    const upTo = members.slice(0, members.indexOf(name) + 1)
    const joins = name === 'cp-1' ? [] : ['initial-cluster-state=existing']
    expect(flagsOf(name)).toEqual([`initial-cluster=${upTo.map(url).join(',')}`, ...joins])
  })

  test.each(members)('%s knows all when all start together', (name) => {
    const options = { etcdStart: 'together' } as const
    expect(flagsOf(name, options)).toEqual([`initial-cluster=${members.map(url).join(',')}`])
  })
})

test('workers have no static pods', () => {
  const cluster = kpkiCluster('1.28')
  expect(staticPods(cluster, nodeOf(cluster, 'worker-1'))).toEqual([])
})

test('RootlessControlPlane is refused by name', () => {
  const cluster = { ...kubeadmCluster('1.28.7'), featureGates: { RootlessControlPlane: true } }
  expect(() => staticPods(cluster, nodeOf(cluster, 'cp-1'))).toThrow(/RootlessControlPlane/)
})

test('a pod is a Pod of the Kubernetes API', () => {
  type Mutable<T> = T extends readonly (infer I)[]
    ? Mutable<I>[]
    : T extends object
      ? { -readonly [K in keyof T]: Mutable<T[K]> }
      : T
  type Spec = Mutable<StaticPod['spec']>
  type Metadata = Omit<Mutable<StaticPod['metadata']>, 'creationTimestamp'>
  // `creationTimestamp: null` and EnvVar objects are what Go writes and what the user gave.
  expectTypeOf<Metadata>().toExtend<ObjectMeta>()
  expectTypeOf<Omit<Spec['containers'][number], 'env'>>().toExtend<Omit<Container, 'env'>>()
  expectTypeOf<Spec['volumes'][number]>().toExtend<Volume>()
  expectTypeOf<Omit<Spec, 'containers'>>().toExtend<Omit<PodSpec, 'containers'>>()
})

test('manifests are read back as they were', () => {
  const cluster = kpkiCluster('1.37')
  const node = nodeOf(cluster, 'cp-1')
  const files = filesOf(cluster, node)
  for (const { name, pod } of staticPods(cluster, node)) {
    expect(loadYaml(files.get(`${MANIFESTS}/${name}.yaml`) ?? '')).toEqual(pod)
  }
})
