import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import {
  derCursor,
  enter,
  enterOnly,
  integerOf,
  readBitString,
  readBoolean,
  readContent,
  readInteger,
  readOid,
  readSmallInteger,
  TAG,
  unsignedOf,
} from '../../src/ca/der/der.js'
import { readTime } from '../../src/ca/der/time.js'
import {
  bitString,
  element,
  generalizedTime,
  integer,
  octetString,
  oid,
  sequence,
  set,
  time,
  utcTime,
} from '../../src/ca/der/write.js'
import { bytes, codeOf } from './support.js'

describe('reading strictly', () => {
  const refused: readonly [string, string, (der: Uint8Array) => unknown][] = [
    ['an indefinite length', '30800000', (der) => enterOnly(der, TAG.sequence, 'x')],
    ['a long form that fits the short', '308102 0500', (der) => enterOnly(der, TAG.sequence, 'x')],
    [
      'a length with a leading zero',
      `308200800${'0'.repeat(257)}`,
      (der) => enterOnly(der, TAG.sequence, 'x'),
    ],
    ['a length of five octets', '30850000000000', (der) => enterOnly(der, TAG.sequence, 'x')],
    ['content cut short', '300305', (der) => enterOnly(der, TAG.sequence, 'x')],
    ['trailing data', '300000', (der) => enterOnly(der, TAG.sequence, 'x')],
    ['a high tag number', '1f810100', (der) => readContent(derCursor(der), -1, 'x')],
    ['an empty INTEGER', '0200', (der) => readInteger(derCursor(der), 'x')],
    ['a padded INTEGER', '0202007f', (der) => readInteger(derCursor(der), 'x')],
    ['a padded negative INTEGER', '0202ff80', (der) => readInteger(derCursor(der), 'x')],
    ['BOOLEAN 01', '010101', (der) => readBoolean(derCursor(der), 'x')],
    ['BIT STRING without octets', '0300', (der) => readBitString(derCursor(der), 'x')],
    ['BIT STRING with set padding', '030204ff', (der) => readBitString(derCursor(der), 'x')],
    ['a padded OID arc', '06022a8001', (der) => readOid(derCursor(der), 'x')],
    ['an OID cut short', '06022a86', (der) => readOid(derCursor(der), 'x')],
  ]
  test.each(refused)('refuses %s', (_, hex, read) => {
    expect(codeOf(() => read(bytes(hex)))).toBe('ERR_DER_INVALID')
  })

  test('limits the depth', () => {
    let der = sequence()
    for (let i = 0; i < 40; i++) der = sequence(der)
    const descend = () => {
      for (let cursor = derCursor(der); cursor.at < cursor.end; )
        cursor = enter(cursor, TAG.sequence, 'x')
    }
    expect(codeOf(descend)).toBe('ERR_DER_INVALID')
  })
})

describe('round trips', () => {
  test('INTEGER', () => {
    fc.assert(
      fc.property(fc.uint8Array({ minLength: 1, maxLength: 40 }), (octets) => {
        const content = readInteger(derCursor(integer(octets)), 'x')
        expect(integerOf(content)).toBe(unsignedOf(octets))
      }),
    )
    expect(integerOf(bytes('ff7f'))).toBe(-129n)
    expect(readSmallInteger(derCursor(integer(0x7fffffff)), 'x')).toBe(0x7fffffff)
  })

  test('lengths around every border', () => {
    for (const length of [0, 1, 127, 128, 255, 256, 65535, 65536]) {
      const der = octetString(new Uint8Array(length))
      expect(readContent(derCursor(der), TAG.octetString, 'x').length).toBe(length)
    }
  })

  test('OBJECT IDENTIFIER', () => {
    const arc = fc.nat(0x7fffffff)
    const dotted = fc.oneof(
      fc.tuple(fc.nat(1), fc.nat(39), fc.array(arc, { maxLength: 6 })),
      fc.tuple(fc.constant(2), fc.nat(0x7fffffff - 80), fc.array(arc, { maxLength: 6 })),
    )
    fc.assert(
      fc.property(dotted, ([first, second, rest]) => {
        const text = [first, second, ...rest].join('.')
        expect(readOid(derCursor(oid(text)), 'x')).toBe(text)
      }),
    )
    for (const bad of ['', '1', '3.1', '1.40', '1.02', '1.-2', '1.2.4294967296', 'CN'])
      expect(codeOf(() => oid(bad))).toBe('ERR_DER_INVALID')
  })

  test('SET OF is sorted', () => {
    expect(set(bytes('0202 0100'), bytes('020102'), bytes('020101'))).toEqual(
      bytes('310a 020101 020102 02020100'),
    )
  })

  test('BIT STRING', () => {
    expect(readBitString(derCursor(bitString(bytes('a0'), 5)), 'x')).toEqual({
      bytes: bytes('a0'),
      unused: 5,
    })
  })
})

describe('times', () => {
  const read = (der: Uint8Array, oddities: string[] = []) =>
    readTime(derCursor(der), 'notAfter', oddities).toISOString()
  const text = (tag: number, value: string) => element(tag, Buffer.from(value))

  test('UTCTime to 2049, GeneralizedTime from 2050', () => {
    const last = new Date('2049-12-31T23:59:59Z')
    const first = new Date('2050-01-01T00:00:00Z')
    expect(time(last)).toEqual(utcTime(last))
    expect(time(first)).toEqual(generalizedTime(first))
    expect(read(time(last))).toBe('2049-12-31T23:59:59.000Z')
    expect(read(time(first))).toBe('2050-01-01T00:00:00.000Z')
    expect(read(time(new Date('1950-01-01T00:00:00Z')))).toBe('1950-01-01T00:00:00.000Z')
    expect(read(time(new Date('9999-12-31T23:59:59.999Z')))).toBe('9999-12-31T23:59:59.000Z')
    for (const bad of ['1949-12-31T23:59:59Z', '+010000-01-01T00:00:00Z', 'never'])
      expect(codeOf(() => time(new Date(bad)))).toBe('ERR_DER_INVALID')
  })

  test('what Go tolerates is an oddity', () => {
    const oddities: string[] = []
    expect(read(text(TAG.utcTime, '2601010000Z'), oddities)).toBe('2026-01-01T00:00:00.000Z')
    expect(read(text(TAG.utcTime, '260101000000+0130'), oddities)).toBe('2025-12-31T22:30:00.000Z')
    expect(read(text(TAG.generalizedTime, '20260101000000Z'), oddities)).toBe(
      '2026-01-01T00:00:00.000Z',
    )
    expect(oddities).toHaveLength(3)
  })

  test.each([
    '260230000000Z',
    '261301000000Z',
    '260101240000Z',
    '260101006000Z',
    '260101000060Z',
    '260101000000',
    '260101000000+0000',
    '26010100000Z',
    '',
  ])('refuses UTCTime %s', (value) => {
    expect(codeOf(() => read(text(TAG.utcTime, value)))).toBe('ERR_DER_INVALID')
  })
  test.each(['20260101000000.5Z', '202601010000Z', '20260229000000Z'])(
    'refuses GeneralizedTime %s',
    (value) => {
      expect(codeOf(() => read(text(TAG.generalizedTime, value)))).toBe('ERR_DER_INVALID')
    },
  )

  test('every second survives', () => {
    const date = fc.date({
      min: new Date('1950-01-01T00:00:00Z'),
      max: new Date('9999-12-31T00:00:00Z'),
      noInvalidDate: true,
    })
    fc.assert(
      fc.property(date, (one) => {
        expect(read(time(one))).toBe(`${one.toISOString().slice(0, 19)}.000Z`)
      }),
    )
  })
})
