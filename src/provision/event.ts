import type { PlannedAction } from './action.js'
import type { PreflightProblem } from './host/preflight.js'

/** What happens during a run: one JSON line each; the human progress is a view of the same. */
export type ProvisionEvent = { readonly time: string; readonly run: string } & (
  | { readonly type: 'run-started'; readonly cluster: string; readonly hosts: readonly string[] }
  | { readonly type: 'problem'; readonly problem: PreflightProblem }
  | { readonly type: 'step-started'; readonly host: string; readonly step: string }
  | {
      readonly type: 'action'
      readonly host: string
      readonly step: string
      readonly action: PlannedAction
    }
  | {
      readonly type: 'progress'
      readonly host: string
      readonly step: string
      readonly message: string
    }
  | {
      readonly type: 'step-done'
      readonly host: string
      readonly step: string
      readonly changed: boolean
      readonly milliseconds: number
    }
  | {
      readonly type: 'step-failed'
      readonly host: string
      readonly step: string
      readonly message: string
      readonly hint?: string
    }
  | { readonly type: 'retry'; readonly host: string; readonly message: string }
  | {
      readonly type: 'run-finished'
      readonly changed: number
      readonly failed: readonly string[]
      readonly notRun: readonly string[]
    }
)

/** Events without what the run adds to them. */
export type Unstamped<T> = T extends unknown ? Omit<T, 'time' | 'run'> : never
/** An event before it is stamped. */
export type Happening = Unstamped<ProvisionEvent>
