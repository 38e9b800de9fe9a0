import { Command } from 'commander'
import type { Io } from '../io.js'

export interface InitOptions {
  readonly file: string
  readonly yes?: boolean
}

/** `kpki init`. */
export function initCommand(io: Io): Command {
  return new Command('init')
    .summary('write a commented cluster file')
    .description(
      'Asks on a terminal what it needs and writes a commented cluster file. An existing file is never overwritten.',
    )
    .option('-f, --file <FILE>', 'file to write (- writes to standard output)', 'cluster.yaml')
    .option('-y, --yes', 'ask nothing: one control plane and two workers')
    .addHelpText(
      'after',
      `
Examples:
  kpki init                        asks, then writes cluster.yaml
  kpki init --yes -f - | less      the base case, to read
`,
    )
    .action(async (options: InitOptions) => {
      const { runInit } = await import('../init.js')
      io.exit(await runInit(io, options))
    })
}
