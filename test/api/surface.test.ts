import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { ERRORS } from '../../src/errors.js'
import {
  docOf,
  ENTRIES,
  isFunction,
  mentionedBy,
  type PublicName,
  publicNames,
  root,
  shapeOf,
} from './program.js'

const REPORT = join(root, 'docs/reference/api.md')
const known = new Set(publicNames.map(({ symbol }) => symbol))
const named = publicNames.map((one) => [`${one.entry} ${one.name}`, one] as const)
const functions = named.filter(([, one]) => isFunction(one))

function report(): string {
  const parts = Object.keys(ENTRIES).map((entry) => {
    const shapes = publicNames.filter((one) => one.entry === entry).map(shapeOf)
    return `## ${entry}\n\n\`\`\`ts\n${shapes.join('\n\n')}\n\`\`\`\n`
  })
  return `# API\n\n<!-- Written from the source by \`npm run docs\`: a change here is a change of the public surface. -->\n\n${parts.join('\n')}`
}

const problems = ({ tags, text }: ReturnType<typeof docOf>): readonly string[] => [
  ...(/\bthrows?\b/i.test(text) ? ['errors belong into @throws'] : []),
  ...tags
    .filter(({ name, text: of }) => name === 'throws' && !/`ERR_[A-Z_]+`|^\w*Error\b/.test(of))
    .map(({ text: of }) => `@throws without an error: ${of}`),
  ...tags
    .filter(({ name }) => name === 'throws')
    .flatMap(({ text: of }) => of.match(/ERR_[A-Z_]+/g) ?? [])
    .filter((code) => !Object.hasOwn(ERRORS, code))
    .map((code) => `there is no ${code}`),
]

describe('the public surface', () => {
  it('is what docs/reference/api.md says (npm run docs writes it)', () => {
    if (process.env.UPDATE_DOCS !== undefined) writeFileSync(REPORT, report())
    expect(report()).toBe(readFileSync(REPORT, 'utf8'))
  })

  it('has every type that it mentions', () => {
    const lacking = publicNames.flatMap((one: PublicName) =>
      mentionedBy(one)
        .filter((symbol) => !known.has(symbol))
        .map((symbol) => `${one.entry} ${one.name} mentions ${symbol.name}`),
    )
    expect(lacking).toEqual([])
  })

  it.each(named)('%s is documented', (_, one) => {
    expect(docOf(one).text).not.toBe('')
  })

  it.each(functions)('%s documents its errors in one way', (_, one) => {
    expect(problems(docOf(one))).toEqual([])
  })

  it.each(functions)('%s has an example', (_, one) => {
    expect(docOf(one).tags.map(({ name }) => name)).toContain('example')
  })
})
