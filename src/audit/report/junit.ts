import { groupBy } from '../../values/lists.js'
import { escapeXml } from '../../values/text.js'
import type { AuditReport, FailOn, Finding, Severity } from '../types.js'
import { connectionSentence, placeOf, standingOf } from './words.js'

export interface JunitOptions {
  /** From which severity on a finding counts as a failed test; `never`: none does. */
  readonly failOn?: FailOn
}

interface Case {
  readonly name: string
  /** Ready XML. */
  readonly body?: string
  readonly outcome: 'passed' | 'failed' | 'errored' | 'skipped'
}

/** JUnit XML for CI systems: rules, connections and components are its tests. */
export function renderJunit(report: AuditReport, { failOn = 'error' }: JunitOptions = {}): string {
  const parts: readonly (readonly [string, readonly Case[]])[] = [
    ['rules', rules(report, failOn)],
    ['connections', connections(report, failOn)],
    ['components', components(report, failOn)],
  ]
  const suites = parts.map(([name, cases]) => suite(name, cases, report.at))
  const all = parts.flatMap(([, cases]) => cases)
  return `<?xml version="1.0" encoding="UTF-8"?>
<testsuites name="kpki audit" ${totals(all)}>
${suites.join('')}</testsuites>
`
}

function suite(name: string, cases: readonly Case[], at: string): string {
  const lines = cases.map(({ name: title, body }) => {
    const head = `    <testcase classname="kpki.${name}" name="${escapeXml(title)}" time="0"`
    return body === undefined ? `${head}/>\n` : `${head}>${body}</testcase>\n`
  })
  return `  <testsuite name="${name}" timestamp="${at.slice(0, 19)}" ${totals(cases)}>\n${lines.join('')}  </testsuite>\n`
}

function totals(cases: readonly Case[]): string {
  const of = (outcome: Case['outcome']): number =>
    cases.filter((one) => one.outcome === outcome).length
  return `tests="${cases.length}" failures="${of('failed')}" errors="${of('errored')}" skipped="${of('skipped')}" time="0"`
}

function rules(report: AuditReport, failOn: FailOn): readonly Case[] {
  const counts = (severity: Severity): boolean =>
    failOn === 'never'
      ? false
      : severity === 'error' || (failOn === 'warning' && severity === 'warning')
  const broken = [...groupBy(report.findings, ({ rule }) => rule)].map(([rule, found]): Case => {
    const failing = found.filter(({ severity }) => counts(severity))
    const name = `${found[0]?.code ?? ''} ${rule}`
    const shown = failing.length > 0 ? failing : found
    const text = shown.map((finding) => escapeXml(sentence(finding))).join('\n')
    if (failing.length === 0)
      return { name, outcome: 'passed', body: `<system-out>${text}</system-out>` }
    const first = escapeXml(failing[0]?.message ?? '')
    return {
      name,
      outcome: 'failed',
      body: `<failure type="${failing[0]?.severity ?? 'error'}" message="${first}">${text}</failure>`,
    }
  })
  const skipped = report.skipped.map(
    ({ rule, code, reason }): Case => ({
      name: `${code} ${rule}`,
      outcome: 'skipped',
      body: `<skipped message="${escapeXml(reason)}"/>`,
    }),
  )
  const crashed = report.crashed.map(
    ({ rule, code, message }): Case => ({
      name: `${code} ${rule}`,
      outcome: 'errored',
      body: `<error type="crash" message="${escapeXml(message)}"/>`,
    }),
  )
  return [...broken, ...skipped, ...crashed]
}

function sentence(finding: Finding): string {
  const place = placeOf(finding)
  const fix = finding.fix === undefined ? '' : `; fix: ${finding.fix}`
  return `${finding.severity}: ${place === '' ? '' : `${place}: `}${finding.message}${fix}`
}

function connections(report: AuditReport, failOn: FailOn): readonly Case[] {
  return report.connections.map((connection): Case => {
    const standing = standingOf(connection)
    const verb = connection.must === 'succeed' ? 'connects' : 'is refused'
    const name = `${connection.id} ${verb}`
    if (standing === 'works' || standing === 'refused') return { name, outcome: 'passed' }
    if (standing === 'unknown') return unknown(name, connection.reason, failOn)
    const message = escapeXml(connectionSentence(connection))
    if (failOn === 'never')
      return { name, outcome: 'passed', body: `<system-out>${message}</system-out>` }
    return { name, outcome: 'failed', body: `<failure type="${standing}" message="${message}"/>` }
  })
}

/** What could not be judged is skipped, or failed where that is asked for. */
function unknown(name: string, reason: string | undefined, failOn: FailOn): Case {
  const message = escapeXml(`unknown: ${reason ?? 'not all was given'}`)
  return failOn === 'unknown'
    ? { name, outcome: 'failed', body: `<failure type="unknown" message="${message}"/>` }
    : { name, outcome: 'skipped', body: `<skipped message="${message}"/>` }
}

function components(report: AuditReport, failOn: FailOn): readonly Case[] {
  return report.components.map(({ node, name: component, starts, reason }): Case => {
    const name = `${component}/${node} starts`
    if (starts === true) return { name, outcome: 'passed' }
    if (starts === 'unknown') return unknown(name, reason, failOn)
    const message = escapeXml(reason ?? 'does not start')
    if (failOn === 'never')
      return { name, outcome: 'passed', body: `<system-out>${message}</system-out>` }
    return { name, outcome: 'failed', body: `<failure type="component" message="${message}"/>` }
  })
}
