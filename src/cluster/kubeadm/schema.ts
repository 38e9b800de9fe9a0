import * as v from 'valibot'
import { flag, goDuration, integer, passed, port, text, texts } from '../spec/parts.js'
import { V1BETA4 } from './versions.js'

// One schema for every API version: what only one of them has is listed in convert.ts.

const argumentList = v.array(
  v.strictObject({
    name: text('Flag without its leading dashes.'),
    value: v.optional(text('Value of the flag; empty by default.')),
  }),
)
const argumentMap = v.record(v.string(), v.string())

/** v1beta3 has a map of arguments, v1beta4 a list that may repeat a flag. */
export const extraArguments = v.pipe(
  v.lazy((input) => (Array.isArray(input) ? argumentList : argumentMap)),
  v.description('Additional flags: a list of {name, value} (v1beta4) or a map (v1beta3).'),
)

/** Both forms, for schema languages that can't look at the value. */
export const extraArgumentForms = [argumentMap, argumentList] as const

const extraVolumes = v.array(
  v.strictObject({
    name: text('Name of the volume in the pod.'),
    hostPath: text('Path on the host.'),
    mountPath: text('Path in the pod.'),
    readOnly: v.optional(flag('Mount without write access.')),
    pathType: v.optional(text('Kubernetes HostPathType, for example DirectoryOrCreate.')),
  }),
)

const extraEnvs = v.pipe(
  v.array(
    v.strictObject({
      name: text('Name of the environment variable.'),
      value: v.optional(v.string()),
      valueFrom: v.optional(passed('Kubernetes EnvVarSource.')),
    }),
  ),
  v.description('Additional environment variables (v1beta4).'),
)

const componentFields = {
  extraArgs: v.optional(extraArguments),
  extraVolumes: v.optional(extraVolumes),
  extraEnvs: v.optional(extraEnvs),
}

const patches = v.optional(
  v.strictObject({ directory: v.optional(text('Directory with patches of the static pods.')) }),
)

const timeouts = v.pipe(
  v.strictObject({
    controlPlaneComponentHealthCheck: v.optional(goDuration('Default 4m0s.')),
    kubeletHealthCheck: v.optional(goDuration('Default 4m0s.')),
    kubernetesAPICall: v.optional(goDuration('Default 1m0s.')),
    etcdAPICall: v.optional(goDuration('Default 2m0s.')),
    tlsBootstrap: v.optional(goDuration('Default 5m0s.')),
    discovery: v.optional(goDuration('Default 5m0s.')),
    upgradeManifests: v.optional(goDuration('Default 5m0s.')),
  }),
  v.description('How long kubeadm waits (v1beta4).'),
)

const apiEndpoint = v.strictObject({
  advertiseAddress: v.optional(text('Address that the API server advertises.')),
  bindPort: v.optional(port('Port of the API server; 0 or absent: 6443.', 0)),
})

const nodeRegistration = v.strictObject({
  name: v.optional(text('Name of the node.')),
  criSocket: v.optional(text('Socket of the container runtime.')),
  taints: v.optional(
    v.array(
      v.strictObject({
        key: v.string(),
        value: v.optional(v.string()),
        effect: v.string(),
        timeAdded: v.optional(v.string()),
      }),
    ),
  ),
  kubeletExtraArgs: v.optional(extraArguments),
  ignorePreflightErrors: v.optional(texts('Names of preflight checks.')),
  imagePullPolicy: v.optional(text('Always, IfNotPresent or Never.')),
  imagePullSerial: v.optional(flag('Pull images one after the other (v1beta4).')),
})

const bootstrapToken = v.strictObject({
  token: v.optional(text('Six and sixteen characters of a-z0-9, joined by a dot.')),
  description: v.optional(v.string()),
  ttl: v.optional(goDuration('Default 24h0m0s.')),
  expires: v.optional(text('RFC 3339 time.')),
  usages: v.optional(texts('signing, authentication.')),
  groups: v.optional(texts('Groups below system:bootstrappers:.')),
})

const typeMeta = { apiVersion: v.optional(v.string()), kind: v.optional(v.string()) }

export const initConfiguration = v.strictObject({
  ...typeMeta,
  bootstrapTokens: v.optional(v.array(bootstrapToken)),
  dryRun: v.optional(flag('v1beta4.')),
  nodeRegistration: v.optional(nodeRegistration),
  localAPIEndpoint: v.optional(apiEndpoint),
  certificateKey: v.optional(text('64 hexadecimal digits.')),
  skipPhases: v.optional(texts('Phases that kubeadm init leaves out.')),
  patches,
  timeouts: v.optional(timeouts),
})

const image = {
  imageRepository: v.optional(text('Repository of the image.')),
  imageTag: v.optional(text('Tag of the image.')),
}

const etcd = v.strictObject({
  local: v.optional(
    v.strictObject({
      ...image,
      dataDir: v.optional(text('Data directory on the host; default /var/lib/etcd.')),
      extraArgs: v.optional(extraArguments),
      extraEnvs: v.optional(extraEnvs),
      serverCertSANs: v.optional(texts('Additional names and addresses.')),
      peerCertSANs: v.optional(texts('Additional names and addresses.')),
    }),
  ),
  external: v.optional(
    v.strictObject({
      endpoints: v.optional(texts('URLs of the members.')),
      httpEndpoints: v.optional(texts('URLs for HTTP only (v1beta4, Kubernetes 1.35).')),
      caFile: v.optional(text('CA certificate on the node.')),
      certFile: v.optional(text('Client certificate on the node.')),
      keyFile: v.optional(text('Client key on the node.')),
    }),
  ),
})

export const clusterConfiguration = v.strictObject({
  ...typeMeta,
  etcd: v.optional(etcd),
  networking: v.optional(
    v.strictObject({
      serviceSubnet: v.optional(text('One CIDR, or two of both families joined by a comma.')),
      podSubnet: v.optional(text('One CIDR, or two of both families joined by a comma.')),
      dnsDomain: v.optional(text('Default cluster.local.')),
    }),
  ),
  kubernetesVersion: v.optional(text('For example v1.28.7.')),
  controlPlaneEndpoint: v.optional(text('host or host:port.')),
  apiServer: v.optional(
    v.strictObject({
      ...componentFields,
      certSANs: v.optional(texts('Additional names and addresses.')),
      timeoutForControlPlane: v.optional(goDuration('v1beta3; default 4m0s.')),
    }),
  ),
  controllerManager: v.optional(v.strictObject(componentFields)),
  scheduler: v.optional(v.strictObject(componentFields)),
  dns: v.optional(
    v.strictObject({ ...image, disabled: v.optional(flag('Install no CoreDNS (v1beta4).')) }),
  ),
  proxy: v.optional(
    v.strictObject({ disabled: v.optional(flag('Install no kube-proxy (v1beta4).')) }),
  ),
  certificatesDir: v.optional(text('Default /etc/kubernetes/pki.')),
  imageRepository: v.optional(text('Default registry.k8s.io.')),
  featureGates: v.optional(v.record(v.string(), v.boolean())),
  clusterName: v.optional(text('Default kubernetes.')),
  encryptionAlgorithm: v.optional(text('Key algorithm (v1beta4).')),
  certificateValidityPeriod: v.optional(goDuration('v1beta4; default 8760h0m0s.')),
  caCertificateValidityPeriod: v.optional(goDuration('v1beta4; default 87600h0m0s.')),
})

export const joinConfiguration = v.strictObject({
  ...typeMeta,
  dryRun: v.optional(flag('v1beta4.')),
  nodeRegistration: v.optional(nodeRegistration),
  caCertPath: v.optional(text('Default /etc/kubernetes/pki/ca.crt.')),
  discovery: v.optional(
    v.strictObject({
      bootstrapToken: v.optional(
        v.strictObject({
          token: v.optional(v.string()),
          apiServerEndpoint: v.optional(text('host:port.')),
          caCertHashes: v.optional(texts('sha256:<hexadecimal digits>.')),
          unsafeSkipCAVerification: v.optional(v.boolean()),
        }),
      ),
      file: v.optional(v.strictObject({ kubeConfigPath: v.string() })),
      tlsBootstrapToken: v.optional(v.string()),
      timeout: v.optional(goDuration('v1beta3; default 5m0s.')),
    }),
  ),
  controlPlane: v.optional(
    v.strictObject({
      localAPIEndpoint: v.optional(apiEndpoint),
      certificateKey: v.optional(text('64 hexadecimal digits.')),
    }),
  ),
  skipPhases: v.optional(texts('Phases that kubeadm join leaves out.')),
  patches,
  timeouts: v.optional(timeouts),
})

const resetConfiguration = v.strictObject({
  ...typeMeta,
  cleanupTmpDir: v.optional(v.boolean()),
  certificatesDir: v.optional(v.string()),
  criSocket: v.optional(v.string()),
  dryRun: v.optional(v.boolean()),
  force: v.optional(v.boolean()),
  ignorePreflightErrors: v.optional(v.array(v.string())),
  skipPhases: v.optional(v.array(v.string())),
  unmountFlags: v.optional(v.array(v.string())),
  timeouts: v.optional(timeouts),
})

const upgradePlan = {
  kubernetesVersion: v.optional(v.string()),
  allowExperimentalUpgrades: v.optional(v.boolean()),
  allowRCUpgrades: v.optional(v.boolean()),
  dryRun: v.optional(v.boolean()),
  etcdUpgrade: v.optional(v.boolean()),
  ignorePreflightErrors: v.optional(v.array(v.string())),
  printConfig: v.optional(v.boolean()),
}
const upgradeNode = {
  certificateRenewal: v.optional(v.boolean()),
  dryRun: v.optional(v.boolean()),
  etcdUpgrade: v.optional(v.boolean()),
  ignorePreflightErrors: v.optional(v.array(v.string())),
  skipPhases: v.optional(v.array(v.string())),
  patches,
  imagePullPolicy: v.optional(v.string()),
  imagePullSerial: v.optional(v.boolean()),
}

const upgradeConfiguration = v.strictObject({
  ...typeMeta,
  apply: v.optional(
    v.strictObject({ ...upgradePlan, ...upgradeNode, forceUpgrade: v.optional(v.boolean()) }),
  ),
  diff: v.optional(
    v.strictObject({
      kubernetesVersion: v.optional(v.string()),
      contextLines: v.optional(integer('Lines of context.')),
    }),
  ),
  node: v.optional(v.strictObject(upgradeNode)),
  plan: v.optional(v.strictObject(upgradePlan)),
  timeouts: v.optional(timeouts),
})

/** KubeletConfiguration: passed through; only fields that kpki itself reads or writes are checked. */
export const kubeletConfiguration = v.looseObject({
  ...typeMeta,
  authentication: v.optional(passed('Authentication of requests to the kubelet.')),
  authorization: v.optional(passed('Authorization of requests to the kubelet.')),
  cgroupDriver: v.optional(v.string()),
  clusterDNS: v.optional(v.array(v.string())),
  clusterDomain: v.optional(v.string()),
  healthzBindAddress: v.optional(v.string()),
  healthzPort: v.optional(v.number()),
  readOnlyPort: v.optional(v.number()),
  resolvConf: v.optional(v.string()),
  rotateCertificates: v.optional(v.boolean()),
  serverTLSBootstrap: v.optional(v.boolean()),
  staticPodPath: v.optional(v.string()),
  tlsCertFile: v.optional(v.string()),
  tlsPrivateKeyFile: v.optional(v.string()),
})

/** KubeProxyConfiguration: passed through. */
export const kubeProxyConfiguration = v.looseObject({
  ...typeMeta,
  bindAddress: v.optional(v.string()),
  clusterCIDR: v.optional(v.string()),
  mode: v.optional(v.string()),
})

/** Every document that kubeadm reads about a new cluster, by its short name here; cluster.yaml has them as sections. */
export const DOCUMENTS = {
  init: { apiVersion: V1BETA4, kind: 'InitConfiguration', section: 'initConfiguration' },
  cluster: { apiVersion: V1BETA4, kind: 'ClusterConfiguration', section: 'clusterConfiguration' },
  join: { apiVersion: V1BETA4, kind: 'JoinConfiguration', section: 'joinConfiguration' },
  kubelet: {
    apiVersion: 'kubelet.config.k8s.io/v1beta1',
    kind: 'KubeletConfiguration',
    section: 'kubeletConfiguration',
  },
  kubeProxy: {
    apiVersion: 'kubeproxy.config.k8s.io/v1alpha1',
    kind: 'KubeProxyConfiguration',
    section: 'kubeProxyConfiguration',
  },
} as const

/** The schema of each kind. */
export const SCHEMAS = {
  InitConfiguration: initConfiguration,
  ClusterConfiguration: clusterConfiguration,
  JoinConfiguration: joinConfiguration,
  ResetConfiguration: resetConfiguration,
  UpgradeConfiguration: upgradeConfiguration,
  KubeletConfiguration: kubeletConfiguration,
  KubeProxyConfiguration: kubeProxyConfiguration,
} as const
