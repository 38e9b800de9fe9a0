import { bytesOfBase64, hexOf } from '../../values/bytes.js'

/** Removes secrets from text that comes from elsewhere, such as the output of a remote command. */
export type Redact = (text: string) => string

const shown = '[secret]'

// A host may send megabytes of anything: what repeats in these patterns has a bound, or one place where it may begin.

// In what was cut, a marker may have lost its dashes, and a block its other end: then all to the cut goes.
const KEY_LABEL = '[A-Z0-9 ]{0,40}PRIVATE KEY(?: BLOCK)?'
const BLOCK = new RegExp(`-{0,5}BEGIN ${KEY_LABEL}[\\s\\S]*?(?:END ${KEY_LABEL}-{0,5}|$)`, 'g')
const BLOCK_END = new RegExp(`END ${KEY_LABEL}-{0,5}`, 'g')

// PKCS#1, PKCS#8 and SEC1 in DER, as hexadecimal: a sequence that begins with its version.
const KEY_DER = '30(?:82[0-9a-f]{4}|81[0-9a-f]{2}|[0-7][0-9a-f])0201(?:00|01)(?:30|02|04)'

/** Each with what takes its place. */
const PATTERNS: readonly (readonly [RegExp, string])[] = [
  [new RegExp(`${KEY_DER}[0-9a-f]{16,}`, 'gi'), shown],
  [/(?<![\w-])eyJ[A-Za-z0-9_-]{10,}\.[A-Za-z0-9_-]{10,}\.[A-Za-z0-9_-]*/g, shown],
  [/\b[a-z0-9]{6}\.[a-z0-9]{16}\b/g, shown],
  [
    /(?<![\w-])([\w-]*(?:client-key-data|token-secret|[tT]oken|[cC]ertificate[- ]?[kK]ey))([\\"']*\s*[:=]\s*[\\"']*)[^\s"',\\]+/g,
    `$1$2${shown}`,
  ],
  [/(--(?:token|certificate-key)\s+)[^\s"',\\]+/g, `$1${shown}`],
  [/\b(Bearer\s+)[A-Za-z0-9._~+/=-]{8,}/g, `$1${shown}`],
  [/(:\/\/)[^\s/:@]+:[^\s/@]+(?=@)/g, `$1${shown}`],
]

/**
 * Builds a {@link Redact} that removes `values`, whole and in pieces, and whatever looks like a secret: private
 * keys in PEM, base64 or hexadecimal, with the beginning or the end cut off, wrapped or escaped; kubeadm's tokens and
 * keys, service-account tokens, passwords in addresses. To be called before anything is cut from the text.
 */
export function redactor(values: Iterable<string> = []): Redact {
  const known = [...new Set(values)].filter((value) => value.length >= 6)
  known.sort((a, b) => b.length - a.length)
  const all = known.join('\n')
  return (text) => {
    let clean = text
    for (const value of known) clean = clean.replaceAll(value, shown)
    clean = withoutBlocks(clean)
    for (const [pattern, replacement] of PATTERNS) clean = clean.replace(pattern, replacement)
    return withoutRuns(clean, all)
  }
}

function withoutBlocks(text: string): string {
  const whole = text.replace(BLOCK, shown)
  const last = [...whole.matchAll(BLOCK_END)].at(-1)
  return last === undefined ? whole : `${shown}${whole.slice(last.index + last[0].length)}`
}

interface Piece {
  readonly start: number
  readonly end: number
}

// A piece of base64, or an escaped line break, whose letter would else be taken for the next piece's first.
const PIECE = /\\{1,8}[nr]|[A-Za-z0-9+/_-]+={0,2}/g
const BREAK = /^[\s"',>|]*$/
/** The shortest run that is judged by its looks: 24 bytes of a key. */
const LOOK = 32
/** The shortest piece of a known secret that gives it away. */
const TELLING = 16

/** Takes out runs of base64 across line breaks. */
function withoutRuns(text: string, known: string): string {
  let clean = ''
  let kept = 0
  for (const run of runsOf(text)) {
    const joined = run.map(({ start, end }) => text.slice(start, end)).join('')
    if (joined.length < TELLING) continue
    const whole = known.includes(joined) || isKey(joined)
    if (!whole && joined.length < LOOK && run.length === 1) continue
    const random = whole ? [] : randomSpans(joined)
    let at = 0
    for (const { start, end } of run) {
      const [from, to] = [at, at + end - start]
      at = to
      const told = end - start >= TELLING && known.includes(text.slice(start, end))
      const isSecret = whole || told || random.some((span) => span.start < to && span.end > from)
      if (!isSecret || isFingerprint(text, start)) continue
      // Of a run that goes as a whole one mark is left.
      const gap = text.slice(kept, start)
      if (!(clean.endsWith(shown) && isBreak(gap))) clean += gap + shown
      kept = end
    }
  }
  return clean + text.slice(kept)
}

const KEY_START = new RegExp(`^${KEY_DER}`)

/** A run that decodes to a private key, in DER or in PEM once more, as far as it goes. */
function isKey(base64: string): boolean {
  const bytes = bytesOfBase64(base64.slice(0, Math.min(64, base64.length & ~3)))
  return bytes !== undefined && (KEY_START.test(hexOf(bytes)) || KEY_PEM.test(textOf(bytes)))
}

const KEY_PEM = new RegExp(`BEGIN ${KEY_LABEL}`)
const textOf = (bytes: Uint8Array) => new TextDecoder('latin1').decode(bytes)

const isBreak = (gap: string) => BREAK.test(gap.replace(/\\{1,8}[nr]/g, '\n')) && gap !== ''
const isFingerprint = (text: string, start: number) => text.slice(start - 7, start) === 'SHA256:'

/** Pieces of base64 that only line breaks divide. */
function* runsOf(text: string): Generator<readonly Piece[]> {
  let run: Piece[] = []
  for (const { index, 0: found } of text.matchAll(PIECE)) {
    if (found.startsWith('\\')) continue
    const before = run.at(-1)
    const gap = before === undefined ? '' : text.slice(before.end, index)
    if (!(/[\n\r]|\\[nr]/.test(gap) && isBreak(gap)) && before !== undefined) {
      yield run
      run = []
    }
    run.push({ start: index, end: index + found.length })
  }
  if (run.length > 0) yield run
}

/**
 * Where a text is as mixed as random bytes in base64 are: capitals, small letters and digits that change at
 * every second place. Words, paths, names and hexadecimal are not.
 */
function randomSpans(text: string): readonly Piece[] {
  const kinds = Array.from(text, kindOf)
  const counts = [0, 0, 0, 0]
  const spans: { start: number; end: number }[] = []
  let changes = 0
  for (const [at, kind] of kinds.entries()) {
    counts[kind] = (counts[kind] ?? 0) + 1
    if (at > 0 && kinds[at - 1] !== kind) changes++
    const gone = at - LOOK
    const leaving = kinds[gone]
    if (leaving !== undefined) {
      counts[leaving] = (counts[leaving] ?? 0) - 1
      if (kinds[gone + 1] !== leaving) changes--
    }
    const [upper = 0, lower = 0, digits = 0] = counts
    if (at + 1 < LOOK || upper < 4 || lower < 4 || digits < 1 || changes < LOOK * 0.4) continue
    const last = spans.at(-1)
    if (last && last.end > gone) last.end = at + 1
    else spans.push({ start: gone + 1, end: at + 1 })
  }
  return spans
}

function kindOf(character: string): number {
  if (character >= 'A' && character <= 'Z') return 0
  if (character >= 'a' && character <= 'z') return 1
  return character >= '0' && character <= '9' ? 2 : 3
}
