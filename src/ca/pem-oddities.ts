import { type PemBlock, parsePem } from './pem.js'

/**
 * What is unusual about PEM text, one sentence for each kind with the line where it first occurs, empty when nothing is: a byte
 * order mark, NUL, carriage returns, lines over 64 columns (RFC 7468 §2), a missing final newline,
 * text before, between or after the blocks, an END glued to a BEGIN, and malformed blocks, which
 * Go and {@link parsePem} skip silently. Never throws.
 */
export function pemOddities(text: string): readonly string[] {
  const blocks = parsePem(text)
  const found: string[] = []
  if (text.startsWith('\ufeff')) found.push('starts with a byte order mark')
  if (text.includes('\0')) found.push(`contains a NUL (line ${lineOf(text, text.indexOf('\0'))})`)
  if (text.includes('\r'))
    found.push(`has carriage returns (line ${lineOf(text, text.indexOf('\r'))})`)
  found.push(...longLines(text, blocks), ...gaps(text, blocks))
  if (text !== '' && !text.endsWith('\n')) found.push('has no newline at its end')
  return found
}

function lineOf(text: string, at: number): number {
  let line = 1
  for (let i = text.indexOf('\n'); i >= 0 && i < at; i = text.indexOf('\n', i + 1)) line++
  return line
}

function longLines(text: string, blocks: readonly PemBlock[]): readonly string[] {
  for (const { start, end, line } of blocks) {
    const long = text
      .slice(start, end)
      .split('\n')
      .findIndex((one) => one.trimEnd().length > 64 && !one.startsWith('-----'))
    if (long >= 0) return [`has a line of more than 64 characters (line ${line + long})`]
  }
  return []
}

function gaps(text: string, blocks: readonly PemBlock[]): readonly string[] {
  const found: string[] = []
  const seen = new Set<string>()
  let from = 0
  for (let i = 0; i <= blocks.length; i++) {
    const block = blocks[i]
    const gap = text.slice(from, block ? block.start : text.length)
    const where =
      i === 0 ? 'before the first block' : block ? 'between blocks' : 'after the last block'
    const oddity = gapOddity(gap.startsWith('\ufeff') ? gap.slice(1) : gap, where)
    // Each kind once: a bundle may have text before every block.
    if (oddity && !seen.has(oddity[0])) {
      const [sentence, offset] = oddity
      seen.add(sentence)
      found.push(`${sentence} (line ${lineOf(text, from + offset)})`)
    }
    from = block ? block.end : from
  }
  return found
}

function gapOddity(gap: string, where: string): readonly [string, number] | undefined {
  const glued = gluedAt(gap)
  if (glued >= 0) return ['has an END line glued to a BEGIN line', glued]
  const begin = gap.indexOf('-----BEGIN')
  const broken = begin >= 0 ? begin : gap.indexOf('-----END')
  if (broken >= 0) return [`has a malformed block ${where}`, broken]
  const other = gap.search(/\S/)
  return other < 0 ? undefined : [`has text ${where}`, other]
}

function gluedAt(gap: string): number {
  let at = 0
  for (const line of gap.split('\n')) {
    const begin = line.indexOf('-----BEGIN ')
    if (begin > 0 && line.lastIndexOf('-----END ', begin) >= 0) return at
    at += line.length + 1
  }
  return -1
}
