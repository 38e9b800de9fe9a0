import { bitString, oid, sequence } from './der-write.js'
import type { CryptoEngine } from './engine.js'
import { decodeBase64, type PemBlock, parsePem } from './pem.js'
import {
  asKeyError,
  ecSecret,
  keyError,
  type PrivateKey,
  pkcs8Secret,
  privateKeyOf,
  rsaSecret,
  type Secret,
} from './private-key.js'
import { ED25519_OID } from './public-key.js'

/**
 * Reads the first private key of PEM text: PKCS#1 or PKCS#8 RSA, SEC1 or PKCS#8 EC on P-256, P-384
 * or P-521. `EC PARAMETERS` and other blocks are skipped. The RSA numbers are checked against each
 * other; an EC key must carry its public point, otherwise use {@link readPrivateKeyWith}, which reads
 * Ed25519 as well. Throws KpkiError `ERR_KEY_INVALID` with the reason: encrypted, of an unsupported
 * type, malformed, or not there.
 */
export function readPrivateKey(pem: string | Uint8Array): PrivateKey {
  return asKeyError('private key', () => {
    const secret = readSecret(pem)
    if (secret.spki) return privateKeyOf(secret, secret.spki)
    const type = secret.label === 'EC PRIVATE KEY' ? 'EC' : 'Ed25519'
    throw keyError(`${type} private key without its public key`, {
      hint: 'write the key anew with `openssl pkey`, which adds the public key to EC keys',
    })
  })
}

/** Like {@link readPrivateKey}, and has `engine` compute a public key that the PEM does not hold, which `peculiarEngine` cannot. */
export async function readPrivateKeyWith(
  engine: CryptoEngine,
  pem: string | Uint8Array,
): Promise<PrivateKey> {
  const secret = asKeyError('private key', () => readSecret(pem))
  if (secret.spki) return privateKeyOf(secret, secret.spki)
  try {
    return await complete(engine, secret)
  } catch (cause) {
    throw keyError('private key: its public key cannot be computed', { cause })
  }
}

function readSecret(pem: string | Uint8Array): Secret {
  const block = parsePem(pem).find((one) => one.label.endsWith('PRIVATE KEY'))
  if (!block) throw keyError('no private key block in the PEM text')
  if (isEncrypted(block))
    throw keyError('private key is encrypted', {
      hint: 'decrypt it first, for example with `openssl pkey`',
    })
  switch (block.label) {
    case 'RSA PRIVATE KEY':
      return rsaSecret(block.der)
    case 'EC PRIVATE KEY':
      return ecSecret(block.der)
    case 'PRIVATE KEY':
      return pkcs8Secret(block.der)
    default:
      throw keyError(`${JSON.stringify(block.label.slice(0, 40))} blocks are not supported`)
  }
}

function isEncrypted({ label, headers }: PemBlock): boolean {
  const type = headers['Proc-Type']
  return (
    label === 'ENCRYPTED PRIVATE KEY' || (typeof type === 'string' && type.includes('ENCRYPTED'))
  )
}

async function complete(engine: CryptoEngine, secret: Secret): Promise<PrivateKey> {
  const parameters = { name: secret.curve ? 'ECDSA' : 'Ed25519', namedCurve: secret.curve ?? '' }
  const pkcs8 = Uint8Array.from(secret.pkcs8)
  const key = await engine.subtle.importKey('pkcs8', pkcs8, parameters, true, ['sign'])
  const { x = '', y = '' } = await engine.subtle.exportKey('jwk', key)
  if (!secret.curve) {
    const spki = sequence(sequence(oid(ED25519_OID)), bitString(decodeUrl(x)))
    return privateKeyOf(secret, spki)
  }
  const completed = ecSecret(secret.traditional, undefined, [decodeUrl(x), decodeUrl(y)])
  return privateKeyOf(completed, completed.spki ?? new Uint8Array())
}

function decodeUrl(text: string): Uint8Array {
  const digits = text.replaceAll('-', '+').replaceAll('_', '/')
  const padded = digits.padEnd(Math.ceil(digits.length / 4) * 4, '=')
  return decodeBase64(padded) ?? new Uint8Array()
}
