import { GO } from '../../ca/verify/consumers.js'
import { goRefuses } from '../../ca/verify/parser.js'
import type { LeafId } from '../../certs/table.js'
import { messageOf } from '../../errors.js'
import { type CredentialRole, FLAGS, type FlagRow, type TrustRole } from '../../manifests/flags.js'
import { flagOf } from '../../values/command-line.js'
import type {
  BlockFacts,
  Certificate,
  KeyFacts,
  Launch,
  NodeEvidence,
  PemFacts,
  Place,
} from '../read/evidence.js'
import { layoutFiles } from '../read/layouts.js'
import { fileOn, followLinks, isCovered, locate, shortPath } from '../read/paths.js'

/** A file that something names, and what is there. */
export interface NamedFile {
  readonly node: string
  /** Relative to the node's root. */
  readonly path: string
  /** `unknown`: the audited files do not reach there. */
  readonly state: 'present' | 'missing' | 'unmounted' | 'unknown'
  /** Why it was not read, although it is there. */
  readonly unread?: string
  /** The manifest that does not mount it. */
  readonly manifest?: string
  readonly pem?: PemFacts
}

/** A certificate chain with its key, as one side of a connection presents it. */
export interface Credential {
  readonly certificate: NamedFile
  readonly key: NamedFile
  /** Embedded data is checked when a client is made, files when it first connects. */
  readonly embedded: boolean
}

/** The CA bundle that one side trusts. */
export type TrustAnchors =
  | {
      readonly kind: 'file'
      readonly file: NamedFile
      /** Its reader takes every PEM block for a certificate, whatever its label and headers: etcd's. */
      readonly everyLabel?: true
    }
  /** The peer's certificate is not verified. */
  | { readonly kind: 'nothing-checked' }
  /** The operating system's roots, which hold no cluster's CA. */
  | { readonly kind: 'system' }

/** What was not among the files that were given, and what that leaves open. */
export interface Unseen {
  readonly message: string
  readonly node?: string
  readonly path?: string
}

/** Why something is refused: a stable code, a message, and the file to look at. */
export interface Refusal extends Unseen {
  readonly code: string
  /** Other files in which the fault may lie as well. */
  readonly suspects?: readonly Place[]
}

export function fileOnNode(node: NodeEvidence, path: string): NamedFile {
  const target = followLinks(node.tree, path)
  const base = { node: node.name, path: target ?? path.replace(/^\/+/, '') }
  if (target !== undefined && fileOn(node.tree, target)) {
    const pem = node.pems.get(target)
    return { ...base, state: 'present', ...(pem && { pem }) }
  }
  const entry = node.tree.get(base.path)
  if (entry?.kind === 'other') return { ...base, state: 'unknown', unread: entry.reason }
  return { ...base, state: isCovered(node, base.path) ? 'missing' : 'unknown' }
}

/** The file that a flag of a component names, seen through the pod's mounts. */
export function fileOfFlag(
  node: NodeEvidence,
  launch: Launch,
  flag: string,
): NamedFile | undefined {
  const value = flagOf(launch.flags, flag)
  return value === undefined ? undefined : fileOfLaunch(node, launch, value)
}

export function fileOfLaunch(node: NodeEvidence, launch: Launch, value: string): NamedFile {
  const located = locate(launch, value)
  if ('path' in located) return fileOnNode(node, located.path)
  const path = ('unmounted' in located ? located.unmounted : located.foreign).replace(/^\/+/, '')
  const state = 'unmounted' in located ? 'unmounted' : 'unknown'
  return { node: node.name, path, state, ...(launch.path && { manifest: launch.path }) }
}

function rowOf(
  { component }: Launch,
  table: readonly FlagRow[],
  names: (row: FlagRow) => boolean,
): FlagRow | undefined {
  return table.find((row) => row.component === component && names(row))
}

/** One of the two files by which a component plays a role. */
export function roleFile(
  node: NodeEvidence,
  launch: Launch,
  role: CredentialRole,
  part: 'certificate' | 'key',
  table = FLAGS,
): NamedFile | undefined {
  const row = rowOf(launch, table, (one) => one[part] === role)
  return row && fileOfFlag(node, launch, row.flag)
}

/** What a component presents or signs with in a role, by its flags. */
export function credentialOf(
  node: NodeEvidence,
  launch: Launch,
  role: CredentialRole,
  table = FLAGS,
): Credential | undefined {
  const certificate = roleFile(node, launch, role, 'certificate', table)
  const key = roleFile(node, launch, role, 'key', table)
  return certificate && key && { certificate, key, embedded: false }
}

/** The key with which a component signs service-account tokens. */
export function tokenSigner(node: NodeEvidence, launch: Launch): NamedFile | undefined {
  const row = rowOf(launch, FLAGS, ({ reader }) => reader === 'private-key')
  return row && fileOfFlag(node, launch, row.flag)
}

/** The keys with which a component checks service-account tokens. */
export function tokenVerifiers(node: NodeEvidence, launch: Launch): readonly NamedFile[] {
  const row = rowOf(launch, FLAGS, ({ reader }) => reader === 'public-keys')
  const values = (row && launch.flags.get(row.flag)) ?? []
  return values.map((value) => fileOfLaunch(node, launch, value))
}

/** What a component trusts in a role, by its flags. */
export function trustOf(
  node: NodeEvidence,
  launch: Launch,
  role: TrustRole,
  table = FLAGS,
): (TrustAnchors & { readonly kind: 'file' }) | undefined {
  const row = rowOf(launch, table, ({ trust }) => trust === role)
  const file = row && fileOfFlag(node, launch, row.flag)
  return file && { kind: 'file', file, ...(row.reader === 'etcd' && { everyLabel: true }) }
}

/** A PEM that a kubeconfig embeds or names. */
export function embeddedFile(pem: PemFacts): NamedFile {
  return { node: pem.place.node, path: pem.place.path, state: 'present', pem }
}

/** How messages name a file; data in a kubeconfig is named by its field. */
export function named(file: NamedFile): string {
  const field = file.pem?.place.field
  return field === undefined ? shortPath(file.path) : `${shortPath(file.path)} (${field})`
}

/** The certificates that `tls.X509KeyPair` takes: every CERTIFICATE block, the first one is the leaf. */
export function chainOf(pem: PemFacts | undefined): readonly Certificate[] {
  return (pem?.blocks ?? []).flatMap(({ label, certificate }) =>
    certificate && label === 'CERTIFICATE' ? [certificate] : [],
  )
}

export function leafOf(credential: Credential | undefined): Certificate | undefined {
  return chainOf(credential?.certificate.pem)[0]
}

/** The key that `tls.X509KeyPair` takes: the first private one. */
export function privateKeyOf(pem: PemFacts | undefined): KeyFacts | undefined {
  return pem?.keys.find((key) => key.private)
}

function problem(code: string, file: NamedFile, message: string): Refusal {
  return { code, message, node: file.node, path: file.path }
}

/** Why a file can't even be opened by its reader; undefined for one that is there or out of sight. */
export function absence(file: NamedFile, what: string): Refusal | undefined {
  if (file.state === 'missing')
    return problem('file-missing', file, `${what} ${named(file)} is missing`)
  if (file.state !== 'unmounted') return undefined
  const { node, path, manifest = path } = file
  const message = `${what} /${path} is outside the pod's mounts`
  return { code: 'file-unmounted', message, node, path: manifest }
}

/** What a reader of the file would see that nobody showed to the audit. */
export function unseenFile(file: NamedFile, what: string): Unseen | undefined {
  if (file.state !== 'unknown') return undefined
  const why =
    file.unread === undefined
      ? 'is not among the files that were given'
      : `was not read: ${file.unread}`
  const message = `${what} /${file.path} ${why}`
  return { message, node: file.node, path: file.path }
}

export function unseenPair({ certificate, key }: Credential, what: string): Unseen | undefined {
  return unseenFile(certificate, `${what} certificate`) ?? unseenFile(key, `${what} key`)
}

/** Why Go's parser refuses a CERTIFICATE block. */
function parseFailure({ label, certificate, failure }: BlockFacts): string | undefined {
  if (label !== 'CERTIFICATE') return undefined
  if (!certificate) return failure ?? 'malformed'
  try {
    return goRefuses(certificate.facts, LENIENT)?.message
  } catch (error) {
    return messageOf(error)
  }
}

// What a release makes of negative serial numbers is asked where chains are verified.
const LENIENT = { ...GO, negativeSerials: 'accepted' } as const

/** Why a key pair does not load, as `tls.X509KeyPair` says it; undefined when it does or can't be told. */
export function pairProblem(credential: Credential, what: string): Refusal | undefined {
  const { certificate, key } = credential
  const gone = absence(certificate, `${what} certificate`) ?? absence(key, `${what} key`)
  if (gone) return gone
  if (certificate.state === 'unknown' || key.state === 'unknown') return undefined
  const first = certificate.pem?.blocks.find(({ label }) => label === 'CERTIFICATE')
  if (!first) {
    const state = certificate.pem?.empty ? 'is empty' : 'holds no certificate'
    return problem('unparsable', certificate, `${what} certificate ${named(certificate)} ${state}`)
  }
  const torn = parseFailure(first)
  if (!first.certificate || torn !== undefined)
    return problem('unparsable', certificate, `${what} certificate ${named(certificate)}: ${torn}`)
  const found = privateKeyOf(key.pem)
  if (!found) return problem('key-missing', key, `${what} key ${named(key)} holds no private key`)
  if (found.encrypted)
    return problem('key-encrypted', key, `${what} key ${named(key)} is protected by a passphrase`)
  if (found.keyId === undefined) {
    const why = found.failure ?? 'malformed'
    return problem('unparsable', key, `${what} key ${named(key)} can't be read: ${why}`)
  }
  if (found.keyId === first.certificate.keyId) return undefined
  return problem(
    'key-mismatch',
    key,
    `${what} key ${named(key)} does not fit ${what} certificate ${named(certificate)}`,
  )
}

/** A bad block behind the leaf: the pair loads, but every peer parses all that is sent, and breaks off. */
export function chainProblem({ certificate }: Credential, what: string): Refusal | undefined {
  const bad = certificate.pem?.blocks.find((block) => parseFailure(block) !== undefined)
  if (!bad) return undefined
  const message = `${what} certificate ${named(certificate)} line ${bad.line}: ${parseFailure(bad)}`
  return problem('unparsable', certificate, message)
}

/**
 * Why a CA bundle does not load. `every-block`: readers that stop at the first bad block (client-go's
 * ParseCertsPEM, etcd); `any-block`: pools, which pass bad blocks over (AppendCertsFromPEM).
 */
export function bundleProblem(
  file: NamedFile,
  what: string,
  reader: 'every-block' | 'any-block',
  certificates = file.pem?.certificates ?? [],
): Refusal | undefined {
  const gone = absence(file, what)
  if (gone || file.state === 'unknown') return gone
  const bad = file.pem?.blocks.find((block) => parseFailure(block) !== undefined)
  if (bad && reader === 'every-block')
    return problem(
      'unparsable',
      file,
      `${what} ${named(file)} line ${bad.line}: ${parseFailure(bad)}`,
    )
  if (certificates.length > 0) return undefined
  const state = file.pem?.empty ? 'is empty' : 'holds no usable certificate'
  return problem('unparsable', file, `${what} ${named(file)} ${state}`)
}

export function anchorsOf(trust: TrustAnchors): readonly Certificate[] {
  if (trust.kind !== 'file') return []
  const { pem } = trust.file
  return trust.everyLabel && pem && !pem.der
    ? pem.blocks.flatMap(({ certificate }) => certificate ?? [])
    : (pem?.certificates ?? [])
}

/** A certificate that no flag names, where the node's layout has it. */
export function credentialInLayout(node: NodeEvidence, id: LeafId): Credential | undefined {
  const files = layoutFiles(node, id)
  return (
    files && {
      certificate: fileOnNode(node, files.certificate),
      key: fileOnNode(node, files.key),
      embedded: false,
    }
  )
}
