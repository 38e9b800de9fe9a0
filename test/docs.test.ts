import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { dirname } from 'node:path'
import { expect, test } from 'vitest'
import { reportJsonSchema } from '../src/audit/report/schema.js'
import { coveragePage } from '../src/audit/rules/coverage.js'
import { rulePages } from '../src/audit/rules/docs.js'
import { RULES } from '../src/audit/rules/index.js'
import { layoutPages } from '../src/audit/rules/layout-docs.js'
import { referencePages } from '../src/cli/reference.js'
import { clusterJsonSchema } from '../src/cluster/spec/json-schema.js'

const json = (value: unknown): string => `${JSON.stringify(value, undefined, 2)}\n`

/** Every file of the repository that is written from a table of the source. */
const WRITTEN: readonly (readonly [path: string, text: string])[] = [
  ...[...rulePages(RULES)].map(([name, text]) => [`docs/rules/${name}`, text] as const),
  ...[...layoutPages()].map(([name, text]) => [`docs/layouts/${name}`, text] as const),
  ...[...referencePages()].map(([name, text]) => [`docs/reference/${name}`, text] as const),
  ['docs/audit-coverage.md', coveragePage()],
  ['schema/cluster.schema.json', json(clusterJsonSchema())],
  ['schema/audit-report.schema.json', json(reportJsonSchema())],
]

// `npm run docs` writes them.
test.each(WRITTEN)('%s is what the source says', (path, text) => {
  if (process.env.UPDATE_DOCS !== undefined) {
    mkdirSync(dirname(path), { recursive: true })
    writeFileSync(path, text)
  }
  expect(readFileSync(path, 'utf8')).toBe(text)
})

test('docs/threat-model.md names a test for each promise, and it is there', () => {
  const page = readFileSync('docs/threat-model.md', 'utf8')
  const promises = page.match(/^\|.*\| `test.*\|$/gm) ?? []
  const named = [...page.matchAll(/`(test\/[\w./-]+)`: “([^”]+)”/g)]
  expect(promises.length).toBeGreaterThan(35)
  expect(promises.filter((row) => !/\| `test\/[\w./-]+`: “[^”]+” \|$/.test(row))).toEqual([])
  expect(page.match(/^### /gm)?.length).toBe(6)
  const lost = named.filter(([, path = '', title = '']) => {
    const text = existsSync(path) ? readFileSync(path, 'utf8') : ''
    return !text.includes(title)
  })
  expect(lost.map(([one]) => one)).toEqual([])
})

test.each([
  'README.md',
  'CONTRIBUTING.md',
  'SECURITY.md',
  'docs/audit.md',
  'docs/dependencies.md',
  'docs/threat-model.md',
  'docs/upgrade.md',
])('%s names files that exist', (page) => {
  const named = readFileSync(page, 'utf8').match(/\b(src|test|docs|examples|scripts)\/[\w./-]*\w/g)
  expect((named ?? []).filter((path) => !existsSync(path))).toEqual([])
})
