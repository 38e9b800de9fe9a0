import { stat } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import type { Command } from 'commander'
import { KpkiError } from '../../errors.js'
import { upgradeText } from '../../upgrade/text.js'
import { upgradePlan } from '../../upgrade/upgrade.js'
import { CLUSTER_FILE, loadCluster } from '../input/cluster-file.js'
import { isFolder } from '../input/text.js'
import { type ExitCode, type Io, issueLine } from '../io.js'
import { hostSystem } from '../options.js'

export interface UpgradePlanOptions {
  readonly to: string
  readonly hostOs?: string
  readonly json?: boolean
}

/** `kpki upgrade-plan`. */
export function upgradePlanCommand(verb: Command, io: Io): Command {
  return verb
    .description(
      'For one cluster and a newer version: certificates to make anew, flags, images and probes that change, configuration to migrate, steps of etcd, what must be done before, and what kubeadm upgrade does of it. Nothing is made, and kubeadm is not needed.',
    )
    .argument('<OUT>', 'output folder, cluster file, or a node’s root folder with its kubeadm.yaml')
    .requiredOption('--to <VERSION>', 'for example 1.34')
    .addOption(hostSystem())
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
      io.exit(await runUpgradePlan(io, out, options))
    })
}

/** Says what lies between a cluster and a newer version. */
export async function runUpgradePlan(
  io: Io,
  path: string,
  options: UpgradePlanOptions,
): Promise<ExitCode> {
  const { cluster, warnings } = await loadCluster(io, {
    ...options,
    file: await fileOf(io, path),
  })
  for (const warning of warnings) io.err(`kpki: warning:${issueLine(warning).slice(1)}\n`)
  const plan = await upgradePlan(cluster, options.to)
  io.out(options.json === true ? `${JSON.stringify(plan, undefined, 2)}\n` : upgradeText(plan))
  return 0
}

/** What describes the cluster in a folder: the cluster file of an output folder, or kubeadm.yaml of a node. */
const DESCRIPTIONS = [CLUSTER_FILE, 'etc/kubernetes/kubeadm.yaml', 'kubeadm.yaml']

async function fileOf(io: Io, path: string): Promise<string> {
  if (path === '-' || !(await isFolder(resolve(io.cwd, path)))) return path
  for (const name of DESCRIPTIONS)
    if (await isFile(resolve(io.cwd, path, name))) return join(path, name)
  throw new KpkiError(
    'ERR_FILE_MISSING',
    `${path} has no ${DESCRIPTIONS.join(', no ')}`,
    { path },
    { hint: 'name the cluster file itself, or kubeadm’s configuration' },
  )
}

async function isFile(path: string): Promise<boolean> {
  try {
    return (await stat(path)).isFile()
  } catch {
    return false
  }
}
