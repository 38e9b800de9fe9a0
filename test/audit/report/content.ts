import { expect } from 'vitest'
import type { FormatId } from '../../../src/audit/report/formats.js'
import type { AuditReport, Finding } from '../../../src/audit/types.js'

/** That a rendered report says the verdict, and of each finding what it is, how grave and where. */
export function expectContent(format: FormatId, text: string, report: AuditReport): void {
  CONTENT[format](text, report)
}

const VERDICTS = {
  clean: 'PASSED',
  warnings: 'PASSED, with warnings',
  errors: 'FAILED',
  crashed: 'INCOMPLETE',
}

const placeOf = ({ node, path }: Finding) => [node, path].filter(Boolean).join(': ')
const sayingOf = (finding: Finding) =>
  [finding.severity, placeOf(finding), finding.message].filter(Boolean).join(': ')

const ENTITIES: Readonly<Record<string, string>> = {
  '&amp;': '&',
  '&lt;': '<',
  '&gt;': '>',
  '&quot;': '"',
  '&#39;': "'",
}
const withoutEntities = (text: string) =>
  text.replace(/&(amp|lt|gt|quot|#39);/g, (entity) => ENTITIES[entity] ?? entity)

interface SarifResult {
  readonly ruleId: string
  readonly level: string
  readonly message: { readonly text: string }
  readonly locations: readonly {
    readonly logicalLocations?: readonly { readonly fullyQualifiedName: string }[]
  }[]
  readonly suppressions?: readonly unknown[]
}

const CONTENT: Readonly<Record<FormatId, (text: string, report: AuditReport) => void>> = {
  json: (text, report) => expect(JSON.parse(text)).toEqual(report),

  sarif: (text, { findings }) => {
    const results: readonly SarifResult[] = JSON.parse(text).runs[0].results
    const open = results.filter(({ suppressions }) => suppressions === undefined)
    expect(
      open.map(({ ruleId, level, locations }) => [
        ruleId,
        level,
        locations[0]?.logicalLocations?.[0]?.fullyQualifiedName,
      ]),
    ).toEqual(
      findings.map((finding) => [
        finding.rule,
        finding.severity === 'info' ? 'note' : finding.severity,
        finding.node === undefined ? undefined : placeOf(finding),
      ]),
    )
    for (const [index, { message }] of findings.entries())
      expect(open[index]?.message.text).toContain(message)
  },

  junit: (text, { findings }) => {
    const said = withoutEntities(text)
    for (const finding of findings) {
      expect(said).toContain(`name="${finding.code} ${finding.rule}"`)
      expect(said).toContain(sayingOf(finding))
    }
  },

  markdown: (text, { verdict, findings }) => {
    const said = text.replace(/\\(?=[!-/:-@[-`{-~])/g, '').replaceAll('\u200b', '')
    expect(said).toContain(`## kpki audit: ${VERDICTS[verdict.status]}\n`)
    for (const finding of findings) {
      const { severity, code, rule, message } = finding
      const place = placeOf(finding)
      const cell = place === '' ? '' : `\`${place}\``
      expect(said).toContain(`| ${severity} | ${code} ${rule} | ${cell} | ${message}`)
    }
  },

  html: (text, { verdict, findings }) => {
    expect(text).toContain(`</span>${VERDICTS[verdict.status]}</h1>`)
    const said = withoutEntities(text)
    for (const { id, severity, code, rule, node, path, message, causedBy } of findings) {
      if (causedBy) {
        expect(text).toContain(`id="finding-${id}"`)
        expect(said).toContain(`${code} ${rule}</span>`)
        expect(said).toContain(`<p class="message">${message}</p>`)
        continue
      }
      const [, after = ''] = text.split(`<article class="rule ${severity}" id="rule-${rule}-`)
      const article = withoutEntities(after.split('</article>')[0] ?? '')
      expect(article).toContain(`${code} ${rule}</span>`)
      expect(article).toContain(`<p class="message">${message}</p>`)
      if (node) expect(article).toContain(`"${node}"`)
      if (path) expect(article).toContain(`<code>${path}</code>`)
    }
  },

  text: (text, { verdict, findings }) => {
    expect(text).toMatch(new RegExp(`^${VERDICTS[verdict.status]} {2}`))
    const told = new Map<string, number>()
    for (const finding of findings) {
      const { severity, code, rule, node = 'the cluster', path = '', message, causedBy } = finding
      if (causedBy) {
        expect(text).toMatch(new RegExp(`follows? from this: .*${code} ${rule}`))
        continue
      }
      const before = told.get(code) ?? 0
      told.set(code, before + 1)
      // Of one rule twenty are shown, the rest is counted.
      if (before === 20) {
        const alike = findings.filter((one) => one.code === code && !one.causedBy)
        const more = alike.length - 20
        expect(text).toContain(`… and ${more} more like ${code} ${rule}\n`)
      }
      if (before >= 20) continue
      const section = text.split(`\n  ${node}\n`)[1]?.split('\n\n')[0]
      expect(section).toContain(`\n  ${severity.padEnd(8)} ${code} ${rule}`.slice(1))
      expect(section).toContain(message)
      if (!message.includes(path.split('/').at(-1) ?? '')) expect(section).toContain(path)
    }
  },

  prometheus: (text, { verdict, expiry }) => {
    const counts = { error: verdict.errors, warning: verdict.warnings, info: verdict.infos }
    for (const [severity, count] of Object.entries(counts))
      expect(text).toContain(`\nkpki_findings{severity="${severity}"} ${count}\n`)
    for (const { node, path, notAfter } of expiry) {
      const series = text
        .split('\n')
        .filter((line) => line.startsWith('kpki_certificate_not_after_seconds{'))
        .filter((line) => line.includes(`node="${node}",path="${path}"`))
      expect(series.map((line) => Number(line.split(' ').at(-1)))).toContain(
        Date.parse(notAfter) / 1000,
      )
    }
  },
}
