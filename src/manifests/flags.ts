import {
  authorityFiles,
  type Files,
  filesOf,
  rootBundleFile,
  serviceAccountFiles,
} from '../certs/paths.js'
import { AUTHORITIES, type AuthorityId, LEAVES, type LeafId } from '../certs/table.js'
import type { Cluster } from '../cluster/cluster.js'
import { onNode } from '../values/paths.js'

/** Programs of a cluster by which files and flags decide who gets in. */
export const COMPONENT_NAMES = [
  'etcd',
  'kube-apiserver',
  'kube-controller-manager',
  'kube-scheduler',
  'kube-proxy',
  'kubelet',
] as const

/** A component of Kubernetes that audits and manifests know. */
export type ComponentName = (typeof COMPONENT_NAMES)[number]

/** Components that run as static pods, in kubeadm's words. */
export type StaticPodName = Exclude<ComponentName, 'kube-proxy' | 'kubelet'>

/** Signers of the controller manager, each of which may have an authority of its own. */
type SignerName = 'kubelet-serving' | 'kubelet-client' | 'kube-apiserver-client' | 'legacy-unknown'

/** What a component presents a certificate for. */
export type PresentedRole =
  | 'etcd-server'
  | 'etcd-peer'
  | 'apiserver'
  | 'apiserver-etcd-client'
  | 'apiserver-kubelet-client'
  | 'front-proxy-client'
  | 'controller-manager-serving'
  | 'scheduler-serving'
  | 'kubelet-serving'

/** What a component does with a certificate and its key: it presents it, or signs with it. */
export type CredentialRole = PresentedRole | 'signing' | `signing-${SignerName}`

/** What a component does with a file of authorities. */
export type TrustRole =
  | 'client-ca'
  | 'requestheader-ca'
  | 'etcd-ca'
  | 'etcd-peer-ca'
  | 'apiserver-etcd-ca'
  | 'kubelet-ca'
  | 'kubelet-client-ca'
  | 'signing'
  | 'root-ca'

/** A file of a cluster that flags name, by the certificate table where it is in that. */
export type FlagFile = AuthorityId | LeafId | 'sa.key' | 'sa.pub' | 'root-bundle.crt'

/** How a component reads the file that a flag names, when it starts. */
export type FlagReader =
  /** `tls.X509KeyPair`: certificate and key together. */
  | 'key-pair'
  /** As `key-pair`, and the certificate must be the only one in its file (kubernetes/kubeadm#1350). */
  | 'signer'
  /** `client-go/util/cert.ParseCertsPEM`: stops at the first bad block. */
  | 'every-block'
  /** `x509.CertPool.AppendCertsFromPEM`: passes bad blocks over. */
  | 'any-block'
  /** etcd's own: every block is taken for a certificate, whatever its label. */
  | 'etcd'
  | 'private-key'
  | 'public-keys'
  | 'kubeconfig'
  | 'encryption-configuration'
  | 'authentication-configuration'
  | 'authorization-configuration'
  /** Pairs of a certificate and its key, each for names of its own: `tls.crt,tls.key:names`. */
  | 'sni-pairs'
  /** It must be there; what is in it is not looked at here. */
  | 'presence'

/** What a setting decides. */
export type Decision =
  /** Who a client is. */
  | 'authentication'
  /** What somebody may do. */
  | 'authorization'
  /** What a server shows, and how it speaks. */
  | 'serving'
  /** Whom a component believes. */
  | 'trust'
  /** As whom a component, a node or the cluster appears. */
  | 'identity'
  /** Where a key, a token or another secret lies. */
  | 'secret'
  /** Who can reach a server, and which way requests take. */
  | 'reach'
  /** Which pods a node runs. */
  | 'pods'

/** What one flag of a component names or decides. */
interface FlagFacts {
  /** It names the certificate with which the component does this. */
  readonly certificate?: CredentialRole
  /** It names the key to that certificate. */
  readonly key?: CredentialRole
  /** It names the authorities by which the component does this. */
  readonly trust?: TrustRole
  readonly reader?: FlagReader
  /** What messages call the file. */
  readonly called?: string
  /** The file that kubeadm gives it: the key where the flag names a key, else the certificate. */
  readonly file?: FlagFile
  /** What kubeadm gives a flag that names no file. */
  readonly value?: string
  /** When kubeadm gives it; always, if absent. */
  readonly when?: (cluster: Cluster) => boolean
  /** The field of an external etcd's settings that takes the place of `file`. */
  readonly external?: 'caFile' | 'certFile' | 'keyFile'
  /** Empty where the authorities' keys are kept offline, as in kubeadm's external-CA mode. */
  readonly online?: true
  /** What kpki gives it instead of kubeadm's default, and when. */
  readonly instead?: { readonly file: FlagFile; readonly when: (cluster: Cluster) => boolean }
  /** The kubelet: the field of its configuration that says the same. */
  readonly field?: readonly string[]
  /** The file is the kubeconfig of a webhook, or names some: their clients call others than the API server. */
  readonly webhooks?: true
  /** What it decides; absent for a flag that is here only because a release no longer knows it. */
  readonly decides?: Decision
  /** Audit rules that judge its value, besides those that read every file, pair and bundle of this table. */
  readonly judgedBy?: readonly string[]
  /** First minor release (of Kubernetes, or of etcd) that knows it, where that is later than the table's oldest. */
  readonly since?: string
  /** First minor release (of Kubernetes, or of etcd) that does not know it. */
  readonly until?: string
}

/** A row of the table. */
export interface FlagRow extends FlagFacts {
  readonly component: ComponentName
  readonly flag: string
}

/**
 * Every flag that names a file or decides who gets in: the one place to add one. Manifests, the audit's reading,
 * connections, start checks and rules follow. Rows of a component are in the order in which it reads its files.
 */
const TABLE: Readonly<Record<ComponentName, Readonly<Record<string, FlagFacts>>>> = {
  etcd: {
    'cert-file': {
      decides: 'serving',
      certificate: 'etcd-server',
      reader: 'key-pair',
      called: 'server',
      file: 'etcd-server',
    },
    'key-file': { decides: 'secret', key: 'etcd-server', file: 'etcd-server' },
    'client-cert-auth': { decides: 'authentication', judgedBy: ['M04'], value: 'true' },
    'trusted-ca-file': {
      decides: 'trust',
      trust: 'etcd-ca',
      reader: 'etcd',
      called: 'client CA',
      file: 'etcd-ca',
    },
    'peer-cert-file': {
      decides: 'identity',
      certificate: 'etcd-peer',
      reader: 'key-pair',
      called: 'peer',
      file: 'etcd-peer',
    },
    'peer-key-file': { decides: 'secret', key: 'etcd-peer', file: 'etcd-peer' },
    'peer-client-cert-auth': { decides: 'authentication', judgedBy: ['M04'], value: 'true' },
    'peer-trusted-ca-file': {
      decides: 'trust',
      trust: 'etcd-peer-ca',
      reader: 'etcd',
      called: 'peer CA',
      file: 'etcd-ca',
    },
    'enable-v2': { until: '3.6' },
    'auto-tls': setting('serving', 'M05'),
    'peer-auto-tls': setting('serving', 'M05'),
    'listen-client-urls': setting('reach', 'M04'),
    'listen-peer-urls': setting('reach', 'M04'),
    'listen-metrics-urls': setting('reach', 'M70'),
    'advertise-client-urls': setting('reach', 'S08'),
    'initial-advertise-peer-urls': setting('reach', 'S09'),
    'cipher-suites': setting('serving', 'M14'),
    'peer-skip-client-san-verification': { ...setting('authentication', 'M81'), since: '3.6' },
    'experimental-peer-skip-client-san-verification': setting('authentication', 'M81'),
    'data-dir': setting('secret', 'O05'),
    'client-cert-allowed-hostname': setting('authentication'),
    'client-crl-file': setting('authentication'),
    'peer-cert-allowed-cn': setting('authentication'),
    'peer-cert-allowed-hostname': setting('authentication'),
    'peer-crl-file': setting('authentication'),
    'auth-token': setting('secret'),
    'auth-token-ttl': setting('authentication'),
    'self-signed-cert-validity': setting('serving'),
    'tls-min-version': setting('serving'),
    'tls-max-version': setting('serving'),
    'listen-client-http-urls': setting('reach'),
    'host-whitelist': setting('reach'),
    cors: setting('reach'),
    'enable-pprof': setting('reach'),
    'config-file': setting('trust', 'M04'),
    discovery: setting('trust'),
    'discovery-srv': setting('trust'),
    'discovery-srv-name': setting('trust'),
    'discovery-proxy': setting('reach'),
    name: setting('identity'),
    'initial-cluster': setting('trust', 'T21', 'T24'),
    'initial-cluster-token': setting('identity', 'T19'),
    'wal-dir': setting('secret'),
    'distributed-tracing-address': setting('reach'),
    'feature-gates': { ...setting('authentication'), since: '3.6' },
  },
  'kube-apiserver': {
    'tls-cert-file': {
      decides: 'serving',
      certificate: 'apiserver',
      reader: 'key-pair',
      called: 'server',
      file: 'apiserver',
    },
    'tls-private-key-file': { decides: 'secret', key: 'apiserver', file: 'apiserver' },
    'client-ca-file': {
      decides: 'trust',
      trust: 'client-ca',
      reader: 'every-block',
      called: 'client CA',
      file: 'ca',
    },
    'requestheader-client-ca-file': {
      decides: 'trust',
      trust: 'requestheader-ca',
      reader: 'every-block',
      called: 'front proxy CA',
      file: 'front-proxy-ca',
    },
    'requestheader-allowed-names': {
      decides: 'authentication',
      judgedBy: ['M03', 'I12'],
      value: 'front-proxy-client',
    },
    'requestheader-extra-headers-prefix': {
      decides: 'authentication',
      judgedBy: ['T19'],
      value: 'X-Remote-Extra-',
    },
    'requestheader-group-headers': {
      decides: 'authentication',
      judgedBy: ['T19'],
      value: 'X-Remote-Group',
    },
    'requestheader-username-headers': {
      decides: 'authentication',
      judgedBy: ['T19'],
      value: 'X-Remote-User',
    },
    'service-account-key-file': {
      decides: 'authentication',
      reader: 'public-keys',
      called: 'service-account key',
      file: 'sa.pub',
    },
    'service-account-signing-key-file': {
      decides: 'secret',
      reader: 'private-key',
      called: 'service-account key',
      file: 'sa.key',
    },
    'etcd-certfile': {
      decides: 'identity',
      certificate: 'apiserver-etcd-client',
      reader: 'key-pair',
      called: 'etcd client',
      file: 'apiserver-etcd-client',
      external: 'certFile',
    },
    'etcd-keyfile': {
      decides: 'secret',
      key: 'apiserver-etcd-client',
      file: 'apiserver-etcd-client',
      external: 'keyFile',
    },
    'etcd-cafile': {
      decides: 'trust',
      trust: 'apiserver-etcd-ca',
      reader: 'etcd',
      called: 'etcd CA',
      file: 'etcd-ca',
      external: 'caFile',
    },
    'kubelet-client-certificate': {
      decides: 'identity',
      certificate: 'apiserver-kubelet-client',
      reader: 'presence',
      file: 'apiserver-kubelet-client',
    },
    'kubelet-client-key': {
      decides: 'secret',
      key: 'apiserver-kubelet-client',
      reader: 'presence',
      file: 'apiserver-kubelet-client',
    },
    'kubelet-certificate-authority': {
      decides: 'trust',
      trust: 'kubelet-ca',
      reader: 'any-block',
      called: 'kubelet CA',
      instead: { file: 'ca', when: ({ apiServer }) => apiServer.verifyKubelets },
    },
    'proxy-client-cert-file': {
      decides: 'identity',
      certificate: 'front-proxy-client',
      reader: 'key-pair',
      called: 'front proxy',
      file: 'front-proxy-client',
    },
    'proxy-client-key-file': {
      decides: 'secret',
      key: 'front-proxy-client',
      file: 'front-proxy-client',
    },
    'encryption-provider-config': {
      decides: 'secret',
      judgedBy: ['T14'],
      reader: 'encryption-configuration',
      called: 'encryption configuration',
    },
    'oidc-ca-file': { decides: 'trust', reader: 'every-block', called: 'OIDC CA' },
    'admission-control-config-file': {
      decides: 'authorization',
      judgedBy: ['M67'],
      reader: 'presence',
      webhooks: true,
    },
    'audit-policy-file': { decides: 'secret', reader: 'presence' },
    'audit-webhook-config-file': {
      decides: 'secret',
      judgedBy: ['M67'],
      reader: 'presence',
      webhooks: true,
    },
    'authentication-config': {
      decides: 'authentication',
      judgedBy: ['M64', 'M66'],
      reader: 'authentication-configuration',
    },
    'authentication-token-webhook-config-file': {
      decides: 'authentication',
      judgedBy: ['M67'],
      reader: 'presence',
      webhooks: true,
    },
    'authorization-config': {
      decides: 'authorization',
      judgedBy: ['M23', 'M24', 'M25', 'M64'],
      reader: 'authorization-configuration',
      webhooks: true,
    },
    'authorization-webhook-config-file': {
      decides: 'authorization',
      judgedBy: ['M67'],
      reader: 'presence',
      webhooks: true,
    },
    'cloud-config': { decides: 'secret', reader: 'presence' },
    'egress-selector-config-file': { decides: 'reach', reader: 'presence' },
    'token-auth-file': { decides: 'authentication', judgedBy: ['M13'], reader: 'presence' },
    'tracing-config-file': { decides: 'reach', reader: 'presence' },
    'authorization-mode': {
      decides: 'authorization',
      judgedBy: ['M23', 'M24', 'M25', 'T19'],
      value: 'Node,RBAC',
      when: ({ apiServer, release }) =>
        release.authorizationMode !== 'verbatim' ||
        !apiServer.extraArgs.some(({ name }) => name === 'authorization-config'),
    },
    'enable-bootstrap-token-auth': { decides: 'authentication', judgedBy: ['T19'], value: 'true' },
    'basic-auth-file': { decides: 'authentication', judgedBy: ['M13'], until: '1.19' },
    'kubelet-https': { ...setting('reach'), until: '1.22' },
    'insecure-port': { decides: 'reach', judgedBy: ['M13'], until: '1.24' },
    'insecure-bind-address': { decides: 'reach', until: '1.24' },
    address: { decides: 'reach', until: '1.24' },
    'anonymous-auth': setting('authentication', 'X01'),
    'authorization-policy-file': { ...setting('authorization', 'M65', 'M86'), reader: 'presence' },
    'tls-sni-cert-key': { ...setting('serving'), reader: 'sni-pairs', called: 'SNI' },
    'peer-ca-file': { ...setting('trust'), reader: 'any-block', called: 'peer CA' },
    'tls-cipher-suites': setting('serving', 'M14'),
    'tls-min-version': setting('serving', 'M14'),
    'enable-admission-plugins': setting('authorization', 'M31', 'T19', 'X21'),
    'disable-admission-plugins': setting('authorization', 'M65', 'M87', 'T19'),
    'service-account-issuer': setting('authentication', 'M10', 'T19'),
    'service-account-lookup': setting('authentication', 'M37'),
    'service-account-extend-token-expiration': setting('authentication', 'M42'),
    'api-audiences': setting('authentication', 'T19'),
    'service-cluster-ip-range': setting('reach', 'S03', 'T19'),
    'oidc-issuer-url': setting('authentication', 'M65', 'T19'),
    'oidc-client-id': setting('authentication', 'M65', 'T19'),
    'oidc-username-prefix': setting('authentication', 'M66'),
    'oidc-groups-prefix': setting('authentication', 'M66'),
    'oidc-groups-claim': setting('authentication', 'M66'),
    'bind-address': setting('reach', 'M69'),
    'advertise-address': setting('reach', 'M18', 'S04'),
    'secure-port': setting('reach', 'F26'),
    'kubernetes-service-node-port': setting('reach', 'M79'),
    'cors-allowed-origins': setting('reach', 'M82'),
    profiling: setting('reach', 'M32'),
    'etcd-servers': setting('reach', 'X01', 'T21'),
    'etcd-prefix': setting('identity', 'T19'),
    'oidc-username-claim': setting('authentication'),
    'oidc-required-claim': setting('authentication'),
    'oidc-signing-algs': setting('authentication'),
    'authentication-token-webhook-version': setting('authentication'),
    'authentication-token-webhook-cache-ttl': setting('authentication'),
    'authorization-webhook-version': setting('authorization'),
    'authorization-webhook-cache-authorized-ttl': setting('authorization'),
    'authorization-webhook-cache-unauthorized-ttl': setting('authorization'),
    'requestheader-uid-headers': { ...setting('authentication', 'T19'), since: '1.32' },
    'service-account-jwks-uri': setting('authentication'),
    'service-account-max-token-expiration': setting('authentication', 'M83'),
    'service-account-signing-endpoint': { ...setting('secret'), since: '1.32' },
    'encryption-provider-config-automatic-reload': setting('secret'),
    'enable-aggregator-routing': setting('reach'),
    'aggregator-reject-forwarding-redirect': setting('reach'),
    'kubelet-preferred-address-types': setting('reach'),
    'peer-advertise-ip': setting('reach'),
    'peer-advertise-port': setting('reach'),
    'external-hostname': setting('identity'),
    'etcd-servers-overrides': setting('reach', 'T21'),
    'cert-dir': setting('secret'),
    'allow-privileged': setting('pods'),
    'runtime-config': setting('authorization'),
    'admission-control': setting('authorization'),
    'feature-gates': setting('authorization'),
    'strict-transport-security-directives': setting('serving'),
    'tls-curve-preferences': { ...setting('serving'), since: '1.36' },
    'debug-socket-path': setting('reach'),
  },
  'kube-controller-manager': {
    kubeconfig: { decides: 'identity', reader: 'kubeconfig', file: 'controller-manager.conf' },
    'authentication-kubeconfig': {
      decides: 'authentication',
      reader: 'kubeconfig',
      file: 'controller-manager.conf',
    },
    'authorization-kubeconfig': {
      decides: 'authorization',
      reader: 'kubeconfig',
      file: 'controller-manager.conf',
    },
    'tls-cert-file': {
      decides: 'serving',
      certificate: 'controller-manager-serving',
      reader: 'key-pair',
      called: 'server',
    },
    'tls-private-key-file': { decides: 'secret', key: 'controller-manager-serving' },
    'client-ca-file': { decides: 'trust', reader: 'every-block', called: 'client CA', file: 'ca' },
    'requestheader-client-ca-file': {
      decides: 'trust',
      reader: 'every-block',
      called: 'front proxy CA',
      file: 'front-proxy-ca',
    },
    'root-ca-file': {
      decides: 'trust',
      judgedBy: ['M11'],
      trust: 'root-ca',
      reader: 'every-block',
      called: 'root CA',
      file: 'ca',
      instead: { file: 'root-bundle.crt', when: ({ pki }) => pki.topology === 'hierarchy' },
    },
    'service-account-private-key-file': {
      decides: 'secret',
      reader: 'private-key',
      called: 'service-account key',
      file: 'sa.key',
    },
    'cluster-signing-cert-file': {
      decides: 'trust',
      judgedBy: ['T17', 'T18'],
      certificate: 'signing',
      trust: 'signing',
      reader: 'signer',
      called: 'signing',
      file: 'ca',
      online: true,
    },
    'cluster-signing-key-file': { decides: 'secret', key: 'signing', file: 'ca', online: true },
    ...ownSigner('kubelet-serving'),
    ...ownSigner('kubelet-client'),
    ...ownSigner('kube-apiserver-client'),
    ...ownSigner('legacy-unknown'),
    'cloud-config': { decides: 'secret', reader: 'presence' },
    address: { decides: 'reach', until: '1.24' },
    port: { decides: 'reach', until: '1.24' },
    'pod-eviction-timeout': { until: '1.27' },
    'enable-taint-manager': { until: '1.27' },
    ...delegating('M48', 'M44'),
    'feature-gates': setting('authentication', 'M47'),
    'use-service-account-credentials': setting('identity', 'M45'),
    'cluster-signing-duration': setting('authentication', 'M83'),
    'service-cluster-ip-range': setting('reach', 'T19'),
    'cluster-cidr': setting('reach', 'T19'),
    controllers: setting('authentication'),
    'legacy-service-account-token-clean-up-period': setting('authentication'),
    'external-cloud-volume-plugin': setting('pods'),
  },
  'kube-scheduler': {
    config: { decides: 'identity', reader: 'presence' },
    kubeconfig: { decides: 'identity', reader: 'kubeconfig', file: 'scheduler.conf' },
    'authentication-kubeconfig': {
      decides: 'authentication',
      reader: 'kubeconfig',
      file: 'scheduler.conf',
    },
    'authorization-kubeconfig': {
      decides: 'authorization',
      reader: 'kubeconfig',
      file: 'scheduler.conf',
    },
    'tls-cert-file': {
      decides: 'serving',
      certificate: 'scheduler-serving',
      reader: 'key-pair',
      called: 'server',
    },
    'tls-private-key-file': { decides: 'secret', key: 'scheduler-serving' },
    'client-ca-file': { decides: 'trust', reader: 'every-block', called: 'client CA' },
    'requestheader-client-ca-file': {
      decides: 'trust',
      reader: 'every-block',
      called: 'front proxy CA',
    },
    'policy-config-file': { decides: 'pods', until: '1.23' },
    address: { decides: 'reach', until: '1.24' },
    port: { decides: 'reach', until: '1.24' },
    ...delegating('M50', 'M49'),
    'feature-gates': setting('pods'),
  },
  'kube-proxy': {
    config: { decides: 'identity', reader: 'presence' },
    kubeconfig: { decides: 'identity', reader: 'kubeconfig' },
    master: setting('reach', 'M84'),
    'bind-address': setting('reach'),
    'healthz-bind-address': setting('reach'),
    'metrics-bind-address': setting('reach'),
    'nodeport-addresses': setting('reach'),
    'hostname-override': setting('identity'),
    profiling: setting('reach'),
  },
  kubelet: {
    'client-ca-file': {
      decides: 'trust',
      judgedBy: ['M08', 'X01'],
      trust: 'kubelet-client-ca',
      field: ['authentication', 'x509', 'clientCAFile'],
    },
    'tls-cert-file': {
      decides: 'serving',
      judgedBy: ['X01'],
      certificate: 'kubelet-serving',
      field: ['tlsCertFile'],
    },
    'tls-private-key-file': {
      decides: 'secret',
      judgedBy: ['X01'],
      key: 'kubelet-serving',
      field: ['tlsPrivateKeyFile'],
    },
    'anonymous-auth': {
      decides: 'authentication',
      judgedBy: ['M53'],
      field: ['authentication', 'anonymous', 'enabled'],
    },
    'authorization-mode': {
      decides: 'authorization',
      judgedBy: ['M54'],
      field: ['authorization', 'mode'],
    },
    'read-only-port': { decides: 'reach', judgedBy: ['M55'], field: ['readOnlyPort'] },
    'rotate-certificates': {
      decides: 'identity',
      judgedBy: ['M09'],
      field: ['rotateCertificates'],
    },
    'rotate-server-certificates': {
      decides: 'serving',
      judgedBy: ['M60'],
      field: ['serverTLSBootstrap'],
    },
    'network-plugin': { until: '1.24' },
    'cni-conf-dir': { until: '1.24' },
    'cni-bin-dir': { until: '1.24' },
    'container-runtime': { until: '1.27' },
    'pod-infra-container-image': { until: '1.35' },
    kubeconfig: setting('identity', 'X01'),
    'bootstrap-kubeconfig': setting('identity', 'F23'),
    'config-dir': setting('authorization', 'M54'),
    'pod-manifest-path': { ...setting('pods', 'M76', 'M88'), field: ['staticPodPath'] },
    'manifest-url': { ...setting('pods', 'M75'), field: ['staticPodURL'] },
    'tls-cipher-suites': { ...setting('serving', 'M14'), field: ['tlsCipherSuites'] },
    'tls-min-version': { ...setting('serving', 'M14'), field: ['tlsMinVersion'] },
    address: { ...setting('reach', 'M78'), field: ['address'] },
    'enable-server': { ...setting('reach', 'M78'), field: ['enableServer'] },
    'healthz-bind-address': { ...setting('reach', 'M70'), field: ['healthzBindAddress'] },
    'hostname-override': setting('identity', 'I05', 'M58'),
    'streaming-connection-idle-timeout': setting('reach', 'M56'),
    port: { ...setting('reach'), field: ['port'] },
    config: setting('authorization'),
    'cert-dir': setting('secret'),
    'root-dir': setting('secret'),
    'manifest-url-header': { ...setting('secret'), field: ['staticPodURLHeader'] },
    'authentication-token-webhook': {
      ...setting('authentication'),
      field: ['authentication', 'webhook', 'enabled'],
    },
    'authentication-token-webhook-cache-ttl': {
      ...setting('authentication'),
      field: ['authentication', 'webhook', 'cacheTTL'],
    },
    'authorization-webhook-cache-authorized-ttl': {
      ...setting('authorization'),
      field: ['authorization', 'webhook', 'cacheAuthorizedTTL'],
    },
    'authorization-webhook-cache-unauthorized-ttl': {
      ...setting('authorization'),
      field: ['authorization', 'webhook', 'cacheUnauthorizedTTL'],
    },
    'enable-debugging-handlers': { ...setting('reach'), field: ['enableDebuggingHandlers'] },
    'node-ip': setting('identity'),
    'node-labels': setting('identity'),
    'register-node': { ...setting('identity'), field: ['registerNode'] },
    'image-credential-provider-config': setting('secret'),
    'image-credential-provider-bin-dir': setting('pods'),
    'container-runtime-endpoint': { ...setting('pods'), field: ['containerRuntimeEndpoint'] },
    'volume-plugin-dir': { ...setting('pods'), field: ['volumePluginDir'] },
    'feature-gates': { ...setting('authentication'), field: ['featureGates'] },
  },
}

/** A flag that names no file of this table: what it decides, and the rules that judge it. */
function setting(decides: Decision, ...judgedBy: readonly string[]): FlagFacts {
  return { decides, ...(judgedBy.length > 0 && { judgedBy }) }
}

/** A server that asks the API server who its clients are, and what they may do (k8s.io/apiserver/pkg/server/options). */
function delegating(bindAddress: string, profiling: string): Readonly<Record<string, FlagFacts>> {
  return {
    'bind-address': setting('reach', bindAddress),
    'authorization-always-allow-paths': setting('authorization', 'M80'),
    'tls-cipher-suites': setting('serving', 'M14'),
    'tls-min-version': setting('serving', 'M14'),
    'tls-sni-cert-key': { ...setting('serving'), reader: 'sni-pairs', called: 'SNI' },
    profiling: setting('reach', profiling),
    master: setting('reach', 'M84'),
    'secure-port': setting('reach', 'X01'),
    'cert-dir': setting('secret'),
    'authentication-skip-lookup': setting('authentication'),
    'authentication-tolerate-lookup-failure': setting('authentication'),
    'authentication-token-webhook-cache-ttl': setting('authentication'),
    'authorization-webhook-cache-authorized-ttl': setting('authorization'),
    'authorization-webhook-cache-unauthorized-ttl': setting('authorization'),
    'requestheader-allowed-names': setting('authentication'),
    'requestheader-extra-headers-prefix': setting('authentication'),
    'requestheader-group-headers': setting('authentication'),
    'requestheader-uid-headers': { ...setting('authentication'), since: '1.32' },
    'requestheader-username-headers': setting('authentication'),
    'tls-curve-preferences': { ...setting('serving'), since: '1.36' },
  }
}

/** A signer that has an authority of its own. */
function ownSigner(name: SignerName): Readonly<Record<string, FlagFacts>> {
  const role = `signing-${name}` as const
  return {
    [`cluster-signing-${name}-cert-file`]: {
      decides: 'trust',
      judgedBy: ['T17', 'T18'],
      certificate: role,
      reader: 'signer',
      called: 'signing',
    },
    [`cluster-signing-${name}-key-file`]: { decides: 'secret', key: role },
  }
}

/** What decides who gets in, besides flags and the kubelet's own fields. */
export interface OtherSetting {
  readonly where: 'environment' | 'file'
  /** The variable, or kind and field. */
  readonly name: string
  readonly components: readonly ComponentName[]
  readonly decides: Decision
  /** As of a {@link FlagRow}. */
  readonly judgedBy?: readonly string[]
}

const ALL_BUT_ETCD = COMPONENT_NAMES.filter((name) => name !== 'etcd')

/** Environment variables, and the fields of files that flags name. */
export const OTHER_SETTINGS: readonly OtherSetting[] = [
  ...environment(COMPONENT_NAMES, 'reach', ['HTTPS_PROXY', 'NO_PROXY'], 'M72'),
  ...environment(COMPONENT_NAMES, 'reach', ['HTTP_PROXY']),
  ...environment(COMPONENT_NAMES, 'trust', ['SSL_CERT_FILE', 'SSL_CERT_DIR'], 'M74'),
  ...environment(COMPONENT_NAMES, 'trust', ['GODEBUG'], 'M73'),
  ...environment(['etcd'], 'authentication', ['ETCD_*'], 'M04'),
  ...environment(ALL_BUT_ETCD, 'reach', ['KUBERNETES_SERVICE_HOST', 'KUBERNETES_SERVICE_PORT']),
  ...environment(ALL_BUT_ETCD, 'identity', ['KUBECONFIG']),
  ...environment(['kubelet'], 'authorization', ['KUBELET_CONFIG_DROPIN_DIR_ALPHA']),
  ...environment(['kubelet'], 'secret', ['DOCKER_CONFIG']),
  ...fields('kube-apiserver', 'authentication', 'AuthenticationConfiguration', {
    anonymous: ['M64'],
    'jwt[].claimMappings': ['M66'],
    'jwt[].issuer': [],
    'jwt[].claimValidationRules': [],
    'jwt[].userValidationRules': [],
  }),
  ...fields('kube-apiserver', 'authorization', 'AuthorizationConfiguration', {
    'authorizers[].type': ['M23', 'M24', 'M25'],
    'authorizers[].webhook.connectionInfo': ['M67'],
    'authorizers[].webhook.failurePolicy': [],
    'authorizers[].webhook.matchConditions': [],
  }),
  ...fields('kube-apiserver', 'authorization', 'AdmissionConfiguration', {
    'plugins[] kubeConfigFile': ['M67'],
    'plugins[].configuration': [],
  }),
  ...fields('kube-apiserver', 'secret', 'EncryptionConfiguration', {
    'resources[].providers': ['A08', 'A09', 'A10', 'A11', 'A12', 'A13'],
    'resources[].providers[].kms': [],
  }),
  ...fields('kube-apiserver', 'reach', 'EgressSelectorConfiguration', { egressSelections: [] }),
  ...fields('kube-apiserver', 'reach', 'TracingConfiguration', { endpoint: [] }),
  ...fields('kube-scheduler', 'identity', 'KubeSchedulerConfiguration', {
    clientConnection: ['X01'],
    extenders: [],
  }),
  ...fields('kube-proxy', 'identity', 'KubeProxyConfiguration', {
    clientConnection: [],
    metricsBindAddress: [],
  }),
  ...fields('kubelet', 'reach', 'KubeletConfiguration', {
    enableSystemLogHandler: [],
    enableSystemLogQuery: [],
    enableProfilingHandler: [],
    tlsCurvePreferences: [],
    imagePullCredentialsVerificationPolicy: [],
  }),
  ...fields('kubelet', 'secret', 'CredentialProviderConfig', { providers: [] }),
]

function environment(
  components: readonly ComponentName[],
  decides: Decision,
  names: readonly string[],
  ...judgedBy: readonly string[]
): readonly OtherSetting[] {
  return names.map((name) => ({ where: 'environment', name, components, decides, judgedBy }))
}

function fields(
  component: ComponentName,
  decides: Decision,
  kind: string,
  rules: Readonly<Record<string, readonly string[]>>,
): readonly OtherSetting[] {
  return Object.entries(rules).map(([field, judgedBy]) => ({
    where: 'file',
    name: `${kind} ${field}`,
    components: [component],
    decides,
    judgedBy,
  }))
}

export const FLAGS: readonly FlagRow[] = COMPONENT_NAMES.flatMap((component) =>
  Object.entries(TABLE[component]).map(([flag, facts]) => ({ component, flag, ...facts })),
)

/** The fields of the kubelet's configuration by the flags that say the same. */
export const KUBELET_FIELDS: ReadonlyMap<string, readonly string[]> = new Map(
  FLAGS.flatMap(({ component, flag, field }) =>
    component === 'kubelet' && field ? [[flag, field]] : [],
  ),
)

/** A component's default flags by name, as kubeadm computes them. */
export type DefaultFlags = Readonly<Record<string, string>>

/** What the table gives a component by default; a certificate without its key is left out, and a key without its certificate. */
export function defaultFlags(
  component: ComponentName,
  givenTo: (row: FlagRow) => string | undefined,
  table = FLAGS,
): DefaultFlags {
  const given = table.flatMap((row) => {
    const value = row.component === component ? givenTo(row) : undefined
    return value === undefined ? [] : [{ row, value }]
  })
  const isWhole = ({ certificate, key }: FlagRow) =>
    (certificate === undefined || given.some(({ row }) => row.key === certificate)) &&
    (key === undefined || given.some(({ row }) => row.certificate === key))
  return Object.fromEntries(
    given.flatMap(({ row, value }) => (isWhole(row) ? [[row.flag, value]] : [])),
  )
}

/** Absolute path of a file that flags name, in the layout that kpki shares with kubeadm. */
export function pathOf(
  cluster: Pick<Cluster, 'certificatesDir'>,
  file: FlagFile,
  part: keyof Files = 'certificate',
): string {
  const files = serviceAccountFiles(cluster)
  if (file === 'sa.key') return onNode(files.key)
  if (file === 'sa.pub') return onNode(files.pub)
  if (file === 'root-bundle.crt') return onNode(rootBundleFile(cluster))
  return onNode(
    (isAuthority(file) ? authorityFiles(cluster, file) : filesOf(cluster, LEAVES[file].place))[
      part
    ],
  )
}

function isAuthority(file: AuthorityId | LeafId): file is AuthorityId {
  return Object.hasOwn(AUTHORITIES, file)
}

/** Which of a pair's two files a flag names. */
export function partOf({ key }: FlagRow): keyof Files {
  return key === undefined ? 'certificate' : 'key'
}

/** kubeadm's defaults for a component of a cluster. */
export function clusterFlags(
  cluster: Cluster,
  component: StaticPodName,
  table = FLAGS,
): DefaultFlags {
  const { etcd } = cluster
  return defaultFlags(
    component,
    (row) => {
      const { value, file, external, when } = row
      if (when?.(cluster) === false) return undefined
      if (external !== undefined && etcd.kind === 'external') return etcd[external] || undefined
      return value ?? (file && pathOf(cluster, file, partOf(row)))
    },
    table,
  )
}
