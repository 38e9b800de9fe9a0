import { resolve } from 'node:path'
import { Argument, type Command, Option } from 'commander'
import type { Cluster } from '../../cluster/cluster.js'
import type { Inputs } from '../../provision/context.js'
import { nodeDigest, openWorld } from '../../provision/operator.js'
import { checkPorts } from '../../provision/ports/check.js'
import { PORT_FORMATS, type PortFormat } from '../../provision/ports/format.js'
import { portRules } from '../../provision/ports/ports.js'
import { printable } from '../../values/text.js'
import { loadCluster } from '../input/cluster-file.js'
import { type ExitCode, type Io, issueLine } from '../io.js'
import { words } from '../options.js'

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

/** `kpki ports`: inbound rules as data and as firewalls write them, and the proof that they hold. */
export function portsCommand(verb: Command, io: Io): Command {
  return verb
    .description(
      'Prints the inbound rules of a cluster. Sources are CIDRs or security groups (sg-…). With `check`, the hosts themselves prove over SSH that the ports are open to the nodes that need them and closed to the others.',
    )
    .addArgument(new Argument('[ACTION]', 'check: prove it from the hosts').choices(['check']))
    .option('-f, --file <FILE>', 'cluster.yaml; default: the one in OUT')
    .option('--from <OUT>', 'folder that kpki gen wrote')
    .addOption(
      new Option('--format <FORMAT>', 'how to print the rules')
        .choices(Object.keys(PORT_FORMATS))
        .default('table'),
    )
    .option('--nodes <SOURCE>', 'where nodes come from; default: their addresses', words)
    .option('--clients <SOURCE>', 'who else uses API server and NodePorts', words)
    .option('--operators <SOURCE>', 'who may log in with ssh', words)
    .option('--ssh-config <FILE>', 'handed to ssh as -F')
    .option('--accept-new-host-keys', 'record the keys of hosts that were never seen')
    .addHelpText(
      'after',
      `
Examples:
  kpki ports -f cluster.yaml                            what each role has to let in
  kpki ports -f cluster.yaml --format aws --nodes sg-1  the same as commands
  kpki ports check --from out                           prove it from the hosts
`,
    )
    .action(async (action: string | undefined, options: PortsOptions) => {
      io.exit(await (action === 'check' ? runPortsCheck(io, options) : runPorts(io, options)))
    })
}

export async function runPorts(io: Io, options: PortsOptions): Promise<ExitCode> {
  const cluster = await clusterOf(io, options)
  io.out(PORT_FORMATS[options.format as PortFormat](rulesOf(cluster, options), cluster))
  return 0
}

export async function runPortsCheck(io: Io, options: PortsOptions): Promise<ExitCode> {
  const cluster = await clusterOf(io, options)
  const { sshConfig, acceptNewHostKeys } = options
  const world = await openWorld({
    ...(sshConfig === undefined ? {} : { configFile: resolve(io.cwd, sshConfig) }),
    acceptNewHostKeys,
  })
  try {
    const { results, errors } = await checkPorts(bare(cluster), world, rulesOf(cluster, options))
    if (options.format === 'json') io.out(`${JSON.stringify({ results, errors }, undefined, 2)}\n`)
    else
      for (const { from, to, port, id, wanted, found, ok } of results)
        io.out(
          `${ok ? 'ok  ' : 'FAIL'} ${from} -> ${to}:${port} ${id}: ${found}, wanted ${wanted}\n`,
        )
    for (const { message } of errors) io.err(`kpki: error: ${printable(message)}\n`)
    if (errors.length > 0) return 3
    return results.every((result) => result.ok) ? 0 : 1
  } finally {
    await world.close()
  }
}

async function clusterOf(io: Io, options: PortsOptions): Promise<Cluster> {
  const file = options.file === undefined ? {} : { file: options.file }
  const out = options.from === undefined ? {} : { out: resolve(io.cwd, options.from) }
  const { cluster, warnings } = await loadCluster(io, { ...file, ...out })
  for (const warning of warnings) io.err(`kpki: warning:${issueLine(warning).slice(1)}\n`)
  return cluster
}

function rulesOf(cluster: Cluster, { nodes, clients, operators }: PortsOptions) {
  return portRules(cluster, {
    ...(nodes ? { nodes } : {}),
    ...(clients ? { clients } : {}),
    ...(operators ? { operators } : {}),
  })
}

/** No files take part in trying ports. */
function bare(cluster: Cluster): Inputs {
  return {
    cluster,
    trees: new Map(),
    adminKubeconfig: '',
    manifests: [],
    options: {
      method: 'init',
      containerd: 'distribution',
      registryMirrors: {},
      replaceCa: [],
      offline: true,
    },
    digest: nodeDigest,
  }
}
