import type { Connection, Profile } from '../../../src/audit/types.js'
import type { Estate } from './mutate.js'

/** One single defect: the healthy base tree is its passing twin. */
export interface Defect {
  /** Code of the rule that must catch it. */
  readonly rule: string
  readonly name: string
  readonly mutate: (estate: Estate) => void | Promise<void>
  readonly profile?: Profile
  /** The base tree is the earlier state. */
  readonly earlier?: boolean
  readonly connections?: readonly Connection[]
  /** Makes the passing twin where the base tree is not one. */
  readonly twin?: (estate: Estate) => void | Promise<void>
}

export function defect(
  rule: string,
  name: string,
  mutate: Defect['mutate'],
  more: Partial<Defect> = {},
): Defect {
  return { rule, name, mutate, ...more }
}
