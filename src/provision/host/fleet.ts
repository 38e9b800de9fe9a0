import type { ClusterNode } from '../../cluster/cluster.js'
import { textOf } from '../../files/tree.js'
import type { Inputs, StepContext } from '../context.js'
import type { Happening } from '../event.js'
import type { IsAlive, LockOwner } from '../run/lock.js'
import { eachOf } from '../run/pool.js'
import { type Redact, redactor } from '../run/redact.js'
import { type Exchange, type Remote, remoteError, remoteOf } from '../run/remote.js'
import { type Clock, reconnecting, type Transport } from '../ssh/transport.js'
import { tokenOf } from '../steps/cluster.js'
import type { HostFacts } from './facts.js'
import { gather } from './gather.js'
import { judge, type PreflightProblem } from './preflight.js'

/** The outside world of a run. */
export interface World {
  readonly clock: Clock
  /** Opens a connection to a node; rejects with a TransportError. */
  readonly connect: (node: ClusterNode) => Promise<Transport>
  readonly owner: LockOwner
  readonly isAlive: IsAlive
  /** A few random hexadecimal digits. */
  readonly randomHex: () => string
  readonly writeKubeconfig: (text: string) => Promise<void>
  /** Transcript: redacted already. */
  readonly log: (exchange: Exchange) => void
  readonly emit: (happening: Happening) => void
  readonly signal?: AbortSignal | undefined
  /** Judges the files before any byte is sent. */
  readonly audit?: ((inputs: Inputs) => Promise<readonly PreflightProblem[]>) | undefined
}

/** One host during a run. */
export interface Session {
  readonly node: ClusterNode
  readonly remote: Remote
  readonly redact: Redact
  readonly close: () => Promise<void>
  /** The step that is at work, for messages and the log. */
  step: string
  facts?: HostFacts
}

/** Attempts to reach a host at first, and again once it has been reached (it may be booting). */
const attempts = { first: 2, later: 10 }

export function openSession(inputs: Inputs, world: World, node: ClusterNode): Session {
  let reached = false
  const redact = redactor(secretsOf(inputs, node))
  const transport = reconnecting({
    open: async () => {
      const opened = await world.connect(node)
      reached = true
      return opened
    },
    clock: world.clock,
    attempts: () => (reached ? attempts.later : attempts.first),
    ...(world.signal ? { signal: world.signal } : {}),
    onRetry: (error) =>
      world.emit({ type: 'retry', host: node.name, message: redact(error.message) }),
  })
  const place = () => ({ host: node.name, step: session.step })
  const remote = remoteOf({ place, transport, redact, log: world.log })
  const session: Session = { node, remote, redact, close: transport.close, step: 'preflight' }
  return session
}

/** Reads the facts of every host; what can't be reached becomes a problem. */
export async function askAll(
  inputs: Inputs,
  world: World,
  sessions: readonly Session[],
  concurrency: number,
): Promise<readonly PreflightProblem[]> {
  const problems: PreflightProblem[] = []
  await eachOf(sessions, concurrency, async (session) => {
    const { node, remote } = session
    try {
      world.signal?.throwIfAborted()
      session.facts = await gather(inputs, node, remote, world.clock, true)
    } catch (cause) {
      if (world.signal?.aborted) return
      const error = remoteError({ host: node.name, step: 'preflight' }, cause, session.redact)
      const message = error.message.replace(`${node.name}: `, '')
      const fix = error.hint === undefined ? {} : { fix: error.hint }
      problems.push({ host: node.name, level: 'error', check: 'reach', message, ...fix })
    }
    // Each open connection is a process: a large fleet is reconnected when its turn comes.
    if (sessions.length > concurrency && !node.initial) await session.close()
  })
  world.signal?.throwIfAborted()
  return problems
}

/** What a step sees of a host whose facts are known. */
export function contextOf(
  inputs: Inputs,
  sessions: readonly Session[],
  session: Session,
): StepContext {
  if (!session.facts) throw new Error(`${session.node.name} was not asked`)
  const known = sessions.flatMap(({ node, facts }) => (facts ? [[node.name, facts] as const] : []))
  return {
    ...inputs,
    node: session.node,
    tree: inputs.trees.get(session.node.name) ?? new Map(),
    facts: session.facts,
    peers: new Map(known),
  }
}

export function judgeAll(
  inputs: Inputs,
  sessions: readonly Session[],
): readonly PreflightProblem[] {
  const asked = sessions.filter((session) => session.facts)
  return asked.flatMap((session) => {
    try {
      const problems = judge(contextOf(inputs, sessions, session))
      return problems.map((problem) => redacted(session, problem))
    } catch (cause) {
      return [strange(session, 'facts', cause)]
    }
  })
}

/** A problem that quotes what its host says. */
export function redacted({ redact }: Session, problem: PreflightProblem): PreflightProblem {
  return { ...problem, message: redact(problem.message) }
}

/** What a host says may be anything: where it can't be worked with, that is this host's problem alone. */
export function strange(session: Session, check: string, cause: unknown): PreflightProblem {
  const reason = cause instanceof Error ? cause.message : String(cause)
  const message = `can't be worked with: ${reason}`
  return redacted(session, { host: session.node.name, level: 'error', check, message })
}

/** Texts that must not appear anywhere: a node's keys, as they are and line by line, tokens, what kubeconfigs embed. */
function secretsOf(inputs: Inputs, node: ClusterNode): readonly string[] {
  const tree = inputs.trees.get(node.name) ?? new Map()
  const secrets = node.initial ? embedded(inputs.adminKubeconfig) : []
  for (const entry of tree.values()) {
    if (entry.kind !== 'file') continue
    const { path } = entry
    if (path.endsWith('.key')) {
      const lines = textOf(entry)
        .split('\n')
        .filter((line) => line[0] !== '-')
      secrets.push(lines.join(''), ...lines.filter((line) => line.length >= 40))
    }
    if (/\.conf$|kubeadm\.yaml$/.test(path)) secrets.push(...embedded(textOf(entry)))
  }
  const token = tokenOf({ tree })
  return token ? [...secrets, token] : secrets
}

function embedded(text: string): string[] {
  const fields = text.matchAll(/(?:client-key-data|token|certificateKey):\s*"?([^\s",}]+)/gi)
  return [...fields].map(([, value = '']) => value)
}
