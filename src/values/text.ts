// C0 and C1 controls, line and paragraph separators, bidirectional overrides: what may move a cursor or hide text.
const UNSAFE =
  // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for
  /[\u0000-\u001f\u007f-\u009f\u00ad\u061c\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb\ufffe\uffff]/g

/** One line of plain text: characters that move a cursor, reverse or hide text are spelled out. */
export function printable(text: string): string {
  return text.replace(/\p{Surrogate}/gu, '\ufffd').replace(UNSAFE, (character) => {
    if (character === '\n') return '\\n'
    if (character === '\t') return '\\t'
    return `\\u${(character.codePointAt(0) ?? 0).toString(16).padStart(4, '0')}`
  })
}

/** Text in lines: the same, but line breaks and tabs lay it out. */
export function printableLines(text: string): string {
  return text.replace(/[^\n\t]+/g, printable)
}

// Colours as picocolors writes them; up, and the line away, as progress does.
// biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is let through
const PAINT = /(\u001b\[(?:(?:[12]|22|3[1-6]|39)m|\d+A|2?K)|\r(?=\u001b\[K))/

/** Lines that kpki itself paints; whatever stands in them must have been made printable by itself. */
export function paintedLines(text: string): string {
  return text
    .split(PAINT)
    .map((part, at) => (at % 2 === 1 ? part : printableLines(part)))
    .join('')
}

/** JSON with the same characters as escapes: the same value, safe to look at. */
export function visibleJson(json: string): string {
  return json.replace(UNSAFE, (character) =>
    character === '\n' ? character : `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`,
  )
}

const ENTITIES: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;',
}

/** Text or a quoted attribute value of HTML or XML. */
export function escapeXml(text: string): string {
  return printable(text).replace(/[&<>"']/g, (character) => ENTITIES[character] ?? character)
}

/** Text inside a paragraph or a table cell of GitHub's Markdown, which reads HTML too and links names. */
export function escapeMarkdown(text: string): string {
  return printable(text)
    .replace(/[&<>]/g, (character) => ENTITIES[character] ?? character)
    .replace(/[\\*_{}[\]()#+!|~$]/g, '\\$&')
    .replace(/`/g, '&#96;')
    .replace(/@/g, '@\u200b')
    .replace(/\b(https?|ftp):\/\//g, '$1:\u200b//')
    .replace(/\bwww\./g, 'www\u200b.')
}

/** An inline code span of Markdown inside a table cell, whatever backquotes the text has. */
export function codeSpan(text: string): string {
  const plain = printable(text).replace(/\|/g, '\\|')
  const longest = Math.max(0, ...[...plain.matchAll(/`+/g)].map(([run]) => run.length))
  const fence = '`'.repeat(longest + 1)
  const pad = longest > 0 || plain === '' || /^ .* $/.test(plain) ? ' ' : ''
  return `${fence}${pad}${plain}${pad}${fence}`
}

/** Order by code units: Go's order of strings for all that occurs here. */
export function compareText(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0
}

/** Text out of a certificate or file, quoted and cut so that it cannot forge a line of a report. */
export function quoted(text: string): string {
  return JSON.stringify(text.length > 120 ? `${text.slice(0, 120)}…` : text)
}

/** `1 file`, `2 files`, `0 files`. */
export function plural(number: number, noun: string): string {
  return `${number} ${noun}${number === 1 ? '' : 's'}`
}

/** At most `limit` values in words. */
export function listed(values: readonly string[], limit = 6): string {
  if (values.length === 0) return 'none'
  const shown = values.slice(0, limit).join(', ')
  return values.length > limit ? `${shown} and ${values.length - limit} more` : shown
}
