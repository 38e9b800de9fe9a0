import { hexOf, sameBytes } from '../../values/bytes.js'
import type { PublicKeyFacts } from '../certificate/facts.js'
import { readCertificate } from '../certificate/read.js'
import { type CryptoEngine, sha256 } from '../engine.js'
import { encodePem, parsePem } from '../pem.js'
import { KEY_ALGORITHMS, type KeyAlgorithm } from './algorithms.js'
import { asKeyError, keyError, type PrivateKey, pkcs8Secret, privateKeyOf } from './private-key.js'
import { publicKeyBits, readPublicKeyInfo, rsaPublicKeyInfo } from './public-key.js'

/**
 * Makes a new private key with `engine` (RSA with the public exponent 65537).
 *
 * @throws KpkiError `ERR_INTERNAL` when the engine fails
 */
export async function generateKey(
  engine: CryptoEngine,
  algorithm: KeyAlgorithm,
): Promise<PrivateKey> {
  const row = KEY_ALGORITHMS[algorithm]
  const parameters =
    row.type === 'RSA'
      ? {
          name: 'RSASSA-PKCS1-v1_5',
          modulusLength: row.bits,
          publicExponent: new Uint8Array([1, 0, 1]),
          hash: row.signatureHash,
        }
      : { name: 'ECDSA', namedCurve: row.curve ?? '' }
  const pair = await engine.subtle.generateKey(parameters, true, ['sign', 'verify'])
  const pkcs8 = new Uint8Array(await engine.subtle.exportKey('pkcs8', pair.privateKey))
  const secret = asKeyError('generated key', () => pkcs8Secret(pkcs8))
  if (!secret.spki) throw keyError('generated key: without its public key')
  return privateKeyOf(secret, secret.spki)
}

/** PEM `PUBLIC KEY` of a DER SubjectPublicKeyInfo, as in kubeadm's `sa.pub`. */
export function publicKeyPem(spki: Uint8Array): string {
  return encodePem('PUBLIC KEY', spki)
}

/**
 * The first public key of PEM text: `PUBLIC KEY`, `RSA PUBLIC KEY` (PKCS#1), or the key of a
 * `CERTIFICATE`.
 *
 * @throws KpkiError `ERR_KEY_INVALID`
 */
export function readPublicKey(pem: string | Uint8Array): PublicKeyFacts {
  return asKeyError('public key', () => {
    for (const { label, der } of parsePem(pem)) {
      if (label === 'PUBLIC KEY') return readPublicKeyInfo(der)
      if (label === 'RSA PUBLIC KEY') return readPublicKeyInfo(rsaPublicKeyInfo(der))
      if (label === 'CERTIFICATE') return readCertificate(der).publicKey
    }
    throw keyError('no public key block in the PEM text')
  })
}

/** Whether two DER SubjectPublicKeyInfo are the same key. */
export function sameKey(a: Uint8Array, b: Uint8Array): boolean {
  return sameBytes(a, b)
}

/**
 * A key identifier of 20 octets for a DER SubjectPublicKeyInfo: `sha1` after RFC 5280 §4.2.1.2
 * method 1 (kubeadm to 1.34), `sha256-160` after RFC 7093 §2 method 1 (Go 1.25 and later). Throws
 * KpkiError `ERR_DER_INVALID`.
 */
export async function keyIdentifierOf(
  engine: CryptoEngine,
  spki: Uint8Array,
  method: 'sha1' | 'sha256-160',
): Promise<Uint8Array> {
  const bits = Uint8Array.from(publicKeyBits(spki))
  const digest = await engine.subtle.digest(method === 'sha1' ? 'SHA-1' : 'SHA-256', bits)
  return new Uint8Array(digest, 0, 20).slice()
}

/** `sha256:` and the SHA-256 of a DER SubjectPublicKeyInfo in hexadecimal, as `kubeadm join` pins an authority. */
export async function pinOf(engine: CryptoEngine, spki: Uint8Array): Promise<string> {
  return `sha256:${hexOf(await sha256(engine, spki))}`
}
