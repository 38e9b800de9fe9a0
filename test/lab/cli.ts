// The command line from its sources.

import { main } from '../../src/cli/main.js'

process.exitCode = await main(process.argv.slice(2), {
  out: (text) => process.stdout.write(text),
  err: (text) => process.stderr.write(text),
  env: process.env,
  cwd: process.cwd(),
  isTerminal: false,
  now: () => new Date(),
})
