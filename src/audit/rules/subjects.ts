import { commonNameOf } from '../../ca/certificate/names.js'
import type { TreeEntry } from '../../files/tree.js'
import type { ComponentName } from '../../manifests/flags.js'
import { hexOf } from '../../values/bytes.js'
import { groupBy } from '../../values/lists.js'
import { once } from '../../values/once.js'
import type {
  Certificate,
  Evidence,
  KubeconfigFacts,
  NodeEvidence,
  Place,
} from '../read/evidence.js'
import { indexOf } from './by-evidence.js'
import type { LeafRole, TrustUseRole } from './roles.js'
import type { Launched } from './rule.js'

// What rules go through: functions of the evidence, so that a row says `of: leaves`.

export const certificates = (evidence: Evidence) => evidence.certificates
export const authorities = (evidence: Evidence) => indexOf(evidence).authorities
/** Every certificate that is no authority. */
export const leaves = (evidence: Evidence) => indexOf(evidence).leaves
export const leavesByKey = once((evidence: Evidence) =>
  groupBy(leaves(evidence), ({ keyId }) => keyId),
)
export const pems = (evidence: Evidence) => indexOf(evidence).pems
/** Every key block, of certificates’ files and of others. */
export const keys = (evidence: Evidence) => indexOf(evidence).keys
export const nodes = (evidence: Evidence) => evidence.nodes
export const controlPlanes = only(nodes, ({ role }) => role === 'control-plane')

/** A file, directory or link of a node. */
export interface PlacedEntry<Entry extends TreeEntry = TreeEntry> {
  readonly node: NodeEvidence
  readonly entry: Entry
  readonly place: Place
}

export const placeIn = ({ name: node }: NodeEvidence, path: string): Place => ({ node, path })
export const placed = <Entry extends TreeEntry>(
  node: NodeEvidence,
  entry: Entry,
): PlacedEntry<Entry> => ({ node, entry, place: placeIn(node, entry.path) })
export const entries = once(({ nodes }: Evidence): readonly PlacedEntry[] =>
  nodes.flatMap((node) => [...node.tree.values()].map((entry) => placed(node, entry))),
)

/** A kubeconfig, and whose it is. */
export interface NodeKubeconfig {
  readonly node: NodeEvidence
  readonly config: KubeconfigFacts
}

export const kubeconfigs = (evidence: Evidence): readonly NodeKubeconfig[] =>
  indexOf(evidence).kubeconfigs

/** How components are started by a file that was found, not by a layout’s defaults, with flags that were all seen. */
export const launches = only(
  (evidence): readonly Launched[] => indexOf(evidence).launches,
  ({ launch }) => launch.source !== 'default' && launch.unseenFlags === undefined,
)
export const launchesAs = (component: ComponentName) =>
  only(launches, ({ launch }) => launch.component === component)

/** Kubelets whose configuration is there. */
export const configuredKubelets = ({ nodes }: Evidence) =>
  nodes.flatMap((node) => (node.kubelet?.config ? [{ node, kubelet: node.kubelet }] : []))

export const uses = (evidence: Evidence) => indexOf(evidence).uses
/** Certificates in one of these places. */
export const usesAs = (...roles: readonly LeafRole[]) =>
  only(uses, ({ role }) => roles.includes(role))

export const trusts = (evidence: Evidence) => indexOf(evidence).trusts
/** Files of authorities in one of these places. */
export const trustsAs = (...roles: readonly TrustUseRole[]) =>
  only(trusts, ({ role }) => roles.includes(role))

/** Only those of which something holds. */
export function only<T>(
  subjects: (evidence: Evidence) => readonly T[],
  holds: (one: T, evidence: Evidence) => unknown,
): (evidence: Evidence) => readonly T[] {
  return (evidence) => subjects(evidence).filter((one) => holds(one, evidence))
}

/** Equal for two certificates exactly when their subjects are the same bytes, as Go compares names. */
export const subjectKey = ({ facts }: Certificate) => hexOf(facts.subject.raw)

/** The kubelet’s own kubelet.crt: a leaf, and the throw-away authority that signed it. */
export function isSelfMade({ facts }: Certificate): boolean {
  return /@\d+$/.test(commonNameOf(facts.subject))
}
