import type { AuditReport } from '../types.js'
import { visibleJson } from './escape.js'

/** The report as it is, for programs. Its JSON Schema is published as `schema/audit-report.schema.json`. */
export function renderJson(report: AuditReport): string {
  return `${visibleJson(JSON.stringify(report, undefined, 2))}\n`
}
