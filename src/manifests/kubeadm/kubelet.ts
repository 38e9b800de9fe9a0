import { authorityFiles, KUBELET_DIR, MANIFESTS_DIR } from '../../certs/paths.js'
import type { Cluster, ClusterNode, Taint } from '../../cluster/cluster.js'
import { DOCUMENTS } from '../../cluster/kubeadm/schema.js'
import { type FileEntry, file } from '../../files/tree.js'
import { dumpYaml } from '../../files/yaml/dump.js'
import type { Release } from '../../releases/features.js'
import { gateEnabled } from '../../releases/releases.js'
import { nthAddress } from '../../values/addresses.js'
import {
  isList,
  isObject,
  type Json,
  type JsonObject,
  mergeObjects,
  objectAt,
  withoutEmpty,
} from '../../values/json.js'
import { onNode } from '../../values/paths.js'
import { formatGoDuration, parseGoDuration } from '../../values/time.js'
import { commandLine, mergeArguments } from '../arguments.js'
import type { DefaultFlags } from '../flags.js'
import { imageOf } from '../images.js'
import { applyPatches } from '../patches/patches.js'

const RESOLVED = '/run/systemd/resolve/resolv.conf'

const DURATIONS = [
  'cpuManagerReconcilePeriod',
  'evictionPressureTransitionPeriod',
  'fileCheckFrequency',
  'httpCheckFrequency',
  'imageMinimumGCAge',
  'nodeStatusReportFrequency',
  'nodeStatusUpdateFrequency',
  'runtimeRequestTimeout',
  'shutdownGracePeriod',
  'shutdownGracePeriodCriticalPods',
  'streamingConnectionIdleTimeout',
  'syncFrequency',
  'volumeStatsAggPeriod',
]
const OPTIONAL_DURATIONS = ['cpuCFSQuotaPeriod', 'containerLogMonitorInterval', 'imageMaximumGCAge']

// Fields that Go leaves out when they are zero or false.
const OMITTED_ZEROS = [
  'enableContentionProfiling',
  'eventBurst',
  'evictionMaxPodGracePeriod',
  'kernelMemcgNotification',
  'kubeAPIBurst',
  'maxOpenFiles',
  'maxPods',
  'nodeLeaseDurationSeconds',
  'podsPerCore',
  'port',
  'protectKernelDefaults',
  'readOnlyPort',
  'registryBurst',
  'runOnce',
  'serverTLSBootstrap',
]

/**
 * The kubelet's configuration of a node: the user's KubeletConfiguration, kubeadm's defaults where it says nothing,
 * `rotateCertificates` always, the zero values that Go writes, then patches.
 */
export function kubeletConfiguration(cluster: Cluster, node: ClusterNode): JsonObject {
  const user = written(cluster.kubeadm.kubeletConfiguration)
  const merged = mergeObjects(mergeObjects(zeroValues(cluster.release), defaults(cluster)), user)
  const config = applyPatches(cluster, 'kubeletconfiguration', {
    ...merged,
    apiVersion: DOCUMENTS.kubelet.apiVersion,
    kind: 'KubeletConfiguration',
    rotateCertificates: true,
  })
  return socketInConfig(cluster) ? { ...config, containerRuntimeEndpoint: node.criSocket } : config
}

/** The container runtime's socket is in the kubelet's configuration, not in its flags. */
export function socketInConfig({ release, featureGates }: Cluster): boolean {
  return gateEnabled(release, featureGates, 'NodeLocalCRISocket', release.nodeLocalCriSocket)
}

function defaults(cluster: Cluster): JsonObject {
  const [service] = cluster.networking.serviceSubnets
  const { clusterDNS } = cluster.kubeadm.kubeletConfiguration
  return {
    authentication: {
      anonymous: { enabled: false },
      webhook: { enabled: true },
      x509: { clientCAFile: onNode(authorityFiles(cluster, 'ca').certificate) },
    },
    authorization: { mode: 'Webhook' },
    cgroupDriver: 'systemd',
    ...(service === undefined || isList(clusterDNS)
      ? {}
      : { clusterDNS: [nthAddress(service, 10)] }),
    clusterDomain: cluster.networking.dnsDomain,
    healthzBindAddress: '127.0.0.1',
    healthzPort: 10248,
    ...(cluster.hostOs === 'ubuntu' ? { resolvConf: RESOLVED } : {}),
    staticPodPath: onNode(MANIFESTS_DIR),
  }
}

function zeroValues({ kubeletConfigKeys }: Release): JsonObject {
  const buffer = { infoBufferSize: '0' }
  const text = kubeletConfigKeys.includes('logging.options.text') ? { text: buffer } : {}
  return {
    authentication: { webhook: { cacheTTL: '0s' } },
    authorization: { webhook: { cacheAuthorizedTTL: '0s', cacheUnauthorizedTTL: '0s' } },
    containerRuntimeEndpoint: '',
    ...(kubeletConfigKeys.includes('crashLoopBackOff') ? { crashLoopBackOff: {} } : {}),
    ...(kubeletConfigKeys.includes('imageMaximumGCAge') ? { imageMaximumGCAge: '0s' } : {}),
    logging: { flushFrequency: 0, options: { json: buffer, ...text }, verbosity: 0 },
    memorySwap: {},
    ...Object.fromEntries(DURATIONS.map((name) => [name, '0s'])),
  }
}

// A user's document as Go writes it back: durations in full, nothing that is empty or the zero value.
function written(user: JsonObject): JsonObject {
  const config: Record<string, Json> = {}
  for (const [key, value] of Object.entries(user)) {
    const isZero = value === 0 || value === false
    if (isZero && OMITTED_ZEROS.includes(key)) continue
    const isDuration = DURATIONS.includes(key) || OPTIONAL_DURATIONS.includes(key)
    config[key] = isDuration ? duration(value) : value
  }
  const webhooks = { authentication: ['cacheTTL'], authorization: AUTHORIZATION_TTLS }
  for (const [key, names] of Object.entries(webhooks)) {
    const parent = config[key]
    if (!isObject(parent)) continue
    const webhook = { ...objectAt(parent, 'webhook') }
    for (const name of names) {
      const value = webhook[name]
      if (value !== undefined) webhook[name] = duration(value)
    }
    config[key] = withoutEmpty({ ...parent, webhook })
  }
  return withoutEmpty(config)
}

const AUTHORIZATION_TTLS = ['cacheAuthorizedTTL', 'cacheUnauthorizedTTL']

function duration(value: Json): Json {
  const milliseconds = typeof value === 'string' ? parseGoDuration(value) : undefined
  return milliseconds === undefined ? value : formatGoDuration(milliseconds)
}

/**
 * The kubelet's files of a node as `kubeadm init` and `kubeadm join` write them: `config.yaml`, `kubeadm-flags.env`
 * and, where the release has it, `instance-config.yaml`.
 */
export function kubeletFiles(cluster: Cluster, node: ClusterNode): readonly FileEntry[] {
  const entry = (name: string, text: string) => file(`${KUBELET_DIR}/${name}`, text, 0o644)
  return [
    entry('config.yaml', dumpYaml(kubeletConfiguration(cluster, node))),
    entry('kubeadm-flags.env', kubeletEnvironment(cluster, node)),
    ...(socketInConfig(cluster)
      ? [entry('instance-config.yaml', `containerRuntimeEndpoint: ${quoted(node.criSocket)}\n`)]
      : []),
  ]
}

/** The line of `kubeadm-flags.env`. */
export function kubeletEnvironment(cluster: Cluster, node: ClusterNode): string {
  const merged = mergeArguments(
    cluster.release.extraArgs,
    kubeletFlags(cluster, node),
    node.kubeletExtraArgs,
  )
  return `KUBELET_KUBEADM_ARGS=${quoted(commandLine(merged).join(' '))}\n`
}

function kubeletFlags(cluster: Cluster, node: ClusterNode): DefaultFlags {
  const { taints = [] } = node
  const flags: Record<string, string> = {}
  if (!socketInConfig(cluster)) flags['container-runtime-endpoint'] = node.criSocket
  if (cluster.release.pauseImageFlag) flags['pod-infra-container-image'] = imageOf(cluster, 'pause')
  // Control planes are tainted by kubeadm itself once they run.
  if (node.role === 'worker' && taints.length > 0) {
    flags['register-with-taints'] = taints.map(taintText).join(',')
  }
  if (cluster.hostnameOverride) flags['hostname-override'] = node.name
  return flags
}

function taintText({ key, value = '', effect }: Taint): string {
  const pair = value === '' ? key : `${key}=${value}`
  return effect === '' ? pair : `${pair}:${effect}`
}

// As Go's %q writes printable text.
function quoted(text: string): string {
  return JSON.stringify(text)
}
