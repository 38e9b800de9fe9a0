/**
 * kpki: the whole PKI of a Kubernetes cluster, as data, before any machine exists.
 *
 * {@link parseCluster} reads a cluster file, {@link plan} says which certificates it needs, and
 * {@link generate} makes every file of every node in memory. `kpki/node` reads and writes folders.
 *
 * @module
 */

export type {
  CertificateFacts,
  DecodedAltNames,
  DecodedName,
  ExtendedKeyUsage,
  ExtensionFacts,
  GeneralSubtrees,
  KeyUsageBit,
  Name,
  NameAttribute,
  NameConstraints,
  PublicKeyFacts,
  SubjectAltNames,
} from './ca/certificate/facts.js'
export type { SubjectFields } from './ca/certificate/names.js'
export { readCertificate, readCertificates } from './ca/certificate/read.js'
export { type CryptoEngine, peculiarEngine, runtimeEngine } from './ca/engine.js'
export { defaultEnv, type Env, envOf } from './ca/env.js'
export { KEY_ALGORITHMS, type KeyAlgorithm } from './ca/keys/algorithms.js'
export type { PrivateKey } from './ca/keys/private-key.js'
export type { Verifier } from './ca/keys/signature.js'
export type { ProfileName } from './ca/profiles.js'
export type { Signer } from './ca/signer.js'
export { matchesName } from './ca/verify/names.js'
export type {
  ChainFinding,
  ChainNote,
  ChainNoteCode,
  ChainReason,
  ChainReasonCode,
} from './ca/verify/reasons.js'
export {
  type CertificateSource,
  type ChainQuestion,
  type ChainVerdict,
  verifyChain,
} from './ca/verify/verify.js'
export {
  type Plan,
  type PlannedAuthority,
  type PlannedCertificate,
  type PlannedLeaf,
  plan,
} from './certs/plan.js'
export {
  type At,
  AUTHORITIES,
  type AuthorityId,
  type AuthorityRow,
  type CertificatePlace,
  LEAVES,
  type LeafRow,
  type SubjectAttributes,
} from './certs/table.js'
export {
  type ApiServerSettings,
  type Argument,
  type CertificateSettings,
  type Cluster,
  type ClusterNode,
  type ComponentSettings,
  controlPlanes,
  type ExternalEtcd,
  type ExtraVolume,
  type HostOs,
  type KubeadmDocuments,
  type LocalEtcd,
  type PatchFile,
  type PkiSettings,
  type ProvisionSettings,
  type Role,
  type SshSettings,
  type Taint,
  type Topology,
  type UserSettings,
} from './cluster/cluster.js'
export type {
  ClusterConfiguration,
  InitConfiguration,
  JoinConfiguration,
  KubeadmArguments,
  KubeadmComponent,
  KubeadmEndpoint,
  KubeadmProgram,
  KubeadmTimeouts,
  KubeadmVariable,
  KubeadmVolume,
  KubeletConfiguration,
  KubeProxyConfiguration,
  NodeConfiguration,
  NodeRegistration,
} from './cluster/kubeadm/configuration.js'
export type { ResolvedCluster, ResolveOptions } from './cluster/resolve/resolve.js'
export type { ClusterSpec, CniSpec, NodeSpec, PkiSpec, SshSpec } from './cluster/spec/spec.js'
export { compareClusters } from './compare/clusters.js'
export { compareTrees, type Trees } from './compare/trees.js'
export type { Difference, DifferenceKind } from './compare/types.js'
export {
  type ErrorCode,
  type ErrorDetails,
  type ErrorRow,
  isKpkiError,
  KpkiError,
  type SpecIssue,
} from './errors.js'
export {
  type DirectoryEntry,
  directory,
  type FileEntry,
  type FileTree,
  file,
  fileAt,
  type OtherEntry,
  type Owner,
  type SymlinkEntry,
  type TreeEntry,
  textAt,
  textOf,
  treeOf,
  under,
} from './files/tree.js'
export type { Change, DatedCertificate, Part } from './generate/changes.js'
export {
  type Existing,
  type Generated,
  type GenerateOptions,
  generate,
  generateParts,
} from './generate/generate.js'
export { type ClusterSource, parseCluster, resolveCluster } from './generate/source.js'
export {
  type CertificateView,
  type Inspected,
  type InspectedObject,
  inspectFile,
  type KeyView,
  type KubeconfigView,
  type RequestView,
  type UnreadableView,
} from './inspect/inspect.js'
export type { MergedKubeconfig } from './kubeconfig/merge.js'
export type { StaticPodName } from './manifests/flags.js'
export { type Image, type ImageName, imagesOf } from './manifests/images.js'
export type { EtcdStart } from './manifests/pods/components.js'
export { type NamedPod, type StaticPodOptions, staticPods } from './manifests/pods/static-pods.js'
export type {
  BindingName,
  ByPatch,
  FeatureGate,
  KubeadmApi,
  KubernetesVersion,
  MinorFeatures,
  PatchFeatures,
  ProbePaths,
  Release,
  ReleaseRow,
} from './releases/features.js'
export { parseVersion, releaseOf } from './releases/releases.js'
export { RELEASES } from './releases/table.js'
export type {
  BroughtBy,
  UpgradeArea,
  UpgradeItem,
  UpgradePlan,
  UpgradeStep,
} from './upgrade/types.js'
export { upgradePlan } from './upgrade/upgrade.js'
export type { Endpoint } from './values/addresses.js'
export type { Json, JsonObject } from './values/json.js'
