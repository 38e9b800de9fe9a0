import type { AuditReport } from '../types.js'
import { visibleJson } from './escape.js'
import type { GraphFormatId } from './format-ids.js'
import { graphModel } from './graph-model.js'
import { GRAPH_FILE_STYLE } from './graph-style.js'
import { graphSvg } from './graph-svg.js'
import { type GraphOptions, graphDot, graphMermaid, graphText } from './graph-text.js'
import { standingOf } from './words.js'

/** Every way of drawing the trust graph: the one place to add one, besides its name in format-ids.ts. */
export const GRAPH_FORMATS: {
  readonly [F in GraphFormatId]: (report: AuditReport, options: GraphOptions) => string
} = {
  text: graphText,
  dot: graphDot,
  mermaid: graphMermaid,
  svg: (report) => `${graphSvg(graphModel(report), { style: GRAPH_FILE_STYLE })}\n`,
  json: graphJson,
}

function graphJson(report: AuditReport, { all = false }: GraphOptions): string {
  const connections = report.connections.filter((one) => all || standingOf(one) !== 'refused')
  const graph = { at: report.at, connections, components: report.components }
  return `${visibleJson(JSON.stringify(graph, undefined, 2))}\n`
}
