import type { CertificateFacts, PublicKeyFacts } from '../../ca/certificate/facts.js'
import type { Cluster } from '../../cluster/cluster.js'
import type { FileTree, TreeEntry } from '../../files/tree.js'
import type { ReadFailure } from '../../files/yaml/yaml.js'
import type { ClusterEntry, Kubeconfig, UserEntry } from '../../kubeconfig/read.js'
import type { ComponentName } from '../../manifests/flags.js'
import type { Json, JsonObject } from '../../values/json.js'
import type { LayoutOwner } from './layout-table.js'

/** What an audit judges: trees by node, as the nodes' root file systems (`etc/kubernetes/…`). */
export interface AuditInput {
  readonly nodes: ReadonlyMap<string, FileTree>
  /** `authorities/` of an OUT folder: CA certificates and keys that are kept off the nodes. */
  readonly authorities?: FileTree
  /** `kubeconfig/` of an OUT folder: what the operator holds. */
  readonly operator?: FileTree
  /** The cluster that the trees were made for, where known: names and addresses of the nodes. */
  readonly cluster?: Cluster
  /** The same evidence at an earlier time, for the rules of group R. */
  readonly earlier?: AuditInput
  /** What the user calls a path inside a node's tree, where trees were moved to their usual place. */
  readonly origins?: ReadonlyMap<string, ReadonlyMap<string, string>>
  /** Output folders of kpki by the nodes that lie in them, as commands name them (`out`). */
  readonly outs?: ReadonlyMap<string, string>
  /** The `cluster.yaml` of an output folder that could not be read, and why. */
  readonly unreadCluster?: Unrecognised
  /** Paths that no layout knows, as the user wrote them, with what was understood of them. */
  readonly unrecognised?: readonly Unrecognised[]
}

/** A path that no layout knows, and why. */
export interface Unrecognised {
  readonly path: string
  readonly reason: string
}

/** Where a block was found. `node` is a node's name, or `authorities`, or `operator` (see {@link Place.kind}). */
export interface Place {
  readonly node: string
  /** Relative to the root of that node's tree, for example `etc/kubernetes/pki/ca.crt`. */
  readonly path: string
  /** For data embedded in YAML: the field, for example `certificate-authority-data`. */
  readonly field?: string
}

/** One distinct certificate of the evidence: parsed once, however often it was found. */
export interface Certificate {
  /** SHA-256 of the DER, lower-case hexadecimal. */
  readonly fingerprint: string
  /** Identity of the key: equal exactly when the SubjectPublicKeyInfo bytes are equal. */
  readonly keyId: string
  /** `sha256:` + lower-case hexadecimal SHA-256 of the SubjectPublicKeyInfo, as `kubeadm join` pins it; CAs only. */
  readonly pin?: string
  readonly facts: CertificateFacts
  /** Every place it was found in, in order of node and path. */
  readonly places: readonly Place[]
  /** Certificates of the evidence whose subject is this one's issuer and whose key signed it (itself, when self-signed). */
  readonly issuers: readonly Certificate[]
}

/** The public side of a key file. Private numbers never enter the evidence. */
export interface KeyFacts {
  readonly private: boolean
  /** The PEM label it came in, for example `RSA PRIVATE KEY`. */
  readonly label: string
  /** Protected by a passphrase: nothing but the label is known. */
  readonly encrypted: boolean
  /** Same identity as {@link Certificate.keyId}; absent when encrypted or unreadable. */
  readonly keyId?: string
  readonly facts?: PublicKeyFacts
  /** It is of another kind than its label says: Go's TLS reads it all the same, other readers do not. */
  readonly mislabelled?: boolean
  /** Why it could not be read. */
  readonly failure?: string
}

/** One PEM block and what it turned out to be. */
export interface BlockFacts {
  readonly label: string
  /** Names of RFC 1421 headers; Go's readers skip a certificate that has any. */
  readonly headers: readonly string[]
  readonly line: number
  readonly certificate?: Certificate
  readonly key?: KeyFacts
  /** Why a certificate or key block could not be parsed. */
  readonly failure?: string
}

/** A PEM (or bare DER) text, from a file or embedded in YAML. */
export interface PemFacts {
  readonly place: Place
  readonly blocks: readonly BlockFacts[]
  /** The certificates that Go's readers take, in order. */
  readonly certificates: readonly Certificate[]
  /** Every key block in order. */
  readonly keys: readonly KeyFacts[]
  /** Deviations from strict PEM in words: text between blocks, CRLF, a byte order mark, … */
  readonly oddities: readonly string[]
  /** The bytes are one DER structure, not PEM: components read PEM only. */
  readonly der: boolean
  /** No bytes at all, or nothing but white space. */
  readonly empty: boolean
}

export interface KubeconfigCluster extends Omit<ClusterEntry, 'authorityData'> {
  /** The bundle in use: inline data wins over a file, as in client-go. */
  readonly authority: PemFacts | undefined
  readonly authorityInline: boolean
}

export interface KubeconfigUser extends Omit<UserEntry, 'certificateData' | 'keyData'> {
  /** The certificate chain in use: inline data wins over a file. */
  readonly certificate: PemFacts | undefined
  readonly certificateInline: boolean
  readonly key: PemFacts | undefined
  readonly keyInline: boolean
}

/** A kubeconfig file, with every credential it embeds or names. */
export interface KubeconfigFacts
  extends Omit<Kubeconfig, 'clusters' | 'users' | 'cluster' | 'user'> {
  readonly node: string
  readonly path: string
  readonly clusters: readonly KubeconfigCluster[]
  readonly users: readonly KubeconfigUser[]
  /** What current-context resolves to; undefined when a reference dangles. */
  readonly cluster: KubeconfigCluster | undefined
  readonly user: KubeconfigUser | undefined
}

export interface VolumeMount {
  readonly mountPath: string
  /** Absent: the volume is not a hostPath. */
  readonly hostPath?: string
  readonly readOnly: boolean
}

export interface ProbeFacts {
  readonly kind: 'startup' | 'liveness' | 'readiness'
  readonly scheme: 'HTTP' | 'HTTPS'
  readonly host?: string
  readonly port: number | string
  readonly path: string
}

/** How a component is started: its command line, from a static pod, a systemd unit, or the layout's defaults. */
export interface Launch {
  readonly node: string
  readonly component: ComponentName
  readonly source: 'static-pod' | 'unit' | 'default'
  /** The manifest or unit; absent for defaults. */
  readonly path?: string
  /** A file with further flags that is not among what was given, as an absolute path. */
  readonly unseenFlags?: string
  /** By name without dashes; repeated flags keep every value in order (`true` for a bare switch). */
  readonly flags: ReadonlyMap<string, readonly string[]>
  /** Undefined where files are not confined to mounts (units, defaults). */
  readonly mounts?: readonly VolumeMount[]
  readonly probes: readonly ProbeFacts[]
  /** Variables that the pod or unit sets; of one name the last counts. */
  readonly environment?: ReadonlyMap<string, string>
  readonly image?: string
  /** `1.28.7`, from the image's tag. */
  readonly version?: string
  readonly runAsUser?: number
  readonly document?: JsonObject
  readonly failure?: ReadFailure
}

export interface KubeletFacts {
  readonly configPath?: string
  /** Nothing that was given says how it is configured: kubeadm's configuration is assumed. */
  readonly assumed: boolean
  readonly config?: JsonObject
  readonly failure?: ReadFailure
  /** The files below `--config-dir` that were merged over the configuration, in their order. */
  readonly dropIns: readonly string[]
  /** From kubeadm-flags.env, drop-ins and units. */
  readonly flags: ReadonlyMap<string, readonly string[]>
  /** Where `flags` come from, by flag: the file that was read last. */
  readonly flagPaths: ReadonlyMap<string, string>
  /** Variables of its unit, of drop-ins and of environment files. */
  readonly environment: ReadonlyMap<string, string>
  /** Where `environment` comes from, by variable. */
  readonly environmentPaths: ReadonlyMap<string, string>
  /** Absolute paths on the node, flags before configuration; undefined when not set. */
  readonly clientCaFile?: string
  readonly tlsCertFile?: string
  readonly tlsPrivateKeyFile?: string
  readonly serverTlsBootstrap: boolean
  readonly rotateCertificates: boolean
  readonly anonymous: boolean
  readonly authorizationMode: string
  readonly kubeconfigPath: string
  readonly bootstrapKubeconfigPath: string
  readonly staticPodPath: string
  readonly port: number
  /** `--hostname-override`. */
  readonly hostnameOverride?: string
}

/** A YAML or JSON document of interest that is no kubeconfig and no pod. */
export interface DocumentFacts {
  readonly node: string
  readonly path: string
  readonly kind: string
  readonly apiVersion: string
  readonly value: Json
  readonly failure?: ReadFailure
}

/** One node (or the authorities, or the operator's folder) as read from its tree. */
export interface NodeEvidence {
  readonly name: string
  readonly kind: 'node' | 'authorities' | 'operator'
  readonly role: 'control-plane' | 'worker' | 'etcd' | 'unknown'
  /** Which file layout it follows, for example `kubeadm`, `k3s`, `kubespray`. */
  readonly layout: string
  /** Whose commands mend it. */
  readonly owner: LayoutOwner
  /** Where `kpki gen` has written it, as commands name it; present where the owner is kpki. */
  readonly out?: string
  /** No component is seen or assumed: pairs, chains and kubeconfigs are judged each by itself. */
  readonly standsAlone: boolean
  /** Where the layout keeps its certificates, relative: `etc/kubernetes/pki`. */
  readonly pkiDirectory: string
  /** IP addresses of the node that its own files or the cluster file give, advertised one first. */
  readonly addresses: readonly string[]
  readonly tree: FileTree
  /** Every file that holds, or by its name should hold, PEM or DER; by path. */
  readonly pems: ReadonlyMap<string, PemFacts>
  /** Of clients of the API. */
  readonly kubeconfigs: ReadonlyMap<string, KubeconfigFacts>
  /** Of the API server towards webhooks: they have the form of kubeconfigs, and lead elsewhere. */
  readonly webhooks: ReadonlyMap<string, KubeconfigFacts>
  readonly launches: readonly Launch[]
  readonly kubelet?: KubeletFacts
  /** kubeadm configuration documents. */
  readonly kubeadm: readonly DocumentFacts[]
  /** EncryptionConfiguration documents. */
  readonly encryption: readonly DocumentFacts[]
  /** Entries that were not read: symlinks, devices, oversized files; with the reason. */
  readonly unread: readonly TreeEntry[]
}

/** Everything that the audit knows, read once. */
export interface Evidence {
  readonly nodes: readonly NodeEvidence[]
  readonly authorities?: NodeEvidence
  readonly operator?: NodeEvidence
  readonly cluster?: Cluster
  readonly earlier?: Evidence
  /** Every distinct certificate, in order of first place. */
  readonly certificates: readonly Certificate[]
  /** How many key blocks were read, public and private. */
  readonly keys: number
  readonly unreadCluster?: Unrecognised
  readonly unrecognised: readonly Unrecognised[]
  /** As {@link AuditInput.origins}. */
  readonly origins?: ReadonlyMap<string, ReadonlyMap<string, string>>
  /** The trees carry modes (they came from a disk, an archive or kpki itself). */
  readonly hasMetadata: boolean
  /** At least one real manifest, unit or kubelet configuration was found. */
  readonly hasManifests: boolean
}
