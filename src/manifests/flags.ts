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
  /** It must be there; what is in it is not looked at here. */
  | 'presence'

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
      certificate: 'etcd-server',
      reader: 'key-pair',
      called: 'server',
      file: 'etcd-server',
    },
    'key-file': { key: 'etcd-server', file: 'etcd-server' },
    'client-cert-auth': { value: 'true' },
    'trusted-ca-file': { trust: 'etcd-ca', reader: 'etcd', called: 'client CA', file: 'etcd-ca' },
    'peer-cert-file': {
      certificate: 'etcd-peer',
      reader: 'key-pair',
      called: 'peer',
      file: 'etcd-peer',
    },
    'peer-key-file': { key: 'etcd-peer', file: 'etcd-peer' },
    'peer-client-cert-auth': { value: 'true' },
    'peer-trusted-ca-file': {
      trust: 'etcd-peer-ca',
      reader: 'etcd',
      called: 'peer CA',
      file: 'etcd-ca',
    },
    'enable-v2': { until: '3.6' },
  },
  'kube-apiserver': {
    'tls-cert-file': {
      certificate: 'apiserver',
      reader: 'key-pair',
      called: 'server',
      file: 'apiserver',
    },
    'tls-private-key-file': { key: 'apiserver', file: 'apiserver' },
    'client-ca-file': {
      trust: 'client-ca',
      reader: 'every-block',
      called: 'client CA',
      file: 'ca',
    },
    'requestheader-client-ca-file': {
      trust: 'requestheader-ca',
      reader: 'every-block',
      called: 'front proxy CA',
      file: 'front-proxy-ca',
    },
    'requestheader-allowed-names': { value: 'front-proxy-client' },
    'requestheader-extra-headers-prefix': { value: 'X-Remote-Extra-' },
    'requestheader-group-headers': { value: 'X-Remote-Group' },
    'requestheader-username-headers': { value: 'X-Remote-User' },
    'service-account-key-file': {
      reader: 'public-keys',
      called: 'service-account key',
      file: 'sa.pub',
    },
    'service-account-signing-key-file': {
      reader: 'private-key',
      called: 'service-account key',
      file: 'sa.key',
    },
    'etcd-certfile': {
      certificate: 'apiserver-etcd-client',
      reader: 'key-pair',
      called: 'etcd client',
      file: 'apiserver-etcd-client',
      external: 'certFile',
    },
    'etcd-keyfile': {
      key: 'apiserver-etcd-client',
      file: 'apiserver-etcd-client',
      external: 'keyFile',
    },
    'etcd-cafile': {
      trust: 'apiserver-etcd-ca',
      reader: 'etcd',
      called: 'etcd CA',
      file: 'etcd-ca',
      external: 'caFile',
    },
    'kubelet-client-certificate': {
      certificate: 'apiserver-kubelet-client',
      reader: 'presence',
      file: 'apiserver-kubelet-client',
    },
    'kubelet-client-key': {
      key: 'apiserver-kubelet-client',
      reader: 'presence',
      file: 'apiserver-kubelet-client',
    },
    'kubelet-certificate-authority': {
      trust: 'kubelet-ca',
      reader: 'any-block',
      called: 'kubelet CA',
      instead: { file: 'ca', when: ({ apiServer }) => apiServer.verifyKubelets },
    },
    'proxy-client-cert-file': {
      certificate: 'front-proxy-client',
      reader: 'key-pair',
      called: 'front proxy',
      file: 'front-proxy-client',
    },
    'proxy-client-key-file': { key: 'front-proxy-client', file: 'front-proxy-client' },
    'encryption-provider-config': {
      reader: 'encryption-configuration',
      called: 'encryption configuration',
    },
    'oidc-ca-file': { reader: 'every-block', called: 'OIDC CA' },
    'admission-control-config-file': { reader: 'presence', webhooks: true },
    'audit-policy-file': { reader: 'presence' },
    'audit-webhook-config-file': { reader: 'presence', webhooks: true },
    'authentication-config': { reader: 'presence' },
    'authentication-token-webhook-config-file': { reader: 'presence', webhooks: true },
    'authorization-config': { reader: 'presence', webhooks: true },
    'authorization-webhook-config-file': { reader: 'presence', webhooks: true },
    'cloud-config': { reader: 'presence' },
    'egress-selector-config-file': { reader: 'presence' },
    'token-auth-file': { reader: 'presence' },
    'tracing-config-file': { reader: 'presence' },
    'authorization-mode': {
      value: 'Node,RBAC',
      when: ({ apiServer, release }) =>
        release.authorizationMode !== 'verbatim' ||
        !apiServer.extraArgs.some(({ name }) => name === 'authorization-config'),
    },
    'enable-bootstrap-token-auth': { value: 'true' },
    'basic-auth-file': { until: '1.19' },
    'insecure-port': { until: '1.24' },
    'insecure-bind-address': { until: '1.24' },
    address: { until: '1.24' },
  },
  'kube-controller-manager': {
    kubeconfig: { reader: 'kubeconfig', file: 'controller-manager.conf' },
    'authentication-kubeconfig': { reader: 'kubeconfig', file: 'controller-manager.conf' },
    'authorization-kubeconfig': { reader: 'kubeconfig', file: 'controller-manager.conf' },
    'tls-cert-file': {
      certificate: 'controller-manager-serving',
      reader: 'key-pair',
      called: 'server',
    },
    'tls-private-key-file': { key: 'controller-manager-serving' },
    'client-ca-file': { reader: 'every-block', called: 'client CA', file: 'ca' },
    'requestheader-client-ca-file': {
      reader: 'every-block',
      called: 'front proxy CA',
      file: 'front-proxy-ca',
    },
    'root-ca-file': {
      trust: 'root-ca',
      reader: 'every-block',
      called: 'root CA',
      file: 'ca',
      instead: { file: 'root-bundle.crt', when: ({ pki }) => pki.topology === 'hierarchy' },
    },
    'service-account-private-key-file': {
      reader: 'private-key',
      called: 'service-account key',
      file: 'sa.key',
    },
    'cluster-signing-cert-file': {
      certificate: 'signing',
      trust: 'signing',
      reader: 'signer',
      called: 'signing',
      file: 'ca',
      online: true,
    },
    'cluster-signing-key-file': { key: 'signing', file: 'ca', online: true },
    ...ownSigner('kubelet-serving'),
    ...ownSigner('kubelet-client'),
    ...ownSigner('kube-apiserver-client'),
    ...ownSigner('legacy-unknown'),
    'cloud-config': { reader: 'presence' },
    address: { until: '1.24' },
    port: { until: '1.24' },
    'pod-eviction-timeout': { until: '1.27' },
    'enable-taint-manager': { until: '1.27' },
  },
  'kube-scheduler': {
    config: { reader: 'presence' },
    kubeconfig: { reader: 'kubeconfig', file: 'scheduler.conf' },
    'authentication-kubeconfig': { reader: 'kubeconfig', file: 'scheduler.conf' },
    'authorization-kubeconfig': { reader: 'kubeconfig', file: 'scheduler.conf' },
    'tls-cert-file': { certificate: 'scheduler-serving', reader: 'key-pair', called: 'server' },
    'tls-private-key-file': { key: 'scheduler-serving' },
    'client-ca-file': { reader: 'every-block', called: 'client CA' },
    'requestheader-client-ca-file': { reader: 'every-block', called: 'front proxy CA' },
    'policy-config-file': { until: '1.23' },
    address: { until: '1.24' },
    port: { until: '1.24' },
  },
  'kube-proxy': {
    config: { reader: 'presence' },
    kubeconfig: { reader: 'kubeconfig' },
  },
  kubelet: {
    'client-ca-file': {
      trust: 'kubelet-client-ca',
      field: ['authentication', 'x509', 'clientCAFile'],
    },
    'tls-cert-file': {
      certificate: 'kubelet-serving',
      field: ['tlsCertFile'],
    },
    'tls-private-key-file': { key: 'kubelet-serving', field: ['tlsPrivateKeyFile'] },
    'anonymous-auth': { field: ['authentication', 'anonymous', 'enabled'] },
    'authorization-mode': { field: ['authorization', 'mode'] },
    'read-only-port': { field: ['readOnlyPort'] },
    'rotate-certificates': { field: ['rotateCertificates'] },
    'rotate-server-certificates': { field: ['serverTLSBootstrap'] },
    'network-plugin': { until: '1.24' },
    'cni-conf-dir': { until: '1.24' },
    'cni-bin-dir': { until: '1.24' },
    'container-runtime': { until: '1.27' },
    'pod-infra-container-image': { until: '1.35' },
  },
}

/** A signer that has an authority of its own. */
function ownSigner(name: SignerName): Readonly<Record<string, FlagFacts>> {
  const role = `signing-${name}` as const
  return {
    [`cluster-signing-${name}-cert-file`]: {
      certificate: role,
      reader: 'signer',
      called: 'signing',
    },
    [`cluster-signing-${name}-key-file`]: { key: role },
  }
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
