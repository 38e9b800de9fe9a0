import { commonNameOf } from '../../ca/certificate/names.js'
import { readCertificate } from '../../ca/certificate/read.js'
import { parsePem } from '../../ca/pem.js'
import type { Cluster } from '../../cluster/cluster.js'
import { KpkiError, messageOf } from '../../errors.js'
import { type FileTree, type TreeEntry, textAt, textOf } from '../../files/tree.js'
import { readKubeconfig } from '../../kubeconfig/read.js'
import type { AuditInput, Unrecognised } from './evidence.js'
import { LAYOUT_IDS, PLACES } from './layouts.js'
import { holdsPki, isOfKnownKind } from './read.js'

/** How deep below the given folder a cluster is looked for (a tarball's own top folder, for example). */
const MAX_DEPTH = 8

/**
 * Makes out what a tree is: an OUT folder of kpki, several nodes' roots side by side, one node's root,
 * a bare `/etc/kubernetes`, a bare `pki` folder, or loose files. What fits nowhere is listed.
 * /
 *
 * @example
 * ```ts
 * import { recognise } from 'kpki/audit'
 * import { readTree } from 'kpki/node'
 *
 * const { nodes, unrecognised } = recognise(await readTree('out'))
 * console.log([...nodes.keys()], unrecognised)
 * ```
 */
export function recognise(tree: FileTree, readCluster?: ClusterReader): AuditInput {
  return recogniseBelow(tree, '', 0, readCluster)
}

/**
 * Refuses what holds nothing to judge: absence is no health. Of several nodes every one must hold something.
 *
 * @throws KpkiError `ERR_NO_PKI`
 */
export function requirePki({ nodes, authorities, operator }: AuditInput, where: string): void {
  const [empty] = [...nodes].find(([, tree]) => !holdsPki(tree)) ?? []
  const others = [authorities, operator].some((tree) => tree !== undefined && holdsPki(tree))
  if (nodes.size > 0 ? empty === undefined : others) return
  const part = nodes.size > 1 ? ` (node ${empty})` : ''
  throw new KpkiError(
    'ERR_NO_PKI',
    `no Kubernetes PKI found in ${where}${part}`,
    { path: where },
    {
      hint: `looked for certificates and keys (.crt, .pem, .key, …), kubeconfigs, manifests, and configuration of kubelet and kubeadm, where ${LAYOUT_IDS.join(', ')} keep them`,
    },
  )
}

/** Reads the text of a `cluster.yaml`; may throw. */
export type ClusterReader = (text: string) => Cluster

function recogniseBelow(
  tree: FileTree,
  prefix: string,
  depth: number,
  readCluster: ClusterReader | undefined,
): AuditInput {
  if (has(tree, /^nodes\/[^/]+\/./)) return outFolder(tree, prefix, readCluster)
  const placed = placeOf(tree)
  if (placed !== undefined) return oneNode(tree, placed, prefix)
  const tops = topFolders(tree)
  const roots = [...tops].filter(([, part]) => placeOf(part) === '')
  if (roots.length > 1 || (roots.length === 1 && tops.size > 1))
    return manyNodes(tree, new Map(roots), prefix)
  const [only] = tops
  const loose = [...tree.keys()].some(
    (path) => !path.includes('/') && tree.get(path)?.kind !== 'directory',
  )
  if (only && tops.size === 1 && !loose && depth < MAX_DEPTH)
    return recogniseBelow(only[1], `${prefix}${only[0]}/`, depth + 1, readCluster)
  return looseFiles(tree, prefix)
}

function placeOf(tree: FileTree): string | undefined {
  return PLACES.find(([sign]) => has(tree, sign))?.[1]
}

function has(tree: FileTree, sign: RegExp): boolean {
  for (const [path, entry] of tree) if (entry.kind !== 'directory' && sign.test(path)) return true
  return false
}

function topFolders(tree: FileTree): ReadonlyMap<string, FileTree> {
  const tops = new Map<string, Map<string, TreeEntry>>()
  for (const [path, entry] of tree) {
    const cut = path.indexOf('/')
    if (cut < 0) continue
    const top = path.slice(0, cut)
    const part = tops.get(top) ?? new Map<string, TreeEntry>()
    const rest = path.slice(cut + 1)
    part.set(rest, { ...entry, path: rest })
    tops.set(top, part)
  }
  return tops
}

/** Moves a tree to its usual place on a node, and remembers what the user calls each path. */
function moved(tree: FileTree, place: string, prefix: string) {
  const origins = new Map<string, string>()
  const whole = new Map<string, TreeEntry>()
  for (const [path, entry] of tree) {
    whole.set(`${place}${path}`, place === '' ? entry : { ...entry, path: `${place}${path}` })
    if (place !== '' || prefix !== '') origins.set(`${place}${path}`, `${prefix}${path}`)
  }
  return { tree: place === '' ? tree : whole, origins }
}

function oneNode(tree: FileTree, place: string, prefix: string): AuditInput {
  const { tree: whole, origins } = moved(tree, place, prefix)
  const name = nodeName(whole) ?? 'node'
  return { nodes: new Map([[name, whole]]), origins: new Map([[name, origins]]) }
}

function manyNodes(
  tree: FileTree,
  roots: ReadonlyMap<string, FileTree>,
  prefix: string,
): AuditInput {
  const rest = [...tree.keys()].filter((path) => !roots.has(path.split('/')[0] ?? ''))
  return {
    nodes: roots,
    origins: new Map(
      [...roots].map(([name, part]) => [name, moved(part, '', `${prefix}${name}/`).origins]),
    ),
    unrecognised: rest.map((path) => ({ path: `${prefix}${path}`, reason: 'belongs to no node' })),
  }
}

function outFolder(tree: FileTree, prefix: string, readCluster?: ClusterReader): AuditInput {
  const tops = topFolders(tree)
  const nodes = topFolders(tops.get('nodes') ?? new Map())
  const [authorities, operator] = [tops.get('authorities'), tops.get('kubeconfig')]
  const unrecognised: Unrecognised[] = []
  const known = /^(nodes|authorities|kubeconfig)(\/|$)|^cluster\.yaml$|^\.[^/]*$/
  for (const path of tree.keys())
    if (!known.test(path))
      unrecognised.push({ path: `${prefix}${path}`, reason: 'no part of an output folder' })
  const parsed = clusterOf(tree, `${prefix}cluster.yaml`, readCluster)
  const origins = new Map<string, ReadonlyMap<string, string>>()
  for (const [name, part] of nodes)
    origins.set(name, moved(part, '', `${prefix}nodes/${name}/`).origins)
  if (authorities)
    origins.set('authorities', moved(authorities, '', `${prefix}authorities/`).origins)
  if (operator) origins.set('operator', moved(operator, '', `${prefix}kubeconfig/`).origins)
  const out = prefix === '' ? UNKNOWN_OUT : prefix.slice(0, -1)
  return {
    nodes,
    ...(authorities && { authorities }),
    ...(operator && { operator }),
    ...parsed,
    outs: outsOf(nodes, out),
    origins,
    unrecognised,
  }
}

/** What commands call an output folder whose place is not known. */
export const UNKNOWN_OUT = 'OUT'

/** One output folder for everything that was made in it. */
export function outsOf(
  nodes: ReadonlyMap<string, unknown>,
  out = UNKNOWN_OUT,
): ReadonlyMap<string, string> {
  return new Map([...nodes.keys(), 'authorities', 'operator'].map((part) => [part, out]))
}

function clusterOf(
  tree: FileTree,
  path: string,
  readCluster: ClusterReader | undefined,
): Pick<AuditInput, 'cluster' | 'unreadCluster'> {
  const text = textAt(tree, 'cluster.yaml')
  if (text === undefined || !readCluster) return {}
  try {
    return { cluster: readCluster(text) }
  } catch (error) {
    return { unreadCluster: { path, reason: messageOf(error) } }
  }
}

const KUBELET_USER = /system:node:([a-z0-9.-]+)/

/** The common name of the certificate that a kubeconfig embeds or a PEM holds; empty for anything else. */
function holderOf(text: string): string {
  try {
    const { user } = readKubeconfig(text)
    const pem = text.startsWith('-----BEGIN') ? text : textOfBytes(user?.certificateData)
    const [block] = parsePem(pem)
    return block ? commonNameOf(readCertificate(block.der).subject) : ''
  } catch {
    return ''
  }
}

function textOfBytes(bytes: Uint8Array | undefined): string {
  return bytes ? new TextDecoder('latin1').decode(bytes) : ''
}

function looseFiles(tree: FileTree, prefix: string): AuditInput {
  const origins = moved(tree, '', prefix).origins
  const foreign = [...tree].filter(
    ([path, entry]) => entry.kind === 'file' && !isOfKnownKind(entry) && !path.endsWith('.env'),
  )
  return {
    nodes: new Map([['files', tree]]),
    origins: new Map([['files', origins]]),
    unrecognised: foreign.map(([path]) => ({
      path: `${prefix}${path}`,
      reason: 'no known kind of file',
    })),
  }
}

const KUBELET_CREDENTIAL =
  /(^|\/)(etc\/kubernetes\/kubelet\.conf|var\/lib\/kubelet\/kubeconfig|credentials\/kubelet\.config|agent\/client-kubelet\.crt|kubelet\/pki\/kubelet-client-[^/]+\.pem)$/

/** The node's own name for itself, from its manifests and from what its kubelet calls itself. */
function nodeName(tree: FileTree): string | undefined {
  for (const [path, entry] of tree) {
    if (entry.kind !== 'file') continue
    const text = /manifests\/etcd\.ya?ml$/.test(path) ? textAt(tree, path) : undefined
    const etcd = text && /^[ \t]*- --name=([\w.-]+)[ \t\r]*$/m.exec(text)?.[1]
    if (etcd) return etcd
  }
  for (const [path, entry] of tree) {
    const text = entry.kind === 'file' && KUBELET_CREDENTIAL.test(path) ? textOf(entry) : ''
    const user = KUBELET_USER.exec(text)?.[1] ?? KUBELET_USER.exec(holderOf(text))?.[1]
    if (user) return user
  }
  const flags = textAt(tree, 'var/lib/kubelet/kubeadm-flags.env')
  return flags && /--hostname-override=([a-z0-9.-]+)/.exec(flags)?.[1]
}
