import { derError, enterOnly, finish, readInteger, TAG } from './der.js'
import { integer, sequence } from './der-write.js'

/** The Ecdsa-Sig-Value of certificates (RFC 3279 §2.2.3) from r‖s, as WebCrypto signs. */
export function ecdsaToDer(raw: Uint8Array): Uint8Array {
  const half = raw.length / 2
  return sequence(integer(raw.subarray(0, half)), integer(raw.subarray(half)))
}

/** r‖s, each `octets` long, from an Ecdsa-Sig-Value. Throws KpkiError `ERR_DER_INVALID`. */
export function ecdsaFromDer(der: Uint8Array, octets: number): Uint8Array<ArrayBuffer> {
  const body = enterOnly(der, TAG.sequence, 'ECDSA signature')
  const raw = new Uint8Array(2 * octets)
  for (const end of [octets, 2 * octets]) {
    const content = readInteger(body, 'ECDSA signature')
    const first = content[0] as number
    const digits = first === 0 ? content.subarray(1) : content
    if (first >= 0x80 || digits.length > octets || digits.length === 0)
      throw derError('ECDSA signature: number out of range')
    raw.set(digits, end - digits.length)
  }
  finish(body, 'ECDSA signature')
  return raw
}
