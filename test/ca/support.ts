import { readFileSync } from 'node:fs'
import type { CertificateFacts } from '../../src/ca/certificate/facts.js'
import { subject } from '../../src/ca/certificate/names.js'
import { readCertificate } from '../../src/ca/certificate/read.js'
import { type CryptoEngine, peculiarEngine, runtimeEngine } from '../../src/ca/engine.js'
import { type CertificateRequest, issueCertificate, randomSerial } from '../../src/ca/issue.js'
import { keyIdentifierOf } from '../../src/ca/keys/keys.js'
import { type PrivateKey, readPrivateKey } from '../../src/ca/keys/private-key.js'
import { localSigner, type Signer } from '../../src/ca/signer.js'

export const engines: readonly (readonly [string, () => Promise<CryptoEngine>])[] = [
  ['runtime', async () => runtimeEngine()],
  ['peculiar', peculiarEngine],
]

/** A published test key: `rsa2048-1` to `-4`, `p256-1` to `-4`, `p384-1`. */
export function testKeyPem(name: string): string {
  return readFileSync(new URL(`../../fixtures/keys/test-only-${name}.pem`, import.meta.url), 'utf8')
}

export function testKey(name: string): PrivateKey {
  return readPrivateKey(testKeyPem(name))
}

export interface TestAuthority {
  readonly signer: Signer
  readonly certificate: CertificateFacts
}

export const from = new Date('2026-01-01T00:00:00Z')
export const until = new Date('2036-01-01T00:00:00Z')

export async function requestFor(
  engine: CryptoEngine,
  key: PrivateKey,
  more: Partial<CertificateRequest> = {},
): Promise<CertificateRequest> {
  return {
    subject: subject({ CN: 'test' }),
    publicKey: key.spki,
    profile: 'server',
    notBefore: from,
    notAfter: until,
    serial: randomSerial(engine),
    subjectKeyIdentifier: await keyIdentifierOf(engine, key.spki, 'sha1'),
    ...more,
  }
}

export async function authority(
  engine: CryptoEngine,
  key: PrivateKey,
  more: Partial<CertificateRequest> = {},
  issuer?: TestAuthority,
): Promise<TestAuthority> {
  const signer = await localSigner(engine, key)
  const request = await requestFor(engine, key, {
    subject: subject({ CN: 'kubernetes' }),
    profile: 'authority',
    ...more,
  })
  const der = await issueCertificate(request, issuer ?? { signer })
  return { signer, certificate: readCertificate(der) }
}

/** The code of the KpkiError that `run` throws; anything else fails the test. */
export function codeOf(run: () => unknown): string {
  try {
    run()
  } catch (error) {
    if (error instanceof Error && 'code' in error) return String(error.code)
    throw error
  }
  throw new Error('nothing was thrown')
}

export function bytes(hex: string): Uint8Array {
  return Uint8Array.from(Buffer.from(hex.replace(/\s/g, ''), 'hex'))
}
