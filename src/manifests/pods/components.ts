import {
  type Argument,
  type Cluster,
  type ClusterNode,
  controlPlanes,
  type ExtraVolume,
  type LocalEtcd,
} from '../../cluster/cluster.js'
import type { ProbePaths } from '../../releases/features.js'
import { formatEndpoint } from '../../values/addresses.js'
import type { JsonObject } from '../../values/json.js'
import { argumentValue } from '../arguments.js'
import { advertised, etcdClientUrl, etcdPeerUrl, localhostOf } from '../endpoints.js'
import { type DefaultFlags, pathOf, type StaticPodName } from '../flags.js'
import { etcdTag } from '../images.js'
import { etcdTarget, type ProbeTarget, secureTarget } from './probes.js'
import {
  certificateMounts,
  etcdMounts,
  externalEtcdMounts,
  flexvolumeMount,
  kubeconfigMount,
  type Mount,
} from './volumes.js'

/**
 * How several stacked etcd members come to life:
 * `one-by-one` as kubeadm does it, the first alone and each further one joining those before it (it has to be
 * announced with `etcdctl member add` first);
 * `together` all at once, every member knowing all of them from the start.
 */
export type EtcdStart = 'one-by-one' | 'together'

/** The node that a static pod is made for. */
export interface Site {
  readonly cluster: Cluster
  readonly node: ClusterNode
  readonly etcdStart: EtcdStart
}

/** One static pod of the control plane, as a row. */
export interface Component {
  readonly name: StaticPodName
  /** kubeadm's defaults beyond those of the table of flags. */
  readonly flags: (site: Site) => DefaultFlags
  /** The user's arguments as kubeadm passes them on, where it changes any. */
  readonly adjust?: (site: Site, extra: readonly Argument[]) => readonly Argument[]
  readonly mounts: (site: Site) => readonly Mount[]
  /** The mounts keep their order; else they are sorted by name. */
  readonly mountsInOrder?: true
  readonly extraVolumes: (cluster: Cluster) => readonly ExtraVolume[]
  readonly extraEnvs: (cluster: Cluster) => readonly JsonObject[]
  readonly probe: (site: Site) => { readonly target: ProbeTarget; readonly paths: ProbePaths }
  readonly requests: { readonly cpu: string; readonly memory?: string }
  readonly annotations?: (site: Site) => Readonly<Record<string, string>>
}

const AUTHORIZATION_MODES = ['Node', 'RBAC', 'Webhook', 'ABAC', 'AlwaysAllow', 'AlwaysDeny']
const AUTHORIZATION_MODE = 'authorization-mode'

export const API_SERVER: Component = {
  name: 'kube-apiserver',
  flags: servingFlags,
  adjust: ({ cluster }, extra) =>
    cluster.release.authorizationMode === 'filtered' ? extra.map(filterModes) : extra,
  mounts: ({ cluster }) => [...certificateMounts(cluster), ...externalEtcdMounts(cluster)],
  extraVolumes: (cluster) => cluster.apiServer.extraVolumes,
  extraEnvs: (cluster) => cluster.apiServer.extraEnvs,
  probe: ({ node }) => ({
    target: secureTarget(advertised(node), node.bindPort),
    paths: { liveness: '/livez', readiness: '/readyz', startup: '/livez' },
  }),
  requests: { cpu: '250m' },
  annotations: ({ node }) => ({
    'kubeadm.kubernetes.io/kube-apiserver.advertise-address.endpoint': formatEndpoint({
      host: advertised(node),
      port: node.bindPort,
    }),
  }),
}

function servingFlags({ cluster, node }: Site): DefaultFlags {
  const { serviceSubnets, dnsDomain } = cluster.networking
  return {
    'advertise-address': advertised(node),
    'allow-privileged': 'true',
    'enable-admission-plugins': 'NodeRestriction',
    'etcd-servers': etcdServers(cluster, node),
    'kubelet-preferred-address-types': 'InternalIP,ExternalIP,Hostname',
    'secure-port': String(node.bindPort),
    'service-account-issuer': `https://kubernetes.default.svc.${dnsDomain}`,
    'service-cluster-ip-range': serviceSubnets.join(','),
  }
}

function etcdServers({ etcd }: Cluster, node: ClusterNode): string {
  if (etcd.kind === 'external') return etcd.endpoints.join(',')
  return argumentValue(etcd.extraArgs, 'advertise-client-urls') ?? etcdClientUrl(localhostOf(node))
}

function filterModes(argument: Argument): Argument {
  if (argument.name !== AUTHORIZATION_MODE) return argument
  const known = argument.value.split(',').filter((mode) => AUTHORIZATION_MODES.includes(mode))
  return { ...argument, value: known.join(',') || 'Node,RBAC' }
}

const BIND_ADDRESS = '127.0.0.1'
const LOCAL_LEADER: DefaultFlags = { 'bind-address': BIND_ADDRESS, 'leader-elect': 'true' }

export const CONTROLLER_MANAGER: Component = {
  name: 'kube-controller-manager',
  flags: ({ cluster }) => ({
    ...LOCAL_LEADER,
    ...podNetworkFlags(cluster),
    'cluster-name': cluster.clusterName,
    controllers: '*,bootstrapsigner,tokencleaner',
    'use-service-account-credentials': 'true',
  }),
  mounts: ({ cluster }) => [
    ...certificateMounts(cluster),
    kubeconfigMount(pathOf(cluster, 'controller-manager.conf')),
    ...flexvolumes(cluster),
  ],
  extraVolumes: (cluster) => cluster.controllerManager.extraVolumes,
  extraEnvs: (cluster) => cluster.controllerManager.extraEnvs,
  probe: ({ cluster }) => ({
    target: secureTarget(bindAddress(cluster.controllerManager), 10257),
    paths: { liveness: '/healthz', startup: '/healthz' },
  }),
  requests: { cpu: '200m' },
}

export const SCHEDULER: Component = {
  name: 'kube-scheduler',
  flags: () => LOCAL_LEADER,
  mounts: ({ cluster }) => [kubeconfigMount(pathOf(cluster, 'scheduler.conf'))],
  extraVolumes: (cluster) => cluster.scheduler.extraVolumes,
  extraEnvs: (cluster) => cluster.scheduler.extraEnvs,
  probe: ({ cluster }) => ({
    target: secureTarget(bindAddress(cluster.scheduler), 10259),
    paths: cluster.release.schedulerProbes,
  }),
  requests: { cpu: '100m' },
}

function podNetworkFlags({ networking }: Cluster): DefaultFlags {
  if (networking.podSubnets.length === 0) return {}
  return {
    'allocate-node-cidrs': 'true',
    'cluster-cidr': networking.podSubnets.join(','),
    'service-cluster-ip-range': networking.serviceSubnets.join(','),
  }
}

function flexvolumes({ release, controllerManager }: Cluster) {
  if (!release.flexvolumeMount) return []
  return [flexvolumeMount(argumentValue(controllerManager.extraArgs, 'flex-volume-plugin-dir'))]
}

function bindAddress(settings: Cluster['scheduler']): string {
  return argumentValue(settings.extraArgs, 'bind-address') ?? BIND_ADDRESS
}

/** A stacked etcd member; with external etcd there is no such pod. */
export const ETCD: Component = {
  name: 'etcd',
  flags: (site) => ({
    ...memberFlags(site),
    ...guardFlags(site.cluster),
    ...membershipFlags(site),
  }),
  mounts: ({ cluster }) => etcdMounts(cluster, local(cluster)?.dataDir ?? ''),
  mountsInOrder: true,
  extraVolumes: () => [],
  extraEnvs: (cluster) => local(cluster)?.extraEnvs ?? [],
  probe: ({ cluster, node }) => ({
    target: etcdTarget(localhostOf(node), local(cluster)?.extraArgs ?? []),
    paths: cluster.release.etcdProbes,
  }),
  requests: { cpu: '100m', memory: '100Mi' },
  annotations: ({ node }) => ({
    'kubeadm.kubernetes.io/etcd.advertise-client-urls': etcdClientUrl(advertised(node)),
  }),
}

function local({ etcd }: Cluster): LocalEtcd | undefined {
  return etcd.kind === 'local' ? etcd : undefined
}

function memberFlags({ cluster, node }: Site): DefaultFlags {
  const address = advertised(node)
  const localhost = localhostOf(node)
  return {
    'advertise-client-urls': etcdClientUrl(address),
    'data-dir': local(cluster)?.dataDir ?? '',
    'initial-advertise-peer-urls': etcdPeerUrl(address),
    'listen-client-urls': `${etcdClientUrl(localhost)},${etcdClientUrl(address)}`,
    'listen-metrics-urls': `http://${formatEndpoint({ host: localhost, port: 2381 })}`,
    'listen-peer-urls': etcdPeerUrl(address),
    name: node.name,
    'snapshot-count': '10000',
  }
}

// Corruption check at start, and progress notifications for watches.
function guardFlags(cluster: Cluster): DefaultFlags {
  const { etcdFlags } = cluster.release
  const current = etcdFlags === 'current' || (etcdFlags === 'by-tag' && hasStableFlags(cluster))
  return current
    ? { 'feature-gates': 'InitialCorruptCheck=true', 'watch-progress-notify-interval': '5s' }
    : {
        'experimental-initial-corrupt-check': 'true',
        'experimental-watch-progress-notify-interval': '5s',
      }
}

// etcd 3.6.0 or newer; a pre-release of 3.6.0 (`3.6.0-0`) and a tag that is no version count as older, as in kubeadm.
function hasStableFlags(cluster: Cluster): boolean {
  const match = /^v?(\d+)\.(\d+)\.(\d+)(-?)/.exec(etcdTag(cluster))
  const [major = 0, minor = 0, patch = 0] = match?.slice(1, 4).map(Number) ?? []
  if (major !== 3) return major > 3
  return minor > 6 || (minor === 6 && (patch > 0 || match?.[4] === ''))
}

function membershipFlags({ cluster, node, etcdStart }: Site): DefaultFlags {
  const planes = controlPlanes(cluster)
  const upTo = planes.findIndex((plane) => plane.name === node.name) + 1
  const members = etcdStart === 'together' ? planes : planes.slice(0, upTo)
  const initialCluster = members
    .map((member) => `${member.name}=${etcdPeerUrl(advertised(member))}`)
    .join(',')
  return {
    'initial-cluster': initialCluster,
    ...(etcdStart === 'one-by-one' && upTo > 1 ? { 'initial-cluster-state': 'existing' } : {}),
  }
}
