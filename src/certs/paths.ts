import type { Cluster } from '../cluster/cluster.js'
import { type FileEntry, file } from '../files/tree.js'
import { treePath } from '../values/paths.js'
import { AUTHORITIES, type AuthorityId, type CertificatePlace } from './table.js'

/** Modes that kubeadm gives its files. */
export const MODES = { certificate: 0o644, secret: 0o600 } as const

export const KUBERNETES_DIR = 'etc/kubernetes'
export const MANIFESTS_DIR = `${KUBERNETES_DIR}/manifests`
export const KUBELET_DIR = 'var/lib/kubelet'

/** Where a certificate and its key, or the kubeconfig that carries both, lie in the tree of their owner. */
export interface Files {
  readonly certificate: string
  readonly key: string
}

/** What the paths of a cluster's certificates depend on. */
type PkiLocation = Pick<Cluster, 'certificatesDir'>

/** The certificates directory inside a node's tree. */
export function pkiDir(cluster: PkiLocation): string {
  return treePath(cluster.certificatesDir)
}

/** Paths of a place. For a kubeconfig both are the kubeconfig itself. */
export function filesOf(cluster: PkiLocation, place: CertificatePlace): Files {
  switch (place.kind) {
    case 'pki':
      return pairAt(`${pkiDir(cluster)}/${place.base}`)
    case 'kubelet':
      return pairAt(`${KUBELET_DIR}/pki/kubelet`)
    case 'kubeconfig':
      return both(`${KUBERNETES_DIR}/${place.file}`)
    case 'operator':
      return both(place.file)
  }
}

/** Paths of an authority in a node's tree. */
export function authorityFiles(cluster: PkiLocation, id: AuthorityId): Files {
  return pairAt(`${pkiDir(cluster)}/${AUTHORITIES[id].base}`)
}

function both(path: string): Files {
  return { certificate: path, key: path }
}

/** The two files of a base name. */
export function pairAt(base: string): Files {
  return { certificate: `${base}.crt`, key: `${base}.key` }
}

/** The service-account key pair: the API server's and the controller manager's, not certificates. */
export function serviceAccountFiles(cluster: PkiLocation): {
  readonly key: string
  readonly pub: string
} {
  return { key: `${pkiDir(cluster)}/sa.key`, pub: `${pkiDir(cluster)}/sa.pub` }
}

/** Issuing authority followed by the root, for programs that need a self-signed anchor (`hierarchy` only). */
export function rootBundleFile(cluster: PkiLocation): string {
  return `${pkiDir(cluster)}/root-bundle.crt`
}

export function secretFile(path: string, content: string): FileEntry {
  return file(path, content, MODES.secret)
}
