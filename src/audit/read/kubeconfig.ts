import type { FileTree } from '../../files/tree.js'
import { type ClusterEntry, readKubeconfig, type UserEntry } from '../../kubeconfig/read.js'
import type {
  KubeconfigCluster,
  KubeconfigFacts,
  KubeconfigUser,
  PemFacts,
  Place,
} from './evidence.js'
import { fileOn } from './paths.js'
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
