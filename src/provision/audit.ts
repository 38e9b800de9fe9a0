import { auditTree } from '../audit/audit.js'
import type { Inputs } from './context.js'
import type { Problem } from './preflight.js'

/**
 * Judges all files to be placed as one cluster, before any byte is sent: what the audit calls an error
 * would be a broken or an open cluster.
 */
export async function auditInputs(inputs: Inputs, at: Date): Promise<readonly Problem[]> {
  const { cluster, trees } = inputs
  const report = await auditTree({ nodes: trees, cluster }, { at, cluster })
  return report.findings
    .filter((finding) => finding.severity === 'error')
    .map(({ node, code, path, message, fix }) => ({
      host: node ?? cluster.name,
      level: 'error',
      check: 'audit',
      message: `${code}: ${path === undefined ? '' : `${path}: `}${message}`,
      ...(fix === undefined ? {} : { fix }),
    }))
}
