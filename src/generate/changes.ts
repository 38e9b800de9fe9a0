import {
  directory,
  type FileEntry,
  type FileTree,
  fileAt,
  modeText,
  type TreeEntry,
  treeOf,
} from '../files/tree.js'
import { sameBytes } from '../values/bytes.js'

/** What happens to one file, and why. */
export interface Change {
  /** Relative to the output folder. */
  readonly path: string
  readonly action: 'create' | 'keep' | 'replace'
  readonly reason: string
}

/** When a certificate ends. */
export interface DatedCertificate {
  /** Row of the certificate table and owner, for example `apiserver/controlplane`. */
  readonly id: string
  readonly node: string | undefined
  /** Relative to the output folder. */
  readonly path: string
  readonly notAfter: Date
}

/** Files of one sub-folder of the output, and what writing them would change. */
export interface Part {
  /** `authorities`, `nodes/<name>` or `kubeconfig`. */
  readonly folder: string
  readonly node: string | undefined
  readonly tree: FileTree
  readonly changes: readonly Change[]
  readonly certificates: readonly DatedCertificate[]
}

/** A file to be, with the reason if it must change because of what it carries. */
export interface FileDraft {
  readonly entry: FileEntry
  readonly reason?: string
}

/** A part before it is compared with what is there. */
export interface DraftPart {
  readonly folder: string
  readonly node?: string
  readonly drafts: readonly FileDraft[]
  /** Folders whose mode matters. */
  readonly folders: readonly (readonly [path: string, mode: number])[]
  readonly certificates: readonly DatedCertificate[]
}

/** Says for each file of a part whether it is new, kept or replaced. */
export function compare(part: DraftPart, before: FileTree): Part {
  const entries: TreeEntry[] = part.folders.map(([path, mode]) => directory(path, mode))
  const changes: Change[] = []
  const prefix = part.folder === '' ? '' : `${part.folder}/`
  for (const { entry, reason } of part.drafts) {
    entries.push(entry)
    changes.push({ path: prefix + entry.path, ...verdict(entry, reason, before) })
  }
  return {
    folder: part.folder,
    node: part.node,
    tree: treeOf(entries),
    changes,
    certificates: part.certificates,
  }
}

function verdict(
  entry: FileEntry,
  reason: string | undefined,
  before: FileTree,
): Omit<Change, 'path'> {
  const old = fileAt(before, entry.path)
  if (old === undefined) return { action: 'create', reason: reason ?? 'it is not there' }
  if (!sameBytes(old.data, entry.data))
    return { action: 'replace', reason: reason ?? 'its content changed' }
  if (old.mode !== entry.mode)
    return {
      action: 'replace',
      reason: `its mode is ${modeText(old.mode)}, not ${modeText(entry.mode)}`,
    }
  return { action: 'keep', reason: 'it is right' }
}
