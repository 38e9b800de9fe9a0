import { commonNameOf } from '../../ca/certificate/names.js'
import { fileAt, type TreeEntry, textOf } from '../../files/tree.js'
import { type ComponentName, KUBELET_FIELDS } from '../../manifests/flags.js'
import { hexOf } from '../../values/bytes.js'
import { flagOf } from '../../values/command-line.js'
import { at, scalarText } from '../../values/json.js'
import { groupBy } from '../../values/lists.js'
import { once } from '../../values/once.js'
import { readDocument } from '../read/documents.js'
import type {
  Certificate,
  Evidence,
  KubeconfigFacts,
  KubeletFacts,
  NodeEvidence,
  Place,
} from '../read/evidence.js'
import { isWholeCommand } from '../read/launch.js'
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

/** How components are started by a file that was found and read, not by a layout’s defaults, with flags that were all seen. */
export const launches = only(
  (evidence): readonly Launched[] => indexOf(evidence).launches,
  ({ launch }) => isWholeCommand(launch) && !(launch.failure && launch.flags.size === 0),
)
export const launchesAs = (component: ComponentName) =>
  only(launches, ({ launch }) => launch.component === component)

/** Kubelets whose configuration is there. */
export const configuredKubelets = ({ nodes }: Evidence) =>
  nodes.flatMap((node) => (node.kubelet?.config ? [{ node, kubelet: node.kubelet }] : []))

/** What counts of a kubelet's setting, and the file that says so: flags before drop-ins before the configuration. */
export function kubeletSetting(
  { node, kubelet }: { readonly node: NodeEvidence; readonly kubelet: KubeletFacts },
  flag: string | undefined,
  field = KUBELET_FIELDS.get(flag ?? ''),
): { readonly value?: string; readonly place: Place } {
  const given = flag === undefined ? undefined : flagOf(kubelet.flags, flag)
  const main = placeIn(node, kubelet.configPath ?? '')
  if (given !== undefined && flag !== undefined)
    return { value: given, place: placeIn(node, kubelet.flagPaths.get(flag) ?? main.path) }
  const value = field && scalarText(at(kubelet.config, ...field))
  if (!field || value === undefined) return { place: main }
  const sayer = [...kubelet.dropIns].reverse().find((path) => {
    const entry = fileAt(node.tree, path)
    return entry && at(readDocument(textOf(entry)).value, ...field) !== undefined
  })
  return { value, place: sayer === undefined ? main : placeIn(node, sayer) }
}

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
