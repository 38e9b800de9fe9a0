import { fromBER } from 'asn1js'
import fc from 'fast-check'
import * as pkijs from 'pkijs'
import { expect, test } from 'vitest'
import { readContainer } from '../../src/ca/containers.js'
import { sequence } from '../../src/ca/der/write.js'
import { runtimeEngine } from '../../src/ca/engine.js'
import { encodePem } from '../../src/ca/pem.js'
import { KpkiError } from '../../src/errors.js'
import { authority, testKey } from './support.js'

const { certificate } = await authority(runtimeEngine(), testKey('p256-1'))

function pkcs7(): Uint8Array {
  const one = new pkijs.Certificate({ schema: fromBER(Uint8Array.from(certificate.der)).result })
  const signed = new pkijs.SignedData({
    version: 1,
    encapContentInfo: new pkijs.EncapsulatedContentInfo({ eContentType: '1.2.840.113549.1.7.1' }),
    certificates: [one],
    signerInfos: [],
  })
  const info = new pkijs.ContentInfo({
    contentType: '1.2.840.113549.1.7.2',
    content: signed.toSchema(true),
  })
  return new Uint8Array(info.toSchema().toBER(false))
}

const der = pkcs7()

test('PKCS#7 as DER and PEM', async () => {
  for (const input of [der, Buffer.from(encodePem('PKCS7', der))])
    expect(await readContainer(input)).toEqual({ kind: 'pkcs7', certificates: [certificate.der] })
})

test('anything else is undefined, or a KpkiError', async () => {
  const harmless = async (input: Uint8Array) => {
    await readContainer(input).catch((error) => expect(error).toBeInstanceOf(KpkiError))
  }
  await fc.assert(fc.asyncProperty(fc.uint8Array({ maxLength: 200 }), harmless))
  await fc.assert(
    fc.asyncProperty(fc.nat(der.length - 1), fc.nat(255), async (at, octet) => {
      const copy = der.slice()
      copy[at] = octet
      await harmless(copy)
    }),
  )
  // A date that is none.
  expect(await readContainer(Buffer.from('300618047a7a7a7a', 'hex'))).toBeUndefined()
  let deep = sequence()
  for (let i = 0; i < 5000; i++) deep = sequence(deep)
  await harmless(deep)
  await expect(readContainer(new Uint8Array(5 << 20))).rejects.toMatchObject({
    code: 'ERR_DER_INVALID',
  })
})
