import { type Command, Option } from 'commander'
import { auditWith } from '../../audit/audit.js'
import {
  GRAPH_FORMAT_IDS,
  GRAPH_FORMATS,
  type GraphFormatId,
} from '../../audit/report/graph/formats.js'
import type { ExitCode, Io } from '../io.js'
import { inputOf, timeOf, writeReport } from './audit.js'

export interface GraphCommandOptions {
  readonly file?: string
  readonly format: GraphFormatId
  readonly output?: string
  readonly at?: string
  readonly all?: boolean
}

/** `kpki graph`. */
export function graphCommand(verb: Command, io: Io): Command {
  return verb
    .description(
      'Draws the TLS connections of a cluster, those that work, fail, or are open though they must not be.',
    )
    .argument('<PATH...>', 'as for kpki audit')
    .option('-f, --file <FILE>', 'cluster.yaml that the files were made for')
    .addOption(
      new Option('--format <FORMAT>', 'how to draw').choices(GRAPH_FORMAT_IDS).default('text'),
    )
    .option('-o, --output <FILE>', 'write it there; default: standard output')
    .option('--at <DATE>', 'judge at another time')
    .option('--all', 'also connections that are refused as they must be')
    .addHelpText(
      'after',
      '\nExamples:\n  kpki graph out\n  kpki graph out --format svg -o trust.svg\n  kpki graph out --format dot | dot -Tpng > trust.png\n',
    )
    .action(async (paths: readonly string[], options: GraphCommandOptions) => {
      io.exit(await runGraph(io, paths, options))
    })
}

/** Draws the connections of what the user names. Only what cannot be read is a failure. */
export async function runGraph(
  io: Io,
  paths: readonly string[],
  options: GraphCommandOptions,
): Promise<ExitCode> {
  const input = await inputOf(io, paths, options)
  if (input === undefined) return 2
  const report = await auditWith([], input, { at: timeOf(io, options.at) })
  const text = GRAPH_FORMATS[options.format](report, { all: options.all === true })
  await writeReport(io, options.output, text, options.format === 'text' ? 'plain' : 'data')
  return 0
}
