import { version } from '../../package.json'
import { type AuditOptions, auditTree } from '../audit/audit.js'
import type { AuditInput } from '../audit/estate.js'
import { FORMATS } from '../audit/report/formats.js'
import { RULES } from '../audit/rules/index.js'
import type { AuditReport, Waiver } from '../audit/types.js'
import { parseDuration } from '../cluster/durations.js'
import { KpkiError } from '../errors.js'
import { withProgress, writeReport } from './audit-output.js'
import { readSource } from './audit-source.js'
import { readWaivers, WAIVERS_FILE } from './audit-waivers.js'
import { mistakes, nearest } from './audit-words.js'
import { loadCluster } from './cluster-file.js'
import { describeError } from './errors.js'
import type { ExitCode, Io } from './io.js'
import type { AuditCommandOptions } from './verbs/audit.js'

const DAY = 86_400_000

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
  const text = await FORMATS[options.format].render(report, {
    colour: coloured(io, options),
    verbose: options.verbose === true,
    failOn,
    rules: RULES,
    version,
  })
  await writeReport(io, options.output, text)
  return exitOf(report, failOn)
}

function exitOf(
  { verdict, crashed }: AuditReport,
  failOn: AuditCommandOptions['failOn'],
): ExitCode {
  if (crashed.length > 0) return 3
  if (failOn === 'never') return 0
  return verdict.errors > 0 || (failOn === 'warning' && verdict.warnings > 0) ? 1 : 0
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
  const ahead = /^[+-]/.test(text) ? parseDuration(text.slice(1)) : undefined
  if (ahead !== undefined)
    return new Date(io.now().getTime() + (text.startsWith('-') ? -ahead : ahead))
  const date = /^\d{4}-\d\d-\d\d(T[\d:.]+(Z|[+-]\d\d:\d\d)?)?$/.test(text)
    ? new Date(/T/.test(text) && !/(Z|[+-]\d\d:\d\d)$/.test(text) ? `${text}Z` : text)
    : undefined
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
    const near = nearest(rule, names)
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
    io.err(`kpki: warning: the waiver for ${rule} ${why}\n`)
  }
}

export function unknownRule(word: string): KpkiError {
  const near = nearest(
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
    const { parseCluster } = await import('../cluster/resolve.js')
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
