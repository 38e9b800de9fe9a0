import type { SubjectAltNames } from '../ca/types.js'
import { formatIp, isIp, nthAddress } from '../cluster/addresses.js'
import type { At } from './table.js'

// kubeadm's order: DNS names sorted by bytes, addresses as they come, both without duplicates.
function altNames(names: readonly string[]): SubjectAltNames {
  const dns = new Set<string>()
  const ip = new Set<string>()
  for (const name of names) {
    if (isIp(name)) ip.add(formatIp(name))
    else dns.add(name.toLowerCase())
  }
  return { dns: [...dns].sort(), ip: [...ip] }
}

/**
 * Names of the API server: the node, the `kubernetes` service, its address (the first of the first service
 * subnet: that service is always single-stack), the node's addresses, the control-plane endpoint, and what
 * the user added.
 */
export function apiServerNames({ cluster, node }: At): SubjectAltNames {
  const { networking, controlPlaneEndpoint, kubeconfig, apiServer } = cluster
  const firstService = networking.serviceSubnets[0]
  return altNames([
    node.name,
    'kubernetes',
    'kubernetes.default',
    'kubernetes.default.svc',
    `kubernetes.default.svc.${networking.dnsDomain}`,
    ...(firstService === undefined ? [] : [nthAddress(firstService, 1)]),
    ...node.addresses,
    ...(controlPlaneEndpoint === undefined ? [] : [controlPlaneEndpoint.host]),
    ...apiServer.certSans,
    ...node.extraSans,
    ...(kubeconfig.server === undefined ? [] : [hostOf(kubeconfig.server)]),
  ])
}

function hostOf(server: string): string {
  return new URL(server).hostname.replace(/^\[|\]$/g, '')
}

function etcdNames({ node }: At, extra: readonly string[]): SubjectAltNames {
  return altNames([node.name, 'localhost', ...node.addresses, '127.0.0.1', '::1', ...extra])
}

/** Names of an etcd member towards clients. */
export function etcdServerNames(at: At): SubjectAltNames {
  const { etcd } = at.cluster
  return etcdNames(at, etcd.kind === 'local' ? etcd.serverCertSans : [])
}

/** Names of an etcd member towards the other members. */
export function etcdPeerNames(at: At): SubjectAltNames {
  const { etcd } = at.cluster
  return etcdNames(at, etcd.kind === 'local' ? etcd.peerCertSans : [])
}

/** Names of a kubelet: the API server tries addresses first, then the host name. */
export function kubeletNames({ node }: At): SubjectAltNames {
  return altNames([node.name, ...node.addresses, ...node.extraSans])
}
