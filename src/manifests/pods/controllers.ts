import type { Cluster } from '../../cluster/cluster.js'
import { argumentValue } from '../arguments.js'
import { type DefaultFlags, pathOf } from '../flags.js'
import type { Component } from './component.js'
import { secureTarget } from './probes.js'
import { certificateMounts, flexvolumeMount, kubeconfigMount } from './volumes.js'

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
