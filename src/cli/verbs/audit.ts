import { resolve } from 'node:path'
import { type Command, Option } from 'commander'
import { version } from '../../../package.json'
import { type AuditOptions, auditTree } from '../../audit/audit.js'
import type { AuditInput } from '../../audit/read/evidence.js'
import { FORMAT_IDS, FORMATS, type FormatId } from '../../audit/report/formats.js'
import { isFailed } from '../../audit/report.js'
import { RULES } from '../../audit/rules/index.js'
import type { AuditReport, FailOn, Profile, Waiver } from '../../audit/types.js'
import { KpkiError } from '../../errors.js'
import { replaceFile } from '../../files/disk.js'
import { nearestOf } from '../../values/names.js'
import { printable } from '../../values/text.js'
import { DAY, parseDate, parseDuration } from '../../values/time.js'
import { loadCluster } from '../input/cluster-file.js'
import { readSource } from '../input/sources.js'
import { mistakes, readWaivers, WAIVERS_FILE } from '../input/waivers.js'
import { describeError, type ExitCode, type Io, type TextForm } from '../io.js'
import { words } from '../options.js'

export interface AuditCommandOptions {
  readonly file?: string
  readonly format: FormatId
  readonly output?: string
  readonly at?: string
  readonly horizon: string
  readonly failOn: FailOn
  readonly only?: readonly string[]
  readonly ignore?: readonly string[]
  readonly profile: Profile
  readonly waivers?: string
  readonly earlier?: string
  readonly verbose?: boolean
}

/** `kpki audit`. */
export function auditCommand(verb: Command, io: Io): Command {
  return verb
    .description(
      'Reads a tree as the components of Kubernetes would, and says which TLS connections succeed, from now until when, who can get in that should not, and what is wrong with certificates, keys and files. Nothing is written but the report.',
    )
    .argument(
      '<PATH...>',
      'output folder of gen, node’s root, /etc/kubernetes, pki folder, certificate, kubeconfig, .tar(.gz), ssh://user@host[:port], or - for an archive on standard input',
    )
    .option('-f, --file <FILE>', 'cluster.yaml that the files were made for')
    .addOption(new Option('--format <FORMAT>', 'how to report').choices(FORMAT_IDS).default('text'))
    .option('-o, --output <FILE>', 'write the report there; default: standard output')
    .option('--at <DATE>', 'judge at another time: 2027-06-01, 2027-06-01T12:00:00Z, or +90d')
    .option('--horizon <TIME>', 'warn of what ends within this time', '90d')
    .addOption(
      new Option(
        '--fail-on <WHAT>',
        'exit with 1 on errors; on errors and warnings; on errors and whatever is unknown; or never',
      )
        .choices(['error', 'warning', 'unknown', 'never'])
        .default('error'),
    )
    .option('--only <RULE,...>', 'judge these rules alone (names or codes); may be repeated', words)
    .option('--ignore <RULE,...>', 'leave these rules out; may be repeated', words)
    .addOption(
      new Option('--profile <PROFILE>', 'which rules to judge')
        .choices(['kubeadm', 'cis', 'strict'])
        .default('kubeadm'),
    )
    .option(
      '--waivers <FILE>',
      'accepted findings; default: .kpki-audit.yaml here, if there is one',
    )
    .option('--earlier <PATH>', 'the same cluster at an earlier time, for rules that compare')
    .option('--verbose', 'leave nothing out of the text')
    .addHelpText(
      'after',
      `
What depends on files that were not given is unknown: PASSED as far as seen. --fail-on unknown does not let that pass.

Exit status: 0 clean, 1 findings as --fail-on has it, 2 wrong use, or a PATH that is unreadable or holds no PKI, 3 a rule crashed.

Examples:
  kpki audit out                                        what gen has made
  sudo kpki audit /etc/kubernetes                       this node
  kpki audit ssh://root@10.0.0.5 ssh://root@10.0.0.6    two nodes together
  kpki audit out --format html -o report.html           for people
  kpki audit out --at +180d                             half a year from now
`,
    )
    .action(async (paths: readonly string[], options: AuditCommandOptions) => {
      io.exit(await runAudit(io, paths, options))
    })
}

/** Writes a report to standard output, or whole or not at all to a file of mode 0644. */
export async function writeReport(
  io: Io,
  path: string | undefined,
  text: string,
  form: TextForm,
): Promise<void> {
  if (path === undefined || path === '-') {
    io.out(text, form)
    return
  }
  await replaceFile(resolve(io.cwd, path), text, 0o644)
}

const PATIENCE = 1_000

/** Tells a person at a terminal what takes longer than a second, every second. */
export async function withProgress<T>(io: Io, what: string, work: () => Promise<T>): Promise<T> {
  const started = io.now().getTime()
  let told = false
  const timer = setInterval(() => {
    if (!io.isTerminal) return
    told = true
    const seconds = Math.round((io.now().getTime() - started) / 1000)
    io.err(`\r\u001b[Kkpki: ${what} … ${seconds} s`, 'painted')
  }, PATIENCE)
  timer.unref()
  try {
    return await work()
  } finally {
    clearInterval(timer)
    if (told) io.err('\r\u001b[K', 'painted')
  }
}

/** Audits what the user names and writes the report. */
export async function runAudit(
  io: Io,
  paths: readonly string[],
  options: AuditCommandOptions,
): Promise<ExitCode> {
  const { failOn } = options
  const settings = await settingsOf(io, options)
  const input = await inputOf(io, paths, options)
  if (input === undefined) return 2
  const report = await withProgress(io, 'auditing', () => auditTree(input, settings))
  tellIdleWaivers(io, settings.waivers ?? [], report)
  const colour = coloured(io, options)
  const text = await FORMATS[options.format].render(report, {
    colour,
    verbose: options.verbose === true,
    failOn,
    rules: RULES,
    version,
  })
  const form = colour ? 'painted' : options.format === 'text' ? 'plain' : 'data'
  await writeReport(io, options.output, text, form)
  return exitOf(report, failOn)
}

function exitOf(report: AuditReport, failOn: FailOn): ExitCode {
  if (report.crashed.length > 0) return 3
  return isFailed(report, failOn) ? 1 : 0
}

// io.isTerminal speaks of the talk; the product's own terminal is told by what the environment asks for.
function coloured(io: Io, { format, output }: AuditCommandOptions): boolean {
  if (format !== 'text' || output !== undefined || (io.env.NO_COLOR ?? '') !== '') return false
  if ((io.env.FORCE_COLOR ?? '') !== '') return io.env.FORCE_COLOR !== '0'
  return io.isTerminal && process.stdout.isTTY === true && io.env.TERM !== 'dumb'
}

async function settingsOf(io: Io, options: AuditCommandOptions): Promise<AuditOptions> {
  const horizon = parseDuration(options.horizon)
  if (horizon === undefined || horizon < 0)
    throw new KpkiError(
      'ERR_USAGE',
      `--horizon: "${options.horizon}" is not a time`,
      {},
      {
        hint: 'write it as 90d or 720h',
      },
    )
  return {
    at: timeOf(io, options.at),
    horizonDays: horizon / DAY,
    profile: options.profile,
    waivers: await waiversOf(io, options),
    ...(options.only === undefined ? {} : { only: ruleNames(options.only) }),
    ...(options.ignore === undefined ? {} : { ignore: ruleNames(options.ignore) }),
  }
}

/**
 * The time to judge at: now, a date, or a time from now.
 *
 * @throws KpkiError `ERR_USAGE`.
 */
export function timeOf(io: Io, text: string | undefined): Date {
  if (text === undefined) return io.now()
  const ahead = /^[+-][^+-]/.test(text) ? parseDuration(text.slice(1)) : undefined
  const date =
    ahead === undefined
      ? parseDate(text)
      : new Date(io.now().getTime() + (text.startsWith('-') ? -ahead : ahead))
  if (date === undefined || Number.isNaN(date.getTime()))
    throw new KpkiError(
      'ERR_USAGE',
      `--at: "${text}" is not a date`,
      {},
      {
        hint: 'write it as 2027-06-01, 2027-06-01T12:00:00Z, or +90d',
      },
    )
  return date
}

/** Names of rules, from names or codes. */
function ruleNames(words: readonly string[]): readonly string[] {
  return words.map((word) => {
    const rule = RULES.find(
      ({ id, code }) => id === word || code.toLowerCase() === word.toLowerCase(),
    )
    if (rule === undefined) throw unknownRule(word)
    return rule.id
  })
}

/** A waiver for a rule that does not exist would be believed to work. */
async function waiversOf(io: Io, options: AuditCommandOptions): Promise<readonly Waiver[]> {
  const waivers = await readWaivers(io, options.waivers)
  const names = RULES.flatMap(({ id, code }) => [id, code])
  const issues = waivers.flatMap(({ rule }, index) => {
    if (rule.includes('*') || names.includes(rule)) return []
    const near = nearestOf(rule, names)
    const fix = near.length === 0 ? {} : { fix: `write ${near.join(' or ')}` }
    return [{ path: `waivers[${index}].rule`, message: `"${rule}" is not a rule`, ...fix }]
  })
  if (issues.length === 0) return waivers
  throw mistakes(options.waivers ?? WAIVERS_FILE, issues, '`kpki explain --list` lists every rule')
}

/** Waivers that do nothing: run out, or without anything to cover. */
function tellIdleWaivers(io: Io, waivers: readonly Waiver[], report: AuditReport): void {
  for (const { rule, reason, expires } of waivers) {
    const used = report.waived.some(
      ({ waiver }) => waiver.reason === reason && waiver.expires === expires,
    )
    if (used) continue
    const ended = expires !== undefined && Date.parse(expires) <= Date.parse(report.at)
    const why = ended ? `ran out on ${expires}` : 'covers nothing'
    io.err(`kpki: warning: the waiver for ${printable(rule)} ${why}\n`)
  }
}

export function unknownRule(word: string): KpkiError {
  const near = nearestOf(
    word,
    RULES.flatMap(({ id, code }) => [id, code]),
  )
  const hint =
    near.length === 0
      ? '`kpki explain --list` lists every rule'
      : `did you mean ${near.join(' or ')}?`
  return new KpkiError('ERR_USAGE', `"${word}" is not a rule`, {}, { hint })
}

/** What is to be audited; undefined, with the reason told, when it cannot be read. */
export async function inputOf(
  io: Io,
  paths: readonly string[],
  options: { readonly file?: string; readonly earlier?: string },
): Promise<AuditInput | undefined> {
  try {
    const { parseCluster } = await import('../../generate/source.js')
    const readCluster = (text: string) => parseCluster(text).cluster
    const cluster =
      options.file === undefined
        ? {}
        : { cluster: (await loadCluster(io, { file: options.file })).cluster }
    const input = await withProgress(io, 'reading', () =>
      readSource(io, paths, { readCluster, ...cluster }),
    )
    if (options.earlier === undefined) return input
    return { ...input, earlier: await readSource(io, [options.earlier], { readCluster }) }
  } catch (error) {
    if (!(error instanceof KpkiError) || error.code !== 'ERR_FILE_UNREADABLE') throw error
    io.err(describeError(error).text)
    return undefined
  }
}
