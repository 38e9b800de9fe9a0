import { Command, Option } from 'commander'
import type { Io } from '../io.js'

export interface ConvertOptions {
  readonly to: 'v1beta3' | 'v1beta4' | 'cluster'
  readonly out?: string
}

/** `kpki convert`. */
export function convertCommand(io: Io): Command {
  return new Command('convert')
    .summary('convert between kubeadm’s configuration and cluster.yaml')
    .description(
      'Converts kubeadm’s v1beta3 and v1beta4 configuration and cluster.yaml into each other; comments stay with their fields. What the target has no word for is refused by name, never dropped in silence.',
    )
    .argument('<FILE>', 'kubeadm’s configuration or cluster.yaml (- reads standard input)')
    .addOption(
      new Option('--to <FORMAT>', 'what to write')
        .choices(['v1beta3', 'v1beta4', 'cluster'])
        .makeOptionMandatory(),
    )
    .option('-o, --out <FILE>', 'file to write, at mode 0600; one that exists is never overwritten')
    .addHelpText(
      'after',
      `
Examples:
  kpki convert kubeadm.yaml --to v1beta4
  kpki convert kubeadm.yaml --to cluster -o cluster.yaml
`,
    )
    .action(async (file: string, options: ConvertOptions) => {
      const { runConvert } = await import('../convert.js')
      io.exit(await runConvert(io, file, options))
    })
}
