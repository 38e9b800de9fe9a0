import { type AuditOptions, auditTree, type Pki } from '../audit.js'
import { renderText } from '../report/text.js'
import type { AuditReport } from '../types.js'

/** As for `auditTree`, and how much is healthy. */
export interface HealthOptions extends AuditOptions {
  /** The mildest finding that counts; `error` by default. */
  readonly failOn?: 'error' | 'warning'
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
  if (!isHealthy(report, options.failOn)) throw new Error(`unhealthy PKI\n\n${renderText(report)}`)
}

/** The report of a PKI as the assertions see it. */
export function auditOf(pki: Pki, options: HealthOptions): Promise<AuditReport> {
  return auditTree(pki, options)
}

/** Waived findings do not count; crashed rules do. */
export function isHealthy({ verdict }: AuditReport, failOn: HealthOptions['failOn']): boolean {
  if (verdict.status === 'crashed' || verdict.errors > 0) return false
  return failOn !== 'warning' || verdict.warnings === 0
}
