import type { Cluster, ClusterNode, ComponentSettings } from '../../src/cluster/cluster.js'
import { parseVersion, releaseOf } from '../../src/releases.js'

const nothing: ComponentSettings = { extraArgs: [], extraVolumes: [], extraEnvs: [] }

/** A control plane unless told otherwise. */
export function node(name: string, address: string, more: Partial<ClusterNode> = {}): ClusterNode {
  return {
    name,
    role: 'control-plane',
    initial: false,
    addresses: [address],
    bindPort: 6443,
    extraSans: [],
    labels: {},
    criSocket: 'unix:///run/containerd/containerd.sock',
    kubeletExtraArgs: [],
    ssh: { hostKeys: [] },
    ...more,
  }
}

/** What kubeadm's defaults give for one control plane, on a host without CA directories. */
export function cluster(version: string, more: Partial<Cluster> = {}): Cluster {
  return {
    name: 'kubernetes',
    clusterName: 'kubernetes',
    source: 'kubeadm',
    release: releaseOf(parseVersion(version)),
    nodes: [node('controlplane', '172.31.10.5', { initial: true })],
    networking: {
      serviceSubnets: ['10.96.0.0/12'],
      podSubnets: [],
      dnsDomain: 'cluster.local',
    },
    certificatesDir: '/etc/kubernetes/pki',
    imageRepository: 'registry.k8s.io',
    dns: {},
    etcd: {
      kind: 'local',
      dataDir: '/var/lib/etcd',
      serverCertSans: [],
      peerCertSans: [],
      ...nothing,
    },
    apiServer: { certSans: [], verifyKubelets: false, ...nothing },
    controllerManager: nothing,
    scheduler: nothing,
    featureGates: {},
    componentTimeoutSeconds: 240,
    hostnameOverride: true,
    hostOs: 'none',
    pki: {
      topology: 'separate',
      keyAlgorithm: 'RSA-2048',
      validity: { ca: 315_360_000_000, certificate: 31_536_000_000 },
      caKeys: 'on-control-plane',
      kubeletServing: 'self-signed',
      caSubject: {},
      kubeProxy: false,
      users: [],
      certificates: {},
    },
    kubeconfig: { uniqueNames: false },
    kubeadm: {
      initConfiguration: {},
      clusterConfiguration: {},
      joinConfiguration: {},
      kubeletConfiguration: {},
      kubeProxyConfiguration: {},
    },
    patches: [],
    provision: {
      cni: { type: 'none' },
      join: 'token',
      packages: { repository: 'https://pkgs.k8s.io', keyFingerprint: '' },
      namespaces: [],
      manifests: [],
    },
    ...more,
  }
}

/** The clusters of `fixtures/kubeadm/v1.28.7`. */
export function references(): { readonly base: Cluster; readonly ha: Cluster } {
  const bindAnywhere: ComponentSettings = {
    ...nothing,
    extraArgs: [{ name: 'bind-address', value: '0.0.0.0' }],
  }
  return {
    base: cluster('v1.28.7'),
    ha: cluster('v1.28.7', {
      clusterName: 'prod-eu',
      controlPlaneEndpoint: { host: 'k8s.example.com', port: 6443 },
      nodes: [node('cp-1', '10.20.0.11', { initial: true })],
      networking: {
        serviceSubnets: ['10.128.0.0/16'],
        podSubnets: ['10.0.0.0/9'],
        dnsDomain: 'prod.local',
      },
      apiServer: {
        certSans: ['api.internal', '203.0.113.10'],
        verifyKubelets: false,
        extraArgs: [
          { name: 'audit-log-path', value: '/var/log/kubernetes/audit.log' },
          { name: 'authorization-mode', value: 'Node,RBAC' },
        ],
        extraVolumes: [
          {
            name: 'audit',
            hostPath: '/var/log/kubernetes',
            mountPath: '/var/log/kubernetes',
            readOnly: false,
            pathType: 'DirectoryOrCreate',
          },
        ],
        extraEnvs: [],
      },
      controllerManager: bindAnywhere,
      scheduler: bindAnywhere,
      etcd: {
        kind: 'local',
        dataDir: '/var/lib/etcd',
        serverCertSans: ['etcd.internal'],
        peerCertSans: ['10.20.0.111'],
        extraArgs: [{ name: 'quota-backend-bytes', value: '8589934592' }],
        extraVolumes: [],
        extraEnvs: [],
      },
      featureGates: { PublicKeysECDSA: true },
    }),
  }
}
