import { once } from '../../values/once.js'
import type { Evidence, NodeEvidence } from '../read/evidence.js'
import type { ComponentState, Connection, FindingDraft, Rule, RuleGroup } from '../types.js'
import { indexOf } from './by-evidence.js'

/** What is said behind a judgement that no manifest, unit or argument file bears out. */
export const ASSUMED = '(flags assumed from the layout)'

/** Groups that judge a certificate by the place which flags give it. */
const BY_PLACE: ReadonlySet<RuleGroup> = new Set(['C', 'E', 'S', 'I', 'T', 'A', 'M'])

const nodesByName = once(({ nodes }: Evidence) => new Map(nodes.map((node) => [node.name, node])))
const nodeNamed = (evidence: Evidence, name: string | undefined) =>
  nodesByName(evidence).get(name ?? '')

/** A component of a node whose flags are the layout's; any of them, where none is named. */
function isAssumed(node: NodeEvidence | undefined, component?: string): boolean {
  return (
    node?.launches.some(
      (launch) =>
        launch.source === 'default' && (component === undefined || launch.component === component),
    ) === true
  )
}

/** Whether a finding would be another one, or none, with other flags. */
export function restsOnAssumption(
  { group }: Rule,
  { node: name, path }: FindingDraft,
  evidence: Evidence,
): boolean {
  const node = nodeNamed(evidence, name)
  if (!isAssumed(node)) return false
  if (group === 'X') return true
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

const endOf = (end: string): readonly [component: string, node: string] => {
  const cut = end.indexOf('/')
  return [end.slice(0, cut).replace(/^etcd-peer$/, 'etcd'), end.slice(cut + 1)]
}

/** A connection that goes wrong, with the remark where flags of either side are assumed. */
export function remarkedConnection(connection: Connection, evidence: Evidence): Connection {
  const { must, will, reason, from, to } = connection
  if (must === will || reason === undefined) return connection
  const assumed = [from, to].some((end) => {
    const [component, node] = endOf(end)
    return isAssumed(nodeNamed(evidence, node), component)
  })
  return assumed ? { ...connection, reason: `${reason} ${ASSUMED}` } : connection
}

/** A component that does not start, with the remark where its flags are assumed. */
export function remarkedComponent(state: ComponentState, evidence: Evidence): ComponentState {
  const { node, name, reason } = state
  return reason !== undefined && isAssumed(nodeNamed(evidence, node), name)
    ? { ...state, reason: `${reason} ${ASSUMED}` }
    : state
}
