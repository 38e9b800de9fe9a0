import { Command, Option } from 'commander'
import { GRAPH_FORMAT_IDS, type GraphFormatId } from '../../audit/report/format-ids.js'
import type { Io } from '../io.js'

export interface GraphCommandOptions {
  readonly file?: string
  readonly format: GraphFormatId
  readonly output?: string
  readonly at?: string
  readonly all?: boolean
}

/** `kpki graph`. */
export function graphCommand(io: Io): Command {
  return new Command('graph')
    .summary('draw who connects to whom with which certificate')
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
      const { runGraph } = await import('../audit-graph.js')
      io.exit(await runGraph(io, paths, options))
    })
}
