import { Command } from 'commander'
import type { Io } from '../io.js'

export interface ImagesOptions {
  readonly file?: string
  readonly json?: boolean
}

/** `kpki images`. */
export function imagesCommand(io: Io): Command {
  return new Command('images')
    .summary('list every image of a cluster, for mirrors and pre-pulls')
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
      const { runImages } = await import('../images.js')
      io.exit(await runImages(io, options))
    })
}
