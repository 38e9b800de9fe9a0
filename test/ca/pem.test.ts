import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { encodePem, parsePem, pemOddities } from '../../src/ca/pem.js'

const block = encodePem(
  'CERTIFICATE',
  Uint8Array.from({ length: 100 }, (_, i) => i),
)

describe('parsePem', () => {
  test('reads what encodePem writes', () => {
    const label = fc.stringMatching(/^[A-Z][A-Z0-9 ]{0,20}[A-Z]$/)
    const list = fc.array(fc.tuple(label, fc.uint8Array({ maxLength: 300 })), { maxLength: 4 })
    fc.assert(
      fc.property(list, (parts) => {
        const text = parts.map(([name, der]) => encodePem(name, der)).join('')
        const blocks = parsePem(text)
        expect(blocks.map(({ label: name, der }) => [name, der])).toEqual(parts)
        expect(blocks.map(({ start, end }) => text.slice(start, end)).join('')).toBe(text)
        expect(pemOddities(text)).toEqual([])
      }),
    )
  })

  test('writes what Node writes', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), (der) => {
        const body = Buffer.from(der)
          .toString('base64')
          .replace(/.{1,64}/g, '$&\n')
        expect(encodePem('X', der)).toBe(`-----BEGIN X-----\n${body}-----END X-----\n`)
      }),
    )
  })

  test('never throws, on text or bytes', () => {
    const piece = fc.constantFrom(
      '-----BEGIN ',
      '-----END ',
      'X',
      '-----',
      '\n',
      '\r\n',
      'QUJD',
      '=',
      ':',
      ' ',
      '\0',
      block,
    )
    fc.assert(
      fc.property(fc.array(fc.oneof(piece, fc.string()), { maxLength: 30 }), (pieces) => {
        const text = pieces.join('')
        expect(Array.isArray(pemOddities(text))).toBe(true)
        const fromBytes = parsePem(Buffer.from(text)).map(({ der }) => der)
        expect(fromBytes).toEqual(parsePem(text).map(({ der }) => der))
      }),
    )
  })

  // Anything worse than linear time would run into the runner's limit.
  test('takes linear time', () => {
    expect(parsePem('-----BEGIN X-----\n'.repeat(50_000))).toEqual([])
    expect(parsePem(`-----BEGIN X-----\n${'-----END Y-----\n'.repeat(50_000)}`)).toEqual([])
    expect(parsePem(`${'a:b\n'.repeat(100_000)}\n-----END X-----`)).toEqual([])
    const oddities = [
      '-----END '.repeat(50_000),
      '-----END X-----x'.repeat(30_000),
      `x\n${block}`.repeat(2_000),
    ].map(pemOddities)
    const malformed = 'has a malformed block before the first block (line 1)'
    expect(oddities).toEqual([
      [malformed, 'has no newline at its end'],
      [malformed, 'has no newline at its end'],
      ['has text before the first block (line 1)', 'has text between blocks (line 7)'],
    ])
  })

  test('skips garbage, and malformed blocks as Go does', () => {
    const text = [
      'subject=CN = x\n',
      '-----BEGIN X-----\nQUJD\n', // no END
      '-----BEGIN X-----\nQUJ\n-----END X-----\n', // bad base64
      '-----BEGIN X-----\nQUJD\n-----END Y-----\n', // other label
      '-----BEGIN X-----\nQUJD\n-----END X----- y\n', // something behind END
      ' -----BEGIN X-----\nQUJD\n-----END X-----\n', // not at the start of a line
      '-----BEGIN GOOD-----\nQUJD\n-----END GOOD-----',
    ].join('')
    expect(parsePem(text).map(({ label, line }) => [label, line])).toEqual([['GOOD', 16]])
  })

  test('reads headers, CRLF, blanks and empty blocks', () => {
    const text =
      '-----BEGIN K-----  \r\nProc-Type: 4,ENCRYPTED\r\n__proto__: x\r\n\r\nQU JD\t\r\n-----END K-----\r\n' +
      '-----BEGIN E-----\n-----END E-----\n'
    const [first, second] = parsePem(text)
    expect(first?.headers['Proc-Type']).toBe('4,ENCRYPTED')
    expect(Object.keys(first?.headers ?? {})).toEqual(['Proc-Type', '__proto__'])
    expect(first?.der).toEqual(Uint8Array.from(Buffer.from('ABC')))
    expect(second).toMatchObject({ label: 'E', line: 7 })
    expect(second?.der.length).toBe(0)
  })
})

test.each([
  // Go does not find a BEGIN behind a byte order mark.
  [
    'a BOM',
    ['starts with a byte order mark', 'has a malformed block before the first block (line 1)'],
    (pem: string) => `\ufeff${pem}`,
  ],
  ['text before', ['has text before the first block (line 1)'], (pem: string) => `x\n${pem}`],
  ['text between', ['has text between blocks (line 6)'], (pem: string) => `${pem}x\n${pem}`],
  ['text after', ['has text after the last block (line 7)'], (pem: string) => `${pem}\nx\n`],
  ['CRLF', ['has carriage returns (line 1)'], (pem: string) => pem.replaceAll('\n', '\r\n')],
  ['no newline', ['has no newline at its end'], (pem: string) => pem.trimEnd()],
  [
    'NUL',
    ['contains a NUL (line 6)', 'has text after the last block (line 6)'],
    (pem: string) => `${pem}\0\n`,
  ],
  [
    'long lines',
    ['has a line of more than 64 characters (line 2)'],
    (pem: string) => pem.replace(/(\S{64})\n/, '$1'),
  ],
  [
    'glued',
    ['has an END line glued to a BEGIN line (line 5)'],
    (pem: string) => pem.trimEnd() + pem,
  ],
  [
    'malformed',
    ['has a malformed block between blocks (line 6)'],
    (pem: string) => `${pem}-----BEGIN X-----\n!\n-----END X-----\n${pem}`,
  ],
])('pemOddities: %s', (_, expected, change) => {
  expect(pemOddities(change(block))).toEqual(expected)
})
