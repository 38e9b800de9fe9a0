import { formatName } from '../ca/names.js'
import type { Certificate, Estate } from './estate.js'
import { isAuthority } from './facts.js'
import type { Connection, Expiry, Timeline, TimelineEntry } from './types.js'

const DAY = 86_400_000

/** Whole days from `from` to `to`, rounded down. */
export function daysUntil(from: Date, to: Date): number {
  return Math.floor((to.getTime() - from.getTime()) / DAY)
}

/** The life of every certificate, at each distinct place once, soonest end first. */
export function expiryOf(estate: Estate, at: Date, horizonDays: number): readonly Expiry[] {
  const ends = effectiveEnds(estate.certificates)
  const rows = estate.certificates.flatMap((certificate) => {
    const end = new Date(ends.get(certificate) ?? certificate.facts.notAfter)
    return uniquePlaces(certificate).map((place) =>
      expiryRow(certificate, place, end, at, horizonDays),
    )
  })
  return rows.sort(
    (a, b) =>
      compare(a.effectiveNotAfter, b.effectiveNotAfter) ||
      compare(a.node, b.node) ||
      compare(a.path, b.path) ||
      compare(a.certificate, b.certificate),
  )
}

function uniquePlaces({ places }: Certificate) {
  return [
    ...new Map(
      places.map((place) => [`${place.node}\n${place.path}\n${place.field ?? ''}`, place]),
    ).values(),
  ]
}

function expiryRow(
  certificate: Certificate,
  place: Certificate['places'][number],
  end: Date,
  at: Date,
  horizonDays: number,
): Expiry {
  const { facts, fingerprint } = certificate
  const days = daysUntil(at, facts.notAfter)
  const status =
    facts.notAfter < at
      ? 'expired'
      : facts.notBefore > at
        ? 'not-yet-valid'
        : days < horizonDays
          ? 'expiring'
          : 'valid'
  return {
    certificate: fingerprint,
    subject: formatName(facts.subject.rdns),
    issuer: formatName(facts.issuer.rdns),
    node: place.node,
    path: place.path,
    ...(place.field !== undefined && { field: place.field }),
    authority: isAuthority(certificate),
    notBefore: facts.notBefore.toISOString(),
    notAfter: facts.notAfter.toISOString(),
    days,
    effectiveNotAfter: end.toISOString(),
    status,
  }
}

/**
 * For each certificate the latest moment at which some chain above it is still whole: a chain lives as
 * long as its first member to end, a certificate as long as its best chain.
 */
function effectiveEnds(certificates: readonly Certificate[]): ReadonlyMap<Certificate, number> {
  const ends = new Map(certificates.map((one) => [one, one.facts.notAfter.getTime()]))
  // Each round carries the ends one issuer further down; cross-signed loops come to rest.
  for (let round = 0, changed = true; changed && round < MAX_CHAIN; round++) {
    changed = false
    for (const certificate of certificates) {
      const above = certificate.issuers.filter((issuer) => issuer !== certificate)
      if (above.length === 0) continue
      const best = Math.max(...above.map((issuer) => ends.get(issuer) ?? 0))
      const end = Math.min(certificate.facts.notAfter.getTime(), best)
      changed ||= ends.get(certificate) !== end
      ends.set(certificate, end)
    }
  }
  return ends
}

const MAX_CHAIN = 8

function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0
}

/** Whose end means the end of a component, by kind of connection and side. */
const VITAL: ReadonlySet<string> = new Set([
  'apiserver-etcd',
  'etcd-peer',
  'client-apiserver',
  'apiserver-kubelet',
  'front-proxy',
])

/** What stops when: per component the first of its connections to die, for the cluster its last API server. */
export function timelineOf(
  connections: readonly Connection[],
  expiry: readonly Expiry[],
  at: Date,
): Timeline {
  const soonest = new Map<string, TimelineEntry>()
  for (const connection of connections) {
    const { must, will, until, kind, from, to, url } = connection
    if (must !== 'succeed' || will !== 'succeed' || until === undefined || !VITAL.has(kind))
      continue
    const known = soonest.get(from)
    if (known && known.at <= until) continue
    soonest.set(from, {
      at: until,
      days: daysUntil(at, new Date(until)),
      subject: from,
      what: `${from} can no longer reach ${to} (${url})`,
    })
  }
  const components = [...soonest.values()].sort(
    (a, b) => compare(a.at, b.at) || compare(a.subject, b.subject),
  )
  const servers = components.filter(({ subject }) => subject.startsWith('kube-apiserver/'))
  const last = servers.at(-1)
  const firstFile = expiry.find(({ days }) => days >= 0)
  const first = components[0] ?? (firstFile && fileEntry(firstFile))
  return {
    ...(first && { first }),
    ...(last && {
      cluster: { ...last, subject: 'cluster', what: `the last API server stops: ${last.what}` },
    }),
    components,
  }
}

function fileEntry({ effectiveNotAfter, days, subject, node, path }: Expiry): TimelineEntry {
  return { at: effectiveNotAfter, days, subject, what: `${subject} ends`, node, path }
}
