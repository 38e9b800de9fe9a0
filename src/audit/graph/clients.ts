import { textOf as contentOf } from '../../files/tree.js'
import { flagOf } from '../../values/command-line.js'
import { at, filled } from '../../values/json.js'
import { readDocument } from '../read/documents.js'
import type { KubeconfigFacts, Launch, NodeEvidence, PemFacts } from '../read/evidence.js'
import { fileOn, shortPath } from '../read/paths.js'
import {
  type Credential,
  embeddedFile,
  fileOfLaunch,
  fileOnNode,
  type NamedFile,
  type TrustAnchors,
} from './credentials.js'

export type ApiClientRole =
  | 'kubelet'
  | 'kube-controller-manager'
  | 'kube-scheduler'
  | 'kube-proxy'
  | 'admin'
  | 'super-admin'
  | 'user'

/** Somebody with a kubeconfig. */
export interface ApiClient {
  /** `<who>/<node>`, for example `kubelet/worker1`, `admin/operator`. */
  readonly id: string
  readonly role: ApiClientRole
  readonly node: NodeEvidence
  /** The kubeconfig; its facts are absent where the file is missing or no kubeconfig. */
  readonly file: NamedFile
  readonly kubeconfig?: KubeconfigFacts
  readonly server: string
  /** The name to verify instead of the server's host. */
  readonly serverName?: string
  readonly trust: TrustAnchors
  /** Undefined: it logs in with something else than a certificate. */
  readonly credential?: Credential
  readonly hasToken: boolean
}

const BY_FILE: Readonly<Record<string, ApiClientRole>> = {
  'kubelet.conf': 'kubelet',
  'controller-manager.conf': 'kube-controller-manager',
  'kube-controller-manager.kubeconfig': 'kube-controller-manager',
  'scheduler.conf': 'kube-scheduler',
  'kube-scheduler.kubeconfig': 'kube-scheduler',
  'kube-proxy.conf': 'kube-proxy',
  'kube-proxy.kubeconfig': 'kube-proxy',
  'admin.conf': 'admin',
  'admin.kubeconfig': 'admin',
  'super-admin.conf': 'super-admin',
}

/** Whose kubeconfig a file is by its usual name. */
export function roleOfFile(path: string): ApiClientRole {
  return BY_FILE[path.slice(path.lastIndexOf('/') + 1)] ?? 'user'
}

/** The user that RBAC binds a component's rights to (Kubernetes: default roles and role bindings). */
export const COMPONENT_USERS: Readonly<Partial<Record<ApiClientRole, string>>> = {
  'kube-controller-manager': 'system:kube-controller-manager',
  'kube-scheduler': 'system:kube-scheduler',
  'kube-proxy': 'system:kube-proxy',
}

/** Every kubeconfig of the given nodes as a client of the API, components' by their flags first. */
export function apiClients(folders: readonly NodeEvidence[]): readonly ApiClient[] {
  return folders.flatMap((node) => clientsOn(node))
}

function clientsOn(node: NodeEvidence): readonly ApiClient[] {
  const taken = new Set<string>()
  const named = new Map<ApiClientRole, NamedFile>()
  for (const launch of node.launches) {
    const role = launch.component
    if (role === 'etcd' || role === 'kube-apiserver' || role === 'kubelet') continue
    const file = kubeconfigOf(node, launch)
    if (file && !named.has(role)) named.set(role, file)
  }
  if (node.kubelet) {
    const file = fileOnNode(node, node.kubelet.kubeconfigPath)
    if (file.state === 'present') named.set('kubelet', file)
  }
  const clients: ApiClient[] = []
  for (const [role, file] of named) {
    taken.add(file.path)
    clients.push(clientOf(node, role, `${role}/${node.name}`, file))
  }
  for (const path of [...node.kubeconfigs.keys()].sort()) {
    if (taken.has(path)) continue
    const base = path.split('/').at(-1) ?? path
    // A bootstrap token's kubeconfig is the kubelet's way to its first certificate.
    if (base === 'bootstrap-kubelet.conf') continue
    const usual = roleOfFile(path)
    // A component that is told to use another file does not use this one.
    const role = named.has(usual) ? 'user' : usual
    const who = role === 'user' ? base.replace(/\.(conf|kubeconfig|ya?ml)$/, '') : role
    const id = clients.some((one) => one.id === `${who}/${node.name}`)
      ? `${who}(${shortPath(path)})/${node.name}`
      : `${who}/${node.name}`
    clients.push(clientOf(node, role, id, fileOnNode(node, path)))
  }
  return clients
}

/** `--kubeconfig`, or the scheduler's and kube-proxy's configuration file. */
export function kubeconfigOf(node: NodeEvidence, launch: Launch): NamedFile | undefined {
  const flag = flagOf(launch.flags, 'kubeconfig')
  if (flag !== undefined) return fileOfLaunch(node, launch, flag)
  const config = flagOf(launch.flags, 'config')
  const file = config === undefined ? undefined : fileOfLaunch(node, launch, config)
  const entry = file?.state === 'present' ? fileOn(node.tree, file.path) : undefined
  const { value } = entry ? readDocument(contentOf(entry)) : {}
  const path = filled(at(value, 'clientConnection', 'kubeconfig'))
  return path === undefined ? undefined : fileOfLaunch(node, launch, path)
}

function clientOf(node: NodeEvidence, role: ApiClientRole, id: string, file: NamedFile): ApiClient {
  const kubeconfig = node.kubeconfigs.get(file.path)
  const { cluster, user } = kubeconfig ?? {}
  const credential = user && userCredential(node, file, user)
  return {
    id,
    role,
    node,
    file,
    ...(kubeconfig && { kubeconfig }),
    server: cluster?.server ?? '',
    ...(cluster?.tlsServerName !== undefined && { serverName: cluster.tlsServerName }),
    trust: clusterTrust(node, file, cluster),
    ...(credential && { credential }),
    hasToken: user !== undefined && (user.token !== undefined || user.tokenFile !== undefined),
  }
}

/** What a client verifies a cluster of its kubeconfig with. */
export function clusterTrust(
  node: NodeEvidence,
  file: NamedFile,
  cluster: KubeconfigFacts['cluster'],
): TrustAnchors {
  if (!cluster) return { kind: 'system' }
  if (cluster.insecureSkipTlsVerify) return { kind: 'nothing-checked' }
  const { authority, authorityFile } = cluster
  if (authority) return { kind: 'file', file: embeddedFile(authority) }
  return authorityFile === undefined
    ? { kind: 'system' }
    : { kind: 'file', file: relativeTo(node, file, authorityFile) }
}

/** The certificate with which a user of a kubeconfig logs in. */
export function userCredential(
  node: NodeEvidence,
  file: NamedFile,
  user: NonNullable<KubeconfigFacts['user']>,
): Credential | undefined {
  const side = (pem: PemFacts | undefined, path: string | undefined): NamedFile => {
    if (pem) return embeddedFile(pem)
    return path === undefined ? { ...file, state: 'present' } : relativeTo(node, file, path)
  }
  const hasCertificate = user.certificate !== undefined || user.certificateFile !== undefined
  if (!hasCertificate) return undefined
  return {
    certificate: side(user.certificate, user.certificateFile),
    key: side(user.key, user.keyFile),
    embedded: user.certificateInline || user.keyInline,
  }
}

function relativeTo(node: NodeEvidence, file: NamedFile, path: string): NamedFile {
  const folder = file.path.split('/').slice(0, -1).join('/')
  return fileOnNode(node, path.startsWith('/') ? path : `${folder}/${path}`)
}
