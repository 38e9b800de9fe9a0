import { describe, expect, test } from 'vitest'
import { loadYamlAll } from '../../src/files/yaml/yaml.js'
import { filesOf, initialFiles, kpkiCluster, nodeOf } from './cluster.js'

const PATH = 'etc/kubernetes/kubeadm.yaml'

function documents(text: string | undefined): readonly unknown[] {
  return loadYamlAll(text ?? '')
}

describe('init', () => {
  test('says what kpki adds, in the form of each API version', () => {
    const spec = { pki: { topology: 'hierarchy', caKeys: 'offline', keyAlgorithm: 'ECDSA-P256' } }
    const old = documents(initialFiles(kpkiCluster('1.28', spec)).get(PATH))
    expect(old).toMatchObject([
      { apiVersion: 'kubeadm.k8s.io/v1beta3', kind: 'InitConfiguration' },
      {
        kind: 'ClusterConfiguration',
        featureGates: { PublicKeysECDSA: true },
        apiServer: { extraArgs: { 'kubelet-certificate-authority': '/etc/kubernetes/pki/ca.crt' } },
        controllerManager: {
          extraArgs: {
            'cluster-signing-cert-file': '',
            'cluster-signing-key-file': '',
            'root-ca-file': '/etc/kubernetes/pki/root-bundle.crt',
          },
        },
      },
    ])
    const current = documents(initialFiles(kpkiCluster('1.33', spec)).get(PATH))
    expect(current).toMatchObject([
      { apiVersion: 'kubeadm.k8s.io/v1beta4' },
      {
        encryptionAlgorithm: 'ECDSA-P256',
        controllerManager: {
          extraArgs: [
            { name: 'root-ca-file', value: '/etc/kubernetes/pki/root-bundle.crt' },
            { name: 'cluster-signing-cert-file', value: '' },
            { name: 'cluster-signing-key-file', value: '' },
          ],
        },
      },
    ])
  })

  test('carries the bootstrap token and the certificate key', () => {
    expect(documents(initialFiles(kpkiCluster('1.28')).get(PATH))[0]).toMatchObject({
      bootstrapTokens: [{ token: 'abcdef.0123456789abcdef' }],
      certificateKey: 'ab'.repeat(32),
      localAPIEndpoint: { advertiseAddress: '10.0.0.1', bindPort: 6443 },
      nodeRegistration: { name: 'cp-1' },
    })
  })

  test('carries validity where kubeadm can be told', () => {
    const spec = { pki: { validity: { ca: '20y', certificate: '30d' } } }
    const at = (minor: string) => documents(initialFiles(kpkiCluster(minor, spec)).get(PATH))[1]
    expect(at('1.31')).toMatchObject({
      caCertificateValidityPeriod: '175200h0m0s',
      certificateValidityPeriod: '720h0m0s',
    })
    expect(at('1.30')).not.toHaveProperty('certificateValidityPeriod')
  })

  test('carries the user’s component configuration', () => {
    const spec = {
      kubeadm: { kubeletConfiguration: { maxPods: 50 }, kubeProxyConfiguration: { mode: 'ipvs' } },
    }
    expect(documents(initialFiles(kpkiCluster('1.33', spec)).get(PATH)).slice(2)).toEqual([
      { apiVersion: 'kubelet.config.k8s.io/v1beta1', kind: 'KubeletConfiguration', maxPods: 50 },
      {
        apiVersion: 'kubeproxy.config.k8s.io/v1alpha1',
        kind: 'KubeProxyConfiguration',
        mode: 'ipvs',
      },
    ])
  })
})

describe('join', () => {
  const cluster = kpkiCluster('1.28')
  const discovery = {
    bootstrapToken: {
      apiServerEndpoint: 'api.example.com:6443',
      caCertHashes: [`sha256:${'cd'.repeat(32)}`],
      token: 'abcdef.0123456789abcdef',
    },
  }

  test('a further control plane', () => {
    expect(documents(filesOf(cluster, nodeOf(cluster, 'cp-2')).get(PATH))).toEqual([
      {
        apiVersion: 'kubeadm.k8s.io/v1beta3',
        caCertPath: '/etc/kubernetes/pki/ca.crt',
        controlPlane: {
          certificateKey: 'ab'.repeat(32),
          localAPIEndpoint: { advertiseAddress: '10.0.0.2', bindPort: 6443 },
        },
        discovery,
        kind: 'JoinConfiguration',
        nodeRegistration: { criSocket: 'unix:///run/containerd/containerd.sock', name: 'cp-2' },
      },
    ])
  })

  test('a worker with taints', () => {
    const taints = [
      { key: 'gpu', value: 'yes', effect: 'NoSchedule' },
      { key: 'old', effect: 'NoExecute' },
    ]
    const worker = { ...nodeOf(cluster, 'worker-1'), taints }
    const files = filesOf(cluster, worker)
    expect(documents(files.get(PATH))).toMatchObject([
      { discovery, kind: 'JoinConfiguration', nodeRegistration: { name: 'worker-1', taints } },
    ])
    expect(documents(files.get(PATH))[0]).not.toHaveProperty('controlPlane')
    expect(files.get('var/lib/kubelet/kubeadm-flags.env')).toContain(
      '--register-with-taints=gpu=yes:NoSchedule,old:NoExecute',
    )
  })
})
