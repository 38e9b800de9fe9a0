export type { Action, FileChange, PlannedAction } from './action.js'
export type { Applied, Failure } from './apply.js'
export type { Document, Inputs, StepContext, StepOptions } from './context.js'
export type { ProvisionEvent } from './event.js'
export type { World } from './fleet.js'
export { mergeKubeconfig } from './kubeconfig-merge.js'
export {
  defaultKubeconfig,
  type LoadOptions,
  loadInputs,
  nodeDigest,
  openWorld,
  systemClock,
  type WorldOptions,
} from './operator.js'
export type { PlannedStep, ProvisionPlan } from './plan.js'
export {
  PORTS,
  type PortRow,
  portRules,
  type Rule,
  type Source,
  type SourceSettings,
} from './ports.js'
export { checkPorts, type PortCheck, type PortResult } from './ports-check.js'
export { PORT_FORMATS, type PortFormat } from './ports-format.js'
export type { Problem } from './preflight.js'
export {
  type ApplyRequest,
  type ProvisionReport,
  type ProvisionSettings,
  provisionApply,
  provisionPlan,
  provisionPush,
  provisionRollback,
  provisionStatus,
  type RolledBack,
} from './provision.js'
export { shellJoin, shellQuote } from './quote.js'
export { openSsh, type Ssh, type SshOptions, type SshTarget } from './ssh.js'
export type { HostStatus } from './status.js'
export { isFor, STEPS, type Step, type StepId, type Wave, waves } from './steps.js'
export {
  type Clock,
  type RunOptions,
  type RunResult,
  type Transport,
  TransportError,
  type TransportFault,
} from './transport.js'
