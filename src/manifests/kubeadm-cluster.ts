import type {
  Argument,
  Cluster,
  ComponentSettings,
  ExtraVolume,
  JsonObject,
} from '../cluster/cluster.js'
import { formatGoDuration } from '../cluster/durations.js'
import { hostPort } from './endpoints.js'
import { extraArguments } from './extra-arguments.js'
import { objectAt, withoutEmpty } from './json.js'

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
  if (port !== 0) return hostPort(host, port)
  return host.includes(':') ? `[${host}]` : host
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
