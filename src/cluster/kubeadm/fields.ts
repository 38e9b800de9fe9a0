import type { KubeadmApi } from '../../releases.js'

export type KubeadmKind =
  | 'InitConfiguration'
  | 'ClusterConfiguration'
  | 'JoinConfiguration'
  | 'ResetConfiguration'
  | 'UpgradeConfiguration'

type Paths = Readonly<Partial<Record<KubeadmKind, readonly string[]>>>

/** Where arguments stand: a map in v1beta3, a list in v1beta4. */
export const ARGUMENTS: Paths = {
  InitConfiguration: ['nodeRegistration.kubeletExtraArgs'],
  JoinConfiguration: ['nodeRegistration.kubeletExtraArgs'],
  ClusterConfiguration: [
    'apiServer.extraArgs',
    'controllerManager.extraArgs',
    'scheduler.extraArgs',
    'etcd.local.extraArgs',
  ],
}

/** Fields that only one API version has. */
export const ONLY_IN: Readonly<Record<KubeadmApi, Paths>> = {
  'kubeadm.k8s.io/v1beta3': {
    ClusterConfiguration: ['apiServer.timeoutForControlPlane'],
    JoinConfiguration: ['discovery.timeout'],
  },
  'kubeadm.k8s.io/v1beta4': {
    InitConfiguration: ['dryRun', 'nodeRegistration.imagePullSerial', 'timeouts'],
    ClusterConfiguration: [
      'apiServer.extraEnvs',
      'controllerManager.extraEnvs',
      'scheduler.extraEnvs',
      'etcd.local.extraEnvs',
      'etcd.external.httpEndpoints',
      'encryptionAlgorithm',
      'certificateValidityPeriod',
      'caCertificateValidityPeriod',
      'dns.disabled',
      'proxy',
    ],
    JoinConfiguration: ['dryRun', 'nodeRegistration.imagePullSerial', 'timeouts'],
  },
}

/** Kinds that v1beta3 does not have. */
export const V1BETA4_KINDS: readonly KubeadmKind[] = ['ResetConfiguration', 'UpgradeConfiguration']

/** Defaults of v1beta4 fields: leaving such a value out changes nothing. */
export const V1BETA4_DEFAULTS: Readonly<Record<string, unknown>> = {
  'ClusterConfiguration.encryptionAlgorithm': 'RSA-2048',
  'ClusterConfiguration.certificateValidityPeriod': '8760h0m0s',
  'ClusterConfiguration.caCertificateValidityPeriod': '87600h0m0s',
  'ClusterConfiguration.dns.disabled': false,
  'InitConfiguration.dryRun': false,
  'JoinConfiguration.dryRun': false,
  'InitConfiguration.nodeRegistration.imagePullSerial': true,
  'JoinConfiguration.nodeRegistration.imagePullSerial': true,
}

export const DEFAULT_TIMEOUTS: Readonly<Record<string, string>> = {
  controlPlaneComponentHealthCheck: '4m0s',
  discovery: '5m0s',
  etcdAPICall: '2m0s',
  kubeletHealthCheck: '4m0s',
  kubernetesAPICall: '1m0s',
  tlsBootstrap: '5m0s',
  upgradeManifests: '5m0s',
}
