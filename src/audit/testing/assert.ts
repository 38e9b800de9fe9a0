import { type AuditOptions, auditTree, type Pki } from '../audit.js'
import { renderText } from '../report/text.js'
import { isFailed } from '../report.js'
import type { AuditReport, FailOn } from '../types.js'

/** As for `auditTree`, and how much is healthy. */
export interface HealthOptions extends AuditOptions {
  /** What makes it unhealthy; `error` by default. `unknown`: errors, and whatever could not be judged. */
  readonly failOn?: Exclude<FailOn, 'never'>
}

/**
 * Demands a healthy PKI: every connection as it must be, every component starts, no finding of severity
 * `error`. For node:test, Jest, or no framework at all.
 *
 * @throws Error whose message is the text report
 *
 * @example
 * ```ts
 * import { readFile } from 'node:fs/promises'
 * import { generate } from 'kpki'
 * import { expectHealthyPki } from 'kpki/audit'
 *
 * await expectHealthyPki(await generate(await readFile('cluster.yaml', 'utf8')))
 * ```
 */
export async function expectHealthyPki(pki: Pki, options: HealthOptions = {}): Promise<void> {
  const report = await auditOf(pki, options)
  if (isFailed(report, options.failOn ?? 'error'))
    throw new Error(`unhealthy PKI\n\n${renderText(report)}`)
}

/** The report of a PKI as the assertions see it. */
export function auditOf(pki: Pki, options: HealthOptions): Promise<AuditReport> {
  return auditTree(pki, options)
}
