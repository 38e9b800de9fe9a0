import { auditTree } from '../audit/audit.js'
import { GRAPH_FORMATS } from '../audit/report/graph-formats.js'
import { writeReport } from './audit-output.js'
import { inputOf, timeOf } from './audit-run.js'
import type { ExitCode, Io } from './io.js'
import type { GraphCommandOptions } from './verbs/graph.js'

/** Draws the connections of what the user names. Only what cannot be read is a failure. */
export async function runGraph(
  io: Io,
  paths: readonly string[],
  options: GraphCommandOptions,
): Promise<ExitCode> {
  const input = await inputOf(io, paths, options)
  if (input === undefined) return 2
  const report = await auditTree(input, { at: timeOf(io, options.at), rules: [] })
  const text = GRAPH_FORMATS[options.format](report, { all: options.all === true })
  await writeReport(io, options.output, text)
  return 0
}
