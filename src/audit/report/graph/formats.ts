import { visibleJson } from '../../../values/text.js'
import type { AuditReport } from '../../types.js'
import type { GraphFormatId } from '../formats.js'
import { standingOf } from '../words.js'
import { graphModel } from './model.js'
import { GRAPH_FILE_STYLE, graphSvg } from './svg.js'
import { type GraphOptions, graphDot, graphMermaid, graphText } from './text.js'

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
