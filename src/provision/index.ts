export { mergeKubeconfig } from '../kubeconfig/merge.js'
export type {
  Action,
  ActionBase,
  FileChange,
  JobAction,
  KubeconfigAction,
  PlannedAction,
  ProbeAction,
  PushAction,
  RewriteAction,
  RunAction,
} from './action.js'
export type { Applied, StepFailure } from './apply.js'
export type { AppliedDocument, Inputs, StepContext, StepOptions } from './context.js'
export type { Happening, ProvisionEvent, Unstamped } from './event.js'
export type { FileFact, HostFacts, HostFile, NodeStatus } from './host/facts.js'
export type { World } from './host/fleet.js'
export type { PreflightProblem } from './host/preflight.js'
export type { Digest, TransformId } from './host/transforms.js'
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
export type { IsAlive, LockOwner } from './run/lock.js'
export type { Exchange, Secret, StepSite } from './run/remote.js'
export { openSsh, type Ssh, type SshOptions, type SshTarget } from './ssh/ssh.js'
export {
  type Clock,
  type RunOptions,
  type RunResult,
  type Transport,
  TransportError,
  type TransportFault,
} from './ssh/transport.js'
export type { HostStatus } from './status.js'
export { STEPS, type Step, type StepId, type StepScope } from './steps/steps.js'
