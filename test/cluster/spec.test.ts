import { describe, expect, it } from 'vitest'
import { KNOWN_CERTIFICATES } from '../../src/certs/table.js'
import { clusterDocuments } from '../../src/cluster/resolve/read.js'
import { isKpkiError } from '../../src/errors.js'
import { parseCluster, readSource, resolveCluster } from '../../src/generate/source.js'
import { type Changes, clusterFile, kubeadmFile, mistakes, readText, warnings } from './support.js'

const HOUR = 3_600_000

it('names every one of thousands of mistakes, wherever they are', () => {
  const many = (count: number) =>
    Object.fromEntries(Array.from({ length: count }, (_, index) => [`unknown${index}`, index]))
  const nodes = Array.from({ length: 2000 }, (_, index) => ({
    name: index === 0 ? 'cp1' : `w${index}`,
    role: index === 0 ? 'control-plane' : 'worker',
    address: `10.1.${index >> 8}.${index & 255}`,
    ...many(3),
  }))
  const spec = { kubernetesVersion: 'v1.28.7', nodes, ...many(18_000) }
  const cluster = { apiVersion: 'kpki/v1alpha1', kind: 'Cluster', metadata: { name: 'demo' }, spec }
  const found = mistakes(JSON.stringify(cluster)).filter(
    ({ message }) => message === 'is not a known field',
  )
  expect(new Set(found.map(({ path }) => path)).size).toBe(18_000 + 3 * 2000)
})

describe('a cluster.yaml', () => {
  it('is resolved with every default', () => {
    const { cluster, warnings: found } = parseCluster(clusterFile())
    expect(found).toEqual([])
    expect(cluster).toMatchObject({
      name: 'demo',
      clusterName: 'demo',
      source: 'kpki',
      certificatesDir: '/etc/kubernetes/pki',
      imageRepository: 'registry.k8s.io',
      networking: {
        serviceSubnets: ['10.128.0.0/16'],
        podSubnets: ['10.0.0.0/9'],
        dnsDomain: 'cluster.local',
      },
      etcd: { kind: 'local', dataDir: '/var/lib/etcd' },
      apiServer: { verifyKubelets: true },
      componentTimeoutSeconds: 240,
      hostnameOverride: false,
      hostOs: 'ubuntu',
      pki: {
        topology: 'separate',
        keyAlgorithm: 'RSA-2048',
        validity: { ca: 87600 * HOUR, certificate: 8760 * HOUR },
        caKeys: 'on-control-plane',
        kubeletServing: 'signed',
      },
      provision: {
        cni: { type: 'none' },
        join: 'token',
        packages: {
          repository: 'https://pkgs.k8s.io',
          keyFingerprint: 'DE15B14486CD377B9E876E1A234654DA9A296436',
        },
      },
    })
    expect(cluster.release.version.text).toBe('v1.28.7')
    expect(cluster.nodes[0]).toMatchObject({
      name: 'cp',
      initial: true,
      addresses: ['172.31.10.5'],
      bindPort: 6443,
      criSocket: 'unix:///run/containerd/containerd.sock',
    })
    expect(cluster.nodes[1]).toMatchObject({ name: 'w1', role: 'worker', initial: false })
  })

  it.each([
    ['1.28.7', 'v1.28.7'],
    ['v1.28.7', 'v1.28.7'],
    ['1.28', 'v1.28.15'],
    ['v1.28', 'v1.28.15'],
    ['1.30', 'v1.30.14'],
  ])('reads kubernetesVersion: %s without quotes as %s', (written, version) => {
    const text = clusterFile().replace(/kubernetesVersion: .*/, `kubernetesVersion: ${written}`)
    expect(parseCluster(text).cluster.release.version.text).toBe(version)
  })

  it('reports every mistake at once, with path and fix', () => {
    const found = mistakes(readText('fixtures/clusters/many-mistakes.yaml'))
    expect(found.map((issue) => issue.path).sort()).toMatchInlineSnapshot(`
      [
        "metadata.name",
        "spec.controlPlaneEndpoint",
        "spec.kubeadm.clusterConfiguration.apiServer.certSANs[0]",
        "spec.kubeadm.clusterConfiguration.apiServer.extraArgs.v",
        "spec.kubernetesVersion",
        "spec.kubernetesVersoin",
        "spec.networking.dnsDomain",
        "spec.networking.podSubnet",
        "spec.networking.serviceSubnet",
        "spec.nodes[0].address",
        "spec.nodes[0].bar",
        "spec.nodes[0].foo",
        "spec.nodes[1].address",
        "spec.nodes[1].name",
        "spec.nodes[1].role",
        "spec.nodes[2].address",
        "spec.nodes[2].address",
        "spec.nodes[2].labels["a/b/c"]",
        "spec.nodes[2].name",
        "spec.nodes[3]",
        "spec.nodes[4].address",
        "spec.nodes[4].name",
        "spec.pki.certificates.api-server",
        "spec.pki.keyAlgorithm",
        "spec.pki.users[0].name",
        "spec.pki.validity.certificate",
      ]
    `)
    for (const issue of found) expect(issue.message.length).toBeGreaterThan(3)
  })

  it('says so in one error whose exit status is that of a wrong question', () => {
    try {
      parseCluster(clusterFile({ 'metadata.name': 'A' }), { source: 'cluster.yaml' })
      expect.unreachable()
    } catch (error) {
      if (!isKpkiError(error)) throw error
      expect(error.code).toBe('ERR_SPEC_INVALID')
      expect(error.message).toBe(
        'a mistake in cluster.yaml: metadata.name "A" is not a cluster name',
      )
    }
  })

  it('is taken as a value too', () => {
    const { cluster } = resolveCluster({
      apiVersion: 'kpki/v1alpha1',
      kind: 'Cluster',
      metadata: { name: 'demo' },
      spec: {
        kubernetesVersion: '1.28.7',
        nodes: [{ name: 'cp', role: 'control-plane', address: '172.31.10.5' }],
      },
    })
    expect(cluster.networking.serviceSubnets).toEqual(['10.96.0.0/12'])
  })
})

const node = (change: Changes) => ({
  'spec.nodes': [
    { name: 'cp', role: 'control-plane', address: '172.31.10.5', ...change },
    { name: 'w1', role: 'worker', address: '172.31.10.6' },
  ],
})
const planes = (count: number) =>
  Array.from({ length: count }, (_, i) => ({
    name: `cp${i}`,
    role: 'control-plane',
    address: `172.31.10.${i + 1}`,
  }))

const ERRORS: readonly [changes: Changes, path: string, message: string, fix?: string][] = [
  // unknown keys and wrong types
  [
    { 'spec.kubernetesVersoin': 'x' },
    'spec.kubernetesVersoin',
    'not a known field',
    'did you mean "kubernetesVersion"?',
  ],
  [node({ adress: 'x' }), 'spec.nodes[0].adress', 'not a known field', 'did you mean "address"?'],
  [
    node({ address: 17 }),
    'spec.nodes[0].address',
    'must be text, not the number 17',
    'put it in quotes: "17"',
  ],
  [{ 'spec.nodes': 'cp' }, 'spec.nodes', 'must be a list'],
  [{ 'spec.nodes': undefined }, 'spec.nodes', 'is missing'],
  [{ 'spec.nodes': [] }, 'spec.nodes', 'is empty'],
  [{ spec: undefined }, 'spec', 'is missing'],
  [{ apiVersion: 'kpki/v2' }, 'apiVersion', '"kpki/v2" is not supported'],
  [{ kind: 'Clutser' }, 'kind', '"Clutser" is not one of Cluster', 'did you mean "Cluster"?'],
  [{ 'spec.hostOs': 'windows' }, 'spec.hostOs', 'is not one of ubuntu, debian, rhel, none'],
  [{ 'spec.cni': { type: 'flannel' } }, 'spec.cni.type', 'is not one of none, cilium, manifest'],
  [{ 'spec.cni': { type: 'cilium' } }, 'spec.cni.version', 'is missing'],
  // names
  [{ 'metadata.name': 'Demo' }, 'metadata.name', 'not a cluster name'],
  [{ 'metadata.name': 'x'.repeat(64) }, 'metadata.name', 'not a cluster name'],
  [node({ name: '../x' }), 'spec.nodes[0].name', 'not a node name'],
  [node({ name: '' }), 'spec.nodes[0].name', 'not a node name'],
  [node({ name: 'Cp' }), 'spec.nodes[0].name', 'not a node name', 'write "cp"'],
  [
    node({ name: 'x'.repeat(53) }),
    'spec.nodes[0].name',
    'does not fit',
    'use at most 52 characters',
  ],
  [node({ name: 'w1' }), 'spec.nodes[1].name', 'w1 is also spec.nodes[0].name'],
  [node({ labels: { 'a/b/c': 'x' } }), 'spec.nodes[0].labels["a/b/c"]', 'not a label key'],
  [node({ labels: { a: 'x y' } }), 'spec.nodes[0].labels["a"]', 'not a label value'],
  [
    node({ taints: [{ key: 'a', effect: 'NoSchedul' }] }),
    'spec.nodes[0].taints[0].effect',
    'is not one of',
    'did you mean "NoSchedule"?',
  ],
  [node({ role: 'master' }), 'spec.nodes[0].role', 'is not one of control-plane, worker'],
  [node({ role: 'worker' }), 'spec.nodes', 'has no control plane'],
  // addresses
  [node({ address: '10.0.0' }), 'spec.nodes[0].address', 'is not an IP address'],
  [
    node({ address: '172.31.10.6' }),
    'spec.nodes[1].address',
    '172.31.10.6 is also spec.nodes[0].address',
  ],
  [node({ address: undefined }), 'spec.nodes[0].address', 'is missing'],
  [node({ address: '0.0.0.0' }), 'spec.nodes[0].address', 'is not an address of a node'],
  [node({ address: '127.0.0.1' }), 'spec.nodes[0].address', 'is a loopback address'],
  [node({ address: '224.0.0.1' }), 'spec.nodes[0].address', 'multicast'],
  [node({ addresses: ['172.31.10.5'] }), 'spec.nodes[0].address', 'is given beside addresses'],
  [
    node({ address: undefined, addresses: ['172.31.10.5', '172.31.10.9'] }),
    'spec.nodes[0].addresses[1]',
    'is a second IPv4 address',
  ],
  [
    node({ address: 'fd00::5' }),
    'spec.nodes[0].address',
    'fd00::5 is IPv6, but the service subnet 10.128.0.0/16 is IPv4',
  ],
  [
    node({ extraSans: ['a_b'] }),
    'spec.nodes[0].extraSans[0]',
    'neither an IP address nor a DNS name',
  ],
  // networks
  [
    { 'spec.networking.serviceSubnet': undefined },
    'spec.networking.serviceSubnet',
    'services 10.96.0.0/12 and pods 10.0.0.0/9 (spec.networking.podSubnet) overlap',
    'use another service subnet such as 10.128.0.0/16 or set networking.allowOverlap: true',
  ],
  [node({ address: '10.1.0.5' }), 'spec.nodes[0].address', 'lies in the subnet of pods'],
  [node({ address: '10.128.3.1' }), 'spec.nodes[0].address', 'lies in the subnet of services'],
  [
    { 'spec.networking.serviceSubnet': '10.128.0.0/29' },
    'spec.networking.serviceSubnet',
    'has 8 addresses, too few',
  ],
  [
    { 'spec.networking.serviceSubnet': '10.128.0.0/32' },
    'spec.networking.serviceSubnet',
    'too few',
  ],
  [
    { 'spec.networking.serviceSubnet': '192.0.0.0/11' },
    'spec.networking.serviceSubnet',
    'is too large for services',
  ],
  [
    { 'spec.networking.serviceSubnet': '10.128.0.0' },
    'spec.networking.serviceSubnet',
    'is not a subnet',
  ],
  [
    { 'spec.networking.serviceSubnet': '10.128.0.0/16,10.129.0.0/16' },
    'spec.networking.serviceSubnet',
    'neither one subnet nor one of each family',
  ],
  [
    { 'spec.networking.podSubnet': '10.0.0.0/25' },
    'spec.networking.podSubnet',
    "is smaller than one node's part",
  ],
  [{ 'spec.networking.podSubnet': '32.0.0.0/4' }, 'spec.networking.podSubnet', 'is too large'],
  [
    { 'spec.networking.podSubnet': 'fd00::/56' },
    'spec.networking.podSubnet',
    'names IPv6, but services (10.128.0.0/16) have IPv4',
  ],
  [{ 'spec.networking.dnsDomain': 'Local' }, 'spec.networking.dnsDomain', 'is not a DNS name'],
  [
    { 'spec.controlPlaneEndpoint': 'https://x' },
    'spec.controlPlaneEndpoint',
    'is not host or host:port',
  ],
  [
    { 'spec.controlPlaneEndpoint': 'x:70000' },
    'spec.controlPlaneEndpoint',
    'is not host or host:port',
  ],
  [
    { 'spec.controlPlaneEndpoint': '[fd00::1]' },
    'spec.controlPlaneEndpoint',
    'is not host',
    'write fd00::1 or [fd00::1]:6443',
  ],
  [{ 'spec.nodes': planes(3) }, 'spec.controlPlaneEndpoint', 'is needed with 3 control planes'],
  // versions and algorithms
  [
    { 'spec.kubernetesVersion': '1.99' },
    'spec.kubernetesVersion',
    'is not a Kubernetes version that kpki knows',
  ],
  [{ 'spec.kubernetesVersion': 'stable' }, 'spec.kubernetesVersion', 'is not a Kubernetes version'],
  [
    { 'spec.pki.keyAlgorithm': 'ECDSA-P257' },
    'spec.pki.keyAlgorithm',
    'is not one of',
    'did you mean "ECDSA-P256"?',
  ],
  [
    { 'spec.imageRepository': 'Registry.k8s.io/X' },
    'spec.imageRepository',
    'is not an image repository',
  ],
  // pki
  [
    { 'spec.pki.validity': { ca: '30d', certificate: '60d' } },
    'spec.pki.validity.certificate',
    'would outlive',
  ],
  [{ 'spec.pki.validity.ca': 'ten years' }, 'spec.pki.validity.ca', 'is not a duration'],
  [{ 'spec.pki.validity.certificate': '0h' }, 'spec.pki.validity.certificate', 'is not a duration'],
  [{ 'spec.pki.validity.ca': '9000y' }, 'spec.pki.validity.ca', 'is longer than 5000 years'],
  [
    { 'spec.pki.certificates': { apiserver: { validity: '20y' } } },
    'spec.pki.certificates.apiserver.validity',
    'would outlive',
  ],
  [
    { 'spec.pki.certificates': { 'etcd-ca': { validity: '30d' } } },
    'spec.pki.certificates.etcd-ca.validity',
    'would outlive',
  ],
  [
    { 'spec.pki': { topology: 'hierarchy', certificates: { 'root-ca': { validity: '1y' } } } },
    'spec.pki.certificates.root-ca.validity',
    'would outlive',
  ],
  [
    { 'spec.pki.certificates': { 'api-server': {} } },
    'spec.pki.certificates.api-server',
    'is not a certificate',
    'did you mean "apiserver"?',
  ],
  [
    { 'spec.pki.certificates': { sa: { validity: '1y' } } },
    'spec.pki.certificates.sa.validity',
    'sa is a key pair',
  ],
  [{ 'spec.pki.subject': { C: 'Germany' } }, 'spec.pki.subject.C', 'is not a country'],
  [{ 'spec.pki.subject': { O: 'x'.repeat(65) } }, 'spec.pki.subject.O', '1 to 64 characters'],
  [
    { 'spec.pki.users': [{ name: 'system:admin' }] },
    'spec.pki.users[0].name',
    'belongs to Kubernetes',
  ],
  [{ 'spec.pki.users': [{ name: '../x' }] }, 'spec.pki.users[0].name', "can't name a file"],
  [{ 'spec.pki.users': [{ name: 'a' }, { name: 'A' }] }, 'spec.pki.users[1].name', 'occurs twice'],
  [{ 'spec.pki.users': [{ name: 'admin' }] }, 'spec.pki.users[0].name', 'is made already'],
  [
    { 'spec.pki.apiServer.extraSans': ['-x'] },
    'spec.pki.apiServer.extraSans[0]',
    'neither an IP address nor a DNS name',
  ],
  [
    { 'spec.pki.kubeletServing': 'self-signed', 'spec.apiServer.verifyKubelets': true },
    'spec.apiServer.verifyKubelets',
    "can't be true while",
  ],
  [{ 'spec.pki.caKeys': 'offline', 'spec.join': 'token' }, 'spec.join', "can't be token while"],
  // kubeadm's own documents
  [
    { 'spec.kubeadm.clusterConfiguration.certificatesDir': 'pki' },
    'spec.kubeadm.clusterConfiguration.certificatesDir',
    'is not an absolute path',
    'write /pki',
  ],
  [
    { 'spec.kubeadm.clusterConfiguration.certificatesDir': '//' },
    'spec.kubeadm.clusterConfiguration.certificatesDir',
    'is the root directory',
  ],
  [
    { 'spec.kubeadm.clusterConfiguration.certificatesDir': '/etc/../pki' },
    'spec.kubeadm.clusterConfiguration.certificatesDir',
    'leaves its folder',
  ],
  [
    { 'spec.kubeadm.clusterConfiguration.networking.podSubnet': '10.0.0.0/8' },
    'spec.networking.podSubnet',
    'says "10.0.0.0/9", but spec.kubeadm.clusterConfiguration.networking.podSubnet says "10.0.0.0/8"',
  ],
  [
    { 'spec.kubeadm.initConfiguration.nodeRegistration.name': 'other' },
    'spec.kubeadm.initConfiguration.nodeRegistration.name',
    'says "other", but spec.nodes[0].name says "cp"',
  ],
  [
    { 'spec.kubeadm.initConfiguration.localAPIEndpoint.bindPort': 70000 },
    'spec.kubeadm.initConfiguration.localAPIEndpoint.bindPort',
    'must be a port number',
  ],
  [
    { 'spec.kubeadm.initConfiguration.bootstrapTokens': [{ token: 'secret' }] },
    'spec.kubeadm.initConfiguration.bootstrapTokens[0].token',
    'is not a bootstrap token',
  ],
  [
    { 'spec.kubeadm.clusterConfiguration.apiServer.extraArgs': { v: 4 } },
    'spec.kubeadm.clusterConfiguration.apiServer.extraArgs.v',
    'must be text',
  ],
  [
    { 'spec.kubeadm.clusterConfiguration.apiServer.extraArgs': { '--v': '4' } },
    'spec.kubeadm.clusterConfiguration.apiServer.extraArgs["--v"]',
    'is not the name of a flag',
    'write "v"',
  ],
  [
    { 'spec.kubeadm.clusterConfiguration.apiServer.extraEnvs': [{ name: 'A', value: 'b' }] },
    'spec.kubeadm.clusterConfiguration.apiServer.extraEnvs',
    'kubeadm 1.28 reads only v1beta3',
  ],
  [
    { 'spec.kubeadm.clusterConfiguration.featureGates': { Foo: true } },
    'spec.kubeadm.clusterConfiguration.featureGates.Foo',
    'has no feature gate Foo',
  ],
  [
    { 'spec.kubeadm.kubeletConfiguration.clusterDNS': '10.128.0.10' },
    'spec.kubeadm.kubeletConfiguration.clusterDNS',
    'must be a list',
  ],
  [
    { 'spec.kubeadm.clusterConfiguration.etcd': { external: {} } },
    'spec.kubeadm.clusterConfiguration.etcd.external.endpoints',
    'is empty',
  ],
  // provisioning
  [{ 'spec.cni': { type: 'manifest' } }, 'spec.cni', 'needs either file or url'],
  [
    { 'spec.cni': { type: 'manifest', url: 'http://x' } },
    'spec.cni.url',
    'is not an https:// address',
  ],
  [
    { 'spec.packages.keyFingerprint': 'abc' },
    'spec.packages.keyFingerprint',
    'is not the fingerprint',
  ],
  [{ 'spec.namespaces': ['Team'] }, 'spec.namespaces[0]', 'is not a namespace'],
  [{ 'spec.manifests': ['http://x'] }, 'spec.manifests[0]', "can't be read"],
  [
    { 'spec.kubeconfig.server': 'k8s:6443' },
    'spec.kubeconfig.server',
    'is not the address of an API server',
  ],
  [node({ ssh: { host: '-oProxyCommand=x' } }), 'spec.nodes[0].ssh.host', 'is not a word for ssh'],
  [node({ ssh: { port: 0 } }), 'spec.nodes[0].ssh.port', 'must be a port number'],
  [
    node({ ssh: { hostKeys: ['x'] } }),
    'spec.nodes[0].ssh.hostKeys[0]',
    'neither a host key nor a fingerprint',
  ],
]

describe('mistakes', () => {
  it.each(ERRORS)('%j', (changes, path, message, fix) => {
    const found = mistakes(clusterFile(changes))
    const issue = found.find((candidate) => candidate.path === path)
    expect(
      found.map((candidate) => `${candidate.path}: ${candidate.message}`).join('\n'),
    ).toContain(`${path}: `)
    expect(issue?.message).toContain(message)
    if (fix !== undefined) expect(issue?.fix).toBe(fix)
  })

  it('never repeats a secret', () => {
    const text = clusterFile({
      'spec.kubeadm.initConfiguration.bootstrapTokens': [{ token: 'S3cret' }],
      'spec.kubeadm.initConfiguration.certificateKey': 'S3cret',
    })
    expect(mistakes(text).length).toBe(2)
    const numbers = text.replaceAll('S3cret', '4711')
    expect(JSON.stringify(mistakes(numbers))).not.toContain('4711')
    expect(JSON.stringify(mistakes(text))).not.toContain('S3cret')
  })
})

describe('warnings', () => {
  it.each<[Changes, string, string]>([
    [
      { 'spec.networking.podSubnet': '10.1.2.3/9' },
      'spec.networking.podSubnet',
      'is taken as 10.0.0.0/9',
    ],
    [
      { 'spec.nodes': planes(2), 'spec.controlPlaneEndpoint': 'x' },
      'spec.nodes',
      '2 control planes make an etcd of 2 members',
    ],
    [
      { 'spec.pki.keyAlgorithm': 'RSA-4096' },
      'spec.pki.keyAlgorithm',
      'kubeadm 1.28 uses RSA-4096 keys but makes none',
    ],
    [
      { 'spec.pki.apiServer.extraSans': ['API.Example.com'] },
      'spec.pki.apiServer.extraSans[0]',
      'is taken as "api.example.com"',
    ],
    [
      { 'spec.pki.users': [{ name: 'a', groups: ['system:masters'] }] },
      'spec.pki.users[0].groups[0]',
      "can't be revoked",
    ],
    [{ 'spec.patches': 'patches' }, 'spec.patches', 'were not read'],
    [
      {
        'spec.networking.serviceSubnet': '10.128.0.0/16,fd00::/112',
        'spec.networking.podSubnet': '10.0.0.0/9,fd01::/56',
      },
      'spec.nodes[0]',
      'has no IPv6 address',
    ],
  ])('%j', (changes, path, message) => {
    const issue = warnings(clusterFile(changes)).find((candidate) => candidate.path === path)
    expect(issue?.message).toContain(message)
  })
})

describe('settings', () => {
  it('accepts overlapping subnets when told', () => {
    const text = clusterFile({
      'spec.networking.allowOverlap': true,
      'spec.networking.serviceSubnet': undefined,
    })
    expect(parseCluster(text).cluster.networking.serviceSubnets).toEqual(['10.96.0.0/12'])
  })

  it('knows every certificate id', () => {
    const certificates = Object.fromEntries(
      [...KNOWN_CERTIFICATES.keys(), 'sa'].map((id) => [id, { keyAlgorithm: 'ECDSA-P256' }]),
    )
    const { cluster } = parseCluster(clusterFile({ 'spec.pki.certificates': certificates }))
    expect(Object.keys(cluster.pki.certificates)).toEqual(Object.keys(certificates).sort())
  })

  it('lowers and joins names of the API server', () => {
    const { cluster } = parseCluster(
      clusterFile({
        'spec.pki.apiServer.extraSans': ['B.example.com', 'a.example.com'],
        'spec.kubeadm.clusterConfiguration.apiServer.certSANs': ['A.example.com'],
      }),
    )
    expect(cluster.apiServer.certSans).toEqual(['a.example.com', 'b.example.com'])
  })

  it('spreads kubeadm settings over the nodes', () => {
    const { cluster } = parseCluster(
      clusterFile({
        'spec.kubeadm.initConfiguration': {
          localAPIEndpoint: { bindPort: 7443 },
          nodeRegistration: {
            criSocket: 'unix:///run/crio/crio.sock',
            kubeletExtraArgs: { v: '4' },
          },
          timeouts: { controlPlaneComponentHealthCheck: '6m' },
        },
        'spec.kubeadm.joinConfiguration.nodeRegistration.kubeletExtraArgs': { v: '2' },
      }),
    )
    expect(cluster.componentTimeoutSeconds).toBe(360)
    expect(
      cluster.nodes.map((n) => [n.bindPort, n.criSocket, n.kubeletExtraArgs[0]?.value]),
    ).toEqual([
      [7443, 'unix:///run/crio/crio.sock', '4'],
      [7443, 'unix:///run/crio/crio.sock', '2'],
    ])
  })

  it.each([
    ['cluster.yaml', clusterFile({ 'spec.patches': 'p' })],
    ['its section', clusterFile({ 'spec.kubeadm.initConfiguration.patches.directory': 'p' })],
    ['kubeadm', kubeadmFile({ init: 'patches: {directory: p}' })],
  ])('says where patches lie before it judges the file: %s', (_, text) => {
    const wrong = text.replace('v1.28.7', 'v9.9.9')
    const read = readSource(clusterDocuments(wrong), {})
    expect(read.patchesDirectory).toBe('p')
    expect(() => read.resolve([])).toThrow('v9.9.9')
  })

  it('takes patches as kubeadm reads their names', () => {
    const patches = ['etcd.json', 'kube-apiserver1+merge.yaml', 'README.md', 'other.yaml'].map(
      (name) => ({ name, text: '{}' }),
    )
    const {
      cluster,
      warnings: found,
      patchesDirectory,
    } = parseCluster(clusterFile({ 'spec.patches': 'p' }), { patches })
    expect(cluster.patches.map((patch) => patch.name)).toEqual([
      'etcd.json',
      'kube-apiserver1+merge.yaml',
    ])
    expect(found.map((issue) => issue.path)).toEqual([
      'spec.patches["README.md"]',
      'spec.patches["other.yaml"]',
    ])
    expect(patchesDirectory).toBe('p')
    const bad = [{ name: 'etcd+foo.yaml', text: '' }]
    expect(mistakes(clusterFile({ 'spec.patches': 'p' }), { patches: bad })[0]?.path).toBe(
      'spec.patches["etcd+foo.yaml"]',
    )
  })

  it('joins by files where no CA key is on a node', () => {
    const { cluster } = parseCluster(clusterFile({ 'spec.pki.caKeys': 'offline' }))
    expect(cluster.provision.join).toBe('files')
  })
})
