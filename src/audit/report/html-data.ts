import type { AuditReport } from '../types.js'
import { printable } from './escape.js'
import { groupBy } from './group.js'
import { findingId, standingOf } from './words.js'

const MAX_PLACES = 200
const MAX_USES = 50

/** What the dialog shows of one certificate. */
interface CertificateData {
  readonly subject: string
  readonly issuer: string
  readonly authority: boolean
  readonly notBefore: string
  readonly notAfter: string
  readonly effectiveNotAfter: string
  readonly days: number
  readonly status: string
  readonly places: readonly string[]
  readonly more: number
  readonly uses: readonly (readonly [standing: string, id: string])[]
  readonly findings: readonly (readonly [id: string, message: string])[]
}

/** The certificates by fingerprint, as JSON that cannot end the script element it stands in. */
export function pageData(report: AuditReport): string {
  const uses = usesOf(report)
  const findings = groupBy(report.findings, ({ certificate }) => certificate ?? '')
  const certificates: Record<string, CertificateData> = {}
  for (const [fingerprint, same] of groupBy(report.expiry, ({ certificate }) => certificate)) {
    const [first] = same
    if (first === undefined) continue
    const places = same.map(({ node, path, field }) =>
      printable(`${node}: ${path}${field === undefined ? '' : ` (${field})`}`),
    )
    certificates[fingerprint] = {
      subject: printable(first.subject),
      issuer: printable(first.issuer),
      authority: first.authority,
      notBefore: first.notBefore,
      notAfter: first.notAfter,
      effectiveNotAfter: first.effectiveNotAfter,
      days: first.days,
      status: first.status,
      places: places.slice(0, MAX_PLACES),
      more: Math.max(0, places.length - MAX_PLACES),
      uses: uses.get(fingerprint) ?? [],
      findings: (findings.get(fingerprint) ?? [])
        .slice(0, MAX_USES)
        .map((finding) => [findingId(finding), printable(finding.message)]),
    }
  }
  return JSON.stringify({ certificates }).replace(
    /[<>&]/g,
    (character) => `\\u00${character.charCodeAt(0).toString(16)}`,
  )
}

function usesOf(report: AuditReport): ReadonlyMap<string, readonly (readonly [string, string])[]> {
  const uses = new Map<string, (readonly [string, string])[]>()
  for (const connection of report.connections) {
    const standing = standingOf(connection)
    if (standing === 'refused') continue
    for (const fingerprint of new Set([
      connection.clientCertificate,
      connection.serverCertificate,
    ])) {
      if (fingerprint === undefined) continue
      const list = uses.get(fingerprint) ?? []
      if (list.length < MAX_USES) list.push([standing, printable(connection.id)])
      uses.set(fingerprint, list)
    }
  }
  return uses
}
