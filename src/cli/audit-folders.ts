import { lstat, readdir, readFile, readlink } from 'node:fs/promises'
import { join } from 'node:path'
import { KpkiError } from '../errors.js'
import { readTree } from '../files/disk.js'
import { type FileTree, type TreeEntry, treeOf } from '../files/tree.js'

/** What says everything about a node's certificates, relative to its root directory. */
export const NODE_FOLDERS = [
  'etc/kubernetes',
  'var/lib/kubelet/pki',
  'var/lib/kubelet/config.yaml',
  'var/lib/kubelet/kubeadm-flags.env',
  'etc/etcd',
  'etc/ssl/etcd',
  'etc/systemd/system/kubelet.service',
  'etc/systemd/system/kubelet.service.d',
  'usr/lib/systemd/system/kubelet.service.d',
  'var/lib/kubernetes',
  'var/lib/minikube/certs',
  'var/lib/rancher/k3s/server/tls',
  'var/lib/rancher/rke2/server/tls',
] as const

/** Whether a folder is the root of a whole system: then only {@link NODE_FOLDERS} are of interest. */
export async function isSystemRoot(folder: string): Promise<boolean> {
  const names = new Set(await readdir(folder).catch(() => []))
  return ['etc', 'usr', 'var'].every((name) => names.has(name))
}

/**
 * Reads what is of interest below the root of a system.
 *
 * @throws KpkiError `ERR_FILE_UNREADABLE`.
 */
export async function readSystem(root: string): Promise<FileTree> {
  const entries: TreeEntry[] = []
  for (const path of NODE_FOLDERS) entries.push(...(await readPart(root, path)))
  return treeOf(entries)
}

async function readPart(root: string, path: string): Promise<readonly TreeEntry[]> {
  const full = join(root, path)
  try {
    const stat = await lstat(full)
    const about = { path, mode: stat.mode & 0o7777, owner: { uid: stat.uid, gid: stat.gid } }
    if (stat.isSymbolicLink()) return [{ kind: 'symlink', path, target: await readlink(full) }]
    if (stat.isFile())
      return [{ kind: 'file', ...about, data: await readFile(full), modified: stat.mtimeMs }]
    if (!stat.isDirectory()) return [{ kind: 'other', path, reason: 'not a regular file' }]
    const below = [...(await readTree(full)).values()]
    return [
      { kind: 'directory', ...about },
      ...below.map((entry) => ({ ...entry, path: `${path}/${entry.path}` })),
    ]
  } catch (cause) {
    if (cause instanceof KpkiError) throw cause
    const code = cause instanceof Error && 'code' in cause ? cause.code : undefined
    if (code === 'ENOENT' || code === 'ENOTDIR') return []
    throw new KpkiError(
      'ERR_FILE_UNREADABLE',
      `${full} cannot be read (${String(code)})`,
      { path: full },
      { cause },
    )
  }
}
