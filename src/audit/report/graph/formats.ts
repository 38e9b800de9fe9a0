import { visibleJson } from '../../../values/text.js'
import type { AuditReport } from '../../types.js'
import { standingOf } from '../words.js'
import { graphModel } from './model.js'
import { GRAPH_FILE_STYLE, graphSvg } from './svg.js'
import { type GraphOptions, graphDot, graphMermaid, graphText } from './text.js'

type GraphFormat = (report: AuditReport, options: GraphOptions) => string

function table<Id extends string>(rows: Readonly<Record<Id, GraphFormat>>) {
  return rows
}

/** Every way of drawing the trust graph: the one place to add one. */
export const GRAPH_FORMATS = table({
  text: graphText,
  dot: graphDot,
  mermaid: graphMermaid,
  svg: (report) => `${graphSvg(graphModel(report), { style: GRAPH_FILE_STYLE })}\n`,
  json: graphJson,
})

/** Name of a way to draw the trust graph. */
export type GraphFormatId = keyof typeof GRAPH_FORMATS

export const GRAPH_FORMAT_IDS = Object.keys(GRAPH_FORMATS) as readonly GraphFormatId[]

function graphJson(report: AuditReport, { all = false }: GraphOptions): string {
  const connections = report.connections.filter((one) => all || standingOf(one) !== 'refused')
  const graph = { at: report.at, connections, components: report.components }
  return `${visibleJson(JSON.stringify(graph, undefined, 2))}\n`
}
