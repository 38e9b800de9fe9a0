import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { fuzz, keep } from './fuzz.js'
import { TARGETS } from './targets.js'

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    runs: { type: 'string', default: '100000' },
    seed: { type: 'string' },
    corpus: { type: 'string', default: '.cache/fuzz' },
  },
})
const targets = TARGETS.filter(({ name }) => positionals.length === 0 || positionals.includes(name))
if (targets.length === 0)
  throw new Error(`targets are ${TARGETS.map(({ name }) => name).join(', ')}`)
const seed = Number(values.seed ?? Date.now() % 2 ** 31)
const shares = targets.reduce((sum, { share }) => sum + share, 0)
const { corpus } = values
let total = 0
console.log(`seed ${seed}, corpus ${corpus}`)
for (const target of targets) {
  const runs = Math.ceil((Number(values.runs) * target.share) / shares)
  const started = performance.now()
  // Said beforehand: were it to hang, this says where.
  process.stdout.write(`${target.name.padEnd(16)} ${String(runs).padStart(8)} inputs`)
  const fuzzed = await fuzz(target, { runs, seed, corpus, patience: 10_000 })
  const seconds = (performance.now() - started) / 1000
  total += fuzzed.runs
  console.log(`, ${fuzzed.ways} ways, ${fuzzed.findings.length} findings, ${seconds.toFixed(1)} s`)
  for (const { message, input } of fuzzed.findings) {
    const path = keep(join(corpus, 'found', target.name), input)
    console.log(`  ${path}\n  ${message.replaceAll('\n', '\n  ')}`)
    process.exitCode = 1
  }
}
console.log(`${total} inputs`)
