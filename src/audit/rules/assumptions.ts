import { once } from '../../values/once.js'
import type { Evidence } from '../read/evidence.js'
import type { FindingDraft, Rule, RuleGroup } from '../types.js'
import { indexOf } from './by-evidence.js'

/** Groups that judge a certificate by the place which flags give it. */
const BY_PLACE: ReadonlySet<RuleGroup> = new Set(['C', 'E', 'S', 'I', 'T', 'A', 'M'])

const nodesByName = once(({ nodes }: Evidence) => new Map(nodes.map((node) => [node.name, node])))

/** Whether a finding about a file would be another one, or none, with other flags; connections say it of themselves. */
export function restsOnAssumption(
  { group }: Rule,
  { node: name, path }: FindingDraft,
  evidence: Evidence,
): boolean {
  const node = nodesByName(evidence).get(name ?? '')
  if (node?.launches.some(({ source }) => source === 'default') !== true) return false
  if (!BY_PLACE.has(group) || path === undefined) return false
  const { uses, trusts } = indexOf(evidence)
  return (
    uses.some(
      (use) =>
        use.node === node &&
        use.pem.place.path === path &&
        use.kubeconfig === undefined &&
        use.role !== 'kubelet-serving' &&
        use.role !== 'by-itself',
    ) ||
    trusts.some(
      (trust) =>
        trust.node === node && trust.pem.place.path === path && trust.launch?.source === 'default',
    )
  )
}
