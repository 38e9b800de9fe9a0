import { authorityFiles, filesOf, KUBERNETES_DIR } from '../../certs/paths.js'
import { LEAVES } from '../../certs/table.js'
import type {
  Argument,
  Cluster,
  ClusterNode,
  ComponentSettings,
  ExtraVolume,
} from '../../cluster/cluster.js'
import { DOCUMENTS } from '../../cluster/kubeadm/schema.js'
import { type TokenKind, withTokens } from '../../cluster/kubeadm/tokens.js'
import { toV1beta3 } from '../../cluster/kubeadm/versions.js'
import { dumpYamlAll } from '../../files/yaml/dump.js'
import { bracketed, formatEndpoint } from '../../values/addresses.js'
import { isObject, type Json, type JsonObject, objectAt, withoutEmpty } from '../../values/json.js'
import { onNode } from '../../values/paths.js'
import { formatGoDuration } from '../../values/time.js'
import { extraArguments } from '../arguments.js'
import { advertised } from '../endpoints.js'

/** kubeadm's ClusterConfiguration in the fields of v1beta4: the user's, with everything kpki resolved. */
export function clusterConfiguration(cluster: Cluster): JsonObject {
  const user = cluster.kubeadm.clusterConfiguration
  const { networking, controlPlaneEndpoint, release } = cluster
  const { serviceSubnets, podSubnets, dnsDomain } = networking
  return {
    ...user,
    ...withoutEmpty({
      apiVersion: release.kubeadmApi,
      kind: 'ClusterConfiguration',
      apiServer: withoutEmpty({
        ...objectAt(user, 'apiServer'),
        ...componentFields(cluster.apiServer),
        certSANs: cluster.apiServer.certSans,
        extraArgs: argumentList(extraArguments(cluster, 'kube-apiserver')),
      }),
      certificatesDir: cluster.certificatesDir,
      clusterName: cluster.clusterName,
      controlPlaneEndpoint: controlPlaneEndpoint && endpointText(controlPlaneEndpoint),
      controllerManager: withoutEmpty({
        ...componentFields(cluster.controllerManager),
        extraArgs: argumentList(extraArguments(cluster, 'kube-controller-manager')),
      }),
      dns: withoutEmpty({ ...objectAt(user, 'dns'), ...cluster.dns }),
      etcd: etcdFields(cluster),
      featureGates: featureGates(cluster),
      imageRepository: cluster.imageRepository,
      kubernetesVersion: release.version.text,
      networking: withoutEmpty({
        dnsDomain,
        podSubnet: podSubnets.join(','),
        serviceSubnet: serviceSubnets.join(','),
      }),
      scheduler: withoutEmpty({
        ...componentFields(cluster.scheduler),
        extraArgs: argumentList(extraArguments(cluster, 'kube-scheduler')),
      }),
      ...certificateFields(cluster),
    }),
  }
}

/** Arguments as v1beta4 lists them. */
export function argumentList(list: readonly Argument[]): readonly JsonObject[] {
  return list.map(({ name, value }) => ({ name, value }))
}

function componentFields(settings: ComponentSettings) {
  return {
    extraArgs: argumentList(settings.extraArgs),
    extraEnvs: settings.extraEnvs,
    extraVolumes: settings.extraVolumes.map(volumeFields),
  }
}

function volumeFields({ readOnly, pathType, ...volume }: ExtraVolume): JsonObject {
  return { ...volume, ...withoutEmpty({ pathType, ...(readOnly ? { readOnly } : {}) }) }
}

function endpointText({ host, port }: { readonly host: string; readonly port: number }): string {
  return port === 0 ? bracketed(host) : formatEndpoint({ host, port })
}

function etcdFields({ etcd }: Cluster): JsonObject {
  if (etcd.kind === 'local') {
    return {
      local: withoutEmpty({
        ...componentFields(etcd),
        dataDir: etcd.dataDir,
        imageRepository: etcd.imageRepository,
        imageTag: etcd.imageTag,
        peerCertSANs: etcd.peerCertSans,
        serverCertSANs: etcd.serverCertSans,
      }),
    }
  }
  const { kind, endpoints, httpEndpoints, ...files } = etcd
  return {
    external: { endpoints, ...files, ...withoutEmpty({ httpEndpoints }) },
  }
}

const DEFAULT_ALGORITHM = 'RSA-2048'
const HOUR = 3_600_000
const DEFAULT_VALIDITY = { ca: 87_600 * HOUR, certificate: 8760 * HOUR }

// What kubeadm needs to go on as kpki began, when it renews or joins.
function certificateFields({ pki, release }: Cluster) {
  const { keyAlgorithm, validity } = pki
  const settable =
    release.keyAlgorithmSetting === 'encryptionAlgorithm' &&
    keyAlgorithm !== DEFAULT_ALGORITHM &&
    release.keyAlgorithms.includes(keyAlgorithm)
  const { configuredValidity } = release
  return {
    ...(settable ? { encryptionAlgorithm: keyAlgorithm } : {}),
    ...(configuredValidity && validity.ca !== DEFAULT_VALIDITY.ca
      ? { caCertificateValidityPeriod: formatGoDuration(validity.ca) }
      : {}),
    ...(configuredValidity && validity.certificate !== DEFAULT_VALIDITY.certificate
      ? { certificateValidityPeriod: formatGoDuration(validity.certificate) }
      : {}),
  }
}

function featureGates({ featureGates, pki, release }: Cluster): JsonObject {
  const wanted =
    release.keyAlgorithmSetting === 'PublicKeysECDSA' && pki.keyAlgorithm === 'ECDSA-P256'
  return wanted ? { PublicKeysECDSA: true, ...featureGates } : featureGates
}

/** What kubeadm needs to let a node in. */
export interface JoinSecrets {
  /** `[a-z0-9]{6}.[a-z0-9]{16}`; undefined where nodes join with files. */
  readonly bootstrapToken: string | undefined
  /** 32 bytes in hexadecimal: encrypts the certificates that `kubeadm init --upload-certs` shares. */
  readonly certificateKey: string | undefined
  /** Further tokens of the user's documents that are kept elsewhere, by their place. */
  readonly kubeadmTokens: ReadonlyMap<string, string>
  /** `sha256:` and the hexadecimal SHA-256 of the cluster authority's SubjectPublicKeyInfo. */
  readonly authorityPins: readonly string[]
}

/** Where patches lie in a node's tree. */
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
  const user = complete('InitConfiguration', cluster.kubeadm.initConfiguration, secrets)
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
  const { controlPlane, ...user } = complete(
    'JoinConfiguration',
    cluster.kubeadm.joinConfiguration,
    secrets,
  )
  const { certificateKey } = secrets
  return {
    ...user,
    ...withoutEmpty({
      apiVersion: cluster.release.kubeadmApi,
      caCertPath: onNode(authorityFiles(cluster, 'ca').certificate),
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

/** The user's document with the tokens that are kept elsewhere. */
function complete(kind: TokenKind, user: JsonObject, { kubeadmTokens }: JoinSecrets): JsonObject {
  return withTokens(kind, user, (place, token) => token ?? kubeadmTokens.get(place))
}

// The user's own documents; kubeadm adds its defaults to them as kpki does.
function componentConfigurations({ kubeadm }: Cluster): readonly JsonObject[] {
  return [DOCUMENTS.kubelet, DOCUMENTS.kubeProxy].flatMap(({ apiVersion, kind, section }) => {
    const user = kubeadm[section]
    return Object.keys(user).length > 0 ? [{ ...user, apiVersion, kind }] : []
  })
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

/** `host:port` of the control-plane endpoint, without one that of the initial control plane. */
function controlPlaneHostPort({ nodes, controlPlaneEndpoint }: Cluster): string {
  const initial = nodes.find((node) => node.initial)
  const bindPort = initial?.bindPort ?? 6443
  if (controlPlaneEndpoint === undefined)
    return formatEndpoint({ host: initial ? advertised(initial) : '', port: bindPort })
  const { host, port } = controlPlaneEndpoint
  return formatEndpoint({ host, port: port || bindPort })
}

function discovery(cluster: Cluster, user: JsonObject, secrets: JoinSecrets): JsonObject {
  if (user.file !== undefined || user.bootstrapToken !== undefined) return user
  const { bootstrapToken: token, authorityPins } = secrets
  // Without a token the node's kubelet.conf is its way in: it names the API server, its authority, and the node itself.
  if (token === undefined) {
    const { certificate: kubeconfig } = filesOf(cluster, LEAVES['kubelet.conf'].place)
    return { ...user, file: { kubeConfigPath: onNode(kubeconfig) } }
  }
  const apiServerEndpoint = controlPlaneHostPort(cluster)
  return { ...user, bootstrapToken: { apiServerEndpoint, caCertHashes: authorityPins, token } }
}

function patchesDirectory(cluster: Cluster): JsonObject | undefined {
  return cluster.patches.length === 0 ? undefined : { directory: onNode(PATCHES_DIR) }
}

function timeouts({ componentTimeoutSeconds }: Cluster, user: JsonObject): JsonObject {
  const own = objectAt(user, 'timeouts')
  if (componentTimeoutSeconds === DEFAULT_TIMEOUT_SECONDS) return own
  const controlPlaneComponentHealthCheck = formatGoDuration(componentTimeoutSeconds * 1000)
  return { ...own, controlPlaneComponentHealthCheck }
}
