import { describe, expect, it } from 'vitest'
import { auditTree, auditWith } from '../../src/audit/audit.js'
import { CONNECTION_RULES } from '../../src/audit/rules/connections.js'
import { under } from '../../src/files/tree.js'
import { RELEASES } from '../../src/releases/table.js'
import {
  audit,
  type ClusterOptions,
  CONTROL_PLANE,
  down,
  findings,
  generated,
  mutated,
  NOW,
  surprises,
} from './support.js'

const HEALTHY: Readonly<Record<string, ClusterOptions>> = {
  separate: {},
  hierarchy: { pki: ['topology: hierarchy'] },
  'three control planes': { controlPlanes: 3 },
  'hierarchy, three control planes': { controlPlanes: 3, pki: ['topology: hierarchy'] },
  'offline CA keys': { pki: ['caKeys: offline'] },
  'self-signed kubelets': { pki: ['kubeletServing: self-signed'] },
  'kube-proxy and a user': {
    pki: ['kubeProxy: true', 'users: [{ name: jane, groups: [team] }]'],
  },
  'v1.31': { version: 'v1.31' },
}

describe('healthy trees', () => {
  for (const [name, options] of Object.entries(HEALTHY))
    it(`${name}: every connection does what it must`, async () => {
      const report = await audit(await generated(options))
      expect(surprises(report)).toEqual([])
      expect(down(report)).toEqual([])
      expect(findings(report)).toEqual([])
      expect(report.verdict.status).toBe('clean')
      expect(report.crashed).toEqual([])
    })

  it('has an edge for every pair of a cluster with three control planes', async () => {
    const { connections } = await audit(await generated({ controlPlanes: 3 }))
    const ids = connections.filter(({ must }) => must === 'succeed').map(({ id }) => id)
    for (const id of [
      'etcd/controlplane>etcd/controlplane2',
      'etcd/controlplane3>etcd/controlplane',
      'kubelet/worker1>kube-apiserver/controlplane',
      'kubelet/worker1>kube-apiserver/controlplane3',
      'kube-scheduler/controlplane2>kube-apiserver/controlplane2',
      'kube-apiserver/controlplane3>kubelet/worker2',
      'pods/cluster>kube-apiserver/controlplane2',
      'tokens-of-kube-apiserver/controlplane>kube-apiserver/controlplane3',
    ])
      expect(ids).toContain(id)
    expect(ids).not.toContain('kube-scheduler/controlplane2>kube-apiserver/controlplane')
    expect(new Set(connections.map(({ id }) => id)).size).toBe(connections.length)
  })

  const topologies = ['separate', 'hierarchy']
  it.each(
    RELEASES.flatMap(({ minor: line }) => topologies.map((topology) => [line, topology] as const)),
  )('v%s, %s: no rule at all has an error or a warning', async (line, topology) => {
    const pki = [`topology: ${topology}`]
    const trees = await generated({ version: `v${line}`, controlPlanes: 2, pki })
    const { findings: all } = await auditTree(trees, { at: NOW })
    expect(all.filter(({ severity }) => severity !== 'info')).toEqual([])
  })

  it('gives the same report twice', async () => {
    const trees = await generated({ pki: ['topology: single'] })
    expect(JSON.stringify(await audit(trees))).toBe(JSON.stringify(await audit(trees)))
  })
})

describe('single', () => {
  it('shows the four holes that a real control plane has with it, and nothing else', async () => {
    const report = await audit(await generated({ pki: ['topology: single'] }))
    expect(findings(report)).toEqual([
      'error etcd-admits-api-clients controlplane',
      'error etcd-certificate-is-api-user controlplane',
      'error etcd-certificate-is-api-user controlplane',
      'error etcd-certificate-is-api-user controlplane',
      'error front-proxy-is-api-user controlplane',
      'error front-proxy-impersonation controlplane',
    ])
    const text = report.findings.map(({ message }) => message).join('\n')
    expect(text).toMatch(
      /etcd takes a certificate that was made for the API; it gives reading and writing everything/,
    )
    expect(text).toMatch(
      /everything in the cluster, as kube-apiserver-etcd-client in system:masters/,
    )
    expect(text).toMatch(
      /the front proxy’s certificate is a user of the API; .* as front-proxy-client/,
    )
    expect(text).toMatch(
      /CN=front-proxy-client from the client CA \(a signed CSR is enough\) may claim any identity/,
    )
    expect(surprises(report)).toContain('!kubelet/worker1>etcd/controlplane')
    expect(surprises(report)).toContain('!kubelet/worker1>etcd-peer/controlplane')
    expect(surprises(report)).toContain('!admin/operator>etcd/controlplane')
    expect(down(report)).toEqual([])
  })

  it('demands no allowed name: every client certificate may claim any identity', async () => {
    const trees = await mutated(await generated({ pki: ['topology: single'] }), (node) =>
      node.replace(
        'etc/kubernetes/manifests/kube-apiserver.yaml',
        '--requestheader-allowed-names=front-proxy-client',
        '--requestheader-allowed-names=',
      ),
    )
    const report = await audit(trees)
    expect(report.findings.map(({ message }) => message).join('\n')).toMatch(
      /every certificate of the client CA may claim any identity in headers, for no name is demanded/,
    )
  })
})

describe('hierarchy', () => {
  it('with the root in a trust file undoes the separation', async () => {
    const trees = await mutated(await generated({ pki: ['topology: hierarchy'] }), (node) => {
      const root = node.text('etc/kubernetes/pki/root-bundle.crt')
      for (const path of [
        'etc/kubernetes/pki/etcd/ca.crt',
        'etc/kubernetes/pki/front-proxy-ca.crt',
      ])
        node.write(path, node.text(path) + root.slice(root.lastIndexOf('-----BEGIN')))
    })
    const report = await audit(trees)
    // An intruder sends the issuing certificate along, which is no secret.
    expect(
      findings(report).filter((line) => /front-proxy-impersonation|etcd-admits/.test(line)),
    ).toEqual([
      'error etcd-admits-api-clients controlplane',
      'error front-proxy-impersonation controlplane',
    ])
  })
})

describe('NodeRestriction', () => {
  it.each([
    ['is not enabled', '--enable-admission-plugins=PodNodeSelector'],
    ['is disabled', '--disable-admission-plugins=NodeRestriction'],
  ])('%s: any kubelet changes other nodes', async (_name, flag) => {
    const trees = await mutated(await generated(), (node) =>
      node.replace(
        'etc/kubernetes/manifests/kube-apiserver.yaml',
        '--enable-admission-plugins=NodeRestriction',
        flag,
      ),
    )
    const report = await audit(trees)
    expect(surprises(report)).toEqual(['!kubelet-certificate/any>kube-apiserver/controlplane'])
    expect(findings(report)).toEqual(['error kubelet-beyond-its-node controlplane'])
    const [hole] = report.findings
    expect(hole?.message).toMatch(/labels, taints and status of every node/)
    expect(hole?.path).toBeUndefined()
  })
})

describe('parts of a tree', () => {
  it('audits one node alone', async () => {
    const { nodes } = await generated()
    const report = await audit({
      nodes: new Map([...nodes].filter(([name]) => name === CONTROL_PLANE)),
    })
    expect(surprises(report)).toEqual([])
    expect(report.components.map(({ name }) => name)).toEqual([
      'etcd',
      'kube-apiserver',
      'kube-controller-manager',
      'kube-scheduler',
      'kubelet',
    ])
  })

  it('audits a worker alone', async () => {
    const { nodes } = await generated()
    const report = await audit({
      nodes: new Map([...nodes].filter(([name]) => name === 'worker1')),
    })
    expect(findings(report)).toEqual([])
    expect(report.components).toEqual([{ node: 'worker1', name: 'kubelet', starts: true }])
  })

  it('takes kubeadm’s flags for a bare pki folder', async () => {
    const { nodes } = await generated()
    const pki = under(nodes.get(CONTROL_PLANE) ?? new Map(), 'etc/kubernetes/pki')
    const report = await auditWith(CONNECTION_RULES, pki, { at: NOW })
    expect(report.connections.find(({ id }) => id === 'kube-apiserver/node>etcd/node')?.will).toBe(
      'unknown',
    )
    expect(down(report)).toEqual([])
    expect(report.findings.filter(({ severity }) => severity === 'error')).toEqual([])
  })
})
