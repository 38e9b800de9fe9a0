import { parseEndpoint } from '../../values/addresses.js'
import { isObject, type JsonObject } from '../../values/json.js'
import { cleanPath } from '../../values/paths.js'
import { parseGoDuration } from '../../values/time.js'
import { ignoresTimeout } from '../checks/release.js'
import type { Incomplete } from '../checks/schema.js'
import type {
  Cluster,
  ClusterNode,
  ComponentSettings,
  ExternalEtcd,
  ExtraVolume,
  LocalEtcd,
  PatchFile,
  PkiSettings,
  ProvisionSettings,
  UserSettings,
} from '../cluster.js'
import { argumentsOf } from '../kubeadm/versions.js'
import { patchTarget } from '../patch-files.js'
import { isJoin } from './gather.js'
import { durationOf, jsonOf, type NodeSettings, type Settings } from './settings.js'

const COMPONENT_TIMEOUT = 240

/** The resolved cluster of settings in which no mistake was found; undefined where a part is missing. */
export function buildCluster(settings: Settings): Cluster | undefined {
  const { source, release, documents, endpoint } = settings
  const cluster = documents.cluster.value
  const nodes = buildNodes(settings)
  if (!release || !nodes || !settings.name) return undefined
  const pki = buildPki(settings)
  const controlPlaneEndpoint = endpoint && parseEndpoint(endpoint.value)
  const { imageRepository, imageTag } = cluster.dns ?? {}
  const timeouts = ignoresTimeout(settings)
    ? undefined
    : (documents.init.value.timeouts ?? documents.join.value.timeouts)
  const wait = parseGoDuration(timeouts?.controlPlaneComponentHealthCheck ?? '')
  return {
    name: settings.name.value,
    clusterName: settings.clusterName.value,
    source,
    release,
    nodes,
    ...(controlPlaneEndpoint ? { controlPlaneEndpoint } : {}),
    networking: {
      serviceSubnets: settings.serviceSubnet.value.split(','),
      podSubnets: settings.podSubnet?.value.split(',') ?? [],
      dnsDomain: settings.dnsDomain.value,
    },
    certificatesDir: cleanPath(settings.certificatesDir.value),
    imageRepository: settings.imageRepository.value,
    dns: { ...(imageRepository ? { imageRepository } : {}), ...(imageTag ? { imageTag } : {}) },
    etcd: buildEtcd(settings),
    apiServer: {
      ...component(cluster.apiServer),
      certSans: distinct(settings.apiServerSans.map((san) => san.value.toLowerCase())),
      verifyKubelets:
        settings.verifyKubelets?.value ?? (source === 'kpki' && pki.kubeletServing === 'signed'),
    },
    controllerManager: component(cluster.controllerManager),
    scheduler: component(cluster.scheduler),
    featureGates: defined(cluster.featureGates ?? {}),
    componentTimeoutSeconds: wait ? wait / 1000 : COMPONENT_TIMEOUT,
    hostnameOverride: source === 'kubeadm',
    hostOs: settings.hostOs.value,
    pki,
    kubeconfig: {
      uniqueNames: settings.uniqueNames.value,
      ...(settings.server ? { server: settings.server.value } : {}),
    },
    kubeadm: {
      initConfiguration: jsonOf(documents.init.value),
      clusterConfiguration: jsonOf(cluster),
      joinConfiguration: jsonOf(documents.join.value),
      kubeletConfiguration: jsonOf(documents.kubelet.value),
      kubeProxyConfiguration: jsonOf(documents.kubeProxy.value),
    },
    patches: buildPatches(settings),
    provision: buildProvision(settings),
  }
}

function buildNodes({ nodes, source, documents }: Settings): readonly ClusterNode[] | undefined {
  const first = nodes.find((node) => node.role?.value === 'control-plane')
  const joining = source === 'kubeadm' && isJoin(documents)
  const built = nodes.flatMap((node) => buildNode(node, node === first && !joining) ?? [])
  return built.length === nodes.length ? built : undefined
}

function buildNode(node: NodeSettings, first: boolean): ClusterNode | undefined {
  const { name, role, taints, labels } = node
  if (!name || !role) return undefined
  const { hostKeys, host, port, user, identityFile, proxyJump } = node.ssh.value
  return {
    name: name.value,
    role: role.value,
    initial: first,
    addresses: node.addresses.map((address) => address.value),
    bindPort: node.bindPort,
    extraSans: distinct(node.extraSans.map((san) => san.value.toLowerCase())),
    labels: defined(labels.value),
    ...(taints ? { taints: taints.value } : {}),
    criSocket: node.criSocket,
    kubeletExtraArgs: node.kubeletExtraArgs,
    ssh: {
      ...defined({ host, user, identityFile, proxyJump }),
      ...(port === undefined ? {} : { port }),
      hostKeys: present(hostKeys),
    },
  }
}

interface ComponentDraft {
  readonly extraArgs?: unknown
  readonly extraVolumes?: readonly (Incomplete<ExtraVolume> | undefined)[] | undefined
  readonly extraEnvs?: readonly unknown[] | undefined
}

function component(draft: ComponentDraft | undefined): ComponentSettings {
  return {
    extraArgs: argumentsOf(draft?.extraArgs),
    extraVolumes: present(draft?.extraVolumes).map((volume) => ({
      name: volume.name ?? '',
      hostPath: volume.hostPath ?? '',
      mountPath: volume.mountPath ?? '',
      readOnly: volume.readOnly ?? false,
      pathType: volume.pathType ?? '',
    })),
    extraEnvs: (draft?.extraEnvs ?? []).filter((env): env is JsonObject => isObject(env)),
  }
}

function buildEtcd({ documents, etcdDataDir }: Settings): LocalEtcd | ExternalEtcd {
  const { local, external } = documents.cluster.value.etcd ?? {}
  if (external) {
    return {
      kind: 'external',
      endpoints: present(external.endpoints),
      httpEndpoints: present(external.httpEndpoints),
      caFile: external.caFile ?? '',
      certFile: external.certFile ?? '',
      keyFile: external.keyFile ?? '',
    }
  }
  return {
    kind: 'local',
    ...component({ extraArgs: local?.extraArgs, extraEnvs: local?.extraEnvs }),
    dataDir: etcdDataDir.value,
    ...(local?.imageRepository ? { imageRepository: local.imageRepository } : {}),
    ...(local?.imageTag ? { imageTag: local.imageTag } : {}),
    serverCertSans: distinct(present(local?.serverCertSANs)),
    peerCertSans: distinct(present(local?.peerCertSANs)),
  }
}

function buildPki(settings: Settings): PkiSettings {
  const { pki } = settings.spec
  const certificates = Object.entries(pki?.certificates ?? {}).map(([id, own]) => {
    return [
      id,
      defined({ keyAlgorithm: own?.keyAlgorithm, validity: durationOf(own?.validity) }),
    ] as const
  })
  return {
    topology: settings.topology.value,
    keyAlgorithm: settings.keyAlgorithm.value,
    validity: { ca: settings.caValidity.value, certificate: settings.certificateValidity.value },
    caKeys: settings.caKeys.value,
    kubeletServing: settings.kubeletServing.value,
    caSubject: defined({ O: pki?.subject?.O, OU: pki?.subject?.OU, C: pki?.subject?.C }),
    kubeProxy: settings.kubeProxy.value,
    users: present(pki?.users).flatMap((user): UserSettings[] => {
      if (user.name === undefined) return []
      const validity = durationOf(user.validity)
      return [{ name: user.name, groups: present(user.groups), ...defined({ validity }) }]
    }),
    certificates: Object.fromEntries(certificates),
  }
}

function buildProvision(settings: Settings): ProvisionSettings {
  const { spec, caKeys, join, packageRepository, packageKey } = settings
  return {
    cni: buildCni(spec.cni),
    // Without a CA key on a node nobody signs the certificate of a kubelet that joins by token.
    join: join?.value ?? (caKeys.value === 'offline' ? 'files' : 'token'),
    packages: {
      repository: packageRepository.value.replace(/(?<!\/)\/+$/, ''),
      keyFingerprint: packageKey.value.replaceAll(' ', '').toUpperCase(),
    },
    namespaces: present(spec.namespaces),
    manifests: present(spec.manifests),
  }
}

function buildCni(cni: Settings['spec']['cni']): ProvisionSettings['cni'] {
  if (cni?.type === 'cilium') {
    const values: unknown = cni.values ?? {}
    return { type: 'cilium', version: cni.version ?? '', values: isObject(values) ? values : {} }
  }
  if (cni?.type !== 'manifest') return { type: 'none' }
  const { file, url, sha256 } = cni
  return { type: 'manifest', ...defined({ file, url, sha256: sha256?.toLowerCase() }) }
}

/** What kubeadm would apply, in its order. */
function buildPatches({ patches, release }: Settings): readonly PatchFile[] {
  const targets = release?.patchTargets ?? []
  return (patches ?? [])
    .filter((patch) => patchTarget(patch.name, targets).kind === 'patch')
    .toSorted((a, b) => (a.name < b.name ? -1 : a.name > b.name ? 1 : 0))
}

function present<T>(items: readonly (T | undefined)[] | undefined): readonly T[] {
  return (items ?? []).flatMap((item) => (item === undefined ? [] : [item]))
}

function distinct(items: readonly string[]): readonly string[] {
  return [...new Set(items)]
}

type Defined<T> = { readonly [K in keyof T]?: Exclude<T[K], undefined> }

function defined<T>(object: Readonly<Record<string, T | undefined>>): Record<string, T>
function defined<T extends object>(object: T): Defined<T>
function defined(object: object): object {
  return Object.fromEntries(Object.entries(object).filter(([, value]) => value !== undefined))
}
