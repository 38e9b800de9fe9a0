import type { Certificate, Estate } from '../estate.js'
import { indexOf, type Trust, type Use } from './index-of-estate.js'
import type { TrustRole } from './roles.js'

/**
 * Whether a path of names and signatures leads from a certificate to one of the anchors, over
 * anchors and certificates that are served along. Dates and usages are other rules' concern.
 */
export function reaches(
  certificate: Certificate,
  anchors: ReadonlySet<Certificate>,
  served: readonly Certificate[] = [],
): boolean {
  const seen = new Set<Certificate>()
  const queue: Certificate[] = [certificate]
  for (const one of queue) {
    if (anchors.has(one)) return true
    if (seen.has(one)) continue
    seen.add(one)
    for (const issuer of one.issuers)
      if (anchors.has(issuer) || served.includes(issuer)) queue.push(issuer)
  }
  return false
}

/** Every certificate of the estate above one, itself not included unless it issued itself. */
export function ancestors(certificate: Certificate): ReadonlySet<Certificate> {
  const found = new Set<Certificate>()
  const queue = [...certificate.issuers]
  for (const one of queue) {
    if (found.has(one)) continue
    found.add(one)
    queue.push(...one.issuers)
  }
  return found
}

const trustsByRole = new WeakMap<Estate, Map<TrustRole, readonly Trust[]>>()

/** Every trust file of a role. */
export function trustsIn(estate: Estate, role: TrustRole): readonly Trust[] {
  const known = trustsByRole.get(estate) ?? new Map<TrustRole, readonly Trust[]>()
  trustsByRole.set(estate, known)
  const found = known.get(role) ?? indexOf(estate).trusts.filter((trust) => trust.role === role)
  known.set(role, found)
  return found
}

const anchorSets = new WeakMap<Trust, ReadonlySet<Certificate>>()

export function anchorsOf(trust: Trust): ReadonlySet<Certificate> {
  const known = anchorSets.get(trust) ?? new Set(trust.certificates)
  anchorSets.set(trust, known)
  return known
}

/** The trust files that have to accept a use: those of its own node, else all of the first role there is. */
export function acceptersOf(use: Use, estate: Estate): readonly Trust[] {
  for (const role of use.row.acceptedBy) {
    const all = trustsIn(estate, role)
    if (all.length === 0) continue
    const own = ownTrusts(estate, role, use.node.name)
    return own.length > 0 ? own : all.slice(0, 1)
  }
  return []
}

const trustsByNode = new WeakMap<Estate, Map<string, readonly Trust[]>>()

function ownTrusts(estate: Estate, role: TrustRole, node: string): readonly Trust[] {
  let known = trustsByNode.get(estate)
  if (!known) {
    const groups = new Map<string, Trust[]>()
    for (const trust of indexOf(estate).trusts) {
      const key = `${trust.role} ${trust.node.name}`
      groups.set(key, [...(groups.get(key) ?? []), trust])
    }
    known = groups
    trustsByNode.set(estate, groups)
  }
  return known.get(`${role} ${node}`) ?? []
}
