import type { CertificateFacts } from '../ca/certificate/facts.js'
import { readCertificate } from '../ca/certificate/read.js'
import type { Env } from '../ca/env.js'
import { publicKeyPem, sameKey } from '../ca/keys/keys.js'
import { type PrivateKey, readPrivateKey } from '../ca/keys/private-key.js'
import { verifySignature } from '../ca/keys/signature.js'
import { encodePem, parsePem } from '../ca/pem.js'
import { localSigner } from '../ca/signer.js'
import type { Cluster } from '../cluster/cluster.js'
import { isKpkiError, KpkiError } from '../errors.js'
import { type FileEntry, type FileTree, fileAt, textAt, textOf } from '../files/tree.js'
import { hexOf } from '../values/bytes.js'
import { type Authority, issue } from './issue.js'
import { pairAt, pkiDir, rootBundleFile, secretFile } from './paths.js'
import { type PlannedAuthority, planAuthorities } from './plan.js'
import { type Found, foundIn } from './reconcile.js'
import { SECRET_FILES } from './secrets.js'
import { AUTHORITIES, type AuthorityId } from './table.js'

/** The authorities of a cluster by id; in `single` there is `ca` alone. */
export type Authorities = ReadonlyMap<AuthorityId, Authority>

/**
 * Takes up the authorities that are in `existing` (`<base>.crt` and `<base>.key`) and makes those that are
 * missing. What is there is never replaced: a certificate without its key is trusted and cannot sign, a key
 * without its certificate is certified.
 *
 * @throws KpkiError `ERR_KEY_MISMATCH` for a key that does not fit, `ERR_SPEC_INVALID` when the authorities
 *   that are there belong to another topology, `ERR_PEM_INVALID`, `ERR_DER_INVALID`, `ERR_KEY_INVALID` for
 *   unreadable files.
 */
export async function establishAuthorities(
  cluster: Cluster,
  existing: FileTree,
  env: Env,
): Promise<Authorities> {
  refuseOtherTopology(cluster, existing)
  // Keys of all authorities at once: RSA generation dominates and runs on the thread pool.
  const prepared = await Promise.all(
    planAuthorities(cluster).map(async (planned) => {
      const found = readAuthority(planned, existing)
      const isNew = found.facts === undefined && found.key === undefined
      return { planned, found: isNew ? { key: await env.newKey(planned.keyAlgorithm) } : found }
    }),
  )
  const authorities = new Map<AuthorityId, Authority>()
  for (const { planned, found } of prepared) {
    const issuer = planned.issuer && authorities.get(planned.issuer)
    const { facts, pem, key } = found
    if (facts) await refuseUnfit(planned, facts, key, issuer, env)
    const { release } = cluster
    const made =
      facts && pem ? { facts, pem, key } : await issue(planned, issuer, release, env, key)
    const signer = made.key && (await localSigner(env.engine, made.key))
    authorities.set(planned.id, { id: planned.id, ...made, signer })
  }
  return authorities
}

function readAuthority({ base }: PlannedAuthority, existing: FileTree): Found {
  const files = pairAt(base)
  const [certificate, key] = [textAt(existing, files.certificate), textAt(existing, files.key)]
  return {
    ...named(files.certificate, () => foundIn({ certificate })),
    ...named(files.key, () => foundIn({ key })),
  }
}

/** Adds the file's name to whatever is wrong with its content. */
function named<T>(path: string, read: () => T): T {
  try {
    return read()
  } catch (cause) {
    if (!(cause instanceof KpkiError)) throw cause
    throw new KpkiError(
      'ERR_PEM_INVALID',
      `authorities/${path}: ${cause.message}`,
      { path },
      {
        cause,
        hint: 'restore the file from a backup: authorities are never replaced',
      },
    )
  }
}

async function refuseUnfit(
  { base }: PlannedAuthority,
  facts: CertificateFacts,
  key: PrivateKey | undefined,
  issuer: Authority | undefined,
  env: Env,
): Promise<void> {
  const path = `authorities/${base}`
  if (key !== undefined && !sameKey(key.spki, facts.publicKey.spki))
    throw new KpkiError('ERR_KEY_MISMATCH', `${path}.key does not belong to ${path}.crt`, {
      path: `${path}.key`,
    })
  if (facts.basicConstraints?.ca !== true)
    throw new KpkiError('ERR_PEM_INVALID', `${path}.crt is not a certificate authority's`, {
      path: `${path}.crt`,
    })
  if (facts.selfIssued !== (issuer === undefined))
    throw otherTopology(
      `${path}.crt`,
      facts.selfIssued ? 'is self-signed' : 'is signed by another authority',
    )
  if (
    issuer !== undefined &&
    !(await verifySignature(env.engine, facts, issuer.facts.publicKey.spki))
  )
    throw new KpkiError(
      'ERR_KEY_MISMATCH',
      `${path}.crt is not signed by authorities/${AUTHORITIES[issuer.id].base}.crt`,
      { path: `${path}.crt` },
      { hint: 'restore the authority that signed it from a backup' },
    )
}

// `single` has one key for everything, the others one for each authority.
function refuseOtherTopology(cluster: Cluster, existing: FileTree): void {
  const keys = new Map<string, string>()
  for (const { base } of Object.values(AUTHORITIES)) {
    const pem = textAt(existing, `${base}.crt`)
    if (pem === undefined) continue
    const key = hexOf(named(`${base}.crt`, () => readCertificate(pem)).publicKey.spki)
    const other = keys.get(key)
    if (
      cluster.pki.topology === 'single' ? keys.size > 0 && other === undefined : other !== undefined
    )
      throw otherTopology(
        `authorities/${base}.crt`,
        other === undefined
          ? 'is an authority of its own'
          : `has the key of authorities/${other}.crt`,
      )
    keys.set(key, base)
  }
}

function otherTopology(path: string, what: string): KpkiError {
  const message = `${path} belongs to another topology: it ${what}`
  return new KpkiError('ERR_SPEC_INVALID', message, {
    issues: [
      {
        path: 'spec.pki.topology',
        message: `${path} ${what}`,
        fix: 'keep the topology the folder was made with, or generate into a new folder',
      },
    ],
  })
}

/** Whether every authority of the cluster is there with its key, and the service-account key too. */
export function holdsEveryAuthority(cluster: Cluster, authorities: FileTree): boolean {
  const pairs = planAuthorities(cluster).flatMap(({ base }) => Object.values(pairAt(base)))
  return [...pairs, SECRET_FILES.serviceAccountKey].every((path) => authorities.has(path))
}

/** What a node's tree has of an authority, or of service-account keys, of which `authorities/` has nothing. */
export interface LeftCopy {
  /** The authority's id; `sa` for service-account keys. */
  readonly authority: string
  /** What is lost, and its other half, by their names below `authorities/`. */
  readonly key: string
  readonly certificate: string
  /** Where the copy lies in the node's tree. */
  readonly path: string
  readonly isKey: boolean
}

/** Keys first. */
export function copiesOfLost(
  cluster: Cluster,
  authorities: FileTree,
  node: FileTree,
): readonly LeftCopy[] {
  const account = {
    authority: 'sa',
    key: SECRET_FILES.serviceAccountKey,
    certificate: SECRET_FILES.serviceAccountPublicKey,
  }
  const pairs = planAuthorities(cluster).map(({ id, base }) => ({ authority: id, ...pairAt(base) }))
  const all = [...pairs, account]
  const names = all.flatMap(({ key, certificate }) => [key, certificate])
  // It may have been made for another certificatesDir. etcd/ca.key ends like ca.key.
  const nameOf = (path: string): string | undefined =>
    names
      .filter((name) => path.endsWith(`/${name}`))
      .reduce<string | undefined>((a, b) => (a && a.length > b.length ? a : b), undefined)
  const found = new Map([...node.keys()].map((path) => [nameOf(path), path]))
  const copies = all
    .filter(({ key, certificate }) => !authorities.has(key) && !authorities.has(certificate))
    .flatMap((lost) =>
      [lost.key, lost.certificate].flatMap((name): readonly LeftCopy[] => {
        const path = found.get(name)
        return path === undefined ? [] : [{ ...lost, path, isKey: name === lost.key }]
      }),
    )
  return copies.sort((a, b) => Number(b.isKey) - Number(a.isKey))
}

/**
 * `authorities` completed with what a control plane's tree still has of it. A certificate in one place
 * never meets a key from another that does not fit it.
 */
export function adoptFromNode(cluster: Cluster, authorities: FileTree, node: FileTree): FileTree {
  const complete = new Map(authorities)
  const adopt = (name: string, entry: FileEntry | undefined): void => {
    if (entry !== undefined && !complete.has(name)) complete.set(name, { ...entry, path: name })
  }
  const onNode = (name: string) => fileAt(node, `${pkiDir(cluster)}/${name}`)
  for (const { base } of Object.values(AUTHORITIES)) {
    const files = pairAt(base)
    const certificate = fileAt(authorities, files.certificate) ?? onNode(files.certificate)
    const key = fileAt(authorities, files.key) ?? onNode(files.key)
    const lost = !authorities.has(files.certificate) && !authorities.has(files.key)
    if (!lost && !fits(certificate, key)) continue
    adopt(files.certificate, certificate)
    adopt(files.key, key)
  }
  const [key, pub] = [SECRET_FILES.serviceAccountKey, SECRET_FILES.serviceAccountPublicKey]
  adopt(pub, onNode(pub))
  if (isPair(onNode(key), fileAt(complete, pub))) adopt(key, onNode(key))
  const root = `${AUTHORITIES['root-ca'].base}.crt`
  const pem = rootOfBundle(textAt(node, rootBundleFile(cluster)))
  if (pem !== undefined) adopt(root, secretFile(root, pem))
  return complete
}

/** Whether a service-account key is the one of the public key that is there; without one, it is. */
function isPair(key: FileEntry | undefined, pub: FileEntry | undefined): boolean {
  if (key === undefined || pub === undefined) return key !== undefined
  return unreadableIsNot(
    () => publicKeyPem(readPrivateKey(textOf(key)).spki).trim() === textOf(pub).trim(),
  )
}

function fits(certificate: FileEntry | undefined, key: FileEntry | undefined): boolean {
  if (certificate === undefined || key === undefined) return false
  return unreadableIsNot(() => {
    const { publicKey } = readCertificate(textOf(certificate))
    return sameKey(publicKey.spki, readPrivateKey(textOf(key)).spki)
  })
}

function unreadableIsNot(isFit: () => boolean): boolean {
  try {
    return isFit()
  } catch (error) {
    if (isKpkiError(error)) return false
    throw error
  }
}

// The bundle holds the issuing authority, then the root.
function rootOfBundle(bundle: string | undefined): string | undefined {
  const [, root] = parsePem(bundle ?? '')
  return root && encodePem('CERTIFICATE', root.der)
}
