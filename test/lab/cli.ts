// The command line as it is built, with provisioning's verbs whether or not the list of verbs has them yet.
import { VERBS } from '../../src/cli/commands.js'
import { main } from '../../src/cli/main.js'
import { portsCommand } from '../../src/cli/verbs/ports.js'
import { provisionCommand } from '../../src/cli/verbs/provision.js'

for (const verb of [provisionCommand, portsCommand])
  if (!VERBS.includes(verb)) (VERBS as (typeof verb)[]).push(verb)
process.exitCode = await main(process.argv.slice(2), {
  out: (text) => process.stdout.write(text),
  err: (text) => process.stderr.write(text),
  env: process.env,
  cwd: process.cwd(),
  isTerminal: false,
  now: () => new Date(),
})
