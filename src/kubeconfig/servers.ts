import type { CertificatePlace } from '../certs/table.js'
import { type Cluster, type ClusterNode, controlPlanes } from '../cluster/cluster.js'
import { urlOf } from '../values/hosts.js'

/** URL of a node's own API server. */
export function localServer(node: ClusterNode): string {
  return urlOf(node.addresses[0] ?? '', node.bindPort)
}

/** URL that every client of the cluster uses: the control-plane endpoint, else the first control plane. */
export function endpointServer(cluster: Cluster): string {
  const [initial] = controlPlanes(cluster)
  const { controlPlaneEndpoint: endpoint } = cluster
  if (initial === undefined) return ''
  if (endpoint === undefined) return localServer(initial)
  return urlOf(endpoint.host, endpoint.port === 0 ? initial.bindPort : endpoint.port)
}

/** URL in the kubeconfig of a place; `node` is the one that it lies on. */
export function serverFor(
  cluster: Cluster,
  node: ClusterNode | undefined,
  place: Extract<CertificatePlace, { kind: 'kubeconfig' | 'operator' }>,
): string {
  if (place.kind === 'operator' || !node)
    return cluster.kubeconfig.server ?? endpointServer(cluster)
  const atHome = node.role === 'control-plane' && cluster.release.kubeletLocalEndpoint
  return place.server === 'local' || (place.server === 'kubelet' && atHome)
    ? localServer(node)
    : endpointServer(cluster)
}
