import { readdirSync, readFileSync } from 'node:fs'
import { dirname, join, relative } from 'node:path'
import { describe, expect, it } from 'vitest'

const root = join(import.meta.dirname, '../src')

interface Source {
  readonly path: string
  readonly text: string
  readonly imports: readonly { readonly from: string; readonly typeOnly: boolean }[]
}

const sources: readonly Source[] = readdirSync(root, { recursive: true, encoding: 'utf8' })
  .filter((path) => path.endsWith('.ts'))
  .map((path) => {
    const text = readFileSync(join(root, path), 'utf8')
    const found = text.matchAll(
      /(?:^|\n)(?:import|export)( type)?[^'"\n]*?(?:\{[^}]*\})?[^'"\n]*? ?from '([^']+)'|import\('([^']+)'\)|\nimport '([^']+)'/g,
    )
    const imports = [...found].map((match) => ({
      from: match[2] ?? match[3] ?? match[4] ?? '',
      typeOnly: match[1] !== undefined,
    }))
    return { path, text, imports }
  })

/** Layers from the bottom up: a file imports from its own layer and those before it. */
const LAYERS: readonly (readonly string[])[] = [
  ['errors.ts'],
  ['ca', 'files'],
  ['releases', 'releases.ts', 'cluster'],
  ['certs', 'kubeconfig', 'manifests', 'inspect', 'env.ts'],
  ['generate.ts'],
  ['audit'],
  ['compare'],
  ['provision'],
  ['index.ts', 'node.ts'],
  ['cli'],
]

/** Values that a lower layer may take from a higher one: tables of plain data. */
const DATA = new Set(['certs/table.ts'])

function layerOf(path: string): number {
  const top = path.split('/')[0] ?? ''
  return LAYERS.findIndex((layer) => layer.includes(top))
}

const EDGES = [/^files\/(disk|lock)\.ts$/, /^provision\//, /^cli\//, /^audit\/testing\//]
const isEdge = (path: string): boolean => EDGES.some((edge) => edge.test(path))

describe('architecture', () => {
  it.each(sources.map((source) => [source.path, source] as const))('%s', (path, source) => {
    expect(layerOf(path), 'has a layer').toBeGreaterThanOrEqual(0)
    for (const { from, typeOnly } of source.imports) {
      if (typeOnly) continue
      if (from.startsWith('.')) {
        const target = relative(root, join(root, dirname(path), from.replace(/\.js$/, '.ts')))
        if (target.startsWith('..') || DATA.has(target)) continue
        expect(layerOf(target), `${path} imports ${target}`).toBeLessThanOrEqual(layerOf(path))
      } else if (from.startsWith('node:')) {
        expect(isEdge(path), `${path} imports ${from}`).toBe(true)
      } else if (/^(@peculiar\/|pkijs|asn1js|reflect-metadata)/.test(from)) {
        expect(path, `imports ${from}`).toMatch(/^ca\//)
      } else if (/^(js-yaml|yaml)$/.test(from)) {
        expect(path, `imports ${from}`).toMatch(/^files\//)
      }
    }
  })

  it('keeps the clock, the console and global randomness at the edges', () => {
    for (const { path, text } of sources) {
      if (isEdge(path) || path === 'env.ts' || path === 'ca/engine.ts') continue
      const code = text.replace(/\/\*[\s\S]*?\*\/|\/\/.*$/gm, '')
      expect(code, path).not.toMatch(
        /Date\.now\(|new Date\(\)|\bconsole\.|globalThis\.crypto|Math\.random/,
      )
    }
  })
})
