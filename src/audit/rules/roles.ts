import type { Files } from '../../certs/paths.js'
import { type AuthorityId, LEAVES, type LeafRow } from '../../certs/table.js'
import { FLAGS, type PresentedRole, pathOf, type TrustRole } from '../../manifests/flags.js'
import { clusterTrust, userCredential } from '../graph/clients.js'
import {
  anchorsOf,
  embeddedFile,
  fileOnNode,
  type NamedFile,
  roleFile,
  type TrustAnchors,
  trustOf,
} from '../graph/credentials.js'
import { kubeletServing } from '../graph/servers.js'
import type {
  Certificate,
  KubeconfigFacts,
  Launch,
  NodeEvidence,
  PemFacts,
} from '../read/evidence.js'
import { pairsBeside } from '../read/pairs.js'

/** A certificate in the place from which a component takes it. */
export interface Use {
  readonly role: LeafRole
  readonly row: RoleRow
  readonly node: NodeEvidence
  readonly pem: PemFacts
  readonly certificate: Certificate
  /** The file that its key is taken from; absent where nothing names one. */
  readonly key?: NamedFile
  /** The kubeconfig that holds or names it. */
  readonly kubeconfig?: KubeconfigFacts
}

/** A file of certificate authorities in the place from which a component takes it. */
export interface TrustUse {
  readonly role: TrustUseRole
  readonly node: NodeEvidence
  readonly pem: PemFacts
  readonly certificates: readonly Certificate[]
  readonly anchors: ReadonlySet<Certificate>
  /** Absent for kubelets and kubeconfigs. */
  readonly launch?: Launch
}

interface Pair {
  readonly certificate: NamedFile
  readonly key?: NamedFile | undefined
}

function use(
  role: LeafRole,
  node: NodeEvidence,
  pair: Pair | undefined,
  kubeconfig?: KubeconfigFacts,
): readonly Use[] {
  const pem = pair?.certificate.pem
  const certificate = pem?.certificates[0]
  if (!pem || !certificate) return []
  const { key } = pair
  const more = { ...(key && { key }), ...(kubeconfig && { kubeconfig }) }
  return [{ role, row: ROLES[role], node, pem, certificate, ...more }]
}

/** Every certificate that a component of the node, or a person, presents; where none is seen, every pair. */
export function usesOf(node: NodeEvidence): readonly Use[] {
  const presented = presentedBy(node)
  if (!node.standsAlone) return presented
  const taken = new Set(presented.map(({ pem }) => pem))
  const rest = pairsBeside(node.pems).filter(
    ({ pem }) => !taken.has(pem) && !pem.certificates[0]?.facts.basicConstraints?.ca,
  )
  return [
    ...presented,
    ...rest.flatMap(({ pem, key }) =>
      use('by-itself', node, { certificate: embeddedFile(pem), key: embeddedFile(key) }),
    ),
  ]
}

function presentedBy(node: NodeEvidence): readonly Use[] {
  const { kubelet } = node
  const serving = kubelet && kubeletServing(node, kubelet)
  // Layouts that have none of its own lend it another’s, which is judged in that one’s role.
  const health = (part: keyof Files) =>
    fileOnNode(
      node,
      pathOf({ certificatesDir: node.pkiDirectory }, 'etcd-healthcheck-client', part),
    )
  return [
    ...PRESENTED.flatMap(({ component, role }) =>
      node.launches.flatMap((launch) => {
        if (launch.component !== component) return []
        const certificate = roleFile(node, launch, role, 'certificate')
        return use(
          role,
          node,
          certificate && { certificate, key: roleFile(node, launch, role, 'key') },
        )
      }),
    ),
    ...use('etcd-healthcheck-client', node, {
      certificate: health('certificate'),
      key: health('key'),
    }),
    ...use('kubelet-serving', node, typeof serving === 'object' ? serving : undefined),
    ...[...node.kubeconfigs.values()].flatMap((config) => {
      const isKubelet = `/${config.path}` === kubelet?.kubeconfigPath
      const file = fileOnNode(node, config.path)
      return config.users.flatMap((user) =>
        use(isKubelet ? 'kubelet-client' : 'user', node, userCredential(node, file, user), config),
      )
    }),
  ]
}

/** Every file of authorities that a component of the node, or a kubeconfig, trusts. */
export function trustsOf(node: NodeEvidence): readonly TrustUse[] {
  const clientCa = node.kubelet?.clientCaFile
  const trust = (
    role: TrustUseRole,
    anchors: TrustAnchors | undefined,
    launch?: Launch,
  ): readonly TrustUse[] => {
    const pem = anchors?.kind === 'file' ? anchors.file.pem : undefined
    if (!anchors || !pem) return []
    const certificates = anchorsOf(anchors)
    const by = launch && { launch }
    return [{ role, node, pem, certificates, anchors: new Set(certificates), ...by }]
  }
  return [
    ...TRUSTED.flatMap(({ component, role }) =>
      node.launches.flatMap((launch) =>
        launch.component === component ? trust(role, trustOf(node, launch, role), launch) : [],
      ),
    ),
    ...(clientCa === undefined
      ? []
      : trust('kubelet-client-ca', { kind: 'file', file: fileOnNode(node, clientCa) })),
    ...[...node.kubeconfigs.values()].flatMap((config) =>
      config.clusters.flatMap((cluster) =>
        trust('kubeconfig-ca', clusterTrust(node, fileOnNode(node, config.path), cluster)),
      ),
    ),
  ]
}

/** What a certificate is for, in the place where it was found. */
export type LeafRole =
  | PresentedRole
  | 'etcd-healthcheck-client'
  | 'kubelet-client'
  | 'user'
  | 'by-itself'

export interface RoleRow {
  /** In words. */
  readonly about: string
  /** What it must be good for; the certificate itself may be made for more. */
  readonly usages: readonly ('serverAuth' | 'clientAuth')[]
  /** Trust files that must accept it, in order of preference; the first role that exists decides. */
  readonly acceptedBy: readonly TrustUseRole[]
}

/** A file of authorities, by who uses it for what. */
export type TrustUseRole = TrustRole | 'kubeconfig-ca'

const server = ['serverAuth'] as const
const client = ['clientAuth'] as const

export const ROLES: Readonly<Record<LeafRole, RoleRow>> = {
  apiserver: {
    about: 'the API server’s serving certificate',
    usages: server,
    acceptedBy: ['root-ca', 'kubeconfig-ca', 'client-ca'],
  },
  'apiserver-kubelet-client': {
    about: 'the API server’s certificate towards kubelets',
    usages: client,
    acceptedBy: ['kubelet-client-ca', 'client-ca'],
  },
  'apiserver-etcd-client': {
    about: 'the API server’s certificate towards etcd',
    usages: client,
    acceptedBy: ['etcd-ca'],
  },
  'front-proxy-client': {
    about: 'the API server’s certificate towards extension API servers',
    usages: client,
    acceptedBy: ['requestheader-ca'],
  },
  'etcd-server': {
    about: 'etcd’s serving certificate',
    usages: server,
    acceptedBy: ['apiserver-etcd-ca', 'etcd-ca'],
  },
  'etcd-peer': {
    about: 'etcd’s certificate towards its peers',
    usages: ['serverAuth', 'clientAuth'],
    acceptedBy: ['etcd-peer-ca'],
  },
  'etcd-healthcheck-client': {
    about: 'the certificate of etcd’s health check',
    usages: client,
    acceptedBy: ['etcd-ca'],
  },
  'controller-manager-serving': {
    about: 'the controller manager’s serving certificate',
    usages: server,
    acceptedBy: [],
  },
  'scheduler-serving': {
    about: 'the scheduler’s serving certificate',
    usages: server,
    acceptedBy: [],
  },
  'kubelet-serving': {
    about: 'the kubelet’s serving certificate',
    usages: server,
    acceptedBy: [],
  },
  'kubelet-client': {
    about: 'the kubelet’s certificate towards the API server',
    usages: client,
    acceptedBy: ['client-ca'],
  },
  user: {
    about: 'a client certificate for the API server',
    usages: client,
    acceptedBy: ['client-ca'],
  },
  'by-itself': { about: 'a certificate beside its key', usages: [], acceptedBy: [] },
}

// What the kubelet presents and trusts comes from its configuration as well as from flags.
const BY_FLAG = FLAGS.filter(({ component }) => component !== 'kubelet')
const PRESENTED = Object.keys(ROLES).flatMap((wanted) =>
  BY_FLAG.flatMap(({ component, certificate: role }) =>
    role === wanted && isPresented(role) ? [{ component, role }] : [],
  ),
)
const TRUSTED = BY_FLAG.flatMap(({ component, trust: role }) =>
  role === undefined ? [] : [{ component, role }],
)

function isPresented(role: string): role is PresentedRole {
  return Object.hasOwn(ROLES, role)
}

const BY_ID: Readonly<Record<string, LeafRow | undefined>> = LEAVES

/** The authority of a cluster that a certificate of the role comes from. */
export function issuerOf(role: LeafRole): AuthorityId {
  return BY_ID[role]?.issuer ?? 'ca'
}

/** The authority of a cluster that a file of the role holds. */
export function authorityOf(role: TrustRole): string {
  return FLAGS.find(({ trust }) => trust === role)?.file ?? 'ca'
}
