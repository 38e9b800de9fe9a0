import { readCertificate } from '../../ca/read.js'
import { textOf } from '../../files/tree.js'
import type {
  HostStatus,
  Inputs,
  PlannedStep,
  Problem,
  ProvisionEvent,
  ProvisionPlan,
  ProvisionReport,
} from '../../provision/index.js'
import { skippedByVerify } from '../../provision/steps/verify.js'
import type { Io } from '../io.js'

/** A plan for people: what is done host by host, files with mode and fingerprint, never content. */
export function planText(plan: ProvisionPlan): string {
  const lines = plan.problems.map(problemLine)
  let host = ''
  for (const step of plan.steps) {
    if (step.state !== 'needed' && !step.left) continue
    if (step.host !== host) lines.push(`${step.host}:`)
    host = step.host
    lines.push(...stepLines(step))
  }
  const needed = plan.steps.filter((step) => step.state === 'needed').length
  const errors = plan.problems.filter((problem) => problem.level === 'error').length
  lines.push(
    errors > 0
      ? `${errors} problems stand against it: nothing is changed`
      : needed === 0
        ? 'nothing is to do: every host is as it should be'
        : `${needed} steps on ${new Set(plan.steps.map((step) => step.host)).size} hosts`,
  )
  return `${lines.join('\n')}\n`
}

function stepLines(step: PlannedStep): readonly string[] {
  const lines: string[] = []
  for (const action of step.actions) {
    if (action.kind === 'probe') continue
    lines.push(`  ${step.step.padEnd(9)}${action.about}`)
    if (action.disrupts) lines.push(`           ! ${action.disrupts}`)
    for (const file of action.files ?? []) {
      const mode = file.mode.toString(8).padStart(4, '0')
      const before = file.before ? ` (was ${file.before.slice(0, 12)})` : ''
      lines.push(
        `           ${file.change.padEnd(8)}${mode} ${file.sha256.slice(0, 12)} /${file.path}${before}`,
      )
    }
  }
  for (const path of step.left ?? []) lines.push(`           left    /${path} (kubeadm's by now)`)
  return lines
}

function problemLine({ host, level, check, message, fix }: Problem): string {
  return `${level}: ${host}: ${check}: ${message}${fix === undefined ? '' : `; fix: ${fix}`}`
}

/** How it ended: failures with the way on, what was skipped, what expires first. */
export function reportText(report: ProvisionReport, inputs: Inputs, now: Date): string {
  const lines: string[] = []
  const { plan, failures, notRun, changed } = report
  if (!report.started) {
    const bad = plan.problems.some((problem) => problem.level === 'error')
    return bad ? 'kpki: error: nothing was changed, see the problems above\n' : 'nothing was done\n'
  }
  for (const { message, hint } of failures) {
    lines.push(`kpki: error: ${message}`)
    if (hint) lines.push(`kpki: hint: ${hint}`)
  }
  if (notRun.length > 0)
    lines.push(`not run: ${notRun.map(({ host, step }) => `${host} ${step}`).join(', ')}`)
  lines.push(
    changed.length === 0
      ? 'nothing was changed'
      : `changed: ${changed.map(({ host, step }) => `${host} ${step}`).join(', ')}`,
  )
  if (report.ok) lines.push(...summary(inputs, now))
  return `${lines.join('\n')}\n`
}

function summary(inputs: Inputs, now: Date): readonly string[] {
  const { cluster } = inputs
  const server = /server: *(\S+)/.exec(inputs.adminKubeconfig)?.[1] ?? ''
  const lines = skippedByVerify(inputs).map((note) => `skipped: ${note}`)
  lines.push(`endpoint: ${server}`, `context:  ${cluster.name}`)
  const first = firstToExpire(inputs)
  if (first) {
    const days = Math.floor((first.notAfter.getTime() - now.getTime()) / 86_400_000)
    lines.push(
      `expires first: ${first.path} on ${first.node}, ${first.notAfter.toISOString().slice(0, 10)} (${days} days)`,
    )
  }
  return lines
}

function firstToExpire(inputs: Inputs) {
  let first: { node: string; path: string; notAfter: Date } | undefined
  for (const [node, tree] of inputs.trees)
    for (const entry of tree.values()) {
      if (entry.kind !== 'file' || !entry.path.endsWith('.crt')) continue
      const { notAfter } = readCertificate(textOf(entry))
      if (!first || notAfter < first.notAfter) first = { node, path: `/${entry.path}`, notAfter }
    }
  return first
}

export function statusText(all: readonly HostStatus[]): string {
  const lines = all.flatMap((host) => {
    if (!host.reached) return [`${host.host}: not reached`, ...host.problems.map(problemLine)]
    const { files, versions = {} } = host
    const differing = files?.differing ?? []
    return [
      `${host.host} (${host.role}): node ${host.node}, kubelet ${host.kubelet}, clock ${host.clockSkew} s`,
      `  files: ${files?.same} as generated, ${differing.length} differing, ${files?.left.length} taken over by kubeadm`,
      ...differing.map((path) => `    differs /${path}`),
      `  certificates served: ${host.certificates}`,
      `  versions: ${Object.entries(versions)
        .map(([name, version]) => `${name} ${version}`)
        .join(', ')}`,
      ...host.problems.map((problem) => `  ${problemLine(problem)}`),
    ]
  })
  return `${lines.join('\n')}\n`
}

/** Shows events: JSON lines on standard output, or one line per host on a terminal, or plain lines. */
export function progress(io: Io, json: boolean) {
  const now = new Map<string, string>()
  let painted = 0
  const paint = () => {
    if (painted > 0) io.err(`\u001b[${painted}A`)
    for (const [host, text] of now) io.err(`\u001b[2K${host.padEnd(16)} ${text.slice(0, 100)}\n`)
    painted = now.size
  }
  const line = (host: string, text: string, lasting: boolean) => {
    if (io.isTerminal && now.size <= 30) {
      now.set(host, text)
      paint()
    } else if (lasting) io.err(`${host}: ${text}\n`)
  }
  return {
    event: (event: ProvisionEvent) => {
      if (json) return io.out(`${JSON.stringify(event)}\n`)
      const clock = event.time.slice(11, 19)
      switch (event.type) {
        case 'step-started':
          return line(event.host, `${clock} ${event.step} …`, false)
        case 'action':
          return line(
            event.host,
            `${clock} ${event.step}: ${event.action.about}`,
            event.action.kind !== 'probe',
          )
        case 'progress':
          return line(event.host, `${clock} ${event.step}: ${event.message}`, false)
        case 'step-done': {
          const seconds = (event.milliseconds / 1000).toFixed(1)
          const text = `${clock} ${event.step}: ${event.changed ? 'done' : 'ok'} (${seconds} s)`
          return line(event.host, text, true)
        }
        case 'step-failed':
          return line(event.host, `${clock} ${event.step}: failed`, true)
        case 'retry':
          return line(event.host, `${clock} ${event.message}`, true)
      }
    },
    end: () => {
      painted = 0
    },
  }
}
