import { describe, expect, test } from 'vitest'
import { RULES } from '../../../src/audit/rules/index.js'
import type { AuditReport } from '../../../src/audit/types.js'
import { readCertificate } from '../../../src/ca/certificate/read.js'
import { RELEASES } from '../../../src/releases/table.js'
import {
  audit,
  type ClusterOptions,
  embedPair,
  generated,
  issue,
  mutated,
  NOW,
} from '../support.js'
import { forge, nameOf, newKey } from './mutate.js'

const DAY = 86_400_000

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

  const algorithms = ['RSA-2048', 'RSA-3072', 'RSA-4096', 'ECDSA-P256', 'ECDSA-P384']
  test.each(
    [...topologies, 'single'].flatMap((topology) =>
      algorithms.map((algorithm) => [topology, algorithm] as const),
    ),
  )('%s, %s: no false word about keys', async (topology, algorithm) => {
    const pki = [
      `topology: ${topology}`,
      `certificates: { ca: { keyAlgorithm: ${algorithm} }, apiserver: { keyAlgorithm: ${algorithm} } }`,
    ]
    const { findings } = await all({ pki, version: 'v1.34.1' })
    const holes = /^(T01|T03|X1[1-5])$/
    expect(
      findings.filter(
        ({ severity, code }) => severity !== 'info' && !(topology === 'single' && holes.test(code)),
      ),
    ).toEqual([])
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

describe('what is no fault', () => {
  const CA = 'etc/kubernetes/pki/ca.crt'
  const grave = (report: AuditReport) => said(report, 'error', 'warning')

  test('an authority of long ago in a bundle', async () => {
    const trees = await mutated(await generated(), async (node) => {
      const key = await newKey()
      const certificate = await forge(readCertificate(node.text(CA)), key, {
        spki: key.spki,
        notBefore: new Date('2016-01-01T00:00:00Z'),
        notAfter: new Date('2020-01-01T00:00:00Z'),
      })
      node.write(CA, node.text(CA) + certificate)
    })
    const report = await audit(trees, { rules: RULES })
    const about = report.findings.filter(({ code }) => /^(V|P16)/.test(code))
    expect(about.map(({ code, severity }) => `${code} ${severity}`)).toEqual(['P16 info'])
  })

  test('what openssl x509 -text writes before a certificate', async () => {
    const trees = await mutated(await generated(), (node) => {
      for (const path of [CA, 'etc/kubernetes/pki/apiserver.crt', 'etc/kubernetes/pki/etcd/ca.crt'])
        node.write(path, `Certificate:\n    Data:\n        Version: 3 (0x2)\n${node.text(path)}`)
    })
    expect(grave(await audit(trees, { rules: RULES }))).toEqual([])
  })

  test('the authority that a kubelet made for itself, near its end', async () => {
    const trees = await mutated(
      await generated(),
      async (node) => {
        const path = 'var/lib/kubelet/pki/kubelet'
        const [rootKey, key] = [await newKey(), await newKey()]
        const life = {
          notBefore: new Date(NOW.getTime() - 355 * DAY),
          notAfter: new Date(NOW.getTime() + 10 * DAY),
        }
        const name = nameOf(['CN', 'worker1-ca@1700000000'])
        const root = await forge(readCertificate(node.text(CA)), rootKey, {
          ...life,
          spki: rootKey.spki,
          subject: name,
          issuer: name,
        })
        const leaf = await forge(readCertificate(node.text(`${path}.crt`)), rootKey, {
          ...life,
          spki: key.spki,
          subject: nameOf(['CN', 'worker1@1700000000']),
          issuer: name,
        })
        node.write(`${path}.crt`, leaf + root)
        node.write(`${path}.key`, key.pem())
      },
      'worker1',
    )
    const report = await audit(trees, { rules: RULES })
    expect(report.findings.filter(({ code }) => /^V/.test(code))).toEqual([])
  })

  test('a certificate for a week in its first days', async () => {
    const { findings } = await all({ pki: ['users: [{ name: jane, validity: 168h }]'] })
    expect(findings.filter(({ code }) => code === 'V02')).toEqual([])
  })

  test('a horizon of 90 days advises what gen would do', async () => {
    const trees = await generated()
    const at = new Date(NOW.getTime() + 300 * DAY)
    const { findings } = await audit(trees, { rules: RULES, at, horizonDays: 90 })
    const due = findings.filter(({ code, fix }) => code === 'V02' && fix?.startsWith('kpki gen'))
    expect(due.length).toBeGreaterThan(0)
    for (const { fix } of due) expect(fix).toMatch(/--renew-before \d+d$/)
  })

  test('a load balancer as a static pod is a warning at most, and a proxy that spares the cluster is none', async () => {
    const trees = await mutated(await generated(), (node) => {
      const manifests = 'etc/kubernetes/manifests'
      node.write(
        `${manifests}/haproxy.yaml`,
        'apiVersion: v1\nkind: Pod\nmetadata: { name: haproxy, namespace: kube-system }\nspec:\n  hostNetwork: true\n  containers: [{ name: haproxy, image: "haproxy:3.0" }]\n',
      )
      node.replace(
        `${manifests}/kube-apiserver.yaml`,
        /^ {4}image: /m,
        '    env:\n    - { name: HTTPS_PROXY, value: "http://proxy:3128" }\n    - { name: NO_PROXY, value: "10.96.0.0/12,172.31.0.0/16" }\n    image: ',
      )
    })
    expect(grave(await audit(trees, { rules: RULES }))).toEqual([])
  })
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
