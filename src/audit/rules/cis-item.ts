import { type Flags, flagList, flagOf } from '../command-line.js'
import type { ComponentName } from '../estate.js'

/** One item of the CIS Kubernetes Benchmark about a command line. */
export interface Item {
  readonly code: string
  readonly id: string
  /** Number in the benchmark (kube-bench profiles cis-1.11 and cis-1.12). */
  readonly cis: string
  readonly component: ComponentName
  /** What is expected, after "CIS <number> wants". */
  readonly wants: string
  readonly why: string
  readonly passes: (flags: Flags) => boolean
  /** Items that kube-bench scores are warnings, the others information. */
  readonly scored: boolean
}

export const is = (flag: string, value: string) => (flags: Flags) => flagOf(flags, flag) === value
export const isSet = (flag: string) => (flags: Flags) => flagOf(flags, flag) !== undefined
export const isNot = (flag: string, value: string) => (flags: Flags) =>
  flagOf(flags, flag) !== value
export const has = (flag: string, value: string) => (flags: Flags) =>
  flagList(flags, flag).includes(value)
export const lacks = (flag: string, value: string) => (flags: Flags) =>
  !flagList(flags, flag).includes(value)
export const atLeast = (flag: string, least: number) => (flags: Flags) =>
  Number(flagOf(flags, flag) ?? Number.NaN) >= least
export const local = (flags: Flags) =>
  ['127.0.0.1', '::1', undefined].includes(flagOf(flags, 'bind-address'))

export const PROFILING = 'Profiling tells much about the system to whoever may ask.'
