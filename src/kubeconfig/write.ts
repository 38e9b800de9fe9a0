import type { PrivateKey } from '../ca/keys/keys.js'
import type { CertificatePlace } from '../certs/table.js'
import { type Cluster, type ClusterNode, controlPlanes } from '../cluster/cluster.js'
import { dumpYaml } from '../files/yaml/yaml.js'
import { bracketed } from '../values/addresses.js'
import { base64Of } from '../values/bytes.js'

/** What one kubeconfig says. */
export interface KubeconfigSpec {
  readonly clusterName: string
  /** Name of the user entry. */
  readonly userName: string
  /** URL of the API server. */
  readonly server: string
  /** PEM certificates that the API server's certificate must chain to. */
  readonly authorities: string
  readonly certificatePem: string
  readonly key: PrivateKey
  /** The context's name; `<user>@<cluster>` by default. */
  readonly contextName?: string
  /** Write the empty `preferences`, as client-go did before 1.34. */
  readonly preferences: boolean
}

const encoder = new TextEncoder()

/** A kubeconfig with one cluster, one context and embedded credentials, as kubeadm writes it. */
export function kubeconfigText(spec: KubeconfigSpec): string {
  const { clusterName, userName, server } = spec
  const contextName = spec.contextName ?? `${userName}@${clusterName}`
  return dumpYaml({
    apiVersion: 'v1',
    clusters: [
      {
        cluster: { 'certificate-authority-data': base64(spec.authorities), server },
        name: clusterName,
      },
    ],
    contexts: [{ context: { cluster: clusterName, user: userName }, name: contextName }],
    'current-context': contextName,
    kind: 'Config',
    ...(spec.preferences && { preferences: {} }),
    users: [
      {
        name: userName,
        user: {
          'client-certificate-data': base64(spec.certificatePem),
          'client-key-data': base64(spec.key.pem()),
        },
      },
    ],
  })
}

function base64(text: string): string {
  return base64Of(encoder.encode(text))
}

/** URL of a node's own API server. */
export function localServer(node: ClusterNode): string {
  return `https://${bracketed(node.addresses[0] ?? '')}:${node.bindPort}`
}

/** URL that every client of the cluster uses: the control-plane endpoint, else the first control plane. */
export function endpointServer(cluster: Cluster): string {
  const [initial] = controlPlanes(cluster)
  const { controlPlaneEndpoint: endpoint } = cluster
  if (initial === undefined) return ''
  if (endpoint === undefined) return localServer(initial)
  return `https://${bracketed(endpoint.host)}:${endpoint.port === 0 ? initial.bindPort : endpoint.port}`
}

/** URL in a kubeconfig of this place on this node. */
export function serverFor(
  cluster: Cluster,
  node: ClusterNode,
  server: Extract<CertificatePlace, { kind: 'kubeconfig' }>['server'],
): string {
  const local =
    server === 'local' ||
    (server === 'kubelet' && node.role === 'control-plane' && cluster.release.kubeletLocalEndpoint)
  return local ? localServer(node) : endpointServer(cluster)
}
