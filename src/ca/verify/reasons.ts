import type { CertificateFacts } from '../certificate/facts.js'
import { formatName } from '../certificate/names.js'

/** Why a chain is refused. The codes are stable; the messages are not. */
export type ChainReasonCode =
  /** The input is not a certificate that can be read. */
  | 'unparsable'
  /** It can be read, but Go's parser refuses it (a negative serial number, a critical key identifier, …). */
  | 'malformed'
  /** A critical extension that the consumer does not process (RFC 5280 §4.2). */
  | 'unknown-critical'
  | 'expired'
  | 'not-yet-valid'
  /** No alternative name matches the name asked for. */
  | 'name-mismatch'
  /** As `name-mismatch`, because there are no alternative names at all; the common name does not count. */
  | 'no-san'
  /** No anchor and no intermediate carries the issuer's name. */
  | 'unknown-issuer'
  /** The issuer's basic constraints do not make it a CA (RFC 5280 §4.2.1.9). */
  | 'issuer-not-ca'
  /** The issuer's key usage lacks keyCertSign (RFC 5280 §4.2.1.3). */
  | 'no-key-cert-sign'
  /** More CA certificates below an issuer than its pathLenConstraint allows. */
  | 'path-too-long'
  | 'name-constraint'
  /** Name constraints that take more than 250,000 comparisons. */
  | 'too-many-constraints'
  /** Signed with SHA-1 or older. */
  | 'weak-signature'
  /** Signed with an RSA key shorter than 1024 bits. */
  | 'weak-key'
  | 'unsupported-algorithm'
  | 'bad-signature'
  /** Some certificate of the path does not allow the usage asked for. */
  | 'usage'
  /** The leaf's key usage does not fit the usage asked for; Go does not look. */
  | 'key-usage'
  /** The path requires a certificate policy and has none in common. */
  | 'policy'
  /** More intermediates than `maxDepth`. */
  | 'depth'
  /** 100 signature checks did not find a path. */
  | 'search-limit'
  /** The authority key identifier names another key than the issuer's; Go does not look. */
  | 'key-id-mismatch'
  /** The path ends at an anchor that is not self-signed; Go accepts that. */
  | 'anchor-not-self-signed'

/** What an accepted chain does against RFC 5280 and is tolerated for. */
export type ChainNoteCode =
  | 'missing-aki'
  | 'missing-ski'
  | 'aki-mismatch'
  | 'basic-constraints-not-critical'
  | 'name-constraints-not-critical'
  | 'name-constraints-on-leaf'
  | 'name-constraints-unchecked'
  | 'key-usage-missing'
  | 'key-cert-sign-missing'
  | 'key-cert-sign-without-ca'
  | 'path-length-without-ca'
  | 'serial-not-positive'
  | 'serial-too-long'
  | 'empty-subject'
  | 'empty-issuer'
  | 'no-san'
  | 'san-not-critical'
  | 'san-syntax'
  | 'usage-any'
  | 'old-version'
  | 'encoding'
  /** An unreadable certificate among the anchors or intermediates was passed over, as Go's pools do. */
  | 'skipped'

/** One finding about one certificate of a chain. */
export interface ChainFinding<Code extends string> {
  readonly code: Code
  /** A sentence that names the values, in lower case and without a full stop. */
  readonly message: string
  /** Subject of the certificate meant, as text; `leaf`, `anchors[1]` and so on where it cannot be read. */
  readonly certificate: string
}

/** Why a chain is refused: a stable code, a sentence, and the certificate concerned. */
export type ChainReason = ChainFinding<ChainReasonCode>
/** Something that is accepted although RFC 5280 has something against it. */
export type ChainNote = ChainFinding<ChainNoteCode>

/** The subject as text, for example `CN=kubernetes-admin,O=system:masters`; the serial number where it is empty. */
export function subjectText(certificate: CertificateFacts): string {
  const text = formatName(certificate.subject.rdns)
  return text === '' ? `serial ${certificate.serial.toString(16)}` : text
}

export function reason<Code extends string>(
  code: Code,
  certificate: CertificateFacts,
  message: string,
): ChainFinding<Code> {
  return { code, message, certificate: subjectText(certificate) }
}
