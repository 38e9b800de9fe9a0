import { toJsonSchema } from '@valibot/to-json-schema'
import * as v from 'valibot'
import { COMPONENT_NAMES } from '../../manifests/flags.js'
import { ALL } from '../rules/rule.js'
import type { AuditReport } from '../types.js'
import { SEVERITIES } from './words.js'

const text = v.string()
const number = v.pipe(v.number(), v.integer())
const countOf = v.pipe(number, v.minValue(0))
const time = v.pipe(
  text,
  v.regex(/^\d{4,}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z$/),
  v.description('ISO 8601, UTC'),
)
const fingerprint = v.pipe(
  text,
  v.regex(/^[0-9a-f]{64}$/),
  v.description('SHA-256 of the certificate’s DER, hexadecimal'),
)
/** The same, with words of its own in the JSON Schema. */
const about = <const S extends v.GenericSchema>(schema: S, words: string) =>
  v.pipe(schema, v.description(words))
const severity = v.picklist(SEVERITIES)
const outcome = v.picklist(['succeed', 'fail'])

const findingEntries = {
  id: about(text, 'the same for the same fault in every report'),
  rule: about(text, 'stable name, as `kpki explain` takes it'),
  code: text,
  severity,
  level: v.pipe(
    v.picklist(['C', 'H', 'M', 'L', 'I']),
    v.description('the catalogue’s grade: critical, high, medium, low, information'),
  ),
  node: v.optional(text),
  path: v.optional(about(text, 'as the user knows it')),
  message: text,
  fix: v.optional(about(text, 'a command, or a sentence')),
  certificate: v.optional(fingerprint),
  causedBy: v.optional(about(v.array(text), 'ids of the findings that this one follows from')),
}

const connection = v.strictObject({
  id: about(text, 'stable: `<from>><to>`, a further address with `@host:port` behind'),
  from: about(text, '`<who>/<node>`'),
  to: text,
  kind: text,
  url: text,
  must: outcome,
  will: about(
    v.picklist(['succeed', 'fail', 'unknown']),
    'unknown: it depends on something that was not given',
  ),
  reason: v.optional(text),
  rule: v.optional(text),
  identity: v.optional(
    v.pipe(
      v.strictObject({ user: text, groups: v.array(text) }),
      v.description('who the server sees: the common name and every organization'),
    ),
  ),
  privilege: v.optional(about(text, 'what the client may do there')),
  clientCertificate: v.optional(fingerprint),
  serverCertificate: v.optional(fingerprint),
  until: v.optional(about(time, 'when it stops working by passing of time')),
  node: v.optional(text),
  path: v.optional(text),
})

const component = v.strictObject({
  node: text,
  name: v.picklist(COMPONENT_NAMES),
  starts: about(
    v.union([v.boolean(), v.literal('unknown')]),
    'unknown: a file of its own was not given',
  ),
  reason: v.optional(text),
  path: v.optional(text),
})

const expiry = v.strictObject({
  certificate: fingerprint,
  subject: text,
  issuer: text,
  node: text,
  path: text,
  field: v.optional(about(text, 'for data embedded in YAML')),
  authority: v.boolean(),
  notBefore: time,
  notAfter: time,
  days: about(number, 'whole days left; negative when expired'),
  effectiveNotAfter: about(time, 'the earliest end over the whole chain'),
  status: v.picklist(['valid', 'expiring', 'expired', 'not-yet-valid']),
})

const timelineEntry = v.strictObject({
  at: time,
  days: number,
  subject: about(text, '`cluster`, or `<component>/<node>`'),
  what: text,
  node: v.optional(text),
  path: v.optional(text),
})

const layout = v.strictObject({
  node: text,
  layout: about(text, '`kubeadm`, `k3s`, …; `unrecognised`'),
  name: text,
  owner: about(text, 'the program whose commands mend it, or `by hand`'),
  alone: about(v.boolean(), 'no component is seen or assumed there'),
  assumed: about(v.array(text), 'components whose flags nothing says'),
})

const stats = v.strictObject({
  nodes: countOf,
  files: countOf,
  certificates: countOf,
  keys: countOf,
  rules: v.strictObject({
    run: countOf,
    passed: countOf,
    failed: countOf,
    notApplicable: countOf,
    skipped: countOf,
    crashed: countOf,
  }),
  connections: v.strictObject({
    succeed: countOf,
    fail: countOf,
    unknown: countOf,
    unexpected: countOf,
  }),
})

/** The shape of a report: the source of its JSON Schema, and a check for reports that come from elsewhere. */
export const ReportSchema = v.strictObject({
  apiVersion: v.literal('kpki/v1alpha1'),
  kind: v.literal('AuditReport'),
  at: about(time, 'the time that was judged'),
  profile: v.picklist(ALL),
  horizonDays: v.pipe(v.number(), v.minValue(0)),
  verdict: v.strictObject({
    status: v.picklist(['clean', 'warnings', 'errors', 'crashed']),
    errors: countOf,
    warnings: countOf,
    infos: countOf,
    unknown: about(countOf, 'connections and components of which nothing is claimed'),
    summary: text,
  }),
  layouts: v.array(layout),
  findings: v.array(v.strictObject(findingEntries)),
  connections: v.array(connection),
  components: v.array(component),
  expiry: v.array(expiry),
  timeline: v.strictObject({
    first: v.optional(timelineEntry),
    cluster: v.optional(timelineEntry),
    components: v.array(timelineEntry),
  }),
  skipped: v.array(v.strictObject({ rule: text, code: text, reason: text })),
  waived: v.array(
    v.strictObject({
      ...findingEntries,
      waiver: v.strictObject({ reason: text, expires: v.optional(text) }),
    }),
  ),
  crashed: v.array(v.strictObject({ rule: text, code: text, message: text })),
  unrecognised: v.array(v.strictObject({ path: text, reason: text })),
  stats,
})

/**
 * The published JSON Schema (draft 2020-12) of {@link AuditReport}.
 *
 * @example
 * ```ts
 * import { reportJsonSchema } from 'kpki/audit'
 *
 * console.log(JSON.stringify(reportJsonSchema()))
 * ```
 */
export function reportJsonSchema(): Readonly<Record<string, unknown>> {
  return {
    ...toJsonSchema(ReportSchema, { target: 'draft-2020-12' }),
    $id: 'https://kpki.dev/schema/audit-report.schema.json',
    title: 'The report of kpki audit',
  }
}

/**
 * Whether a value read from JSON is a report.
 *
 * @example
 * ```ts
 * import { isReport } from 'kpki/audit'
 *
 * const value: unknown = JSON.parse('{}')
 * if (isReport(value)) console.log(value.verdict.status)
 * ```
 */
export function isReport(value: unknown): value is AuditReport {
  return v.is(ReportSchema, value)
}
