// npm prepares a checkout after `npm ci`, before `npm pack`, and once more when `npx kpki` is first run in it.
// It is built again only where something has changed since.
import { spawnSync } from 'node:child_process'
import { existsSync, readdirSync, statSync } from 'node:fs'
import { join } from 'node:path'

const root = join(import.meta.dirname, '..')
const changed = (path) => statSync(join(root, path)).mtimeMs
const sources = readdirSync(join(root, 'src'), { recursive: true }).map((path) => `src/${path}`)
const inputs = [
  'src',
  ...sources,
  'package.json',
  'package-lock.json',
  'tsup.config.ts',
  'tsconfig.json',
  'tsconfig.build.json',
]
// The last files of the two builds: a build that was cut off lacks one.
const products = ['dist/cli.js', 'dist/index.cjs', 'dist/types/provision/index.d.cts']

const newest = Math.max(...inputs.map(changed))
const fresh = products.every((path) => existsSync(join(root, path)) && changed(path) > newest)
if (!fresh)
  process.exitCode =
    spawnSync('npm run build', { cwd: root, stdio: 'inherit', shell: true }).status ?? 1
