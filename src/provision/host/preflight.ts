import { auditTree } from '../../audit/audit.js'
import type { Inputs, StepContext } from '../context.js'
import { planPush } from '../run/push-files.js'
import { clusterMark, initialised, joined } from '../steps/kubeadm.js'
import { upstream } from '../steps/packages.js'

/**
 * Judges all files to be placed as one cluster, before any byte is sent: what the audit calls an error
 * would be a broken or an open cluster.
 */
export async function auditInputs(inputs: Inputs, at: Date): Promise<readonly PreflightProblem[]> {
  const { cluster, trees } = inputs
  const report = await auditTree({ nodes: trees, cluster }, { at, cluster })
  return report.findings
    .filter((finding) => finding.severity === 'error')
    .map(({ node, code, path, message, fix }) => ({
      host: node ?? cluster.name,
      level: 'error',
      check: 'audit',
      message: `${code}: ${path === undefined ? '' : `${path}: `}${message}`,
      ...(fix === undefined ? {} : { fix }),
    }))
}

/** One thing that is not as it must be. */
export interface PreflightProblem {
  readonly host: string
  readonly level: 'error' | 'warning'
  /** Stable name of the check. */
  readonly check: string
  readonly message: string
  readonly fix?: string
}

type PreflightFinding = Omit<PreflightProblem, 'host' | 'check'>
type PreflightCheck = (context: StepContext) => readonly PreflightFinding[]

const error = (message: string, fix?: string): PreflightFinding => ({
  level: 'error',
  message,
  ...(fix === undefined ? {} : { fix }),
})
const warning = (message: string, fix?: string): PreflightFinding => ({
  ...error(message, fix),
  level: 'warning',
})
const when = (bad: boolean, found: () => PreflightFinding): readonly PreflightFinding[] =>
  bad ? [found()] : []

const architectures = ['amd64', 'arm64']
const systems = ['ubuntu', 'debian']

/** Judged from facts alone, so every failure of every host is known before anything changes. */
const CHECKS: Readonly<Record<string, PreflightCheck>> = {
  root: ({ facts }) =>
    when(facts.value('uid') !== '0', () => error(`the script ran as uid ${facts.value('uid')}`)),
  system: ({ facts }) => [
    ...when(!systems.includes(facts.value('os')), () =>
      error(`the system is ${facts.value('os') || 'unknown'}`, 'use Ubuntu or Debian'),
    ),
    ...when(facts.value('systemd') !== 'yes', () => error('systemd is not running')),
    ...when(!architectures.includes(facts.value('architecture')), () =>
      error(`the architecture is ${facts.value('architecture')}`, 'use amd64 or arm64'),
    ),
    ...when(facts.value('dpkgBroken').trim() !== '', () =>
      warning(`dpkg was interrupted: ${facts.value('dpkgBroken')}`, 'kpki completes it'),
    ),
  ],
  size: ({ facts, node }) => {
    const level = node.role === 'control-plane' ? error : warning
    const cpus = Number(facts.value('cpus'))
    const memory = Math.floor(Number(facts.value('memoryKb')) / 1024)
    return [
      ...when(cpus < 2, () => level(`${cpus} CPU, a ${node.role} wants 2`)),
      ...when(memory < 1700, () => level(`${memory} MB of memory, a ${node.role} wants 1700`)),
    ]
  },
  disk: ({ facts }) =>
    facts.values('disk').flatMap((line) => {
      const [folder, kilobytes, inodes] = line.split(' ')
      const megabytes = Math.floor(Number(kilobytes) / 1024)
      const least = folder === '/var' ? 2048 : 100
      return [
        ...when(megabytes < least, () =>
          error(`${megabytes} MB free in ${folder}, ${least} are needed`),
        ),
        ...when(Number(inodes) > 0 && Number(inodes) < 1000, () =>
          error(`${inodes} inodes free in ${folder}`),
        ),
      ]
    }),
  clock: ({ facts }) => {
    const off = Math.round(facts.clockSkew)
    const direction = off > 0 ? 'ahead of' : 'behind'
    return when(!(Math.abs(facts.clockSkew) <= 30), () =>
      error(
        `the clock is ${Math.abs(off)} s ${direction} the operator's: certificates would not be valid there`,
        'switch on time synchronisation (timedatectl set-ntp true)',
      ),
    )
  },
  identity: (context) => {
    const { facts, node, peers } = context
    const same = (name: string) =>
      [...peers].filter(
        ([other, their]) =>
          other !== node.name &&
          facts.values(name).some((value) => value !== '' && their.values(name).includes(value)),
      )
    const names = (found: ReturnType<typeof same>) => found.map(([name]) => name).join(', ')
    const [mac, machine, product] = ['mac', 'machineId', 'productUuid'].map(same)
    return [
      ...when(!!mac?.length, () => error(`the MAC address is also that of ${names(mac ?? [])}`)),
      ...when(!!machine?.length, () =>
        error(
          `/etc/machine-id is also that of ${names(machine ?? [])}`,
          'remove it and run systemd-machine-id-setup',
        ),
      ),
      ...when(!!product?.length, () =>
        warning(`product_uuid is also that of ${names(product ?? [])}`),
      ),
      ...when(facts.value('productUuid') === '', () => warning('product_uuid can not be read')),
    ]
  },
  address: ({ facts, node }) => {
    const own = facts.values('address')
    const missing = node.addresses.filter((address) => !own.includes(address))
    return when(own.length > 0 && missing.length > 0, () =>
      error(
        `it has no address ${missing.join(', ')} (it has ${own.slice(0, 6).join(', ')})`,
        'see nodes[].address and ssh.host: is this the right machine?',
      ),
    )
  },
  hostname: (context) => {
    const { facts, node } = context
    const inCluster = facts.value('clientCertificate') === 'yes'
    return when(inCluster && facts.value('hostname') !== node.name, () =>
      error(
        `it is a node already, named ${facts.value('hostname')}; its certificates would not fit ${node.name}`,
        'give the node its old name in cluster.yaml, or drain and rebuild the machine',
      ),
    )
  },
  cgroup: ({ facts, cluster }) => {
    const minor = Number(cluster.release.version.minor.split('.')[1])
    return when(facts.value('cgroup') === '1' && minor >= 35, () =>
      error('the host uses cgroup v1, which kubelet 1.35 and later refuse', 'boot with cgroup v2'),
    )
  },
  ports: (context) => {
    const { facts, node } = context
    const wanted =
      node.role === 'control-plane' ? [node.bindPort, 2379, 2380, 10250, 10257, 10259] : [10250]
    const ours = /^(kubelet|kube-apiserver|kube-controller|kube-scheduler|etcd|kpki)/
    return facts
      .values('port')
      .map((line) => line.split(' '))
      .filter(([port, process = '']) => wanted.includes(Number(port)) && !ours.test(process))
      .map(([port, process]) => error(`port ${port} is in use${process ? ` by ${process}` : ''}`))
  },
  versions: ({ facts, cluster }) => {
    const version = cluster.release.version.text.slice(1)
    return ['kubelet', 'kubeadm', 'kubectl'].flatMap((name) => {
      const there = upstream(facts.packages.get(name))
      return when(there !== undefined && there !== version, () =>
        error(`${name} ${there} is installed, not ${version}`, 'provision changes no versions'),
      )
    })
  },
  repository: ({ facts, cluster, options }) => {
    const missing = !facts.packages.has('kubelet') || !facts.packages.has('kubeadm')
    return when(missing && !options.offline && facts.value('repository') !== 'yes', () =>
      error(
        `the package repository ${cluster.provision.packages.repository} can not be reached`,
        'open the way (https), set spec.packages.repository to a mirror, or use --offline with packages that apt already knows',
      ),
    )
  },
  membership: (context) => {
    const { facts, node } = context
    const mark = clusterMark(context)
    const other = facts
      .values('marker')
      .map((line) => line.split(' '))
      .find(([, hash]) => hash && hash !== mark)
    const partly = facts.value('clientCertificate') === 'yes' && facts.value('api') === 'ready'
    return [
      ...when(other !== undefined && !context.options.replaceCa.length, () =>
        error('it was set up by kpki for another cluster', 'rebuild the machine'),
      ),
      ...when(partly && !(initialised(context) || joined(context)) && node.initial, () =>
        warning('an interrupted kubeadm init is continued'),
      ),
    ]
  },
  secrets: ({ node, tree }) => {
    const own = /^var\/lib\/kubelet\/pki\/kubelet\.key$/
    const foreign = /\.key$|(^|\/)(admin|super-admin|controller-manager|scheduler)\.conf$/
    const paths = [...tree.keys()].filter((path) => foreign.test(path) && !own.test(path))
    return when(node.role === 'worker' && paths.length > 0, () =>
      error(`its files hold secrets that no worker may have: ${paths.slice(0, 5).join(', ')}`),
    )
  },
  files: (context) => planPush(context).refusals.map((message) => error(message)),
}

/** Everything that speaks against going on, on one host. */
export function judge(context: StepContext): readonly PreflightProblem[] {
  return Object.entries(CHECKS).flatMap(([check, find]) =>
    find(context).map((found) => ({ host: context.node.name, check, ...found })),
  )
}
