import type { Cluster } from '../cluster/cluster.js'
import type { Difference } from '../compare/types.js'
import type { Release } from '../releases/features.js'

/** What part of a cluster an upgrade changes. */
export type UpgradeArea =
  | 'certificate'
  | 'rbac'
  | 'configuration'
  | 'manifest'
  | 'kubelet'
  | 'etcd'
  | 'host'

/** Which of kubeadm's commands brings a change about: on the first control plane only, on every node, or none. */
export type BroughtBy = 'upgrade apply' | 'upgrade apply and node' | 'nobody'

/** One thing to know about a step. Plain JSON. */
export interface UpgradeItem {
  /** The feature that changes: stable, kebab-case. */
  readonly id: string
  readonly area: UpgradeArea
  readonly what: string
  readonly kubeadm: BroughtBy
  /** What is left to do; undefined: nothing. */
  readonly todo?: string
  /** To be done before the step: it fails, or something stops, without. */
  readonly before?: true
  readonly nodes?: readonly string[]
  /** Issue, pull request or document. */
  readonly source?: string
}

/** One step, from one minor to the next or between patches. Plain JSON. */
export interface UpgradeStep {
  readonly from: string
  readonly to: string
  readonly items: readonly UpgradeItem[]
  /** What changes in the files of every node. */
  readonly differences: readonly Difference[]
}

/** What lies between a cluster and a version. Plain JSON. */
export interface UpgradePlan {
  readonly cluster: string
  readonly from: string
  readonly to: string
  /** kubeadm upgrades one minor at a time. */
  readonly steps: readonly UpgradeStep[]
  /** What `kubeadm upgrade` does at every step, and what it leaves. */
  readonly kubeadm: { readonly does: readonly string[]; readonly leaves: readonly string[] }
}

/** What the rows of `upgrade-notes.ts` judge: the cluster as it is before the step, and both releases. */
export interface StepFacts {
  readonly cluster: Cluster
  readonly before: Release
  readonly after: Release
}

/** One row of notes: what it says about a step, or nothing. */
export type Note = (step: StepFacts) => Omit<UpgradeItem, 'id'> | undefined
