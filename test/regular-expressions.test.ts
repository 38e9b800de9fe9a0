import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { analyse } from 'scslre'
import ts from 'typescript'
import { describe, expect, it } from 'vitest'

/** Regular expressions that are not linear, or not known before they are used, and what bounds their input. */
const BOUNDED: Readonly<Record<string, string>> = {
  '\\B(?=(\\d{3})+(?!\\d))': 'src/audit/report/words.ts: the digits of one number',
  '=+$': 'src/provision/ssh/ssh.ts: the base64 of one SHA-256',
  '`^(\\\\s*)${place.key}\\\\s*=\\\\s*`':
    'src/provision/host/transforms.ts: anchored, and its key is one of three words of ours',
}

interface Expression {
  readonly place: string
  readonly pattern: string
  readonly flags: string
}

/** Every regular expression of a file: literals, and what `new RegExp` makes of constants of the same file. */
function expressionsOf(path: string): readonly Expression[] {
  const source = ts.createSourceFile(path, readFileSync(path, 'utf8'), ts.ScriptTarget.Latest, true)
  const constants = new Map<string, ts.Expression>()
  const found: Expression[] = []
  const placeOf = (node: ts.Node): string =>
    `${path}:${source.getLineAndCharacterOfPosition(node.getStart()).line + 1}`

  /** The text of an expression; undefined where it is decided only when it is used. */
  const textOf = (node: ts.Expression | undefined): string | undefined => {
    if (node === undefined) return ''
    if (ts.isStringLiteralLike(node)) return node.text
    if (ts.isRegularExpressionLiteral(node)) return literalOf(node).pattern
    if (ts.isIdentifier(node))
      return constants.has(node.text) ? textOf(constants.get(node.text)) : undefined
    if (ts.isPropertyAccessExpression(node) && node.name.text === 'source')
      return textOf(node.expression)
    if (!ts.isTemplateExpression(node)) return undefined
    const parts = node.templateSpans.map(({ expression, literal }) => {
      const text = textOf(expression)
      return text === undefined ? undefined : text + literal.text
    })
    return parts.includes(undefined) ? undefined : node.head.text + parts.join('')
  }
  const visit = (node: ts.Node): void => {
    if (ts.isVariableDeclaration(node) && ts.isIdentifier(node.name) && node.initializer)
      constants.set(node.name.text, node.initializer)
    if (ts.isRegularExpressionLiteral(node))
      found.push({ place: placeOf(node), ...literalOf(node) })
    if (ts.isNewExpression(node) && node.expression.getText() === 'RegExp') {
      const [pattern, flags] = node.arguments ?? []
      const text = textOf(pattern) ?? pattern?.getText() ?? ''
      found.push({ place: placeOf(node), pattern: text, flags: textOf(flags) ?? '' })
    }
    ts.forEachChild(node, visit)
  }
  visit(source)
  return found
}

function literalOf({ text }: ts.RegularExpressionLiteral): Omit<Expression, 'place'> {
  const end = text.lastIndexOf('/')
  return { pattern: text.slice(1, end), flags: text.slice(end + 1) }
}

/** Why matching takes more than linear time: a character that makes it so when it is repeated. */
function slowness({ pattern, flags }: Omit<Expression, 'place'>): readonly string[] {
  const { reports } = analyse({ source: pattern, flags })
  return reports.map(({ type, character }) => `${type} on ${JSON.stringify(character.pick)}`)
}

const all = readdirSync('src', { recursive: true, encoding: 'utf8' })
  .filter((name) => name.endsWith('.ts'))
  .flatMap((name) => expressionsOf(join('src', name)))

describe('regular expressions', () => {
  it.each(all.filter(({ pattern }) => !Object.hasOwn(BOUNDED, pattern)))(
    '$place takes linear time',
    (expression) => {
      expect(slowness(expression)).toEqual([])
    },
  )

  it('every exception is still needed', () => {
    const used = new Set(all.map(({ pattern }) => pattern))
    expect(Object.keys(BOUNDED).filter((pattern) => !used.has(pattern))).toEqual([])
  })

  it.each(['a+b', '(a+)+$', '^\\s*\\w+\\s*$|x+y', '\\d+\\.?\\d*z'])(
    'knows %s as slow',
    (pattern) => {
      expect(slowness({ pattern, flags: '' })).not.toEqual([])
    },
  )
})
