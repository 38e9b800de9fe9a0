import { describe, expect, it } from 'vitest'
import { parseCluster } from '../../src/generate/source.js'
import { embeddedCredentials } from '../../src/kubeconfig/read.js'
import { endpointServer, serverFor } from '../../src/kubeconfig/servers.js'
import { kubeconfigText } from '../../src/kubeconfig/write.js'
import { testKey } from '../ca/support.js'
import { large, small } from '../certs/clusters.js'

const key = testKey('p256-1')
const spec = {
  clusterName: 'lab',
  userName: 'jane',
  contextName: 'jane@lab',
  server: 'https://10.0.0.1:6443',
  authorities: 'AUTHORITIES',
  certificatePem: 'CERTIFICATE',
  key,
  preferences: true,
}

describe('kubeconfigText', () => {
  it('has kubeadm’s keys in kubeadm’s order', () => {
    expect(kubeconfigText(spec).replace(/-data: \S+/g, '-data: …')).toBe(`apiVersion: v1
clusters:
- cluster:
    certificate-authority-data: …
    server: https://10.0.0.1:6443
  name: lab
contexts:
- context:
    cluster: lab
    user: jane
  name: jane@lab
current-context: jane@lab
kind: Config
preferences: {}
users:
- name: jane
  user:
    client-certificate-data: …
    client-key-data: …
`)
    expect(kubeconfigText({ ...spec, preferences: false })).not.toContain('preferences')
  })

  it('gives back what it embeds', () => {
    expect(embeddedCredentials(kubeconfigText(spec))).toEqual({
      certificate: 'CERTIFICATE',
      key: key.pem(),
    })
  })
})

describe('embeddedCredentials', () => {
  it.each([
    '',
    'null',
    '[]',
    'a: b',
    'current-context: x\ncontexts: x\nusers: {}',
    'current-context: x\ncontexts: [{name: x, context: {user: u}}]\nusers: [{name: v, user: {}}]',
    'current-context: x\ncontexts: [{name: x, context: {user: u}}]\nusers: [{name: u, user: {client-key-data: 5}}]',
  ])('finds nothing in %j', (text) => {
    expect(embeddedCredentials(text)).toEqual({})
  })

  it('refuses what is no YAML', () => {
    expect(() => embeddedCredentials('a: [')).toThrow(
      expect.objectContaining({ code: 'ERR_YAML_INVALID' }),
    )
  })
})

describe('servers', () => {
  const servers = (cluster: ReturnType<typeof small>, index: number) =>
    (['endpoint', 'local', 'kubelet'] as const).map((server) => {
      const node = cluster.nodes[index]
      return node && serverFor(cluster, node, { kind: 'kubeconfig', file: 'a.conf', server })
    })

  it('without an endpoint are the first control plane', () => {
    const first = 'https://172.31.10.11:6443'
    expect(servers(small(), 0)).toEqual([first, first, first])
    expect(servers(small(), 1)[2]).toBe(first)
  })

  it('with an endpoint are that; kubelets of control planes stay at home from 1.33 on', () => {
    const endpoint = 'https://api.example.com:6443'
    const own = 'https://172.31.10.12:6443'
    expect(servers(large(), 1)).toEqual([endpoint, own, endpoint])
    expect(servers(large({}, { kubernetesVersion: '1.33' }), 1)).toEqual([endpoint, own, own])
    expect(servers(large({}, { kubernetesVersion: '1.33' }), 3)[2]).toBe(endpoint)
  })

  it('put IPv6 in brackets, and take the port of the API server where none is said', () => {
    const { cluster } = parseCluster(`apiVersion: kubeadm.k8s.io/v1beta3
kind: InitConfiguration
localAPIEndpoint: { advertiseAddress: 'fd00::5', bindPort: 7443 }
nodeRegistration: { name: cp1 }
---
apiVersion: kubeadm.k8s.io/v1beta3
kind: ClusterConfiguration
kubernetesVersion: v1.28.7
controlPlaneEndpoint: api.example.com
networking: { serviceSubnet: 'fd00:96::/112' }
`)
    expect(endpointServer(cluster)).toBe('https://api.example.com:7443')
    expect(servers(cluster, 0)[1]).toBe('https://[fd00::5]:7443')
  })
})
