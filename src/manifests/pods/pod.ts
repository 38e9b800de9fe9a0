import { isObject, type JsonObject, shownText } from '../../values/json.js'
import { compareText } from '../../values/text.js'
import { commandLine, extraArguments, mergeArguments } from '../arguments.js'
import { clusterFlags } from '../flags.js'
import { imageOf } from '../images.js'
import type { Component, Site } from './components.js'
import { type ContainerProbes, PROBE_PORT, probesOf } from './probes.js'
import { type Mount, mergeMounts } from './volumes.js'

/** Kubernetes EnvVar objects with Kubernetes' defaults: the last one of a name counts, sorted by name. */
export function environmentOf(extra: readonly JsonObject[]): readonly JsonObject[] {
  const byName = new Map(
    extra.map((variable) => [shownText(variable.name), withDefaults(variable)]),
  )
  return [...byName].sort(([a], [b]) => compareText(a, b)).map(([, variable]) => variable)
}

function withDefaults(variable: JsonObject): JsonObject {
  const { value, ...rest } = variable
  const { valueFrom } = rest
  if (!isObject(valueFrom)) return value === '' ? rest : variable
  const { fieldRef, resourceFieldRef } = valueFrom
  return {
    ...variable,
    valueFrom: {
      ...valueFrom,
      ...(isObject(fieldRef) ? { fieldRef: { apiVersion: 'v1', ...fieldRef } } : {}),
      ...(isObject(resourceFieldRef)
        ? { resourceFieldRef: { divisor: '0', ...resourceFieldRef } }
        : {}),
    },
  }
}

type Volume = {
  readonly hostPath: { readonly path: string; readonly type: string }
  readonly name: string
}

type PodVolumeMount = {
  readonly mountPath: string
  readonly name: string
  readonly readOnly?: boolean
}

type Container = ContainerProbes & {
  readonly command: readonly string[]
  readonly env?: readonly JsonObject[]
  readonly image: string
  readonly imagePullPolicy: 'IfNotPresent'
  readonly name: string
  readonly ports?: readonly {
    readonly containerPort: number
    readonly name: string
    readonly protocol: 'TCP'
  }[]
  readonly resources: { readonly requests: { readonly cpu: string; readonly memory?: string } }
  readonly volumeMounts: readonly PodVolumeMount[]
}

/** A static pod of the control plane, with the fields that kubeadm gives it. */
export type StaticPod = {
  readonly apiVersion: 'v1'
  readonly kind: 'Pod'
  readonly metadata: {
    readonly annotations?: Readonly<Record<string, string>>
    readonly creationTimestamp?: null
    readonly labels: Readonly<Record<string, string>>
    readonly name: string
    readonly namespace: 'kube-system'
  }
  readonly spec: {
    readonly containers: readonly Container[]
    readonly hostNetwork: true
    readonly priority: number
    readonly priorityClassName: 'system-node-critical'
    readonly securityContext: { readonly seccompProfile: { readonly type: 'RuntimeDefault' } }
    readonly volumes: readonly Volume[]
  }
  readonly status: Readonly<Record<string, never>>
}

// The value of the class system-node-critical.
const PRIORITY = 2_000_001_000

/** The pod of a component on a node, before patches. */
export function podOf(component: Component, site: Site): StaticPod {
  const { name } = component
  const mounts = mergeMounts(component.mounts(site), component.extraVolumes(site.cluster))
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: {
      ...(component.annotations === undefined ? {} : { annotations: component.annotations(site) }),
      ...(site.cluster.release.creationTimestamp ? { creationTimestamp: null } : {}),
      labels: { component: name, tier: 'control-plane' },
      name,
      namespace: 'kube-system',
    },
    spec: {
      containers: [containerOf(component, site, mounts)],
      hostNetwork: true,
      priority: PRIORITY,
      priorityClassName: 'system-node-critical',
      securityContext: { seccompProfile: { type: 'RuntimeDefault' } },
      volumes: mounts.map(({ hostPath, pathType, name }) => ({
        hostPath: { path: hostPath, type: pathType },
        name,
      })),
    },
    status: {},
  }
}

function containerOf(component: Component, site: Site, mounts: readonly Mount[]): Container {
  const { name, requests } = component
  const { cluster } = site
  const env = environmentOf(component.extraEnvs(cluster))
  const { target, paths } = component.probe(site)
  return {
    command: [name, ...argumentsOf(component, site)],
    ...(env.length === 0 ? {} : { env }),
    image: imageOf(cluster, name),
    imagePullPolicy: 'IfNotPresent',
    name,
    ...(cluster.release.namedProbePorts
      ? { ports: [{ containerPort: target.port, name: PROBE_PORT, protocol: 'TCP' }] }
      : {}),
    ...probesOf(cluster, target, paths),
    resources: { requests },
    volumeMounts: (component.mountsInOrder ? component.mounts(site) : mounts).map(volumeMount),
  }
}

function argumentsOf(component: Component, site: Site): readonly string[] {
  const { cluster } = site
  const given = extraArguments(cluster, component.name)
  const extra = component.adjust?.(site, given) ?? given
  const defaults = { ...clusterFlags(cluster, component.name), ...component.flags(site) }
  return commandLine(mergeArguments(cluster.release.extraArgs, defaults, extra))
}

function volumeMount({ mountPath, name, readOnly }: Mount): PodVolumeMount {
  return { mountPath, name, ...(readOnly ? { readOnly } : {}) }
}
