import type { Cluster, ClusterNode } from '../cluster/cluster.js'

/** `host:port`, an IPv6 address in brackets. */
export function hostPort(host: string, port: number): string {
  return `${host.includes(':') ? `[${host}]` : host}:${port}`
}

/** The address that a node advertises: its first one. */
export function advertised(node: ClusterNode): string {
  return node.addresses[0] ?? ''
}

/** The loopback address of the advertised address's family. */
export function localhostOf(node: ClusterNode): '127.0.0.1' | '::1' {
  return advertised(node).includes(':') ? '::1' : '127.0.0.1'
}

/** `host:port` of the control-plane endpoint, without one that of the initial control plane. */
export function controlPlaneHostPort(cluster: Cluster): string {
  const initial = cluster.nodes.find((node) => node.initial)
  const bindPort = initial?.bindPort ?? 6443
  const endpoint = cluster.controlPlaneEndpoint
  if (endpoint !== undefined) return hostPort(endpoint.host, endpoint.port || bindPort)
  return hostPort(initial === undefined ? '' : advertised(initial), bindPort)
}

const CLIENT_PORT = 2379
const PEER_PORT = 2380

export function etcdClientUrl(address: string): string {
  return `https://${hostPort(address, CLIENT_PORT)}`
}

export function etcdPeerUrl(address: string): string {
  return `https://${hostPort(address, PEER_PORT)}`
}
