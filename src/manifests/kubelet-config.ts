import { nthAddress } from '../cluster/addresses.js'
import type { Cluster, ClusterNode, Json, JsonObject } from '../cluster/cluster.js'
import { formatGoDuration, parseGoDuration } from '../cluster/durations.js'
import { isObject } from '../cluster/json.js'
import { gateEnabled, type Release } from '../releases.js'
import { isList, mergeObjects, objectAt, withoutEmpty } from './json.js'
import { applyPatches } from './patches.js'
import { MANIFESTS_DIR, pkiFile } from './paths.js'

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
    apiVersion: 'kubelet.config.k8s.io/v1beta1',
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
      x509: { clientCAFile: pkiFile(cluster, 'ca.crt') },
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
    staticPodPath: MANIFESTS_DIR,
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
