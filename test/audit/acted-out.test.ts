import { describe, expect, it } from 'vitest'
import { auditTree } from '../../src/audit/audit.js'
import { NODE } from './acted-out/case.js'
import { CASES } from './acted-out/cases.js'
import recorded from './acted-out/recorded.json' with { type: 'json' }
import { memoEngine } from './memo-engine.js'
import { BrokenTrees } from './rules/mutate.js'
import { clusterText, generated, NOW } from './support.js'

// What is expected here is no opinion: recorded.json holds what etcd 3.5.16, kube-apiserver,
// kube-controller-manager and kube-scheduler v1.28.7, etcdctl, kubectl and curl showed when each of
// these trees was started for real, one process after the other, on 2026-11-22.

interface Shown {
  /** Components that did not start, or did not stay. */
  readonly down?: readonly string[]
  /** Connections that did otherwise than they must; every other one that was tried did what it must. */
  readonly connections?: Readonly<Record<string, string>>
  /** Connections that could not be tried: what they need was broken as well. */
  readonly unseen?: readonly string[]
}

const SHOWN: Readonly<Record<string, Shown>> = recorded.cases
const engine = memoEngine()
const CONTROL_PLANE = ['etcd', 'kube-apiserver', 'kube-controller-manager', 'kube-scheduler']

async function judged(mutate: (trees: BrokenTrees) => void | Promise<void>) {
  const { nodes } = await generated()
  const trees = new BrokenTrees({ nodes })
  await mutate(trees)
  return auditTree(trees.input(), { at: NOW, engine })
}

const healthy = await judged(() => undefined)

/** Without etcd nothing else had its turn, and without an API server neither had its clients. */
function observed(down: readonly string[]): readonly string[] {
  if (down.includes('etcd')) return ['etcd']
  return down.includes('kube-apiserver') ? ['etcd', 'kube-apiserver'] : CONTROL_PLANE
}

describe('what the audit says of broken trees is what a real control plane did', () => {
  it('names every case once', () => {
    expect(new Set(CASES.map(({ name }) => name)).size).toBe(CASES.length)
    expect(Object.keys(SHOWN).sort()).toEqual(CASES.map(({ name }) => name).sort())
    expect(clusterText()).toContain('172.31.10.5')
  })

  it.each(CASES)('$name', async ({ name, mutate, rules = [], differs = {} }) => {
    const shown = SHOWN[name]
    const report = await judged(mutate)
    const own = report.components.filter((one) => one.node === NODE)
    const starts = new Map(own.map((one) => [one.name as string, one.starts]))
    const down = CONTROL_PLANE.filter((one) => starts.get(one) === false)
    const isTold = (who: string) => differs[who] !== undefined
    const seen = observed(shown?.down ?? []).filter((one) => !isTold(one))
    expect(seen.filter((one) => down.includes(one))).toEqual(
      seen.filter((one) => shown?.down?.includes(one)),
    )
    for (const id of recorded.observed) {
      const edge = report.connections.find((one) => one.id === id)
      const ends = id.replace(/@.*/, '').split('>')
      const isMute = ends.some((end) =>
        down.some((one) => end.replace('tokens-of-', '') === `${one}/${NODE}`),
      )
      // The lab has a stand-in for the kubelet.
      const isKubelet = ends[1] === `kubelet/${NODE}` && starts.get('kubelet') === false
      if (isTold(id) || isMute || isKubelet || shown?.unseen?.includes(id)) continue
      const will =
        shown?.connections?.[id] ?? healthy.connections.find((one) => one.id === id)?.must
      expect(edge?.will ?? 'fail', `${id}: ${edge?.reason ?? ''}`).toBe(will)
    }
    const spoken = report.findings.map(({ rule }) => rule)
    for (const rule of rules) expect(spoken).toContain(rule)
    expect(report.crashed).toEqual([])
  })
})
