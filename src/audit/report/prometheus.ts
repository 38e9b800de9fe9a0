import { printable } from '../../values/text.js'
import type { AuditReport, Expiry } from '../types.js'
import { isWrong, SEVERITIES } from './words.js'

type Labels = Readonly<Record<string, string>>

interface Family {
  readonly name: string
  readonly help: string
  readonly samples: readonly (readonly [Labels, number])[]
}

/** Text exposition format 0.0.4, for node_exporter's textfile collector or a push gateway. */
export function renderPrometheus(report: AuditReport): string {
  return families(report).map(familyText).join('')
}

/** Only when certificates begin and end. */
export function renderPrometheusLives(report: AuditReport): string {
  return lives(report).map(familyText).join('')
}

const seconds = (time: string): number => Math.floor(Date.parse(time) / 1000)

function lives({ expiry }: AuditReport): readonly Family[] {
  const life = (value: (one: Expiry) => string): Family['samples'] =>
    expiry.map((one) => [certificateLabels(one), seconds(value(one))])
  return [
    {
      name: 'kpki_certificate_not_after_seconds',
      help: 'End of validity of a certificate, Unix time.',
      samples: life(({ notAfter }) => notAfter),
    },
    {
      name: 'kpki_certificate_not_before_seconds',
      help: 'Begin of validity of a certificate, Unix time.',
      samples: life(({ notBefore }) => notBefore),
    },
    {
      name: 'kpki_certificate_chain_not_after_seconds',
      help: 'Earliest end of validity over the certificate and its issuers, Unix time.',
      samples: life(({ effectiveNotAfter }) => effectiveNotAfter),
    },
  ]
}

function families(report: AuditReport): readonly Family[] {
  const { verdict, stats } = report
  const counts = { error: verdict.errors, warning: verdict.warnings, info: verdict.infos }
  return [
    ...lives(report),
    {
      name: 'kpki_component_not_after_seconds',
      help: 'When a component, or the cluster, stops for an ended certificate, Unix time.',
      samples: [
        ...(report.timeline.cluster === undefined ? [] : [report.timeline.cluster]),
        ...report.timeline.components,
      ].map(({ subject, at }) => [{ subject }, seconds(at)]),
    },
    {
      name: 'kpki_findings',
      help: 'Findings of the last audit by severity.',
      samples: SEVERITIES.map((severity) => [{ severity }, counts[severity]]),
    },
    {
      name: 'kpki_connections_unexpected',
      help: 'Connections that fail though they must succeed, or succeed though they must fail.',
      samples: (['succeed', 'fail'] as const).map((must) => [
        { must },
        report.connections.filter((one) => one.must === must && isWrong(one)).length,
      ]),
    },
    {
      name: 'kpki_audit_unknown',
      help: 'Connections and components that depend on what was not given.',
      samples: [[{}, verdict.unknown]],
    },
    {
      name: 'kpki_components_not_starting',
      help: 'Components that do not start from their files.',
      samples: [[{}, report.components.filter(({ starts }) => starts === false).length]],
    },
    {
      name: 'kpki_audit_rules_crashed',
      help: 'Rules that could not be judged for a fault in kpki.',
      samples: [[{}, stats.rules.crashed]],
    },
    {
      name: 'kpki_audit_timestamp_seconds',
      help: 'The time that was judged, Unix time.',
      samples: [[{}, seconds(report.at)]],
    },
  ]
}

function certificateLabels({
  node,
  path,
  field,
  subject,
  issuer,
  authority,
  certificate,
}: Expiry): Labels {
  return {
    node,
    path,
    ...(field === undefined ? {} : { field }),
    subject,
    issuer,
    authority: String(authority),
    // tells the certificates of one bundle apart
    fingerprint: certificate.slice(0, 16),
  }
}

function familyText({ name, help, samples }: Family): string {
  const lines = new Map<string, number>()
  for (const [labels, value] of samples) lines.set(`${name}${labelText(labels)}`, value)
  if (lines.size === 0) return ''
  const body = [...lines].map(([series, value]) => `${series} ${value}\n`)
  return `# HELP ${name} ${help}\n# TYPE ${name} gauge\n${body.join('')}`
}

function labelText(labels: Labels): string {
  const pairs = Object.entries(labels).map(([name, value]) => `${name}="${escapeLabel(value)}"`)
  return pairs.length === 0 ? '' : `{${pairs.join(',')}}`
}

function escapeLabel(value: string): string {
  return printable(value).replace(/[\\"]/g, '\\$&')
}
