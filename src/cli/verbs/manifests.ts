import { Command, Option } from 'commander'
import type { Io } from '../io.js'

export interface ManifestsOptions {
  readonly file?: string
  readonly node?: string
  readonly component?: string
  readonly hostOs?: string
  readonly json?: boolean
}

/** `kpki manifests`. */
export function manifestsCommand(io: Io): Command {
  return new Command('manifests')
    .summary('print the static pods of a cluster')
    .description(
      'Prints the static pods that kubeadm of the cluster’s release would write, patches included. Nothing is made.',
    )
    .option('-f, --file <FILE>', 'cluster.yaml, or kubeadm’s own configuration', 'cluster.yaml')
    .option('--node <NAME>', 'only those of this control plane')
    .addOption(
      new Option('--component <NAME>', 'only this one').choices([
        'etcd',
        'kube-apiserver',
        'kube-controller-manager',
        'kube-scheduler',
      ]),
    )
    .addOption(
      new Option('--host-os <OS>', 'operating system of the nodes').choices([
        'ubuntu',
        'debian',
        'rhel',
        'none',
      ]),
    )
    .option('--json', 'print them as JSON')
    .addHelpText(
      'after',
      `
Examples:
  kpki manifests -f cluster.yaml
  kpki manifests -f cluster.yaml --node cp1 --component etcd
`,
    )
    .action(async (options: ManifestsOptions) => {
      const { runManifests } = await import('../manifests.js')
      io.exit(await runManifests(io, options))
    })
}
