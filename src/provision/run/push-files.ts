import { firstBlock } from '../../ca/pem.js'
import {
  authorityFiles,
  KUBELET_DIR,
  KUBERNETES_DIR,
  serviceAccountFiles,
} from '../../certs/paths.js'
import { AUTHORITIES, type AuthorityId } from '../../certs/table.js'
import type { Cluster } from '../../cluster/cluster.js'
import type { FileEntry } from '../../files/tree.js'
import type { FileChange } from '../action.js'
import { joinsByKubeadm, type StepContext } from '../context.js'
import type { HostFile } from '../host/facts.js'

/** What is to do with a node's files, and what stands against it. */
export interface PushPlan {
  readonly changes: readonly FileChange[]
  /** Files that differ but are not ours to change any more. */
  readonly left: readonly string[]
  readonly refusals: readonly string[]
}

const kubeletConf = `${KUBERNETES_DIR}/kubelet.conf`

// From the moment kubeadm or the kubelet has rewritten them, these are theirs.
const handedOver: readonly string[] = [
  kubeletConf,
  `${KUBELET_DIR}/config.yaml`,
  `${KUBELET_DIR}/kubeadm-flags.env`,
]

/** The regular files of a node's tree that belong on the host. */
export function filesToPush(context: Omit<StepContext, 'facts' | 'peers'>): readonly FileEntry[] {
  const { cluster, node, tree } = context
  // With a token kubeadm join makes kubelet.conf by TLS bootstrap and refuses to run where there is one.
  const byToken = joinsByKubeadm(cluster, node) && cluster.provision.join === 'token'
  const skip = byToken ? kubeletConf : undefined
  return [...tree.values()].filter(
    (entry): entry is FileEntry => entry.kind === 'file' && entry.path !== skip,
  )
}

export function planPush(context: StepContext): PushPlan {
  const { facts, digest } = context
  const pushed = new Map(facts.values('pushed').map((line) => [line.slice(66), line.slice(0, 64)]))
  const guarded = guardedFiles(context.cluster)
  const changes: FileChange[] = []
  const left: string[] = []
  const refusals: string[] = []
  for (const entry of filesToPush(context)) {
    const { path, mode } = entry
    const sha256 = digest('sha256', entry.data)
    const owner = entry.owner ? `${entry.owner.uid}:${entry.owner.gid}` : '0:0'
    const wanted = { path, mode, owner, sha256 }
    const found = facts.files.get(path)
    if (found === undefined) changes.push({ ...wanted, change: 'create' })
    else if (found.kind !== 'file')
      refusals.push(`/${path} is ${found.kind === 'symlink' ? 'a symbolic link' : 'not a file'}`)
    else if (handedOver.includes(path)) {
      if (found.sha256 === sha256) continue
      if (found.sha256 === pushed.get(path))
        changes.push({ ...wanted, change: 'replace', before: found.sha256 })
      else left.push(path)
    } else if (found.sha256 === sha256 || sameCertificate(found, entry)) {
      if (found.mode !== mode || found.owner !== owner) changes.push({ ...wanted, change: 'mode' })
    } else {
      const refusal = guarded.has(path) ? refuse(context, path, found) : undefined
      if (refusal) refusals.push(refusal)
      else changes.push({ ...wanted, change: 'replace', before: found.sha256 })
    }
  }
  return { changes: changes.sort(order), left, refusals }
}

/** Authorities and the service-account keys, each with the certificate (or public key) that names it. */
function guardedFiles(cluster: Cluster): ReadonlyMap<string, string> {
  const guarded = new Map<string, string>()
  for (const id of Object.keys(AUTHORITIES) as AuthorityId[]) {
    const files = authorityFiles(cluster, id)
    guarded.set(files.certificate, files.certificate)
    guarded.set(files.key, files.certificate)
  }
  const serviceAccount = serviceAccountFiles(cluster)
  guarded.set(serviceAccount.key, serviceAccount.pub)
  guarded.set(serviceAccount.pub, serviceAccount.pub)
  return guarded
}

function refuse(context: StepContext, path: string, found: HostFile): string | undefined {
  const naming = guardedFiles(context.cluster).get(path) ?? path
  const named = context.facts.files.get(naming) ?? found
  const print = certificateHash(context, named.certificate) ?? named.sha256
  if (context.options.replaceCa.some((given) => plain(given) === print)) return undefined
  const what = path.includes('/sa.') ? 'another service-account key' : 'another authority'
  return `/${path} is ${what} (${naming === path ? 'its' : `that of ${naming}, its`} SHA-256 is ${print}): replacing it cuts off whatever trusts it; --replace-ca ${print} does so`
}

const plain = (print: string) =>
  print
    .replace(/^sha256:/i, '')
    .replaceAll(':', '')
    .toLowerCase()

function certificateHash(context: StepContext, pem: string | undefined): string | undefined {
  const der = derOf(pem)
  return der && context.digest('sha256', der)
}

function derOf(pem: string | Uint8Array | undefined): Uint8Array | undefined {
  if (pem === undefined) return undefined
  try {
    return firstBlock(pem, 'CERTIFICATE').der
  } catch {
    return undefined
  }
}

/** The same certificate in other line breaks. */
function sameCertificate(found: HostFile, entry: FileEntry): boolean {
  const [there, ours] = [derOf(found.certificate), found.certificate && derOf(entry.data)]
  return !!there && !!ours && there.length === ours.length && there.every((b, i) => b === ours[i])
}

// Manifests last: the kubelet starts pods from them, which want everything else to be there.
const order = (a: FileChange, b: FileChange) => rank(a.path) - rank(b.path)
const rank = (path: string) => (path.includes('/manifests/') ? 2 : path.endsWith('.key') ? 0 : 1)

/** Folders that the files lie in, parents first, with the tree's modes. */
export function foldersOf(
  context: StepContext,
  changes: readonly FileChange[],
): readonly { readonly path: string; readonly mode: number }[] {
  const folders = new Map<string, number>()
  for (const { path } of changes) {
    const parts = path.split('/').slice(0, -1)
    for (const at of parts.keys()) {
      const folder = parts.slice(0, at + 1).join('/')
      const entry = context.tree.get(folder)
      folders.set(folder, entry?.kind === 'directory' ? entry.mode : 0o755)
    }
  }
  return [...folders].map(([path, mode]) => ({ path, mode }))
}
