import { describe, expect, it } from 'vitest'
import type { Rule, Waiver } from '../../src/audit/types.js'
import { audit, generated, NOW } from './support.js'

const base = {
  group: 'P',
  level: 'M',
  severity: 'warning',
  title: 't',
  citation: 'c',
  why: 'w',
  needs: 'bytes',
  profiles: ['kubeadm', 'strict'],
} as const

function rule(id: string, code: string, check: Rule['check'], more: Partial<Rule> = {}): Rule {
  return { ...base, id, code, check, ...more }
}

const finding = { node: 'worker1', path: 'etc/kubernetes/pki/ca.crt', message: 'm' }
const RULES: readonly Rule[] = [
  rule('finds', 'Z01', () => [finding], { fix: 'mend it' }),
  rule('passes', 'Z02', () => []),
  rule('does-not-apply', 'Z03', () => 'not-applicable'),
  rule('throws', 'Z04', () => {
    throw new Error('boom')
  }),
  rule('compares', 'Z05', () => [finding], { needs: 'second-tree' }),
  rule('strict-only', 'Z06', () => [finding], { profiles: ['strict'] }),
  rule('throws-late', 'Z07', function* () {
    yield finding
    throw new Error('late')
  }),
]

async function run(options: Parameters<typeof audit>[1] = {}) {
  return audit(await generated(), { rules: RULES, ...options })
}

describe('rules', () => {
  it('pass, fail, crash, do not apply or are skipped, and each is counted as what it is', async () => {
    const report = await run()
    expect(report.stats.rules).toEqual({
      run: 5,
      passed: 1,
      failed: 1,
      notApplicable: 1,
      skipped: 1,
      crashed: 2,
    })
    expect(report.findings).toEqual([
      {
        id: expect.stringMatching(/^finds-[0-9a-f]{16}$/),
        rule: 'finds',
        code: 'Z01',
        severity: 'warning',
        level: 'M',
        ...finding,
        fix: 'mend it',
      },
    ])
    expect(report.crashed).toEqual([
      { rule: 'throws', code: 'Z04', message: 'boom' },
      { rule: 'throws-late', code: 'Z07', message: 'late' },
    ])
    expect(report.skipped).toEqual([
      { rule: 'compares', code: 'Z05', reason: 'an earlier tree is needed to compare with' },
    ])
    expect(report.verdict.status).toBe('crashed')
  })

  it('are chosen by profile, id and code', async () => {
    const ids = async (options: Parameters<typeof audit>[1]) =>
      (await run(options)).findings.map(({ rule: id }) => id)
    expect(await ids({ profile: 'strict', ignore: ['Z04', 'throws-late'] })).toEqual([
      'finds',
      'strict-only',
    ])
    expect(await ids({ profile: 'cis' })).toEqual([])
    expect(await ids({ only: ['Z06'] })).toEqual(['strict-only'])
    expect(await ids({ only: ['finds'], ignore: ['Z01'] })).toEqual([])
  })

  it('compare with an earlier tree where one is given', async () => {
    const trees = await generated()
    const report = await audit({ ...trees, earlier: { nodes: trees.nodes } } as never, {
      rules: RULES,
    })
    expect(report.skipped).toEqual([])
    expect(report.findings.map(({ rule: id }) => id)).toContain('compares')
  })
})

describe('waivers', () => {
  const waiver: Waiver = { rule: 'finds', reason: 'known' }
  it.each<[string, Waiver, number]>([
    ['by rule', waiver, 1],
    ['by code', { ...waiver, rule: 'Z01' }, 1],
    ['by pattern', { ...waiver, rule: 'fin*', node: 'worker*', path: '*pki/*.crt' }, 1],
    ['of another node', { ...waiver, node: 'worker2' }, 0],
    ['of another path', { ...waiver, path: '*.key' }, 0],
    ['of another rule', { ...waiver, rule: 'find' }, 0],
    ['in force', { ...waiver, expires: '2026-03-02' }, 1],
    ['expired', { ...waiver, expires: '2026-03-01' }, 0],
    ['with a bad date', { ...waiver, expires: 'soon' }, 0],
  ])('%s', async (_name, one, covered) => {
    const report = await run({ waivers: [one], only: ['finds'], at: NOW })
    const found = expect.objectContaining({ rule: 'finds', node: 'worker1' })
    expect(report.findings).toEqual(covered === 1 ? [] : [found])
    expect(report.waived.map(({ waiver: { reason } }) => reason)).toEqual(
      covered === 1 ? ['known'] : [],
    )
    if (covered === 1) expect(report.waived).toEqual([found])
  })
})

describe('the report', () => {
  it('tells what dies first and when the cluster stops', async () => {
    const { timeline, expiry } = await audit(await generated())
    expect(timeline.cluster?.at.slice(0, 10)).toBe('2027-03-01')
    expect(timeline.first?.days).toBe(365)
    expect(timeline.components.map(({ subject }) => subject)).toContain('kubelet/worker1')
    expect(expiry[0]).toMatchObject({ authority: false, status: 'valid', days: 365 })
    expect(expiry.at(-1)).toMatchObject({ authority: true })
  })

  it('holds no private key', async () => {
    const text = JSON.stringify(await audit(await generated()))
    expect(text).not.toMatch(/PRIVATE KEY|client-key-data: /)
  })

  it('tells how far it is', async () => {
    const seen: string[] = []
    await audit(await generated(), { onProgress: (...both) => seen.push(both.join('/')) })
    expect(seen).toEqual(['1/3', '2/3', '3/3'])
  })
})
