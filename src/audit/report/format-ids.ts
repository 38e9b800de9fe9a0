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
