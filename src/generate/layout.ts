import { readCertificate } from '../ca/certificate/read.js'
import type { Env } from '../ca/env.js'
import { readPrivateKey } from '../ca/keys/keys.js'
import type { Verifier } from '../ca/keys/signature.js'
import type { Authorities } from '../certs/authorities.js'
import { type Authority, type Issued, issueLeaf } from '../certs/issue.js'
import {
  authorityFiles,
  certificateFile,
  filesOf,
  KUBELET_DIR,
  KUBERNETES_DIR,
  pkiDir,
  rootBundleFile,
  secretFile,
  serviceAccountFiles,
} from '../certs/paths.js'
import { type PlannedLeaf, planAuthorities, planNode, planOperator } from '../certs/plan.js'
import { type FoundLeaf, reasonToReplace } from '../certs/reconcile.js'
import { type ClusterSecrets, SECRET_FILES } from '../certs/secrets.js'
import { AUTHORITIES, type AuthorityId } from '../certs/table.js'
import type { Cluster, ClusterNode } from '../cluster/cluster.js'
import { KpkiError } from '../errors.js'
import { type FileTree, textAt } from '../files/tree.js'
import { embeddedCredentials } from '../kubeconfig/read.js'
import { serverFor } from '../kubeconfig/servers.js'
import { kubeconfigText } from '../kubeconfig/write.js'
import { nodeFiles } from '../manifests/node-files.js'
import { hexOf } from '../values/bytes.js'
import type { DatedCertificate, DraftPart, FileDraft } from './changes.js'

/** What every part of a cluster's output is made from. */
export interface PartContext {
  readonly cluster: Cluster
  readonly authorities: Authorities
  readonly secrets: ClusterSecrets
  readonly env: Env
  readonly verifier: Verifier
  /** Milliseconds. */
  readonly renewBefore?: number
}

/** `authorities/`: everything that is secret for the whole cluster. */
export function authoritiesPart({ cluster, authorities, secrets }: PartContext): DraftPart {
  const drafts: FileDraft[] = []
  const certificates: DatedCertificate[] = []
  for (const { id, base, about } of planAuthorities(cluster)) {
    const authority = authorityOf(authorities, id)
    const path = `${base}.crt`
    drafts.push({ entry: secretFile(path, authority.pem), reason: about })
    if (authority.key !== undefined)
      drafts.push({ entry: secretFile(`${base}.key`, authority.key.pem()), reason: about })
    certificates.push({
      id,
      node: undefined,
      path: `authorities/${path}`,
      notAfter: authority.facts.notAfter,
    })
  }
  const { serviceAccountKey, serviceAccountPublicKey, bootstrapToken, certificateKey } = secrets
  drafts.push(
    { entry: secretFile(SECRET_FILES.serviceAccountKey, serviceAccountKey.pem()) },
    { entry: secretFile(SECRET_FILES.serviceAccountPublicKey, serviceAccountPublicKey) },
    { entry: secretFile(SECRET_FILES.certificateKey, `${certificateKey}\n`) },
  )
  if (bootstrapToken !== undefined)
    drafts.push({ entry: secretFile(SECRET_FILES.bootstrapToken, `${bootstrapToken}\n`) })
  return { folder: 'authorities', drafts, certificates, folders: [] }
}

/** `nodes/<name>/`: what belongs on one node, from its root directory. */
export async function nodePart(
  context: PartContext,
  node: ClusterNode,
  before: FileTree,
): Promise<DraftPart> {
  const { cluster } = context
  const leaves = await Promise.all(
    planNode(cluster, node).map((planned) => leafDrafts(context, node, planned, before)),
  )
  const drafts: FileDraft[] = [
    ...trustDrafts(context, node),
    ...leaves.flatMap((leaf) => leaf.drafts),
    ...nodeFiles(cluster, node, {
      bootstrapToken: context.secrets.bootstrapToken,
      // A joining control plane has its files already: with the key, kubeadm would download them.
      certificateKey: node.initial ? context.secrets.certificateKey : undefined,
      authorityPins: [await pinOf(context)],
    }).map((entry) => ({ entry })),
  ]
  return {
    folder: `nodes/${node.name}`,
    node: node.name,
    drafts,
    folders: [
      [`${KUBERNETES_DIR}/manifests`, 0o700],
      [KUBELET_DIR, 0o700],
      [`${KUBELET_DIR}/pki`, 0o700],
      [pkiDir(cluster), 0o755],
    ],
    certificates: leaves.map(({ planned, issued }) =>
      dated(cluster, `nodes/${node.name}`, planned, issued),
    ),
  }
}

/** `kubeconfig/`: administrators and users, for people's own machines. */
export async function operatorPart(context: PartContext, before: FileTree): Promise<DraftPart> {
  const leaves = await Promise.all(
    planOperator(context.cluster).map((planned) => leafDrafts(context, undefined, planned, before)),
  )
  return {
    folder: 'kubeconfig',
    drafts: leaves.flatMap((leaf) => leaf.drafts),
    folders: [],
    certificates: leaves.map(({ planned, issued }) =>
      dated(context.cluster, 'kubeconfig', planned, issued),
    ),
  }
}

function authorityOf(authorities: Authorities, id: AuthorityId): Authority {
  const authority = authorities.get(id)
  if (authority !== undefined) return authority
  throw new KpkiError('ERR_INTERNAL', `authority ${id} was not established`, {})
}

// What `kubeadm join` pins: the SHA-256 of the authority's SubjectPublicKeyInfo.
async function pinOf({ authorities, env }: PartContext): Promise<string> {
  const { spki } = authorityOf(authorities, 'ca').facts.publicKey
  const digest = await env.engine.subtle.digest('SHA-256', Uint8Array.from(spki))
  return `sha256:${hexOf(new Uint8Array(digest))}`
}

// Trust anchors and shared keys. Only control planes sign and verify tokens, serve etcd or call extension servers.
function trustDrafts(
  { cluster, authorities, secrets }: PartContext,
  node: ClusterNode,
): readonly FileDraft[] {
  const onControlPlane = node.role === 'control-plane'
  const ids: readonly AuthorityId[] = onControlPlane ? ['ca', 'front-proxy-ca', 'etcd-ca'] : ['ca']
  const drafts: FileDraft[] = []
  for (const id of ids) {
    if (!AUTHORITIES[id].when(cluster)) continue
    const { pem, key } = authorityOf(authorities, id)
    const files = authorityFiles(cluster, id)
    drafts.push({ entry: certificateFile(files.certificate, pem) })
    if (onControlPlane && cluster.pki.caKeys === 'on-control-plane' && key !== undefined)
      drafts.push({ entry: secretFile(files.key, key.pem()) })
  }
  if (!onControlPlane) return drafts
  if (cluster.pki.topology === 'hierarchy')
    drafts.push({ entry: certificateFile(rootBundleFile(cluster), rootBundle(authorities)) })
  const account = serviceAccountFiles(cluster)
  drafts.push(
    { entry: secretFile(account.key, secrets.serviceAccountKey.pem()) },
    { entry: secretFile(account.pub, secrets.serviceAccountPublicKey) },
  )
  return drafts
}

function rootBundle(authorities: Authorities): string {
  return authorityOf(authorities, 'ca').pem + authorityOf(authorities, 'root-ca').pem
}

interface LeafDrafts {
  readonly planned: PlannedLeaf
  readonly issued: Issued
  readonly drafts: readonly FileDraft[]
}

async function leafDrafts(
  context: PartContext,
  node: ClusterNode | undefined,
  planned: PlannedLeaf,
  before: FileTree,
): Promise<LeafDrafts> {
  const { cluster, authorities, env, verifier, renewBefore } = context
  const issuer = authorityOf(authorities, planned.issuer)
  const files = filesOf(cluster, planned.place)
  const exists = before.has(files.certificate) || before.has(files.key)
  const found = exists ? read(before, planned, files) : {}
  const reason = exists
    ? await reasonToReplace(planned, found, issuer, {
        now: env.now,
        verifier,
        ...(renewBefore !== undefined && { renewBefore }),
      })
    : undefined
  const { facts, pem, key } = found
  const kept = exists && reason === undefined && facts && pem && key
  const issued: Issued = kept
    ? { facts, pem, key }
    : await issueLeaf(planned, issuer, cluster.release, env)
  return {
    planned,
    issued,
    drafts: entriesOf(context, node, planned, issued).map((entry) => ({
      entry,
      ...(reason !== undefined && { reason }),
    })),
  }
}

function read(
  before: FileTree,
  { place }: PlannedLeaf,
  files: { readonly certificate: string; readonly key: string },
): FoundLeaf {
  try {
    const text = textAt(before, files.certificate)
    const embedded = place.kind === 'kubeconfig' || place.kind === 'operator'
    const { certificate, key } = embedded
      ? embeddedCredentials(text ?? '')
      : { certificate: text, key: textAt(before, files.key) }
    return {
      ...(certificate !== undefined && { facts: readCertificate(certificate), pem: certificate }),
      ...(key !== undefined && { key: readPrivateKey(key) }),
    }
  } catch (cause) {
    if (cause instanceof KpkiError) return { problem: `it cannot be read: ${cause.message}` }
    throw cause
  }
}

function entriesOf(
  { cluster, authorities }: PartContext,
  node: ClusterNode | undefined,
  { place, subject }: PlannedLeaf,
  { pem, key }: Issued,
) {
  const files = filesOf(cluster, place)
  if (place.kind === 'pki' || place.kind === 'kubelet')
    return [secretFile(files.key, key.pem()), certificateFile(files.certificate, pem)]
  const hierarchy = cluster.pki.topology === 'hierarchy'
  return [
    secretFile(
      files.certificate,
      kubeconfigText({
        clusterName: cluster.clusterName,
        userName: userEntry(cluster, subject.CN, place),
        contextName: `${subject.CN}@${cluster.clusterName}`,
        server: serverFor(cluster, node, place),
        // People use clients that are not Go as well: those need the root.
        authorities:
          place.kind === 'operator' && hierarchy
            ? rootBundle(authorities)
            : authorityOf(authorities, 'ca').pem,
        certificatePem: pem,
        key,
        preferences: cluster.release.kubeconfigPreferences,
      }),
    ),
  ]
}

// Names that people merge into one file must differ between clusters (kubernetes/kubeadm#416); the names in
// components' kubeconfigs are checked by kubeadm and stay.
function userEntry(cluster: Cluster, user: string, place: PlannedLeaf['place']): string {
  const merged =
    place.kind === 'operator' ||
    (place.kind === 'kubeconfig' && /^(super-)?admin\.conf$/.test(place.file))
  return merged && cluster.kubeconfig.uniqueNames ? `${user}@${cluster.clusterName}` : user
}

function dated(
  cluster: Cluster,
  folder: string,
  { id, node, place }: PlannedLeaf,
  { facts }: Issued,
): DatedCertificate {
  return {
    id,
    node,
    path: `${folder}/${filesOf(cluster, place).certificate}`,
    notAfter: facts.notAfter,
  }
}
