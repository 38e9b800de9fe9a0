import { describe, expect, it } from 'vitest'
import { RULES } from '../src/audit/rules/index.js'
import { runtimeEngine } from '../src/ca/engine.js'
import { envOf } from '../src/ca/env.js'
import { plannedView } from '../src/compare/clusters.js'
import { generate } from '../src/generate/generate.js'
import { parseCluster } from '../src/generate/source.js'
import { audit, clusterText, embed, generated, mutated, NOW } from './audit/support.js'

/** What two parts of kpki once said differently of the same thing. */
describe('one fact, one answer', () => {
  it('takes the last of several common names for the user, in connections and in findings', async () => {
    const trees = await mutated(await generated(), (node) =>
      embed(node, 'etc/kubernetes/scheduler.conf', {
        ca: 'ca',
        CN: '',
        subject: [
          [{ type: 'CN', value: 'kubernetes-admin' }],
          [{ type: 'CN', value: 'system:kube-scheduler' }],
        ],
        profile: 'client',
      }),
    )
    const report = await audit(trees, { rules: RULES })
    const seen = report.connections.flatMap(({ from, identity }) =>
      from === 'kube-scheduler/controlplane' && identity ? [identity.user] : [],
    )
    expect([...new Set(seen)]).toEqual(['system:kube-scheduler'])
    const accused = report.findings.filter(
      ({ path, message }) =>
        path?.endsWith('scheduler.conf') && message.includes('kubernetes-admin'),
    )
    expect(accused).toEqual([])
  })

  it.each(['/etc//kubernetes/pki', '/etc/kubernetes/./pki/', '/etc/kubernetes/ssl/../pki'])(
    'keeps certificates where they are looked for: certificatesDir: %s',
    async (directory) => {
      const text = (path: string): string => `apiVersion: kubeadm.k8s.io/v1beta3
kind: InitConfiguration
localAPIEndpoint: { advertiseAddress: 172.31.10.5 }
nodeRegistration: { name: controlplane }
---
apiVersion: kubeadm.k8s.io/v1beta3
kind: ClusterConfiguration
kubernetesVersion: v1.28.7
certificatesDir: ${path}
featureGates: { PublicKeysECDSA: true }
`
      const env = envOf(runtimeEngine(), NOW)
      const first = await generate(text(directory), { env })
      const report = await audit(first, { rules: RULES })
      expect(report.findings.filter(({ severity }) => severity === 'error')).toEqual([])
      expect([...(first.nodes.get('controlplane') ?? new Map()).keys()]).toEqual([
        ...(
          (await generate(text('/etc/kubernetes/pki'), { env })).nodes.get('controlplane') ??
          new Map()
        ).keys(),
      ])
      const existing = (folder: string) => {
        if (folder === 'authorities') return first.authorities
        if (folder === 'kubeconfig') return first.kubeconfig
        return first.nodes.get(folder.slice('nodes/'.length)) ?? new Map()
      }
      const second = await generate(text(directory), { env, existing })
      expect(second.changes.filter(({ action }) => action !== 'keep')).toEqual([])
    },
  )

  it('plans the files that it makes', async () => {
    for (const topology of ['separate', 'single', 'hierarchy']) {
      const options = { pki: [`topology: ${topology}`], controlPlanes: 2 }
      const { cluster } = parseCluster(clusterText(options))
      const made = await generated(options)
      const planned = await plannedView(cluster)
      for (const [name, tree] of made.nodes) {
        const files = [...tree.values()].filter(({ kind }) => kind === 'file')
        expect(
          [...(planned.nodes.get(name) ?? new Map()).keys()].sort(),
          `${topology} ${name}`,
        ).toEqual(files.map(({ path }) => path).sort())
      }
    }
  })
})
