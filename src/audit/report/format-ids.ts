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
