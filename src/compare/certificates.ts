import { BACKDATING } from '../certs/issue.js'
import { type DifferenceDraft, draft, present } from './text.js'
import type { CertificateShape, KeyShape, KubeconfigShape } from './types.js'

const DAY = 86_400_000

/** Differences between the certificates and keys of two PEM files. */
export function diffPem(
  before: {
    readonly certificates: readonly CertificateShape[]
    readonly keys: readonly KeyShape[]
  },
  after: { readonly certificates: readonly CertificateShape[]; readonly keys: readonly KeyShape[] },
): readonly DifferenceDraft[] {
  return [
    ...diffCertificates(before.certificates, after.certificates, 'certificate'),
    // Beside a certificate the key is told by it.
    ...(after.certificates.length > 0 ? [] : diffKeys(before.keys, after.keys)),
  ]
}

/** Differences between two lists of certificates: one each, or bundles. */
export function diffCertificates(
  before: readonly CertificateShape[],
  after: readonly CertificateShape[],
  what: string,
): readonly DifferenceDraft[] {
  const [old, fresh] = [before[0], after[0]]
  if (old && fresh && before.length === 1 && after.length === 1)
    return diffCertificate(old, fresh, what)
  const drafts: (DifferenceDraft | undefined)[] = []
  const left = [...before]
  for (const certificate of after) {
    const at = left.findIndex((candidate) => alike(candidate, certificate))
    const [same] = at < 0 ? [] : left.splice(at, 1)
    if (same) drafts.push(...diffCertificate(same, certificate, `${what} ${certificate.subject}`))
    else drafts.push(draft('certificate', what, undefined, described(certificate)))
  }
  for (const certificate of left)
    drafts.push(draft('certificate', what, described(certificate), undefined))
  return present(drafts)
}

function alike(a: CertificateShape, b: CertificateShape): boolean {
  return a.subject === b.subject && (a.pin === undefined || b.pin === undefined || a.pin === b.pin)
}

function described({ subject, notAfter }: CertificateShape): string {
  return notAfter === undefined ? subject : `${subject}, ends ${day(notAfter)}`
}

function diffCertificate(
  before: CertificateShape,
  after: CertificateShape,
  what: string,
): readonly DifferenceDraft[] {
  const field = (name: string): string => (what === 'certificate' ? name : `${what} ${name}`)
  const plain = (name: string, a: string, b: string) => draft('certificate', field(name), a, b)
  const identity = present([
    plain('subject', before.subject, after.subject),
    names(field('names'), before.names, after.names),
    plain('issuer', before.issuer, after.issuer),
    plain('key algorithm', before.key, after.key),
    plain('extended usages', usages(before), usages(after)),
    plain('certificate authority', String(before.authority), String(after.authority)),
    lifetime(field('validity'), before, after),
  ])
  return identity.length > 0 ? identity : present([reissued(what, before, after)])
}

function usages({ extendedUsages }: CertificateShape): string {
  return extendedUsages.join(', ')
}

function names(
  subject: string,
  before: readonly string[],
  after: readonly string[],
): DifferenceDraft | undefined {
  const added = after.filter((name) => !before.includes(name))
  const removed = before.filter((name) => !after.includes(name))
  if (added.length === 0 && removed.length === 0) return undefined
  const parts = [
    ...(added.length > 0 ? [`added ${added.join(', ')}`] : []),
    ...(removed.length > 0 ? [`removed ${removed.join(', ')}`] : []),
  ]
  return {
    kind: 'certificate',
    change: 'changed',
    subject,
    before: before.join(', '),
    after: after.join(', '),
    message: `${subject}: ${parts.join('; ')}`,
  }
}

// Within a day: backdating and the moment of issuing move the ends.
function lifetime(
  subject: string,
  before: CertificateShape,
  after: CertificateShape,
): DifferenceDraft | undefined {
  const [old, fresh] = [validityOf(before), validityOf(after)]
  if (Math.abs(old - fresh) <= DAY) return undefined
  return draft('certificate', subject, days(old), days(fresh))
}

function validityOf({ validity, notBefore = '', notAfter = '' }: CertificateShape): number {
  return validity ?? Date.parse(notAfter) - Date.parse(notBefore) - BACKDATING
}

function days(milliseconds: number): string {
  return `${Math.round(milliseconds / DAY)} days`
}

function reissued(
  what: string,
  a: CertificateShape,
  b: CertificateShape,
): DifferenceDraft | undefined {
  if (a.fingerprint === undefined || b.fingerprint === undefined) return undefined
  if (a.fingerprint === b.fingerprint) return undefined
  const key = a.pin === b.pin ? 'same key' : `new key (${short(a.pin)} → ${short(b.pin)})`
  const [old, fresh] = [day(a.notAfter), day(b.notAfter)]
  const end = old === fresh ? `ends ${fresh}` : `ends ${old} → ${fresh}`
  return {
    kind: 'certificate',
    change: 'changed',
    subject: what,
    before: a.fingerprint,
    after: b.fingerprint,
    message: `${what} re-issued: same identity, ${key}, ${end}`,
  }
}

function diffKeys(
  before: readonly KeyShape[],
  after: readonly KeyShape[],
): readonly DifferenceDraft[] {
  const [old, fresh] = [before[0], after[0]]
  if (!old || !fresh) return present([draft('key', 'key', old?.key, fresh?.key)])
  if (old.key !== fresh.key) return present([draft('key', 'key algorithm', old.key, fresh.key)])
  if (old.pin === undefined || fresh.pin === undefined) return []
  return present([draft('key', 'key', old.pin, fresh.pin)])
}

function short(pin: string | undefined): string {
  return pin === undefined ? 'unknown' : pin.slice(0, 'sha256:'.length + 12)
}

function day(date: string | undefined): string {
  return date?.slice(0, 10) ?? 'unknown'
}

/** Differences between two kubeconfigs: server, authority, identity. Credentials only by the names of their fields. */
export function diffKubeconfigs(
  before: KubeconfigShape,
  after: KubeconfigShape,
): readonly DifferenceDraft[] {
  const clusters = pairs(before.clusters, after.clusters).flatMap(([old, fresh]) => [
    draft('kubeconfig', 'cluster', old?.name, fresh?.name),
    ...(old && fresh
      ? [
          draft('kubeconfig', 'server', old.server, fresh.server),
          ...diffCertificates(old.authorities, fresh.authorities, 'authority'),
        ]
      : []),
  ])
  const users = pairs(before.users, after.users).flatMap(([old, fresh]) => [
    draft('kubeconfig', 'user', old?.name, fresh?.name),
    ...(old && fresh
      ? [
          draft(
            'kubeconfig',
            'credentials',
            old.credentials.join(', '),
            fresh.credentials.join(', '),
          ),
          ...diffCertificates(old.certificates, fresh.certificates, 'client certificate'),
        ]
      : []),
  ])
  return present([
    draft('kubeconfig', 'context', before.currentContext, after.currentContext),
    ...clusters,
    ...users,
  ])
}

// By name; where each side has one, those two.
function pairs<T extends { readonly name: string }>(
  before: readonly T[],
  after: readonly T[],
): readonly (readonly [T | undefined, T | undefined])[] {
  if (before.length === 1 && after.length === 1) return [[before[0], after[0]]]
  const names = new Set([...before, ...after].map(({ name }) => name))
  return [...names].map((name) => [
    before.find((item) => item.name === name),
    after.find((item) => item.name === name),
  ])
}
