import { ASSUMED } from '../graph/servers.js'
import type { Evidence, Place } from '../read/evidence.js'
import type {
  Crash,
  Finding,
  FindingDraft,
  InputLevel,
  Rule,
  RuleContext,
  Skipped,
} from '../types.js'
import { restsOnAssumption } from './assumptions.js'
import { fixFor, subjectOf } from './remedies.js'

/** A finding before it has its name: with the files in which its fault may lie, its own place first. */
export interface RuleFinding extends Omit<Finding, 'id' | 'causedBy'> {
  readonly suspects: readonly Place[]
}

/** What became of every rule. */
export interface RuleOutcome {
  readonly findings: readonly RuleFinding[]
  readonly skipped: readonly Skipped[]
  readonly crashed: readonly Crash[]
  readonly run: number
  readonly passed: number
  readonly failed: number
  readonly notApplicable: number
}

export interface RuleChoice {
  readonly only?: readonly string[]
  readonly ignore?: readonly string[]
}

const LACKING: Readonly<Record<Exclude<InputLevel, 'bytes'>, string>> = {
  metadata: 'the input carries no file modes or owners',
  manifests: 'the input has no manifests, units or kubelet configuration',
  'second-tree': 'an earlier tree is needed to compare with',
}

/** Runs the chosen rules; one that throws is a result of its own, one that lacks its input is skipped. */
export function runRules(
  rules: readonly Rule[],
  evidence: Evidence,
  context: RuleContext,
  choice: RuleChoice,
): RuleOutcome {
  const findings: RuleFinding[] = []
  const skipped: Skipped[] = []
  const crashed: Crash[] = []
  let [run, passed, failed, notApplicable] = [0, 0, 0, 0]
  for (const rule of rules) {
    if (!isChosen(rule, context, choice)) continue
    const { id, code } = rule
    const lack = lackOf(rule.needs, evidence)
    if (lack !== undefined) {
      skipped.push({ rule: id, code, reason: lack })
      continue
    }
    run++
    try {
      const result = rule.check(evidence, context)
      if (result === 'not-applicable') {
        notApplicable++
        continue
      }
      const found = [...result].map((draft) => findingOf(rule, draft, evidence))
      if (found.length === 0) passed++
      else failed++
      findings.push(...found)
    } catch (error) {
      crashed.push({ rule: id, code, message: error instanceof Error ? error.message : 'threw' })
    }
  }
  return { findings, skipped, crashed, run, passed, failed, notApplicable }
}

function isChosen(rule: Rule, { profile }: RuleContext, { only, ignore }: RuleChoice): boolean {
  const names = [rule.id, rule.code]
  if (ignore?.some((name) => names.includes(name))) return false
  if (only && only.length > 0) return only.some((name) => names.includes(name))
  return rule.profiles.includes(profile)
}

function lackOf(needs: InputLevel, evidence: Evidence): string | undefined {
  if (needs === 'metadata' && !evidence.hasMetadata) return LACKING.metadata
  if (needs === 'manifests' && !evidence.hasManifests) return LACKING.manifests
  if (needs === 'second-tree' && !evidence.earlier) return LACKING['second-tree']
  return undefined
}

function findingOf(rule: Rule, draft: FindingDraft, evidence: Evidence): RuleFinding {
  const { node, path, message, certificate, severity = rule.severity, suspects = [] } = draft
  const remedy = draft.fix ?? rule.remedy ?? rule.fix
  const fix = remedy === undefined ? remedy : fixFor(remedy, subjectOf(evidence, draft))
  return {
    rule: rule.id,
    code: rule.code,
    severity,
    level: rule.level,
    ...(node !== undefined && { node }),
    ...(path !== undefined && { path }),
    message: restsOnAssumption(rule, draft, evidence) ? `${message} ${ASSUMED}` : message,
    ...(fix !== undefined && { fix }),
    ...(certificate && { certificate: certificate.fingerprint }),
    suspects: node !== undefined && path !== undefined ? [{ node, path }, ...suspects] : suspects,
  }
}
