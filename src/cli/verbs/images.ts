import type { Command } from 'commander'
import { imagesOf } from '../../manifests/images.js'
import { loadCluster } from '../input/cluster-file.js'
import { type ExitCode, type Io, issueLine } from '../io.js'

export interface ImagesOptions {
  readonly file?: string
  readonly json?: boolean
}

/** `kpki images`. */
export function imagesCommand(verb: Command, io: Io): Command {
  return verb
    .description('Prints one image per line, in the order of `kubeadm config images list`.')
    .option('-f, --file <FILE>', 'cluster.yaml, or kubeadm’s own configuration', 'cluster.yaml')
    .option('--json', 'print component and image as JSON')
    .addHelpText(
      'after',
      `
Examples:
  kpki images -f cluster.yaml
  kpki images -f cluster.yaml | xargs -n1 crictl pull
`,
    )
    .action(async (options: ImagesOptions) => {
      io.exit(await runImages(io, options))
    })
}

/** Lists the images of a cluster. */
export async function runImages(io: Io, options: ImagesOptions): Promise<ExitCode> {
  const { cluster, warnings } = await loadCluster(io, options)
  for (const warning of warnings) io.err(`kpki: warning:${issueLine(warning).slice(1)}\n`)
  const images = imagesOf(cluster)
  if (options.json === true) io.out(`${JSON.stringify(images, undefined, 2)}\n`)
  else io.out(images.map(({ image }) => `${image}\n`).join(''))
  return 0
}
