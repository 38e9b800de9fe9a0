import type { Cluster } from '../../cluster/cluster.js'
import { KpkiError, messageOf } from '../../errors.js'
import { type FileTree, type TreeEntry, textAt } from '../../files/tree.js'
import type { AuditInput, Unrecognised } from './evidence.js'
import { LAYOUT_IDS } from './layouts.js'
import { holdsPki } from './read.js'

/** How deep below the given folder a cluster is looked for (a tarball's own top folder, for example). */
const MAX_DEPTH = 4

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

/** Signs of a node's root, or of a folder that lies at a known place below it (the place, with a final slash). */
const PLACES: readonly (readonly [RegExp, string])[] = [
  [
    /^(etc\/kubernetes|var\/lib\/(kubelet|kubernetes|minikube|rancher\/(k3s|rke2))|etc\/(etcd|ssl\/etcd))\/./,
    '',
  ],
  [
    /^(manifests\/(kube-|etcd)[^/]*\.ya?ml|(admin|kubelet|scheduler|controller-manager|super-admin)\.conf)$/,
    'etc/kubernetes/',
  ],
  [/^pki\/.*\.(crt|key)$/, 'etc/kubernetes/'],
  [/^ssl\/(ca|apiserver)\.(crt|pem)$/, 'etc/kubernetes/'],
  [/^server\/tls\/.*\.(crt|key)$/, 'var/lib/rancher/k3s/'],
  [/^(server-ca|client-ca|serving-kube-apiserver)\.crt$/, 'var/lib/rancher/k3s/server/tls/'],
  [/^(kubernetes\.pem|kube-api-server\.crt)$/, 'var/lib/kubernetes/'],
  [
    /^(ca|apiserver|front-proxy-ca|front-proxy-client|apiserver-etcd-client|etcd\/(ca|server|peer))\.crt$/,
    'etc/kubernetes/pki/',
  ],
]

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
  return {
    nodes,
    ...(authorities && { authorities }),
    ...(operator && { operator }),
    ...(parsed.cluster && { cluster: parsed.cluster }),
    origins,
    unrecognised: [...unrecognised, ...parsed.unrecognised],
  }
}

function clusterOf(tree: FileTree, path: string, readCluster: ClusterReader | undefined) {
  const text = textAt(tree, 'cluster.yaml')
  if (text === undefined || !readCluster) return { unrecognised: [] }
  try {
    return { cluster: readCluster(text), unrecognised: [] }
  } catch (error) {
    return { unrecognised: [{ path, reason: messageOf(error) }] }
  }
}

function looseFiles(tree: FileTree, prefix: string): AuditInput {
  const origins = moved(tree, '', prefix).origins
  const foreign = [...tree].filter(
    ([path, entry]) =>
      entry.kind === 'file' &&
      !/\.(crt|cer|cert|pem|key|pub|der|csr|conf|ya?ml|json|kubeconfig|env)$/i.test(path),
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

/** The node's own name for itself, from the files that say it in plain text. */
function nodeName(tree: FileTree): string | undefined {
  for (const [path, entry] of tree) {
    if (entry.kind !== 'file') continue
    const text = /manifests\/etcd\.ya?ml$/.test(path) ? textAt(tree, path) : undefined
    const etcd = text && /^[ \t]*- --name=([\w.-]+)[ \t\r]*$/m.exec(text)?.[1]
    if (etcd) return etcd
  }
  const kubelet = textAt(tree, 'etc/kubernetes/kubelet.conf')
  const user = kubelet && /system:node:([a-z0-9.-]+)/.exec(kubelet)?.[1]
  if (user) return user
  const flags = textAt(tree, 'var/lib/kubelet/kubeadm-flags.env')
  return flags && /--hostname-override=([a-z0-9.-]+)/.exec(flags)?.[1]
}
