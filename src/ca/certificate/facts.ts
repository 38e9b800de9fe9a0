/** One attribute of a distinguished name, for example `{ type: 'CN', value: 'kubernetes' }`. */
export interface NameAttribute {
  /** Short name (`CN`, `O`, `OU`, `C`, `L`, `ST`, …) or the dotted object identifier. */
  readonly type: string
  readonly value: string
}

/** A distinguished name: one inner list per relative distinguished name (RFC 5280 §4.1.2.4). */
export type Name = readonly (readonly NameAttribute[])[]

/** A name as read from DER, with the bytes that name chaining compares. */
export interface DecodedName {
  readonly rdns: Name
  /** The DER of the Name: Go chains names by these bytes, not by their text. */
  readonly raw: Uint8Array
  /** Every `CN` value, in order; Kubernetes takes the last as the user. */
  readonly commonNames: readonly string[]
  /** Every `O` value in order; Kubernetes takes each as a group. */
  readonly organizations: readonly string[]
}

/** Subject alternative names by type, in the order of the extension (RFC 5280 §4.2.1.6). */
export interface SubjectAltNames {
  readonly dns: readonly string[]
  /** Textual addresses: dotted IPv4, or IPv6 as RFC 5952 writes it. */
  readonly ip: readonly string[]
}

/** Alternative names as read, including the kinds that kpki never issues. */
export interface DecodedAltNames extends SubjectAltNames {
  readonly email: readonly string[]
  readonly uri: readonly string[]
  /** How many names of other kinds there are. */
  readonly other: number
  readonly critical: boolean
}

/** A bit of the key usage extension (RFC 5280 §4.2.1.3). */
export type KeyUsageBit =
  | 'digitalSignature'
  | 'contentCommitment'
  | 'keyEncipherment'
  | 'dataEncipherment'
  | 'keyAgreement'
  | 'keyCertSign'
  | 'cRLSign'
  | 'encipherOnly'
  | 'decipherOnly'

/** `anyExtendedKeyUsage`, `serverAuth`, `clientAuth`, … or a dotted object identifier. */
export type ExtendedKeyUsage = string

/** A public key, decoded. */
export interface PublicKeyFacts {
  /** `RSA`, `EC`, `Ed25519`, or the dotted object identifier of another algorithm. */
  readonly type: string
  /** RSA modulus length or EC field size in bits, where known. */
  readonly bits?: number
  /** `P-256`, `P-384`, `P-521`, or the dotted object identifier of another curve; `explicit` for spelled-out parameters. */
  readonly curve?: string
  readonly modulus?: bigint
  readonly exponent?: bigint
  /** DER SubjectPublicKeyInfo. */
  readonly spki: Uint8Array
}

/** One extension of a certificate (RFC 5280 §4.2), as it was written. */
export interface ExtensionFacts {
  readonly oid: string
  readonly critical: boolean
  /** The content of the extnValue OCTET STRING. */
  readonly value: Uint8Array
}

/** Permitted and excluded subtrees (RFC 5280 §4.2.1.10). */
export interface NameConstraints {
  readonly critical: boolean
  readonly permitted: GeneralSubtrees
  readonly excluded: GeneralSubtrees
}

/** One side of name constraints (RFC 5280 §4.2.1.10), by kind of name. */
export interface GeneralSubtrees {
  readonly dns: readonly string[]
  /** Address and mask bytes (8 for IPv4, 32 for IPv6). */
  readonly ip: readonly Uint8Array[]
  readonly email: readonly string[]
  readonly uri: readonly string[]
  /** DER Names of directoryName subtrees. */
  readonly directory: readonly Uint8Array[]
  /** Number of subtrees of kinds not listed here. */
  readonly other: number
}

/** Everything a certificate says, as plain data. */
export interface CertificateFacts {
  readonly der: Uint8Array
  /** The signed part. */
  readonly tbs: Uint8Array
  /** 1, 2 or 3. */
  readonly version: number
  /** The serial number; negative or zero where the certificate says so. */
  readonly serial: bigint
  /** Content octets of the serial number INTEGER. */
  readonly serialBytes: Uint8Array
  readonly subject: DecodedName
  readonly issuer: DecodedName
  readonly notBefore: Date
  readonly notAfter: Date
  readonly publicKey: PublicKeyFacts
  readonly signature: {
    /** Dotted object identifier of the outer algorithm. */
    readonly oid: string
    /** Its name, for example `sha256WithRSAEncryption` or `ecdsa-with-SHA256`; the identifier if unknown. */
    readonly name: string
    readonly value: Uint8Array
    /** False when the algorithm inside the signed part differs from the outer one. */
    readonly consistent: boolean
  }
  readonly extensions: readonly ExtensionFacts[]
  readonly basicConstraints?: {
    readonly critical: boolean
    readonly ca: boolean
    readonly pathLength?: number
  }
  readonly keyUsage?: { readonly critical: boolean; readonly bits: readonly KeyUsageBit[] }
  readonly extendedKeyUsage?: {
    readonly critical: boolean
    readonly usages: readonly ExtendedKeyUsage[]
  }
  readonly altNames?: DecodedAltNames
  readonly nameConstraints?: NameConstraints
  readonly subjectKeyIdentifier?: Uint8Array
  readonly authorityKeyIdentifier?: {
    readonly keyIdentifier?: Uint8Array
    /** True when issuer and serial number are given too. */
    readonly namesIssuer: boolean
    readonly serial?: bigint
  }
  /** Object identifiers of critical extensions that this reader does not process. */
  readonly unknownCritical: readonly string[]
  /** Deviations from DER or RFC 5280 that Go's parser tolerates, in words (for example a GeneralizedTime before 2050). */
  readonly oddities: readonly string[]
  /** Subject and issuer are the same bytes. */
  readonly selfIssued: boolean
}
