import type { CryptoEngine } from './engine.js'
import { signingSchemeOf } from './keys/algorithms.js'
import { keyError, type PrivateKey } from './keys/private-key.js'
import { ecdsaToDer } from './keys/signature.js'

/** Whatever signs certificates: a key in memory here, an HSM or a command elsewhere. */
export interface Signer {
  /** DER SubjectPublicKeyInfo of the signing key. */
  readonly spki: Uint8Array
  /** DER AlgorithmIdentifier that goes into the certificate. */
  readonly signatureAlgorithm: Uint8Array
  /** Signs a DER TBSCertificate; gives the signature as in the certificate (an Ecdsa-Sig-Value for EC). */
  sign(tbs: Uint8Array): Promise<Uint8Array>
}

/**
 * A signer with a private key in memory, imported once. RSA signs with SHA-256, EC with the hash of
 * its curve's size.
 *
 * @throws KpkiError `ERR_KEY_INVALID` for keys that cannot sign certificates
 */
export async function localSigner(engine: CryptoEngine, key: PrivateKey): Promise<Signer> {
  const found = signingSchemeOf(key.facts)
  if (!found) throw keyError(`${key.toJSON()} cannot sign certificates`)
  const { scheme, hash, signatureAlgorithm } = found
  const importing =
    scheme === 'ECDSA'
      ? { name: scheme, namedCurve: key.facts.curve ?? '' }
      : { name: scheme, hash }
  const pkcs8 = Uint8Array.from(key.pkcs8())
  const imported = await engine.subtle
    .importKey('pkcs8', pkcs8, importing, false, ['sign'])
    .catch((cause) => {
      throw keyError(`${key.toJSON()} is refused by the crypto engine`, { cause })
    })
  const signing = { name: scheme, hash }
  return {
    spki: key.spki,
    signatureAlgorithm,
    async sign(tbs) {
      const raw = await engine.subtle.sign(signing, imported, Uint8Array.from(tbs))
      return scheme === 'ECDSA' ? ecdsaToDer(new Uint8Array(raw)) : new Uint8Array(raw)
    },
  }
}
