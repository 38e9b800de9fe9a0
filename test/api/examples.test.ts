import { chmodSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { transformSync } from 'esbuild'
import ts from 'typescript'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { main } from '../../src/cli/main.js'
import { compilerOptions, docOf, type Entry, publicNames, root } from './program.js'

interface Example {
  readonly title: string
  readonly code: string
}

const examples: readonly Example[] = publicNames.flatMap((one) =>
  docOf(one)
    .tags.filter(({ name }) => name === 'example')
    .map(({ text }) => ({
      title: `${one.entry} ${one.name}`,
      code: /^```ts\n([\s\S]*)\n```$/.exec(text.trim())?.[1] ?? '',
    })),
)

const modules: { readonly [E in Entry]: () => Promise<object> } = {
  kpki: () => import('../../src/index.js'),
  'kpki/node': () => import('../../src/node.js'),
  'kpki/audit': () => import('../../src/audit/index.js'),
  'kpki/vitest': () => import('../../src/audit/testing/vitest.js'),
  'kpki/provision': () => import('../../src/provision/index.js'),
}

const require = createRequire(import.meta.url)
const load = async (name: string): Promise<object> =>
  name in modules ? modules[name as Entry]() : require(name)

const AsyncFunction = (async () => {}).constructor as new (
  ...args: string[]
) => (load: (name: string) => Promise<object>) => Promise<void>

/** The example as a function: imports become loads, types go. */
function runnable(code: string): (load: (name: string) => Promise<object>) => Promise<void> {
  const { code: plain } = transformSync(code, { loader: 'ts', target: 'node20', format: 'esm' })
  const body = plain
    .replace(/^import \{([^}]*)\} from "([^"]+)";$/gm, (_, names: string, from: string) => {
      const fields = names.replaceAll(' as ', ': ')
      return `const {${fields}} = await load(${JSON.stringify(from)});`
    })
    .replace(/^import "([^"]+)";$/gm, 'await load("$1");')
  return new AsyncFunction('load', body)
}

const before = { cwd: process.cwd(), path: process.env.PATH, home: process.env.HOME }
let folder = ''

// Where examples run: a cluster file, the folder that `kpki gen` makes of it, and hosts that let nobody in.
beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'kpki-examples-'))
  const text = readFileSync(join(root, 'examples/aws-three-nodes.yaml'), 'utf8')
  // The keys that are quickest to make.
  const quick = text.replace('keyAlgorithm: RSA-2048', 'keyAlgorithm: ECDSA-P256')
  writeFileSync(join(folder, 'cluster.yaml'), quick)
  const ssh = join(folder, 'ssh')
  writeFileSync(
    ssh,
    '#!/bin/sh\necho "operator@host: Permission denied (publickey)." >&2\nexit 255\n',
  )
  chmodSync(ssh, 0o755)
  process.chdir(folder)
  process.env.PATH = `${folder}:${before.path}`
  process.env.HOME = folder
  const said: string[] = []
  const status = await main(['gen', '-f', 'cluster.yaml', '-o', 'out'], {
    out: () => {},
    err: (text) => said.push(text),
    env: {},
    cwd: folder,
    isTerminal: false,
    now: () => new Date(),
  })
  expect(said.join('')).toBe('')
  expect(status).toBe(0)
})

afterAll(() => {
  process.chdir(before.cwd)
  process.env.PATH = before.path
  process.env.HOME = before.home
  rmSync(folder, { recursive: true, force: true })
})

describe('examples', () => {
  it('compile', () => {
    const texts = new Map(
      examples.map(({ code }, i) => [
        join(root, `test/api/example-${i}.ts`),
        `import type {} from 'kpki/vitest'\nexport {}\n${code}\n`,
      ]),
    )
    const host = ts.createCompilerHost(compilerOptions)
    const { fileExists, getSourceFile } = host
    host.fileExists = (path) => texts.has(path) || fileExists(path)
    host.getSourceFile = (path, options) => {
      const text = texts.get(path)
      return text === undefined
        ? getSourceFile(path, options)
        : ts.createSourceFile(path, text, options)
    }
    const options = { ...compilerOptions, noUnusedLocals: false }
    const program = ts.createProgram([...texts.keys()], options, host)
    const mistakes = [...texts.keys()].flatMap((path, i) =>
      ts.getPreEmitDiagnostics(program, program.getSourceFile(path)).map(({ messageText }) => {
        return `${examples[i]?.title}: ${ts.flattenDiagnosticMessageText(messageText, ' ')}`
      }),
    )
    expect(mistakes).toEqual([])
  })

  it.each(examples.map((one) => [one.title, one] as const))('%s runs', async (_, { code }) => {
    expect(code, 'the example is fenced as ```ts').not.toBe('')
    const log = console.log
    console.log = () => {}
    try {
      await runnable(code)(load)
    } finally {
      console.log = log
    }
  })
})
