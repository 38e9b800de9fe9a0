import { textOf as contentOf, type FileTree } from '../../files/tree.js'
import { COMPONENT_NAMES } from '../../manifests/flags.js'
import { parseFlags, splitWords } from '../../values/command-line.js'
import type { Launch } from './evidence.js'

/** MicroK8s starts each component with the flags in a file of its name. */
const FILE = /^(var\/snap\/microk8s\/[^/]+)\/args\/([a-z-]+)$/

/** How components are started whose flags lie in files of their own. Never throws. */
export function readArgumentFiles(node: string, tree: FileTree): readonly Launch[] {
  const launches: Launch[] = []
  for (const [path, entry] of tree) {
    const [, data = '', name] = FILE.exec(path) ?? []
    const component = COMPONENT_NAMES.find((one) => one === name)
    if (!component || entry.kind !== 'file') continue
    const lines = contentOf(entry)
      .split('\n')
      .filter((line) => line.startsWith('--'))
      .map((line) => line.replaceAll(/\$\{?SNAP_DATA\b\}?/g, `/${data}`))
    const flags = parseFlags(lines.flatMap((line) => splitWords(line)))
    // dqlite has taken etcd's place; the file stays where it was.
    if (component === 'etcd' && tree.has(`${data}/args/k8s-dqlite`)) continue
    launches.push({ node, component, source: 'unit', path, flags, probes: [] })
  }
  return launches
}
