import type { Argument, Cluster } from '../../cluster/cluster.js'
import { advertised, etcdClientUrl, hostPort, localhostOf } from '../endpoints.js'
import { argumentValue, type DefaultFlags } from '../flags.js'
import { pkiFile } from '../paths.js'
import type { Component, Site } from './component.js'
import { secureTarget } from './probes.js'
import { certificateMounts, externalEtcdMounts } from './volumes.js'

const AUTHORIZATION_MODES = ['Node', 'RBAC', 'Webhook', 'ABAC', 'AlwaysAllow', 'AlwaysDeny']
const AUTHORIZATION_MODE = 'authorization-mode'

export const API_SERVER: Component = {
  name: 'kube-apiserver',
  flags: (site) => ({
    ...commonFlags(site),
    ...etcdClientFlags(site),
    ...authorizationFlags(site.cluster),
  }),
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

function commonFlags({ cluster, node }: Site): DefaultFlags {
  const { serviceSubnets, dnsDomain } = cluster.networking
  return {
    'advertise-address': advertised(node),
    'allow-privileged': 'true',
    'client-ca-file': pkiFile(cluster, 'ca.crt'),
    'enable-admission-plugins': 'NodeRestriction',
    'enable-bootstrap-token-auth': 'true',
    'kubelet-client-certificate': pkiFile(cluster, 'apiserver-kubelet-client.crt'),
    'kubelet-client-key': pkiFile(cluster, 'apiserver-kubelet-client.key'),
    'kubelet-preferred-address-types': 'InternalIP,ExternalIP,Hostname',
    'proxy-client-cert-file': pkiFile(cluster, 'front-proxy-client.crt'),
    'proxy-client-key-file': pkiFile(cluster, 'front-proxy-client.key'),
    'requestheader-allowed-names': 'front-proxy-client',
    'requestheader-client-ca-file': pkiFile(cluster, 'front-proxy-ca.crt'),
    'requestheader-extra-headers-prefix': 'X-Remote-Extra-',
    'requestheader-group-headers': 'X-Remote-Group',
    'requestheader-username-headers': 'X-Remote-User',
    'secure-port': String(node.bindPort),
    'service-account-issuer': `https://kubernetes.default.svc.${dnsDomain}`,
    'service-account-key-file': pkiFile(cluster, 'sa.pub'),
    'service-account-signing-key-file': pkiFile(cluster, 'sa.key'),
    'service-cluster-ip-range': serviceSubnets.join(','),
    'tls-cert-file': pkiFile(cluster, 'apiserver.crt'),
    'tls-private-key-file': pkiFile(cluster, 'apiserver.key'),
  }
}

function etcdClientFlags({ cluster, node }: Site): DefaultFlags {
  const { etcd } = cluster
  if (etcd.kind === 'external') {
    const { caFile, certFile, keyFile } = etcd
    const identified = certFile !== '' && keyFile !== ''
    return {
      'etcd-servers': etcd.endpoints.join(','),
      ...(caFile === '' ? {} : { 'etcd-cafile': caFile }),
      ...(identified ? { 'etcd-certfile': certFile, 'etcd-keyfile': keyFile } : {}),
    }
  }
  const advertisedUrls = argumentValue(etcd.extraArgs, 'advertise-client-urls')
  return {
    'etcd-servers': advertisedUrls ?? etcdClientUrl(localhostOf(node)),
    'etcd-cafile': pkiFile(cluster, 'etcd/ca.crt'),
    'etcd-certfile': pkiFile(cluster, 'apiserver-etcd-client.crt'),
    'etcd-keyfile': pkiFile(cluster, 'apiserver-etcd-client.key'),
  }
}

function authorizationFlags({ release, apiServer }: Cluster): DefaultFlags {
  const structured = argumentValue(apiServer.extraArgs, 'authorization-config') !== undefined
  if (structured && release.authorizationMode === 'verbatim') return {}
  return { [AUTHORIZATION_MODE]: 'Node,RBAC' }
}

function filterModes(argument: Argument): Argument {
  if (argument.name !== AUTHORIZATION_MODE) return argument
  const known = argument.value.split(',').filter((mode) => AUTHORIZATION_MODES.includes(mode))
  return { ...argument, value: known.join(',') || 'Node,RBAC' }
}
