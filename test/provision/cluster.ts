import { type FileTree, file, treeOf } from '../../src/files/tree.js'
import { loadYaml } from '../../src/files/yaml/yaml.js'
import { parseCluster } from '../../src/generate/source.js'
import type { Inputs } from '../../src/provision/context.js'
import { parseFacts } from '../../src/provision/host/facts.js'
import { digest } from './sandbox.js'

/** The moment at which all hosts and the operator are, in milliseconds. */
export const NOW = Date.parse('2026-11-22T08:45:00Z')

export const fingerprint = 'E8C25BE322FD8A8F263A71166CD65119BEA13C7A'

/** The base case with `workers` workers; `more` are further lines of the spec. */
export function clusterOf(workers = 2, more = '') {
  const nodes = Array.from(
    { length: workers },
    (_, at) =>
      `    - { name: worker${at + 1}, role: worker, address: 172.31.${20 + (at >> 7)}.${(at % 128) + 1} }`,
  )
  const text = `apiVersion: kpki/v1alpha1
kind: Cluster
metadata: { name: lab }
spec:
  kubernetesVersion: v1.28.7
  networking: { serviceSubnet: 10.128.0.0/16, podSubnet: 10.244.0.0/16 }
  hostOs: debian
  packages: { keyFingerprint: ${fingerprint} }
${more}
  nodes:
    - { name: controlplane, role: control-plane, address: 172.31.10.5 }
${nodes.join('\n')}
`
  loadYaml(text)
  return parseCluster(text).cluster
}

/** A certificate that is only bytes: nothing here looks inside. */
export const pem = (label: string, content: string) =>
  `-----BEGIN ${label}-----\n${Buffer.from(content.padEnd(48, '.')).toString('base64')}\n-----END ${label}-----\n`

export const token = 'abcdef.0123456789abcdef'

export function treeFor(name: string, initial: boolean): FileTree {
  const pki = 'etc/kubernetes/pki'
  const join = `apiVersion: kubeadm.k8s.io/v1beta3\nkind: JoinConfiguration\ndiscovery: { bootstrapToken: { token: "${token}" } }\n`
  return treeOf([
    file(`${pki}/ca.crt`, pem('CERTIFICATE', 'the cluster authority'), 0o644),
    file('etc/kubernetes/kubeadm.yaml', join, 0o600),
    file('etc/kubernetes/kubelet.conf', `users: [{ name: ${name} }]\n`, 0o600),
    file('var/lib/kubelet/config.yaml', 'kind: KubeletConfiguration\n', 0o644),
    file('var/lib/kubelet/kubeadm-flags.env', 'KUBELET_KUBEADM_ARGS=""\n', 0o644),
    file('var/lib/kubelet/pki/kubelet.crt', pem('CERTIFICATE', `kubelet of ${name}`), 0o644),
    file('var/lib/kubelet/pki/kubelet.key', pem('PRIVATE KEY', `key of ${name}`), 0o600),
    ...(initial
      ? [
          file(`${pki}/ca.key`, pem('PRIVATE KEY', 'key of the authority'), 0o600),
          file(`${pki}/sa.key`, pem('PRIVATE KEY', 'key of service accounts'), 0o600),
          file(`${pki}/sa.pub`, pem('PUBLIC KEY', 'service accounts'), 0o600),
          file(`${pki}/apiserver.crt`, pem('CERTIFICATE', 'the API server'), 0o644),
          file(`${pki}/apiserver.key`, pem('PRIVATE KEY', 'key of the API server'), 0o600),
          file('etc/kubernetes/admin.conf', admin, 0o600),
          file('etc/kubernetes/manifests/etcd.yaml', 'kind: Pod\n', 0o600),
          file('etc/kubernetes/manifests/kube-apiserver.yaml', 'kind: Pod\n', 0o600),
        ]
      : []),
  ])
}

export const admin = `apiVersion: v1
kind: Config
clusters: [{ name: kubernetes, cluster: { server: "https://172.31.10.5:6443", certificate-authority-data: Y2E= } }]
contexts: [{ name: kubernetes-admin@kubernetes, context: { cluster: kubernetes, user: kubernetes-admin } }]
current-context: kubernetes-admin@kubernetes
users: [{ name: kubernetes-admin, user: { client-certificate-data: Y2VydA==, client-key-data: c2VjcmV0LWFkbWluLWtleQ== } }]
`

export function inputsOf(cluster = clusterOf()): Inputs {
  return {
    cluster,
    trees: new Map(cluster.nodes.map((node) => [node.name, treeFor(node.name, node.initial)])),
    adminKubeconfig: admin,
    manifests: [],
    options: {
      method: 'init',
      containerd: 'distribution',
      registryMirrors: {},
      replaceCa: [],
      offline: false,
    },
    digest,
  }
}

export const base64 = (text: string) => Buffer.from(text).toString('base64')

/** A fresh Debian server's answer, with single facts replaced or, with undefined, left out. */
export function factsText(
  name: string,
  address: string,
  changes: Readonly<Record<string, string | readonly string[] | undefined>> = {},
): string {
  const fresh: Record<string, string | readonly string[] | undefined> = {
    time: String(NOW / 1000),
    ...{ uid: '0', user: 'ubuntu', hostname: 'ip-172-31-10-5', os: 'debian', osVersion: '12' },
    ...{ osCodename: 'bookworm', architecture: 'amd64', systemd: 'yes', cpus: '2' },
    ...{ memoryKb: '4000000', disk: ['/var 9000000 900000', '/etc 9000000 900000'] },
    ...{ machineId: `id-of-${name}`, productUuid: `uuid-of-${name}`, mac: `02:00:00:${name}` },
    ...{ address: ['127.0.0.1', address], cgroup: '2', repository: 'yes' },
    fstab: base64('/dev/vda1 / ext4 errors=remount-ro 0 1\n/swap.img none swap sw 0 0\n'),
    hosts: base64('127.0.0.1 localhost\n'),
    swap: '/swap.img',
    sysctl: ['net/ipv4/ip_forward 0', 'net/bridge/bridge-nf-call-iptables '],
    ...changes,
  }
  const lines = Object.entries(fresh).flatMap(([key, value]) =>
    value === undefined
      ? []
      : typeof value === 'string'
        ? [`${key}\t${value}`]
        : value.map((v) => `${key}\t${v}`),
  )
  return `kpki-facts-begin\n${lines.join('\n')}\nkpki-facts-end\n`
}

export function factsOf(
  name: string,
  address: string,
  changes: Parameters<typeof factsText>[2] = {},
) {
  return parseFacts(factsText(name, address, changes), name, NOW - 100, NOW + 100)
}
