import { type CryptoEngine, runtimeEngine } from '../ca/engine.js'
import { defaultEnv } from '../ca/env.js'
import type { Cluster } from '../cluster/cluster.js'
import type { FileTree } from '../files/tree.js'
import { parseCluster } from '../generate/source.js'
import { judgeAll } from './graph/connections.js'
import { edgeKind, edgesOf } from './graph/graph.js'
import { fleetOf } from './graph/servers.js'
import { createTrustChecker } from './graph/trust.js'
import type { AuditInput, Evidence } from './read/evidence.js'
import { readEvidence } from './read/read.js'
import { type ClusterReader, recognise } from './read/recognise.js'
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
export async function auditTree(
  input: FileTree | AuditInput | GeneratedTrees,
  options: AuditOptions = {},
): Promise<AuditReport> {
  return auditWith(RULES, input, options)
}

/** As {@link auditTree}, with another catalogue of rules. */
export async function auditWith(
  rules: readonly Rule[],
  input: FileTree | AuditInput | GeneratedTrees,
  options: AuditOptions,
): Promise<AuditReport> {
  const engine = options.engine ?? runtimeEngine()
  const at = options.at ?? defaultEnv().now
  const given = asInput(input, options)
  const evidence = await readEvidence(given, engine, options.onProgress)
  return auditEvidence(rules, evidence, given, { ...options, engine, at })
}

function asInput(input: FileTree | AuditInput | GeneratedTrees, options: AuditOptions): AuditInput {
  const base: AuditInput = isTree(input)
    ? recognise(input, options.readCluster ?? ((text) => parseCluster(text).cluster))
    : fromTrees(input)
  return options.cluster ? { ...base, cluster: options.cluster } : base
}

function isTree(input: FileTree | AuditInput | GeneratedTrees): input is FileTree {
  return input instanceof Map
}

function fromTrees(input: AuditInput | GeneratedTrees): AuditInput {
  const operator = 'kubeconfig' in input ? input.kubeconfig : undefined
  return { ...input, ...(operator && { operator }) }
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
  const { connections, outages } = await judgeAll(edges, fleet, before, checker, options.onProgress)
  const expiry = expiryOf(evidence, at, horizonDays)
  const context: RuleContext = {
    at,
    horizonDays,
    profile,
    ...(evidence.cluster && { cluster: evidence.cluster }),
    connections,
    components: componentStates(outages),
    expiry,
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
