/**
 * kpki: the whole PKI of a Kubernetes cluster, as data, before any machine exists.
 *
 * {@link parseCluster} reads a cluster file, {@link plan} says which certificates it needs, and
 * {@link generate} makes every file of every node in memory. `kpki/node` reads and writes folders.
 *
 * @module
 */

export type * from './ca/certificate/facts.js'
export { readCertificate, readCertificates } from './ca/certificate/read.js'
export { type CryptoEngine, peculiarEngine, runtimeEngine } from './ca/engine.js'
export { defaultEnv, type Env, envOf } from './ca/env.js'
export { KEY_ALGORITHMS, type KeyAlgorithm, type PrivateKey } from './ca/keys/keys.js'
export type { Signer } from './ca/signer.js'
export {
  type ChainNote,
  type ChainQuestion,
  type ChainReason,
  type ChainVerdict,
  matchesName,
  verifyChain,
} from './ca/verify/verify.js'
export { type Plan, plan } from './certs/plan.js'
export { AUTHORITIES, LEAVES } from './certs/table.js'
export type * from './cluster/cluster.js'
export type * from './cluster/kubeadm/configuration.js'
export type { ResolvedCluster, ResolveOptions } from './cluster/resolve/resolve.js'
export type * from './cluster/spec/spec.js'
export { compareClusters } from './compare/clusters.js'
export { compareTrees } from './compare/trees.js'
export type { Difference } from './compare/types.js'
export { type ErrorCode, isKpkiError, KpkiError, type SpecIssue } from './errors.js'
export * from './files/tree.js'
export {
  type Change,
  type DatedCertificate,
  type Existing,
  type Generated,
  type GenerateOptions,
  generate,
  generateParts,
  type Part,
} from './generate/generate.js'
export { type ClusterSource, parseCluster, resolveCluster } from './generate/source.js'
export { type Inspected, inspectFile } from './inspect/inspect.js'
export { imagesOf } from './manifests/images.js'
export { staticPods } from './manifests/pods/static-pods.js'
export { parseVersion, RELEASES, type Release, releaseOf } from './releases/releases.js'
export { type UpgradePlan, upgradePlan } from './upgrade/upgrade.js'
