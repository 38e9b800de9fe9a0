import { resolve } from 'node:path'
import { type Command, Option } from 'commander'
import { type ConfigFormat, convertConfig } from '../../cluster/convert.js'
import { writeNewFile } from '../../files/disk.js'
import { readText } from '../input/text.js'
import { type ExitCode, type Io, issueLine } from '../io.js'

export interface ConvertOptions {
  readonly to: 'v1beta3' | 'v1beta4' | 'cluster'
  readonly out?: string
}

/** `kpki convert`. */
export function convertCommand(verb: Command, io: Io): Command {
  return verb
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
      io.exit(await runConvert(io, file, options))
    })
}

const FORMATS: { readonly [F in ConvertOptions['to']]: ConfigFormat } = {
  v1beta3: 'kubeadm.k8s.io/v1beta3',
  v1beta4: 'kubeadm.k8s.io/v1beta4',
  cluster: 'kpki/v1alpha1',
}

/** Converts one configuration file. */
export async function runConvert(io: Io, file: string, options: ConvertOptions): Promise<ExitCode> {
  const source = await readText(io, file)
  const { text, warnings } = convertConfig(source, FORMATS[options.to])
  for (const warning of warnings) io.err(`kpki: warning:${issueLine(warning).slice(1)}\n`)
  if (options.out === undefined) io.out(text, 'data')
  // Tokens can be in it: nobody else may read it.
  else await writeNewFile(resolve(io.cwd, options.out), text, 0o600)
  return 0
}
