import { Command, Option } from 'commander'
import type { Io } from '../io.js'

export interface ProvisionOptions {
  readonly file?: string
  readonly from: string
  readonly node?: readonly string[]
  readonly step?: readonly string[]
  readonly concurrency: string
  readonly stopAfterFailures: string
  readonly sshConfig?: string
  readonly acceptNewHostKeys?: boolean
  readonly json?: boolean
  readonly restart?: boolean
  readonly log?: string
  readonly method: 'init' | 'phases'
  readonly containerd: 'distribution' | 'docker'
  readonly registryMirror?: readonly string[]
  readonly replaceCa?: readonly string[]
  readonly offline?: boolean
  readonly kubeconfig?: string | false
  readonly yes?: boolean
  readonly output?: string
  readonly to?: string
}

const list = (value: string, before: readonly string[] = []): readonly string[] => [
  ...before,
  ...value.split(',').filter((item) => item !== ''),
]

/** `kpki provision`: plan, apply, push, status, rollback. */
export function provisionCommand(io: Io): Command {
  const verb = new Command('provision')
    .summary('make a cluster of bare servers over SSH, with the files that gen made')
    .description(
      'Brings servers from a fresh Ubuntu or Debian to a Ready cluster over the system’s own ssh. Every step asks first what is true and does only what is missing: running it again continues where it stopped, and changes nothing when all is done.',
    )
  const plan = common(new Command('plan').summary('say what would be done, and change nothing'))
    .option('-o, --output <FILE>', 'write the plan as a file for provision apply')
    .action(async (options: ProvisionOptions) => {
      const { runPlan } = await import('./provision-run.js')
      io.exit(await runPlan(io, options))
    })
  const apply = common(
    new Command('apply')
      .summary('plan, ask, and do it')
      .argument('[PLAN]', 'a reviewed plan: nothing beyond it is done'),
  )
    .option('-y, --yes', 'do not ask')
    .addHelpText('after', '\nExamples:\n  kpki provision apply -f cluster.yaml --from out\n')
    .action(async (reviewed: string | undefined, options: ProvisionOptions) => {
      const { runApply } = await import('./provision-run.js')
      io.exit(await runApply(io, options, reviewed))
    })
  const push = common(new Command('push').summary('only place the files of every node'))
    .option('-y, --yes', 'do not ask')
    .action(async (options: ProvisionOptions) => {
      const { runPush } = await import('./provision-run.js')
      io.exit(await runPush(io, options))
    })
  const status = common(new Command('status').summary('ask every host what is true now')).action(
    async (options: ProvisionOptions) => {
      const { runStatus } = await import('./provision-run.js')
      io.exit(await runStatus(io, options))
    },
  )
  const rollback = common(
    new Command('rollback').summary('put back the files that the latest push replaced'),
  )
    .option('--to <GENERATION>', 'undo this generation instead of the latest')
    .action(async (options: ProvisionOptions) => {
      const { runRollback } = await import('./provision-run.js')
      io.exit(await runRollback(io, options))
    })
  for (const each of [plan, apply, push, status, rollback]) verb.addCommand(each)
  return verb
}

function common(command: Command): Command {
  return command
    .option('-f, --file <FILE>', 'cluster.yaml; default: the one in OUT')
    .requiredOption('--from <OUT>', 'folder that kpki gen wrote')
    .option('--node <NAME>', 'only this node (may be repeated)', list)
    .option('--step <STEP>', 'only this step (may be repeated)', list)
    .option('--concurrency <N>', 'hosts at work at the same time', '10')
    .option('--stop-after-failures <N>', 'begin no further host after so many have failed', '3')
    .option('--ssh-config <FILE>', 'handed to ssh as -F')
    .option('--accept-new-host-keys', 'record the keys of hosts that were never seen')
    .option('--restart', 'begin anew although an interrupted run had other inputs')
    .addOption(
      new Option('--method <METHOD>', 'kubeadm init at once or phase by phase')
        .choices(['init', 'phases'])
        .default('init'),
    )
    .addOption(
      new Option('--containerd <SOURCE>', 'where containerd comes from')
        .choices(['distribution', 'docker'])
        .default('distribution'),
    )
    .option('--registry-mirror <REGISTRY=URL>', 'a mirror of a registry (may be repeated)', list)
    .option('--replace-ca <FINGERPRINT>', 'replace this authority on the hosts', list)
    .option('--offline', 'use only the package sources that the hosts have')
    .option('--kubeconfig <FILE>', 'your kubeconfig; default: $KUBECONFIG or ~/.kube/config')
    .option('--no-kubeconfig', 'leave your kubeconfig alone')
    .option('--log <FILE>', 'transcript (0600); default: OUT/log/provision-TIME-PID.log')
    .option('--json', 'print data: the plan, the status, one event a line')
}
