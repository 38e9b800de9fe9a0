import type { FileTree } from '../../files/tree.js'
import { textOf } from '../../files/tree.js'
import { type ClusterEntry, readKubeconfig, type UserEntry } from '../../kubeconfig/read.js'
import { FLAGS } from '../../manifests/flags.js'
import { flagOf } from '../../values/command-line.js'
import { isList, isObject, type Json } from '../../values/json.js'
import { readDocument } from './documents.js'
import type {
  KubeconfigCluster,
  KubeconfigFacts,
  KubeconfigUser,
  Launch,
  PemFacts,
  Place,
} from './evidence.js'
import { fileOn, locate } from './paths.js'
import type { PemReader } from './pem.js'

/** What a kubeconfig says, with the certificates and keys that it embeds or names. Never throws. */
export async function kubeconfigFacts(
  tree: FileTree,
  place: Place,
  text: string,
  pems: PemReader,
): Promise<KubeconfigFacts> {
  const { node, path } = place
  const config = readKubeconfig(text)
  const folder = path.split('/').slice(0, -1).join('/')
  const pemOf = async (
    field: string,
    data: Uint8Array | undefined,
    file: string | undefined,
  ): Promise<PemFacts | undefined> => {
    if (data) return pems.read({ ...place, field }, data)
    const entry =
      file === undefined ? file : fileOn(tree, file.startsWith('/') ? file : `${folder}/${file}`)
    return entry && pems.read({ ...place, path: entry.path }, entry.data)
  }
  // One after the other: that is the order in which the evidence meets its certificates.
  const clusters = new Map<ClusterEntry, KubeconfigCluster>()
  for (const entry of config.clusters) {
    const { authorityData, ...cluster } = entry
    const authority = await pemOf(
      'certificate-authority-data',
      authorityData,
      cluster.authorityFile,
    )
    clusters.set(entry, { ...cluster, authority, authorityInline: authorityData !== undefined })
  }
  const users = new Map<UserEntry, KubeconfigUser>()
  for (const entry of config.users) {
    const { certificateData, keyData, ...user } = entry
    users.set(entry, {
      ...user,
      certificate: await pemOf('client-certificate-data', certificateData, user.certificateFile),
      certificateInline: certificateData !== undefined,
      key: await pemOf('client-key-data', keyData, user.keyFile),
      keyInline: keyData !== undefined,
    })
  }
  return {
    ...config,
    node,
    path,
    clusters: [...clusters.values()],
    users: [...users.values()],
    cluster: config.cluster && clusters.get(config.cluster),
    user: config.user && users.get(config.user),
  }
}

/** Paths of the kubeconfigs by which the API server calls webhooks: flags name them, or configuration that flags name. */
export function webhookPaths(tree: FileTree, launches: readonly Launch[]): ReadonlySet<string> {
  const found = new Set<string>()
  for (const launch of launches)
    for (const { component, flag, webhooks } of FLAGS) {
      if (component !== launch.component || !webhooks) continue
      const value = flagOf(launch.flags, flag)
      if (value === undefined) continue
      const paths = [value, ...namedIn(tree, launch, value)]
      for (const path of paths) {
        const located = locate(launch, path)
        if ('path' in located) found.add(located.path)
      }
    }
  return found
}

// `kubeConfigFile` of AdmissionConfiguration, of its plugins and of AuthorizationConfiguration.
function namedIn(tree: FileTree, launch: Launch, file: string): readonly string[] {
  const located = locate(launch, file)
  const entry = 'path' in located ? fileOn(tree, located.path) : undefined
  const named: string[] = []
  const walk = (value: Json | undefined): void => {
    if (isList(value)) for (const item of value) walk(item)
    if (!isObject(value)) return
    for (const [key, member] of Object.entries(value))
      if (/^kubeConfigFile$/i.test(key) && typeof member === 'string') named.push(member)
      else walk(member)
  }
  walk(entry && readDocument(textOf(entry)).value)
  return named
}
