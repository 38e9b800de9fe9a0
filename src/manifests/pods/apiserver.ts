import type { Argument, Cluster, ClusterNode } from '../../cluster/cluster.js'
import { formatEndpoint } from '../../values/addresses.js'
import { argumentValue } from '../arguments.js'
import { advertised, etcdClientUrl, localhostOf } from '../endpoints.js'
import type { DefaultFlags } from '../flags.js'
import type { Component, Site } from './component.js'
import { secureTarget } from './probes.js'
import { certificateMounts, externalEtcdMounts } from './volumes.js'

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
