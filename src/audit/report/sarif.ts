import { printable } from '../../values/text.js'
import type { AuditReport, Finding, Level, RuleInfo, Severity, Waived } from '../types.js'
import { placeOf } from './words.js'

export interface SarifOptions {
  /** The rules whose descriptions go along; others are described from their findings. */
  readonly rules?: readonly RuleInfo[]
  /** Version of kpki. */
  readonly version?: string
}

const LEVELS: Readonly<Record<Severity, 'error' | 'warning' | 'note'>> = {
  error: 'error',
  warning: 'warning',
  info: 'note',
}

/** What code scanning sorts by: 9 and more is critical, 7 high, 4 medium. */
const SCORES: Readonly<Record<Level, string>> = { C: '9.5', H: '8.0', M: '5.5', L: '3.0', I: '0.0' }

/** SARIF 2.1.0 (OASIS) for code scanning: one result per finding, waived ones as suppressed. */
export function renderSarif(report: AuditReport, options: SarifOptions = {}): string {
  const all: readonly (Finding | Waived)[] = [...report.findings, ...report.waived]
  const ids = [...new Set(all.map(({ rule }) => rule))]
  const known = new Map((options.rules ?? []).map((rule) => [rule.id, rule]))
  const run = {
    tool: {
      driver: {
        name: 'kpki',
        ...(options.version === undefined ? {} : { semanticVersion: options.version }),
        rules: ids.map((id) => descriptor(id, known.get(id), all)),
      },
    },
    automationDetails: { id: `kpki-audit/${report.profile}/` },
    columnKind: 'utf16CodeUnits',
    invocations: [
      {
        executionSuccessful: report.crashed.length === 0,
        toolExecutionNotifications: report.crashed.map(({ rule, code, message }) => ({
          level: 'error',
          message: { text: `${code} ${rule} crashed: ${printable(message)}` },
        })),
      },
    ],
    results: all.map((finding) => result(finding, ids.indexOf(finding.rule))),
  }
  const log = {
    $schema: 'https://json.schemastore.org/sarif-2.1.0.json',
    version: '2.1.0',
    runs: [run],
  }
  return `${JSON.stringify(log, undefined, 2)}\n`
}

function descriptor(id: string, rule: RuleInfo | undefined, findings: readonly Finding[]) {
  const example = findings.find((finding) => finding.rule === id)
  const code = rule?.code ?? example?.code ?? ''
  const level = rule?.level ?? example?.level ?? 'M'
  const title = rule?.title ?? id
  const why = rule?.why ?? ''
  const fix = rule?.fix ?? example?.fix
  const lines = [
    ...(why === '' ? [] : [why]),
    ...(fix === undefined ? [] : [`Fix: ${fix}`]),
    ...(rule === undefined ? [] : [`Source: ${rule.citation}`]),
    `kpki explain ${id}`,
  ].map(printable)
  return {
    id,
    name: id,
    shortDescription: { text: `${code} ${title}` },
    fullDescription: { text: why === '' ? title : why },
    help: { text: lines.join('\n'), markdown: lines.join('\n\n') },
    defaultConfiguration: { level: LEVELS[rule?.severity ?? example?.severity ?? 'warning'] },
    properties: {
      tags: ['security', 'pki', 'kubernetes'],
      precision: 'very-high',
      'security-severity': SCORES[level],
    },
  }
}

function result(finding: Finding | Waived, ruleIndex: number) {
  const { rule, severity, message, fix, node, path } = finding
  const remedy = fix === undefined ? '' : ` Fix: ${fix}`
  return {
    ruleId: rule,
    ruleIndex,
    level: LEVELS[severity],
    message: { text: printable(`${node === undefined ? '' : `${node}: `}${message}.${remedy}`) },
    locations: [
      {
        physicalLocation: {
          artifactLocation: { uri: uriOf(path ?? node ?? 'cluster') },
          region: { startLine: 1 },
        },
        ...(node === undefined
          ? {}
          : {
              logicalLocations: [
                { fullyQualifiedName: printable(placeOf(finding)), kind: 'resource' },
              ],
            }),
      },
    ],
    partialFingerprints: { 'kpkiFinding/v1': finding.id },
    ...('waiver' in finding
      ? { suppressions: [{ kind: 'external', justification: printable(finding.waiver.reason) }] }
      : {}),
  }
}

/** A relative URI reference: no scheme, no authority, whatever the path says. */
function uriOf(path: string): string {
  const parts = printable(path)
    .split('/')
    .filter((part) => part !== '')
  return parts.map((part) => encodeURIComponent(part)).join('/') || 'cluster'
}
