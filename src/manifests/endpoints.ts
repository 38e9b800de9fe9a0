import type { ClusterNode } from '../cluster/cluster.js'
import { urlOf } from '../values/hosts.js'

/** The address that a node advertises: its first one. */
export function advertised(node: ClusterNode): string {
  return node.addresses[0] ?? ''
}

/** The loopback address of the advertised address's family. */
export function localhostOf(node: ClusterNode): '127.0.0.1' | '::1' {
  return advertised(node).includes(':') ? '::1' : '127.0.0.1'
}

/** Where etcd serves its clients. */
export function etcdClientUrl(address: string): string {
  return urlOf(address, 2379)
}

/** Where an etcd member serves the others. */
export function etcdPeerUrl(address: string): string {
  return urlOf(address, 2380)
}
