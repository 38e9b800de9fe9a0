import { describe, expect, test } from 'vitest'
import { RULES } from '../../../src/audit/rules/index.js'
import type { AuditReport } from '../../../src/audit/types.js'
import { RELEASES } from '../../../src/releases/table.js'
import { audit, type ClusterOptions, embedPair, generated, issue, mutated } from '../support.js'

const all = async (options: ClusterOptions, profile: 'kubeadm' | 'cis' | 'strict' = 'kubeadm') =>
  audit(await generated(options), { rules: RULES, profile })

const said = ({ findings, crashed }: AuditReport, ...severities: readonly string[]) => [
  ...findings
    .filter(({ severity }) => severities.includes(severity))
    .map(({ code, node, message }) => `${code} ${node}: ${message}`),
  ...crashed.map(({ code, message }) => `${code} crashed: ${message}`),
]

describe('a healthy cluster has no errors and no warnings', () => {
  const versions = RELEASES.map(({ minor }) => minor)
  const topologies = ['separate', 'hierarchy']
  test.each(
    topologies.flatMap((topology) => versions.map((version) => [topology, version] as const)),
  )('%s, %s', async (topology, version) => {
    const report = await all({ pki: [`topology: ${topology}`], version })
    expect(said(report, 'error', 'warning')).toEqual([])
  })

  test.each([
    ['three control planes', { controlPlanes: 3 }],
    [
      'P-384',
      {
        pki: [
          'certificates: { ca: { keyAlgorithm: ECDSA-P384 }, etcd-ca: { keyAlgorithm: ECDSA-P384 } }',
        ],
        version: 'v1.34.1',
      },
    ],
    [
      'RSA-2048 beside ECDSA',
      {
        pki: [
          'certificates: { ca: { keyAlgorithm: RSA-2048 }, apiserver: { keyAlgorithm: RSA-2048 }, etcd-server: { keyAlgorithm: RSA-3072 } }',
        ],
      },
    ],
    ['offline keys', { pki: ['caKeys: offline'] }],
    [
      'hierarchy, three control planes',
      { pki: ['topology: hierarchy'], controlPlanes: 3, version: 'v1.35.0' },
    ],
    ['kube-proxy and people', { pki: ['kubeProxy: true', 'users: [{ name: jane, groups: [a] }]'] }],
  ] as readonly (readonly [string, ClusterOptions])[])('%s', async (_name, options) => {
    expect(said(await all(options), 'error', 'warning')).toEqual([])
  })

  test('kubelets that sign for themselves are a warning', async () => {
    const report = await all({ pki: ['kubeletServing: self-signed'] })
    expect(said(report, 'error')).toEqual([])
    expect(
      report.findings.filter(({ severity }) => severity === 'warning').map(({ code }) => code),
    ).toEqual(['M06'])
  })

  test.each(['cis', 'strict'] as const)('%s finds no errors', async (profile) => {
    expect(said(await all({ controlPlanes: 2 }, profile), 'error')).toEqual([])
  })
})

test('one authority for everything shows its holes and nothing else', async () => {
  const { findings } = await all({ pki: ['topology: single'] })
  const errors = findings.filter(({ severity }) => severity === 'error').map(({ code }) => code)
  expect([...new Set(errors)].sort()).toEqual(['T01', 'T03', 'X11', 'X13', 'X14', 'X15'])
  expect(findings.filter(({ severity }) => severity === 'warning').map(({ code }) => code)).toEqual(
    [],
  )
  const [hole] = findings.filter(({ code }) => code === 'T01')
  expect(hole?.message).toMatch(/CSR/)
})

test.each([
  ['authentication-token-webhook-config-file', '/etc/kubernetes/pki/webhook.conf'],
  ['authorization-webhook-config-file', '/etc/kubernetes/pki/webhook.conf'],
  ['audit-webhook-config-file', '/etc/kubernetes/pki/webhook.conf'],
  ['admission-control-config-file', '/etc/kubernetes/pki/admission.yaml'],
  ['authorization-config', '/etc/kubernetes/pki/authorization.yaml'],
])('the kubeconfig of a webhook is no client of the API: --%s', async (flag, path) => {
  const trees = await mutated(await generated(), async (node) => {
    const { certificate, key } = await issue(node, {
      ca: 'front-proxy-ca',
      CN: 'webhook-client',
      profile: 'client',
    })
    const kubeconfig = node
      .text('etc/kubernetes/admin.conf')
      .replace(/server: .*/, 'server: https://webhook.example.com:8443/authenticate')
    node.write('etc/kubernetes/pki/webhook.conf', kubeconfig)
    embedPair(node, 'etc/kubernetes/pki/webhook.conf', certificate, key)
    node.write(
      'etc/kubernetes/pki/admission.yaml',
      'kind: AdmissionConfiguration\napiVersion: apiserver.config.k8s.io/v1\nplugins:\n- name: ImagePolicyWebhook\n  configuration:\n    imagePolicy: { kubeConfigFile: /etc/kubernetes/pki/webhook.conf }\n',
    )
    node.write(
      'etc/kubernetes/pki/authorization.yaml',
      'kind: AuthorizationConfiguration\napiVersion: apiserver.config.k8s.io/v1\nauthorizers:\n- type: Webhook\n  name: w\n  webhook:\n    connectionInfo: { type: KubeConfigFile, kubeConfigFile: /etc/kubernetes/pki/webhook.conf }\n',
    )
    node.replace(
      'etc/kubernetes/manifests/kube-apiserver.yaml',
      '    - --tls-cert-file',
      `    - --${flag}=${path}\n    - --tls-cert-file`,
    )
  })
  const report = await audit(trees, { rules: RULES })
  expect(report.connections.filter(({ from }) => from.includes('webhook'))).toEqual([])
  const about = report.findings.filter(
    ({ path: where, severity }) => where?.endsWith('webhook.conf') && severity !== 'info',
  )
  expect(about).toEqual([])
})
