import { resolvePlain } from '../files/yaml/scalars.js'
import type { HostOs, Role } from './cluster.js'
import { API_VERSION } from './spec/schema.js'

export interface InitNode {
  readonly name: string
  readonly role: Role
  readonly address: string
}

/** What `kpki init` asks. */
export interface InitAnswers {
  readonly name: string
  /** For example `v1.28.7`. */
  readonly kubernetesVersion: string
  readonly hostOs: HostOs
  /** Host or host:port; needed with more than one control plane. */
  readonly controlPlaneEndpoint?: string
  readonly podSubnet: string
  readonly serviceSubnet: string
  /** Version of Cilium; undefined: no pod network is installed. */
  readonly cilium?: string
  /** Login name on the nodes. */
  readonly sshUser?: string
  readonly nodes: readonly InitNode[]
  /** Where editors find the schema, relative to the file. */
  readonly schema?: string
}

/** One control plane and two workers on Ubuntu servers in a VPC. */
export const BASE_CASE: InitAnswers = {
  name: 'aws-three-nodes',
  kubernetesVersion: 'v1.28.7',
  hostOs: 'ubuntu',
  podSubnet: '10.0.0.0/9',
  serviceSubnet: '10.128.0.0/16',
  cilium: '1.15.6',
  sshUser: 'ubuntu',
  nodes: [
    { name: 'controlplane', role: 'control-plane', address: '172.31.10.5' },
    { name: 'worker1', role: 'worker', address: '172.31.10.6' },
    { name: 'worker2', role: 'worker', address: '172.31.10.7' },
  ],
}

/** A commented cluster.yaml for the answers. It is not validated here: {@link parseCluster} says what is wrong. */
export function clusterFileText(answers: InitAnswers): string {
  return [...head(answers), ...nodes(answers), ...rest(answers), ''].join('\n')
}

function head(answers: InitAnswers): readonly string[] {
  const { name, kubernetesVersion, controlPlaneEndpoint, podSubnet, serviceSubnet, schema } =
    answers
  return [
    ...(schema === undefined ? [] : [`# yaml-language-server: $schema=${schema}`]),
    `apiVersion: ${API_VERSION}`,
    'kind: Cluster',
    'metadata:',
    `  name: ${quoted(name)}`,
    'spec:',
    '  # A minor such as 1.28 takes its newest patch that kpki knows.',
    `  kubernetesVersion: ${quoted(kubernetesVersion)}`,
    '',
    '  # Where clients reach the API: host or host:port of a load balancer or virtual address.',
    '  # Needed with more than one control plane.',
    controlPlaneEndpoint === undefined
      ? '  # controlPlaneEndpoint: k8s.example.com:6443'
      : `  controlPlaneEndpoint: ${quoted(controlPlaneEndpoint)}`,
    '',
    '  networking:',
    '    # Pods, services and nodes must not share addresses. Dual stack: two CIDRs with a comma.',
    `    podSubnet: ${quoted(podSubnet)}`,
    `    serviceSubnet: ${quoted(serviceSubnet)}`,
    '    # dnsDomain: cluster.local',
    '',
  ]
}

function nodes({ nodes: listed, sshUser }: InitAnswers): readonly string[] {
  return [
    '  # The first control plane is where kubeadm init runs. Names become host names and certificate names.',
    '  nodes:',
    ...listed.flatMap((node) => [
      `    - name: ${quoted(node.name)}`,
      `      role: ${node.role}`,
      `      address: ${quoted(node.address)}`,
      ...(sshUser === undefined ? [] : ['      ssh:', `        user: ${quoted(sshUser)}`]),
    ]),
    '      # extraSans: [public.example.com]',
    '      # labels: { topology.kubernetes.io/zone: a }',
    '      # taints: [{ key: dedicated, value: gpu, effect: NoSchedule }]',
    '',
  ]
}

function rest({ hostOs, cilium }: InitAnswers): readonly string[] {
  return [
    '  # ubuntu, debian, rhel or none: which directories of the host hold CA certificates.',
    `  hostOs: ${hostOs}`,
    '',
    '  pki:',
    '    # separate: a CA each for Kubernetes, etcd and the front proxy. hierarchy: an offline root above',
    '    # them. single: one CA for everything.',
    '    topology: separate',
    '    # RSA-2048, RSA-3072, RSA-4096, ECDSA-P256 or ECDSA-P384.',
    '    keyAlgorithm: RSA-2048',
    '    validity:',
    '      ca: 3650d',
    '      certificate: 365d',
    '    # signed: kubelets serve with certificates of the cluster CA, and the API server verifies them.',
    '    kubeletServing: signed',
    '    # on-control-plane, or offline: no CA key ever reaches a node.',
    '    caKeys: on-control-plane',
    '    # users: [{ name: alice, groups: [developers], validity: 90d }]',
    '',
    '  # Pod network that provisioning installs.',
    '  cni:',
    ...(cilium === undefined
      ? ['    type: none']
      : ['    type: cilium', `    version: ${quoted(cilium)}`]),
    '',
    "  # Any field of kubeadm's own configuration, in its own words.",
    '  # kubeadm:',
    '  #   clusterConfiguration:',
    '  #     apiServer:',
    '  #       extraArgs:',
    '  #         audit-log-path: /var/log/kubernetes/audit.log',
  ]
}

/** Names, addresses and versions are plain in YAML; what would be read as something else is quoted. */
function quoted(text: string): string {
  const plain = /^[A-Za-z0-9](?:[A-Za-z0-9./:,-]*[A-Za-z0-9])?$/.test(text) && !/^\d+:/.test(text)
  return plain && resolvePlain(text).kind === 'text' ? text : JSON.stringify(text)
}
