import { describe, expect, it } from 'vitest'
import { parseCluster } from '../../src/generate/source.js'
import { kubeadmFile, mistakes, readText, warnings } from './support.js'

interface Verdicts {
  readonly cases: readonly string[]
  readonly verdicts: readonly { kubeadm: string; api: string; refused: readonly string[] }[]
}

// What kubeadm accepts but nothing that follows could use.
const STRICTER = ['I:nodeRegistration: {name: a, criSocket: "tcp://x"}', 'I:certificateKey: foo']

describe('what kubeadm accepts, kpki accepts', () => {
  const { cases, verdicts }: Verdicts = JSON.parse(
    readText('fixtures/clusters/kubeadm-verdicts.json'),
  )

  it.each(verdicts)('kubeadm $kubeadm on $api', ({ kubeadm, api, refused }) => {
    for (const line of cases) {
      const parts = line.startsWith('I:') ? { init: line.slice(2) } : { cluster: line }
      const found = mistakes(kubeadmFile({ ...parts, api, version: kubeadm }))
      if (STRICTER.includes(line)) continue
      const verdict = found.length > 0 ? 'refused' : 'accepted'
      const why = found.map((issue) => `${issue.path} ${issue.message}`).join('; ')
      expect(verdict, `${line}: ${why}`).toBe(refused.includes(line) ? 'refused' : 'accepted')
    }
  })
})

describe('kubeadm configuration as input', () => {
  it('reads the base reference', () => {
    const { cluster, warnings: found } = parseCluster(
      readText('fixtures/kubeadm/v1.28.7/base/kubeadm.yaml'),
    )
    expect(found).toEqual([])
    expect(cluster).toMatchObject({
      source: 'kubeadm',
      clusterName: 'kubernetes',
      hostOs: 'none',
      hostnameOverride: true,
      apiServer: { verifyKubelets: false },
      nodes: [{ name: 'controlplane', initial: true, addresses: ['172.31.10.5'], bindPort: 6443 }],
    })
  })

  it('reads the HA reference', () => {
    const { cluster } = parseCluster(readText('fixtures/kubeadm/v1.28.7/ha/kubeadm.yaml'))
    expect(cluster).toMatchObject({
      clusterName: 'prod-eu',
      controlPlaneEndpoint: { host: 'k8s.example.com', port: 6443 },
      pki: { keyAlgorithm: 'ECDSA-P256' },
      apiServer: {
        certSans: ['api.internal', '203.0.113.10'],
        extraArgs: [
          { name: 'audit-log-path', value: '/var/log/kubernetes/audit.log' },
          { name: 'authorization-mode', value: 'Node,RBAC' },
        ],
        extraVolumes: [{ name: 'audit', readOnly: false, pathType: 'DirectoryOrCreate' }],
      },
      etcd: { serverCertSans: ['etcd.internal'], peerCertSans: ['10.20.0.111'] },
    })
  })

  it('keeps the documents in the form of v1beta4', () => {
    const { cluster } = parseCluster(
      kubeadmFile({
        cluster: 'apiServer: {timeoutForControlPlane: 6m, extraArgs: {v: "4", a: "1"}}',
      }),
    )
    expect(cluster.componentTimeoutSeconds).toBe(360)
    expect(cluster.kubeadm.initConfiguration.timeouts).toEqual({
      controlPlaneComponentHealthCheck: '6m',
    })
    expect(cluster.kubeadm.clusterConfiguration.apiServer).toEqual({
      extraArgs: [
        { name: 'a', value: '1' },
        { name: 'v', value: '4' },
      ],
    })
  })

  it('normalises as kubeadm does, and says so', () => {
    const text = kubeadmFile({
      init: 'nodeRegistration: {name: Node-1, criSocket: /run/crio/crio.sock, taints: []}',
      cluster:
        'apiServer: {certSANs: [API.Example.com, api.example.com]}\nnetworking: {serviceSubnet: 010.96.0.0/12}',
    })
    const { cluster } = parseCluster(text)
    expect(cluster.nodes[0]).toMatchObject({
      name: 'node-1',
      criSocket: 'unix:///run/crio/crio.sock',
      taints: [],
    })
    expect(cluster.apiServer.certSans).toEqual(['api.example.com'])
    expect(cluster.networking.serviceSubnets).toEqual(['10.96.0.0/12'])
    expect(warnings(text).map((issue) => issue.path)).toEqual([
      'ClusterConfiguration.networking.serviceSubnet',
      'ClusterConfiguration.apiServer.certSANs[0]',
      'InitConfiguration.nodeRegistration.criSocket',
    ])
  })

  it('warns where kubeadm accepts what can go wrong', () => {
    const text = kubeadmFile({ cluster: 'networking: {podSubnet: 10.0.0.0/9}' })
    expect(warnings(text)[0]?.message).toContain('overlap')
  })

  it.each<[string, string, string, string?]>([
    [
      'name',
      kubeadmFile({ init: 'nodeRegistration: {}' }),
      'InitConfiguration.nodeRegistration.name',
      'write the name of the node',
    ],
    [
      'address',
      kubeadmFile({ init: 'localAPIEndpoint: {bindPort: 6443}' }),
      'InitConfiguration.localAPIEndpoint.advertiseAddress',
      'write the address of the node',
    ],
    [
      'any address',
      kubeadmFile({ init: 'localAPIEndpoint: {advertiseAddress: 0.0.0.0}' }),
      'InitConfiguration.localAPIEndpoint.advertiseAddress',
    ],
    ['version', kubeadmFile({ version: '' }), 'ClusterConfiguration.kubernetesVersion'],
    [
      'version label',
      kubeadmFile({ version: 'stable-1.28' }),
      'ClusterConfiguration.kubernetesVersion',
    ],
    [
      'v1beta4 with 1.28',
      kubeadmFile({ api: 'v1beta4' }),
      'InitConfiguration.apiVersion',
      'write kubeadm.k8s.io/v1beta3, for example with kpki convert',
    ],
    ['v1beta3 with 1.37', kubeadmFile({ version: 'v1.37.0' }), 'InitConfiguration.apiVersion'],
    ['v1beta2', kubeadmFile({ api: 'v1beta2' }), 'InitConfiguration.apiVersion'],
    [
      'unknown field',
      kubeadmFile({ cluster: 'apiserver: {}' }),
      'ClusterConfiguration.apiserver',
      'did you mean "apiServer"?',
    ],
    [
      'v1beta4 field in v1beta3',
      kubeadmFile({ cluster: 'encryptionAlgorithm: RSA-2048' }),
      'ClusterConfiguration.encryptionAlgorithm',
    ],
    [
      'list in v1beta3',
      kubeadmFile({ cluster: 'scheduler: {extraArgs: [{name: v, value: "4"}]}' }),
      'ClusterConfiguration.scheduler.extraArgs',
    ],
    [
      'unknown kind',
      kubeadmFile().replace('kind: InitConfiguration', 'kind: InitConfig'),
      'InitConfig',
      'did you mean "InitConfiguration"?',
    ],
    [
      'second document',
      `${kubeadmFile()}---\napiVersion: kubeadm.k8s.io/v1beta3\nkind: ClusterConfiguration\n`,
      'ClusterConfiguration',
    ],
  ])('refuses: %s', (_, text, path, fix) => {
    const issue = mistakes(text).find((candidate) => candidate.path === path)
    expect(issue, JSON.stringify(mistakes(text))).toMatchObject({ path })
    if (fix !== undefined) expect(issue?.fix).toBe(fix)
  })

  it('passes kubelet and kube-proxy configuration through', () => {
    const text = `${kubeadmFile()}---
apiVersion: kubelet.config.k8s.io/v1beta1
kind: KubeletConfiguration
maxPods: 200
---
apiVersion: kubeproxy.config.k8s.io/v1alpha1
kind: KubeProxyConfiguration
mode: ipvs
---
apiVersion: example.com/v1
kind: Other
`
    const { cluster, warnings: found } = parseCluster(text)
    expect(cluster.kubeadm.kubeletConfiguration).toMatchObject({ maxPods: 200 })
    expect(cluster.kubeadm.kubeProxyConfiguration).toMatchObject({ mode: 'ipvs' })
    expect(found).toEqual([
      { path: 'Other', message: expect.stringContaining('not used'), fix: 'remove it' },
    ])
  })

  it('takes v1beta4: algorithm, validity, environment, repeated flags', () => {
    const { cluster } = parseCluster(
      kubeadmFile({
        api: 'v1beta4',
        version: 'v1.34.1',
        cluster: `encryptionAlgorithm: ECDSA-P384
certificateValidityPeriod: 2160h0m0s
caCertificateValidityPeriod: 43800h0m0s
apiServer:
  extraArgs: [{name: v, value: "4"}, {name: v, value: "5"}]
  extraEnvs: [{name: A, value: b}]`,
        init: 'timeouts: {controlPlaneComponentHealthCheck: 8m}',
      }),
    )
    expect(cluster.pki).toMatchObject({
      keyAlgorithm: 'ECDSA-P384',
      validity: { ca: 43800 * 3_600_000, certificate: 2160 * 3_600_000 },
    })
    expect(cluster.apiServer.extraArgs.map((argument) => argument.value)).toEqual(['4', '5'])
    expect(cluster.apiServer.extraEnvs).toEqual([{ name: 'A', value: 'b' }])
    expect(cluster.componentTimeoutSeconds).toBe(480)
  })

  it.each([
    ['true', 'ECDSA-P256'],
    ['false', 'RSA-2048'],
  ])('lets the gate PublicKeysECDSA: %s win over encryptionAlgorithm', (on, expected) => {
    const cluster = `encryptionAlgorithm: RSA-4096\nfeatureGates: {PublicKeysECDSA: ${on}}`
    const read = parseCluster(kubeadmFile({ api: 'v1beta4', version: 'v1.33.3', cluster }))
    expect(read.cluster.pki.keyAlgorithm).toBe(expected)
    expect(read.warnings.map((issue) => issue.path)).toContain(
      'ClusterConfiguration.encryptionAlgorithm',
    )
  })

  it('reads a node that joins where the file says enough, and says what is missing', () => {
    const join = (rest: string) => `apiVersion: kubeadm.k8s.io/v1beta3
kind: ClusterConfiguration
kubernetesVersion: v1.28.7
controlPlaneEndpoint: k8s.example.com:6443
etcd: {external: {endpoints: ["https://10.0.0.1:2379"]}}
---
apiVersion: kubeadm.k8s.io/v1beta3
kind: JoinConfiguration
discovery: {bootstrapToken: {token: abcdef.0123456789abcdef, apiServerEndpoint: "k8s.example.com:6443", unsafeSkipCAVerification: true}}
${rest}
`
    const worker = join('nodeRegistration: {name: w1, kubeletExtraArgs: {node-ip: 172.31.10.6}}')
    expect(parseCluster(worker).cluster.nodes).toMatchObject([
      { name: 'w1', role: 'worker', initial: false, addresses: ['172.31.10.6'] },
    ])
    const plane = join(
      'nodeRegistration: {name: cp2}\ncontrolPlane: {localAPIEndpoint: {advertiseAddress: 172.31.10.7}}',
    )
    expect(parseCluster(plane).cluster.nodes).toMatchObject([
      { name: 'cp2', role: 'control-plane', initial: false, addresses: ['172.31.10.7'] },
    ])
    const stacked = plane.replace(/etcd:.*\n/, '')
    expect(mistakes(stacked)[0]?.path).toBe('JoinConfiguration.controlPlane')
    expect(mistakes(join('nodeRegistration: {name: w1}'))[0]?.fix).toContain('node-ip')
  })

  it.each([
    '/etc/kubernetes/pki/',
    '/etc//kubernetes/pki',
    '/etc/./kubernetes/pki/.',
    '/etc/kubernetes/x/../pki',
  ])('cleans certificatesDir: %s as Go does', (directory) => {
    const file = kubeadmFile({ cluster: `certificatesDir: ${directory}` })
    expect(parseCluster(file).cluster.certificatesDir).toBe('/etc/kubernetes/pki')
  })
})
