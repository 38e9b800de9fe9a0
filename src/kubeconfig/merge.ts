import { dumpYaml, loadYaml } from '../files/yaml/yaml.js'

type NamedEntry = { readonly name: string } & Readonly<Record<string, unknown>>
type Config = Readonly<Record<string, unknown>>

/** A person’s kubeconfig with a cluster’s credentials in it. */
export interface MergedKubeconfig {
  readonly text: string
  /** Name of the context that reaches the cluster. */
  readonly context: string
  readonly changed: boolean
}

/**
 * Adds a cluster's admin kubeconfig to a person's. Cluster and context are called `name`, the user
 * `name-admin`; where another cluster has that name already, a number is added. Everything else stays, and
 * so does the current context, if there is one.
 *
 * @throws KpkiError `ERR_YAML_INVALID` when the person's file can't be read.
 * /
 *
 * @example
 * ```ts
 * import { readFile } from 'node:fs/promises'
 * import { mergeKubeconfig } from 'kpki/provision'
 *
 * const admin = await readFile('out/kubeconfig/admin.conf', 'utf8')
 * const { context, changed } = mergeKubeconfig(undefined, admin, 'aws')
 * console.log(context, changed)
 * ```
 */
export function mergeKubeconfig(
  existing: string | undefined,
  admin: string,
  name: string,
): MergedKubeconfig {
  const mine = object(loadYaml(admin, 'admin.conf'))
  const before = existing?.trim() ? object(loadYaml(existing, 'kubeconfig')) : {}
  const cluster = object(entries(mine.clusters)[0]?.cluster)
  const user = object(entries(mine.users)[0]?.user)
  const context = freeName(before, name, cluster)
  const wanted = {
    clusters: { name: context, cluster },
    users: { name: `${context}-admin`, user },
    contexts: { name: context, context: { cluster: context, user: `${context}-admin` } },
  }
  const after = {
    apiVersion: 'v1',
    kind: 'Config',
    ...before,
    clusters: placed(before.clusters, wanted.clusters),
    contexts: placed(before.contexts, wanted.contexts),
    users: placed(before.users, wanted.users),
    'current-context': before['current-context'] || context,
  }
  const changed = !same(before, after)
  return { text: changed ? dumpYaml(after) : (existing ?? ''), context, changed }
}

/** Our entry takes the place of its namesake or goes to the end; an equal one stays as it is. */
function placed(list: unknown, entry: NamedEntry): readonly NamedEntry[] {
  const all = entries(list)
  const at = all.findIndex((each) => each.name === entry.name)
  if (at < 0) return [...all, entry]
  return same(all[at], entry) ? all : all.with(at, entry)
}

const object = (value: unknown): Config =>
  typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Config) : {}

function entries(list: unknown): readonly NamedEntry[] {
  if (!Array.isArray(list)) return []
  return list.filter((each): each is NamedEntry => typeof object(each).name === 'string')
}

/** The first of name, name-2, name-3 … that is free or is this very cluster. */
function freeName(before: Config, name: string, cluster: Config): string {
  for (let number = 1; ; number++) {
    const candidate = number === 1 ? name : `${name}-${number}`
    const taken = entries(before.clusters).find((each) => each.name === candidate)
    const found = taken && object(taken.cluster)
    const field = 'certificate-authority-data'
    if (!found || found.server === cluster.server || found[field] === cluster[field])
      return candidate
  }
}

function same(a: unknown, b: unknown): boolean {
  if (typeof a !== 'object' || typeof b !== 'object' || a === null || b === null) return a === b
  const [left, right] = [object(a), object(b)]
  const keys = new Set([...Object.keys(left), ...Object.keys(right)])
  return [...keys].every((key) => same(left[key], right[key]))
}
