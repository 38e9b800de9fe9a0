import { Command } from 'commander'
import type { Io } from '../io.js'

export interface ExplainOptions {
  readonly list?: boolean
  readonly json?: boolean
}

/** `kpki explain`. */
export function explainCommand(io: Io): Command {
  return new Command('explain')
    .summary('say what an audit rule looks for, why, and how to mend it')
    .argument('[RULE]', 'name or code, for example key-cert-mismatch or K01')
    .option('--list', 'list every rule')
    .option('--json', 'as JSON')
    .addHelpText('after', '\nExamples:\n  kpki explain K01\n  kpki explain --list\n')
    .action(async (rule: string | undefined, options: ExplainOptions) => {
      const { runExplain } = await import('../audit-explain.js')
      io.exit(await runExplain(io, rule, options))
    })
}
