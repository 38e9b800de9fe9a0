import type { FileEntry, FileTree } from './tree.js'

/**
 * Files that are put in place together: certificate and key share a name up to the ending. The key comes
 * first, so that a cut leaves a pair that the next run recognises as broken, never a certificate whose key
 * is lost.
 */
export function pairs(tree: FileTree): readonly (readonly FileEntry[])[] {
  const groups = new Map<string, FileEntry[]>()
  for (const entry of tree.values()) {
    if (entry.kind !== 'file') continue
    const stem = entry.path.replace(/\.(crt|key|pub)$/, '')
    const group = groups.get(stem) ?? []
    group.push(entry)
    groups.set(stem, group)
  }
  for (const group of groups.values())
    group.sort((a, b) => Number(b.path.endsWith('.key')) - Number(a.path.endsWith('.key')))
  return [...groups.values()]
}

/** Every folder of a tree with its mode, parents first; `mode` where the tree does not say. */
export function foldersOf(tree: FileTree, mode: number): ReadonlyMap<string, number> {
  const modes = new Map<string, number>()
  for (const entry of tree.values()) {
    const names = entry.path.split('/')
    if (entry.kind !== 'directory') names.pop()
    for (let length = 1; length <= names.length; length++) {
      const folder = names.slice(0, length).join('/')
      const named = tree.get(folder)
      modes.set(folder, named?.kind === 'directory' ? named.mode : mode)
    }
  }
  return new Map([...modes].sort(([a], [b]) => (a < b ? -1 : 1)))
}

/** `a`, `a/b`, `a/b/c` of `a/b/c`. */
export function levels(folder: string | undefined): readonly string[] {
  const names = (folder ?? '').split('/').filter((name) => name !== '')
  return names.map((_, index) => names.slice(0, index + 1).join('/'))
}
