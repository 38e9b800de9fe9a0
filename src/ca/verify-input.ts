import { isKpkiError } from '../errors.js'
import { parsePem } from './pem.js'
import { readCertificate } from './read.js'
import type { CertificateFacts } from './types.js'
import { goRefuses } from './verify-parser.js'
import type { ChainPolicy } from './verify-policy.js'
import type { ChainReason } from './verify-reasons.js'

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
