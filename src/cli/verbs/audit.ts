import { Command, Option } from 'commander'
import { FORMAT_IDS, type FormatId } from '../../audit/report/format-ids.js'
import type { Profile } from '../../audit/types.js'
import type { Io } from '../io.js'

export interface AuditCommandOptions {
  readonly file?: string
  readonly format: FormatId
  readonly output?: string
  readonly at?: string
  readonly horizon: string
  readonly failOn: 'error' | 'warning' | 'never'
  readonly only?: readonly string[]
  readonly ignore?: readonly string[]
  readonly profile: Profile
  readonly waivers?: string
  readonly earlier?: string
  readonly verbose?: boolean
}

// A list that ends by itself: PATH may follow.
function collect(value: string, before: readonly string[] = []): readonly string[] {
  return [...before, ...value.split(',').filter((word) => word !== '')]
}

/** `kpki audit`. */
export function auditCommand(io: Io): Command {
  return new Command('audit')
    .summary('prove which connections of a cluster will work, and find what will hurt')
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
      new Option('--fail-on <SEVERITY>', 'from which severity on to exit with 1')
        .choices(['error', 'warning', 'never'])
        .default('error'),
    )
    .option(
      '--only <RULE,...>',
      'judge these rules alone (names or codes); may be repeated',
      collect,
    )
    .option('--ignore <RULE,...>', 'leave these rules out; may be repeated', collect)
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
Exit status: 0 clean, 1 findings as --fail-on has it, 2 wrong use or unreadable PATH, 3 a rule crashed.

Examples:
  kpki audit out                                        what gen has made
  sudo kpki audit /etc/kubernetes                       this node
  kpki audit ssh://root@10.0.0.5 ssh://root@10.0.0.6    two nodes together
  kpki audit out --format html -o report.html           for people
  kpki audit out --at +180d                             half a year from now
`,
    )
    .action(async (paths: readonly string[], options: AuditCommandOptions) => {
      const { runAudit } = await import('../audit-run.js')
      io.exit(await runAudit(io, paths, options))
    })
}
