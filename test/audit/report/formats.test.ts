import { describe, expect, it } from 'vitest'
import { FORMAT_IDS, FORMATS } from '../../../src/audit/report/formats.js'
import { renderJunit } from '../../../src/audit/report/junit.js'
import { renderMarkdown } from '../../../src/audit/report/markdown.js'
import { renderPrometheus } from '../../../src/audit/report/prometheus.js'
import { renderSarif } from '../../../src/audit/report/sarif.js'
import { RULES } from '../../../src/audit/rules/index.js'
import { badReport, expiry, finding, hostileReport, sampleReport } from './sample.js'

describe('every format', () => {
  it.each(FORMAT_IDS)('%s stands a clean, a bad, a hostile and an empty report', async (format) => {
    const empty = sampleReport({ connections: [], components: [], expiry: [] })
    for (const report of [sampleReport(), badReport(), hostileReport(), empty]) {
      const text = await FORMATS[format].render(report, {})
      expect(text).toMatch(/\n$/)
      // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for
      expect(text).not.toMatch(/[\u0000-\u0009\u000b-\u001f\u007f-\u009f\u202a-\u202e]/)
      expect(await FORMATS[format].render(report, {})).toBe(text)
    }
  })
})

describe('SARIF', () => {
  interface Log {
    readonly version: string
    readonly runs: readonly {
      readonly tool: { readonly driver: { readonly rules: readonly Rule[] } }
      readonly invocations: readonly { readonly executionSuccessful: boolean }[]
      readonly results: readonly Result[]
    }[]
  }
  interface Rule {
    readonly id: string
    readonly help: { readonly text: string; readonly markdown: string }
    readonly defaultConfiguration: { readonly level: string }
  }
  interface Result {
    readonly ruleId: string
    readonly ruleIndex: number
    readonly level: string
    readonly message: { readonly text: string }
    readonly locations: readonly {
      readonly physicalLocation: {
        readonly artifactLocation: { readonly uri: string }
        readonly region: { readonly startLine: number }
      }
    }[]
    readonly partialFingerprints: Readonly<Record<string, string>>
    readonly suppressions?: readonly { readonly kind: string }[]
  }
  const runOf = (report = badReport()) => {
    const log = JSON.parse(renderSarif(report, { rules: RULES, version: '1.2.3' })) as Log
    expect(log.version).toBe('2.1.0')
    const [run] = log.runs
    if (run === undefined) throw new Error('no run')
    return run
  }

  it('has a rule with help and a location for every result', () => {
    for (const run of [runOf(), runOf(hostileReport())]) {
      const { rules } = run.tool.driver
      expect(new Set(rules.map(({ id }) => id)).size).toBe(rules.length)
      for (const { ruleId, ruleIndex, level, message, locations } of run.results) {
        expect(rules[ruleIndex]?.id).toBe(ruleId)
        expect(rules[ruleIndex]?.help.text).toContain(`kpki explain ${ruleId}`)
        expect(['error', 'warning', 'note']).toContain(level)
        expect(message.text).toMatch(/\w/)
        const [location] = locations
        // a relative reference (RFC 3986): never another host or scheme, never upwards
        expect(location?.physicalLocation.artifactLocation.uri).toMatch(
          /^(?!\.\.?\/)([A-Za-z0-9\-._~!'()*]|%[0-9A-F]{2})+(\/([A-Za-z0-9\-._~!'()*]|%[0-9A-F]{2})+)*$/,
        )
        expect(location?.physicalLocation.region.startLine).toBe(1)
      }
    }
  })

  it('maps severities, and suppresses what is waived', () => {
    const { results } = runOf()
    expect(results.map(({ level }) => level)).toEqual(['error', 'warning', 'note', 'warning'])
    expect(results.map(({ suppressions }) => suppressions?.[0]?.kind)).toEqual([
      undefined,
      undefined,
      undefined,
      'external',
    ])
  })

  it('keeps fingerprints over runs and apart from each other', () => {
    const prints = (run: ReturnType<typeof runOf>): readonly string[] =>
      run.results.flatMap(({ partialFingerprints }) => Object.values(partialFingerprints))
    expect(new Set(prints(runOf())).size).toBe(4)
    const [later] = prints(runOf({ ...badReport(), at: '2027-01-01T00:00:00.000Z' }))
    expect(later).toBe(prints(runOf())[0])
  })

  it('says when a rule crashed', () => {
    expect(runOf(hostileReport()).invocations[0]?.executionSuccessful).toBe(false)
  })
})

/** Enough of an XML reader to see that tags nest and values are escaped. */
function elements(xml: string): readonly { name: string; attributes: string }[] {
  const found: { name: string; attributes: string }[] = []
  const open: string[] = []
  const body = xml.replace(/^<\?xml[^>]*\?>\n/, '')
  for (const [, close, name = '', attributes = '', self, text] of body.matchAll(
    /<(\/?)([a-z-]+)((?: [a-z]+="[^"<]*")*)(\/?)>|([^<]+)/g,
  )) {
    if (text !== undefined) expect(text).not.toMatch(/&(?!(amp|lt|gt|quot|#39);)/)
    else if (close === '/') expect(open.pop()).toBe(name)
    else {
      found.push({ name, attributes })
      if (self !== '/') open.push(name)
    }
  }
  expect(open).toEqual([])
  expect(body.replace(/<(\/?)([a-z-]+)((?: [a-z]+="[^"<]*")*)(\/?)>|([^<]+)/g, '')).toBe('')
  return found
}

describe('JUnit', () => {
  it('is well-formed, whatever the values', () => {
    const names = elements(renderJunit(hostileReport())).map(({ name }) => name)
    expect(names.slice(0, 3)).toEqual(['testsuites', 'testsuite', 'testcase'])
    expect(names).toContain('failure')
  })

  it('counts what it lists', () => {
    const found = elements(renderJunit(badReport()))
    const of = (name: string): number => found.filter((one) => one.name === name).length
    expect(found[0]).toEqual({
      name: 'testsuites',
      attributes: ` name="kpki audit" tests="${of('testcase')}" failures="${of('failure')}" errors="0" skipped="1" time="0"`,
    })
    expect(of('failure')).toBe(4)
  })

  it('fails from the severity that is asked for', () => {
    const failures = (failOn: 'error' | 'warning' | 'never'): number =>
      elements(renderJunit(badReport(), { failOn })).filter(({ name }) => name === 'failure').length
    expect([failures('never'), failures('error'), failures('warning')]).toEqual([0, 4, 5])
  })
})

describe('Markdown', () => {
  it('says verdict, connections, components, findings, dates', () => {
    const text = renderMarkdown(badReport())
    expect(text).toMatch(/^<!-- kpki-audit -->\n\n## kpki audit: FAILED\n/)
    expect(text).toContain('- **fails** kube-apiserver/controlplane → etcd/controlplane')
    expect(text).toContain('- **open** kubelet/worker1 → etcd/controlplane')
    expect(text).toContain('- **etcd** on `controlplane`: --cert-file names a file')
    expect(text).toContain(
      '| error | S03 san-missing | `controlplane: etc/kubernetes/pki/etcd/server.crt` |',
    )
    expect(text).toContain('<summary>What ends when: first on 2026-12-04, in 12 days</summary>')
  })

  it('lets no value add markup, mention people, or leave its cell', () => {
    const text = renderMarkdown(hostileReport())
    const outsideCode = text.replace(/(`+)[\s\S]*?\1/g, '')
    expect(outsideCode).not.toContain('<script')
    expect(outsideCode).not.toMatch(/@team|https:\/\/evil|(^|\n)# x/)
    expect(outsideCode).not.toContain('**x**')
    for (const row of text.split('\n').filter((line) => line.startsWith('| error')))
      expect(row.replace(/\\\|/g, '').split('|')).toHaveLength(6)
  })

  it('fits into a comment', () => {
    const findings = Array.from({ length: 5000 }, (_, i) =>
      finding({ node: `worker${i}`, message: 'x'.repeat(900) }),
    )
    const text = renderMarkdown(sampleReport({ findings }))
    // GitHub’s limit
    expect(text.length).toBeLessThan(65_536)
    expect(text).toContain('worker0')
    expect(text).toContain('5000 errors')
  })
})

describe('Prometheus', () => {
  const LINE = /^([a-z_]+)(?:\{((?:[a-z_]+="(?:[^"\\\n]|\\[\\"n])*",?)*)\})? (-?\d+)$/

  it.each([
    ['bad', badReport()],
    ['hostile', hostileReport()],
  ])('is valid exposition text: %s', (_, report) => {
    const lines = renderPrometheus(report).trimEnd().split('\n')
    const series = new Set<string>()
    let family = ''
    for (const line of lines) {
      const [, kind, name] = /^# (HELP|TYPE) ([a-z_]+) .+$/.exec(line) ?? []
      if (name !== undefined) {
        if (kind === 'HELP') family = name
        expect(name).toBe(family)
        continue
      }
      const match = LINE.exec(line)
      expect(match, line).not.toBeNull()
      expect(match?.[1]).toBe(family)
      const key = `${match?.[1]}{${match?.[2] ?? ''}}`
      expect(series.has(key), `twice: ${key}`).toBe(false)
      series.add(key)
    }
    const families = new Set([...series].map((key) => key.replace(/\{.*/, '')))
    expect([...families]).toEqual([
      'kpki_certificate_not_after_seconds',
      'kpki_certificate_not_before_seconds',
      'kpki_certificate_chain_not_after_seconds',
      'kpki_component_not_after_seconds',
      'kpki_findings',
      'kpki_connections_unexpected',
      'kpki_audit_unknown',
      'kpki_components_not_starting',
      'kpki_audit_rules_crashed',
      'kpki_audit_timestamp_seconds',
    ])
  })

  it('has one series per certificate and place, however often it was found', () => {
    const twice = sampleReport({ expiry: [expiry(), expiry()] })
    expect(renderPrometheus(twice).match(/^kpki_certificate_not_after_seconds\{/gm)).toHaveLength(1)
    expect(renderPrometheus(badReport())).toContain(
      'kpki_certificate_not_after_seconds{node="controlplane",path="etc/kubernetes/pki/etcd/server.crt",subject="CN=kube-etcd",issuer="CN=etcd-ca",authority="false",fingerprint="0000000000000000"} 1826874000',
    )
    expect(renderPrometheus(badReport())).toContain('kpki_findings{severity="error"} 1\n')
  })
})
