import { rewriteYaml } from '../files/yaml/document.js'
import { dumpYaml } from '../files/yaml/dump.js'
import { loadYaml } from '../files/yaml/yaml.js'
import { at, isObject, type Json, type JsonObject, listOf, sameJson } from '../values/json.js'

/** A person’s kubeconfig with a cluster’s credentials in it. */
export interface MergedKubeconfig {
  readonly text: string
  /** Name of the context that reaches the cluster. */
  readonly context: string
  readonly changed: boolean
}

/**
 * Adds a cluster's admin kubeconfig to a person's. Cluster and context are called `name`, the user
 * `name-admin`; where another cluster has that name already, a number is added. Everything else stays, with
 * its comments, and so does the current context, if there is one.
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
  const mine = loadObject(admin, 'admin.conf')
  const before = existing?.trim() ? loadObject(existing, 'kubeconfig') : {}
  const cluster = bodyOf(listOf(at(mine, 'clusters'))[0], 'cluster')
  const user = bodyOf(listOf(at(mine, 'users'))[0], 'user')
  const context = freeName(before, name, cluster)
  const reach = { cluster: context, user: `${context}-admin` }
  // The namespace that somebody chose stays.
  const own = bodyOf(named(before.contexts, context), 'context')
  const after = {
    ...before,
    apiVersion: before.apiVersion ?? 'v1',
    kind: before.kind ?? 'Config',
    clusters: placed(before.clusters, { cluster, name: context }),
    contexts: placed(before.contexts, { context: { ...own, ...reach }, name: context }),
    users: placed(before.users, { name: reach.user, user }),
    'current-context': before['current-context'] || context,
  }
  if (!existing?.trim()) return { text: dumpYaml(after), context, changed: true }
  if (sameJson(before, after)) return { text: existing, context, changed: false }
  const origins = new Map([['', { document: 0, path: [] }]])
  return { text: rewriteYaml(existing, [{ value: after, origins }]), context, changed: true }
}

function loadObject(text: string, source: string): JsonObject {
  const value = loadYaml(text, source)
  return isObject(value) ? value : {}
}

function bodyOf(entry: Json | undefined, field: string): JsonObject {
  const body = at(entry, field)
  return isObject(body) ? body : {}
}

function named(list: Json | undefined, name: string): Json | undefined {
  return listOf(list).find((entry) => at(entry, 'name') === name)
}

/** Our entry takes the place of its namesake or goes to the end. */
function placed(list: Json | undefined, entry: JsonObject): readonly Json[] {
  const all = listOf(list)
  const place = all.findIndex((each) => at(each, 'name') === entry.name)
  const old = all[place]
  return isObject(old) ? all.with(place, { ...old, ...entry }) : [...all, entry]
}

/** The first of name, name-2, name-3 … that is free or is this very cluster. */
function freeName(before: JsonObject, name: string, cluster: JsonObject): string {
  for (let number = 1; ; number++) {
    const candidate = number === 1 ? name : `${name}-${number}`
    const taken = named(before.clusters, candidate)
    const found = bodyOf(taken, 'cluster')
    const isOurs = ['server', 'certificate-authority-data'].some(
      (field) => found[field] === cluster[field],
    )
    const context = named(before.contexts, candidate)
    const leadsElsewhere = context && at(context, 'context', 'cluster') !== candidate
    if ((!taken || isOurs) && !leadsElsewhere) return candidate
  }
}
