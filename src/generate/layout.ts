import {
  authorityFiles,
  type Files,
  filesOf,
  KUBELET_DIR,
  KUBERNETES_DIR,
  MODES,
  pairAt,
  pkiDir,
  rootBundleFile,
  serviceAccountFiles,
} from '../certs/paths.js'
import {
  authorityIn,
  type PlannedAuthority,
  type PlannedCertificate,
  type PlannedLeaf,
  planAuthorities,
  planNode,
  planOperator,
} from '../certs/plan.js'
import { SECRET_FILES, type SecretId, secretIds } from '../certs/secrets.js'
import { AUTHORITIES, type AuthorityId } from '../certs/table.js'
import type { Cluster, ClusterNode } from '../cluster/cluster.js'
import type { FileEntry } from '../files/tree.js'
import { serverFor } from '../kubeconfig/servers.js'
import type { KubeconfigNames } from '../kubeconfig/write.js'
import type { JoinSecrets } from '../manifests/kubeadm/kubeadm.js'
import { nodeFiles } from '../manifests/node-files.js'

/** What one file holds; the certificates and keys in it are still plans. */
export type Holding =
  | { readonly kind: 'certificates'; readonly of: readonly PlannedCertificate[] }
  | { readonly kind: 'key'; readonly of: PlannedCertificate }
  | {
      readonly kind: 'kubeconfig'
      readonly of: PlannedLeaf
      readonly authorities: readonly PlannedAuthority[]
      readonly names: KubeconfigNames
    }
  | { readonly kind: 'secret'; readonly secret: SecretId }
  | { readonly kind: 'configuration'; readonly entry: FileEntry }

export interface LayoutFile {
  /** Relative to the folder of its {@link FolderLayout}. */
  readonly path: string
  readonly mode: number
  readonly holds: Holding
}

/** Every file of one folder of a cluster's output: the one place that says which there are. */
export interface FolderLayout {
  /** `authorities`, `nodes/<name>` or `kubeconfig`. */
  readonly folder: string
  readonly node?: string
  /** The certificates that are at home here: what else lies here is a copy for those who trust them. */
  readonly certificates: readonly (PlannedAuthority | PlannedLeaf)[]
  readonly files: readonly LayoutFile[]
  /** Folders whose mode matters. */
  readonly folders: readonly (readonly [path: string, mode: number])[]
}

/** `authorities/`: everything that is secret for the whole cluster. */
export function authoritiesLayout(cluster: Cluster): FolderLayout {
  const certificates = planAuthorities(cluster)
  const pairs = certificates.flatMap((authority) => {
    const files = pairAt(authority.base)
    return [secret(files.certificate, trust([authority])), keyFile(files, authority)]
  })
  const secrets = secretIds(cluster).map((id) => secretFile(SECRET_FILES[id], id))
  return { folder: 'authorities', certificates, files: [...pairs, ...secrets], folders: [] }
}

/** `nodes/<name>/`: what belongs on one node, from its root directory. */
export function nodeLayout(
  cluster: Cluster,
  node: ClusterNode,
  secrets: JoinSecrets,
): FolderLayout {
  const certificates = planNode(cluster, node)
  const configuration = nodeFiles(cluster, node, {
    ...secrets,
    // A joining control plane has its files already: with the key, kubeadm would download them.
    certificateKey: node.initial ? secrets.certificateKey : undefined,
  })
  return {
    folder: `nodes/${node.name}`,
    node: node.name,
    certificates,
    files: [
      ...trustFiles(cluster, node),
      ...certificates.flatMap((leaf) => leafFiles(cluster, node, leaf)),
      ...configuration.map((entry): LayoutFile => {
        const { path, mode } = entry
        return { path, mode, holds: { kind: 'configuration', entry } }
      }),
    ],
    folders: [
      [`${KUBERNETES_DIR}/manifests`, 0o700],
      [KUBELET_DIR, 0o700],
      [`${KUBELET_DIR}/pki`, 0o700],
      [pkiDir(cluster), 0o755],
    ],
  }
}

/** `kubeconfig/`: administrators and users, for people's own machines. */
export function operatorLayout(cluster: Cluster): FolderLayout {
  const certificates = planOperator(cluster)
  const files = certificates.flatMap((leaf) => leafFiles(cluster, undefined, leaf))
  return { folder: 'kubeconfig', certificates, files, folders: [] }
}

// Trust anchors and shared keys. Only control planes sign and verify tokens, serve etcd or call extension servers.
function trustFiles(cluster: Cluster, node: ClusterNode): readonly LayoutFile[] {
  const onControlPlane = node.role === 'control-plane'
  const withKeys = onControlPlane && cluster.pki.caKeys === 'on-control-plane'
  const ids: readonly AuthorityId[] = onControlPlane ? ['ca', 'front-proxy-ca', 'etcd-ca'] : ['ca']
  const pairs = ids
    .filter((id) => AUTHORITIES[id].when(cluster))
    .flatMap((id) => {
      const files = authorityFiles(cluster, id)
      const authorities = planned(cluster, [id])
      const certificate = readable(files.certificate, trust(authorities))
      return [certificate, ...(withKeys ? authorities.map((one) => keyFile(files, one)) : [])]
    })
  if (!onControlPlane) return pairs
  const account = serviceAccountFiles(cluster)
  return [
    ...pairs,
    ...(cluster.pki.topology === 'hierarchy'
      ? [readable(rootBundleFile(cluster), trust(planned(cluster, ['ca', 'root-ca'])))]
      : []),
    secretFile(account.key, 'serviceAccountKey'),
    secretFile(account.pub, 'serviceAccountPublicKey'),
  ]
}

function leafFiles(
  cluster: Cluster,
  node: ClusterNode | undefined,
  leaf: PlannedLeaf,
): readonly LayoutFile[] {
  const { place, subject } = leaf
  const files = filesOf(cluster, place)
  if (place.kind === 'pki' || place.kind === 'kubelet')
    return [keyFile(files, leaf), readable(files.certificate, trust([leaf]))]
  // People use clients that are not Go as well: those need the root.
  const withRoot = place.kind === 'operator' && cluster.pki.topology === 'hierarchy'
  // Names that people merge into one file must differ between clusters (kubernetes/kubeadm#416); the names in
  // components' kubeconfigs are checked by kubeadm and stay.
  const personal = place.kind === 'operator' || place.personal === true
  const context = `${subject.CN}@${cluster.clusterName}`
  const holds: Holding = {
    kind: 'kubeconfig',
    of: leaf,
    authorities: planned(cluster, withRoot ? ['ca', 'root-ca'] : ['ca']),
    names: {
      clusterName: cluster.clusterName,
      userName: personal && cluster.kubeconfig.uniqueNames ? context : subject.CN,
      contextName: context,
      server: serverFor(cluster, node, place),
      preferences: cluster.release.kubeconfigPreferences,
    },
  }
  return [secret(files.certificate, holds)]
}

function planned(cluster: Cluster, ids: readonly AuthorityId[]): readonly PlannedAuthority[] {
  const all = planAuthorities(cluster)
  return ids.flatMap((id) => all.find((one) => one.id === authorityIn(cluster, id)) ?? [])
}

function trust(of: readonly PlannedCertificate[]): Holding {
  return { kind: 'certificates', of }
}

function keyFile({ key }: Files, of: PlannedCertificate): LayoutFile {
  return secret(key, { kind: 'key', of })
}

function secretFile(path: string, id: SecretId): LayoutFile {
  return secret(path, { kind: 'secret', secret: id })
}

function secret(path: string, holds: Holding): LayoutFile {
  return { path, mode: MODES.secret, holds }
}

function readable(path: string, holds: Holding): LayoutFile {
  return { path, mode: MODES.certificate, holds }
}
