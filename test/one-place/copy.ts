import { execFileSync, spawnSync } from 'node:child_process'
import { cpSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { build } from 'esbuild'

const root = join(import.meta.dirname, '../..')

/** How a run of the command line ended. */
export interface Run {
  readonly status: number | null
  readonly out: string
  readonly err: string
}

/** A copy of the source that a row can be added to. */
export interface Copy {
  readonly folder: string
  /** Puts text before the one place where `before` stands. */
  insert(path: string, before: string, text: string): void
  write(path: string, text: string): void
  read(path: string): string
  /** The compiler's complaints about the copy. */
  types(): string
  /** Bundles the copy's command line; from then on `kpki` runs it. */
  build(): Promise<void>
  kpki(...args: readonly string[]): Run
  /** A page of `docs/reference`, `docs/rules` or, as `layouts/<page>`, `docs/layouts` as the copy would write it. */
  page(name: string): Promise<string>
  remove(): void
}

export function copyOfSource(): Copy {
  const folder = mkdtempSync(join(tmpdir(), 'kpki-one-place-'))
  for (const path of ['src', 'package.json', 'tsconfig.json', 'examples'])
    cpSync(join(root, path), join(folder, path), { recursive: true })
  symlinkSync(join(root, 'node_modules'), join(folder, 'node_modules'))
  const at = (path: string) => join(folder, path)
  const bundled = at('kpki.mjs')
  const bundle = (entry: string, to: string) =>
    build({
      entryPoints: [entry],
      bundle: true,
      platform: 'node',
      format: 'esm',
      target: 'node20',
      outfile: to,
      packages: 'external',
      logLevel: 'silent',
    })
  return {
    folder,
    insert(path, before, text) {
      const old = readFileSync(at(path), 'utf8')
      const parts = old.split(before)
      if (parts.length !== 2) throw new Error(`${path} has ${before} ${parts.length - 1} times`)
      writeFileSync(at(path), `${parts[0]}${text}${before}${parts[1]}`)
    },
    write: (path, text) => writeFileSync(at(path), text),
    read: (path) => readFileSync(at(path), 'utf8'),
    types() {
      const tsc = join(root, 'node_modules/typescript/bin/tsc')
      const args = ['--noEmit', '--project', '.', '--types', 'node', '--pretty', 'false']
      const { stdout } = spawnSync(process.execPath, [tsc, ...args], {
        cwd: folder,
        encoding: 'utf8',
      })
      return stdout
    },
    async build() {
      await bundle(at('src/cli/bin.ts'), bundled)
    },
    kpki(...args) {
      const { status, stdout, stderr } = spawnSync(process.execPath, [bundled, ...args], {
        cwd: folder,
        encoding: 'utf8',
      })
      return { status, out: stdout, err: stderr }
    },
    async page(name) {
      writeFileSync(
        at('pages.ts'),
        `import { rulePages } from './src/audit/rules/docs.js'
import { RULES } from './src/audit/rules/index.js'
import { layoutPages } from './src/audit/rules/layout-docs.js'
import { referencePages } from './src/cli/reference.js'
const layouts = [...layoutPages()].map(([name, text]) => ['layouts/' + name, text] as const)
const pages = new Map([...referencePages(), ...rulePages(RULES), ...layouts])
process.stdout.write(pages.get(process.argv[2] ?? '') ?? '')
`,
      )
      await bundle(at('pages.ts'), at('pages.mjs'))
      return execFileSync(process.execPath, [at('pages.mjs'), name], {
        cwd: folder,
        encoding: 'utf8',
      })
    },
    remove: () => rmSync(folder, { recursive: true, force: true }),
  }
}
