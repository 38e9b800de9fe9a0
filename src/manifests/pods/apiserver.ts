import type { Argument, Cluster, ClusterNode } from '../../cluster/cluster.js'
import { argumentValue } from '../arguments.js'
import { advertised, etcdClientUrl, hostPort, localhostOf } from '../endpoints.js'
import { clusterFlags, type DefaultFlags } from '../flags.js'
import type { Component, Site } from './component.js'
import { secureTarget } from './probes.js'
import { certificateMounts, externalEtcdMounts } from './volumes.js'

const AUTHORIZATION_MODES = ['Node', 'RBAC', 'Webhook', 'ABAC', 'AlwaysAllow', 'AlwaysDeny']
const AUTHORIZATION_MODE = 'authorization-mode'

export const API_SERVER: Component = {
  name: 'kube-apiserver',
  flags: (site) => ({ ...trustFlags(site.cluster), ...servingFlags(site) }),
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
    'kubeadm.kubernetes.io/kube-apiserver.advertise-address.endpoint': hostPort(
      advertised(node),
      node.bindPort,
    ),
  }),
}

// With an authorization configuration newer releases of kubeadm leave the modes out.
function trustFlags(cluster: Cluster): DefaultFlags {
  const { [AUTHORIZATION_MODE]: modes = '', ...flags } = clusterFlags(cluster, 'kube-apiserver')
  const structured =
    argumentValue(cluster.apiServer.extraArgs, 'authorization-config') !== undefined
  return structured && cluster.release.authorizationMode === 'verbatim'
    ? flags
    : { ...flags, [AUTHORIZATION_MODE]: modes }
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
