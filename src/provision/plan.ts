import { fileAt } from '../files/tree.js'
import { changes, type PlannedAction, planned } from './action.js'
import type { Inputs } from './context.js'
import { contextOf, type Session, strange } from './host/fleet.js'
import type { PreflightProblem } from './host/preflight.js'
import { planPush } from './run/push-files.js'
import { isFor, STEPS, type Step, waves } from './steps/steps.js'

/** What one step would do on one host. */
export interface PlannedStep {
  readonly host: string
  readonly step: string
  readonly about: string
  /** `done`: nothing is to do; `check`: only questions are asked. */
  readonly state: 'done' | 'needed' | 'check'
  readonly actions: readonly PlannedAction[]
  /** Files that differ and stay as they are. */
  readonly left?: readonly string[]
}

/** What would be done, host by host, in order. Data: it can be saved, reviewed and applied. */
export interface ProvisionPlan {
  readonly apiVersion: 'kpki/v1alpha1'
  readonly kind: 'ProvisionPlan'
  readonly cluster: string
  /** SHA-256 of the inventory and of every file. */
  readonly inputs: string
  readonly problems: readonly PreflightProblem[]
  readonly steps: readonly PlannedStep[]
  /** SHA-256 of everything above. */
  readonly hash: string
}

/** The steps of a run: all, or those that were named. */
export function stepsOf(names?: readonly string[]): readonly Step[] {
  return names === undefined ? STEPS : STEPS.filter((step) => names.includes(step.id))
}

export function makePlan(
  inputs: Inputs,
  sessions: readonly Session[],
  judged: readonly PreflightProblem[],
  steps: readonly Step[] = STEPS,
): ProvisionPlan {
  const problems = [...judged]
  const byName = new Map(sessions.map((session) => [session.node.name, session]))
  const rows: PlannedStep[] = []
  for (const wave of waves(inputs.cluster, steps))
    for (const node of wave.nodes)
      for (const step of wave.steps) {
        const session = byName.get(node.name)
        if (!session?.facts || !isFor(step, node)) continue
        try {
          rows.push(planStep(inputs, sessions, session, step))
        } catch (cause) {
          problems.push(strange(session, step.id, cause))
        }
      }
  const body = {
    apiVersion: 'kpki/v1alpha1',
    kind: 'ProvisionPlan',
    cluster: inputs.cluster.name,
    inputs: hashInputs(inputs),
    problems,
    steps: rows,
  } as const
  return { ...body, hash: hashOf(inputs, body) }
}

function planStep(
  inputs: Inputs,
  sessions: readonly Session[],
  session: Session,
  step: Step,
): PlannedStep {
  const context = contextOf(inputs, sessions, session)
  const actions = step.actions(context)
  const left = step.id === 'push' ? planPush(context).left : []
  return {
    host: session.node.name,
    step: step.id,
    about: step.about,
    state: actions.some(changes) ? 'needed' : actions.length > 0 ? 'check' : 'done',
    actions: actions.map((action) => planned(action, session.redact)),
    ...(left.length > 0 ? { left } : {}),
  }
}

/** Whether a saved plan is whole: its own hash fits its content. */
export function isWhole(plan: ProvisionPlan, inputs: Inputs): boolean {
  const { hash, ...body } = plan
  return hash === hashOf(inputs, body)
}

/** What would happen now that the reviewed plan does not say; empty: the review still holds. */
export function beyond(reviewed: ProvisionPlan, now: ProvisionPlan): readonly string[] {
  const key = (row: PlannedStep, action: PlannedAction) => `${row.host} ${row.step} ${action.id}`
  const known = new Map(
    reviewed.steps.flatMap((row) => row.actions.map((action) => [key(row, action), action])),
  )
  return now.steps.flatMap((row) =>
    row.actions.flatMap((action) => {
      const before = known.get(key(row, action))
      if (!before)
        return action.kind === 'probe' ? [] : [`${row.host}: ${row.step}: ${action.about}`]
      const files = new Set(before.files?.map((file) => `${file.path} ${file.sha256}`))
      return (action.files ?? [])
        .filter((file) => !files.has(`${file.path} ${file.sha256}`))
        .map((file) => `${row.host}: ${row.step}: /${file.path}`)
    }),
  )
}

/** Hash of the inventory and of every file that may be placed. */
export function hashInputs(inputs: Inputs): string {
  const { cluster, trees, manifests, cniManifest, digest, options } = inputs
  const files = [...trees].map(([name, tree]) => [
    name,
    [...tree.keys()].flatMap((path) => {
      const entry = fileAt(tree, path)
      return entry ? [[path, entry.mode, digest('sha256', entry.data)]] : []
    }),
  ])
  const documents = [...manifests, ...(cniManifest ? [cniManifest] : [])].map((each) => [
    each.name,
    each.url,
    each.text === undefined ? '' : digest('sha256', encode(each.text.reveal())),
  ])
  const admin = digest('sha256', encode(inputs.adminKubeconfig))
  return hashOf(inputs, { cluster, files, documents, admin, options })
}

const encode = (text: string) => new TextEncoder().encode(text)

const hashOf = ({ digest }: Inputs, value: unknown) =>
  digest('sha256', encode(JSON.stringify(value)))
