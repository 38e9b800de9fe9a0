import type { Cluster, ClusterNode, Json, JsonObject } from '../cluster/cluster.js'
import { formatGoDuration } from '../cluster/durations.js'
import { isObject } from '../cluster/json.js'
import { toV1beta3 } from '../cluster/kubeadm/convert.js'
import { dumpYamlAll } from '../files/yaml.js'
import { advertised, controlPlaneHostPort } from './endpoints.js'
import { objectAt, withoutEmpty } from './json.js'
import { argumentList, clusterConfiguration } from './kubeadm-cluster.js'
import { KUBERNETES_DIR, pkiFile } from './paths.js'

/** What kubeadm needs to let a node in. */
export interface JoinSecrets {
  /** `[a-z0-9]{6}.[a-z0-9]{16}`; undefined where nodes join with files. */
  readonly bootstrapToken: string | undefined
  /** 32 bytes in hexadecimal: encrypts the certificates that `kubeadm init --upload-certs` shares. */
  readonly certificateKey: string | undefined
  /** `sha256:` and the hexadecimal SHA-256 of the cluster authority's SubjectPublicKeyInfo. */
  readonly authorityPins: readonly string[]
}

/** Where patches lie on a node. */
export const PATCHES_DIR = `${KUBERNETES_DIR}/patches`

const DEFAULT_TIMEOUT_SECONDS = 240

/**
 * `kubeadm.yaml` of a node in the API version of the cluster's release: InitConfiguration and ClusterConfiguration (and
 * the user's component configurations) on the initial control plane, JoinConfiguration on every other node. What kpki
 * adds to kubeadm's defaults is in it, so that kubeadm makes the same static pods from it.
 */
export function kubeadmYaml(cluster: Cluster, node: ClusterNode, secrets: JoinSecrets): string {
  const documents = node.initial
    ? [
        initConfiguration(cluster, node, secrets),
        clusterConfiguration(cluster),
        ...componentConfigurations(cluster),
      ]
    : [joinConfiguration(cluster, node, secrets)]
  const written = isV1beta3(cluster) ? toV1beta3(documents).documents : documents
  return dumpYamlAll(written)
}

// There the time for control-plane components belongs to the cluster, not to a node.
function isV1beta3({ release }: Cluster): boolean {
  return release.kubeadmApi === 'kubeadm.k8s.io/v1beta3'
}

function initConfiguration(cluster: Cluster, node: ClusterNode, secrets: JoinSecrets): JsonObject {
  const user = cluster.kubeadm.initConfiguration
  return {
    ...user,
    ...withoutEmpty({
      apiVersion: cluster.release.kubeadmApi,
      bootstrapTokens: bootstrapTokens(user, secrets.bootstrapToken),
      certificateKey: secrets.certificateKey,
      kind: 'InitConfiguration',
      localAPIEndpoint: localEndpoint(node),
      nodeRegistration: nodeRegistration(node, objectAt(user, 'nodeRegistration')),
      patches: patchesDirectory(cluster),
      timeouts: timeouts(cluster, user),
    }),
  }
}

function joinConfiguration(cluster: Cluster, node: ClusterNode, secrets: JoinSecrets): JsonObject {
  const { controlPlane, ...user } = cluster.kubeadm.joinConfiguration
  const { certificateKey } = secrets
  return {
    ...user,
    ...withoutEmpty({
      apiVersion: cluster.release.kubeadmApi,
      caCertPath: pkiFile(cluster, 'ca.crt'),
      controlPlane:
        node.role === 'control-plane'
          ? withoutEmpty({
              ...(isObject(controlPlane) ? controlPlane : {}),
              certificateKey,
              localAPIEndpoint: localEndpoint(node),
            })
          : undefined,
      discovery: discovery(cluster, objectAt(user, 'discovery'), secrets),
      kind: 'JoinConfiguration',
      nodeRegistration: nodeRegistration(node, objectAt(user, 'nodeRegistration')),
      patches: patchesDirectory(cluster),
      timeouts: isV1beta3(cluster) ? user.timeouts : timeouts(cluster, user),
    }),
  }
}

// The user's own documents; kubeadm adds its defaults to them as kpki does.
function componentConfigurations({ kubeadm }: Cluster): readonly JsonObject[] {
  const documents = [
    ['kubelet.config.k8s.io/v1beta1', 'KubeletConfiguration', kubeadm.kubeletConfiguration],
    ['kubeproxy.config.k8s.io/v1alpha1', 'KubeProxyConfiguration', kubeadm.kubeProxyConfiguration],
  ] as const
  return documents
    .filter(([, , user]) => Object.keys(user).length > 0)
    .map(([apiVersion, kind, user]) => ({ ...user, apiVersion, kind }))
}

function localEndpoint(node: ClusterNode): JsonObject {
  return { advertiseAddress: advertised(node), bindPort: node.bindPort }
}

function nodeRegistration(node: ClusterNode, user: JsonObject): JsonObject {
  const taints: readonly JsonObject[] | undefined = node.taints?.map((taint) => ({ ...taint }))
  return {
    ...user,
    criSocket: node.criSocket,
    name: node.name,
    ...withoutEmpty({ kubeletExtraArgs: argumentList(node.kubeletExtraArgs) }),
    ...(taints === undefined ? {} : { taints }),
  }
}

function bootstrapTokens(user: JsonObject, token: string | undefined): Json | undefined {
  const { bootstrapTokens } = user
  if (!Array.isArray(bootstrapTokens) || bootstrapTokens.length === 0) {
    return token === undefined ? undefined : [{ token }]
  }
  if (token === undefined) return bootstrapTokens
  const [first, ...others] = bootstrapTokens
  return [isObject(first) ? { token, ...first } : { token }, ...others]
}

function discovery(cluster: Cluster, user: JsonObject, secrets: JoinSecrets): JsonObject {
  if (user.file !== undefined || user.bootstrapToken !== undefined) return user
  const { bootstrapToken: token, authorityPins } = secrets
  // Without a token the node's kubelet.conf is its way in: it names the API server, its authority, and the node itself.
  if (token === undefined) {
    return { ...user, file: { kubeConfigPath: `${KUBERNETES_DIR}/kubelet.conf` } }
  }
  const apiServerEndpoint = controlPlaneHostPort(cluster)
  return { ...user, bootstrapToken: { apiServerEndpoint, caCertHashes: authorityPins, token } }
}

function patchesDirectory(cluster: Cluster): JsonObject | undefined {
  return cluster.patches.length === 0 ? undefined : { directory: PATCHES_DIR }
}

function timeouts({ componentTimeoutSeconds }: Cluster, user: JsonObject): JsonObject {
  const own = objectAt(user, 'timeouts')
  if (componentTimeoutSeconds === DEFAULT_TIMEOUT_SECONDS) return own
  const controlPlaneComponentHealthCheck = formatGoDuration(componentTimeoutSeconds * 1000)
  return { ...own, controlPlaneComponentHealthCheck }
}
