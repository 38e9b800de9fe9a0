import type { Connection, Profile, Severity } from '../../../src/audit/types.js'
import type { BrokenTrees } from './mutate.js'

/** What a rule must say, and of which file on which nodes. */
export interface Accusation {
  readonly severity: Severity
  /** From the root of a tree; none where the finding is about all trees as a whole. */
  readonly path?: string
  readonly nodes: readonly string[]
}

/**
 * Accuses a file below `etc/kubernetes`, or with a slash before it below the root of the tree; on the
 * first control plane unless nodes are given.
 */
export type Grade = (path?: string, ...nodes: readonly string[]) => Accusation

const grade =
  (severity: Severity): Grade =>
  (path, ...nodes) => {
    if (path === undefined) return { severity, nodes: [] }
    const full = path.startsWith('/') ? path.slice(1) : `etc/kubernetes/${path}`
    return { severity, path: full, nodes: nodes.length === 0 ? ['controlplane'] : nodes }
  }
export const error = grade('error')
export const warning = grade('warning')
export const info = grade('info')

export const PLANES = ['controlplane', 'controlplane2']
export const NODES = [...PLANES, 'worker1', 'worker2']

/** One single defect: the healthy base tree is its passing twin. */
export interface Defect {
  /** Code of the rule that must catch it. */
  readonly rule: string
  readonly name: string
  /** Every place that the rule must accuse, and no other. */
  readonly accused: readonly Accusation[]
  readonly mutate: (trees: BrokenTrees) => void | Promise<void>
  readonly profile?: Profile
  /** The base tree is the earlier state. */
  readonly earlier?: boolean
  readonly connections?: readonly Connection[]
  /** What the components do with it, by their own source or documentation. */
  readonly source?: string
  /** Makes the passing twin where the base tree is not one. */
  readonly twin?: (trees: BrokenTrees) => void | Promise<void>
}

/** A defect of which the components’ own source says what happens. */
export function sourced(
  rule: string,
  name: string,
  source: string,
  accused: Accusation | readonly Accusation[],
  mutate: Defect['mutate'],
  more: Partial<Defect> = {},
): Defect {
  return defect(rule, name, accused, mutate, { source, ...more })
}

export function defect(
  rule: string,
  name: string,
  accused: Accusation | readonly Accusation[],
  mutate: Defect['mutate'],
  more: Partial<Defect> = {},
): Defect {
  const all = 'severity' in accused ? [accused] : accused
  return { rule, name, accused: all, mutate, ...more }
}
