import { findingId, isWrong } from '../../../src/audit/report/words.js'
import type {
  AuditReport,
  AuditStats,
  ComponentState,
  Connection,
  Expiry,
  Finding,
  Verdict,
} from '../../../src/audit/types.js'

const DAY = 86_400_000
export const AT = '2026-11-22T09:00:00.000Z'

/** Text that would do harm if any format passed it on as it is. */
export const HOSTILE = `<script>alert(1)</script>"'&]]>\u001b[31m\u202e|\`**x** @team https://evil.example \n# x`

export function finding(overrides: Partial<Finding> = {}): Finding {
  const one: Omit<Finding, 'id'> = {
    rule: 'san-missing',
    code: 'S03',
    severity: 'error',
    level: 'C',
    node: 'controlplane',
    path: 'etc/kubernetes/pki/etcd/server.crt',
    message: 'server certificate has no SAN 10.0.0.5 (it has localhost, 127.0.0.1)',
    fix: 'kpki gen -f cluster.yaml',
    certificate: fingerprint(1),
    ...overrides,
  }
  return { id: findingId(one), ...one }
}

export function connection(overrides: Partial<Connection> = {}): Connection {
  const { from = 'kube-apiserver/controlplane', to = 'etcd/controlplane' } = overrides
  return {
    id: `${from}>${to}`,
    from,
    to,
    kind: 'apiserver-etcd',
    url: 'https://10.0.0.5:2379',
    must: 'succeed',
    will: 'succeed',
    clientCertificate: fingerprint(2),
    serverCertificate: fingerprint(1),
    ...overrides,
  }
}

export const brokenConnection = connection({
  will: 'fail',
  reason: 'server certificate pki/etcd/server.crt has no SAN 10.0.0.5 (it has localhost)',
  rule: 'san-missing',
  node: 'controlplane',
  path: 'etc/kubernetes/pki/etcd/server.crt',
})

export const forbiddenConnection = connection({
  from: 'kubelet/worker1',
  kind: 'kubelet-etcd',
  must: 'fail',
  will: 'succeed',
  reason: 'etcd trusts the CA that signed it',
  rule: 'etcd-ca-shared',
  privilege: 'reads and writes everything in etcd',
  identity: { user: 'system:node:worker1', groups: ['system:nodes'] },
})

export function expiry(overrides: Partial<Expiry> & { readonly days?: number } = {}): Expiry {
  const days = overrides.days ?? 365
  const notAfter = new Date(Date.parse(AT) + days * DAY).toISOString()
  return {
    certificate: fingerprint(1),
    subject: 'CN=kube-etcd',
    issuer: 'CN=etcd-ca',
    node: 'controlplane',
    path: 'etc/kubernetes/pki/etcd/server.crt',
    authority: false,
    notBefore: new Date(Date.parse(AT) - 10 * DAY).toISOString(),
    notAfter,
    days,
    effectiveNotAfter: notAfter,
    status: days < 0 ? 'expired' : days <= 90 ? 'expiring' : 'valid',
    ...overrides,
  }
}

export function component(overrides: Partial<ComponentState> = {}): ComponentState {
  return { node: 'controlplane', name: 'etcd', starts: true, ...overrides }
}

/** A coherent report: counts and verdict follow from the parts. */
export function sampleReport(parts: Partial<AuditReport> = {}): AuditReport {
  const findings = parts.findings ?? []
  const connections = parts.connections ?? [connection()]
  const life = parts.expiry ?? [expiry()]
  const crashed = parts.crashed ?? []
  const unknown = connections.filter(({ will }) => will === 'unknown').length
  return {
    apiVersion: 'kpki/v1alpha1',
    kind: 'AuditReport',
    at: AT,
    profile: 'kubeadm',
    horizonDays: 90,
    verdict: verdictOf(findings, crashed.length, unknown),
    layouts: [
      {
        node: 'controlplane',
        layout: 'kubeadm',
        name: 'kubeadm',
        owner: 'kpki',
        alone: false,
        assumed: [],
      },
    ],
    findings,
    connections,
    components: [component()],
    expiry: life,
    timeline: timelineOf(life),
    skipped: [],
    waived: [],
    crashed,
    unrecognised: [],
    stats: statsOf(findings, connections, life),
    ...parts,
  }
}

/** One of everything that can be wrong. */
export function badReport(): AuditReport {
  return sampleReport({
    findings: [
      finding(),
      finding({
        rule: 'expires-soon',
        code: 'V02',
        severity: 'warning',
        level: 'M',
        node: 'worker1',
        path: 'etc/kubernetes/kubelet.conf',
        message: 'client certificate ends in 12 days',
      }),
      finding({
        rule: 'sha1-signature',
        code: 'K12',
        severity: 'info',
        level: 'I',
        node: 'controlplane',
      }),
    ],
    connections: [
      connection({ kind: 'etcd-peer', from: 'etcd/controlplane' }),
      brokenConnection,
      forbiddenConnection,
    ],
    components: [
      component({
        starts: false,
        reason: '--cert-file names a file that is not there',
      }),
      component({ name: 'kubelet', node: 'worker1' }),
    ],
    expiry: [
      expiry(),
      expiry({
        certificate: fingerprint(2),
        subject: 'CN=system:node:worker1,O=system:nodes',
        issuer: 'CN=kubernetes',
        node: 'worker1',
        path: 'etc/kubernetes/kubelet.conf',
        field: 'client-certificate-data',
        days: 12,
      }),
      expiry({
        certificate: fingerprint(3),
        subject: 'CN=kubernetes',
        issuer: 'CN=kubernetes',
        path: 'etc/kubernetes/pki/ca.crt',
        authority: true,
        days: 3650,
      }),
    ],
    skipped: [{ rule: 'renewed-key', code: 'R01', reason: 'needs an earlier audit' }],
    waived: [
      {
        ...finding({ rule: 'kubelet-ca', code: 'T09', severity: 'warning' }),
        waiver: { reason: 'kubelets are replaced in March', expires: '2027-03-31' },
      },
    ],
    unrecognised: [{ path: 'notes.txt', reason: 'no known layout has it' }],
  })
}

/** Every string of a bad report replaced by hostile text. */
export function hostileReport(): AuditReport {
  const report = badReport()
  const hostile = { node: HOSTILE, path: HOSTILE, message: HOSTILE, fix: HOSTILE }
  return {
    ...report,
    verdict: { ...report.verdict, summary: HOSTILE },
    findings: report.findings.map((one) => ({ ...one, ...hostile })),
    connections: report.connections.map((one) => ({
      ...one,
      id: `${HOSTILE}>${one.to}`,
      from: HOSTILE,
      url: HOSTILE,
      kind: HOSTILE,
      identity: { user: HOSTILE, groups: [HOSTILE] },
    })),
    components: report.components.map((one) => ({ ...one, node: HOSTILE, reason: HOSTILE })),
    expiry: report.expiry.map((one) => ({
      ...one,
      subject: HOSTILE,
      issuer: HOSTILE,
      node: HOSTILE,
      path: HOSTILE,
      field: HOSTILE,
    })),
    timeline: {
      ...report.timeline,
      components: [
        { at: AT, days: 0, subject: HOSTILE, what: HOSTILE, node: HOSTILE, path: HOSTILE },
      ],
    },
    layouts: [
      {
        node: HOSTILE,
        layout: HOSTILE,
        name: HOSTILE,
        owner: HOSTILE,
        alone: true,
        assumed: [HOSTILE],
      },
    ],
    skipped: [{ rule: 'x', code: 'R01', reason: HOSTILE }],
    waived: report.waived.map((one) => ({ ...one, ...hostile, waiver: { reason: HOSTILE } })),
    crashed: [{ rule: 'x', code: 'R01', message: HOSTILE }],
    unrecognised: [{ path: HOSTILE, reason: HOSTILE }],
  }
}

export function fingerprint(number: number): string {
  return number.toString(16).padStart(64, '0')
}

function verdictOf(findings: readonly Finding[], crashed: number, unknown: number): Verdict {
  const of = (severity: string): number =>
    findings.filter((one) => one.severity === severity).length
  const [errors, warnings, infos] = [of('error'), of('warning'), of('info')]
  const status =
    crashed > 0 ? 'crashed' : errors > 0 ? 'errors' : warnings > 0 ? 'warnings' : 'clean'
  return {
    status,
    errors,
    warnings,
    infos,
    unknown,
    summary: `${errors} errors, ${warnings} warnings`,
  }
}

function timelineOf(life: readonly Expiry[]): AuditReport['timeline'] {
  const [soonest] = [...life].sort((a, b) => a.days - b.days)
  if (soonest === undefined) return { components: [] }
  const { notAfter: at, days, node, path } = soonest
  const entry = { at, days, node, path, what: `${soonest.subject} ends` }
  return {
    first: { ...entry, subject: `etcd/${node}` },
    cluster: { ...entry, subject: 'cluster' },
    components: [{ ...entry, subject: `etcd/${node}` }],
  }
}

function statsOf(
  findings: readonly Finding[],
  connections: readonly Connection[],
  life: readonly Expiry[],
): AuditStats {
  const failed = new Set(findings.map(({ rule }) => rule)).size
  return {
    nodes: 2,
    files: 20,
    certificates: life.length,
    keys: 4,
    rules: { run: 40, passed: 40 - failed, failed, notApplicable: 7, skipped: 1, crashed: 0 },
    connections: {
      succeed: connections.filter(({ will }) => will === 'succeed').length,
      fail: connections.filter(({ will }) => will === 'fail').length,
      unknown: connections.filter(({ will }) => will === 'unknown').length,
      unexpected: connections.filter(isWrong).length,
    },
  }
}
