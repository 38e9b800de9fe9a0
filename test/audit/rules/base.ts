import type { AuditInput, Evidence } from '../../../src/audit/read/evidence.js'
import { readEvidence } from '../../../src/audit/read/read.js'
import { expiryOf } from '../../../src/audit/report.js'
import type { Connection, FindingDraft, Profile, Rule } from '../../../src/audit/types.js'
import { memoEngine } from '../memo-engine.js'
import { generated, NOW } from '../support.js'

const engine = memoEngine()

/** Two control planes and two workers of a release without legacy groups, ECDSA, made once. */
export async function base(): Promise<AuditInput> {
  const { nodes, authorities, kubeconfig, cluster } = await generated({
    controlPlanes: 2,
    version: 'v1.34.1',
    pki: ['users: [{ name: jane, groups: [team-a], validity: 720h }]'],
  })
  return {
    nodes,
    ...(authorities && { authorities }),
    ...(kubeconfig && { operator: kubeconfig }),
    ...(cluster && { cluster }),
  }
}

export function read(input: AuditInput): Promise<Evidence> {
  return readEvidence(input, engine)
}

/** What one rule says about an evidence. */
export function judge(
  rule: Rule,
  evidence: Evidence,
  profile: Profile,
  connections: readonly Connection[] = [],
): readonly FindingDraft[] | 'not-applicable' {
  const result = rule.check(evidence, {
    at: NOW,
    horizonDays: 30,
    profile,
    ...(evidence.cluster && { cluster: evidence.cluster }),
    connections,
    components: [],
    expiry: expiryOf(evidence, NOW, 30),
    suspects: new Map(),
  })
  return typeof result === 'string' ? 'not-applicable' : [...result]
}
