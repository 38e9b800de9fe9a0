import { changes, planned } from './action.js'
import type { Inputs } from './context.js'
import { contextOf, type Session, type World } from './host/fleet.js'
import { gather } from './host/gather.js'
import { hashInputs } from './plan.js'
import { type Hands, interpret, worthAsking } from './run/interpret.js'
import { type JournalEntry, lastEntry, record, unfinished } from './run/journal.js'
import { guarded, REFRESH_MS, releaseLock, takeLock } from './run/lock.js'
import { eachOf } from './run/pool.js'
import { type Remote, remoteError } from './run/remote.js'
import { backOff } from './ssh/transport.js'
import { isFor, type Step, waves } from './steps/steps.js'

export interface ApplySettings {
  readonly steps: readonly Step[]
  /** Hosts at work at the same time. */
  readonly concurrency: number
  /** After this many failed hosts no further one is begun. */
  readonly stopAfterFailures: number
}

/** Why a step failed on a host. */
export interface StepFailure {
  readonly host: string
  readonly step: string
  readonly message: string
  readonly hint?: string
}

/** What a run changed, what failed, and what was not begun. */
export interface Applied {
  /** Steps that changed something. */
  readonly changed: readonly { readonly host: string; readonly step: string }[]
  readonly failures: readonly StepFailure[]
  /** Steps that were not tried because of failures or an interruption. */
  readonly notRun: readonly { readonly host: string; readonly step: string }[]
  readonly interrupted: boolean
}

type Work = (remote: Remote) => Promise<void>

/** How often a step asks anew what is true: after changes, to prove them, and after losses. */
const rounds = { settle: 4, losses: 4 }

/** Carries out the steps, wave by wave. The locks are released whatever happens. */
export async function applySteps(
  inputs: Inputs,
  world: World,
  sessions: readonly Session[],
  settings: ApplySettings,
): Promise<Applied> {
  const changed: { host: string; step: string }[] = []
  const failures: StepFailure[] = []
  const notRun: { host: string; step: string }[] = []
  const byName = new Map(sessions.map((session) => [session.node.name, session]))
  const hash = hashInputs(inputs)
  const initial = sessions.find(({ node }) => node.initial)
  // The canary: nothing else begins where the first control plane has failed.
  const stopped = () =>
    world.signal?.aborted === true ||
    failures.length >= settings.stopAfterFailures ||
    (initial !== undefined && broken(initial.node.name))
  const broken = (host: string) => failures.some((failure) => failure.host === host)

  const visit = async (session: Session, steps: readonly Step[], held?: Remote) => {
    const host = session.node.name
    const mine = steps.filter((step) => isFor(step, session.node))
    const skip = (from: readonly Step[]) =>
      notRun.push(...from.map((step) => ({ host, step: step.id })))
    if (stopped() || broken(host)) return void skip(mine)
    let at = 0
    try {
      const hold = held
        ? (work: Work) => work(held)
        : (work: Work) => whileLocked(world, session, work)
      await hold(async (remote) => {
        session.facts = await insist(world, () =>
          gather(inputs, session.node, session.remote, world.clock, false),
        )
        let written = false
        for (; at < mine.length; at++) {
          const step = mine[at]
          if (!step) break
          // Asking whether all is well makes no sense where we know that it is not.
          if (step.id === 'verify' && failures.length > 0) break
          world.signal?.throwIfAborted()
          const did = await runStep(inputs, world, sessions, session, step, remote, hash)
          if (did) changed.push({ host, step: step.id })
          written ||= did
        }
        const last = lastEntry(session.facts.value('journal'))
        if (written || unfinished(last))
          await insist(world, () =>
            record(remote, entry(world, hash, mine.at(-1)?.id ?? '', 'finished')),
          )
      })
    } catch (cause) {
      const step = mine[at]?.id ?? 'lock'
      if (!world.signal?.aborted) {
        const error = remoteError({ host, step }, cause, session.redact)
        const hint = error.hint === undefined ? {} : { hint: error.hint }
        failures.push({ host, step, message: error.message, ...hint })
        world.emit({ type: 'step-failed', host, step, message: error.message, ...hint })
      }
      at += world.signal?.aborted ? 0 : 1
    }
    skip(mine.slice(at))
    if (session !== initial && sessions.length > settings.concurrency) await session.close()
  }

  const run = async (held?: Remote) => {
    for (const wave of waves(inputs.cluster, settings.steps)) {
      const here = wave.nodes.flatMap((node) => byName.get(node.name) ?? [])
      await eachOf(here, wave.parallel ? settings.concurrency : 1, (session) =>
        visit(session, wave.steps, session === initial ? held : undefined),
      )
    }
  }
  // Its lock stands for the whole cluster: a second operator gets no further than here.
  if (initial) await whileLocked(world, initial, run)
  else await run()
  return { changed, failures, notRun, interrupted: world.signal?.aborted === true }
}

/** Holds a host's lock, refreshed in the background, while `work` runs. */
async function whileLocked(world: World, session: Session, work: Work): Promise<void> {
  const { owner, clock, isAlive } = world
  await insist(world, () => takeLock(session.remote, session.node.name, owner, isAlive))
  const remote = guarded(session.remote, owner.nonce)
  const beat = new AbortController()
  const beating = (async () => {
    for (;;) {
      await clock.sleep(REFRESH_MS, beat.signal)
      await remote.script(':', [], { timeoutMs: 10_000, quiet: true }).catch(() => undefined)
    }
  })().catch(() => undefined)
  try {
    await work(remote)
  } finally {
    beat.abort()
    await beating
    await releaseLock(session.remote, owner.nonce).catch(() => undefined)
  }
}

/** One step on one host, until it is true. Resolves with whether anything was changed. */
async function runStep(
  inputs: Inputs,
  world: World,
  sessions: readonly Session[],
  session: Session,
  step: Step,
  remote: Remote,
  hash: string,
): Promise<boolean> {
  const { clock, emit, signal } = world
  const host = session.node.name
  session.step = step.id
  const begun = clock.now()
  let changed = false
  let losses = 0
  emit({ type: 'step-started', host, step: step.id })
  let known = true
  for (let round = 1; ; round++) {
    signal?.throwIfAborted()
    try {
      if (losses > 0) await takeLock(session.remote, host, world.owner, world.isAlive)
      if (!known) session.facts = await gather(inputs, session.node, session.remote, clock, false)
      known = true
      const actions = step.actions(contextOf(inputs, sessions, session))
      const work = actions.filter(changes)
      const asked = work.length === 0 && changed
      if (work.length > 0 && round > rounds.settle + losses) {
        const left = work.map((action) => action.about).join('; ')
        throw new Error(`it did not take effect, still to do: ${left}`)
      }
      if (work.length > 0 && !changed) await record(remote, entry(world, hash, step.id, 'started'))
      for (const action of asked && losses === 0 ? [] : actions) {
        signal?.throwIfAborted()
        emit({ type: 'action', host, step: step.id, action: planned(action, session.redact) })
        known &&= !changes(action)
        changed ||= changes(action)
        await interpret(action, handsOf(inputs, world, session, step, remote))
      }
      if (work.length > 0) continue
      if (changed) await record(remote, entry(world, hash, step.id, 'done'))
      break
    } catch (error) {
      if (!worthAsking(error) || signal?.aborted || losses >= rounds.losses) throw error
      losses += 1
      known = false
      const message = session.redact(error instanceof Error ? error.message : String(error))
      emit({ type: 'retry', host, message: `${step.id}: ${message}; asking anew` })
      await clock.sleep(backOff(losses), signal)
    }
  }
  emit({ type: 'step-done', host, step: step.id, changed, milliseconds: clock.now() - begun })
  return changed
}

function handsOf(
  inputs: Inputs,
  world: World,
  session: Session,
  step: Step,
  remote: Remote,
): Hands {
  const { clock, emit, signal } = world
  const host = session.node.name
  return {
    remote,
    clock,
    signal,
    digest: inputs.digest,
    generation: () => stamp(clock.now(), world.randomHex()),
    writeKubeconfig: world.writeKubeconfig,
    onProgress: (line) =>
      emit({ type: 'progress', host, step: step.id, message: session.redact(line) }),
  }
}

/** For what may be done twice: a lost connection is no reason to give up. */
async function insist<T>(world: World, work: () => Promise<T>): Promise<T> {
  for (let losses = 1; ; losses++) {
    try {
      return await work()
    } catch (error) {
      if (!worthAsking(error) || world.signal?.aborted || losses > rounds.losses) throw error
      await world.clock.sleep(backOff(losses), world.signal)
    }
  }
}

function entry(
  world: World,
  inputs: string,
  step: string,
  state: JournalEntry['state'],
): JournalEntry {
  const { operator, nonce } = world.owner
  return {
    time: new Date(world.clock.now()).toISOString(),
    run: nonce,
    operator,
    inputs,
    step,
    state,
  }
}

/** `20261122T084500Z-1a2b3c`: sorts by time, new each time. */
export function stamp(now: number, random: string): string {
  return `${new Date(now).toISOString().replace(/[-:]|\.\d+/g, '')}-${random}`
}
