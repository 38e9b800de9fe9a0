import { readdirSync, readFileSync } from 'node:fs'
import { dirname, join, posix } from 'node:path'
import ts from 'typescript'
import { describe, expect, it } from 'vitest'

/** The tree from the bottom up: a file imports, values and types alike, from its own layer and those before it. */
const LAYERS: readonly (readonly string[])[] = [
  ['errors.ts'],
  ['values'],
  ['ca'],
  ['files'],
  ['releases'],
  ['cluster'],
  ['certs'],
  ['kubeconfig'],
  ['manifests'],
  ['generate'],
  ['audit'],
  ['inspect'],
  ['compare'],
  ['upgrade'],
  ['provision'],
  ['index.ts', 'node.ts'],
  ['cli'],
]

/** Where the outside is touched: disks, processes, networks, terminals. */
const EDGES = [/^files\/(disk|lock)\.ts$/, /^provision\//, /^cli\//, /^audit\/testing\//]
/** The one place that takes the runtime's own clock and randomness. */
const ENVIRONMENT = ['ca/env.ts', 'ca/engine.ts']
/** Packages that one folder knows. */
const CONFINED: readonly (readonly [packages: RegExp, folder: RegExp])[] = [
  [/^(@peculiar\/|pkijs$|asn1js$|reflect-metadata$)/, /^ca\//],
  [/^(js-yaml|yaml)$/, /^files\/yaml\//],
  [/^commander$/, /^cli\//],
]

interface Source {
  readonly path: string
  readonly code: string
  /** Modules of this tree, by path below `src`. */
  readonly imports: readonly string[]
  readonly packages: readonly string[]
  /** Names of the types that it declares at its top level. */
  readonly types: readonly string[]
}

const root = join(import.meta.dirname, '../src')

function readSource(path: string): Source {
  const text = readFileSync(join(root, path), 'utf8')
  const file = ts.createSourceFile(path, text, ts.ScriptTarget.Latest, true)
  const names: string[] = []
  const visit = (node: ts.Node): void => {
    if ((ts.isImportDeclaration(node) || ts.isExportDeclaration(node)) && node.moduleSpecifier)
      names.push((node.moduleSpecifier as ts.StringLiteral).text)
    else if (ts.isCallExpression(node) && node.expression.kind === ts.SyntaxKind.ImportKeyword)
      names.push((node.arguments[0] as ts.StringLiteral).text)
    else if (ts.isImportTypeNode(node) && ts.isLiteralTypeNode(node.argument))
      names.push((node.argument.literal as ts.StringLiteral).text)
    ts.forEachChild(node, visit)
  }
  visit(file)
  const own = names.filter((name) => name.startsWith('.'))
  return {
    path,
    code: text.replace(/\/\*[\s\S]*?\*\/|\/\/.*$/gm, ''),
    imports: own
      .map((name) => posix.join(dirname(path), name.replace(/\.js$/, '.ts')))
      .filter((target) => !target.startsWith('..')),
    packages: names.filter((name) => !name.startsWith('.')),
    types: file.statements
      .filter((one) => ts.isInterfaceDeclaration(one) || ts.isTypeAliasDeclaration(one))
      .map((one) => one.name.text),
  }
}

const sources = readdirSync(root, { recursive: true, encoding: 'utf8' })
  .filter((path) => path.endsWith('.ts'))
  .sort()
  .map(readSource)

const layerOf = (path: string): number =>
  LAYERS.findIndex((layer) => layer.includes(path.split('/')[0] ?? ''))

/** Circles of imports, each as the path that closes it. */
function circles(): readonly string[] {
  const byPath = new Map(sources.map((source) => [source.path, source]))
  const done = new Set<string>()
  const found: string[] = []
  const walk = (path: string, trail: readonly string[]): void => {
    if (trail.includes(path)) {
      found.push([...trail.slice(trail.indexOf(path)), path].join(' → '))
      return
    }
    if (done.has(path)) return
    for (const next of byPath.get(path)?.imports ?? []) walk(next, [...trail, path])
    done.add(path)
  }
  for (const { path } of sources) walk(path, [])
  return found
}

describe('architecture', () => {
  it('has layers, and no arrow upward', () => {
    const picture = LAYERS.map((layer) => layer.join(', ').replaceAll('.ts', '')).join(' ← ')
    console.log(picture)
    const readme = readFileSync(join(root, '../README.md'), 'utf8')
    expect(readme, 'the picture in the README').toContain(`\n${picture}\n`)
    const homeless = sources.filter(({ path }) => layerOf(path) < 0).map(({ path }) => path)
    expect(homeless, 'files without a layer').toEqual([])
    const upward = sources.flatMap(({ path, imports }) =>
      imports
        .filter((target) => layerOf(target) > layerOf(path))
        .map((target) => `${path} → ${target}`),
    )
    expect(upward, 'arrows upward').toEqual([])
  })

  it('has no circles', () => {
    expect(circles()).toEqual([])
  })

  it('keeps packages in the folder that knows them', () => {
    const strays = sources.flatMap(({ path, packages }) =>
      packages
        .filter(
          (name) =>
            CONFINED.some(([packagesOf, folder]) => packagesOf.test(name) && !folder.test(path)) ||
            (name.startsWith('node:') && !EDGES.some((edge) => edge.test(path))),
        )
        .map((name) => `${path} imports ${name}`),
    )
    expect(strays).toEqual([])
  })

  it('keeps the clock, the console and global randomness at the edges', () => {
    const outside = /Date\.now\(|new Date\(\)|\bconsole\.|globalThis\.crypto|Math\.random/
    const strays = sources
      .filter(({ path }) => !EDGES.some((edge) => edge.test(path)) && !ENVIRONMENT.includes(path))
      .filter(({ code }) => outside.test(code))
      .map(({ path }) => path)
    expect(strays).toEqual([])
  })

  it('opens no connection itself: that is what ssh is for', () => {
    const network = /^node:(net|tls|dgram|dns|http|https|http2)\b/
    const found = sources.filter(({ packages, code }) =>
      [
        ...packages.map((name) => network.test(name)),
        /\bfetch\(|\bWebSocket\b/.test(code),
      ].includes(true),
    )
    expect(found.map(({ path }) => path)).toEqual([])
  })

  it('gives each type a name of its own', () => {
    const homes = new Map<string, string[]>()
    for (const { path, types } of sources)
      for (const name of types) homes.set(name, [...(homes.get(name) ?? []), path])
    const twice = [...homes].filter(([, paths]) => paths.length > 1)
    expect(twice.map(([name, paths]) => `${name}: ${paths.join(', ')}`)).toEqual([])
  })
})
