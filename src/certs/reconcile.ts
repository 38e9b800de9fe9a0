import type { CertificateFacts, SubjectAltNames } from '../ca/certificate/facts.js'
import { encodeName, subject } from '../ca/certificate/names.js'
import { readCertificate } from '../ca/certificate/read.js'
import { sameKey } from '../ca/keys/keys.js'
import { readPrivateKey } from '../ca/keys/private-key.js'
import type { Verifier } from '../ca/keys/signature.js'
import { PROFILES } from '../ca/profiles.js'
import { sameBytes } from '../values/bytes.js'
import { isoDay } from '../values/time.js'
import { type Authority, type Issued, notAfterOf } from './issue.js'
import type { PlannedLeaf } from './plan.js'

/** What lies in a certificate's place. */
export type Found = Partial<Issued>

/**
 * Reads what lies in a certificate's place: PEM texts from two files or one kubeconfig.
 *
 * @throws KpkiError `ERR_PEM_INVALID`, `ERR_DER_INVALID`, `ERR_KEY_INVALID`
 */
export function foundIn(texts: {
  readonly certificate?: string | undefined
  readonly key?: string | undefined
}): Found {
  const { certificate: pem, key } = texts
  return {
    ...(pem !== undefined && { facts: readCertificate(pem), pem }),
    ...(key !== undefined && { key: readPrivateKey(key) }),
  }
}

export interface JudgeContext {
  readonly now: Date
  /** Milliseconds before its end from which a certificate is replaced; by default 30 days or a third of its validity. */
  readonly renewBefore?: number | undefined
  readonly verifier: Verifier
}

const MONTH = 30 * 86_400_000
// Other tools take the two ends of a certificate at different moments of their run.
const TOLERANCE = 60_000

/** Why the certificate that is there must be replaced; undefined: it is right and stays. */
export async function reasonToReplace(
  planned: PlannedLeaf,
  { facts, key }: Found,
  issuer: Authority,
  { now, renewBefore, verifier }: JudgeContext,
): Promise<string | undefined> {
  if (facts === undefined) return 'its certificate is missing'
  if (key === undefined) return 'its key is missing'
  if (!sameKey(facts.publicKey.spki, key.spki)) return 'its key does not fit its certificate'
  if (!sameBytes(facts.issuer.raw, issuer.facts.subject.raw))
    return `it is not signed by ${issuer.id}`
  if (!(await verifier.verify(facts, issuer.facts.publicKey.spki)))
    return `its signature is not by the present key of ${issuer.id}`
  if (!sameBytes(facts.subject.raw, encodeName(subject(planned.subject))))
    return 'its subject changed'
  if (!sameNames(facts, planned.altNames)) return 'its names and addresses changed'
  if (!sameUsages(facts, planned)) return 'its usages changed'
  if (key.algorithm !== planned.keyAlgorithm) return `its key is not ${planned.keyAlgorithm}`
  const left = facts.notAfter.getTime() - now.getTime()
  if (left <= 0) return `it expired on ${isoDay(facts.notAfter)}`
  const expected = notAfterOf(facts.notBefore, planned.validity, issuer)
  if (Math.abs(facts.notAfter.getTime() - expected.getTime()) > TOLERANCE)
    return 'its validity period changed'
  // A new one would not live longer than its authority either.
  if (facts.notAfter >= issuer.facts.notAfter) return undefined
  if (left < (renewBefore ?? Math.min(MONTH, planned.validity / 3)))
    return `it ends on ${isoDay(facts.notAfter)}`
  return undefined
}

function sameNames(facts: CertificateFacts, planned: SubjectAltNames | undefined): boolean {
  const { dns = [], ip = [] } = planned ?? {}
  const names = facts.altNames
  return sameSet(names?.dns ?? [], dns) && sameSet(names?.ip ?? [], ip)
}

function sameSet(a: readonly string[], b: readonly string[]): boolean {
  const set = new Set(a)
  return set.size === new Set(b).size && b.every((value) => set.has(value))
}

function sameUsages(facts: CertificateFacts, planned: PlannedLeaf): boolean {
  const { extendedKeyUsage } = PROFILES[planned.profile]
  return (
    facts.basicConstraints?.ca !== true &&
    sameSet(facts.extendedKeyUsage?.usages ?? [], extendedKeyUsage)
  )
}
