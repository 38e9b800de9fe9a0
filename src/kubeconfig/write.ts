import type { PrivateKey } from '../ca/keys/private-key.js'
import { dumpYaml } from '../files/yaml/dump.js'
import { base64Of } from '../values/bytes.js'

/** What one kubeconfig says besides its credentials. */
export interface KubeconfigNames {
  readonly clusterName: string
  /** Name of the user entry. */
  readonly userName: string
  readonly contextName: string
  /** URL of the API server. */
  readonly server: string
  /** Write the empty `preferences`, as client-go did before 1.34. */
  readonly preferences: boolean
}

export interface KubeconfigSpec extends KubeconfigNames {
  /** PEM certificates that the API server's certificate must chain to. */
  readonly authorities: string
  readonly certificatePem: string
  readonly key: PrivateKey
}

const encoder = new TextEncoder()

/** A kubeconfig with one cluster, one context and embedded credentials, as kubeadm writes it. */
export function kubeconfigText(spec: KubeconfigSpec): string {
  const { clusterName, userName, contextName, server } = spec
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
