// Declarations by one pass of the compiler, and the same again for CommonJS, whose modules end in .cjs.
import { spawnSync } from 'node:child_process'
import { readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

const root = join(import.meta.dirname, '..')
const types = join(root, 'dist/types')
const tsc = join(root, 'node_modules/typescript/bin/tsc')

console.log('declarations: compiling')
const { status } = spawnSync(process.execPath, [tsc, '--project', 'tsconfig.build.json'], {
  cwd: root,
  stdio: 'inherit',
})
if (status !== 0) process.exit(status ?? 1)

const files = readdirSync(types, { recursive: true, encoding: 'utf8' })
for (const path of files.filter((name) => name.endsWith('.d.ts'))) {
  const text = readFileSync(join(types, path), 'utf8')
  const common = text.replace(/((?:from |import\()'\.{1,2}\/[^']*)\.js'/g, "$1.cjs'")
  writeFileSync(join(types, path.replace(/\.d\.ts$/, '.d.cts')), common)
}
console.log(`declarations: ${files.length} files`)
