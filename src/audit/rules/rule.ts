import { plural } from '../../values/text.js'
import type {
  Certificate,
  Evidence,
  KubeconfigFacts,
  KubeletFacts,
  Launch,
  NodeEvidence,
  PemFacts,
  Place,
} from '../read/evidence.js'
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
import { type Fix, fixInGeneral } from './remedies.js'

/** Runs always. */
export const ALL: readonly Profile[] = ['kubeadm', 'cis', 'strict']
/** Hardening that kubeadm's own output does not meet. */
export const HARDENING: readonly Profile[] = ['cis', 'strict']
export const STRICT: readonly Profile[] = ['strict']
export const CIS: readonly Profile[] = ['cis']

/** What one row of the catalogue says besides its code, name and grades. */
export interface RuleWords {
  readonly title: string
  readonly citation: string
  readonly why: string
  readonly fix: Fix
  /** Default: `bytes`. */
  readonly needs?: InputLevel
  /** Default: {@link ALL}. */
  readonly profiles?: readonly Profile[]
}

type Judge<T, Verdict> = (subject: T, evidence: Evidence, context: RuleContext) => Verdict

/** A sentence: of these, where that holds, when this is so, say what is wrong with each. */
interface RuleSentence<T> extends RuleWords {
  readonly of: (evidence: Evidence, context: RuleContext) => readonly T[]
  /** Which of them the rule speaks about; without any it does not apply. Default: all. */
  readonly where?: Judge<T, unknown>
  /** Which of those are wrong. Default: those of which there is something to say. */
  readonly when?: Judge<T, unknown>
  readonly say: string | Judge<T, Said | Iterable<Said>>
}

/** One row of the catalogue; its group is the first letter of its code. */
export function rule<T extends Subject>(
  code: string,
  id: string,
  level: Level,
  severity: Severity,
  row: RuleSentence<T> | (RuleWords & Pick<Rule, 'check'>),
): Rule {
  const { title, citation, why, fix: remedy, needs = 'bytes', profiles = ALL } = row
  const group = code.charAt(0) as RuleGroup
  const check = 'check' in row ? row.check : each(row.of, row.say, row)
  const fix = fixInGeneral(remedy)
  return {
    ...{ id, code, group, level, severity, title, citation, why, fix, remedy },
    ...{ needs, profiles, check },
  }
}

/** What findings can be about, besides what else a rule has to know of it. */
export type Subject =
  | Certificate
  | { readonly pem: PemFacts; readonly certificate?: Certificate }
  | { readonly place: Place }
  | { readonly config: KubeconfigFacts }
  | Launched
  | { readonly node: NodeEvidence; readonly kubelet: KubeletFacts }
  | NodeEvidence
  | Place

/** A component of a node, as it is started. */
export interface Launched {
  readonly node: NodeEvidence
  readonly launch: Launch
}

/** What is wrong with a subject; or a finding, about the subject too unless it has a place of its own. */
type Said = string | FindingDraft | false | undefined

/**
 * A check over subjects of one kind: without any it does not apply, otherwise each is judged by
 * itself.
 */
export function each<T extends Subject>(
  subjects: RuleSentence<T>['of'],
  say: RuleSentence<T>['say'],
  { where = always, when = always }: Pick<RuleSentence<T>, 'where' | 'when'> = {},
): Rule['check'] {
  return (evidence, context) => {
    const all = subjects(evidence, context).filter((one) => where(one, evidence, context))
    if (all.length === 0) return 'not-applicable'
    return all.flatMap((subject) => {
      if (!when(subject, evidence, context)) return []
      const said = typeof say === 'string' ? say : say(subject, evidence, context)
      const several = typeof said === 'object' && Symbol.iterator in said ? [...said] : [said]
      return several.flatMap((one) => draftOf(subject, one) ?? [])
    })
  }
}

const always = () => true

function draftOf(subject: Subject, said: Said): FindingDraft | undefined {
  if (said === false || said === undefined) return undefined
  if (typeof said === 'string') return about(subject, said)
  const { message, ...more } = said
  return said.node === undefined && said.path === undefined ? about(subject, message, more) : said
}

/** A finding that begins with the name of its subject. */
export function about(
  subject: Subject,
  message: string,
  more: Partial<FindingDraft> = {},
): FindingDraft | undefined {
  if ('places' in subject) return aboutCertificate(subject, message, more)
  if ('pem' in subject) {
    const { pem, certificate } = subject
    return finding(pem.place, message, { ...(certificate && { certificate }), ...more })
  }
  if ('place' in subject) return finding(subject.place, message, more)
  if ('config' in subject) return finding(subject.config, message, more)
  if ('launch' in subject) {
    const { node, launch } = subject
    return launch.path === undefined
      ? { node: node.name, message: `${launch.component} on ${node.name} ${message}`, ...more }
      : finding({ node: node.name, path: launch.path }, message, more)
  }
  if ('path' in subject) return finding(subject, message, more)
  if ('tree' in subject) return { node: subject.name, message, ...more }
  const { node, kubelet } = subject
  const path = kubelet.configPath
  return {
    node: node.name,
    ...(path !== undefined && { path }),
    message: `the kubelet of ${node.name} ${message}`,
    ...more,
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
  const elsewhere = others.length === 0 ? '' : ` (also in ${plural(others.length, 'other place')})`
  return finding(first, `${message}${elsewhere}`, { certificate, ...more })
}
