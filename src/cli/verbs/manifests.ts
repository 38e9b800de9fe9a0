import { type Command, Option } from 'commander'
import { type Cluster, type ClusterNode, controlPlanes } from '../../cluster/cluster.js'
import { KpkiError } from '../../errors.js'
import { dumpYaml } from '../../files/yaml/dump.js'
import { manifestFiles, type NamedPod, staticPods } from '../../manifests/pods/static-pods.js'
import { loadCluster } from '../input/cluster-file.js'
import { type ExitCode, type Io, issueLine } from '../io.js'
import { hostSystem } from '../options.js'

export interface ManifestsOptions {
  readonly file?: string
  readonly node?: string
  readonly component?: string
  readonly hostOs?: string
  readonly json?: boolean
}

/** `kpki manifests`. */
export function manifestsCommand(verb: Command, io: Io): Command {
  return verb
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
    .addOption(hostSystem())
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
      io.exit(await runManifests(io, options))
    })
}

interface Listed extends NamedPod {
  readonly node: string
  /** Relative to the output folder of `gen`. */
  readonly path: string
}

/** Prints the static pods of a cluster's control planes. */
export async function runManifests(io: Io, options: ManifestsOptions): Promise<ExitCode> {
  const { cluster, warnings } = await loadCluster(io, options)
  for (const warning of warnings) io.err(`kpki: warning:${issueLine(warning).slice(1)}\n`)
  const listed = chosen(cluster, options.node)
    .flatMap((node) => podsOf(cluster, node))
    .filter(({ name }) => options.component === undefined || name === options.component)
  if (listed.length === 0)
    throw new KpkiError(
      'ERR_USAGE',
      `this cluster has no static pod ${options.component}`,
      {},
      {
        hint: 'with external etcd there is none of etcd',
      },
    )
  if (options.json === true) {
    const data = listed.map(({ node, name, path, pod }) => ({ node, component: name, path, pod }))
    io.out(`${JSON.stringify(data, undefined, 2)}\n`)
  } else io.out(listed.map(({ path, pod }) => `# ${path}\n${dumpYaml(pod)}`).join('---\n'), 'data')
  return 0
}

function podsOf(cluster: Cluster, node: ClusterNode): readonly Listed[] {
  const paths = manifestFiles(cluster, node).map(({ path }) => path)
  return staticPods(cluster, node).map((pod, i) => ({
    ...pod,
    node: node.name,
    path: `nodes/${node.name}/${paths[i] ?? ''}`,
  }))
}

function chosen(cluster: Cluster, name: string | undefined): readonly ClusterNode[] {
  const planes = controlPlanes(cluster)
  if (name === undefined) return planes
  const plane = planes.find((node) => node.name === name)
  if (plane !== undefined) return [plane]
  const worker = cluster.nodes.some((node) => node.name === name)
  const message = worker
    ? `${name} is a worker: static pods are on control planes`
    : `the cluster has no node ${name}`
  const hint = `control planes: ${planes.map((node) => node.name).join(', ')}`
  throw new KpkiError('ERR_USAGE', message, {}, { hint })
}
