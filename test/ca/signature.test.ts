import { webcrypto } from 'node:crypto'
import 'reflect-metadata'
import * as x509 from '@peculiar/x509'
import { describe, expect, test } from 'vitest'
import type { CertificateFacts } from '../../src/ca/certificate/facts.js'
import { readCertificate } from '../../src/ca/certificate/read.js'
import { runtimeEngine } from '../../src/ca/engine.js'
import { signatureAlgorithmOf } from '../../src/ca/keys/algorithms.js'
import {
  createVerifier,
  ecdsaFromDer,
  ecdsaToDer,
  verifySignature,
} from '../../src/ca/keys/signature.js'
import { authority, bytes, codeOf, engines, testKey } from './support.js'

interface Algorithm {
  readonly name: string
  readonly [more: string]: unknown
}

const pss = { name: 'RSA-PSS' }
const pkcs1 = { name: 'RSASSA-PKCS1-v1_5' }

/** RSA keys are imported, since making them takes most of a second. */
async function pairOf(algorithm: Algorithm) {
  if (!algorithm.name.startsWith('RSA'))
    return webcrypto.subtle.generateKey(algorithm, true, ['sign', 'verify'])
  const { spki, pkcs8 } = testKey('rsa2048-1')
  const { subtle } = webcrypto
  return {
    privateKey: await subtle.importKey('pkcs8', pkcs8(), algorithm as never, true, ['sign']),
    publicKey: await subtle.importKey('spki', spki, algorithm as never, true, ['verify']),
  }
}

/** A self-signed certificate that @peculiar/x509 wrote. */
async function foreign(key: Algorithm, signing: Algorithm = key): Promise<CertificateFacts> {
  const keys = await pairOf(key)
  const made = await x509.X509CertificateGenerator.createSelfSigned(
    {
      serialNumber: '01',
      name: [{ CN: ['x'] }],
      notBefore: new Date('2026-01-01'),
      notAfter: new Date('2027-01-01'),
      signingAlgorithm: signing as never,
      keys: keys as never,
    },
    webcrypto as never,
  )
  return readCertificate(new Uint8Array(made.rawData))
}

const cases: readonly [string, () => Promise<CertificateFacts>][] = [
  ['RSA SHA-384', () => foreign({ ...pkcs1, hash: 'SHA-384' })],
  ['RSA SHA-512', () => foreign({ ...pkcs1, hash: 'SHA-512' })],
  [
    'RSA-PSS SHA-256',
    () =>
      foreign(
        { ...pss, hash: 'SHA-256' },
        {
          name: 'RSA-PSS',
          hash: 'SHA-256',
          saltLength: 32,
        },
      ),
  ],
  [
    'P-256 SHA-512',
    () => foreign({ name: 'ECDSA', namedCurve: 'P-256' }, { name: 'ECDSA', hash: 'SHA-512' }),
  ],
  [
    'P-521 SHA-512',
    () => foreign({ name: 'ECDSA', namedCurve: 'P-521' }, { name: 'ECDSA', hash: 'SHA-512' }),
  ],
  ['Ed25519', () => foreign({ name: 'Ed25519' })],
]

describe('foreign signatures', () => {
  test.each(cases)('%s', async (_, make) => {
    const facts = await make()
    const other = await authority(runtimeEngine(), testKey('p256-1'))
    expect(signatureAlgorithmOf(facts).supported).toBe(true)
    expect(await verifySignature(runtimeEngine(), facts, facts.publicKey.spki)).toBe(true)
    expect(await verifySignature(runtimeEngine(), facts, other.certificate.publicKey.spki)).toBe(
      false,
    )
    const value = facts.signature.value.slice()
    value[value.length - 1] = (value[value.length - 1] ?? 0) ^ 1
    const forged = { ...facts, signature: { ...facts.signature, value } }
    expect(await verifySignature(runtimeEngine(), forged, facts.publicKey.spki)).toBe(false)
  })

  test('SHA-1 is told apart from unknown algorithms', async () => {
    const facts = await foreign({ ...pkcs1, hash: 'SHA-1' })
    expect(signatureAlgorithmOf(facts)).toMatchObject({ supported: false, reason: 'weak-hash' })
    expect(await verifySignature(runtimeEngine(), facts, facts.publicKey.spki)).toBe(false)
    const odd = { ...facts, signature: { ...facts.signature, oid: '1.2.3', name: '1.2.3' } }
    expect(signatureAlgorithmOf(odd)).toMatchObject({ supported: false, reason: 'unknown' })
    const salt = await foreign(
      { ...pss, hash: 'SHA-256' },
      {
        name: 'RSA-PSS',
        hash: 'SHA-256',
        saltLength: 8,
      },
    )
    expect(signatureAlgorithmOf(salt)).toMatchObject({ supported: false, reason: 'unknown' })
  })
})

describe.each(engines)('%s engine', (_, load) => {
  test('never rejects, whatever key and signature', async () => {
    const engine = await load()
    const verifier = createVerifier(engine)
    const all = await Promise.all(
      ['rsa2048-1', 'p256-1', 'p384-1'].map((name) => authority(engine, testKey(name))),
    )
    for (const [i, { certificate }] of all.entries()) {
      for (const [j, { certificate: issuer }] of all.entries())
        expect(await verifier.verify(certificate, issuer.publicKey.spki)).toBe(i === j)
      expect(await verifier.verify(certificate, bytes('3000'))).toBe(false)
      const { spki } = certificate.publicKey
      for (const value of [
        bytes(''),
        bytes('00'),
        bytes('3000'),
        bytes('3006020100020100'),
        new Uint8Array(256),
      ]) {
        const forged = { ...certificate, signature: { ...certificate.signature, value } }
        expect(await verifier.verify(forged, spki)).toBe(false)
      }
      const inconsistent = {
        ...certificate,
        signature: { ...certificate.signature, consistent: false },
      }
      expect(await verifier.verify(inconsistent, spki)).toBe(false)
    }
  })
})

test('a verifier imports each key once and forgets the ones not used', async () => {
  let imports = 0
  const { subtle } = runtimeEngine()
  const counting = {
    getRandomValues: runtimeEngine().getRandomValues,
    subtle: {
      importKey: (...given: Parameters<typeof subtle.importKey>) => {
        imports++
        return subtle.importKey(...given)
      },
      verify: subtle.verify.bind(subtle),
    } as unknown as typeof subtle,
  }
  const verifier = createVerifier(counting)
  const { certificate } = await authority(runtimeEngine(), testKey('p256-1'))
  const { spki } = certificate.publicKey
  await Promise.all(Array.from({ length: 5 }, () => verifier.verify(certificate, spki)))
  expect(imports).toBe(1)
  for (let i = 0; i < 300; i++)
    await verifier.verify(certificate, Uint8Array.of(0x30, i & 0xff, i >> 8))
  expect(await verifier.verify(certificate, spki)).toBe(true)
  expect(imports).toBe(2)
})

test('ECDSA values change form and back', () => {
  for (let i = 0; i < 50; i++) {
    const raw = runtimeEngine().getRandomValues(new Uint8Array(64))
    if (i % 3 === 0) raw[0] = 0
    if (i % 5 === 0) raw[32] = 0x80
    expect(ecdsaFromDer(ecdsaToDer(raw), 32)).toEqual(raw)
  }
  for (const bad of [
    '3000',
    '3006020101020101 00',
    '30060201ff020101',
    '30080203010000020101',
    `3026022100${'ff'.repeat(33)}020101`,
  ])
    expect(codeOf(() => ecdsaFromDer(bytes(bad), 2))).toBe('ERR_DER_INVALID')
})
