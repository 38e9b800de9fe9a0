import { join } from 'node:path'
import ts from 'typescript'

/** Every way into the package, by the name that users import. */
export const ENTRIES = {
  kpki: 'src/index.ts',
  'kpki/node': 'src/node.ts',
  'kpki/audit': 'src/audit/index.ts',
  'kpki/vitest': 'src/audit/testing/vitest.ts',
  'kpki/provision': 'src/provision/index.ts',
} as const

export type Entry = keyof typeof ENTRIES

export const root = join(import.meta.dirname, '../..')
const source = join(root, 'src/')

const { config } = ts.readConfigFile(join(root, 'tsconfig.json'), ts.sys.readFile)
export const compilerOptions: ts.CompilerOptions = {
  ...ts.parseJsonConfigFileContent(config, ts.sys, root).options,
  paths: Object.fromEntries(
    Object.entries(ENTRIES).map(([name, path]) => [name, [join(root, path)]]),
  ),
}

const program = ts.createProgram(
  Object.values(ENTRIES).map((path) => join(root, path)),
  compilerOptions,
)
const checker = program.getTypeChecker()

/** One name that users can import. */
export interface PublicName {
  readonly entry: Entry
  readonly name: string
  readonly symbol: ts.Symbol
  readonly declarations: readonly ts.Declaration[]
}

const resolved = (symbol: ts.Symbol): ts.Symbol =>
  symbol.flags & ts.SymbolFlags.Alias ? checker.getAliasedSymbol(symbol) : symbol

export const publicNames: readonly PublicName[] = (Object.keys(ENTRIES) as Entry[]).flatMap(
  (entry) => {
    const file = program.getSourceFile(join(root, ENTRIES[entry]))
    const module = file && checker.getSymbolAtLocation(file)
    return (module ? checker.getExportsOfModule(module) : [])
      .map((one) => ({ name: one.name, symbol: resolved(one) }))
      .sort((a, b) => (a.name < b.name ? -1 : 1))
      .map(({ name, symbol }) => ({ entry, name, symbol, declarations: symbol.declarations ?? [] }))
  },
)

const printer = ts.createPrinter({ removeComments: true })

/** A declaration as users see it: without bodies and comments. */
export function shapeOf({ name, declarations }: PublicName): string {
  return declarations
    .map((declaration) => {
      if (ts.isVariableDeclaration(declaration))
        return `const ${name}: ${checker.typeToString(checker.getTypeAtLocation(declaration))}`
      if (ts.isFunctionDeclaration(declaration)) return signatureText(name, declaration)
      if (ts.isClassDeclaration(declaration)) return classText(declaration)
      return print(declaration).replace(/^export (declare )?/, '')
    })
    .join('\n')
}

function print(node: ts.Node): string {
  return printer.printNode(ts.EmitHint.Unspecified, node, node.getSourceFile())
}

function signatureText(name: string, declaration: ts.FunctionDeclaration): string {
  const signature = checker.getSignatureFromDeclaration(declaration)
  const flags = ts.TypeFormatFlags.NoTruncation
  return `function ${name}${signature ? checker.signatureToString(signature, declaration, flags) : ''}`
}

function classText(declaration: ts.ClassDeclaration): string {
  const heritage = declaration.heritageClauses?.map((clause) => ` ${print(clause)}`).join('') ?? ''
  const members = declaration.members.map((member) => `    ${print(member).split(' {\n')[0]}`)
  return `class ${declaration.name?.text}${heritage} {\n${members.join('\n')}\n}`
}

/** Types of this package that a public declaration mentions. */
export function mentionedBy({ declarations }: PublicName): readonly ts.Symbol[] {
  const found = new Set<ts.Symbol>()
  const add = (name: ts.Node): void => {
    const symbol = checker.getSymbolAtLocation(name)
    if (!symbol) return
    const target = resolved(symbol)
    const isType =
      target.flags & (ts.SymbolFlags.Interface | ts.SymbolFlags.TypeAlias | ts.SymbolFlags.Class)
    if (
      isType &&
      target.declarations?.some((one) => one.getSourceFile().fileName.startsWith(source))
    )
      found.add(target)
  }
  const visit = (node: ts.Node): void => {
    if (ts.isBlock(node)) return
    if (ts.isTypeReferenceNode(node)) add(node.typeName)
    if (ts.isExpressionWithTypeArguments(node)) add(node.expression)
    if (ts.isVariableDeclaration(node) && node.type === undefined) {
      const { symbol, aliasSymbol } = checker.getTypeAtLocation(node)
      const named = aliasSymbol ?? symbol
      if (named?.declarations?.[0] && 'name' in named.declarations[0])
        add(named.declarations[0].name as ts.Node)
      return
    }
    ts.forEachChild(node, visit)
  }
  for (const declaration of declarations) visit(declaration)
  return [...found]
}

/** Whether it is called: a function, or a constant that is one. */
export function isFunction({ declarations }: PublicName): boolean {
  return declarations.some(ts.isFunctionDeclaration)
}

/** The text of a public name's doc comment, and its tags. */
export function docOf({ symbol }: PublicName): {
  readonly text: string
  readonly tags: readonly { readonly name: string; readonly text: string }[]
} {
  return {
    text: ts.displayPartsToString(symbol.getDocumentationComment(checker)),
    tags: symbol
      .getJsDocTags(checker)
      .map(({ name, text }) => ({ name, text: ts.displayPartsToString(text) })),
  }
}
