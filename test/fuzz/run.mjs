// Bundles the fuzzer and runs it: `npm run fuzz [-- TARGET… --runs N --seed S --corpus DIR]`.
import { spawnSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { build } from 'esbuild'

const cache = join(import.meta.dirname, '../../.cache')
mkdirSync(cache, { recursive: true })
const out = mkdtempSync(join(cache, 'fuzzer-'))
try {
  await build({
    entryPoints: [join(import.meta.dirname, 'main.ts')],
    outfile: join(out, 'main.mjs'),
    bundle: true,
    platform: 'node',
    format: 'esm',
    target: 'node20',
    packages: 'external',
    sourcemap: 'inline',
    logLevel: 'error',
  })
  const program = ['--enable-source-maps', join(out, 'main.mjs'), ...process.argv.slice(2)]
  const { status } = spawnSync(process.execPath, program, { stdio: 'inherit' })
  process.exitCode = status ?? 1
} finally {
  rmSync(out, { recursive: true, force: true })
}
