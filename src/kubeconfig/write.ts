import type { PrivateKey } from '../ca/keys/keys.js'
import { dumpYaml } from '../files/yaml/yaml.js'
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
