/**
 * kpki/audit: prove offline which TLS connections of a cluster will succeed and which must not.
 *
 * {@link auditTree} judges files in memory, {@link FORMATS} writes its report down, and
 * {@link expectHealthyPki} is the same as one assertion for any test framework.
 *
 * @module
 */

export type { ComponentName } from '../manifests/flags.js'
export { type AuditOptions, auditTree, type GeneratedTrees, type Pki } from './audit.js'
export type { AuditInput, Unrecognised } from './read/evidence.js'
export { type ClusterReader, recognise } from './read/recognise.js'
export {
  FORMAT_IDS,
  FORMATS,
  type Format,
  type FormatId,
  type FormatOptions,
} from './report/formats.js'
export { GRAPH_FORMATS, type GraphFormatId } from './report/graph/formats.js'
export type { GraphOptions } from './report/graph/text.js'
export { isReport, reportJsonSchema } from './report/schema.js'
export { RULE_INFOS as RULES } from './rules/index.js'
export { expectHealthyPki, type HealthOptions } from './testing/assert.js'
export { type MatcherContext, type MatcherResult, pkiMatchers } from './testing/matchers.js'
export type {
  AuditReport,
  AuditStats,
  ComponentState,
  Connection,
  Crash,
  Expiry,
  FailOn,
  Finding,
  Identity,
  InputLevel,
  Level,
  NodeLayout,
  Profile,
  RuleGroup,
  RuleInfo,
  Severity,
  Skipped,
  Timeline,
  TimelineEntry,
  Verdict,
  Waived,
  Waiver,
} from './types.js'
