import { webcrypto } from 'node:crypto'
import 'reflect-metadata'
import * as x509 from '@peculiar/x509'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { readRequest } from '../../src/ca/request.js'
import { KpkiError } from '../../src/errors.js'
import { engines } from './support.js'

async function request(): Promise<Uint8Array> {
  const keys = await webcrypto.subtle.generateKey({ name: 'ECDSA', namedCurve: 'P-256' }, true, [
    'sign',
    'verify',
  ])
  const made = await x509.Pkcs10CertificateRequestGenerator.create(
    {
      name: [{ O: ['system:nodes'] }, { CN: ['system:node:n1'] }],
      keys: keys as never,
      signingAlgorithm: { name: 'ECDSA', hash: 'SHA-256' } as never,
      extensions: [
        new x509.SubjectAlternativeNameExtension([
          { type: 'dns', value: 'n1' },
          { type: 'ip', value: '10.0.0.1' },
        ]),
        new x509.ExtendedKeyUsageExtension(['1.3.6.1.5.5.7.3.1']),
        new x509.KeyUsagesExtension(x509.KeyUsageFlags.digitalSignature, true),
      ],
    },
    webcrypto as never,
  )
  return new Uint8Array(made.rawData)
}

const der = await request()

describe.each(engines)('%s engine', (_, load) => {
  test('reads a request and checks its signature', async () => {
    const engine = await load()
    const facts = await readRequest(der, engine)
    expect(facts).toMatchObject({
      signatureValid: true,
      subject: { commonNames: ['system:node:n1'], organizations: ['system:nodes'] },
      publicKey: { type: 'EC', curve: 'P-256' },
      altNames: { dns: ['n1'], ip: ['10.0.0.1'] },
      extendedKeyUsage: { usages: ['serverAuth'] },
      keyUsage: { bits: ['digitalSignature'], critical: true },
    })
    const pem = new x509.Pkcs10CertificateRequest(Uint8Array.from(der)).toString('pem')
    expect((await readRequest(pem, engine)).subject.commonNames).toEqual(['system:node:n1'])
    const forged = der.slice()
    forged[forged.length - 1] = (forged[forged.length - 1] ?? 0) ^ 1
    expect((await readRequest(forged, engine)).signatureValid).toBe(false)
  })
})

test('rejects with nothing but KpkiError', async () => {
  await fc.assert(
    fc.asyncProperty(fc.nat(der.length - 1), fc.nat(255), async (at, octet) => {
      const copy = der.slice()
      copy[at] = octet
      await readRequest(copy).catch((error) => expect(error).toBeInstanceOf(KpkiError))
      await readRequest(copy.slice(0, at)).catch((error) => expect(error).toBeInstanceOf(KpkiError))
    }),
    { numRuns: 150 },
  )
  await expect(readRequest('')).rejects.toMatchObject({ code: 'ERR_PEM_INVALID' })
})
