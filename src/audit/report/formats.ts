import { visibleJson } from '../../values/text.js'
import type { AuditReport, Rule } from '../types.js'
import { renderHtml } from './html/html.js'
import { renderJunit } from './junit.js'
import { renderMarkdown } from './markdown.js'
import { renderPrometheus } from './prometheus.js'
import { renderSarif } from './sarif.js'
import { renderText } from './text.js'

/** Every output format of an audit, in the order in which help lists them. */
export const FORMAT_IDS = [
  'text',
  'json',
  'sarif',
  'junit',
  'markdown',
  'html',
  'prometheus',
] as const

export type FormatId = (typeof FORMAT_IDS)[number]

/** Every way of drawing the trust graph. */
export const GRAPH_FORMAT_IDS = ['text', 'dot', 'mermaid', 'svg', 'json'] as const

export type GraphFormatId = (typeof GRAPH_FORMAT_IDS)[number]

/** What formats may ask besides the report. */
export interface FormatOptions {
  readonly colour?: boolean
  readonly verbose?: boolean
  readonly failOn?: 'error' | 'warning' | 'never'
  readonly rules?: readonly Rule[]
  /** Version of kpki. */
  readonly version?: string
}

/** One way of writing a report down. */
export interface Format {
  readonly title: string
  readonly mediaType: string
  readonly render: (report: AuditReport, options: FormatOptions) => string | Promise<string>
}

/** Every format: the one place to add one, besides its name in format-ids.ts. */
export const FORMATS: { readonly [F in FormatId]: Format } = {
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
}

/** The report as it is, for programs. Its JSON Schema is published as `schema/audit-report.schema.json`. */
export function renderJson(report: AuditReport): string {
  return `${visibleJson(JSON.stringify(report, undefined, 2))}\n`
}
