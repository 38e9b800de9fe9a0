import { expect, test } from 'vitest'
import { SEVERITY_MEANINGS } from '../../../src/audit/rules/docs.js'
import { RULES } from '../../../src/audit/rules/index.js'

test('ids and codes are unique and well-formed', () => {
  for (const key of ['id', 'code'] as const)
    expect(new Set(RULES.map((rule) => rule[key])).size).toBe(RULES.length)
  for (const { id, code, group } of RULES) {
    expect(id).toMatch(/^[a-z0-9]+(-[a-z0-9]+)*$/)
    expect(code).toMatch(new RegExp(`^${group}\\d\\d$`))
  }
})

test('every rule says what, why, by whose word and what to do', () => {
  for (const { code, title, why, citation, fix, profiles } of RULES) {
    expect(
      [title, why, citation, fix ?? ''].filter((text) => text.length < 4),
      code,
    ).toEqual([])
    expect(why, code).toMatch(/[.!]$/)
    expect(profiles.length, code).toBeGreaterThan(0)
  }
})

test('the level of a rule follows from its severity', () => {
  const odd = RULES.filter(
    ({ level, severity }) => !SEVERITY_MEANINGS[severity].levels.includes(level),
  )
  expect(odd.map(({ code, level, severity }) => `${code} ${level} ${severity}`)).toEqual([])
})
