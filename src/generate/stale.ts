import { pairAt } from '../certs/paths.js'
import { SECRET_FILES } from '../certs/secrets.js'
import { AUTHORITIES } from '../certs/table.js'
import type { Cluster } from '../cluster/cluster.js'
import { KpkiError } from '../errors.js'
import { type FileTree, textAt } from '../files/tree.js'
import { operatorLayout } from './layout.js'

/** What an earlier run made for somebody whom the cluster file no longer has. */
export interface StalePath {
  /** A node's folder or a person's kubeconfig, relative to the output folder. */
  readonly path: string
  readonly reason: string
}

/** What of `nodes` and `kubeconfig`, as they lie in an output folder, is nobody's any more. */
export function stalePaths(
  cluster: Cluster,
  nodes: FileTree,
  kubeconfig: FileTree,
): readonly StalePath[] {
  const reason = (what: string) => `the cluster file has no such ${what}; its keys are still there`
  const names = new Set(cluster.nodes.map(({ name }) => name))
  const files = new Set(operatorLayout(cluster).files.map(({ path }) => path))
  return [
    ...[...kubeconfig.values()]
      .filter(({ kind, path }) => kind === 'file' && path.endsWith('.conf') && !files.has(path))
      .map(({ path }) => ({ path: `kubeconfig/${path}`, reason: reason('user') })),
    ...[...nodes.values()]
      .filter(({ kind, path }) => kind === 'directory' && !names.has(path))
      .map(({ path }) => ({ path: `nodes/${path}`, reason: reason('node') })),
  ]
}

/** Keys without which a cluster can't go on, as they are called below a certificates directory. */
const PRECIOUS = [
  ...Object.values(AUTHORITIES).map(({ base }) => pairAt(base).key),
  SECRET_FILES.serviceAccountKey,
]

/**
 * Refuses to give up a folder that holds a key which `authorities` has not, or one that can't be read: it may be the
 * last copy.
 *
 * @throws KpkiError `ERR_KEY_MISMATCH`
 */
export function refuseLastCopy(path: string, stale: FileTree, authorities: FileTree): void {
  const kept = new Set([...authorities.keys()].map((name) => textAt(authorities, name)))
  kept.delete(undefined)
  for (const name of stale.keys()) {
    const isPrecious = PRECIOUS.some((key) => `/${name}`.endsWith(`/${key}`))
    if (!isPrecious || kept.has(textAt(stale, name))) continue
    const key = `${path}/${name}`
    throw new KpkiError(
      'ERR_KEY_MISMATCH',
      `${key} is not in authorities/: it may be the last copy`,
      { path: key },
      { hint: 'put it away, or into authorities/ if it belongs there; then prune again' },
    )
  }
}
