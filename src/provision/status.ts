import type { Inputs } from './context.js'
import { contextOf, type Session } from './host/fleet.js'
import type { PreflightProblem } from './host/preflight.js'
import { planPush } from './run/push-files.js'
import { lastLine, remoteError } from './run/remote.js'
import { servedActions } from './steps/verify.js'

/** What is true on one host. */
export interface HostStatus {
  readonly host: string
  readonly role: string
  readonly reached: boolean
  /** Seconds ahead of the operator's clock. */
  readonly clockSkew?: number
  /** Files that are as the tree says, that differ, and that kubeadm or the kubelet has taken over. */
  readonly files?: {
    readonly same: number
    readonly differing: readonly string[]
    readonly left: readonly string[]
  }
  readonly generation?: string
  readonly versions?: Readonly<Record<string, string>>
  readonly kubelet?: string
  /** Running processes serve the pushed certificates; a reason where not. */
  readonly certificates?: 'as pushed' | string
  /** As the first control plane sees it. */
  readonly node?: 'Ready' | 'NotReady' | 'unknown'
  readonly problems: readonly PreflightProblem[]
}

export async function statusOf(
  inputs: Inputs,
  sessions: readonly Session[],
  session: Session,
  problems: readonly PreflightProblem[],
): Promise<HostStatus> {
  const { node, facts, redact } = session
  const own = problems.filter((problem) => problem.host === node.name)
  const head = { host: node.name, role: node.role, problems: own }
  if (!facts) return { ...head, reached: false }
  const context = contextOf(inputs, sessions, session)
  const { changes, left } = planPush(context)
  const total = [...context.tree.values()].filter((entry) => entry.kind === 'file').length
  const initial = sessions.find((each) => each.node.initial)?.facts
  const seen = initial?.nodes.get(node.name)
  return {
    ...head,
    reached: true,
    clockSkew: Math.round(facts.clockSkew * 10) / 10,
    files: {
      same: Math.max(0, total - changes.length - left.length),
      differing: changes.map((change) => change.path),
      left,
    },
    generation: redact(facts.value('generation')),
    versions: Object.fromEntries([...facts.packages].map((pair) => pair.map(redact))),
    kubelet: redact(facts.value('kubeletActive')) || 'not installed',
    certificates: await served(session, context),
    node: seen ? (seen.ready ? 'Ready' : 'NotReady') : 'unknown',
  }
}

async function served(
  session: Session,
  context: Parameters<typeof servedActions>[0],
): Promise<string> {
  const [action] = servedActions(context)
  if (action?.kind !== 'probe') return 'none to compare'
  try {
    const result = await session.remote.script(action.script, action.args, { timeoutMs: 40_000 })
    if (result.exitCode === 0) return 'as pushed'
    return lastLine(session.redact(result.stderr)) || 'unknown'
  } catch (cause) {
    return remoteError({ host: session.node.name, step: 'status' }, cause, session.redact).message
  }
}
