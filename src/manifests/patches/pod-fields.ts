import { isList, isObject, type Json, type JsonObject, shownText } from '../../values/json.js'
import type { MergeSchema } from './strategic-merge.js'

const SUFFIXES = ['n', 'u', 'm', '', 'k', 'M', 'G', 'T', 'P', 'E']
const BINARY_SUFFIXES = ['', 'Ki', 'Mi', 'Gi', 'Ti', 'Pi', 'Ei']
const NANO = 1_000_000_000n

/** A Kubernetes quantity in its canonical form: `0.5` is `500m`, `1024Mi` is `1Gi`. Other text stays as it is. */
export function canonicalQuantity(text: string): string {
  const match = /^([+-]?)(\d*)(?:\.(\d{0,9}))?([numkMGTPE]|[KMGTPE]i)?$/.exec(text.trim())
  const [, sign = '', whole = '', fraction = '', suffix = ''] = match ?? []
  if (match === null || whole + fraction === '') return text
  const nanos = BigInt(`${whole || '0'}${fraction.padEnd(9, '0')}`)
  const power = BINARY_SUFFIXES.indexOf(suffix)
  const magnitude =
    suffix !== '' && power > 0
      ? binary(nanos * 1024n ** BigInt(power))
      : decimal(scaled(nanos, SUFFIXES.indexOf(suffix)))
  return `${sign === '-' && magnitude !== '0' ? '-' : ''}${magnitude}`
}

// Smaller than a billionth is rounded up.
function scaled(nanos: bigint, suffix: number): bigint {
  if (suffix >= 3) return nanos * 1000n ** BigInt(suffix - 3)
  const divisor = 1000n ** BigInt(3 - suffix)
  return (nanos + divisor - 1n) / divisor
}

function decimal(nanos: bigint): string {
  if (nanos === 0n) return '0'
  let value = nanos
  let suffix = 0
  while (value % 1000n === 0n && suffix < SUFFIXES.length - 1) {
    value /= 1000n
    suffix += 1
  }
  return `${value}${SUFFIXES[suffix]}`
}

function binary(nanos: bigint): string {
  if (nanos < 1024n * NANO) return decimal(nanos)
  let value = (nanos + NANO - 1n) / NANO
  let suffix = 0
  while (value % 1024n === 0n && suffix < BINARY_SUFFIXES.length - 1) {
    value /= 1024n
    suffix += 1
  }
  return `${value}${BINARY_SUFFIXES[suffix]}`
}

const CONTAINERS: MergeSchema = {
  key: 'name',
  members: {
    ports: { key: 'containerPort' },
    env: { key: 'name' },
    volumeMounts: { key: 'mountPath' },
    volumeDevices: { key: 'devicePath' },
  },
}

/** The lists of a Pod that strategic merge patches merge (`patchMergeKey` of Kubernetes' core/v1 types). */
export const POD_SCHEMA: MergeSchema = {
  members: {
    metadata: {
      members: { finalizers: { key: '' }, ownerReferences: { key: 'uid' } },
    },
    spec: {
      members: {
        containers: CONTAINERS,
        initContainers: CONTAINERS,
        ephemeralContainers: CONTAINERS,
        volumes: { key: 'name' },
        imagePullSecrets: { key: 'name' },
        hostAliases: { key: 'ip' },
        topologySpreadConstraints: { key: 'topologyKey' },
        schedulingGates: { key: 'name' },
        resourceClaims: { key: 'name' },
      },
    },
  },
}

// Fields whose zero value the Kubernetes types leave out, or keep though they are empty.
const OMITTED_WHEN_FALSE = [
  'hostNetwork',
  'hostPID',
  'hostIPC',
  'stdin',
  'stdinOnce',
  'tty',
  'readOnly',
]
const OMITTED_WHEN_ZERO = [
  'initialDelaySeconds',
  'timeoutSeconds',
  'periodSeconds',
  'successThreshold',
  'failureThreshold',
  'hostPort',
]
const MAPS = [
  'labels',
  'annotations',
  'nodeSelector',
  'limits',
  'requests',
  'matchLabels',
  'overhead',
]
const KEPT_WHEN_EMPTY = ['containers', 'sources', 'type', 'name', 'mountPath', 'path', 'key']
const QUANTITIES = ['limits', 'requests', 'overhead']
const SINGLE_QUANTITIES = ['sizeLimit', 'divisor']
const CONTAINER_LISTS = ['containers', 'initContainers', 'ephemeralContainers']

/** A patched Pod as it looks after a round trip through Kubernetes' types, which is how kubeadm writes it. */
export function tidyPod(pod: JsonObject, creationTimestamp: boolean): JsonObject {
  const tidied = tidyObject(pod)
  const metadata = tidied.metadata
  return {
    ...tidied,
    metadata: {
      ...(isObject(metadata) ? metadata : {}),
      ...(creationTimestamp ? { creationTimestamp: null } : {}),
    },
    status: {},
  }
}

function tidyObject(object: JsonObject): JsonObject {
  const fields: Record<string, Json> = {}
  for (const [key, value] of Object.entries(object)) {
    const tidied = tidy(value, key)
    if (tidied !== undefined) fields[key] = tidied
  }
  return fields
}

function tidy(value: Json, key: string): Json | undefined {
  if (isList(value)) {
    if (value.length === 0) return KEPT_WHEN_EMPTY.includes(key) ? value : undefined
    const items = value.map((item) => (isObject(item) ? tidyObject(item) : item))
    return CONTAINER_LISTS.includes(key) ? items.map(withResources) : items
  }
  if (isObject(value)) {
    if (MAPS.includes(key) && Object.keys(value).length === 0) return undefined
    return QUANTITIES.includes(key) ? quantities(value) : tidyObject(value)
  }
  if (SINGLE_QUANTITIES.includes(key)) return canonicalQuantity(shownText(value))
  const omitted =
    value === null ||
    (value === '' && !KEPT_WHEN_EMPTY.includes(key)) ||
    (value === false && OMITTED_WHEN_FALSE.includes(key)) ||
    (value === 0 && OMITTED_WHEN_ZERO.includes(key))
  return omitted ? undefined : value
}

function quantities(resources: JsonObject): JsonObject {
  return Object.fromEntries(
    Object.entries(resources).map(([name, value]) => [name, canonicalQuantity(shownText(value))]),
  )
}

function withResources(container: Json): Json {
  return isObject(container) && container.resources === undefined
    ? { ...container, resources: {} }
    : container
}
