import { Command, Option } from 'commander'
import type { Io } from '../io.js'

export interface DiffOptions {
  readonly hostOs?: string
  readonly json?: boolean
}

/** `kpki diff`. */
export function diffCommand(io: Io): Command {
  return new Command('diff')
    .summary('say what differs between two trees, clusters or releases')
    .description(
      'Compares certificates by what they say, static pods by flag, kubeconfigs and configuration by field, and modes. A and B are each an output folder, a node’s root folder, a cluster file, or one at another version (cluster.yaml@1.34). Secrets are never printed. Exit code 1: they differ.',
    )
    .argument('<A>')
    .argument('<B>')
    .addOption(
      new Option('--host-os <OS>', 'operating system of the nodes of cluster files').choices([
        'ubuntu',
        'debian',
        'rhel',
        'none',
      ]),
    )
    .option('--json', 'print the differences as JSON')
    .addHelpText(
      'after',
      `
Examples:
  kpki diff out backup/out
  kpki diff cluster.yaml cluster.yaml@1.34    what the release changes
  kpki diff out new-cluster.yaml              what kpki gen would change
  kpki diff out/nodes/cp1 /mnt/cp1            against a node's disk
`,
    )
    .action(async (a: string, b: string, options: DiffOptions) => {
      const { runDiff } = await import('../diff.js')
      io.exit(await runDiff(io, a, b, options))
    })
}
