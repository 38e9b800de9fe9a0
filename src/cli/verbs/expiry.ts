import { type Command, Option } from 'commander'
import { auditWith } from '../../audit/audit.js'
import { endingsOf, renderExpiry } from '../../audit/report/expiry.js'
import { renderPrometheusLives } from '../../audit/report/prometheus.js'
import { RULES } from '../../audit/rules/index.js'
import { KpkiError } from '../../errors.js'
import { DAY, parseDuration } from '../../values/time.js'
import type { ExitCode, Io } from '../io.js'
import { inputOf, timeOf } from './audit.js'

export interface ExpiryCommandOptions {
  readonly within?: string
  readonly format: 'text' | 'json' | 'prometheus'
  readonly at?: string
}

// What cannot be read has an end that nobody sees.
const READABLE = RULES.filter(({ group }) => group === 'P')

/** `kpki expiry`: what `kubeadm certs check-expiration` shows of one node, of everything. */
export function expiryCommand(verb: Command, io: Io): Command {
  return verb
    .description(
      'Lists when every certificate ends: of the API server, etcd, kubelets, kubeconfigs, authorities and bundles. A certificate is of no use longer than its issuers: the earliest end over its chain counts.',
    )
    .argument('<PATH...>', 'as for kpki audit')
    .option('--within <TIME>', 'mark what ends within this time, for example 30d')
    .addOption(
      new Option('--format <FORMAT>', 'how to list')
        .choices(['text', 'json', 'prometheus'])
        .default('text'),
    )
    .option('--at <DATE>', 'judge at another time: 2027-06-01, or +90d')
    .addHelpText(
      'after',
      `
Exit status: 0 nothing has ended (or ends within --within), 1 something has or does, or cannot be read.

Examples:
  kpki expiry out                                      everything that gen has made
  kpki expiry /etc/kubernetes --within 30d || page-me  in a scheduled job
  kpki expiry out --format prometheus                  for node_exporter's textfile collector
`,
    )
    .action(async (paths: readonly string[], options: ExpiryCommandOptions) => {
      io.exit(await runExpiry(io, paths, options))
    })
}

async function runExpiry(
  io: Io,
  paths: readonly string[],
  options: ExpiryCommandOptions,
): Promise<ExitCode> {
  const within = daysOf(options.within)
  const at = timeOf(io, options.at)
  const input = await inputOf(io, paths, {})
  if (input === undefined) return 2
  const report = await auditWith(READABLE, input, { at })
  const endings = endingsOf(report, within)
  const unseen = report.findings.filter(
    ({ severity, rule }) => severity === 'error' || rule === 'file-unread',
  )
  for (const { path, message } of unseen)
    io.err(`kpki: warning: not listed: ${path ?? ''}: ${message}\n`)
  if (endings.length === 0 && unseen.length === 0)
    throw new KpkiError('ERR_NO_PKI', `no certificates found in ${paths.join(', ')}`, {})
  if (options.format === 'json') io.out(`${JSON.stringify(endings, undefined, 2)}\n`)
  else io.out(options.format === 'text' ? renderExpiry(endings, at) : renderPrometheusLives(report))
  return endings.some(({ due }) => due) || unseen.length > 0 ? 1 : 0
}

function daysOf(text: string | undefined): number {
  const time = text === undefined ? 0 : parseDuration(text)
  if (time !== undefined && time >= 0) return time / DAY
  throw new KpkiError(
    'ERR_USAGE',
    `--within: "${text}" is not a time`,
    {},
    { hint: 'write it as 30d, 720h or 12h30m' },
  )
}
