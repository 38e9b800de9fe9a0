import { Command, Option } from 'commander'
import type { Io } from '../io.js'

export interface GenOptions {
  readonly file?: string
  readonly out: string
  readonly hostOs?: string
  readonly renewBefore?: string
  readonly dryRun?: boolean
  readonly check?: boolean
  readonly json?: boolean
}

/** `kpki gen`. */
export function genCommand(io: Io): Command {
  return new Command('gen')
    .alias('generate')
    .summary('make every certificate, kubeconfig, manifest and configuration of a cluster')
    .description(
      'Turns one cluster file into the files of every node. What is already in the output folder and still right is kept; authorities are never replaced.',
    )
    .option(
      '-f, --file <FILE>',
      'cluster.yaml, or kubeadm’s own configuration (- reads standard input); default: OUT/cluster.yaml',
    )
    .requiredOption('-o, --out <OUT>', 'output folder')
    .addOption(
      new Option('--host-os <OS>', 'operating system of the nodes').choices([
        'ubuntu',
        'debian',
        'rhel',
        'none',
      ]),
    )
    .option(
      '--renew-before <TIME>',
      'make certificates anew that end within this time (default: 30d; the last third of shorter lives)',
    )
    .option('--dry-run', 'print the plan and write nothing')
    .option('--check', 'write nothing; exit with 1 if the plan has changes')
    .option('--json', 'print the plan as JSON')
    .addHelpText(
      'after',
      `
Examples:
  kpki gen -f cluster.yaml -o out          make it, or bring it up to date
  kpki gen -o out --dry-run                what would change today
  kpki gen -o out --check || echo stale    in a scheduled job
`,
    )
    .action(async (options: GenOptions) => {
      const { runGen } = await import('../gen.js')
      io.exit(await runGen(io, options))
    })
}
