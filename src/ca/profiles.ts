import type { KeyUsageBit } from './certificate/facts.js'

/** What a kind of certificate may be used for. */
export interface CertificateProfile {
  /** Basic constraints, always critical. */
  readonly ca: boolean
  /** Critical key usage. */
  readonly keyUsage: readonly KeyUsageBit[]
  /** Further key usage of RSA keys, which alone can encipher keys. */
  readonly rsaKeyUsage: readonly KeyUsageBit[]
  /** Extended key usage in the order it is written; none in an authority. */
  readonly extendedKeyUsage: readonly ('serverAuth' | 'clientAuth')[]
}

/** Name of a certificate profile: what a certificate is for. */
export type ProfileName = 'authority' | 'server' | 'client' | 'peer'

const leaf = {
  ca: false,
  keyUsage: ['digitalSignature'],
  rsaKeyUsage: ['keyEncipherment'],
} as const

/** The kinds of certificate in a Kubernetes cluster, as kubeadm makes them. */
export const PROFILES: { readonly [P in ProfileName]: CertificateProfile } = {
  authority: {
    ca: true,
    keyUsage: ['digitalSignature', 'keyCertSign'],
    rsaKeyUsage: ['keyEncipherment'],
    extendedKeyUsage: [],
  },
  server: { ...leaf, extendedKeyUsage: ['serverAuth'] },
  client: { ...leaf, extendedKeyUsage: ['clientAuth'] },
  peer: { ...leaf, extendedKeyUsage: ['serverAuth', 'clientAuth'] },
}
