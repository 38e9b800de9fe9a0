import { readFileSync, writeFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { auditTree } from '../../src/audit/audit.js'
import { renderText } from '../../src/audit/report/text.js'
import type { AuditReport } from '../../src/audit/types.js'
import { STORIES, told } from './stories.js'
import { NOW } from './support.js'

const PAGE = 'docs/audit.md'

/** Verdict and errors, as they stand at a terminal; what is noted and what connects to whom is left out. */
function beginning(report: AuditReport): string {
  const lines = renderText(report).split('\n')
  const end = lines.findIndex((line) => /^ {2}(info|warning) |^Connections/.test(line))
  return `${lines.slice(0, end).join('\n').trimEnd()}\n`
}

describe.each(STORIES)('$id', ({ id, trees, at = NOW, causes, errors }) => {
  it('names the true cause in its first finding', async () => {
    const { findings } = await auditTree(await trees(), { at })
    const grave = findings.filter(({ severity }) => severity === 'error')
    expect(findings[0] && told(findings[0])).toBe(causes[0])
    expect(grave.filter(({ causedBy }) => causedBy === undefined).map(told)).toEqual(causes)
    expect(grave.length).toBeGreaterThanOrEqual(errors)
  })

  // `npm run docs` writes it.
  it('is told with what the audit really says', async () => {
    const [before = '', block = '', after = ''] = readFileSync(PAGE, 'utf8').split(
      new RegExp(`(?<=<!-- story ${id} -->\\n)([\\s\\S]*?)(?=<!-- end -->)`),
    )
    const said = `\`\`\`console\n$ kpki audit out\n${beginning(await auditTree(await trees(), { at }))}…\n\`\`\`\n`
    if (process.env.UPDATE_DOCS !== undefined) writeFileSync(PAGE, `${before}${said}${after}`)
    else expect(block).toBe(said)
  })
})
