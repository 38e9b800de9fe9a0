import { KpkiError } from '../errors.js'
import { type Applied, applySteps, stamp } from './apply.js'
import type { Inputs } from './context.js'
import { askAll, judgeAll, openSession, redacted, type Session, type World } from './host/fleet.js'
import type { PreflightProblem } from './host/preflight.js'
import { beyond, hashInputs, isWhole, makePlan, type ProvisionPlan, stepsOf } from './plan.js'
import { lastEntry, unfinished } from './run/journal.js'
import { guarded, releaseLock, takeLock } from './run/lock.js'
import { eachOf } from './run/pool.js'
import { rollBack } from './run/push.js'
import { remoteError } from './run/remote.js'
import { type HostStatus, statusOf } from './status.js'

/** What all verbs share. */
export interface ProvisionOptions {
  /** Names of the nodes; all by default. */
  readonly nodes?: readonly string[] | undefined
  /** Ids of the steps; all by default. */
  readonly steps?: readonly string[] | undefined
  /** Hosts at work at the same time; 10 by default. */
  readonly concurrency?: number | undefined
  /** Failed hosts after which no further one is begun; 3 by default. */
  readonly stopAfterFailures?: number | undefined
  /** Go on although an interrupted run had other inputs. */
  readonly restart?: boolean | undefined
}

/** What applying takes besides the inputs: a reviewed plan, and who confirms. */
export interface ApplyRequest extends ProvisionOptions {
  /** A plan that was reviewed: nothing beyond it is done. */
  readonly reviewed?: ProvisionPlan | undefined
  /** Shows the plan and decides. */
  readonly confirm?: (plan: ProvisionPlan) => Promise<boolean>
}

/** How a run ended. */
export interface ProvisionReport extends Applied {
  readonly plan: ProvisionPlan
  /** Not confirmed, or problems stood against it: nothing was changed. */
  readonly started: boolean
  readonly ok: boolean
}

// Placing files asks less of a host than making a node of it.
const pushChecks = [
  'reach',
  'root',
  'disk',
  'clock',
  'address',
  'facts',
  'files',
  'journal',
  'secrets',
  'audit',
]

/**
 * Asks every host and says what would be done. Nothing is changed.
 *
 * @example
 * ```ts
 * import { readFile } from 'node:fs/promises'
 * import { isKpkiError, parseCluster } from 'kpki'
 * import { loadInputs, openWorld, provisionPlan } from 'kpki/provision'
 *
 * const { cluster } = parseCluster(await readFile('cluster.yaml', 'utf8'))
 * const inputs = await loadInputs({ cluster, out: 'out', base: '.' })
 * const world = await openWorld({ kubeconfig: undefined })
 * try {
 *   const { steps } = await provisionPlan(inputs, world)
 *   console.log(steps.length)
 * } catch (error) {
 *   if (!isKpkiError(error)) throw error
 *   console.log(error.message)
 * } finally {
 *   await world.close()
 * }
 * ```
 */
export async function provisionPlan(
  inputs: Inputs,
  world: World,
  settings: ProvisionOptions = {},
): Promise<ProvisionPlan> {
  return withSessions(inputs, world, settings, (sessions) =>
    prepare(inputs, world, sessions, settings),
  )
}

/**
 * Makes what the plan says true, host by host. A report with `ok: false` names what stood against it; an
 * interrupted run is continued by calling this again.
 *
 * @throws KpkiError `ERR_PLAN_STALE` when a reviewed plan no longer fits, `ERR_LOCKED` when another
 * operator is at work on the cluster.
 * /
 *
 * @example
 * ```ts
 * import { readFile } from 'node:fs/promises'
 * import { isKpkiError, parseCluster } from 'kpki'
 * import { loadInputs, openWorld, provisionApply } from 'kpki/provision'
 *
 * const { cluster } = parseCluster(await readFile('cluster.yaml', 'utf8'))
 * const inputs = await loadInputs({ cluster, out: 'out', base: '.' })
 * const world = await openWorld({ kubeconfig: undefined })
 * try {
 *   const { ok } = await provisionApply(inputs, world, { confirm: async () => true })
 *   console.log(ok)
 * } catch (error) {
 *   if (!isKpkiError(error)) throw error
 *   console.log(error.message)
 * } finally {
 *   await world.close()
 * }
 * ```
 */
export async function provisionApply(
  inputs: Inputs,
  world: World,
  request: ApplyRequest = {},
): Promise<ProvisionReport> {
  const { reviewed } = request
  if (reviewed) refuseStale(reviewed, inputs)
  return withSessions(inputs, world, request, async (sessions) => {
    const plan = await prepare(inputs, world, sessions, request)
    const nothing = { changed: [], failures: [], notRun: [], interrupted: false } as const
    const bad = plan.problems.some((problem) => problem.level === 'error')
    if (bad) return { ...nothing, plan, started: false, ok: false }
    const more = reviewed ? beyond(reviewed, plan) : []
    if (more.length > 0) throw stale(`the hosts have changed since: ${more.slice(0, 5).join('; ')}`)
    if (request.confirm && !(await request.confirm(plan)))
      return { ...nothing, plan, started: false, ok: true }
    const names = sessions.map(({ node }) => node.name)
    world.emit({ type: 'run-started', cluster: inputs.cluster.name, hosts: names })
    const applied = await applySteps(inputs, world, sessions, {
      steps: stepsOf(request.steps),
      concurrency: request.concurrency ?? 10,
      stopAfterFailures: request.stopAfterFailures ?? 3,
    })
    world.emit({
      type: 'run-finished',
      changed: applied.changed.length,
      failed: applied.failures.map(({ host }) => host),
      notRun: applied.notRun.map(({ host, step }) => `${host} ${step}`),
    })
    const ok = applied.failures.length === 0 && applied.notRun.length === 0
    return { ...applied, plan, started: true, ok }
  })
}

/**
 * Only places the files of every node.
 *
 * @example
 * ```ts
 * import { readFile } from 'node:fs/promises'
 * import { isKpkiError, parseCluster } from 'kpki'
 * import { loadInputs, openWorld, provisionPush } from 'kpki/provision'
 *
 * const { cluster } = parseCluster(await readFile('cluster.yaml', 'utf8'))
 * const inputs = await loadInputs({ cluster, out: 'out', base: '.' })
 * const world = await openWorld({ kubeconfig: undefined })
 * try {
 *   const { ok } = await provisionPush(inputs, world, { confirm: async () => true })
 *   console.log(ok)
 * } catch (error) {
 *   if (!isKpkiError(error)) throw error
 *   console.log(error.message)
 * } finally {
 *   await world.close()
 * }
 * ```
 */
export function provisionPush(
  inputs: Inputs,
  world: World,
  request: ApplyRequest = {},
): Promise<ProvisionReport> {
  return provisionApply(inputs, world, { ...request, steps: ['push'] })
}

/**
 * What is true now on every host.
 *
 * @example
 * ```ts
 * import { readFile } from 'node:fs/promises'
 * import { isKpkiError, parseCluster } from 'kpki'
 * import { loadInputs, openWorld, provisionStatus } from 'kpki/provision'
 *
 * const { cluster } = parseCluster(await readFile('cluster.yaml', 'utf8'))
 * const inputs = await loadInputs({ cluster, out: 'out', base: '.' })
 * const world = await openWorld({ kubeconfig: undefined })
 * try {
 *   for (const host of await provisionStatus(inputs, world)) console.log(host)
 * } catch (error) {
 *   if (!isKpkiError(error)) throw error
 *   console.log(error.message)
 * } finally {
 *   await world.close()
 * }
 * ```
 */
export async function provisionStatus(
  inputs: Inputs,
  world: World,
  settings: ProvisionOptions = {},
): Promise<readonly HostStatus[]> {
  return withSessions(inputs, world, settings, async (sessions) => {
    const problems = await askAll(inputs, world, sessions, settings.concurrency ?? 10)
    const all: HostStatus[] = []
    for (const session of sessions)
      all.push(
        await statusOf(inputs, sessions, session, [...problems, ...judgeAll(inputs, [session])]),
      )
    return all
  })
}

/** What a rollback did on one host. */
export interface RolledBack {
  readonly host: string
  readonly lines: readonly string[]
  readonly error?: string
}

/**
 * Puts back the files that the latest push (or the generation `to`) replaced.
 *
 * @example
 * ```ts
 * import { readFile } from 'node:fs/promises'
 * import { isKpkiError, parseCluster } from 'kpki'
 * import { loadInputs, openWorld, provisionRollback } from 'kpki/provision'
 *
 * const { cluster } = parseCluster(await readFile('cluster.yaml', 'utf8'))
 * const inputs = await loadInputs({ cluster, out: 'out', base: '.' })
 * const world = await openWorld({ kubeconfig: undefined })
 * try {
 *   for (const { host, lines } of await provisionRollback(inputs, world)) console.log(host, lines)
 * } catch (error) {
 *   if (!isKpkiError(error)) throw error
 *   console.log(error.message)
 * } finally {
 *   await world.close()
 * }
 * ```
 */
export async function provisionRollback(
  inputs: Inputs,
  world: World,
  settings: ProvisionOptions & { readonly to?: string | undefined } = {},
): Promise<readonly RolledBack[]> {
  const { owner, clock, isAlive, randomHex } = world
  const results: RolledBack[] = []
  await withSessions(inputs, world, settings, (sessions) =>
    eachOf(sessions, settings.concurrency ?? 10, async (session) => {
      const { node, remote } = session
      session.step = 'rollback'
      try {
        await takeLock(remote, node.name, owner, isAlive)
        const id = stamp(clock.now(), randomHex())
        const lines = await rollBack(guarded(remote, owner.nonce), id, settings.to)
        await releaseLock(remote, owner.nonce)
        results.push({ host: node.name, lines })
      } catch (cause) {
        await releaseLock(remote, owner.nonce).catch(() => undefined)
        const place = { host: node.name, step: 'rollback' }
        const { message } = remoteError(place, cause, session.redact)
        results.push({ host: node.name, lines: [], error: message })
      }
    }),
  )
  return results
}

async function withSessions<T>(
  inputs: Inputs,
  world: World,
  settings: ProvisionOptions,
  work: (sessions: readonly Session[]) => Promise<T>,
): Promise<T> {
  const wanted = settings.nodes
  const unknown = wanted?.filter((name) => !inputs.cluster.nodes.some((node) => node.name === name))
  if (unknown?.length)
    throw new KpkiError('ERR_USAGE', `there is no node ${unknown.join(', ')} in the cluster`, {})
  const ids = stepsOf().map((step) => step.id)
  const steps = settings.steps?.filter((id) => !ids.includes(id))
  if (steps?.length)
    throw new KpkiError(
      'ERR_USAGE',
      `there is no step ${steps.join(', ')}`,
      {},
      { hint: `steps: ${ids.join(', ')}` },
    )
  const nodes = inputs.cluster.nodes.filter((node) => wanted?.includes(node.name) ?? true)
  const sessions = nodes.map((node) => openSession(inputs, world, node))
  try {
    return await work(sessions)
  } finally {
    await Promise.all(sessions.map((session) => session.close()))
  }
}

async function prepare(
  inputs: Inputs,
  world: World,
  sessions: readonly Session[],
  settings: ProvisionOptions,
): Promise<ProvisionPlan> {
  const unreached = await askAll(inputs, world, sessions, settings.concurrency ?? 10)
  const names = sessions.map(({ node }) => node.name)
  const files = (await world.audit?.(inputs)) ?? []
  const judged = [
    ...files.filter(({ host }) => names.includes(host) || !inputs.trees.has(host)),
    ...unreached,
    ...judgeAll(inputs, sessions),
    ...journals(inputs, sessions, settings),
  ]
  const onlyPush = settings.steps?.every((id) => id === 'push') === true
  const problems = judged.filter((problem) => !onlyPush || pushChecks.includes(problem.check))
  const plan = makePlan(inputs, sessions, problems, stepsOf(settings.steps))
  for (const problem of plan.problems) world.emit({ type: 'problem', problem })
  return plan
}

/** An interrupted run is continued only with what it was begun with. */
function journals(
  inputs: Inputs,
  sessions: readonly Session[],
  settings: ProvisionOptions,
): readonly PreflightProblem[] {
  if (settings.restart) return []
  const hash = hashInputs(inputs)
  return sessions.flatMap((session) => {
    const { node, facts } = session
    const last = lastEntry(facts?.value('journal') ?? '')
    if (!unfinished(last) || last.inputs === hash) return []
    return [
      redacted(session, {
        host: node.name,
        level: 'error',
        check: 'journal',
        message: `a run of ${last.operator} at ${last.time} stopped in step ${last.step}, and the cluster file or the files have changed since`,
        fix: 'go back to what they were, or say --restart to begin anew with what they are now',
      }),
    ]
  })
}

function refuseStale(plan: ProvisionPlan, inputs: Inputs): void {
  if (!isWhole(plan, inputs)) throw stale('the plan file itself was changed: its hash does not fit')
  if (plan.inputs !== hashInputs(inputs))
    throw stale('the cluster file or the files to place have changed since')
}

function stale(reason: string): KpkiError {
  const hint = 'make a new plan with kpki provision plan, and review it'
  return new KpkiError('ERR_PLAN_STALE', `the plan is not carried out: ${reason}`, {}, { hint })
}
