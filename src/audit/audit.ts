import { type CryptoEngine, runtimeEngine } from '../ca/engine.js'
import { defaultEnv } from '../ca/env.js'
import type { Cluster } from '../cluster/cluster.js'
import { KpkiError } from '../errors.js'
import type { FileTree } from '../files/tree.js'
import { parseCluster } from '../generate/source.js'
import { judgeAll } from './graph/connections.js'
import { edgeKind, edgesOf } from './graph/graph.js'
import { fleetOf } from './graph/servers.js'
import { createTrustChecker } from './graph/trust.js'
import type { AuditInput, Evidence } from './read/evidence.js'
import { readEvidence } from './read/read.js'
import { type ClusterReader, outsOf, recognise, requirePki } from './read/recognise.js'
import { expiryOf, reportOf, timelineOf } from './report.js'
import { RULES } from './rules/index.js'
import { type RuleOutcome, runRules } from './rules/run.js'
import { componentOutages, componentStates } from './starts/starts.js'
import type { AuditReport, Profile, Rule, RuleContext, Waiver } from './types.js'

/** How to judge. */
export interface AuditOptions {
  /** The moment to judge at: chains, expiry and waivers; now by default. */
  readonly at?: Date
  /** A leaf that ends within so many days is reported; 30 by default. */
  readonly horizonDays?: number
  /** Names and addresses of the nodes, where the trees do not say them. */
  readonly cluster?: Cluster
  /** `kubeadm` (default): quiet on what a healthy kubeadm cluster has; `cis`; `strict`. */
  readonly profile?: Profile
  /** Only these rules, by id or code. */
  readonly only?: readonly string[]
  /** All rules but these, by id or code. */
  readonly ignore?: readonly string[]
  readonly waivers?: readonly Waiver[]
  /** Where signatures and digests are computed; the runtime's own WebCrypto by default. */
  readonly engine?: CryptoEngine
  /** Reads a `cluster.yaml` that lies in the tree; kpki's own reader by default. */
  readonly readCluster?: ClusterReader
  /** Told as the work goes on: nodes read so far, then connections judged so far, of how many. */
  readonly onProgress?: (done: number, total: number) => void
}

/** What `generate` returns, as far as an audit reads it. */
export interface GeneratedTrees {
  readonly nodes: ReadonlyMap<string, FileTree>
  readonly authorities?: FileTree
  readonly kubeconfig?: FileTree
  readonly cluster?: Cluster
}

/** What can be judged: a tree, trees by node, the parts of a cluster, or what `generate` returned. */
export type Pki = FileTree | ReadonlyMap<string, FileTree> | AuditInput | GeneratedTrees

/**
 * Judges a tree: an OUT folder, a node's root, `/etc/kubernetes`, a `pki` folder, loose files, or the
 * result of `generate`. Reads memory only, and judges whatever a tree holds. Deterministic: the same
 * tree and options give the same report.
 *
 * @@@ = await auditTree(await generate(cluster), { at: new Date() })
 * report.connections.find(({ id }) => id === 'kube-apiserver/controlplane>etcd/controlplane')?.will
 * /
 *
 * @example
 * ```ts
 * import { auditTree } from 'kpki/audit'
 * import { readTree } from 'kpki/node'
 *
 * const { verdict, connections } = await auditTree(await readTree('out'))
 * const edge = connections.find(({ id }) => id === 'kube-apiserver/controlplane>etcd/controlplane')
 * console.log(verdict.summary, edge?.will)
 * ```
 */
export async function auditTree(input: Pki, options: AuditOptions = {}): Promise<AuditReport> {
  return auditWith(RULES, input, options)
}

/** As {@link auditTree}, with another catalogue of rules. */
export async function auditWith(
  rules: readonly Rule[],
  input: Pki,
  options: AuditOptions,
): Promise<AuditReport> {
  const engine = options.engine ?? runtimeEngine()
  const at = options.at ?? defaultEnv().now
  const given = asInput(input, options)
  requirePki(given, 'what was given')
  const evidence = await readEvidence(given, engine, options.onProgress)
  return auditEvidence(rules, evidence, given, { ...options, engine, at })
}

function asInput(input: Pki, options: AuditOptions): AuditInput {
  const base = partsOf(input, options)
  return options.cluster ? { ...base, cluster: options.cluster } : base
}

function partsOf(input: Pki, { readCluster }: AuditOptions): AuditInput {
  if (!(input instanceof Map)) return fromParts(input as AuditInput | GeneratedTrees)
  const values = [...input.values()]
  if (values.length > 0 && values.every((one) => one instanceof Map)) return { nodes: input }
  if (values.some((one) => one instanceof Map)) throw misfit('a map of trees and entries mixed')
  return recognise(input, readCluster ?? ((text) => parseCluster(text).cluster))
}

function fromParts(input: AuditInput | GeneratedTrees): AuditInput {
  if (typeof input !== 'object' || input === null || !(input.nodes instanceof Map))
    throw misfit(Array.isArray(input) ? 'an array' : `a value of type ${typeof input}`)
  const operator = 'kubeconfig' in input ? input.kubeconfig : undefined
  // Only what generate returned calls the operator's part `kubeconfig`.
  const made = operator && { operator, outs: outsOf(input.nodes) }
  return { ...input, ...made }
}

// Callers without types must not be told that nothing is wrong with what is no tree at all.
function misfit(what: string): KpkiError {
  return new KpkiError(
    'ERR_USAGE',
    `${what} cannot be audited`,
    {},
    { hint: 'give a tree, a map of trees by node, or what generate returned' },
  )
}

/** Judges an evidence that has been read already; `input` gives the user's own names for paths. */
async function auditEvidence(
  rules: readonly Rule[],
  evidence: Evidence,
  input: AuditInput,
  options: AuditOptions & { readonly engine: CryptoEngine; readonly at: Date },
): Promise<AuditReport> {
  const { at, horizonDays = 30, profile = 'kubeadm', engine } = options
  const fleet = fleetOf(evidence)
  const checker = createTrustChecker(evidence, engine, at)
  const before = componentOutages(fleet, at)
  const { edges, truncated } = edgesOf(fleet)
  const { connections, outages, suspects } = await judgeAll(
    edges,
    fleet,
    before,
    checker,
    options.onProgress,
  )
  const expiry = expiryOf(evidence, at, horizonDays)
  const context: RuleContext = {
    at,
    horizonDays,
    profile,
    ...(evidence.cluster && { cluster: evidence.cluster }),
    connections,
    components: componentStates(outages, fleet),
    expiry,
    suspects,
  }
  const outcome: RuleOutcome = runRules(rules, evidence, context, options)
  const cut = truncated.map((kind) => ({
    rule: edgeKind(kind)?.rule ?? 'connection-untrusted',
    code: 'X00',
    reason: `too many connections of the kind ${kind}: only the first were judged`,
  }))
  return reportOf(
    evidence,
    input,
    context,
    { ...outcome, skipped: [...outcome.skipped, ...cut] },
    timelineOf(connections, expiry, at),
    options.waivers ?? [],
  )
}
