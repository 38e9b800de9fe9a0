import type { Cluster } from '../cluster/cluster.js'
import type { ComponentName } from '../manifests/flags.js'
import type { Certificate, Evidence, Place, Unrecognised } from './read/evidence.js'
import type { Fix } from './rules/remedies.js'

/**
 * `error`: a connection or component that will not work, or a privilege that nobody meant to give.
 * `warning`: a deviation that real components tolerate today. `info`: worth knowing.
 */
export type Severity = 'error' | 'warning' | 'info'

/**
 * When an audit counts as failed. `unknown`: on errors and on whatever could not be judged, not on warnings;
 * `warning`: on errors and warnings.
 */
export type FailOn = 'error' | 'warning' | 'unknown' | 'never'

/** The catalogue's own grades: critical, high, medium, low, information. */
export type Level = 'C' | 'H' | 'M' | 'L' | 'I'

/** What a rule must see to decide; without it the rule is skipped, never passed. */
export type InputLevel = 'bytes' | 'metadata' | 'manifests' | 'second-tree'

/** Which rules are judged: those that hold for every kubeadm cluster, CIS’s besides, or all. */
export type Profile = 'kubeadm' | 'cis' | 'strict'

/** First letter of a rule’s code. */
export type RuleGroup =
  | 'P'
  | 'K'
  | 'C'
  | 'E'
  | 'S'
  | 'N'
  | 'V'
  | 'I'
  | 'T'
  | 'A'
  | 'F'
  | 'O'
  | 'M'
  | 'R'
  | 'X'

/** What a rule yields; the runner adds the rule's own id, code, level and severity. */
export interface FindingDraft {
  readonly node?: string
  readonly path?: string
  readonly message: string
  /** A command, or a sentence, that mends it; default: the rule's own {@link Rule.fix}. */
  readonly fix?: Fix
  readonly certificate?: Certificate
  /** Where one rule has graver and milder cases. */
  readonly severity?: Severity
  /** Other files in which the fault may lie as well: an untrusted certificate may be wrong, or its trust file. */
  readonly suspects?: readonly Place[]
}

/** What rules may ask besides the evidence. Everything here is already computed: rules do no I/O and need no await. */
export interface RuleContext {
  readonly at: Date
  readonly horizonDays: number
  readonly profile: Profile
  readonly cluster?: Cluster
  readonly connections: readonly Connection[]
  readonly components: readonly ComponentState[]
  readonly expiry: readonly Expiry[]
  /**
   * By id of a connection that ends otherwise than it must, or `<component>/<node>` of one that therefore does not
   * start: the files in which the fault may lie.
   */
  readonly suspects: ReadonlyMap<string, readonly Place[]>
}

/** What a rule of the catalogue is about. */
export interface RuleInfo {
  /** Stable kebab-case name, for example `key-cert-mismatch`. */
  readonly id: string
  /** The catalogue's code, for example `K01`. */
  readonly code: string
  readonly group: RuleGroup
  readonly level: Level
  readonly severity: Severity
  /** One line for lists. */
  readonly title: string
  /** RFC section, CIS number, Kubernetes document or issue. */
  readonly citation: string
  /** What goes wrong in real life, one or two sentences. */
  readonly why: string
  readonly needs: InputLevel
  /** In which profiles it runs. */
  readonly profiles: readonly Profile[]
  /** Default remedy, as kpki’s own trees have it. */
  readonly fix?: string
}

/** One rule of the catalogue: what it is about, and the check itself. */
export interface Rule extends RuleInfo {
  /** {@link RuleInfo.fix} by whose tree it is. */
  readonly remedy?: Fix
  /** Sync, pure. `not-applicable`: the evidence has nothing that this rule speaks about. */
  readonly check: (
    evidence: Evidence,
    context: RuleContext,
  ) => Iterable<FindingDraft> | 'not-applicable'
}

/** One fault, as reports carry it. Plain JSON. */
export interface Finding {
  /** The same for the same fault in every report and format, whatever the day. */
  readonly id: string
  readonly rule: string
  readonly code: string
  readonly severity: Severity
  readonly level: Level
  readonly node?: string
  /** As the user knows it: relative to the audited folder of that node. */
  readonly path?: string
  readonly message: string
  readonly fix?: string
  /** Fingerprint (SHA-256, hexadecimal) of the certificate concerned. */
  readonly certificate?: string
  /** Ids of the findings that this one follows from: mend those first. */
  readonly causedBy?: readonly string[]
}

/** Who the server sees: user and groups (CN and every O) behind a client certificate. */
export interface Identity {
  readonly user: string
  readonly groups: readonly string[]
}

/** One edge of the trust graph with its verdict. Plain JSON. */
export interface Connection {
  /** Stable: `<from>><to>`, further addresses of the same pair with `@host:port` behind. */
  readonly id: string
  /** `<who>/<node>`, for example `kube-apiserver/controlplane`, `kubelet/worker1`, `admin/operator`. */
  readonly from: string
  readonly to: string
  /** What kind of edge it is: the row of the edge table. */
  readonly kind: string
  readonly url: string
  readonly must: 'succeed' | 'fail'
  /** `unknown`: it depends on something that was not among what was given, which `reason` names. */
  readonly will: 'succeed' | 'fail' | 'unknown'
  /** Why it fails, why it succeeds although it must not, or what was not seen. */
  readonly reason?: string
  /** The rule that a wrong outcome is reported under. */
  readonly rule?: string
  readonly identity?: Identity
  /** What the client may do there, in words, where it gets in. */
  readonly privilege?: string
  /** Fingerprints of the certificates that either side presents. */
  readonly clientCertificate?: string
  readonly serverCertificate?: string
  /** When it stops working by mere passing of time (ISO 8601). */
  readonly until?: string
  /** The fault's own place. */
  readonly node?: string
  readonly path?: string
}

/** Whether a component of a node starts, and keeps running, from its files. Plain JSON. */
export interface ComponentState {
  readonly node: string
  readonly name: ComponentName
  /** `unknown`: a file of its own was not among what was given, which `reason` names. */
  readonly starts: boolean | 'unknown'
  readonly reason?: string
  readonly path?: string
}

/** The life of one certificate of the evidence. Plain JSON. */
export interface Expiry {
  readonly certificate: string
  readonly subject: string
  readonly issuer: string
  readonly node: string
  readonly path: string
  readonly field?: string
  readonly authority: boolean
  readonly notBefore: string
  readonly notAfter: string
  /** Whole days from the time of judgement; negative when expired. */
  readonly days: number
  /** The earliest end over the whole chain. */
  readonly effectiveNotAfter: string
  readonly status: 'valid' | 'expiring' | 'expired' | 'not-yet-valid'
}

/** A date on which something stops. Plain JSON. */
export interface TimelineEntry {
  readonly at: string
  readonly days: number
  /** `cluster`, or `<component>/<node>`. */
  readonly subject: string
  readonly what: string
  readonly node?: string
  readonly path?: string
}

/** What stops when by the mere passing of time. */
export interface Timeline {
  /** What stops first, over everything; undefined for an evidence without certificates. */
  readonly first?: TimelineEntry
  /** When the cluster as a whole stops serving; undefined when unknown. */
  readonly cluster?: TimelineEntry
  /** Per component, soonest first. */
  readonly components: readonly TimelineEntry[]
}

/** A rule that could not be judged. Plain JSON. */
export interface Skipped {
  readonly rule: string
  readonly code: string
  readonly reason: string
}

/** A rule that threw. Plain JSON. */
export interface Crash {
  readonly rule: string
  readonly code: string
  readonly message: string
}

/** A finding that a waiver covers. */
export interface Waived extends Finding {
  readonly waiver: { readonly reason: string; readonly expires?: string }
}

/** An accepted finding: every given field must match (`*` matches any run of characters). */
export interface Waiver {
  readonly rule: string
  readonly node?: string
  readonly path?: string
  readonly reason: string
  /** ISO 8601 date; from then on the finding counts again. */
  readonly expires?: string
}

/** The whole in one word, with counts. */
export interface Verdict {
  readonly status: 'clean' | 'warnings' | 'errors' | 'crashed'
  readonly errors: number
  readonly warnings: number
  readonly infos: number
  /** How many connections and components depend on what was not given: nothing is claimed of them. */
  readonly unknown: number
  /** One sentence. */
  readonly summary: string
}

/** How the files of a node, or of a folder, are laid out. Plain JSON. */
export interface NodeLayout {
  readonly node: string
  /** `kubeadm`, `k3s`, …; `unrecognised`. */
  readonly layout: string
  /** Whose it is, in words. */
  readonly name: string
  /** The program whose commands mend it; `by hand` where none does. */
  readonly owner: string
  /** No component is seen or assumed there: pairs, chains and kubeconfigs are judged each by itself. */
  readonly alone: boolean
  /** Components whose flags nothing says: the layout’s usual ones are taken. */
  readonly assumed: readonly string[]
}

/** How much an audit has seen and judged. */
export interface AuditStats {
  readonly nodes: number
  readonly files: number
  readonly certificates: number
  readonly keys: number
  readonly rules: {
    readonly run: number
    readonly passed: number
    readonly failed: number
    readonly notApplicable: number
    readonly skipped: number
    readonly crashed: number
  }
  readonly connections: {
    readonly succeed: number
    readonly fail: number
    readonly unknown: number
    readonly unexpected: number
  }
}

/** The whole result, JSON-able, in a deterministic order. */
export interface AuditReport {
  readonly apiVersion: 'kpki/v1alpha1'
  readonly kind: 'AuditReport'
  readonly at: string
  readonly profile: Profile
  readonly horizonDays: number
  readonly verdict: Verdict
  readonly layouts: readonly NodeLayout[]
  readonly findings: readonly Finding[]
  readonly connections: readonly Connection[]
  readonly components: readonly ComponentState[]
  readonly expiry: readonly Expiry[]
  readonly timeline: Timeline
  readonly skipped: readonly Skipped[]
  readonly waived: readonly Waived[]
  readonly crashed: readonly Crash[]
  readonly unrecognised: readonly Unrecognised[]
  readonly stats: AuditStats
}
