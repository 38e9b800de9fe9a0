import { Command, Option } from 'commander'
import type { Io } from '../io.js'

export interface UpgradePlanOptions {
  readonly to: string
  readonly hostOs?: string
  readonly json?: boolean
}

/** `kpki upgrade-plan`. */
export function upgradePlanCommand(io: Io): Command {
  return new Command('upgrade-plan')
    .summary('say what an upgrade of Kubernetes changes, step by step')
    .description(
      'For one cluster and a newer version: certificates to make anew, flags, images and probes that change, configuration to migrate, steps of etcd, what must be done before, and what kubeadm upgrade does of it. Nothing is made, and kubeadm is not needed.',
    )
    .argument('<OUT>', 'output folder, cluster file, or a node’s root folder with its kubeadm.yaml')
    .requiredOption('--to <VERSION>', 'for example 1.34')
    .addOption(
      new Option('--host-os <OS>', 'operating system of the nodes').choices([
        'ubuntu',
        'debian',
        'rhel',
        'none',
      ]),
    )
    .option('--json', 'print the plan as JSON')
    .addHelpText(
      'after',
      `
Examples:
  kpki upgrade-plan out --to 1.34
  kpki upgrade-plan cluster.yaml --to v1.29.4 --json
`,
    )
    .action(async (out: string, options: UpgradePlanOptions) => {
      const { runUpgradePlan } = await import('../upgrade-plan.js')
      io.exit(await runUpgradePlan(io, out, options))
    })
}
