import { resolve } from 'node:path'
import type { Cluster } from '../../cluster/cluster.js'
import {
  checkPorts,
  type Inputs,
  nodeDigest,
  openWorld,
  PORT_FORMATS,
  type PortFormat,
  portRules,
} from '../../provision/index.js'
import { loadCluster } from '../cluster-file.js'
import type { ExitCode, Io } from '../io.js'
import type { PortsOptions } from './ports.js'

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
    for (const { message } of errors) io.err(`kpki: error: ${message}\n`)
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
  for (const { path, message } of warnings) io.err(`kpki: warning: ${path}: ${message}\n`)
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
