import { KpkiError } from '../../errors.js'
import { resolvePlain } from './scalars.js'

const WIDTH = 80
const MAX_SIMPLE_KEY = 128
const encoder = new TextEncoder()

/**
 * Writes a JSON value as the YAML text that Go's sigs.k8s.io/yaml gives for it, byte by byte: keys
 * sorted as yaml.v2 sorts them (letters after other characters, digits as numbers), list dashes at
 * their key's column, text quoted where a YAML 1.1 reader would take it for something else, spaces
 * beyond column 80 folded, a newline at the end. Object members that are `undefined` are left out.
 */
export function dumpYaml(value: unknown): string {
  return `${node(value, { indent: -2, column: 0, inMapping: false }).trimStart()}\n`
}

/** Several documents, separated by `---` lines as kubeadm separates them. */
export function dumpYamlAll(values: readonly unknown[]): string {
  return values.map(dumpYaml).join('---\n')
}

interface Position {
  /** Column of the enclosing collection's entries; -2 at the root. */
  readonly indent: number
  /** Column after the `key:` or `-` that the value follows. */
  readonly column: number
  readonly inMapping: boolean
}

function node(value: unknown, place: Position): string {
  if (Array.isArray(value)) return sequence(value, place)
  if (value !== null && typeof value === 'object') return mapping(value, place)
  const column = place.column === 0 ? 0 : place.column + 1
  return ` ${scalar(value, { indent: Math.max(place.indent, 0) + 2, column })}`
}

function sequence(items: readonly unknown[], place: Position): string {
  if (items.length === 0) return ' []'
  const indent = place.inMapping ? place.indent : place.indent + 2
  const inside = { indent, column: indent + 1, inMapping: false }
  const lines = items.map((item) => `-${node(item, inside)}`)
  return opening(indent, place) + lines.join(`\n${' '.repeat(indent)}`)
}

function mapping(value: object, place: Position): string {
  const entries = Object.entries(value).filter(([, member]) => member !== undefined)
  if (entries.length === 0) return ' {}'
  const indent = place.indent + 2
  entries.sort(([a], [b]) => compareKeys(a, b))
  const lines = entries.map(([key, member]) => entry(key, member, indent))
  return opening(indent, place) + lines.join(`\n${' '.repeat(indent)}`)
}

function entry(key: string, member: unknown, indent: number): string {
  const simple =
    encoder.encode(key).length <= MAX_SIMPLE_KEY && !/[\n\r\u0085\u2028\u2029]/.test(key)
  if (!simple) {
    const long = scalar(key, { indent: indent + 2, column: indent + 2 })
    const rest = node(member, { indent, column: indent + 1, inMapping: false })
    return `? ${long}\n${' '.repeat(indent)}:${rest}`
  }
  const name = scalar(key, { indent: indent + 2, column: indent, key: true })
  return `${name}:${node(member, { indent, column: indent + name.length + 1, inMapping: true })}`
}

/** A collection starts on the line of its dash, but on a line of its own below its key. */
function opening(indent: number, place: Position): string {
  return place.inMapping ? `\n${' '.repeat(indent)}` : ' '
}

interface ScalarPlace {
  readonly indent: number
  readonly column: number
  readonly key?: boolean
}

function scalar(value: unknown, place: ScalarPlace): string {
  switch (typeof value) {
    case 'string':
      return text(value, place)
    case 'number':
      return number(value)
    case 'boolean':
    case 'bigint':
      return String(value)
    default:
      if (value === null || value === undefined) return 'null'
      throw new KpkiError('ERR_INTERNAL', `a ${typeof value} has no YAML form`, {})
  }
}

/** Go's strconv.FormatFloat(f, 'g', -1, 64), and integers as such. */
function number(value: number): string {
  if (Number.isNaN(value)) return '.nan'
  if (!Number.isFinite(value)) return value < 0 ? '-.inf' : '.inf'
  if (Number.isSafeInteger(value)) return Object.is(value, -0) ? '0' : String(value)
  const [mantissa = '', exponent = '0'] = value.toExponential().split('e')
  const power = Number(exponent)
  if (power >= -4 && power < 6) return value.toString()
  return `${mantissa}e${power < 0 ? '-' : '+'}${String(Math.abs(power)).padStart(2, '0')}`
}

const BASE60 = /^[-+]?[0-9][0-9_]*(?::[0-5]?[0-9])+(?:\.[0-9_]*)?$/
// Only the basic plane counts as printable in yaml.v2.
const UNPRINTABLE = /[^\n\x20-\x7e\u00a0-\ud7ff\ue000-\ufefe\uff00-\ufffd]|[\u2028\u2029]/u

function text(value: string, place: ScalarPlace): string {
  const special = UNPRINTABLE.test(value) || / \n/.test(value)
  if (value.includes('\n')) {
    const block = !place.key && !special && !value.endsWith(' ')
    return block ? literal(value, place) : doubleQuoted(value, place)
  }
  const readsAsText = value !== '<<' && resolvePlain(value).kind === 'text' && !BASE60.test(value)
  if (!readsAsText || special) return doubleQuoted(value, place)
  return isPlain(value) ? folded(value, place, 0) : singleQuoted(value, place)
}

function isPlain(value: string): boolean {
  if (value.startsWith(' ') || value.endsWith(' ')) return false
  if (value.startsWith('---') || value.startsWith('...')) return false
  if (/^[#,[\]{}&*!|>'"%@`]/.test(value) || /^[?:-](?:[ \t]|$)/.test(value)) return false
  return !/:(?:[ \t]|$)/.test(value) && !/[ \t]#/.test(value)
}

function literal(value: string, place: ScalarPlace): string {
  const hint = /^[ \n]/.test(value) ? '2' : ''
  const chomp = !value.endsWith('\n') ? '-' : value === '\n' || value.endsWith('\n\n') ? '+' : ''
  const pad = ' '.repeat(place.indent)
  const lines = (value.endsWith('\n') ? value.slice(0, -1) : value).split('\n')
  return [`|${hint}${chomp}`, ...lines.map((line) => (line === '' ? '' : pad + line))].join('\n')
}

function singleQuoted(value: string, place: ScalarPlace): string {
  return `'${folded(value.replaceAll("'", "''"), { ...place, column: place.column + 1 }, 1)}'`
}

/** A lone space beyond the preferred width becomes a line break; `edge` keeps quoted text's ends. */
function folded(value: string, place: ScalarPlace, edge: 0 | 1): string {
  if (place.key || place.column + value.length <= WIDTH) return value
  const characters = [...value]
  let column = place.column
  let out = ''
  characters.forEach((character, i) => {
    const lone = character === ' ' && characters[i - 1] !== ' ' && characters[i + 1] !== ' '
    const inner = i >= edge && i < characters.length - edge
    if (lone && inner && column > WIDTH) {
      out += `\n${' '.repeat(place.indent)}`
      column = place.indent
    } else {
      out += character
      column += 1
    }
  })
  return out
}

const ESCAPES: Readonly<Record<string, string>> = {
  '\0': '\\0',
  '\x07': '\\a',
  '\b': '\\b',
  '\t': '\\t',
  '\n': '\\n',
  '\v': '\\v',
  '\f': '\\f',
  '\r': '\\r',
  '\x1b': '\\e',
  '"': '\\"',
  '\\': '\\\\',
  '\x85': '\\N',
  '\u2028': '\\L',
  '\u2029': '\\P',
}

function doubleQuoted(value: string, place: ScalarPlace): string {
  const characters = [...value]
  let column = place.column + 1
  let spaces = false
  let out = ''
  characters.forEach((character, i) => {
    const inner = i > 0 && i < characters.length - 1
    if (character === ' ' && !place.key && !spaces && inner && column > WIDTH) {
      out += `\n${' '.repeat(place.indent)}`
      column = place.indent
      if (characters[i + 1] === ' ') {
        out += '\\'
        column += 1
      }
    } else {
      const written = escaped(character)
      out += written
      column += written.length
    }
    spaces = character === ' '
  })
  return `"${out}"`
}

function escaped(character: string): string {
  const known = ESCAPES[character]
  if (known) return known
  if (!UNPRINTABLE.test(character)) return character
  const code = character.codePointAt(0) ?? 0
  const hex = code.toString(16).toUpperCase()
  if (code <= 0xff) return `\\x${hex.padStart(2, '0')}`
  return code <= 0xffff ? `\\u${hex.padStart(4, '0')}` : `\\U${hex.padStart(8, '0')}`
}

const LETTER = /\p{L}/u
const DIGITS = /^[0-9]*/

/** yaml.v2's order: by character, letters after everything else, runs of digits by their value. */
function compareKeys(a: string, b: string): number {
  const left = [...a]
  const right = [...b]
  for (let i = 0; i < left.length && i < right.length; i++) {
    const l = left[i] ?? ''
    const r = right[i] ?? ''
    if (l === r) continue
    const lLetter = LETTER.test(l)
    const rLetter = LETTER.test(r)
    if (lLetter && rLetter) return l < r ? -1 : 1
    if (lLetter || rLetter) return rLetter ? -1 : 1
    return compareDigits(left, right, i) || (l < r ? -1 : 1)
  }
  return left.length - right.length
}

function compareDigits(left: readonly string[], right: readonly string[], at: number): number {
  // A zero that continues a number makes the longer run the larger one.
  const continues = left[at] === '0' || right[at] === '0'
  const before = continues ? /[1-9]0*$/.test(left.slice(0, at).join('')) : false
  const lRun = DIGITS.exec(left.slice(at).join(''))?.[0] ?? ''
  const rRun = DIGITS.exec(right.slice(at).join(''))?.[0] ?? ''
  const lead = before ? '1' : '0'
  const difference = BigInt(lead + lRun) - BigInt(lead + rRun)
  if (difference !== 0n) return difference < 0n ? -1 : 1
  return lRun.length - rRun.length
}
