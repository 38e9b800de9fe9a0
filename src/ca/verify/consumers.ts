/**
 * The named differences between the consumers of a chain. Everything that is not in this table
 * holds for both.
 */
export interface ChainPolicy {
  /** Which anchors end a path: any, or only self-signed ones. */
  readonly anchors: 'any' | 'self-signed'
  /** Issuer and subject chain by their bytes, or by text without regard to case and string type. */
  readonly names: 'bytes' | 'text'
  /** Key identifiers only order the candidates, or a mismatch rules a candidate out. */
  readonly keyIdentifiers: 'hint' | 'binding'
  /** Whether self-issued intermediates count for path lengths and obey name constraints. */
  readonly selfIssued: 'counted' | 'exempt'
  /** What makes an issuer without basic constraints a CA. */
  readonly withoutBasicConstraints: 'version-1-anchor' | 'version-1-self-signed'
  /** A key usage extension without any bit allows everything, or nothing. */
  readonly emptyKeyUsage: 'everything' | 'nothing'
  /** anyExtendedKeyUsage satisfies a usage asked for, or does not. */
  readonly anyUsage: 'counts' | 'ignored'
  /** Whether the leaf's key usage must fit TLS. */
  readonly leafKeyUsage: 'ignored' | 'checked'
  /** A directory name in name constraints: not understood (so refused if critical), or checked. */
  readonly directoryConstraints: 'unknown' | 'checked'
  /** Whether `example.com` as a constraint on mail and URI hosts covers hosts below it. */
  readonly hostConstraints: 'with-subdomains' | 'exact'
  /** The common name as a host name where there is no DNS alternative name. */
  readonly commonName: 'ignored' | 'fallback'
  /** Whether a certificate is still valid at the very second of notAfter. */
  readonly lastSecond: 'valid' | 'expired'
  /** Critical key identifiers, extensions that come twice and other parser matters. */
  readonly parser: 'go' | 'lenient'
  /** Serial numbers below zero: Go refuses them since 1.23. */
  readonly negativeSerials: 'refused' | 'accepted'
  /**
   * What an excluded `a.example.com` makes of a certificate for `*.example.com`, which covers it: Go refuses that
   * since 1.24.11 and 1.25.5 (CVE-2025-61727).
   */
  readonly excludedWildcards: 'refused' | 'accepted'
  /** Whether a path that requires an explicit certificate policy must have one. */
  readonly certificatePolicies: 'checked' | 'ignored'
  /** Object identifiers of extensions that may be critical. */
  readonly processes: ReadonlySet<string>
}

const PROCESSED_BY_BOTH = [
  '2.5.29.15',
  '2.5.29.17',
  '2.5.29.19',
  '2.5.29.30',
  '2.5.29.31',
  '2.5.29.32',
  '2.5.29.33',
  '2.5.29.36',
  '2.5.29.37',
  '2.5.29.54',
]

/** Go 1.24 `crypto/x509`: kube-apiserver, kubelet, etcd, kubectl. */
export const GO: ChainPolicy = {
  anchors: 'any',
  names: 'bytes',
  keyIdentifiers: 'hint',
  selfIssued: 'counted',
  withoutBasicConstraints: 'version-1-anchor',
  emptyKeyUsage: 'everything',
  anyUsage: 'counts',
  leafKeyUsage: 'ignored',
  directoryConstraints: 'unknown',
  hostConstraints: 'with-subdomains',
  commonName: 'ignored',
  lastSecond: 'valid',
  parser: 'go',
  negativeSerials: 'refused',
  excludedWildcards: 'accepted',
  certificatePolicies: 'checked',
  processes: new Set(PROCESSED_BY_BOTH),
}

/** OpenSSL 3.x at security level 1, as in curl, Python and Node.js. */
export const OPENSSL: ChainPolicy = {
  anchors: 'self-signed',
  names: 'text',
  keyIdentifiers: 'binding',
  selfIssued: 'exempt',
  withoutBasicConstraints: 'version-1-self-signed',
  emptyKeyUsage: 'nothing',
  anyUsage: 'ignored',
  leafKeyUsage: 'checked',
  directoryConstraints: 'checked',
  hostConstraints: 'exact',
  commonName: 'fallback',
  lastSecond: 'expired',
  parser: 'lenient',
  negativeSerials: 'accepted',
  excludedWildcards: 'accepted',
  certificatePolicies: 'ignored',
  // and the Netscape type and OCSP no-check
  processes: new Set([...PROCESSED_BY_BOTH, '2.16.840.1.113730.1.1', '1.3.6.1.5.5.7.48.1.5']),
}
