// npx looks for a command in node_modules/.bin first. A package's own command is not there, and npx would
// install the checkout into its cache, building it once more.
import { mkdirSync, rmSync, symlinkSync } from 'node:fs'
import { join } from 'node:path'

const folder = join(import.meta.dirname, '../node_modules/.bin')
mkdirSync(folder, { recursive: true })
const link = join(folder, 'kpki')
rmSync(link, { force: true })
try {
  symlinkSync('../../dist/cli.js', link)
} catch (error) {
  // Only a convenience: where links are not allowed, npx takes the longer way.
  console.warn(`node_modules/.bin/kpki was not linked: ${error.message}`)
}
