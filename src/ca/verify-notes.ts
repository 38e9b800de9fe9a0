import type { CertificateFacts } from './types.js'
import { keyIdentifierRank } from './verify-checks.js'
import { isHostname } from './verify-names.js'
import { type ChainNote, type ChainNoteCode, quoted, reason } from './verify-reasons.js'

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
  if (extendedKeyUsage?.critical && extendedKeyUsage.usages.includes('any')) {
    yield ['usage-any', 'allows any extended key usage, marked critical (RFC 5280 §4.2.1.12)']
  }
  return
}
