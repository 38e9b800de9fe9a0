import { dirname, join, resolve } from 'node:path'
import { createInterface } from 'node:readline/promises'
import { Command, Option } from 'commander'
import { readCertificate } from '../../ca/certificate/read.js'
import { KpkiError } from '../../errors.js'
import { replaceFile } from '../../files/disk.js'
import { modeText, textOf } from '../../files/tree.js'
import type { Inputs } from '../../provision/context.js'
import type { ProvisionEvent } from '../../provision/event.js'
import type { World } from '../../provision/host/fleet.js'
import type { PreflightProblem } from '../../provision/host/preflight.js'
import { defaultKubeconfig, loadInputs, openWorld } from '../../provision/operator.js'
import type { PlannedStep, ProvisionPlan } from '../../provision/plan.js'
import {
  type ApplyRequest,
  type ProvisionReport,
  provisionApply,
  provisionPlan,
  provisionPush,
  provisionRollback,
  provisionStatus,
} from '../../provision/provision.js'
import type { HostStatus } from '../../provision/status.js'
import { skippedByVerify } from '../../provision/steps/verify.js'
import { printable } from '../../values/text.js'
import { isoDay } from '../../values/time.js'
import { loadCluster } from '../input/cluster-file.js'
import { readText } from '../input/text.js'
import { type ExitCode, type Io, issueLine } from '../io.js'
import { words } from '../options.js'

export interface ProvisionFlags {
  readonly file?: string
  readonly from: string
  readonly node?: readonly string[]
  readonly step?: readonly string[]
  readonly concurrency: string
  readonly stopAfterFailures: string
  readonly sshConfig?: string
  readonly acceptNewHostKeys?: boolean
  readonly json?: boolean
  readonly restart?: boolean
  readonly log?: string
  readonly method: 'init' | 'phases'
  readonly containerd: 'distribution' | 'docker'
  readonly registryMirror?: readonly string[]
  readonly replaceCa?: readonly string[]
  readonly offline?: boolean
  readonly kubeconfig?: string | false
  readonly yes?: boolean
  readonly output?: string
  readonly to?: string
}

/** `kpki provision`: plan, apply, push, status, rollback. */
export function provisionCommand(verb: Command, io: Io): Command {
  verb.description(
    'Brings servers from a fresh Ubuntu or Debian to a Ready cluster over the system’s own ssh. Every step asks first what is true and does only what is missing: running it again continues where it stopped, and changes nothing when all is done.',
  )
  const plan = common(new Command('plan').summary('say what would be done, and change nothing'))
    .option('-o, --output <FILE>', 'write the plan as a file for provision apply')
    .action(async (options: ProvisionFlags) => {
      io.exit(await runPlan(io, options))
    })
  const apply = common(
    new Command('apply')
      .summary('plan, ask, and do it')
      .argument('[PLAN]', 'a reviewed plan: nothing beyond it is done'),
  )
    .option('-y, --yes', 'do not ask')
    .addHelpText('after', '\nExamples:\n  kpki provision apply -f cluster.yaml --from out\n')
    .action(async (reviewed: string | undefined, options: ProvisionFlags) => {
      io.exit(await runApply(io, options, reviewed))
    })
  const push = common(new Command('push').summary('only place the files of every node'))
    .option('-y, --yes', 'do not ask')
    .action(async (options: ProvisionFlags) => {
      io.exit(await runPush(io, options))
    })
  const status = common(new Command('status').summary('ask every host what is true now')).action(
    async (options: ProvisionFlags) => {
      io.exit(await runStatus(io, options))
    },
  )
  const rollback = common(
    new Command('rollback').summary('put back the files that the latest push replaced'),
  )
    .option('--to <GENERATION>', 'undo this generation instead of the latest')
    .action(async (options: ProvisionFlags) => {
      io.exit(await runRollback(io, options))
    })
  for (const each of [plan, apply, push, status, rollback]) verb.addCommand(each)
  verb.addHelpText(
    'after',
    `
Examples:
  kpki provision plan --from out -o plan.json    what would be done, as a file to review
  kpki provision apply plan.json --from out      do that, and nothing beyond it
  kpki provision status --from out               ask every host what is true now
`,
  )
  return verb
}

function common(command: Command): Command {
  return command
    .option('-f, --file <FILE>', 'cluster.yaml; default: the one in OUT')
    .requiredOption('--from <OUT>', 'folder that kpki gen wrote')
    .option('--node <NAME>', 'only this node (may be repeated)', words)
    .option('--step <STEP>', 'only this step (may be repeated)', words)
    .option('--concurrency <N>', 'hosts at work at the same time', '10')
    .option('--stop-after-failures <N>', 'begin no further host after so many have failed', '3')
    .option('--ssh-config <FILE>', 'handed to ssh as -F')
    .option('--accept-new-host-keys', 'record the keys of hosts that were never seen')
    .option('--restart', 'begin anew although an interrupted run had other inputs')
    .addOption(
      new Option('--method <METHOD>', 'kubeadm init at once or phase by phase')
        .choices(['init', 'phases'])
        .default('init'),
    )
    .addOption(
      new Option('--containerd <SOURCE>', 'where containerd comes from')
        .choices(['distribution', 'docker'])
        .default('distribution'),
    )
    .option('--registry-mirror <REGISTRY=URL>', 'a mirror of a registry (may be repeated)', words)
    .option('--replace-ca <FINGERPRINT>', 'replace this authority on the hosts', words)
    .option('--offline', 'use only the package sources that the hosts have')
    .option('--kubeconfig <FILE>', 'your kubeconfig; default: $KUBECONFIG or ~/.kube/config')
    .option('--no-kubeconfig', 'leave your kubeconfig alone')
    .option('--log <FILE>', 'transcript (0600); default: OUT/log/provision-TIME-PID.log')
    .option('--json', 'print data: the plan, the status, one event a line')
}

/** Lines that quote what hosts and files say. */
function linesOf(lines: readonly string[]): string {
  return lines.map((line) => `${printable(line)}\n`).join('')
}

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
  return linesOf(lines)
}

function stepLines(step: PlannedStep): readonly string[] {
  const lines: string[] = []
  for (const action of step.actions) {
    if (action.kind === 'probe') continue
    lines.push(`  ${step.step.padEnd(9)}${action.about}`)
    if (action.disrupts) lines.push(`           ! ${action.disrupts}`)
    for (const file of action.files ?? []) {
      const mode = modeText(file.mode)
      const before = file.before ? ` (was ${file.before.slice(0, 12)})` : ''
      lines.push(
        `           ${file.change.padEnd(8)}${mode} ${file.sha256.slice(0, 12)} /${file.path}${before}`,
      )
    }
  }
  for (const path of step.left ?? []) lines.push(`           left    /${path} (kubeadm's by now)`)
  return lines
}

function problemLine({ host, level, check, message, fix }: PreflightProblem): string {
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
  return linesOf(lines)
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
      `expires first: ${first.path} on ${first.node}, ${isoDay(first.notAfter)} (${days} days)`,
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
  return linesOf(lines)
}

/** Shows events: JSON lines on standard output, or one line per host on a terminal, or plain lines. */
export function progress(io: Io, json: boolean) {
  const now = new Map<string, string>()
  let painted = 0
  const paint = () => {
    if (painted > 0) io.err(`\u001b[${painted}A`, 'painted')
    for (const [host, text] of now)
      io.err(`\u001b[2K${host.padEnd(16)} ${text.slice(0, 100)}\n`, 'painted')
    painted = now.size
  }
  const line = (host: string, said: string, lasting: boolean) => {
    const text = printable(said)
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

interface Setting {
  readonly inputs: Inputs
  readonly world: World
  readonly request: ApplyRequest
}

export async function runPlan(io: Io, options: ProvisionFlags): Promise<ExitCode> {
  return within(io, options, false, async ({ inputs, world, request }) => {
    const plan = await provisionPlan(inputs, world, request)
    const text = `${JSON.stringify(plan, undefined, 2)}\n`
    if (options.output !== undefined)
      await replaceFile(resolve(io.cwd, options.output), text, 0o600)
    io.out(options.json ? text : planText(plan))
    return plan.problems.some((problem) => problem.level === 'error') ? 3 : 0
  })
}

export async function runApply(
  io: Io,
  options: ProvisionFlags,
  reviewed?: string,
): Promise<ExitCode> {
  const plan = reviewed === undefined ? undefined : await readPlan(io, reviewed)
  return within(io, options, true, async ({ inputs, world, request }) => {
    const confirm = confirmation(io, options, plan !== undefined)
    const settings = { ...request, confirm, reviewed: plan }
    return finish(io, options, inputs, await provisionApply(inputs, world, settings))
  })
}

export async function runPush(io: Io, options: ProvisionFlags): Promise<ExitCode> {
  return within(io, options, true, async ({ inputs, world, request }) => {
    const settings = { ...request, confirm: confirmation(io, options, false) }
    return finish(io, options, inputs, await provisionPush(inputs, world, settings))
  })
}

export async function runStatus(io: Io, options: ProvisionFlags): Promise<ExitCode> {
  return within(io, options, false, async ({ inputs, world, request }) => {
    const all = await provisionStatus(inputs, world, request)
    io.out(options.json ? `${JSON.stringify(all, undefined, 2)}\n` : statusText(all))
    return all.every((host) => host.reached) ? 0 : 3
  })
}

export async function runRollback(io: Io, options: ProvisionFlags): Promise<ExitCode> {
  return within(io, options, true, async ({ inputs, world, request }) => {
    const all = await provisionRollback(inputs, world, { ...request, to: options.to })
    if (options.json) io.out(`${JSON.stringify(all, undefined, 2)}\n`)
    else
      for (const { host, lines, error } of all)
        io.out(linesOf((error ? [error] : lines).map((line) => `${host}: ${line}`)))
    return all.some((host) => host.error !== undefined) ? 3 : 0
  })
}

async function within(
  io: Io,
  options: ProvisionFlags,
  changing: boolean,
  work: (setting: Setting) => Promise<ExitCode>,
): Promise<ExitCode> {
  const out = resolve(io.cwd, options.from)
  const file = options.file === undefined ? {} : { file: options.file }
  const { cluster, warnings } = await loadCluster(io, { ...file, out })
  for (const warning of warnings) io.err(`kpki: warning:${issueLine(warning).slice(1)}\n`)
  const kubeconfig = kubeconfigPath(io, options)
  const inputs = await loadInputs({
    cluster,
    out,
    base: options.file === undefined ? out : dirname(resolve(io.cwd, options.file)),
    kubeconfig,
    options: {
      method: options.method,
      containerd: options.containerd,
      registryMirrors: mirrors(options.registryMirror ?? []),
      replaceCa: options.replaceCa ?? [],
      offline: options.offline === true,
    },
  })
  const time = io
    .now()
    .toISOString()
    .replace(/[-:]|\.\d+/g, '')
  const log =
    options.log ?? (changing ? join(out, 'log', `provision-${time}-${process.pid}.log`) : undefined)
  const view = progress(io, options.json === true)
  const abort = new AbortController()
  let world: Awaited<ReturnType<typeof openWorld>> | undefined
  const interrupt = () => {
    if (abort.signal.aborted) process.exit(130)
    io.err('\nkpki: stopping: what is at work is brought to a safe end (again: at once)\n')
    abort.abort()
  }
  process.on('SIGINT', interrupt).on('SIGTERM', interrupt)
  try {
    world = await openWorld({
      ...(options.sshConfig === undefined
        ? {}
        : { configFile: resolve(io.cwd, options.sshConfig) }),
      acceptNewHostKeys: options.acceptNewHostKeys === true,
      log: log === undefined ? undefined : resolve(io.cwd, log),
      kubeconfig,
      onKubeconfig: inputs.reload,
      onEvent: view.event,
      signal: abort.signal,
      audit: async (files) => {
        const { auditInputs } = await import('../../provision/host/preflight.js')
        return auditInputs(files, io.now())
      },
    })
    return await work({ inputs, world, request: requestOf(options) })
  } catch (error) {
    if (!abort.signal.aborted) throw error
    io.err(resumeLine())
    return 3
  } finally {
    view.end()
    process.off('SIGINT', interrupt).off('SIGTERM', interrupt)
    await world?.close()
  }
}

function requestOf(options: ProvisionFlags): ApplyRequest {
  return {
    nodes: options.node,
    steps: options.step,
    concurrency: count('--concurrency', options.concurrency),
    stopAfterFailures: count('--stop-after-failures', options.stopAfterFailures),
    restart: options.restart,
  }
}

function count(name: string, text: string): number {
  if (/^[1-9]\d{0,3}$/.test(text)) return Number(text)
  throw new KpkiError('ERR_USAGE', `${name}: "${text}" is not a number from 1 to 9999`, {})
}

function mirrors(pairs: readonly string[]): Readonly<Record<string, string>> {
  return Object.fromEntries(
    pairs.map((pair) => {
      const [, registry, url] = /^([\w.:-]+)=(https?:\/\/\S+)$/.exec(pair) ?? []
      if (registry && url) return [registry, url]
      const hint = 'write it as docker.io=https://mirror.example.com'
      throw new KpkiError('ERR_USAGE', `--registry-mirror: "${pair}" is none`, {}, { hint })
    }),
  )
}

function kubeconfigPath(io: Io, options: ProvisionFlags): string | undefined {
  if (options.kubeconfig === false) return undefined
  return resolve(io.cwd, options.kubeconfig ?? defaultKubeconfig(io.env))
}

/** Shows the plan and asks, unless it was reviewed or `--yes` says so. */
function confirmation(io: Io, options: ProvisionFlags, reviewed: boolean) {
  return async (plan: ProvisionPlan): Promise<boolean> => {
    if (!options.json) io.err(planText(plan))
    const needed = plan.steps.some((step) => step.state === 'needed')
    if (options.yes || reviewed || !needed) return true
    if (!io.isTerminal || process.stdin.isTTY !== true)
      throw new KpkiError('ERR_USAGE', 'nobody can be asked here', {}, { hint: 'say --yes' })
    const asked = createInterface({ input: process.stdin, output: process.stderr })
    const answer = await asked.question('Do this? (yes/no) ')
    asked.close()
    return /^y(es)?$/i.test(answer.trim())
  }
}

function finish(
  io: Io,
  options: ProvisionFlags,
  inputs: Inputs,
  report: ProvisionReport,
): ExitCode {
  if (options.json) {
    const { plan, ...rest } = report
    io.out(`${JSON.stringify({ type: 'report', ...rest, problems: plan.problems })}\n`)
  } else io.err(reportText(report, inputs, io.now()))
  const incomplete = report.interrupted || report.failures.length > 0
  if (incomplete) io.err(resumeLine())
  return report.ok ? 0 : 3
}

const resumeLine = () => {
  const words = process.argv
    .slice(2)
    .map((word) => (/^[\w@%+=:,./-]+$/.test(word) ? word : `'${word}'`))
  return `kpki: hint: to go on where this stopped: kpki ${words.join(' ')}\n`
}

/** Ten thousand hosts with their files, and some. */
const MAX_PLAN = 256 * 1024 * 1024

async function readPlan(io: Io, path: string): Promise<ProvisionPlan> {
  const plan = parse(await readText(io, path, MAX_PLAN)) as Partial<ProvisionPlan> | undefined
  if (plan?.kind === 'ProvisionPlan' && plan.hash && plan.steps) return plan as ProvisionPlan
  throw new KpkiError('ERR_USAGE', `${path} is no plan of kpki provision plan`, {})
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}
