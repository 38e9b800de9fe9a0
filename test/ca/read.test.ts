import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { readCertificate, readCertificates } from '../../src/ca/certificate/read.js'
import { derCursor, enter, peekTag, readElement } from '../../src/ca/der/der.js'
import {
  bitString,
  boolean,
  element,
  explicit,
  implicit,
  integer,
  octetString,
  oid,
  sequence,
} from '../../src/ca/der/write.js'
import { runtimeEngine } from '../../src/ca/engine.js'
import { createVerifier } from '../../src/ca/keys/signature.js'
import { encodePem } from '../../src/ca/pem.js'
import { KpkiError } from '../../src/errors.js'
import { hexOf } from '../../src/values/bytes.js'
import { authority, bytes, codeOf, testKey } from './support.js'

const engine = runtimeEngine()
const ca = await authority(engine, testKey('p256-1'), { altNames: { dns: ['a'], ip: ['::1'] } })
const good = ca.certificate.der

/** The elements of the TBSCertificate: version, serial, signature, issuer, validity, subject, key, extensions. */
function parts(): Uint8Array[] {
  const tbs = enter(derCursor(ca.certificate.tbs), 0x30, 'tbs')
  const list: Uint8Array[] = []
  while (tbs.at < tbs.end) list.push(readElement(tbs, peekTag(tbs), 'part'))
  return list
}

function withParts(change: (list: Uint8Array[]) => Uint8Array[]): Uint8Array {
  const algorithm = parts()[2] ?? bytes('')
  return sequence(sequence(...change(parts())), algorithm, bitString(bytes('00')))
}

function replaced(at: number, part: Uint8Array): Uint8Array {
  return withParts((list) => list.map((one, i) => (i === at ? part : one)))
}

function withExtension(id: string, value: Uint8Array, critical?: boolean): Uint8Array {
  const flag = critical === undefined ? [] : [boolean(critical)]
  return replaced(7, explicit(3, sequence(sequence(oid(id), ...flag, octetString(value)))))
}

test('reads PEM, DER and bundles', () => {
  const pem = encodePem('CERTIFICATE', good)
  for (const input of [pem, good, Buffer.from(pem)])
    expect(readCertificate(input).der).toEqual(good)
  expect(readCertificates(pem + testKey('p256-1').pem() + pem)).toHaveLength(2)
  expect(readCertificates('')).toEqual([])
  expect(readCertificate(Buffer.from(`0 text\n${pem}`)).der).toEqual(good)
  expect(codeOf(() => readCertificate(''))).toBe('ERR_PEM_INVALID')
  expect(codeOf(() => readCertificate(testKey('p256-1').pem()))).toBe('ERR_PEM_INVALID')
  expect(codeOf(() => readCertificate(encodePem('CERTIFICATE', bytes('00'))))).toBe(
    'ERR_DER_INVALID',
  )
  const copy = good.slice()
  const facts = readCertificate(copy)
  copy.fill(0)
  expect(facts.der).toEqual(good)
})

describe('refuses, as Go does', () => {
  const dup = sequence(oid('1.2.3'), octetString(bytes('')))
  const v1 = (list: Uint8Array[]) => list.slice(1)
  const cases: readonly [string, () => Uint8Array][] = [
    ['trailing data', () => Uint8Array.from([...good, 0])],
    ['an empty certificate', () => sequence()],
    ['version 4', () => replaced(0, explicit(0, integer(3)))],
    ['extensions in version 1', () => withParts(v1)],
    ['extensions in version 2', () => replaced(0, explicit(0, integer(1)))],
    ['a serial number that is not minimal', () => replaced(1, bytes('02020001'))],
    [
      'a time in February 30',
      () =>
        replaced(
          4,
          sequence(bytes(`170d${ascii('260230000000Z')}`), bytes(`170d${ascii('260330000000Z')}`)),
        ),
    ],
    ['an extension twice', () => replaced(7, explicit(3, sequence(dup, dup)))],
    ['something behind the extensions', () => withParts((list) => [...list, bytes('0500')])],
    ['a negative path length', () => withExtension('2.5.29.19', bytes('30060101ff0201ff'))],
    ['trailing data in basicConstraints', () => withExtension('2.5.29.19', bytes('30000500'))],
    ['a BOOLEAN of 01', () => withExtension('2.5.29.19', bytes('3003010101'))],
    [
      'an address of 5 octets',
      () => withExtension('2.5.29.17', sequence(implicit(7, bytes('0102030405')))),
    ],
    [
      'a DNS name that is not ASCII',
      () => withExtension('2.5.29.17', sequence(implicit(2, bytes('c3a4')))),
    ],
    [
      'an alternative name with a tag of several octets',
      () => withExtension('2.5.29.17', sequence(bytes('9f8101020500'))),
    ],
    ['an empty nameConstraints', () => withExtension('2.5.29.30', sequence())],
    ['a key usage that is no BIT STRING', () => withExtension('2.5.29.15', bytes('0500'))],
    ['a point off the curve', () => replaced(6, flipped(parts()[6] ?? bytes(''), -1))],
    [
      'an RSA key without NULL',
      () =>
        replaced(
          6,
          sequence(
            sequence(oid('1.2.840.113549.1.1.1')),
            bitString(sequence(integer(3), integer(3))),
          ),
        ),
    ],
    [
      'a negative RSA modulus',
      () =>
        replaced(
          6,
          sequence(
            sequence(oid('1.2.840.113549.1.1.1'), bytes('0500')),
            bitString(bytes('30060201ff020103')),
          ),
        ),
    ],
    ['a certificate over 1 MiB', () => element(0x30, new Uint8Array(1 << 20))],
  ]
  test.each(cases)('%s', (_, make) => {
    expect(codeOf(() => readCertificate(make()))).toBe('ERR_DER_INVALID')
  })
})

function ascii(text: string): string {
  return Buffer.from(text).toString('hex')
}

function flipped(der: Uint8Array, at: number): Uint8Array {
  const copy = der.slice()
  const index = at < 0 ? copy.length + at : at
  copy[index] = (copy[index] ?? 0) ^ 1
  return copy
}

describe('tolerates with a remark', () => {
  const cases: readonly [string, () => Uint8Array][] = [
    ['serial number is zero', () => replaced(1, bytes('020100'))],
    ['serial number is negative (refused since Go 1.23)', () => replaced(1, bytes('0201ff'))],
    [
      'serial number is longer than 20 octets',
      () => replaced(1, integer(new Uint8Array(21).fill(1))),
    ],
    [
      'extension 2.5.29.19 spells out the default critical FALSE',
      () => withExtension('2.5.29.19', sequence(), false),
    ],
    [
      'basicConstraints spells out the default cA FALSE',
      () => withExtension('2.5.29.19', sequence(boolean(false))),
    ],
    ['keyUsage has trailing zero bits', () => withExtension('2.5.29.15', bytes('03020080'))],
    ['keyUsage is empty', () => withExtension('2.5.29.15', bytes('030100'))],
    ['extKeyUsage is empty', () => withExtension('2.5.29.37', sequence())],
    ['subjectAltName is empty', () => withExtension('2.5.29.17', sequence())],
    [
      'subjectAltName has an IPv4-mapped IPv6 address',
      () =>
        withExtension(
          '2.5.29.17',
          sequence(implicit(7, bytes('00000000000000000000ffff01020304'))),
        ),
    ],
    ['subjectKeyIdentifier is critical', () => withExtension('2.5.29.14', bytes('040101'), true)],
    [
      'authorityKeyIdentifier is critical',
      () => withExtension('2.5.29.35', bytes('3003800101'), true),
    ],
    [
      'subjectUniqueID is present',
      () => withParts((list) => [...list.slice(0, 7), bytes('82020001'), ...list.slice(7)]),
    ],
  ]
  test.each(cases)('%s', (oddity, make) => {
    expect(readCertificate(make()).oddities).toContain(oddity)
  })
})

test('reads every field', () => {
  const names = sequence(
    integer(1),
    implicit(1, Buffer.from('a@b')),
    implicit(6, Buffer.from('u:x')),
    implicit(8, bytes('2a03')),
    implicit(2, Buffer.from('d')),
  )
  expect(readCertificate(withExtension('2.5.29.17', names, true)).altNames).toEqual({
    dns: ['d'],
    ip: [],
    email: ['a@b'],
    uri: ['u:x'],
    other: 2,
    critical: true,
  })
  const usages = sequence(oid('2.5.29.37.0'), oid('1.3.6.1.5.5.7.3.2'), oid('1.2.3'))
  expect(readCertificate(withExtension('2.5.29.37', usages)).extendedKeyUsage?.usages).toEqual([
    'anyExtendedKeyUsage',
    'clientAuth',
    '1.2.3',
  ])
  expect(readCertificate(withExtension('1.2.3', bytes(''), true)).unknownCritical).toEqual([
    '1.2.3',
  ])
  const onlyOther = sequence(implicit(8, bytes('2a03')))
  expect(readCertificate(withExtension('2.5.29.17', onlyOther, true)).unknownCritical).toEqual([
    '2.5.29.17',
  ])
  expect(readCertificate(withExtension('2.5.29.15', bytes('03030780 80'))).keyUsage?.bits).toEqual([
    'digitalSignature',
    'decipherOnly',
  ])
  const aki = sequence(
    implicit(0, bytes('0102')),
    explicit(1, bytes('82016a')),
    implicit(2, bytes('05')),
  )
  expect(readCertificate(withExtension('2.5.29.35', aki)).authorityKeyIdentifier).toEqual({
    keyIdentifier: bytes('0102'),
    namesIssuer: true,
    serial: 5n,
  })
  const nc = sequence(
    explicit(
      0,
      sequence(implicit(2, Buffer.from('.a'))),
      sequence(implicit(7, bytes('0a000000ff000000'))),
    ),
    explicit(1, sequence(explicit(4, sequence())), sequence(implicit(8, bytes('2a03')))),
  )
  expect(readCertificate(withExtension('2.5.29.30', nc, true)).nameConstraints).toMatchObject({
    critical: true,
    permitted: { dns: ['.a'], ip: [bytes('0a000000ff000000')] },
    excluded: { directory: [bytes('3000')], other: 1 },
  })
  const curve = sequence(
    sequence(oid('1.2.840.10045.2.1'), oid('1.3.132.0.10')),
    bitString(bytes('04')),
  )
  expect(readCertificate(replaced(6, curve)).publicKey).toMatchObject({
    type: 'EC',
    curve: '1.3.132.0.10',
  })
  const explicitCurve = sequence(
    sequence(oid('1.2.840.10045.2.1'), sequence()),
    bitString(bytes('04')),
  )
  expect(readCertificate(replaced(6, explicitCurve)).publicKey.curve).toBe('explicit')
  const inner = withParts((list) =>
    list.map((one, i) => (i === 2 ? sequence(oid('1.2.840.113549.1.1.4'), bytes('0500')) : one)),
  )
  expect(readCertificate(inner).signature.consistent).toBe(false)
})

describe('any input', () => {
  const survives = (input: Uint8Array | string) => {
    try {
      readCertificate(input)
    } catch (error) {
      expect(error).toBeInstanceOf(KpkiError)
    }
  }
  test('random bytes', () => {
    fc.assert(fc.property(fc.uint8Array({ maxLength: 400 }), survives), { numRuns: 300 })
    fc.assert(fc.property(fc.string(), survives))
    fc.assert(fc.property(fc.uint8Array({ maxLength: 100 }), (one) => survives(sequence(one))))
  })
  test('a certificate with any octets changed, cut or repeated', () => {
    const place = fc.nat(good.length - 1)
    fc.assert(
      fc.property(
        fc.array(fc.tuple(place, fc.nat(255)), { maxLength: 3 }),
        place,
        (changes, cut) => {
          const copy = good.slice()
          for (const [at, octet] of changes) copy[at] = octet
          survives(copy)
          survives(copy.slice(0, cut))
          survives(Uint8Array.from([...copy.slice(0, cut), ...copy.slice(cut / 2)]))
        },
      ),
      { numRuns: 1000 },
    )
  })
  test('deep nesting', () => {
    let deep = bytes('0500')
    for (let i = 0; i < 2000; i++) deep = sequence(deep)
    survives(deep)
    survives(withExtension('2.5.29.32', deep))
  })
})

test('no changed octet of the signed part keeps the signature good', async () => {
  const verifier = createVerifier(engine)
  const spki = ca.certificate.publicKey.spki
  for (let at = 4; at < ca.certificate.tbs.length; at += 3) {
    try {
      const facts = readCertificate(flipped(good, at))
      expect(await verifier.verify(facts, spki)).toBe(false)
    } catch (error) {
      expect(error).toBeInstanceOf(KpkiError)
    }
  }
})

test('content of the tbs is a view, not a copy', () => {
  const { der, tbs } = readCertificate(good)
  expect(tbs.buffer).toBe(der.buffer)
  expect(hexOf(readElement(enter(derCursor(der), 0x30, 'certificate'), 0x30, 'tbs'))).toBe(
    hexOf(tbs),
  )
})
