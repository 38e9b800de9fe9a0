import { createHash, createPrivateKey, createPublicKey, generateKeyPairSync } from 'node:crypto'
import { inspect } from 'node:util'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { runtimeEngine } from '../../src/ca/engine.js'
import { KEY_ALGORITHMS, type KeyAlgorithm } from '../../src/ca/keys/algorithms.js'
import {
  generateKey,
  keyIdentifierOf,
  publicKeyPem,
  readPublicKey,
  sameKey,
} from '../../src/ca/keys/keys.js'
import { readPrivateKey, readPrivateKeyWith } from '../../src/ca/keys/private-key.js'
import { encodePem, parsePem } from '../../src/ca/pem.js'
import { KpkiError } from '../../src/errors.js'
import { hexOf } from '../../src/values/bytes.js'
import { codeOf, engines, testKey, testKeyPem } from './support.js'

// RSA-3072 and RSA-4096 take a second or more to make; the interop tests do.
const QUICK: readonly KeyAlgorithm[] = ['RSA-2048', 'ECDSA-P256', 'ECDSA-P384']

describe.each(engines)('%s engine', (_, load) => {
  test.each(QUICK)('makes %s keys that Node reads the same', async (algorithm) => {
    const key = await generateKey(await load(), algorithm)
    const row = KEY_ALGORITHMS[algorithm]
    expect(key.algorithm).toBe(algorithm)
    expect(key.facts).toMatchObject({ type: row.type, bits: row.bits })
    expect(key.pem()).toContain(`-----BEGIN ${row.pemLabel}-----`)
    const node = createPrivateKey(key.pem())
    const type = row.type === 'RSA' ? 'pkcs1' : 'sec1'
    expect(key.pem()).toBe(node.export({ type, format: 'pem' }))
    expect(Buffer.from(key.pkcs8())).toEqual(node.export({ type: 'pkcs8', format: 'der' }))
    expect(publicKeyPem(key.spki)).toBe(
      createPublicKey(node).export({ type: 'spki', format: 'pem' }),
    )
    expect(sameKey(readPrivateKey(key.pem()).spki, key.spki)).toBe(true)
    expect(sameKey(readPublicKey(publicKeyPem(key.spki)).spki, key.spki)).toBe(true)
  })

  test('hashes the bits of the public key', async () => {
    const { spki } = testKey('p256-1')
    const engine = await load()
    const sha1 = await keyIdentifierOf(engine, spki, 'sha1')
    const sha256 = await keyIdentifierOf(engine, spki, 'sha256-160')
    expect(hexOf(sha1)).toBe(nodeDigest('sha1', spki.subarray(-65)))
    expect(hexOf(sha256)).toBe(nodeDigest('sha256', spki.subarray(-65)).slice(0, 40))
  })
})

function nodeDigest(name: string, data: Uint8Array): string {
  return createHash(name).update(data).digest('hex')
}

/** The key as SEC1 without its [1] publicKey. */
function withoutPoint(pem: string): string {
  const der = Array.from(parsePem(pem)[0]?.der ?? [])
  const at = der.lastIndexOf(0xa1)
  const marker = der.findIndex((octet, i) => octet === 0xa1 && der[i + 2] === 0x03 && i > 30)
  const body = der.slice(der[1] === 0x81 ? 3 : 2, marker < 0 ? at : marker)
  return encodePem('EC PRIVATE KEY', Uint8Array.from([0x30, body.length, ...body]))
}

describe('readPrivateKey', () => {
  test('computes a public key that is not in the file', async () => {
    const engine = runtimeEngine()
    for (const name of ['p256-1', 'p384-1']) {
      const whole = testKey(name)
      const bare = withoutPoint(testKeyPem(name))
      expect(codeOf(() => readPrivateKey(bare))).toBe('ERR_KEY_INVALID')
      const key = await readPrivateKeyWith(engine, bare)
      expect(key.pem()).toBe(whole.pem())
      expect(hexOf(key.spki)).toBe(hexOf(whole.spki))
    }
  })

  const pair = generateKeyPairSync('ec', { namedCurve: 'P-521' })

  test('takes PKCS#8, leading EC PARAMETERS and other blocks', () => {
    for (const name of ['rsa2048-1', 'p256-1', 'p384-1']) {
      const key = testKey(name)
      expect(readPrivateKey(encodePem('PRIVATE KEY', key.pkcs8())).pem()).toBe(key.pem())
      const behind =
        encodePem('EC PARAMETERS', Uint8Array.of(6, 0)) +
        encodePem('CERTIFICATE', key.spki) +
        key.pem()
      expect(readPrivateKey(behind).pem()).toBe(key.pem())
    }
  })

  test('reads P-521, and Ed25519 with an engine', async () => {
    const pem = pair.privateKey.export({ type: 'sec1', format: 'pem' }).toString()
    const key = readPrivateKey(pem)
    expect(key.facts).toMatchObject({ type: 'EC', curve: 'P-521', bits: 521 })
    expect(key.algorithm).toBeUndefined()
    expect(key.pem()).toBe(pem)
    const ed = generateKeyPairSync('ed25519')
    const edPem = ed.privateKey.export({ type: 'pkcs8', format: 'pem' }).toString()
    expect(codeOf(() => readPrivateKey(edPem))).toBe('ERR_KEY_INVALID')
    const edKey = await readPrivateKeyWith(runtimeEngine(), edPem)
    expect(edKey.facts.type).toBe('Ed25519')
    expect(edKey.pem()).toBe(edPem)
    expect(Buffer.from(edKey.spki)).toEqual(ed.publicKey.export({ type: 'spki', format: 'der' }))
  })

  const legacy =
    '-----BEGIN RSA PRIVATE KEY-----\nProc-Type: 4,ENCRYPTED\nDEK-Info: AES-128-CBC,00\n\nQUJD\n-----END RSA PRIVATE KEY-----\n'
  const modern = generateKeyPairSync('ec', {
    namedCurve: 'P-256',
    privateKeyEncoding: { type: 'pkcs8', format: 'pem', cipher: 'aes-128-cbc', passphrase: 'x' },
    publicKeyEncoding: { type: 'spki', format: 'pem' },
  }).privateKey
  const x25519 = generateKeyPairSync('x25519')
    .privateKey.export({ type: 'pkcs8', format: 'pem' })
    .toString()
  const k1 = generateKeyPairSync('ec', { namedCurve: 'secp256k1' })
    .privateKey.export({ type: 'sec1', format: 'pem' })
    .toString()
  test.each([
    ['nothing', '', /no private key block/],
    ['a legacy encrypted key', legacy, /is encrypted/],
    ['an encrypted PKCS#8 key', modern, /is encrypted/],
    [
      'an OpenSSH key',
      encodePem('OPENSSH PRIVATE KEY', Uint8Array.of(1)),
      /OPENSSH.* not supported/,
    ],
    ['X25519', x25519, /1\.3\.101\.110 is not supported/],
    ['secp256k1', k1, /curve 1\.3\.132\.0\.10 is not supported/],
    ['garbage', encodePem('RSA PRIVATE KEY', Uint8Array.of(1, 2, 3)), /tag 0x01/],
  ])('refuses %s', (_, pem, message) => {
    expect(() => readPrivateKey(pem)).toThrow(message)
    expect(codeOf(() => readPrivateKey(pem))).toBe('ERR_KEY_INVALID')
  })

  test('refuses a changed RSA key, whichever octet it is', () => {
    const der = parsePem(testKeyPem('rsa2048-1'))[0]?.der ?? new Uint8Array()
    fc.assert(
      fc.property(fc.nat(der.length - 1), fc.integer({ min: 1, max: 255 }), (at, flip) => {
        const changed = der.slice()
        changed[at] = (changed[at] ?? 0) ^ flip
        expect(codeOf(() => readPrivateKey(encodePem('RSA PRIVATE KEY', changed)))).toBe(
          'ERR_KEY_INVALID',
        )
      }),
    )
  })

  test('throws nothing but KpkiError', () => {
    const seeds = ['rsa2048-1', 'p256-1', 'p384-1'].map((name) => testKey(name))
    const label = fc.constantFrom('RSA PRIVATE KEY', 'EC PRIVATE KEY', 'PRIVATE KEY', 'PUBLIC KEY')
    const der = fc.oneof(
      fc.uint8Array({ maxLength: 200 }),
      fc
        .tuple(
          fc.constantFrom(...seeds.flatMap((key) => [key.pkcs8(), key.spki])),
          fc.nat(),
          fc.nat(255),
        )
        .map(([one, at, octet]) => {
          const changed = one.slice()
          changed[at % changed.length] = octet
          return changed
        }),
    )
    fc.assert(
      fc.property(label, der, (name, bytes) => {
        for (const read of [readPrivateKey, readPublicKey])
          try {
            read(encodePem(name, bytes))
          } catch (error) {
            expect(error).toBeInstanceOf(KpkiError)
          }
      }),
      { numRuns: 300 },
    )
  })
})

test('a private key never prints its secret', () => {
  const key = testKey('rsa2048-1')
  const shown = [
    String(key),
    `${key}`,
    JSON.stringify({ key }),
    inspect(key),
    inspect({ a: { b: { key } } }),
    inspect(key, { showHidden: true, depth: 9 }),
  ]
  expect(shown[0]).toBe('[private key, RSA-2048]')
  const secret = hexOf(key.pkcs8())
  for (const text of shown) {
    expect(text).not.toContain('PRIVATE KEY-----')
    expect(text).not.toContain(secret.slice(-32))
    expect(text).toContain('[private key, RSA-2048]')
  }
})

test('readPublicKey takes PKCS#1', () => {
  const key = testKey('rsa2048-2')
  const pkcs1 = createPublicKey(publicKeyPem(key.spki))
    .export({ type: 'pkcs1', format: 'pem' })
    .toString()
  expect(sameKey(readPublicKey(pkcs1).spki, key.spki)).toBe(true)
  expect(codeOf(() => readPublicKey(key.pem()))).toBe('ERR_KEY_INVALID')
})
