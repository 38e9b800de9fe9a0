import { visibleJson } from '../../values/text.js'
import type { AuditReport, FailOn, RuleInfo } from '../types.js'
import { renderHtml } from './html/html.js'
import { renderJunit } from './junit.js'
import { renderMarkdown } from './markdown.js'
import { renderPrometheus } from './prometheus.js'
import { renderSarif } from './sarif.js'
import { renderText } from './text.js'

/** What formats may ask besides the report. */
export interface FormatOptions {
  readonly colour?: boolean
  readonly verbose?: boolean
  readonly failOn?: FailOn
  readonly rules?: readonly RuleInfo[]
  /** Version of kpki. */
  readonly version?: string
}

/** One way of writing a report down. */
export interface Format {
  readonly title: string
  readonly mediaType: string
  readonly render: (report: AuditReport, options: FormatOptions) => string | Promise<string>
}

function table<Id extends string>(rows: Readonly<Record<Id, Format>>) {
  return rows
}

/** Every output format of an audit, in the order in which help lists them: the one place to add one. */
export const FORMATS = table({
  text: { title: 'for people at a terminal', mediaType: 'text/plain', render: renderText },
  json: { title: 'for programs', mediaType: 'application/json', render: renderJson },
  sarif: { title: 'for code scanning', mediaType: 'application/sarif+json', render: renderSarif },
  junit: { title: 'for CI systems', mediaType: 'application/xml', render: renderJunit },
  markdown: { title: 'for pull requests', mediaType: 'text/markdown', render: renderMarkdown },
  html: { title: 'one page, by itself', mediaType: 'text/html', render: renderHtml },
  prometheus: {
    title: 'for node_exporter’s textfile collector',
    mediaType: 'text/plain; version=0.0.4',
    render: renderPrometheus,
  },
})

/** Name of a report format. */
export type FormatId = keyof typeof FORMATS

/** Names of the report formats, in the order of help. */
export const FORMAT_IDS = Object.keys(FORMATS) as readonly FormatId[]

/** The report as it is, for programs. Its JSON Schema is published as `schema/audit-report.schema.json`. */
export function renderJson(report: AuditReport): string {
  return `${visibleJson(JSON.stringify(report, undefined, 2))}\n`
}
