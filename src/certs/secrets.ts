import type { Env } from '../ca/env.js'
import { publicKeyPem } from '../ca/keys/keys.js'
import { type PrivateKey, readPrivateKey } from '../ca/keys/private-key.js'
import type { Cluster } from '../cluster/cluster.js'
import { tokensIn } from '../cluster/kubeadm/tokens.js'
import { KpkiError } from '../errors.js'
import { type FileTree, textAt } from '../files/tree.js'
import { hexOf } from '../values/bytes.js'
import { at, filled } from '../values/json.js'
import { serviceAccountFiles } from './paths.js'

/** Secrets of a cluster that are not certificates. */
export interface ClusterSecrets {
  /** Signs service-account tokens; the same on every control plane. */
  readonly serviceAccountKey: PrivateKey
  /** SubjectPublicKeyInfo PEM of the same key. */
  readonly serviceAccountPublicKey: string
  /** kubeadm bootstrap token, `[a-z0-9]{6}.[a-z0-9]{16}`; undefined where nodes join with files. */
  readonly bootstrapToken: string | undefined
  /** kubeadm's certificate key: 32 bytes in lower-case hexadecimal. */
  readonly certificateKey: string
  /** Further tokens that kubeadm's documents name, by their place there. */
  readonly kubeadmTokens: ReadonlyMap<string, string>
}

/** File names of the secrets below `authorities/`. */
export const SECRET_FILES = {
  serviceAccountKey: 'sa.key',
  serviceAccountPublicKey: 'sa.pub',
  certificateKey: 'certificate-key',
  bootstrapToken: 'bootstrap-token',
  kubeadmTokens: 'kubeadm-tokens',
} as const satisfies { readonly [S in keyof ClusterSecrets]: string }

export type SecretId = keyof typeof SECRET_FILES

/** The secrets that a cluster has. */
export function secretIds(cluster: Cluster): readonly SecretId[] {
  const ids: readonly SecretId[] = [
    'serviceAccountKey',
    'serviceAccountPublicKey',
    'certificateKey',
  ]
  return [
    ...ids,
    ...(wantsToken(cluster) ? (['bootstrapToken'] as const) : []),
    ...(furtherTokens(cluster).size > 0 ? (['kubeadmTokens'] as const) : []),
  ]
}

/** Places of tokens in kubeadm's documents, without that of the cluster's own; undefined: kept in `authorities/`. */
export function furtherTokens(cluster: Cluster): ReadonlyMap<string, string | undefined> {
  const tokens = new Map(tokensIn(cluster.kubeadm))
  if (wantsToken(cluster)) tokens.delete('InitConfiguration.bootstrapTokens[0].token')
  return tokens
}

/** What a secret's file holds; undefined where there is no such secret. */
export function secretText(secrets: ClusterSecrets, id: SecretId): string | undefined {
  if (id === 'serviceAccountKey') return secrets.serviceAccountKey.pem()
  if (id === 'serviceAccountPublicKey') return secrets.serviceAccountPublicKey
  if (id === 'kubeadmTokens') {
    const lines = [...secrets.kubeadmTokens].map(([place, token]) => `${place} ${token}\n`)
    return lines.length === 0 ? undefined : lines.join('')
  }
  const value = secrets[id]
  return value === undefined ? undefined : `${value}\n`
}

const ALPHANUMERIC = 'abcdefghijklmnopqrstuvwxyz0123456789'

/**
 * Takes up the secrets in `existing` and makes those that are missing. `recovered` says from which node's folder
 * a file of `existing` came.
 *
 * @throws KpkiError `ERR_CA_KEY_MISSING` when only the public half of the service-account keys is there.
 */
export async function establishSecrets(
  cluster: Cluster,
  existing: FileTree,
  env: Env,
  recovered: ReadonlyMap<string, string>,
): Promise<ClusterSecrets> {
  const keyText = textAt(existing, SECRET_FILES.serviceAccountKey)
  if (keyText === undefined && existing.has(SECRET_FILES.serviceAccountPublicKey)) {
    const node = recovered.get(SECRET_FILES.serviceAccountPublicKey)
    throw lostServiceAccountKey(
      node === undefined
        ? `authorities/${SECRET_FILES.serviceAccountPublicKey}`
        : `${node}/${serviceAccountFiles(cluster).pub}`,
    )
  }
  const algorithm = cluster.pki.certificates.sa?.keyAlgorithm ?? cluster.pki.keyAlgorithm
  const serviceAccountKey =
    keyText === undefined ? await env.newKey(algorithm) : readPrivateKey(keyText)
  const kept = (name: string): string | undefined => textAt(existing, name)?.trim() || undefined
  return {
    serviceAccountKey,
    serviceAccountPublicKey: publicKeyPem(serviceAccountKey.spki),
    bootstrapToken: wantsToken(cluster)
      ? (configuredToken(cluster) ?? kept(SECRET_FILES.bootstrapToken) ?? newToken(env))
      : undefined,
    certificateKey:
      configuredKey(cluster) ?? kept(SECRET_FILES.certificateKey) ?? hexOf(env.randomBytes(32)),
    kubeadmTokens: establishTokens(cluster, textAt(existing, SECRET_FILES.kubeadmTokens) ?? ''),
  }
}

/** @throws KpkiError `ERR_KEY_INVALID` when a line is not a place and a token. */
function establishTokens(cluster: Cluster, text: string): ReadonlyMap<string, string> {
  const path = `authorities/${SECRET_FILES.kubeadmTokens}`
  const kept = new Map<string, string>()
  for (const [i, line] of text.split('\n').entries()) {
    if (line === '') continue
    const [, place, token] = /^(\S+) ([a-z0-9]{6}\.[a-z0-9]{16})$/.exec(line) ?? []
    if (place === undefined || token === undefined)
      throw new KpkiError(
        'ERR_KEY_INVALID',
        `${path}: line ${i + 1} is not a place and a token`,
        { path },
        { hint: 'restore the file from a backup, or remove it and name the tokens anew' },
      )
    kept.set(place, token)
  }
  const tokens = new Map<string, string>()
  for (const [place, given] of furtherTokens(cluster)) {
    const token = given ?? kept.get(place)
    if (token !== undefined) tokens.set(place, token)
  }
  return tokens
}

function lostServiceAccountKey(publicKey: string): KpkiError {
  return new KpkiError(
    'ERR_CA_KEY_MISSING',
    `authorities/${SECRET_FILES.serviceAccountKey} is lost, and ${publicKey} is still there: a new pair would end every service-account token`,
    { authority: 'sa' },
    {
      hint: 'restore it from a backup or a control plane; to end every token on purpose, remove sa.pub from authorities/ and from every control plane’s folder, and run again',
    },
  )
}

function wantsToken(cluster: Cluster): boolean {
  return cluster.provision.join === 'token'
}

function configuredKey({ kubeadm }: Cluster): string | undefined {
  const { initConfiguration, joinConfiguration } = kubeadm
  return (
    filled(at(initConfiguration, 'certificateKey')) ??
    filled(at(joinConfiguration, 'controlPlane', 'certificateKey'))
  )
}

function configuredToken(cluster: Cluster): string | undefined {
  const tokens = cluster.kubeadm.initConfiguration.bootstrapTokens
  const [first] = Array.isArray(tokens) ? tokens : []
  return typeof first?.token === 'string' ? first.token : undefined
}

function newToken(env: Env): string {
  const text = letters(env, 22)
  return `${text.slice(0, 6)}.${text.slice(6)}`
}

// Bytes from 252 on are drawn again: 252 is the largest multiple of 36, so every letter is as likely.
function letters(env: Env, length: number): string {
  let text = ''
  while (text.length < length)
    for (const byte of env.randomBytes(length))
      if (byte < 252 && text.length < length) text += ALPHANUMERIC.charAt(byte % 36)
  return text
}
