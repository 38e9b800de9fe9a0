export { mergeKubeconfig } from '../kubeconfig/merge.js'
export type { Action, FileChange, PlannedAction } from './action.js'
export type { Applied, StepFailure } from './apply.js'
export type { AppliedDocument, Inputs, StepContext, StepOptions } from './context.js'
export type { ProvisionEvent } from './event.js'
export type { World } from './host/fleet.js'
export type { PreflightProblem } from './host/preflight.js'
export {
  defaultKubeconfig,
  type LoadOptions,
  loadInputs,
  openWorld,
  type WorldOptions,
} from './operator.js'
export type { PlannedStep, ProvisionPlan } from './plan.js'
export { checkPorts, type PortCheck, type PortResult } from './ports/check.js'
export { PORT_FORMATS, type PortFormat } from './ports/format.js'
export {
  PORTS,
  type PortRow,
  type PortRule,
  portRules,
  type Source,
  type SourceSettings,
} from './ports/ports.js'
export {
  type ApplyRequest,
  type ProvisionOptions,
  type ProvisionReport,
  provisionApply,
  provisionPlan,
  provisionPush,
  provisionRollback,
  provisionStatus,
  type RolledBack,
} from './provision.js'
export {
  openSsh,
  type Ssh,
  type SshOptions,
  type SshTarget,
} from './ssh/ssh.js'
export {
  type Clock,
  type RunOptions,
  type RunResult,
  type Transport,
  TransportError,
  type TransportFault,
} from './ssh/transport.js'
export type { HostStatus } from './status.js'
export { STEPS, type Step, type StepId } from './steps/steps.js'
