import { describe, expect, it } from 'vitest'
import { readCertificate } from '../../src/ca/certificate/read.js'
import { domainLabels, parseMailbox, uriHost } from '../../src/ca/verify/constraints.js'
import { matchesName, nameMismatch } from '../../src/ca/verify/names.js'
import { altNames, forge } from './verify-forge.js'

function certificate(...names: readonly string[]) {
  const extensions = names.length === 0 ? [] : [altNames(names)]
  return readCertificate(forge({ subject: 'common.test', extensions }).der)
}

// each row as Go's VerifyHostname answers it
const ROWS: readonly (readonly [san: string, name: string, matches: boolean])[] = [
  ['dns:a.test', 'a.test', true],
  ['dns:a.test', 'A.TEST', true],
  ['dns:A.test', 'a.test', true],
  ['dns:a.test', 'a.test.', true],
  ['dns:a.test.', 'a.test', false],
  ['dns:a.test.', 'a.test.', true],
  ['dns:a.test', 'b.a.test', false],
  ['dns:*.a.test', 'b.a.test', true],
  ['dns:*.a.test', 'c.b.a.test', false],
  ['dns:*.a.test', 'a.test', false],
  ['dns:*.a.test', '*.a.test', true],
  ['dns:b*.a.test', 'bc.a.test', false],
  ['dns:b.*.test', 'b.a.test', false],
  ['dns:*', 'test', false],
  ['dns:*.test', 'a.test', true],
  ['dns:*.*.test', 'a.b.test', false],
  ['dns:a_b.test', 'a_b.test', true],
  ['dns:-a.test', '-a.test', true],
  ['dns:a b', 'A B', true],
  ['dns:', '', false],
  ['dns:.', '.', false],
  ['dns:10.0.0.1', '10.0.0.1', false],
  ['ip:10.0.0.1', '10.0.0.1', true],
  ['ip:10.0.0.1', '[10.0.0.1]', true],
  ['ip:10.0.0.1', '::ffff:10.0.0.1', true],
  ['ip:::ffff:10.0.0.1', '10.0.0.1', true],
  ['ip:10.0.0.1', '010.0.0.1', false],
  ['ip:10.0.0.1', '10.0.0.2', false],
  ['ip:fd00::1', 'fd00:0:0:0:0:0:0:1', true],
  ['ip:fd00::1', '[FD00::1]', true],
  ['ip:fe80::1', 'fe80::1%eth0', false],
]

describe('matchesName', () => {
  it.each(ROWS)('%s and %j: %s', (san, name, matches) => {
    expect(matchesName(certificate(san), name)).toBe(matches)
    expect(nameMismatch(certificate(san), name) === undefined).toBe(matches)
  })

  it('does not look at the common name, and says so', () => {
    expect(nameMismatch(certificate(), 'common.test')).toMatchObject({
      code: 'no-san',
      certificate: 'CN=common.test',
      message: expect.stringContaining('common name "common.test" is not looked at'),
    })
    expect(nameMismatch(certificate('dns:a.test'), 'common.test')).toMatchObject({
      code: 'name-mismatch',
      message: expect.stringContaining('the DNS names "a.test", not for "common.test"'),
    })
  })
})

describe('the parts of names', () => {
  it('splits domain names', () => {
    expect(domainLabels('')).toEqual([])
    expect(domainLabels('a.b')).toEqual(['a', 'b'])
    for (const bad of ['a.', '.a', 'a..b', 'a b', 'ä.test'])
      expect(domainLabels(bad)).toBeUndefined()
  })

  it('splits mail addresses', () => {
    expect(parseMailbox('a.b@x.test')).toEqual({ local: 'a.b', domain: 'x.test' })
    expect(parseMailbox('"a\\" b"@x.test')).toEqual({ local: 'a" b', domain: 'x.test' })
    expect(parseMailbox('a\\@b@x.test')).toEqual({ local: 'a@b', domain: 'x.test' })
    for (const bad of ['', '@x', 'a', '.a@x', 'a.@x', 'a..b@x', '"a@x', 'a@x..y', 'a\\']) {
      expect(parseMailbox(bad), bad).toBeUndefined()
    }
  })

  it('finds the host of a URI', () => {
    expect(uriHost('https://u:p@a.test:8443/x?y#z')).toBe('a.test:8443')
    expect(uriHost('spiffe://a.test/x')).toBe('a.test')
    expect(uriHost('https://[fd00::1]:1/')).toBe('[fd00::1]:1')
    for (const none of ['urn:x', 'a/b', '/x', 'https:/x', '']) expect(uriHost(none), none).toBe('')
    for (const bad of [
      ':x',
      'a:1/b c:d\u0001',
      '1:2',
      'https://a b/',
      'https://a:x/',
      'https://[a',
    ]) {
      expect(uriHost(bad), bad).toBeUndefined()
    }
  })
})
