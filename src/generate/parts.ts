import type { Env } from '../ca/env.js'
import { pinOf } from '../ca/keys/keys.js'
import type { Verifier } from '../ca/keys/signature.js'
import type { Authorities } from '../certs/authorities.js'
import { type Authority, type Issued, issue } from '../certs/issue.js'
import { filesOf, pairAt } from '../certs/paths.js'
import type { PlannedCertificate, PlannedLeaf } from '../certs/plan.js'
import { reasonToReplace } from '../certs/reconcile.js'
import { type ClusterSecrets, secretText } from '../certs/secrets.js'
import { AUTHORITIES } from '../certs/table.js'
import type { Cluster } from '../cluster/cluster.js'
import { KpkiError } from '../errors.js'
import { type FileTree, file } from '../files/tree.js'
import { kubeconfigText } from '../kubeconfig/write.js'
import type { JoinSecrets } from '../manifests/kubeadm/kubeadm.js'
import type { DatedCertificate, DraftPart, FileDraft } from './changes.js'
import { readLeaf } from './found.js'
import type { FolderLayout, Holding } from './layout.js'

/** What every part of a cluster's output is made from. */
export interface PartContext {
  readonly cluster: Cluster
  readonly authorities: Authorities
  readonly secrets: ClusterSecrets
  readonly env: Env
  readonly verifier: Verifier
  /** Milliseconds. */
  readonly renewBefore: number | undefined
  /** Files of `authorities/` that were lost there, with the folder that still had them. */
  readonly recovered: ReadonlyMap<string, string>
}

/** What nodes are told of the cluster when they join it. */
export async function joinSecrets({
  authorities,
  secrets,
  env,
}: PartContext): Promise<JoinSecrets> {
  const { bootstrapToken, certificateKey, kubeadmTokens } = secrets
  const { spki } = held(authorities, 'ca').facts.publicKey
  const authorityPins = [await pinOf(env.engine, spki)]
  return { bootstrapToken, certificateKey, kubeadmTokens, authorityPins }
}

type Held = Pick<Authority, 'facts' | 'pem' | 'key'>

/** The files of a layout. Certificates in `before` that are right are kept, the others made. */
export async function draftPart(
  context: PartContext,
  { certificates, files, ...layout }: FolderLayout,
  before: FileTree,
): Promise<DraftPart> {
  const credentials = new Map<string, Held>(context.authorities)
  const reasons = new Map<string, string | undefined>()
  await Promise.all(
    certificates.map(async (planned) => {
      if (planned.profile === 'authority') return reasons.set(planned.id, planned.about)
      const { credential, reason } = await keepOrIssue(context, planned, before)
      credentials.set(planned.id, credential)
      return reasons.set(planned.id, reason)
    }),
  )
  const drafts = files.flatMap(({ path, mode, holds }): readonly FileDraft[] => {
    const content = contentOf(context, credentials, holds)
    if (content === undefined) return []
    const [planned] = 'of' in holds ? [holds.of].flat() : []
    const from = layout.folder === 'authorities' ? context.recovered.get(path) : undefined
    const reason =
      from === undefined
        ? planned && reasons.get(planned.id)
        : `recovered from ${from}${lostKey(context, path)}`
    return [{ entry: file(path, content, mode), ...(reason !== undefined && { reason }) }]
  })
  const dated = certificates.map((planned): DatedCertificate => {
    const { id, node } = planned
    const home =
      planned.profile === 'authority'
        ? pairAt(planned.base)
        : filesOf(context.cluster, planned.place)
    const path = `${layout.folder}/${home.certificate}`
    return { id, node, path, notAfter: held(credentials, id).facts.notAfter }
  })
  return { ...layout, drafts, certificates: dated }
}

function lostKey({ authorities }: PartContext, path: string): string {
  for (const { id, key } of authorities.values()) {
    const files = pairAt(AUTHORITIES[id].base)
    if (files.certificate === path && key === undefined)
      return `; its key is lost: restore authorities/${files.key} from a backup`
  }
  return ''
}

/** Undefined where there is no such key or secret: it is kept elsewhere. */
function contentOf(
  { secrets }: PartContext,
  credentials: ReadonlyMap<string, Held>,
  holds: Holding,
): string | Uint8Array | undefined {
  const chain = (of: readonly PlannedCertificate[]): string =>
    of.map(({ id }) => held(credentials, id).pem).join('')
  switch (holds.kind) {
    case 'certificates':
      return chain(holds.of)
    case 'key':
      return held(credentials, holds.of.id).key?.pem()
    case 'kubeconfig': {
      const { pem: certificatePem, key } = held(credentials, holds.of.id)
      const authorities = chain(holds.authorities)
      return key && kubeconfigText({ ...holds.names, authorities, certificatePem, key })
    }
    case 'secret':
      return secretText(secrets, holds.secret)
    case 'configuration':
      return holds.entry.data
  }
}

function held<K, T>(credentials: ReadonlyMap<K, T>, id: K): T {
  const credential = credentials.get(id)
  if (credential !== undefined) return credential
  throw new KpkiError('ERR_INTERNAL', `the certificate ${id} was not established`, {})
}

async function keepOrIssue(
  { cluster, authorities, env, verifier, renewBefore }: PartContext,
  planned: PlannedLeaf,
  before: FileTree,
): Promise<{ readonly credential: Issued; readonly reason?: string | undefined }> {
  const issuer = held(authorities, planned.issuer)
  const files = filesOf(cluster, planned.place)
  const make = () => issue(planned, issuer, cluster.release, env)
  if (!before.has(files.certificate) && !before.has(files.key)) return { credential: await make() }
  const { found, problem } = readLeaf(before, planned, files)
  const judge = { now: env.now, verifier, renewBefore }
  const reason = problem ?? (await reasonToReplace(planned, found, issuer, judge))
  const { facts, pem, key } = found
  const kept = reason === undefined && facts && pem && key ? { facts, pem, key } : undefined
  return { credential: kept ?? (await make()), reason }
}
