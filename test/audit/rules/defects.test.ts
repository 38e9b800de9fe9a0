import { describe, expect, test } from 'vitest'
import { RULES } from '../../../src/audit/rules/index.js'
import type { Rule, Severity } from '../../../src/audit/types.js'
import { base, judge, read } from './base.js'
import type { Defect } from './defect.js'
import { DEFECTS } from './defects.js'
import { BrokenTrees } from './mutate.js'

const healthy = await base()
const whole = await read(healthy)

const rules = new Map(RULES.map((rule) => [rule.code, rule]))

/** `error controlplane:etc/kubernetes/pki/ca.crt`, each place once; or `not-applicable`. */
function places({ severity: usual }: Rule, found: ReturnType<typeof judge>) {
  if (typeof found === 'string') return found
  const all = found.map(({ severity = usual, node, path }) => place(severity, node, path))
  return [...new Set(all)].sort()
}
const place = (severity: Severity, node = '', path = '') => `${severity} ${node}:${path}`

function wanted({ accused }: Defect): readonly string[] {
  const all = accused.flatMap(({ severity, path, nodes }) =>
    path === undefined ? [place(severity)] : nodes.map((node) => place(severity, node, path)),
  )
  return all.sort()
}

describe('each defect is caught by its rule, and the healthy twin is not', () => {
  test.each(DEFECTS)('$rule $name', async (defect) => {
    const rule = rules.get(defect.rule)
    if (!rule) throw new Error(`no rule ${defect.rule}`)
    const { profile = rule.profiles[0] ?? 'kubeadm', connections = [] } = defect
    const broken = new BrokenTrees(healthy)
    await defect.mutate(broken)
    if (defect.earlier) broken.earlier = healthy
    const found = judge(rule, await read(broken.input()), profile, connections)
    expect(places(rule, found), 'the defect').toEqual(wanted(defect))
    let twin = whole
    if (defect.twin || defect.earlier) {
      const made = new BrokenTrees(healthy)
      await defect.twin?.(made)
      if (defect.earlier) made.earlier = healthy
      twin = await read(made.input())
    }
    const quiet = judge(rule, twin, profile)
    expect(quiet === 'not-applicable' ? [] : quiet, 'the twin').toEqual([])
  })
})

test('every rule of files has a defect', () => {
  const covered = new Set(DEFECTS.map(({ rule }) => rule))
  const bare = RULES.filter(({ code, group }) => group !== 'X' && !covered.has(code))
  expect(bare.map(({ code }) => code)).toEqual([])
})
