import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import {
  cidrOverlap,
  cidrSize,
  contains,
  familyOf,
  formatCidr,
  formatEndpoint,
  formatIp,
  isIp,
  nthAddress,
  parseCidr,
  parseEndpoint,
  parseIp,
  sameIp,
} from '../../src/values/addresses.js'
import {
  isDns1123Label,
  isDns1123Subdomain,
  isLabelKey,
  isWildcardName,
  nearest,
} from '../../src/values/names.js'

const ip = fc.oneof(fc.ipV4(), fc.ipV6())
const cidr = fc
  .oneof(
    fc.tuple(fc.ipV4(), fc.integer({ min: 0, max: 32 })),
    fc.tuple(
      fc.ipV6().filter((text) => familyOf(text) === 6),
      fc.integer({ min: 0, max: 128 }),
    ),
  )
  .map(([address, prefix]) => `${address}/${prefix}`)

describe('addresses', () => {
  it('an address that only ends like IPv4 is no IPv4 address', () => {
    expect(formatIp('::192.0.2.1')).toBe('::c000:201')
    expect(sameIp('::192.0.2.1', '192.0.2.1')).toBe(false)
    expect(sameIp('::ffff:192.0.2.1', '192.0.2.1')).toBe(true)
    expect(isIp('::192.0.02.1')).toBe(false)
  })

  it.each([
    ['172.31.10.5', 4],
    ['::1', 6],
    ['fd00:172:31:10::5', 6],
    ['::ffff:10.0.0.1', 4],
    ['10.0.0', undefined],
    ['010.0.0.1', undefined],
    ['10.0.0.256', undefined],
    ['0x7f.1', undefined],
    ['2130706433', undefined],
    ['fe80::1%eth0', undefined],
    ['::ffff:10.0.0.01', undefined],
    ['[::1]', undefined],
    ['', undefined],
    [' 10.0.0.1', undefined],
  ])('reads %j', (text, family) => {
    expect(familyOf(text)).toBe(family)
    expect(isIp(text)).toBe(family !== undefined)
  })

  it.each([
    ['2001:DB8:0:0:1:0:0:1', '2001:db8::1:0:0:1'],
    ['::ffff:10.0.0.1', '10.0.0.1'],
    ['fd00:0:0:0:0:0:0:5', 'fd00::5'],
    ['10.0.0.1', '10.0.0.1'],
    ['no.address', 'no.address'],
  ])('formats %s as %s (RFC 5952)', (text, expected) => {
    expect(formatIp(text)).toBe(expected)
  })

  it('formats and reads any address without loss', () => {
    fc.assert(
      fc.property(ip, (text) => {
        const parsed = parseIp(text)
        expect(parsed && parseIp(formatIp(parsed))).toEqual(parsed)
        expect(sameIp(text, formatIp(text))).toBe(true)
      }),
    )
  })

  it('holds for every CIDR: bounds, size, containment, overlap', () => {
    fc.assert(
      fc.property(cidr, cidr, (a, b) => {
        const [left, right] = [parseCidr(a), parseCidr(b)]
        if (!left || !right) throw new Error(`${a} or ${b} was not read`)
        const bits = left.family === 4 ? 32 : 128
        expect(cidrSize(left)).toBe(2n ** BigInt(bits - left.prefix))
        expect(contains(left, a.split('/')[0] ?? '')).toBe(true)
        expect(contains(left, nthAddress(left, 0))).toBe(true)
        expect(parseCidr(formatCidr(left))).toEqual({ ...left, hostBits: false })
        expect(cidrOverlap(left, right)).toBe(cidrOverlap(right, left))
        expect(cidrOverlap(left, left)).toBe(true)
        const inside = left.family === right.family && contains(left, nthAddress(right, 0))
        if (inside) expect(cidrOverlap(left, right)).toBe(true)
      }),
    )
  })

  it('names the service and DNS addresses', () => {
    expect(nthAddress('10.96.0.0/12', 1)).toBe('10.96.0.1')
    expect(nthAddress('10.96.0.0/12', 10)).toBe('10.96.0.10')
    expect(nthAddress('fd00:10:96::/112', 10)).toBe('fd00:10:96::a')
    expect(() => nthAddress('10.0.0.1/32', 1)).toThrow('has no address number 1')
    expect(() => nthAddress('10.0.0.1', 1)).toThrow('is not a CIDR')
  })

  it.each([
    '10.0.0.0',
    '10.0.0.0/33',
    '10.0.0.0/-1',
    '10.0.0.0/08',
    '::/129',
    '::ffff:10.0.0.0/120',
    '10.0.0.0/8/8',
    '/8',
  ])('refuses the CIDR %s', (text) => expect(parseCidr(text)).toBeUndefined())

  it.each([
    ['k8s.example.com', { host: 'k8s.example.com', port: 0 }],
    ['k8s.example.com:6443', { host: 'k8s.example.com', port: 6443 }],
    ['10.0.0.1:443', { host: '10.0.0.1', port: 443 }],
    ['fd00::1', { host: 'fd00::1', port: 0 }],
    ['[fd00::1]:443', { host: 'fd00::1', port: 443 }],
    ['h:', { host: 'h', port: 0 }],
    ['[fd00::1]', undefined],
    ['h:0', undefined],
    ['h:65536', undefined],
    ['K8S.example.com', undefined],
    ['https://h', undefined],
    ['', undefined],
  ])('reads the endpoint %j', (text, expected) => {
    expect(parseEndpoint(text)).toEqual(expected)
  })

  it('formats endpoints with brackets', () => {
    expect(formatEndpoint({ host: 'fd00::1', port: 6443 })).toBe('[fd00::1]:6443')
    expect(formatEndpoint({ host: 'a.b', port: 1 })).toBe('a.b:1')
  })
})

describe('names', () => {
  it.each([
    ['worker-1', true, true],
    ['a.b', false, true],
    ['A', false, false],
    ['-a', false, false],
    ['a-', false, false],
    ['a..b', false, false],
    ['../x', false, false],
    ['', false, false],
    ['a'.repeat(63), true, true],
    ['a'.repeat(64), false, true],
    ['a'.repeat(254), false, false],
  ])('%j', (text, label, subdomain) => {
    expect(isDns1123Label(text)).toBe(label)
    expect(isDns1123Subdomain(text)).toBe(subdomain)
  })

  it('knows wildcards and label keys', () => {
    expect(isWildcardName('*.example.com')).toBe(true)
    expect(isWildcardName('*.*.com')).toBe(false)
    expect(isWildcardName('*')).toBe(false)
    expect(isLabelKey('topology.kubernetes.io/zone')).toBe(true)
    expect(isLabelKey('a/b/c')).toBe(false)
    expect(isLabelKey('/a')).toBe(false)
  })

  it('guesses what was meant', () => {
    expect(nearest('kubernetesVersoin', ['kubernetesVersion', 'nodes'])).toBe('kubernetesVersion')
    expect(nearest('Nodes', ['kubernetesVersion', 'nodes'])).toBe('nodes')
    expect(nearest('bananas', ['kubernetesVersion', 'nodes'])).toBeUndefined()
  })
})
