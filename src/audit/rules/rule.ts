import type { Certificate, Evidence, Place } from '../read/evidence.js'
import { shortPath } from '../read/paths.js'
import type {
  FindingDraft,
  InputLevel,
  Level,
  Profile,
  Rule,
  RuleContext,
  RuleGroup,
  Severity,
} from '../types.js'

/** Runs always. */
export const ALL: readonly Profile[] = ['kubeadm', 'cis', 'strict']
/** Hardening that kubeadm's own output does not meet. */
export const HARDENING: readonly Profile[] = ['cis', 'strict']
export const STRICT: readonly Profile[] = ['strict']
export const CIS: readonly Profile[] = ['cis']

/** The remedy for whatever kpki can make anew. */
export const GENERATE = 'kpki gen -o OUT'

/** What one row of the catalogue says besides its code, name and grades. */
export interface RuleText {
  readonly title: string
  readonly citation: string
  readonly why: string
  readonly fix: string
  /** Default: `bytes`. */
  readonly needs?: InputLevel
  /** Default: {@link ALL}. */
  readonly profiles?: readonly Profile[]
  readonly check: Rule['check']
}

/** One row of the catalogue; its group is the first letter of its code. */
export function rule(
  code: string,
  id: string,
  level: Level,
  severity: Severity,
  { needs = 'bytes', profiles = ALL, ...text }: RuleText,
): Rule {
  return { id, code, group: code.charAt(0) as RuleGroup, level, severity, needs, profiles, ...text }
}

type Judged = FindingDraft | undefined | Iterable<FindingDraft>

/**
 * A check over subjects of one kind: without any it does not apply, otherwise each is judged by
 * itself.
 */
export function each<T>(
  subjects: (evidence: Evidence, context: RuleContext) => readonly T[],
  judge: (subject: T, evidence: Evidence, context: RuleContext) => Judged,
): Rule['check'] {
  return (evidence, context) => {
    const all = subjects(evidence, context)
    return all.length === 0 ? 'not-applicable' : judged(all, evidence, context, judge)
  }
}

function* judged<T>(
  all: readonly T[],
  evidence: Evidence,
  context: RuleContext,
  judge: (subject: T, evidence: Evidence, context: RuleContext) => Judged,
): Iterable<FindingDraft> {
  for (const subject of all) {
    const found = judge(subject, evidence, context)
    if (found === undefined) continue
    if (Symbol.iterator in found) yield* found
    else yield found
  }
}

/** A place as messages name it: `pki/apiserver.crt`, `admin.conf (client-certificate-data)`. */
export function nameOf({ path, field }: Place): string {
  return field === undefined ? shortPath(path) : `${shortPath(path)} (${field})`
}

/** A finding about what lies at a place. */
export function finding(
  place: Place,
  message: string,
  more: Partial<FindingDraft> = {},
): FindingDraft {
  return { node: place.node, path: place.path, message: `${nameOf(place)} ${message}`, ...more }
}

/** A finding about a certificate, told once however often the certificate was found. */
export function aboutCertificate(
  certificate: Certificate,
  message: string,
  more: Partial<FindingDraft> = {},
): FindingDraft | undefined {
  const [first, ...others] = certificate.places
  if (first === undefined) return undefined
  const elsewhere = others.length === 0 ? '' : ` (also in ${counted(others.length, 'other place')})`
  return finding(first, `${message}${elsewhere}`, { certificate, ...more })
}

export function counted(count: number, noun: string): string {
  return `${count} ${noun}${count === 1 ? '' : 's'}`
}

/** At most `limit` values in words. */
export function listed(values: readonly string[], limit = 6): string {
  if (values.length === 0) return 'none'
  const shown = values.slice(0, limit).join(', ')
  return values.length > limit ? `${shown} and ${values.length - limit} more` : shown
}
