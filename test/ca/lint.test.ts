import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { Name } from '../../src/ca/certificate/facts.js'
import { formatName, subject } from '../../src/ca/certificate/names.js'
import { readCertificate } from '../../src/ca/certificate/read.js'
import { runtimeEngine } from '../../src/ca/engine.js'
import { issueCertificate, randomSerial } from '../../src/ca/issue.js'
import { keyIdentifierOf } from '../../src/ca/keys/keys.js'
import { PROFILES, type ProfileName } from '../../src/ca/profiles.js'
import { generate } from '../../src/generate/generate.js'
import { formatIp } from '../../src/values/addresses.js'
import { certificatesOf, fixtureKeysEnv, large } from '../certs/clusters.js'
import { lint } from './lint.js'
import { authority, testKey } from './support.js'

const engine = runtimeEngine()
const KEYS = ['rsa2048-1', 'rsa2048-2', 'p256-1', 'p256-2', 'p384-1']
const YEARS = { min: new Date('1950-01-01T00:00:00Z'), max: new Date('9999-12-31T23:59:59Z') }

const value = fc
  .string({ unit: 'grapheme', minLength: 1, maxLength: 70 })
  // What names are refused for is tested where names are.
  .filter((text) => !/[\p{Cc}\p{Surrogate}]/u.test(text))
const attribute = fc.oneof(
  fc.record({
    type: fc.constantFrom('CN', 'O', 'OU', 'L', 'ST', 'STREET', 'UID', '1.2.3.4'),
    value,
  }),
  fc.record({
    type: fc.constantFrom('DC', 'emailAddress'),
    value: fc.stringMatching(/^[a-z@.-]{1,20}$/),
  }),
  fc.record({ type: fc.constant('C'), value: fc.stringMatching(/^[A-Z]{2}$/) }),
)
const name: fc.Arbitrary<Name> = fc.array(fc.array(attribute, { minLength: 1, maxLength: 4 }), {
  minLength: 1,
  maxLength: 6,
})
const dns = fc.oneof(
  fc.domain(),
  fc.domain().map((domain) => `*.${domain}`),
)
const ip = fc.oneof(fc.ipV4(), fc.ipV6())
const time = fc.date({ ...YEARS, noInvalidDate: true })
const request = fc.record({
  ca: fc.constantFrom(...KEYS),
  key: fc.constantFrom(...KEYS),
  profile: fc.constantFrom(...(Object.keys(PROFILES) as ProfileName[])),
  subject: name,
  issuer: name,
  nameless: fc.integer({ min: 0, max: 9 }).map((n) => n === 0),
  altNames: fc.record({
    dns: fc.array(dns, { maxLength: 12 }),
    ip: fc.array(ip, { maxLength: 12 }),
  }),
  times: fc.tuple(time, time),
  pathLength: fc.option(fc.nat(300), { nil: undefined }),
})

const seconds = (date: Date): number => Math.floor(date.getTime() / 1000)

describe('every certificate is as X.690 and RFC 5280 have it', () => {
  it('whatever it is to say', async () => {
    await fc.assert(
      fc.asyncProperty(request, async ({ times, pathLength, nameless, ...drawn }) => {
        const [notBefore, notAfter] = [...times].sort((a, b) => a.getTime() - b.getTime())
        if (!notBefore || !notAfter || seconds(notBefore) === seconds(notAfter)) return
        const named = drawn.altNames.dns.length + drawn.altNames.ip.length > 0
        const holder = testKey(drawn.key)
        const ca = await authority(engine, testKey(drawn.ca), { subject: drawn.issuer })
        const certificate = await issueCertificate(
          {
            subject: nameless && named ? [] : drawn.subject,
            publicKey: holder.spki,
            profile: drawn.profile,
            ...(named && { altNames: drawn.altNames }),
            notBefore,
            notAfter,
            serial: randomSerial(engine),
            ...(drawn.profile === 'authority' && pathLength !== undefined && { pathLength }),
            subjectKeyIdentifier: await keyIdentifierOf(engine, holder.spki, 'sha1'),
          },
          ca,
        )
        for (const der of [ca.certificate.der, certificate]) {
          expect(lint(der)).toEqual([])
          expect(readCertificate(der).oddities).toEqual([])
        }
        const read = readCertificate(certificate)
        expect(seconds(read.notBefore)).toBe(seconds(notBefore))
        expect(seconds(read.notAfter)).toBe(seconds(notAfter))
        expect(read.issuer.raw).toEqual(ca.certificate.subject.raw)
        expect(read.altNames?.dns ?? []).toEqual(drawn.altNames.dns)
        expect(read.altNames?.ip ?? []).toEqual(drawn.altNames.ip.map((one) => formatIp(one)))
        expect(read.basicConstraints?.ca).toBe(drawn.profile === 'authority')
        expect(read.publicKey.spki).toEqual(holder.spki)
        if (!nameless) expect(namesIn(read.subject.rdns)).toEqual(namesIn(drawn.subject))
      }),
      { numRuns: Number(process.env.KPKI_FUZZ_RUNS ?? 400) },
    )
  })

  it.each(['separate', 'single', 'hierarchy'])(
    'in a cluster with %s authorities',
    async (topology) => {
      const made = await generate(large({ topology, users: [{ name: 'jane', groups: ['ops'] }] }), {
        env: fixtureKeysEnv(),
      })
      const certificates = [...certificatesOf(made)]
      expect(certificates.length).toBeGreaterThan(30)
      for (const [path, { der, oddities }] of certificates) {
        expect(lint(der), path).toEqual([])
        expect(oddities, path).toEqual([])
      }
      const serials = certificates.map(
        ([, { issuer, serial }]) => `${formatName(issuer.rdns)} ${serial}`,
      )
      const files = new Set(certificates.map(([, { der }]) => Buffer.from(der).toString('hex')))
      // One certificate lies in many places, and every other has a number of its own.
      expect(new Set(serials).size).toBe(files.size)
    },
  )

  it('and what is not is noticed', async () => {
    const { certificate } = await authority(engine, testKey('p256-1'), {
      subject: subject({ CN: 'a', O: ['x', 'y'] }),
    })
    const changed = (from: string, to: string) => {
      const text = Buffer.from(certificate.der).toString('hex')
      expect(text).toContain(from)
      return lint(Buffer.from(text.replace(from, to), 'hex')).length
    }
    expect(lint(certificate.der)).toEqual([])
    expect(changed('0101ff', '010101')).toBeGreaterThan(0)
    expect(changed('0603551d0f0101ff', '0603551d0f010100')).toBeGreaterThan(0)
    expect(changed('030202', '030203')).toBeGreaterThan(0)
    expect(changed('170d', '180d')).toBeGreaterThan(0)
    expect(changed('551d0e', '551d13')).toBeGreaterThan(0)
    expect(changed('1301', '1381')).toBeGreaterThan(0)
    expect(changed('a003020102', 'a003020101')).toBeGreaterThan(0)
  })
})

const namesIn = (rdns: Name): readonly (readonly string[])[] =>
  rdns.map((rdn) => rdn.map(({ type, value: text }) => `${type}=${text}`).sort())

describe('serial numbers', () => {
  it('a million of them: each positive, of at most 20 octets, and none twice', () => {
    const seen = new Set<string>()
    let ones = 0
    let wrong = 0
    for (let i = 0; i < 1_000_000; i++) {
      const serial = randomSerial(engine)
      const [first = 0xff, second = 0] = serial
      // Of one octet it would be 1 in 2^120, and zero is none at all.
      const isMinimal = serial.length > 1 && (first > 0 || second >= 0x80)
      if (serial.length > 20 || first >= 0x80 || !isMinimal) wrong++
      seen.add(String.fromCharCode(...serial))
      for (const octet of serial.subarray(-8)) ones += BITS[octet] ?? 0
    }
    expect(wrong).toBe(0)
    expect(seen.size).toBe(1_000_000)
    // The last 64 bits are evenly set: 32 million expected, and 40,000 would be ten standard deviations.
    expect(Math.abs(ones - 32_000_000)).toBeLessThan(40_000)
  })
})

const BITS = Array.from({ length: 256 }, (_, octet) => octet.toString(2).replaceAll('0', '').length)
