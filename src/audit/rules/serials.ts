import { hexOf } from '../../values/bytes.js'
import { groupBy } from '../../values/lists.js'
import { once } from '../../values/once.js'
import type { Certificate, Evidence } from '../read/evidence.js'
import type { Rule } from '../types.js'
import { REISSUE } from './remedies.js'
import { nameOf, rule, STRICT } from './rule.js'
import { certificates, leaves } from './subjects.js'

/** What no two certificates may share: their issuer’s name and key, and their serial number. */
const issuedAs = ({ facts, issuers }: Certificate) =>
  `${hexOf(facts.issuer.raw)} ${issuers[0]?.keyId ?? ''} ${facts.serial}`
const bySerial = once((evidence: Evidence) => groupBy(evidence.certificates, issuedAs))

const HASH_BITS: readonly (readonly [RegExp, number])[] = [
  [/sha-?512/i, 512],
  [/sha-?384/i, 384],
  [/sha-?256/i, 256],
]

export const SERIAL_RULES: readonly Rule[] = [
  rule('N01', 'duplicate-serial', 'H', 'warning', {
    title: 'one authority gave a serial number twice',
    citation: 'RFC 5280 §4.1.2.2; openshift/service-ca-operator#110',
    why: 'Go does not look, but browsers and NSS refuse the second certificate, and revocation could not tell them apart.',
    fix: REISSUE,
    of: certificates,
    say: (one, evidence) => {
      const [first, second] = bySerial(evidence).get(issuedAs(one)) ?? []
      const place = first === one ? second?.places[0] : undefined
      return (
        place &&
        `has the serial number ${one.facts.serial.toString(16)} of its issuer, and so has ${nameOf(place)}`
      )
    },
  }),
  rule('N02', 'serial-nonpositive', 'H', 'error', {
    title: 'a serial number is not positive',
    citation: 'RFC 5280 §4.1.2.2; Go 1.23 release notes',
    why: 'Go 1.23 and later refuse negative serial numbers. Zero is what old kubeadm gave its authorities.',
    fix: REISSUE,
    of: certificates,
    when: (one) => one.facts.serial <= 0n,
    say: (one) =>
      one.facts.serial === 0n
        ? { message: 'has the serial number 0', severity: 'info' }
        : 'has a negative serial number, which Go 1.23 and later refuse',
  }),
  rule('N03', 'serial-too-long', 'M', 'warning', {
    title: 'a serial number is longer than 20 octets',
    citation: 'RFC 5280 §4.1.2.2; zlint e_serial_number_longer_than_20_octets',
    why: 'Strict parsers refuse the certificate.',
    fix: REISSUE,
    of: certificates,
    when: (one) => one.facts.serialBytes.length > 20,
    say: (one) => `has a serial number of ${one.facts.serialBytes.length} octets; 20 is the most`,
  }),
  rule('N04', 'serial-low-entropy', 'L', 'info', {
    title: 'a serial number is short or counted up',
    citation: 'CA/Browser Forum Baseline Requirements §7.1 (64 random bits)',
    why: 'Predictable serial numbers helped to forge certificates when hashes broke, and two tools that count give the same number twice.',
    fix: REISSUE,
    of: leaves,
    when: (one) => one.facts.serial > 0n && one.facts.serial < 0x1_0000_0000n,
    say: (one) => `has the serial number ${hexOf(one.facts.serialBytes)} of at most 32 bits`,
  }),
  rule('N05', 'sha1-md5', 'C', 'error', {
    title: 'a certificate is signed with a broken hash',
    citation: 'Go 1.18 release notes (SHA-1); RFC 6151 (MD5)',
    why: 'Go refuses SHA-1 and MD5 signatures on everything but a trusted root itself.',
    fix: REISSUE,
    of: certificates,
    when: ({ facts }) => !facts.selfIssued && /sha-?1(?!\d)|md5|md2/i.test(facts.signature.name),
    say: ({ facts }) => `is signed with ${facts.signature.name}, which Go refuses`,
  }),
  rule('N06', 'sigalg-mismatch', 'H', 'error', {
    title: 'inner and outer signature algorithm differ',
    citation: 'RFC 5280 §4.1.1.2; zlint e_cert_sig_alg_not_match_tbs_sig_alg',
    why: 'The certificate is malformed or tampered with; Go does not read it.',
    fix: REISSUE,
    of: certificates,
    when: (one) => !one.facts.signature.consistent,
    say: 'names one signature algorithm inside and another outside its signed part',
  }),
  rule('N07', 'sig-weaker-than-key', 'L', 'info', {
    title: 'a signature’s hash is weaker than the key that made it',
    citation: 'NIST SP 800-57 part 1 §5.6.2; FIPS 186-5 §6.1.1',
    why: 'A P-384 key with SHA-256 signs at the strength of P-256.',
    fix: REISSUE,
    profiles: STRICT,
    of: certificates,
    say: (one) => {
      const key = one.issuers[0]?.facts.publicKey
      const hash = HASH_BITS.find(([name]) => name.test(one.facts.signature.name))?.[1] ?? Infinity
      return (
        key?.type === 'EC' &&
        Math.min(key.bits ?? 0, 512) > hash &&
        `is signed by a ${key.curve} key with a hash of ${hash} bits`
      )
    },
  }),
]
