import { isKpkiError, KpkiError } from '../../errors.js'
import { quoted } from '../../values/text.js'
import type { CertificateFacts, ExtendedKeyUsage } from '../certificate/facts.js'
import { readCertificate } from '../certificate/read.js'
import { type CryptoEngine, runtimeEngine } from '../engine.js'
import { createVerifier, type Verifier } from '../keys/signature.js'
import { parsePem } from '../pem.js'
import { type ChainPolicy, GO, OPENSSL } from './consumers.js'
import { isHostname, nameMismatch } from './names.js'
import { goRefuses } from './parser.js'
import { findPath, keyIdentifierRank } from './path.js'
import { type ChainNote, type ChainNoteCode, type ChainReason, reason } from './reasons.js'

/** A certificate as PEM text, as DER (or PEM) bytes, or as read already. */
export type CertificateSource = string | Uint8Array | CertificateFacts

export type LeafRead =
  | { readonly ok: true; readonly certificate: CertificateFacts }
  | { readonly ok: false; readonly reason: ChainReason }

/** Reads the certificate to be verified. Never throws. */
export function readLeaf(source: CertificateSource, policy: ChainPolicy): LeafRead {
  return readOne(source, 'leaf', policy)
}

/**
 * Reads anchors or intermediates. As Go's pools do, unreadable certificates and PEM blocks of other
 * types or with headers are passed over; `skipped` says why. Never throws.
 */
export function readPool(
  sources: CertificateSource | readonly CertificateSource[],
  label: string,
  policy: ChainPolicy,
): {
  readonly certificates: readonly CertificateFacts[]
  readonly skipped: readonly ChainReason[]
} {
  const certificates: CertificateFacts[] = []
  const skipped: ChainReason[] = []
  const list: readonly CertificateSource[] = isList(sources) ? sources : [sources]
  for (const source of list.flatMap(split)) {
    const where = `${label}[${certificates.length + skipped.length}]`
    const read = readOne(source, where, policy)
    if (read.ok) certificates.push(read.certificate)
    else skipped.push(read.reason)
  }
  return { certificates, skipped }
}

function isList(
  sources: CertificateSource | readonly CertificateSource[],
): sources is readonly CertificateSource[] {
  return Array.isArray(sources)
}

/** A text of no certificate at all stays as it is: reading it says what is wrong with it. */
function split(source: CertificateSource): readonly CertificateSource[] {
  const isText = typeof source === 'string' || (source instanceof Uint8Array && source[0] === DASH)
  if (!isText) return [source]
  const blocks = parsePem(source).filter(
    ({ label, headers }) => label === 'CERTIFICATE' && Object.keys(headers).length === 0,
  )
  return blocks.length === 0 ? [source] : blocks.map(({ der }) => der)
}

const DASH = 0x2d

function readOne(source: CertificateSource, where: string, policy: ChainPolicy): LeafRead {
  try {
    const isRaw = typeof source === 'string' || source instanceof Uint8Array
    const certificate = isRaw ? readCertificate(source) : source
    const refused = policy.parser === 'go' ? goRefuses(certificate, policy) : undefined
    return refused === undefined ? { ok: true, certificate } : { ok: false, reason: refused }
  } catch (error) {
    if (!isKpkiError(error)) throw error
    const reason = { code: 'unparsable', message: error.message, certificate: where } as const
    return { ok: false, reason }
  }
}

/** Where an accepted chain leaves RFC 5280, although Go lets it pass. */
export function chainNotes(chain: readonly CertificateFacts[]): readonly ChainNote[] {
  return chain.flatMap((certificate, index) => {
    const issuer = chain[index + 1]
    const found: (readonly [code: ChainNoteCode, message: string])[] = [
      ...identityNotes(certificate),
      ...keyIdentifierNotes(certificate, issuer),
      ...(index === 0 && !certificate.basicConstraints?.ca ? leafNotes(certificate) : []),
      ...(index > 0 || certificate.basicConstraints?.ca ? authorityNotes(certificate) : []),
      ...constraintNotes(certificate),
      ...certificate.oddities
        .filter((text) => !/^serial number/.test(text))
        .map((text) => ['encoding', text] as const),
    ]
    return found.map(([code, message]) => reason(code, certificate, message))
  })
}

type Notes = Generator<readonly [ChainNoteCode, string], undefined>

function* identityNotes({ version, serial, serialBytes, ...certificate }: CertificateFacts): Notes {
  if (version < 3) yield ['old-version', `is version ${version}, not 3 (RFC 5280 §4.1.2.1)`]
  if (serial <= 0n) {
    yield ['serial-not-positive', `has the serial number ${serial} (RFC 5280 §4.1.2.2)`]
  }
  if (serialBytes.length > 20) {
    const message = `has a serial number of ${serialBytes.length} octets, more than 20 (RFC 5280 §4.1.2.2)`
    yield ['serial-too-long', message]
  }
  if (certificate.issuer.rdns.length === 0) {
    yield ['empty-issuer', 'has an empty issuer name (RFC 5280 §4.1.2.4)']
  }
  return
}

function* keyIdentifierNotes(
  certificate: CertificateFacts,
  issuer: CertificateFacts | undefined,
): Notes {
  const { authorityKeyIdentifier, selfIssued } = certificate
  if (authorityKeyIdentifier?.keyIdentifier === undefined && !selfIssued) {
    yield ['missing-aki', 'has no authority key identifier (RFC 5280 §4.2.1.1)']
  }
  if (issuer !== undefined && keyIdentifierRank(issuer, certificate) === 2) {
    const message =
      'its authority key identifier is not the subject key identifier of its issuer (RFC 5280 §4.2.1.1)'
    yield ['aki-mismatch', message]
  }
  return
}

function* leafNotes(leaf: CertificateFacts): Notes {
  const { keyUsage, basicConstraints, altNames, subject } = leaf
  if (leaf.nameConstraints !== undefined) {
    yield ['name-constraints-on-leaf', 'has name constraints, but is no CA (RFC 5280 §4.2.1.10)']
  }
  if (keyUsage?.bits.includes('keyCertSign')) {
    yield ['key-cert-sign-without-ca', 'allows keyCertSign, but is no CA (RFC 5280 §4.2.1.3)']
  }
  if (basicConstraints?.pathLength !== undefined) {
    yield ['path-length-without-ca', 'has a path length, but is no CA (RFC 5280 §4.2.1.9)']
  }
  if (subject.rdns.length === 0 && altNames === undefined) {
    yield ['no-san', 'has neither a subject nor alternative names (RFC 5280 §4.1.2.6)']
  }
  if (subject.rdns.length === 0 && altNames !== undefined && !altNames.critical) {
    const message = 'has an empty subject and alternative names that are not critical (§4.2.1.6)'
    yield ['san-not-critical', message.replace('(§', '(RFC 5280 §')]
  }
  return
}

function* authorityNotes(authority: CertificateFacts): Notes {
  const { basicConstraints, keyUsage, subjectKeyIdentifier, subject } = authority
  if (basicConstraints !== undefined && !basicConstraints.critical) {
    const message = 'its basic constraints are not critical (RFC 5280 §4.2.1.9)'
    yield ['basic-constraints-not-critical', message]
  }
  if (subjectKeyIdentifier === undefined) {
    yield ['missing-ski', 'is a CA without a subject key identifier (RFC 5280 §4.2.1.2)']
  }
  if (subject.rdns.length === 0) {
    yield ['empty-subject', 'is a CA with an empty subject (RFC 5280 §4.1.2.6)']
  }
  if (keyUsage === undefined) {
    yield ['key-usage-missing', 'is a CA without a key usage (RFC 5280 §4.2.1.3)']
  } else if (!keyUsage.bits.includes('keyCertSign')) {
    yield ['key-cert-sign-missing', 'is a CA whose key usage lacks keyCertSign (RFC 5280 §4.2.1.9)']
  } else if (basicConstraints?.pathLength !== undefined && !basicConstraints.ca) {
    yield ['path-length-without-ca', 'has a path length, but is no CA (RFC 5280 §4.2.1.9)']
  }
  return
}

function* constraintNotes({ nameConstraints, altNames, ...certificate }: CertificateFacts): Notes {
  if (nameConstraints !== undefined) {
    const { critical, permitted, excluded } = nameConstraints
    if (!critical) {
      const message = 'its name constraints are not critical (RFC 5280 §4.2.1.10)'
      yield ['name-constraints-not-critical', message]
    }
    const unchecked = [permitted, excluded].some((tree) => tree.directory.length + tree.other > 0)
    if (unchecked) {
      const message = 'constrains names of kinds that Go does not compare (RFC 5280 §4.2.1.10)'
      yield ['name-constraints-unchecked', message]
    }
  }
  const odd = altNames?.dns.find((name) => !isHostname(name, true) || /_|^-|-(\.|$)/.test(name))
  if (odd !== undefined) {
    yield ['san-syntax', `its DNS name ${quoted(odd)} is not a host name (RFC 5280 §4.2.1.6)`]
  }
  const { extendedKeyUsage } = certificate
  if (extendedKeyUsage?.critical && extendedKeyUsage.usages.includes('anyExtendedKeyUsage')) {
    yield ['usage-any', 'allows any extended key usage, marked critical (RFC 5280 §4.2.1.12)']
  }
  return
}

/** What {@link verifyChain} is asked. */
export interface ChainQuestion {
  /** The certificate in question; of PEM text the first one. */
  readonly leaf: CertificateSource
  /** Certificates that may lead to an anchor; a PEM text may hold several. Default: none. */
  readonly intermediates?: CertificateSource | readonly CertificateSource[]
  /** Trusted certificates, roots or not, such as the contents of a `ca.crt`. */
  readonly anchors: CertificateSource | readonly CertificateSource[]
  /** The moment of the check: every certificate of the chain must be valid then. */
  readonly at: Date
  /** DNS name or IP address (also in brackets) that the leaf must be valid for. Default: any. */
  readonly name?: string
  /** Extended key usages of which one must hold along the chain. Default: `serverAuth`, as in Go. */
  readonly usages?: readonly ExtendedKeyUsage[]
  /** Serial numbers below zero: Go before 1.23 (Kubernetes before v1.32) takes them. Default: `refused`. */
  readonly negativeSerials?: 'refused' | 'accepted'
  /**
   * A wildcard that covers a host which name constraints exclude (`*.example.com` over an excluded `a.example.com`):
   * Go refuses it since 1.24.11 and 1.25.5 (CVE-2025-61727). Default: `accepted`, as Go 1.24.0 does.
   */
  readonly excludedWildcards?: 'refused' | 'accepted'
  /** How many intermediates there may be, self-issued ones not counted. Default: no limit. */
  readonly maxDepth?: number
  /** Where signatures are checked. Default: the runtime's WebCrypto. */
  readonly engine?: CryptoEngine
  /** Instead of `engine`, one that has imported keys already. */
  readonly verifier?: Verifier
}

/** Whether a chain leads from the leaf to an anchor, and if not, why. */
export type ChainVerdict =
  | {
      readonly ok: true
      /** The leaf first, the anchor last; one certificate only if the leaf is an anchor. */
      readonly chain: readonly CertificateFacts[]
      /** What RFC 5280 forbids and the consumer tolerates. */
      readonly notes: readonly ChainNote[]
    }
  | { readonly ok: false; readonly reasons: readonly ChainReason[] }

/**
 * Whether Kubernetes components would accept a certificate: path validation as `crypto/x509` of
 * Go 1.24 does it (RFC 5280 §6.1 with Go's own decisions, named in {@link GO}). Every anchor ends a
 * path, also an intermediate; its signature is not checked, its dates, CA bit, path length, name
 * constraints and usages are. SHA-1 and older signatures are refused, and so is a path that is not
 * found within 100 signature checks. Unlike Go, `name: ''` matches nothing.
 *
 * Bad certificates give reasons, never errors.
 *
 * @throws KpkiError `ERR_USAGE` if `at` is not a valid date or `maxDepth` not a count
 *
 * @example
 * ```ts
 * import { readFile } from 'node:fs/promises'
 * import { verifyChain } from 'kpki'
 *
 * const pki = 'out/nodes/controlplane/etc/kubernetes/pki'
 * const leaf = await readFile(`${pki}/apiserver.crt`, 'utf8')
 * const anchors = await readFile(`${pki}/ca.crt`, 'utf8')
 * const verdict = await verifyChain({ leaf, anchors, at: new Date(), name: 'kubernetes' })
 * if (!verdict.ok) for (const { message } of verdict.reasons) console.log(message)
 * ```
 */
export function verifyChain(question: ChainQuestion): Promise<ChainVerdict> {
  const { negativeSerials = GO.negativeSerials, excludedWildcards = GO.excludedWildcards } =
    question
  return verifyAs({ ...GO, negativeSerials, excludedWildcards }, question)
}

/**
 * The same question for programs that use OpenSSL 3 (curl, Python, Node.js), with the differences
 * named in {@link OPENSSL}. `partialChain` lets an anchor that is not self-signed end a path, as
 * `X509_V_FLAG_PARTIAL_CHAIN` does. OpenSSL follows a single path, this looks for any.
 */
export function verifyLikeOpenssl(
  question: ChainQuestion & { readonly partialChain?: boolean },
): Promise<ChainVerdict> {
  return verifyAs(question.partialChain ? { ...OPENSSL, anchors: 'any' } : OPENSSL, question)
}

async function verifyAs(policy: ChainPolicy, question: ChainQuestion): Promise<ChainVerdict> {
  const { at, name, usages = [], maxDepth = Number.POSITIVE_INFINITY } = question
  if (Number.isNaN(at.getTime())) throw usageError('the time to check at is not a valid date')
  if (Number.isNaN(maxDepth) || maxDepth < 0) throw usageError(`maxDepth is ${maxDepth}`)
  const leaf = readLeaf(question.leaf, policy)
  if (!leaf.ok) return { ok: false, reasons: [leaf.reason] }
  const intermediates = readPool(question.intermediates ?? [], 'intermediates', policy)
  const anchors = readPool(question.anchors, 'anchors', policy)
  const mismatch = name === undefined ? undefined : nameMismatch(leaf.certificate, name, policy)
  const { chain, reasons } = await findPath({
    leaf: leaf.certificate,
    intermediates: intermediates.certificates,
    anchors: anchors.certificates,
    at,
    usages: usages.length === 0 ? ['serverAuth'] : usages,
    maxDepth,
    verifier: question.verifier ?? createVerifier(question.engine ?? runtimeEngine()),
    policy,
  })
  const skipped = [...anchors.skipped, ...intermediates.skipped]
  if (chain !== undefined && mismatch === undefined) {
    const passed = skipped.map((one) => ({ ...one, code: 'skipped' as const }))
    return { ok: true, chain, notes: [...chainNotes(chain), ...passed] }
  }
  const named = mismatch === undefined ? [] : [mismatch]
  return {
    ok: false,
    reasons: chain === undefined ? [...named, ...reasons, ...skipped] : named,
  }
}

function usageError(message: string): KpkiError<'ERR_USAGE'> {
  return new KpkiError('ERR_USAGE', message, {})
}
