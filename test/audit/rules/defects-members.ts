import { encodePem } from '../../../src/ca/pem.js'
import { type Defect, error, sourced, warning } from './defect.js'
import { newAuthority, newKey, PKI } from './mutate.js'

type E = Parameters<Defect['mutate']>[0]
const ETCD = 'etc/kubernetes/manifests/etcd.yaml'
const ENCRYPTION = `${PKI}/encryption.yaml`
const TEXT = `apiVersion: apiserver.config.k8s.io/v1
kind: EncryptionConfiguration
resources:
  - resources: [secrets]
    providers:
      - secretbox: { keys: [{ name: key1, secret: MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY= }] }
      - identity: {}
`

/** A flag that differs on one of two control planes; kubeadm's default, the cluster and the others speak for the rest. */
const differs = (
  source: string,
  grade: typeof error,
  component: string,
  flag: string,
  value: string | undefined,
  node: string,
): Defect =>
  sourced(
    'T19',
    `${component} --${flag}=${value ?? '(unset)'} on ${node}`,
    source,
    grade(`manifests/${component}.yaml`, node),
    (e) => {
      e.flag(component, flag, 'placeholder', node)
      e.flag(component, flag, value, node)
    },
  )

/** What stands in one member's manifest of etcd about its peers, and what may stand there. */
const member = (
  name: string,
  node: string,
  bad: (text: string) => string,
  good: (text: string) => string,
): Defect =>
  sourced(
    'T24',
    name,
    'go.etcd.io/etcd/server/config/config.go: hasLocalMember and advertiseMatchesCluster end a member without data',
    error('manifests/etcd.yaml', node),
    (e) => e.edit(ETCD, bad, node),
    { twin: (e) => e.write(ETCD, good(e.text(ETCD, node)), node) },
  )

const encrypt = (e: E, ...nodes: readonly string[]) => {
  for (const node of nodes) {
    e.write(ENCRYPTION, TEXT, node)
    e.flag('kube-apiserver', 'encryption-provider-config', `/${ENCRYPTION}`, node)
  }
}
const oneEncrypts = (with_: string, without: string) =>
  sourced(
    'T14',
    `only ${with_} encrypts`,
    'k8s.io/apiserver/pkg/server/options/encryptionconfig/config.go: without a configuration the identity transformer reads what it finds',
    error('manifests/kube-apiserver.yaml', without),
    (e) => encrypt(e, with_),
    { twin: (e) => encrypt(e, with_, without) },
  )

const HA =
  'https://kubernetes.io/docs/setup/production-environment/tools/kubeadm/high-availability/: certificates are copied to every control plane'

const otherAuthority = (base: string, node: string) =>
  sourced(
    'T12',
    `another ${base}.crt on ${node}`,
    HA,
    error(`pki/${base}.crt`, node),
    async (e) => {
      e.write(`${PKI}/${base}.crt`, (await newAuthority(e, base)).pem, node)
    },
  )

/** Members of one cluster that are not alike: the one that deviates is accused, not the second. */
export const MEMBER_DEFECTS: readonly Defect[] = [
  ...['controlplane', 'controlplane2'].flatMap((node) => [
    differs(
      'k8s.io/kubernetes/pkg/serviceaccount/jwt.go: tokens of another issuer are not looked at',
      error,
      'kube-apiserver',
      'service-account-issuer',
      'https://issuer.example.com',
      node,
    ),
    differs(
      'k8s.io/kubernetes/pkg/controlplane: each API server allocates service addresses from its own range',
      error,
      'kube-apiserver',
      'service-cluster-ip-range',
      '10.200.0.0/16',
      node,
    ),
    differs(
      'k8s.io/kubernetes/pkg/kubeapiserver/options/authorization.go: each API server authorises by its own modes',
      error,
      'kube-apiserver',
      'authorization-mode',
      'RBAC',
      node,
    ),
    otherAuthority('ca', node),
    otherAuthority('etcd/ca', node),
    otherAuthority('front-proxy-ca', node),
    sourced(
      'T13',
      `another sa.pub on ${node}`,
      'k8s.io/kubernetes/pkg/serviceaccount/jwt.go: a token is checked with the keys of the API server that it meets',
      error('pki/sa.pub', node),
      async (e) => e.write(`${PKI}/sa.pub`, encodePem('PUBLIC KEY', (await newKey()).spki), node),
    ),
  ]),
  differs(
    'k8s.io/apiserver/pkg/storage/storagebackend: objects lie below the prefix',
    error,
    'kube-apiserver',
    'etcd-prefix',
    '/elsewhere',
    'controlplane2',
  ),
  differs(
    'k8s.io/kubernetes/pkg/kubeapiserver/options/admission.go: each API server admits by its own plugins',
    warning,
    'kube-apiserver',
    'enable-admission-plugins',
    'NodeRestriction,AlwaysPullImages',
    'controlplane2',
  ),
  differs(
    'k8s.io/apiserver/pkg/authentication/request/headerrequest: headers of another name are not read',
    warning,
    'kube-apiserver',
    'requestheader-username-headers',
    'X-User',
    'controlplane',
  ),
  differs(
    'k8s.io/kubernetes/pkg/kubeapiserver/options/authentication.go: tokens for another audience are refused',
    error,
    'kube-apiserver',
    'api-audiences',
    'elsewhere',
    'controlplane2',
  ),
  differs(
    'k8s.io/kubernetes/cmd/kube-controller-manager/app/core.go: the node IPAM controller keeps off the service range',
    error,
    'kube-controller-manager',
    'service-cluster-ip-range',
    '10.200.0.0/16',
    'controlplane',
  ),
  oneEncrypts('controlplane', 'controlplane2'),
  oneEncrypts('controlplane2', 'controlplane'),
  ...(
    [
      ['kube-controller-manager', 'client-ca-file', 'front-proxy-ca.crt'],
      ['kube-controller-manager', 'requestheader-client-ca-file', 'ca.crt'],
      ['kube-scheduler', 'client-ca-file', 'etcd/ca.crt'],
    ] as const
  ).map(([component, flag, file]) =>
    sourced(
      'T20',
      `${component} --${flag}=${file}`,
      'k8s.io/apiserver/pkg/server/options/authentication.go: the flag’s file takes the place of the API server’s own',
      warning(`manifests/${component}.yaml`),
      (e) => {
        e.flag(component, flag, 'placeholder')
        e.flag(component, flag, `/${PKI}/${file}`)
        if (component === 'kube-scheduler')
          e.edit(`etc/kubernetes/manifests/${component}.yaml`, (text) =>
            text
              .replaceAll('/etc/kubernetes/scheduler.conf', '/etc/kubernetes')
              .replaceAll('type: FileOrCreate', 'type: Directory'),
          )
      },
    ),
  ),
  ...(
    [
      ['etcd', 'initial-cluster', 'evil=https://203.0.113.9:2380'],
      ['kube-apiserver', 'etcd-servers', 'https://127.0.0.1:2379,https://203.0.113.9:2379'],
      ['kube-apiserver', 'etcd-servers-overrides', '/secrets#https://203.0.113.9:2379'],
    ] as const
  ).map(([component, flag, value]) =>
    sourced(
      'T21',
      `${component} --${flag}=${value}`,
      'https://etcd.io/docs/latest/op-guide/clustering/: who is named is a member, and gets all data',
      warning(`manifests/${component}.yaml`),
      (e) => {
        e.flag(component, flag, 'placeholder')
        e.flag(component, flag, value)
      },
    ),
  ),
  sourced(
    'T22',
    'a worker with the authority of another cluster',
    'k8s.io/apiserver/pkg/authentication/request/x509: a chain to clientCAFile is demanded',
    error('pki/ca.crt', 'worker1'),
    async (e) => e.write(`${PKI}/ca.crt`, (await newAuthority(e, 'ca')).pem, 'worker1'),
    {
      twin: async (e) => {
        const { pem } = await newAuthority(e, 'ca')
        e.edit(`${PKI}/ca.crt`, (text) => `${text}${pem}`, 'worker1')
      },
    },
  ),
  member(
    'a member under a name that it does not give itself',
    'controlplane',
    (text) => text.replace('--initial-cluster=controlplane=', '--initial-cluster=other='),
    (text) => text,
  ),
  member(
    'a member at an address that it does not advertise',
    'controlplane2',
    (text) => text.replace(/(initial-advertise-peer-urls=https:\/\/)[\d.]+/, '$1172.31.10.99'),
    (text) =>
      text
        .replace(/(initial-advertise-peer-urls=https:\/\/)[\d.]+/, '$1172.31.10.99')
        .replace(/(controlplane2=https:\/\/)[\d.]+/, '$1172.31.10.99'),
  ),
  member(
    'two members that each know only themselves',
    'controlplane2',
    (text) =>
      text.replace(
        /--initial-cluster=.*/,
        '--initial-cluster=controlplane2=https://172.31.10.15:2380',
      ),
    (text) => text,
  ),
]
