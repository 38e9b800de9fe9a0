/**
 * kpki: the whole PKI of a Kubernetes cluster, as data, before any machine exists.
 *
 * {@link parseCluster} reads a cluster file, {@link plan} says which certificates it needs, and
 * {@link generate} makes every file of every node in memory. `kpki/node` reads and writes folders.
 *
 * @module
 */
export { type CryptoEngine, peculiarEngine, runtimeEngine } from './ca/engine.js'
export { KEY_ALGORITHMS, type KeyAlgorithm, type PrivateKey } from './ca/keys.js'
export { readCertificate, readCertificates } from './ca/read.js'
export type { Signer } from './ca/signer.js'
export type * from './ca/types.js'
export {
  type ChainNote,
  type ChainQuestion,
  type ChainReason,
  type ChainVerdict,
  matchesName,
  verifyChain,
} from './ca/verify.js'
export type { Env } from './certs/issue.js'
export { type Plan, plan } from './certs/plan.js'
export { AUTHORITIES, LEAVES } from './certs/table.js'
export type * from './cluster/cluster.js'
export {
  parseCluster,
  type ResolvedCluster,
  type ResolveOptions,
  resolveCluster,
} from './cluster/resolve.js'
export type { ClusterSpec } from './cluster/spec/schema.js'
export { compareClusters } from './compare/planned.js'
export { compareTrees } from './compare/trees.js'
export type { Difference } from './compare/types.js'
export { type UpgradePlan, upgradePlan } from './compare/upgrade.js'
export { defaultEnv, envOf } from './env.js'
export { type ErrorCode, isKpkiError, KpkiError, type SpecIssue } from './errors.js'
export * from './files/tree.js'
export {
  type Change,
  type ClusterSource,
  type DatedCertificate,
  type Existing,
  type Generated,
  type GenerateOptions,
  generate,
  generateParts,
  type Part,
} from './generate.js'
export { type Inspected, inspectFile } from './inspect/inspect.js'
export { imagesOf } from './manifests/images.js'
export { staticPods } from './manifests/static-pods.js'
export { parseVersion, RELEASES, type Release, releaseOf } from './releases.js'
