import type { Json, JsonObject } from '../cluster/cluster.js'
import { formatGoDuration } from '../cluster/durations.js'
import { isList, isObject, objectAt, withoutEmpty } from './json.js'

const CLUSTER_ONLY_V1BETA4 = [
  'encryptionAlgorithm',
  'certificateValidityPeriod',
  'caCertificateValidityPeriod',
  'proxy',
]
const COMPONENTS = ['apiServer', 'controllerManager', 'scheduler']

/**
 * A kubeadm document of v1beta4's fields in those of v1beta3. What v1beta3 has no word for is left out; extra
 * environment variables then come from patches.
 */
export function toV1beta3(document: JsonObject, componentTimeoutSeconds: number): JsonObject {
  switch (document.kind) {
    case 'ClusterConfiguration':
      return clusterConfiguration(document, componentTimeoutSeconds)
    case 'InitConfiguration':
      return nodeDocument(without(document, ['dryRun', 'timeouts']))
    case 'JoinConfiguration':
      return joinConfiguration(document)
    default:
      return document
  }
}

function clusterConfiguration(document: JsonObject, timeoutSeconds: number): JsonObject {
  const fields: Record<string, Json> = without(document, CLUSTER_ONLY_V1BETA4)
  for (const name of COMPONENTS) {
    const settings = fields[name]
    if (isObject(settings)) fields[name] = component(settings)
  }
  const { dns, etcd } = document
  if (isObject(dns)) fields.dns = without(dns, ['disabled'])
  if (isObject(etcd)) fields.etcd = etcdFields(etcd)
  const timeoutForControlPlane = formatGoDuration(timeoutSeconds * 1000)
  return { ...fields, apiServer: { ...objectAt(fields, 'apiServer'), timeoutForControlPlane } }
}

function component(settings: JsonObject): JsonObject {
  return mapped(without(settings, ['extraEnvs']), 'extraArgs')
}

function etcdFields({ local, external }: JsonObject): JsonObject {
  return withoutEmpty({
    local: isObject(local) ? component(local) : undefined,
    external: isObject(external) ? without(external, ['httpEndpoints']) : undefined,
  })
}

function joinConfiguration(document: JsonObject): JsonObject {
  const timeout = objectAt(document, 'timeouts').discovery
  const discovery = objectAt(document, 'discovery')
  return nodeDocument({
    ...without(document, ['dryRun', 'timeouts']),
    discovery: timeout === undefined ? discovery : { ...discovery, timeout },
  })
}

function nodeDocument(document: JsonObject): JsonObject {
  const registration = without(objectAt(document, 'nodeRegistration'), ['imagePullSerial'])
  return { ...document, nodeRegistration: mapped(registration, 'kubeletExtraArgs') }
}

// A list of {name, value} becomes a map; the last one of a name counts.
function mapped(parent: JsonObject, key: string): JsonObject {
  const list = parent[key]
  if (!isList(list)) return parent
  const entries = list
    .filter(isObject)
    .map(({ name, value }) => [String(name), value ?? ''] as const)
  return { ...parent, [key]: Object.fromEntries(entries) }
}

function without(object: JsonObject, keys: readonly string[]): JsonObject {
  return Object.fromEntries(Object.entries(object).filter(([key]) => !keys.includes(key)))
}
