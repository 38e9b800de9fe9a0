import { resolve } from 'node:path'
import type { Command } from 'commander'
import { readTree } from '../../files/disk.js'
import { type FileTree, file, treeOf } from '../../files/tree.js'
import { type Inspected, inspectFile } from '../../inspect/inspect.js'
import { inspectedLines } from '../../inspect/text.js'
import { isFolder, readInput } from '../input/text.js'
import type { ExitCode, Io } from '../io.js'

/** `kpki inspect`. */
export function inspectCommand(verb: Command, io: Io): Command {
  return verb
    .description(
      'Says what certificates, chains, signing requests, keys, kubeconfigs and PKCS#7 or PKCS#12 files hold. Private keys are never printed.',
    )
    .argument('<FILE...>', 'files or folders (- reads standard input)')
    .option('--json', 'print the facts as JSON')
    .addHelpText(
      'after',
      `
Examples:
  kpki inspect /etc/kubernetes/pki/apiserver.crt
  kpki inspect out/nodes/worker1
  kpki inspect --json admin.conf

Exit codes: 0 everything named holds something, 2 a file or folder holds nothing that is decoded here.
`,
    )
    .action(async (files: readonly string[], options: { readonly json?: boolean }) => {
      io.exit(await runInspect(io, files, options.json === true))
    })
}

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
    const before = found.length
    for (const entry of tree.values()) {
      if (entry.kind !== 'file') continue
      const name = folder ? `${path.replace(/(?<!\/)\/+$/, '')}/${entry.path}` : path
      const inspected = await inspectFile(name, entry.data)
      // In a folder, files that hold nothing of ours are not worth a line.
      if (inspected.objects.length > 0 || !folder) found.push(inspected)
    }
    if (found.length === before) found.push({ path, objects: [] })
  }
  if (json) io.out(`${JSON.stringify(found, undefined, 2)}\n`)
  else io.out(found.map((one) => inspectedLines(one, io.now())).join('\n'))
  return found.some(({ objects }) => objects.length === 0) ? 2 : 0
}
