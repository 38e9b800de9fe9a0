import { describe, expect, it } from 'vitest'
import { auditTree } from '../../src/audit/audit.js'
import { causesOf } from '../../src/audit/causes.js'
import { renderText } from '../../src/audit/report/text.js'
import type { AuditReport } from '../../src/audit/types.js'
import { finding } from './report/sample.js'
import { MANIFEST, overwrite, STORIES, told } from './stories.js'
import { generated, type Mutable, mutated, NOW, newKeyPem, PKI } from './support.js'

const AT = { at: NOW }
const grave = ({ findings }: AuditReport) => findings.filter(({ severity }) => severity === 'error')
const roots = (report: AuditReport) =>
  grave(report).filter(({ causedBy }) => causedBy === undefined)

describe('a report', () => {
  it('folds what follows, and shows all of it when asked', async () => {
    const [story] = STORIES.filter(({ id }) => id === 'second-init')
    const report = await auditTree((await story?.trees()) ?? new Map(), AT)
    const text = renderText(report)
    expect(text).toMatch(/other findings follow from this: .*X04 connection-untrusted ×/)
    expect(text.split('\n').filter((line) => line.includes('X04'))).toHaveLength(1)
    expect(renderText(report, { verbose: true }).split('X04').length).toBeGreaterThan(3)
  })

  it('has every certificate that nobody renewed for a cause', async () => {
    const report = await auditTree(await generated(), { at: new Date('2027-04-01T00:00:00Z') })
    expect(new Set(roots(report).map(({ code }) => code))).toEqual(new Set(['V01']))
    expect(new Set(grave(report).map(({ code }) => code))).toContain('X01')
  })
})

describe('what is accused first', () => {
  const flag = (name: string, value?: string) => (node: Mutable) => {
    const given = new RegExp(` {4}- --${name}=.*\\n`)
    const line = value === undefined ? '' : `    - --${name}=${value}\n`
    const text = node.text(MANIFEST)
    node.write(
      MANIFEST,
      given.test(text)
        ? text.replace(given, line)
        : text.replace('    - kube-apiserver\n', `    - kube-apiserver\n${line}`),
    )
  }
  const etcd = 'etc/kubernetes/manifests/etcd.yaml'
  const config = 'var/lib/kubelet/config.yaml'
  const line = (text: string) => (node: Mutable) =>
    node.write(config, `${node.text(config)}${text}\n`)
  const nowhere = 'https://127.0.0.1:2479'

  it.each<[string, (node: Mutable) => void | Promise<void>, string]>([
    ['no client authority', flag('client-ca-file'), `X07 controlplane: ${MANIFEST}`],
    ['no authority for etcd', flag('etcd-cafile'), `X01 controlplane: ${MANIFEST}`],
    [
      'etcd where it does not listen',
      flag('etcd-servers', nowhere),
      `X01 controlplane: ${MANIFEST}`,
    ],
    [
      'peers where they do not listen',
      (node) => node.replace(etcd, /(listen-peer-urls=\S+):2380/, '$1:2390'),
      `X01 controlplane: ${etcd}`,
    ],
    [
      'no authority for peers',
      (node) => node.replace(etcd, / {4}- --peer-trusted-ca-file=.*\n/, ''),
      `X01 controlplane: ${etcd}`,
    ],
    ['a suite that there is not', line('tlsCipherSuites: [FOO]'), `X01 controlplane: ${config}`],
    ['half a pair', line('tlsCertFile: /x.crt'), `X01 controlplane: ${config}`],
    [
      'a volume that the pod does not have',
      (node) =>
        node.replace(
          MANIFEST,
          '- hostPath:\n      path: /etc/kubernetes/pki\n      type: DirectoryOrCreate\n    name: k8s-certs',
          '- emptyDir: {}\n    name: other',
        ),
      `X01 controlplane: ${MANIFEST}`,
    ],
    [
      'a program that there is not',
      (node) => node.replace(MANIFEST, '- kube-apiserver\n', '- kube-apisrver\n'),
      `X01 controlplane: ${MANIFEST}`,
    ],
    [
      'a Deployment for a Pod',
      (node) => node.replace(MANIFEST, 'kind: Pod', 'kind: Deployment'),
      `X01 controlplane: ${MANIFEST}`,
    ],
    [
      'a probe in clear text',
      (node) => node.replace(MANIFEST, 'scheme: HTTPS', 'scheme: HTTP'),
      `X01 controlplane: ${MANIFEST}`,
    ],
    ['a missing signer', (node) => node.remove(`${PKI}/sa.key`), `M01 controlplane: ${MANIFEST}`],
    [
      'another signer',
      async (node) => node.write(`${PKI}/sa.key`, await newKeyPem()),
      `A01 controlplane: ${PKI}/sa.key`,
    ],
  ])('%s', async (_, mutate, first) => {
    const report = await auditTree(await mutated(await generated({ controlPlanes: 2 }), mutate), AT)
    expect(report.findings[0] && told(report.findings[0])).toBe(first)
  })

  it('a member’s own service-account keys, before the tokens that do not verify', async () => {
    const trees = await mutated(
      await generated({ controlPlanes: 3 }),
      (node) => overwrite(node, `${PKI}/sa.key`, `${PKI}/sa.pub`),
      'controlplane2',
    )
    const report = await auditTree(trees, AT)
    expect(roots(report).map(told)).toEqual([`T13 controlplane2: ${PKI}/sa.pub`])
    expect(grave(report).map(({ code }) => code)).toContain('X09')
  })

  it('AlwaysAllow in a file, which leaves anonymous requests on', async () => {
    const file = `${PKI}/authorization.yaml`
    const trees = await mutated(await generated({ version: 'v1.34.1' }), (node) => {
      flag('authorization-mode')(node)
      flag('authorization-config', `/${file}`)(node)
      node.write(
        file,
        'apiVersion: apiserver.config.k8s.io/v1\nkind: AuthorizationConfiguration\nauthorizers: [{ type: AlwaysAllow, name: all }]\n',
      )
    })
    const report = await auditTree(trees, AT)
    expect(report.findings[0] && told(report.findings[0])).toBe(`M23 controlplane: ${file}`)
    const open = report.connections.filter(
      ({ rule, will }) => rule === 'api-server-open' && will === 'succeed',
    )
    expect(open.map(({ from }) => from)).toContain('anonymous/anywhere')
  })
})

describe('causes', () => {
  const at = (path: string, code: string, ...others: readonly string[]) => {
    const one = finding({ code, rule: code, path, message: `${code} ${path}` })
    const suspects = [path, ...others].map((each) => ({ node: 'a', path: each }))
    return { finding: { ...one, id: `${code} ${path}` }, suspects }
  }
  const ids = (...all: readonly ReturnType<typeof at>[]) => Object.fromEntries(causesOf(all))

  it('are nothing where there is nothing', () => expect(ids()).toEqual({}))

  it('explain what has their file among its suspects', () =>
    expect(
      ids(at('ca.crt', 'C18'), at('a.crt', 'C01', 'ca.crt'), at('b.crt', 'X04', 'ca.crt')),
    ).toEqual({
      'C01 a.crt': ['C18 ca.crt'],
      'X04 b.crt': ['C18 ca.crt'],
    }))

  it('are not guessed: what only shares a suspect is not caused by its like', () =>
    expect(ids(at('a.crt', 'C01', 'ca.crt'), at('b.crt', 'C01', 'ca.crt'))).toEqual({}))

  it('leave two faults of one file two faults', () =>
    expect(ids(at('m.yaml', 'M01'), at('m.yaml', 'M04'))).toEqual({}))

  it('do not reach a fault elsewhere', () =>
    expect(ids(at('ca.crt', 'C18'), at('a.crt', 'X04', 'ca.crt'), at('z.crt', 'V01'))).toEqual({
      'X04 a.crt': ['C18 ca.crt'],
    }))

  it('stay linear in the number of findings', () => {
    const many = Array.from({ length: 20_000 }, (_, i) => at(`${i}.crt`, 'C01', `${i % 5_000}.ca`))
    const own = Array.from({ length: 5_000 }, (_, i) => at(`${i}.ca`, 'C18'))
    expect(causesOf([...many, ...own]).size).toBe(20_000)
  })

  it('have ids that the passing of days does not change', async () => {
    const on = async (day: string) =>
      (await auditTree(await generated(), { at: new Date(day) })).findings.map(({ id }) => id)
    expect(await on('2027-04-01T00:00:00Z')).toEqual(await on('2027-04-09T00:00:00Z'))
  })
})

describe('waivers of causes', () => {
  const shared = ['etcd-ca-eq-cluster-ca', 'frontproxy-eq-client-ca']
  const waivers = shared.map((rule) => ({ rule, reason: 'one CA is enough here' }))

  it('cover the doors that are open because of them, and the connections stay listed', async () => {
    const report = await auditTree(await generated({ pki: ['topology: single'] }), {
      ...AT,
      waivers,
    })
    expect(report.verdict.errors).toBe(0)
    expect(new Set(report.waived.map(({ rule }) => rule))).toEqual(
      new Set([
        ...shared,
        'etcd-admits-api-clients',
        'etcd-certificate-is-api-user',
        'front-proxy-is-api-user',
        'front-proxy-impersonation',
      ]),
    )
    expect(report.stats.connections.unexpected).toBeGreaterThan(0)
  })

  it('do not cover what fails because of them', async () => {
    const trees = await mutated(await generated(), (node) =>
      overwrite(node, `${PKI}/ca.crt`, `${PKI}/ca.key`),
    )
    const waived = [{ rule: 'authority-replaced', reason: 'we know' }]
    const report = await auditTree(trees, { ...AT, waivers: waived })
    expect(new Set(report.waived.map(({ rule }) => rule))).toEqual(
      new Set(['authority-replaced', 'foreign-ca-trusted']),
    )
    expect(new Set(roots(report).map(({ code }) => code))).toContain('X04')
  })
})
