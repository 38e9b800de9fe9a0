import { describe, expect, it } from 'vitest'
import { type ConfigFormat, convertConfig } from '../../src/cluster/convert.js'
import { BASE_CASE, clusterFileText } from '../../src/cluster/init.js'
import { toV1beta3, toV1beta4 } from '../../src/cluster/kubeadm/versions.js'
import { isKpkiError } from '../../src/errors.js'
import { loadYamlAll } from '../../src/files/yaml/yaml.js'
import { parseCluster } from '../../src/generate/source.js'
import { readText } from './support.js'

const V3: ConfigFormat = 'kubeadm.k8s.io/v1beta3'
const V4: ConfigFormat = 'kubeadm.k8s.io/v1beta4'
const KPKI: ConfigFormat = 'kpki/v1alpha1'

const commented = `# head

apiVersion: kubeadm.k8s.io/v1beta3
kind: InitConfiguration
localAPIEndpoint:
  advertiseAddress: 10.20.0.11 # the node
nodeRegistration:
  name: "cp-1"
  kubeletExtraArgs:
    # chatty
    v: "4" # level
---
apiVersion: kubeadm.k8s.io/v1beta3
kind: ClusterConfiguration
kubernetesVersion: v1.28.7 # pinned
apiServer:
  # slow machine
  timeoutForControlPlane: 6m # six
  extraArgs:
    # audit
    audit-log-path: /var/log/audit.log
    word: "yes"
`

describe('convertConfig', () => {
  it('migrates to v1beta4 with comments', () => {
    expect(convertConfig(commented, V4).text).toBe(`# head

apiVersion: kubeadm.k8s.io/v1beta4
kind: InitConfiguration
localAPIEndpoint:
  advertiseAddress: 10.20.0.11 # the node
nodeRegistration:
  name: "cp-1"
  kubeletExtraArgs:
  # chatty
  - name: v
    value: "4" # level
timeouts:
  # slow machine
  controlPlaneComponentHealthCheck: 6m # six
---
apiVersion: kubeadm.k8s.io/v1beta4
kind: ClusterConfiguration
kubernetesVersion: v1.28.7 # pinned
apiServer:
  extraArgs:
  # audit
  - name: audit-log-path
    value: /var/log/audit.log
  - name: word
    value: "yes"
`)
  })

  it('comes back from v1beta4 as the same values, comments kept', () => {
    const back = convertConfig(convertConfig(commented, V4).text, V3).text
    expect(loadYamlAll(back)).toEqual(loadYamlAll(commented))
    for (const comment of [
      '# head',
      '# the node',
      '# chatty',
      '# level',
      '# pinned',
      '# slow machine',
      '# six',
      '# audit',
    ]) {
      expect(back).toContain(comment)
    }
  })

  it.each(['base', 'ha'])(
    'turns the %s reference into a cluster.yaml that means the same',
    (name) => {
      const text = readText(`fixtures/kubeadm/v1.28.7/${name}/kubeadm.yaml`)
      const file = convertConfig(text, KPKI).text
      const [given, converted] = [parseCluster(text).cluster, parseCluster(file).cluster]
      const { name: _, source: __, hostnameOverride: ___, kubeadm: ____, ...same } = given
      expect(converted).toMatchObject(same)
      const back = parseCluster(convertConfig(file, V3).text).cluster
      const { kubeadm: before, ...rest } = given
      expect(back).toMatchObject(rest)
      expect(back.kubeadm.clusterConfiguration).toEqual({
        clusterName: 'kubernetes',
        ...before.clusterConfiguration,
      })
      expect(back.kubeadm.initConfiguration).toEqual(before.initConfiguration)
    },
  )

  it('keeps every field of both documents on the way through cluster.yaml', () => {
    const text = convertConfig(commented, KPKI).text
    for (const comment of [
      '# head',
      '# the node',
      '# chatty',
      '# pinned',
      '# slow machine',
      '# audit',
    ]) {
      expect(text).toContain(comment)
    }
    const back = loadYamlAll(convertConfig(text, V3).text)
    expect(back).toMatchObject(loadYamlAll(commented))
  })

  it('says what of cluster.yaml kubeadm has no word for', () => {
    const { text, warnings } = convertConfig(clusterFileText(BASE_CASE), V4)
    expect(warnings.map((issue) => issue.path)).toEqual([
      'spec.hostOs',
      'spec.pki.topology',
      'spec.pki.kubeletServing',
      'spec.pki.caKeys',
      'spec.cni',
      'spec.nodes',
    ])
    expect(loadYamlAll(text)).toEqual([
      {
        apiVersion: V4,
        kind: 'InitConfiguration',
        nodeRegistration: {
          name: 'controlplane',
          criSocket: 'unix:///run/containerd/containerd.sock',
        },
        localAPIEndpoint: { advertiseAddress: '172.31.10.5' },
      },
      {
        apiVersion: V4,
        kind: 'ClusterConfiguration',
        kubernetesVersion: 'v1.28.7',
        networking: { podSubnet: '10.0.0.0/9', serviceSubnet: '10.128.0.0/16' },
        clusterName: 'aws-three-nodes',
        encryptionAlgorithm: 'RSA-2048',
        certificateValidityPeriod: '8760h0m0s',
        caCertificateValidityPeriod: '87600h0m0s',
      },
    ])
  })

  it('says every setting that both have words for in the other’s', () => {
    const settings = `  controlPlaneEndpoint: k8s.example.com
  imageRepository: registry.example.com
  networking: {serviceSubnet: 10.100.0.0/16, podSubnet: 10.32.0.0/12, dnsDomain: k8s.local}
  pki:
    # short signatures
    keyAlgorithm: ECDSA-P384
    validity: {ca: 43800h0m0s, certificate: 2160h0m0s}
  patches: patches
`
    const file = `apiVersion: ${KPKI}
kind: Cluster
metadata: {name: demo}
spec:
  kubernetesVersion: v1.34.1
${settings}  apiServer: {extraSans: [api.example.com]}
  nodes: [{name: cp, role: control-plane, address: 172.31.10.5}]
`
    const { text, warnings } = convertConfig(file, V4)
    expect(warnings).toEqual([])
    expect(text).toContain('# short signatures')
    const [init, cluster] = loadYamlAll(text)
    expect(init).toMatchObject({ patches: { directory: 'patches' } })
    expect(cluster).toMatchObject({
      encryptionAlgorithm: 'ECDSA-P384',
      apiServer: { certSANs: ['api.example.com'] },
    })
    const [back] = loadYamlAll(convertConfig(text, KPKI).text)
    expect(back).toMatchObject({ spec: loadYamlAll(settings)[0] })
  })

  it('refuses what would be lost, by name', () => {
    const text = `apiVersion: ${V4}
kind: ClusterConfiguration
encryptionAlgorithm: RSA-4096
certificateValidityPeriod: 2160h
proxy: {}
dns: {disabled: false}
apiServer: {extraArgs: [{name: v, value: "1"}, {name: v, value: "2"}], extraEnvs: [{name: A}]}
---
apiVersion: ${V4}
kind: InitConfiguration
timeouts: {etcdAPICall: 3m, discovery: 5m}
nodeRegistration: {imagePullSerial: false}
---
apiVersion: ${V4}
kind: ResetConfiguration
`
    try {
      convertConfig(text, V3)
      expect.unreachable()
    } catch (error) {
      if (!isKpkiError(error) || error.code !== 'ERR_SPEC_INVALID') throw error
      expect(error.details.issues.map((issue) => issue.path).sort()).toEqual([
        'ClusterConfiguration.apiServer.extraArgs',
        'ClusterConfiguration.apiServer.extraEnvs',
        'ClusterConfiguration.certificateValidityPeriod',
        'ClusterConfiguration.encryptionAlgorithm',
        'InitConfiguration.nodeRegistration.imagePullSerial',
        'InitConfiguration.timeouts.etcdAPICall',
        'ResetConfiguration',
      ])
    }
  })

  it('refuses files with unknown fields', () => {
    expect(() =>
      convertConfig(`apiVersion: ${V3}\nkind: ClusterConfiguration\nfoo: 1\n`, V4),
    ).toThrow("can't be converted: ClusterConfiguration.foo is not a known field")
  })
})

describe('documents', () => {
  it('move timeouts both ways', () => {
    const three = [
      { apiVersion: V3, kind: 'ClusterConfiguration', apiServer: { timeoutForControlPlane: '6m' } },
      {
        apiVersion: V3,
        kind: 'JoinConfiguration',
        discovery: { timeout: '1m', tlsBootstrapToken: 'x' },
      },
    ]
    const four = toV1beta4(three).documents
    expect(four).toEqual([
      { apiVersion: V4, kind: 'ClusterConfiguration' },
      {
        apiVersion: V4,
        kind: 'JoinConfiguration',
        discovery: { tlsBootstrapToken: 'x' },
        timeouts: { discovery: '1m', controlPlaneComponentHealthCheck: '6m' },
      },
    ])
    expect(toV1beta3(four)).toEqual({ documents: three, lost: [] })
  })

  it('ask for ECDSA by the gate in v1beta3', () => {
    const four = [
      { apiVersion: V4, kind: 'ClusterConfiguration', encryptionAlgorithm: 'ECDSA-P256' },
    ]
    expect(toV1beta3(four).documents).toEqual([
      { apiVersion: V3, kind: 'ClusterConfiguration', featureGates: { PublicKeysECDSA: true } },
    ])
  })
})
