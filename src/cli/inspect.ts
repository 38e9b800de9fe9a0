import { resolve } from 'node:path'
import { readTree } from '../files/disk.js'
import { type FileTree, file, treeOf } from '../files/tree.js'
import { type Inspected, inspectFile } from '../inspect/inspect.js'
import { inspectedLines } from '../inspect/text.js'
import { isFolder, readInput } from './input.js'
import type { ExitCode, Io } from './io.js'

/** Decodes every file named and every file in the folders named. */
export async function runInspect(
  io: Io,
  paths: readonly string[],
  json: boolean,
): Promise<ExitCode> {
  const found: Inspected[] = []
  for (const path of paths) {
    const folder = path !== '-' && (await isFolder(resolve(io.cwd, path)))
    const tree: FileTree = folder
      ? await readTree(resolve(io.cwd, path))
      : treeOf([file(path, await readInput(io, path), 0o600)])
    for (const entry of tree.values()) {
      if (entry.kind !== 'file') continue
      const name = folder ? `${path.replace(/\/+$/, '')}/${entry.path}` : path
      const inspected = await inspectFile(name, entry.data)
      // In a folder, files that hold nothing of ours are not worth a line.
      if (inspected.objects.length > 0 || !folder) found.push(inspected)
    }
  }
  if (json) io.out(`${JSON.stringify(found, undefined, 2)}\n`)
  else io.out(found.map((one) => inspectedLines(one, io.now())).join('\n'))
  return found.some(({ objects }) => objects.length === 0) ? 2 : 0
}
