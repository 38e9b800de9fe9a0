import { describe, expect, test } from 'vitest'
import { findVersion } from '../../src/releases/releases.js'
import { RELEASES, rowsOf } from '../../src/releases/table.js'
import { initialFiles, inRelease, kpkiCluster, kubeadmCluster } from './cluster.js'

const MANIFESTS = 'etc/kubernetes/manifests'
const KUBELET = 'var/lib/kubelet'

type Files = ReadonlyMap<string, string>

/** A fact of kubeadm that the newest patch of the minors in its range shows in what kpki writes. */
interface Fact {
  readonly fact: string
  readonly since?: string
  readonly until?: string
  readonly file: string
  readonly shows: string | RegExp
}

const etcd = `${MANIFESTS}/etcd.yaml`
const scheduler = `${MANIFESTS}/kube-scheduler.yaml`
const controllerManager = `${MANIFESTS}/kube-controller-manager.yaml`
const apiServer = `${MANIFESTS}/kube-apiserver.yaml`
const flags = `${KUBELET}/kubeadm-flags.env`
const config = `${KUBELET}/config.yaml`

const FACTS: readonly Fact[] = [
  {
    fact: 'admin.conf needs a binding (#121305)',
    since: '1.29',
    file: 'etc/kubernetes/rbac.yaml',
    shows: 'name: kubeadm:cluster-admins',
  },
  {
    fact: 'the kubelet client needs a binding (#138957)',
    since: '1.33',
    file: 'etc/kubernetes/rbac.yaml',
    shows: 'name: system:kubelet-api-admin',
  },
  {
    fact: 'kubelets collect images by age',
    since: '1.29',
    file: config,
    shows: 'imageMaximumGCAge: 0s',
  },
  {
    fact: 'text logs have options (#114672)',
    since: '1.30',
    file: config,
    shows: /text:\n +infoBufferSize: "0"/,
  },
  {
    fact: 'kubelets have crash-loop settings',
    since: '1.32',
    file: config,
    shows: 'crashLoopBackOff: {}',
  },
  {
    fact: 'etcd answers health probes (#124465)',
    until: '1.30',
    file: etcd,
    shows: 'path: /health?exclude=NOSPACE&serializable=true',
  },
  {
    fact: 'etcd answers livez and readyz',
    since: '1.31',
    file: etcd,
    shows: /readinessProbe:.*path: \/readyz.*startupProbe:.*path: \/readyz/s,
  },
  {
    fact: 'the scheduler answers healthz (#126945)',
    until: '1.31',
    file: scheduler,
    shows: 'path: /healthz',
  },
  {
    fact: 'the scheduler answers livez and readyz',
    since: '1.32',
    file: scheduler,
    shows: /livez.*readinessProbe:.*readyz/s,
  },
  {
    fact: 'the controller manager has no readiness probe',
    file: controllerManager,
    shows: /^(?!.*readinessProbe)/s,
  },
  {
    fact: 'probes name their port (#132776)',
    since: '1.34',
    file: apiServer,
    shows: /ports:\n +- containerPort: 6443\n +name: probe-port\n +protocol: TCP/,
  },
  { fact: 'probes give the port as a number', until: '1.33', file: apiServer, shows: 'port: 6443' },
  {
    fact: 'objects carry an empty time (#130989)',
    until: '1.33',
    file: etcd,
    shows: 'creationTimestamp: null',
  },
  {
    fact: 'etcd takes experimental flags',
    until: '1.33',
    file: etcd,
    shows: '--experimental-initial-corrupt-check=true',
  },
  {
    fact: 'etcd takes stable flags (#132838)',
    since: '1.34',
    file: etcd,
    shows: '--feature-gates=InitialCorruptCheck=true',
  },
  {
    fact: 'the flexvolume folder is mounted (#136423)',
    until: '1.35',
    file: controllerManager,
    shows: 'name: flexvolume-dir',
  },
  {
    fact: 'the pause image is a flag (#133778)',
    until: '1.34',
    file: flags,
    shows: '--pod-infra-container-image=',
  },
  {
    fact: 'the socket is a flag (#131981)',
    until: '1.33',
    file: flags,
    shows: '--container-runtime-endpoint=',
  },
  {
    fact: 'the socket is configuration',
    since: '1.34',
    file: config,
    shows: 'containerRuntimeEndpoint: unix:///run/containerd/containerd.sock',
  },
  {
    fact: 'the socket has a file of its own',
    since: '1.34',
    file: `${KUBELET}/instance-config.yaml`,
    shows: 'containerRuntimeEndpoint: "unix:///run/containerd/containerd.sock"\n',
  },
  {
    fact: 'kubeadm.yaml is v1beta3',
    until: '1.30',
    file: 'etc/kubernetes/kubeadm.yaml',
    shows: 'apiVersion: kubeadm.k8s.io/v1beta3',
  },
  {
    fact: 'kubeadm.yaml is v1beta4',
    since: '1.31',
    file: 'etc/kubernetes/kubeadm.yaml',
    shows: 'apiVersion: kubeadm.k8s.io/v1beta4',
  },
]

const minors = RELEASES.map((row) => row.minor)

describe.each(minors)('%s', (minor) => {
  const files = initialFiles(kubeadmCluster(minor))

  test.each(FACTS)('$fact', ({ since = '1.28', until = '1.99', file, shows }) => {
    const expected = minor >= since && minor <= until
    expect(contains(files, file, shows)).toBe(expected)
  })
})

function contains(files: Files, file: string, text: string | RegExp): boolean {
  const content = files.get(file) ?? ''
  return typeof text === 'string' ? content.includes(text) : text.test(content)
}

describe('what an input makes of a release', () => {
  const command = (minor: string, settings: object) => {
    const text = initialFiles(kubeadmCluster(minor, settings)).get(apiServer) ?? ''
    return [...text.matchAll(/^ {4}- (--.*)$/gm)].map((match) => match[1])
  }
  const argument = (minor: string, list: readonly (readonly [string, string])[]) => ({
    apiServer: {
      extraArgs:
        minor < '1.31' ? Object.fromEntries(list) : list.map(([name, value]) => ({ name, value })),
    },
  })

  test.each(minors)('%s: authorization-config and the default modes (#123654)', (minor) => {
    const given = argument(minor, [['authorization-config', '/etc/kubernetes/authz.yaml']])
    expect(command(minor, given).includes('--authorization-mode=Node,RBAC')).toBe(minor < '1.30')
  })

  test.each(minors)('%s: where added arguments stand (#135400)', (minor) => {
    const list = command(
      minor,
      argument(minor, [
        ['audit-log-path', '-'],
        ['allow-privileged', 'false'],
      ]),
    )
    const added = ['--audit-log-path=-', '--allow-privileged=false']
    if (minor >= '1.36') expect(list.slice(-2)).toEqual(added)
    else expect(list).toEqual([...list].sort())
  })

  test.each(minors)('%s: CA folders of a RHEL host (#124361)', (minor) => {
    const files = initialFiles(kpkiCluster(minor, { hostOs: 'rhel' }))
    const split = /path: \/etc\/pki\/ca-trust.*path: \/etc\/pki\/tls\/certs/s
    expect(contains(files, apiServer, split)).toBe(minor >= '1.31')
    expect(contains(files, controllerManager, 'path: /etc/pki\n')).toBe(minor < '1.31')
  })

  test.each(minors)('%s: an older etcd image (#135701)', (minor) => {
    const local = { dataDir: '/var/lib/etcd', imageTag: '3.5.24-0' }
    const files = initialFiles(kubeadmCluster(minor, { etcd: { local } }))
    expect(contains(files, etcd, '--experimental-initial-corrupt-check')).toBe(minor < '1.36')
  })

  test.each(minors)('%s: the kubelet has no flags left', (minor) => {
    const files = initialFiles(kpkiCluster(minor))
    expect(files.get(flags) === 'KUBELET_KUBEADM_ARGS=""\n').toBe(minor >= '1.35')
  })
})

test('a new minor is one row', () => {
  const [first] = RELEASES
  if (first === undefined) throw new Error('no release')
  const rows = rowsOf(first, [
    { minor: '1.99', newestPatch: 3, etcdImage: [[0, '4.0.0-0']], etcdFlags: 'current' },
  ])
  const version = findVersion('1.99', rows)
  if (version === undefined) throw new Error('1.99 is not known')
  const files = initialFiles(inRelease(kubeadmCluster('1.28.7'), version, rows))
  expect(files.get(apiServer)).toContain('image: registry.k8s.io/kube-apiserver:v1.99.3')
  expect(files.get(etcd)).toContain('image: registry.k8s.io/etcd:4.0.0-0')
  expect(files.get(etcd)).toContain('--feature-gates=InitialCorruptCheck=true')
  expect(files.get('etc/kubernetes/kubeadm.yaml')).toContain('kubernetesVersion: v1.99.3')
})
