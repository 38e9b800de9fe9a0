import { readFile, writeFile } from 'node:fs/promises'
import { dirname, join, resolve } from 'node:path'
import { createInterface } from 'node:readline/promises'
import { KpkiError } from '../../errors.js'
import {
  type ApplyRequest,
  defaultKubeconfig,
  type Inputs,
  loadInputs,
  openWorld,
  type ProvisionPlan,
  type ProvisionReport,
  provisionApply,
  provisionPlan,
  provisionPush,
  provisionRollback,
  provisionStatus,
  type World,
} from '../../provision/index.js'
import { loadCluster } from '../cluster-file.js'
import type { ExitCode, Io } from '../io.js'
import type { ProvisionOptions } from './provision.js'
import { planText, progress, reportText, statusText } from './provision-view.js'

interface Setting {
  readonly inputs: Inputs
  readonly world: World
  readonly request: ApplyRequest
}

export async function runPlan(io: Io, options: ProvisionOptions): Promise<ExitCode> {
  return within(io, options, false, async ({ inputs, world, request }) => {
    const plan = await provisionPlan(inputs, world, request)
    const text = `${JSON.stringify(plan, undefined, 2)}\n`
    if (options.output !== undefined)
      await writeFile(resolve(io.cwd, options.output), text, { mode: 0o600 })
    io.out(options.json ? text : planText(plan))
    return plan.problems.some((problem) => problem.level === 'error') ? 3 : 0
  })
}

export async function runApply(
  io: Io,
  options: ProvisionOptions,
  reviewed?: string,
): Promise<ExitCode> {
  const plan = reviewed === undefined ? undefined : await readPlan(resolve(io.cwd, reviewed))
  return within(io, options, true, async ({ inputs, world, request }) => {
    const confirm = confirmation(io, options, plan !== undefined)
    const settings = { ...request, confirm, reviewed: plan }
    return finish(io, options, inputs, await provisionApply(inputs, world, settings))
  })
}

export async function runPush(io: Io, options: ProvisionOptions): Promise<ExitCode> {
  return within(io, options, true, async ({ inputs, world, request }) => {
    const settings = { ...request, confirm: confirmation(io, options, false) }
    return finish(io, options, inputs, await provisionPush(inputs, world, settings))
  })
}

export async function runStatus(io: Io, options: ProvisionOptions): Promise<ExitCode> {
  return within(io, options, false, async ({ inputs, world, request }) => {
    const all = await provisionStatus(inputs, world, request)
    io.out(options.json ? `${JSON.stringify(all, undefined, 2)}\n` : statusText(all))
    return all.every((host) => host.reached) ? 0 : 3
  })
}

export async function runRollback(io: Io, options: ProvisionOptions): Promise<ExitCode> {
  return within(io, options, true, async ({ inputs, world, request }) => {
    const all = await provisionRollback(inputs, world, { ...request, to: options.to })
    if (options.json) io.out(`${JSON.stringify(all, undefined, 2)}\n`)
    else
      for (const { host, lines, error } of all)
        io.out(error ? `${host}: ${error}\n` : lines.map((line) => `${host}: ${line}\n`).join(''))
    return all.some((host) => host.error !== undefined) ? 3 : 0
  })
}

async function within(
  io: Io,
  options: ProvisionOptions,
  changing: boolean,
  work: (setting: Setting) => Promise<ExitCode>,
): Promise<ExitCode> {
  const out = resolve(io.cwd, options.from)
  const file = options.file === undefined ? {} : { file: options.file }
  const { cluster, warnings } = await loadCluster(io, { ...file, out })
  for (const { path, message } of warnings) io.err(`kpki: warning: ${path}: ${message}\n`)
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
        const { auditInputs } = await import('../../provision/audit.js')
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

function requestOf(options: ProvisionOptions): ApplyRequest {
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

function kubeconfigPath(io: Io, options: ProvisionOptions): string | undefined {
  if (options.kubeconfig === false) return undefined
  return resolve(io.cwd, options.kubeconfig ?? defaultKubeconfig(io.env))
}

/** Shows the plan and asks, unless it was reviewed or `--yes` says so. */
function confirmation(io: Io, options: ProvisionOptions, reviewed: boolean) {
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
  options: ProvisionOptions,
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

async function readPlan(path: string): Promise<ProvisionPlan> {
  const text = await readFile(path, 'utf8').catch((cause: unknown) => {
    throw new KpkiError('ERR_FILE_MISSING', `${path} can not be read`, { path }, { cause })
  })
  const plan = parse(text) as Partial<ProvisionPlan> | undefined
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
