import { Argument, Command, Option } from 'commander'
import type { Io } from '../io.js'

export interface PortsOptions {
  readonly file?: string
  readonly from?: string
  readonly format: string
  readonly nodes?: readonly string[]
  readonly clients?: readonly string[]
  readonly operators?: readonly string[]
  readonly sshConfig?: string
  readonly acceptNewHostKeys?: boolean
}

const list = (value: string, before: readonly string[] = []): readonly string[] => [
  ...before,
  ...value.split(',').filter((item) => item !== ''),
]

/** `kpki ports`: inbound rules as data and as firewalls write them, and the proof that they hold. */
export function portsCommand(io: Io): Command {
  return new Command('ports')
    .summary('the inbound ports that each role needs')
    .description(
      'Prints the inbound rules of a cluster. Sources are CIDRs or security groups (sg-…). With `check`, the hosts themselves prove over SSH that the ports are open to the nodes that need them and closed to the others.',
    )
    .addArgument(new Argument('[ACTION]', 'check: prove it from the hosts').choices(['check']))
    .option('-f, --file <FILE>', 'cluster.yaml; default: the one in OUT')
    .option('--from <OUT>', 'folder that kpki gen wrote')
    .addOption(
      new Option('--format <FORMAT>', 'how to print the rules')
        .choices(['table', 'json', 'aws', 'terraform', 'ufw', 'nftables'])
        .default('table'),
    )
    .option('--nodes <SOURCE>', 'where nodes come from; default: their addresses', list)
    .option('--clients <SOURCE>', 'who else uses API server and NodePorts', list)
    .option('--operators <SOURCE>', 'who may log in with ssh', list)
    .option('--ssh-config <FILE>', 'handed to ssh as -F')
    .option('--accept-new-host-keys', 'record the keys of hosts that were never seen')
    .action(async (action: string | undefined, options: PortsOptions) => {
      const { runPorts, runPortsCheck } = await import('./provision-ports.js')
      io.exit(await (action === 'check' ? runPortsCheck(io, options) : runPorts(io, options)))
    })
}
