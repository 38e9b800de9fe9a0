import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { decodeName, encodeName, formatName, subject } from '../../src/ca/certificate/names.js'
import { decodeAddress, encodeAddress } from '../../src/ca/der/addresses.js'
import { isIp } from '../../src/values/addresses.js'
import { hexOf, sameBytes } from '../../src/values/bytes.js'
import { bytes, codeOf } from './support.js'

describe('names', () => {
  test('are in the order of Go, several O in one sorted RDN', () => {
    const name = subject({ CN: 'x', O: ['system:masters', 'admins'], C: 'DE', OU: 'u' })
    expect(name.map((rdn) => rdn.map(({ type }) => type))).toEqual([
      ['C'],
      ['O', 'O'],
      ['OU'],
      ['CN'],
    ])
    const decoded = decodeName(encodeName(name))
    expect(decoded.organizations).toEqual(['admins', 'system:masters'])
    expect(decoded.commonNames).toEqual(['x'])
    expect(formatName(decoded.rdns)).toBe('CN=x,OU=u,O=admins+O=system:masters,C=DE')
  })

  test('are PrintableString where possible, else UTF8String', () => {
    expect(hexOf(encodeName(subject({ CN: 'a:b' })))).toBe('300e310c300a06035504031303613a62')
    expect(hexOf(encodeName(subject({ CN: 'a*' })))).toBe('300d310b300906035504030c02612a')
    expect(hexOf(encodeName(subject({ CN: 'ä' })))).toBe('300d310b300906035504030c02c3a4')
    expect(hexOf(encodeName(subject({ C: 'DE' })))).toBe('300d310b3009060355040613024445')
    expect(hexOf(encodeName([[{ type: 'DC', value: 'a' }]]))).toContain('160161')
  })

  test('keep a CN with an injection as one attribute', () => {
    const name = subject({ CN: 'x, O=system:masters' })
    const decoded = decodeName(encodeName(name))
    expect(decoded.rdns).toEqual([[{ type: 'CN', value: 'x, O=system:masters' }]])
    expect(decoded.organizations).toEqual([])
    expect(formatName(decoded.rdns)).toBe('CN=x\\, O=system:masters')
  })

  test('refuse what no name should hold', () => {
    const bad = ['', 'a\nb', 'a\0', '\u007f', 'a\u0085', '\ud800']
    for (const CN of bad) expect(codeOf(() => encodeName(subject({ CN })))).toBe('ERR_DER_INVALID')
    expect(codeOf(() => encodeName(subject({ CN: 'x', O: [''] })))).toBe('ERR_DER_INVALID')
    expect(codeOf(() => encodeName(subject({ C: 'Deutschland' })))).toBe('ERR_DER_INVALID')
    expect(codeOf(() => encodeName([[]]))).toBe('ERR_DER_INVALID')
    for (const type of ['XX', '__proto__', 'toString'])
      expect(codeOf(() => encodeName([[{ type, value: 'x' }]]))).toBe('ERR_DER_INVALID')
  })

  test('round trip', () => {
    const value = fc.string({ unit: 'grapheme', minLength: 1, maxLength: 20 })
    fc.assert(
      fc.property(value, (CN) => {
        fc.pre(!/\p{Cc}|\p{Cs}/u.test(CN))
        const raw = encodeName(subject({ CN, O: 'o' }))
        const decoded = decodeName(raw)
        expect(decoded.commonNames).toEqual([CN])
        expect(sameBytes(encodeName(decoded.rdns), raw)).toBe(true)
      }),
    )
  })

  test('are escaped after RFC 4514', () => {
    const format = (CN: string) => formatName([[{ type: 'CN', value: CN }]])
    expect(format(' a ')).toBe('CN=\\ a\\ ')
    expect(format('#a')).toBe('CN=\\#a')
    expect(format(' ')).toBe('CN=\\ ')
    expect(format('a+b;<">\\')).toBe('CN=a\\+b\\;\\<\\"\\>\\\\')
    expect(format('a\nb\u202ec')).toBe('CN=a\\0ab\\e2\\80\\aec')
  })

  test('are read in the other string types of Go', () => {
    const read = (value: string) =>
      decodeName(
        bytes(
          `30 ${len(value, 11)} 31 ${len(value, 9)} 30 ${len(value, 7)} 0603550403 ${value}`.replace(
            /\s/g,
            '',
          ),
        ),
      )
    const len = (value: string, more: number) =>
      (value.length / 2 + more - 2).toString(16).padStart(2, '0')
    expect(read('1e0400e40062').commonNames).toEqual(['äb'])
    expect(read('1401e4').commonNames).toEqual(['ä'])
    expect(read('13022a26').commonNames).toEqual(['*&'])
    for (const value of [
      '130140',
      '0c01ff',
      '1601ff',
      '120161',
      '1e0100',
      '1c0400000061',
      '040161',
    ])
      expect(codeOf(() => read(value))).toBe('ERR_DER_INVALID')
  })
})

describe('addresses', () => {
  test.each([
    ['10.96.0.1', '0a600001'],
    ['::1', '00000000000000000000000000000001'],
    ['2001:db8::1:0:0:1', '20010db8000000000001000000000001'],
    ['fd00:96::', 'fd000096000000000000000000000000'],
  ])('%s', (text, hex) => {
    expect(hexOf(encodeAddress(text))).toBe(hex)
    expect(decodeAddress(bytes(hex))).toBe(text)
  })

  test('only whole, plain addresses', () => {
    const bad = [
      '',
      '10.1',
      '0x7f.0.0.1',
      '010.0.0.1',
      '1.2.3.256',
      '1.2.3.4/8',
      ' ::1',
      '::1%eth0',
      '[::1]',
      '1',
      '::1.2.3',
      ':::',
      'localhost',
      '::01.2.3.4',
    ]
    for (const text of bad) {
      expect(isIp(text), text).toBe(false)
      expect(codeOf(() => encodeAddress(text))).toBe('ERR_DER_INVALID')
    }
    // As Go's crypto/x509 writes it: it is IPv4.
    expect(hexOf(encodeAddress('::ffff:1.2.3.4'))).toBe('01020304')
    expect(hexOf(encodeAddress('::1.2.3.4'))).toBe(`${'00'.repeat(12)}01020304`)
  })

  test('round trip', () => {
    const octets = fc.oneof(
      fc.uint8Array({ minLength: 4, maxLength: 4 }),
      fc.uint8Array({ minLength: 16, maxLength: 16 }),
    )
    fc.assert(
      fc.property(octets, (one) => {
        expect(encodeAddress(decodeAddress(one))).toEqual(one)
      }),
    )
  })
})
