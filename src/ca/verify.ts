import { KpkiError } from '../errors.js'
import { type CryptoEngine, runtimeEngine } from './engine.js'
import { createVerifier, type Verifier } from './signature.js'
import type { CertificateFacts, ExtendedKeyUsage } from './types.js'
import { type CertificateSource, readLeaf, readPool } from './verify-input.js'
import { nameMismatch } from './verify-names.js'
import { chainNotes } from './verify-notes.js'
import { findPath } from './verify-path.js'
import { type ChainPolicy, GO, OPENSSL } from './verify-policy.js'
import type { ChainNote, ChainReason } from './verify-reasons.js'

export type { CertificateSource } from './verify-input.js'
export { matchesName, nameMismatch } from './verify-names.js'
export { type ChainPolicy, GO, OPENSSL } from './verify-policy.js'
export type {
  ChainFinding,
  ChainNote,
  ChainNoteCode,
  ChainReason,
  ChainReasonCode,
} from './verify-reasons.js'

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
  /** How many intermediates there may be, self-issued ones not counted. Default: no limit. */
  readonly maxDepth?: number
  /** Where signatures are checked. Default: the runtime's WebCrypto. */
  readonly engine?: CryptoEngine
  /** Instead of `engine`, one that has imported keys already. */
  readonly verifier?: Verifier
}

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
 * Bad certificates give reasons, never errors. Throws KpkiError `ERR_USAGE` if `at` is not a valid
 * date or `maxDepth` not a count.
 *
 * @example
 * const verdict = await verifyChain({ leaf, anchors: caCrt, at: new Date(), name: '10.0.0.1' })
 * if (!verdict.ok) for (const { certificate, message } of verdict.reasons) report(certificate, message)
 */
export function verifyChain(question: ChainQuestion): Promise<ChainVerdict> {
  const { negativeSerials = GO.negativeSerials } = question
  return verifyAs({ ...GO, negativeSerials }, question)
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
