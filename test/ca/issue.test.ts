import { X509Certificate as NodeCertificate } from 'node:crypto'
import 'reflect-metadata'
import * as x509 from '@peculiar/x509'
import { fromBER } from 'asn1js'
import * as pkijs from 'pkijs'
import { describe, expect, test } from 'vitest'
import { formatName, subject } from '../../src/ca/certificate/names.js'
import { readCertificate } from '../../src/ca/certificate/read.js'
import { runtimeEngine } from '../../src/ca/engine.js'
import { issueCertificate, randomSerial } from '../../src/ca/issue.js'
import { createVerifier } from '../../src/ca/keys/signature.js'
import { encodePem } from '../../src/ca/pem.js'
import type { ProfileName } from '../../src/ca/profiles.js'
import { localSigner } from '../../src/ca/signer.js'
import { hexOf, sameBytes } from '../../src/values/bytes.js'
import { authority, bytes, codeOf, engines, requestFor, testKey } from './support.js'

const KEYS = ['rsa2048-1', 'p256-1', 'p384-1'] as const
const altNames = { dns: ['kubernetes', '*.example.com'], ip: ['10.96.0.1', 'fd00:96::1'] }

describe.each(engines)('%s engine', (_, load) => {
  test.each(KEYS.flatMap((ca) => ['rsa2048-2', 'p256-2'].map((leaf) => [ca, leaf] as const)))(
    'CA %s, leaf %s: three other readers agree',
    async (caKey, leafKey) => {
      const engine = await load()
      const ca = await authority(engine, testKey(caKey))
      const key = testKey(leafKey)
      const request = await requestFor(engine, key, {
        subject: subject({ CN: 'x, O=system:masters', O: ['b', 'a'] }),
        profile: 'peer',
        altNames,
      })
      const der = await issueCertificate(request, ca)
      const facts = readCertificate(der)
      expect(facts.oddities).toEqual([])
      expect(facts.unknownCritical).toEqual([])
      expect(facts.version).toBe(3)
      expect(facts.altNames).toMatchObject({ ...altNames, email: [], uri: [], other: 0 })
      expect(facts.subject.organizations).toEqual(['a', 'b'])
      expect(facts.basicConstraints).toEqual({ critical: true, ca: false })
      expect(sameBytes(facts.issuer.raw, ca.certificate.subject.raw)).toBe(true)
      expect(facts.authorityKeyIdentifier?.keyIdentifier).toEqual(
        ca.certificate.subjectKeyIdentifier,
      )

      const node = new NodeCertificate(der)
      expect(node.verify(new NodeCertificate(ca.certificate.der).publicKey)).toBe(true)
      expect(node.checkIssued(new NodeCertificate(ca.certificate.der))).toBe(true)
      expect(BigInt(`0x${node.serialNumber}`)).toBe(facts.serial)
      expect(node.subjectAltName).toBe(
        'DNS:kubernetes, DNS:*.example.com, IP Address:10.96.0.1, IP Address:FD00:96:0:0:0:0:0:1',
      )
      expect(node.keyUsage).toEqual(['1.3.6.1.5.5.7.3.1', '1.3.6.1.5.5.7.3.2'])
      expect(new Date(node.validTo)).toEqual(facts.notAfter)

      const other = new x509.X509Certificate(Uint8Array.from(der))
      expect(other.subjectName.getField('CN')).toEqual(['x, O=system:masters'])
      expect(other.subjectName.getField('O')).toEqual(['a', 'b'])
      const usage = other.getExtension(x509.KeyUsagesExtension)
      const { digitalSignature, keyEncipherment } = x509.KeyUsageFlags
      expect(usage?.usages).toBe(
        digitalSignature | (leafKey.startsWith('rsa') ? keyEncipherment : 0),
      )
      expect(usage?.critical).toBe(true)
      expect(other.getExtension(x509.SubjectKeyIdentifierExtension)?.keyId).toBe(
        hexOf(request.subjectKeyIdentifier),
      )
      expect(other.getExtension(x509.AuthorityKeyIdentifierExtension)?.keyId).toBe(
        hexOf(ca.certificate.subjectKeyIdentifier ?? bytes('')),
      )
      const caOther = new x509.X509Certificate(Uint8Array.from(ca.certificate.der))
      expect(await other.verify({ publicKey: caOther, signatureOnly: true })).toBe(true)

      const third = new pkijs.Certificate({ schema: fromBER(Uint8Array.from(der)).result })
      expect(third.extensions?.map(({ extnID, critical }) => [extnID, critical])).toEqual([
        ['2.5.29.15', true],
        ['2.5.29.37', false],
        ['2.5.29.19', true],
        ['2.5.29.14', false],
        ['2.5.29.35', false],
        ['2.5.29.17', false],
      ])
      expect(await createVerifier(engine).verify(facts, ca.certificate.publicKey.spki)).toBe(true)
      expect(await createVerifier(engine).verify(facts, key.spki)).toBe(false)
    },
  )
})

const engine = runtimeEngine()

test('a CA has the bytes of kubeadm: extensions, order, no authority key identifier', async () => {
  const rsa = await authority(engine, testKey('rsa2048-1'), {
    altNames: { dns: ['kubernetes'], ip: [] },
  })
  expect(
    rsa.certificate.extensions.map(({ oid, critical, value }) => [oid, critical, hexOf(value)]),
  ).toEqual([
    ['2.5.29.15', true, '030202a4'],
    ['2.5.29.19', true, '30030101ff'],
    ['2.5.29.14', false, `0414${hexOf(rsa.certificate.subjectKeyIdentifier ?? bytes(''))}`],
    ['2.5.29.17', false, '300c820a6b756265726e65746573'],
  ])
  expect(rsa.certificate.selfIssued).toBe(true)
  const ec = await authority(engine, testKey('p256-1'), { pathLength: 0 })
  expect(hexOf(ec.certificate.extensions[0]?.value ?? bytes(''))).toBe('03020284')
  expect(hexOf(ec.certificate.extensions[1]?.value ?? bytes(''))).toBe('30060101ff020100')
  const issued = await authority(engine, testKey('p256-2'), {}, rsa)
  expect(issued.certificate.extensions.map(({ oid }) => oid)).toEqual([
    '2.5.29.15',
    '2.5.29.19',
    '2.5.29.14',
    '2.5.29.35',
  ])
})

test.each([
  ['rsa2048-2', 'server', '030205a0', '300a06082b06010505070301'],
  ['rsa2048-2', 'client', '030205a0', '300a06082b06010505070302'],
  ['p256-2', 'peer', '03020780', '301406082b0601050507030106082b06010505070302'],
] as const)('%s %s', async (name, profile: ProfileName, keyUsage, usages) => {
  const key = testKey(name)
  const signer = await localSigner(engine, key)
  const facts = readCertificate(
    await issueCertificate(await requestFor(engine, key, { profile }), { signer }),
  )
  expect(facts.extensions.slice(0, 3).map(({ value }) => hexOf(value))).toEqual([
    keyUsage,
    usages,
    '3000',
  ])
})

test('times change from UTCTime to GeneralizedTime with the year 2050', async () => {
  const notAfter = new Date('2050-01-01T00:00:00Z')
  const notBefore = new Date('2049-12-31T23:59:59.900Z')
  const { certificate } = await authority(engine, testKey('p256-1'), { notBefore, notAfter })
  const hex = hexOf(certificate.tbs)
  expect(hex).toContain(
    `170d${Buffer.from('491231235959Z').toString('hex')}180f${Buffer.from('20500101000000Z').toString('hex')}`,
  )
  expect(certificate.notAfter).toEqual(notAfter)
  expect(certificate.notBefore).toEqual(new Date('2049-12-31T23:59:59Z'))
  expect(certificate.oddities).toEqual([])
})

describe('refuses', () => {
  const refuse = async (key: string, more: object, issuer?: 'leaf' | 'pathlen' | 'other') => {
    const root = await authority(
      engine,
      testKey('p256-1'),
      issuer === 'pathlen' ? { pathLength: 0 } : issuer === 'leaf' ? { profile: 'server' } : {},
    )
    const held = testKey(key)
    const signer = issuer === 'other' ? await localSigner(engine, testKey('p256-3')) : root.signer
    const request = await requestFor(engine, held, more)
    return issueCertificate(request, { ...root, signer }).then(
      () => 'issued',
      (error) =>
        codeOf(() => {
          throw error
        }),
    )
  }
  test.each<[string, object, ('leaf' | 'pathlen' | 'other')?]>([
    ['an issuer that is no CA', {}, 'leaf'],
    ['a CA under path length 0', { profile: 'authority' }, 'pathlen'],
    ['a signer with another key', {}, 'other'],
    ['notAfter before notBefore', { notAfter: new Date('2020-01-01') }],
    ['the same second twice', { notAfter: new Date('2026-01-01T00:00:00.9Z') }],
    ['a time that is none', { notAfter: new Date(Number.NaN) }],
    ['a malformed address', { altNames: { dns: [], ip: ['10.0.0'] } }],
    ['a DNS name with a space', { altNames: { dns: ['a b'], ip: [] } }],
    ['a DNS name that is not ASCII', { altNames: { dns: ['ä.de'], ip: [] } }],
    ['an empty serial number', { serial: new Uint8Array() }],
    ['serial number zero', { serial: new Uint8Array(8) }],
    ['a serial number of 21 octets', { serial: new Uint8Array(20).fill(0xff) }],
    ['a path length in a leaf', { pathLength: 0 }],
    ['a certificate for nobody', { subject: [] }],
    ['an empty CN', { subject: [[{ type: 'CN', value: '' }]] }],
    ['a public key that is none', { publicKey: new Uint8Array([0x30, 0]) }],
  ])('%s', async (_, more, issuer) => {
    expect(await refuse('p256-2', more, issuer)).toMatch(/^ERR_(DER|KEY)_INVALID$/)
  })
  test('a self-signed certificate for another key', async () => {
    const signer = await localSigner(engine, testKey('p256-1'))
    const request = await requestFor(engine, testKey('p256-2'))
    await expect(issueCertificate(request, { signer })).rejects.toMatchObject({
      code: 'ERR_KEY_INVALID',
    })
  })
})

test('serial numbers are positive, random and minimal', () => {
  const seen = new Set<string>()
  for (let i = 0; i < 2000; i++) {
    const serial = randomSerial(engine)
    expect(serial.length).toBeLessThanOrEqual(16)
    expect((serial[0] ?? 0xff) < 0x80).toBe(true)
    seen.add(hexOf(serial))
  }
  expect(seen.size).toBe(2000)
  const zero = { ...engine, getRandomValues: <T>(array: T) => array } as unknown as typeof engine
  expect(randomSerial(zero)).toEqual(Uint8Array.of(1))
})

test('the serial number in the certificate is the one asked for', async () => {
  for (const serial of ['01', 'ff', '0080', '7fffffffffffffffffffffffffffffff']) {
    const { certificate } = await authority(engine, testKey('p256-1'), { serial: bytes(serial) })
    expect(certificate.serial).toBe(BigInt(`0x${serial}`))
  }
})

test('names read back as text', async () => {
  const name = subject({ CN: 'system:node:n1', O: 'system:nodes' })
  const { certificate } = await authority(engine, testKey('p256-1'), { subject: name })
  expect(formatName(certificate.subject.rdns)).toBe('CN=system:node:n1,O=system:nodes')
  expect(readCertificate(encodePem('CERTIFICATE', certificate.der)).serial).toBe(certificate.serial)
})
