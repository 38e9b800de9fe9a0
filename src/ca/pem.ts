import { KpkiError } from '../errors.js'
import { base64Of, bytesOfBase64 } from '../values/bytes.js'

/** One PEM block. Offsets count characters of a string, bytes of a Uint8Array. */
export interface PemBlock {
  /** The text between `-----BEGIN ` and `-----`. */
  readonly label: string
  /** RFC 1421 headers such as `Proc-Type`. */
  readonly headers: Readonly<Record<string, string>>
  readonly der: Uint8Array
  /** Offset of the BEGIN line. */
  readonly start: number
  /** Offset behind the END line and its line break. */
  readonly end: number
  /** Number of the BEGIN line, from 1. */
  readonly line: number
}

const BEGIN = '-----BEGIN '
const END = '\n-----END '
const DASHES = '-----'

/**
 * Every well-formed PEM block, in order, as Go's `encoding/pem` finds them: text between blocks
 * is skipped, and so are malformed blocks. Never throws, and takes linear time. (RFC 7468 lax.)
 */
export function parsePem(text: string | Uint8Array): readonly PemBlock[] {
  const source = typeof text === 'string' ? text : latin1(text)
  const blocks: PemBlock[] = []
  let from = 0
  let line = 1
  let counted = 0
  for (;;) {
    const end = source.indexOf(END, from)
    if (end < 0) return blocks
    // The last BEGIN before this END: repeated BEGIN lines without an END are skipped.
    const start = lastBegin(source, from, end)
    const block = start < 0 ? undefined : blockAt(source, start, end)
    if (!block) {
      from = end + END.length
      continue
    }
    line += countNewlines(source, counted, start)
    counted = start
    blocks.push({ ...block, start, line })
    from = block.end
  }
}

function lastBegin(source: string, from: number, end: number): number {
  // slice, not lastIndexOf(…, end): that would search back to the start of the text each time.
  const at = source.slice(from, end).lastIndexOf(BEGIN)
  if (at < 0) return -1
  const start = from + at
  return start === 0 || source[start - 1] === '\n' ? start : -1
}

type ParsedBlock = Omit<PemBlock, 'start' | 'line'>

function blockAt(source: string, start: number, foundEnd: number): ParsedBlock | undefined {
  const typeLine = lineAt(source, start + BEGIN.length)
  if (!typeLine.text.endsWith(DASHES)) return undefined
  const label = typeLine.text.slice(0, -DASHES.length)
  const headers: Record<string, string> = {}
  let at = typeLine.next
  let count = 0
  while (at <= foundEnd) {
    const header = lineAt(source, at)
    const colon = header.text.indexOf(':')
    if (colon < 0) break
    Object.defineProperty(headers, header.text.slice(0, colon).trim(), {
      value: header.text.slice(colon + 1).trim(),
      enumerable: true,
      configurable: true,
    })
    count++
    at = header.next
  }
  // Without headers the END line may follow at once: its line break is the one before.
  const end = foundEnd < at ? at - 1 : foundEnd
  if (foundEnd < at && (count > 0 || foundEnd !== at - 1)) return undefined
  const trailer = end + END.length
  if (!source.startsWith(label + DASHES, trailer)) return undefined
  const last = lineAt(source, trailer + label.length + DASHES.length)
  if (last.text !== '') return undefined
  const der = bytesOfBase64(source, at, end)
  return der && { label, headers, der, end: last.next }
}

function lineAt(source: string, at: number): { readonly text: string; readonly next: number } {
  const newline = source.indexOf('\n', at)
  const stop = newline < 0 ? source.length : newline
  const text = source.slice(at, source[stop - 1] === '\r' && newline >= 0 ? stop - 1 : stop)
  return { text: trimBlanks(text), next: newline < 0 ? stop : stop + 1 }
}

function trimBlanks(text: string): string {
  let end = text.length
  while (end > 0 && (text[end - 1] === ' ' || text[end - 1] === '\t')) end--
  return end === text.length ? text : text.slice(0, end)
}

function countNewlines(source: string, from: number, to: number): number {
  let count = 0
  for (let at = source.indexOf('\n', from); at >= 0 && at < to; at = source.indexOf('\n', at + 1))
    count++
  return count
}

function latin1(bytes: Uint8Array): string {
  let text = ''
  for (let at = 0; at < bytes.length; at += 8192)
    text += String.fromCharCode(...bytes.subarray(at, at + 8192))
  return text
}

/** Writes one PEM block: 64 columns, `\n` line ends, a trailing newline (RFC 7468 strict). */
export function encodePem(label: string, der: Uint8Array): string {
  let text = `-----BEGIN ${label}-----\n`
  for (let at = 0; at < der.length; at += 48) text += `${base64Of(der.subarray(at, at + 48))}\n`
  return `${text}-----END ${label}-----\n`
}

/** The first block with one of `labels`; throws KpkiError `ERR_PEM_INVALID` when there is none. */
export function firstBlock(text: string | Uint8Array, ...labels: readonly string[]): PemBlock {
  const blocks = parsePem(text)
  const block = blocks.find((one) => labels.includes(one.label))
  if (block) return block
  const found =
    blocks.length === 0
      ? 'no PEM block'
      : `only ${[...new Set(blocks.map((one) => one.label.slice(0, 40)))].slice(0, 5).join(', ')}`
  throw new KpkiError('ERR_PEM_INVALID', `no ${labels.join(' or ')} block: found ${found}`, {})
}

/** Whether bytes are a DER SEQUENCE rather than PEM text, which may begin with a `0` (also 0x30). */
export function isDer(input: Uint8Array): boolean {
  return input[0] === 0x30 && ((input[1] ?? 0) >= 0x80 || parsePem(input).length === 0)
}

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
