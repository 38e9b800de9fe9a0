import type { Cluster } from '../../cluster/cluster.js'
import { argumentValue, type DefaultFlags } from '../flags.js'
import { KUBERNETES_DIR, pkiFile } from '../paths.js'
import type { Component } from './component.js'
import { secureTarget } from './probes.js'
import { certificateMounts, flexvolumeMount, kubeconfigMount } from './volumes.js'

const BIND_ADDRESS = '127.0.0.1'

export const CONTROLLER_MANAGER: Component = {
  name: 'kube-controller-manager',
  flags: ({ cluster }) => ({
    ...kubeconfigFlags('controller-manager'),
    ...podNetworkFlags(cluster),
    'client-ca-file': pkiFile(cluster, 'ca.crt'),
    'cluster-name': cluster.clusterName,
    'cluster-signing-cert-file': pkiFile(cluster, 'ca.crt'),
    'cluster-signing-key-file': pkiFile(cluster, 'ca.key'),
    controllers: '*,bootstrapsigner,tokencleaner',
    'requestheader-client-ca-file': pkiFile(cluster, 'front-proxy-ca.crt'),
    'root-ca-file': pkiFile(cluster, 'ca.crt'),
    'service-account-private-key-file': pkiFile(cluster, 'sa.key'),
    'use-service-account-credentials': 'true',
  }),
  mounts: ({ cluster }) => [
    ...certificateMounts(cluster),
    kubeconfigMount(kubeconfig('controller-manager')),
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
  flags: () => kubeconfigFlags('scheduler'),
  mounts: () => [kubeconfigMount(kubeconfig('scheduler'))],
  extraVolumes: (cluster) => cluster.scheduler.extraVolumes,
  extraEnvs: (cluster) => cluster.scheduler.extraEnvs,
  probe: ({ cluster }) => ({
    target: secureTarget(bindAddress(cluster.scheduler), 10259),
    paths: cluster.release.schedulerProbes,
  }),
  requests: { cpu: '100m' },
}

function kubeconfig(name: string): string {
  return `${KUBERNETES_DIR}/${name}.conf`
}

function kubeconfigFlags(name: string): DefaultFlags {
  const path = kubeconfig(name)
  return {
    'authentication-kubeconfig': path,
    'authorization-kubeconfig': path,
    'bind-address': BIND_ADDRESS,
    kubeconfig: path,
    'leader-elect': 'true',
  }
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
