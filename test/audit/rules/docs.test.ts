import { mkdir, readFile, writeFile } from 'node:fs/promises'
import { expect, test } from 'vitest'
import { NOT_DECIDABLE, rulePages } from '../../../src/audit/rules/docs.js'
import { RULES } from '../../../src/audit/rules/index.js'

const FOLDER = 'docs/rules'

// UPDATE_DOCS=1 npx vitest run test/audit/rules/docs.test.ts writes the pages.
test('docs/rules are the pages of the table', async () => {
  for (const [name, text] of rulePages(RULES)) {
    if (process.env.UPDATE_DOCS) {
      await mkdir(FOLDER, { recursive: true })
      await writeFile(`${FOLDER}/${name}`, text)
    }
    expect(await readFile(`${FOLDER}/${name}`, 'utf8'), name).toBe(text)
  }
})

test('what is not decidable has no row', () => {
  const codes = new Set(RULES.map(({ code }) => code))
  expect(NOT_DECIDABLE.filter(([code]) => codes.has(code))).toEqual([])
})

test('with those, the whole catalogue is accounted for', () => {
  const sizes = {
    P: 23,
    K: 16,
    C: 17,
    E: 30,
    S: 21,
    N: 7,
    V: 14,
    I: 21,
    T: 16,
    A: 19,
    F: 24,
    O: 11,
    M: 18,
    R: 10,
  }
  const known = new Set([...RULES.map(({ code }) => code), ...NOT_DECIDABLE.map(([code]) => code)])
  const missing = Object.entries(sizes).flatMap(([group, size]) =>
    Array.from({ length: size }, (_, i) => `${group}${String(i + 1).padStart(2, '0')}`).filter(
      (code) => !known.has(code),
    ),
  )
  expect(missing).toEqual([])
})
