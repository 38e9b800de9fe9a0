// Bundles the benchmarks and runs them: `npm run bench [-- NAME…]`.
import { spawnSync } from 'node:child_process'
import { mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { build } from 'esbuild'

const here = import.meta.dirname
const wanted = process.argv.slice(2)
const names = readdirSync(here)
  .filter((name) => name.endsWith('.bench.ts'))
  .filter((name) => wanted.length === 0 || wanted.some((word) => name.startsWith(word)))
const out = mkdtempSync(join(here, '../.bench-'))
try {
  await build({
    entryPoints: names.map((name) => join(here, name)),
    outdir: out,
    bundle: true,
    platform: 'node',
    format: 'esm',
    target: 'node20',
    outExtension: { '.js': '.mjs' },
    packages: 'external',
    logLevel: 'error',
  })
  for (const name of names) {
    console.log(`\n== ${name.replace('.bench.ts', '')}`)
    const { status } = spawnSync('node', ['--expose-gc', join(out, name.replace('.ts', '.mjs'))], {
      stdio: 'inherit',
    })
    if (status !== 0) process.exitCode = 1
  }
} finally {
  rmSync(out, { recursive: true, force: true })
}
