import { hexOf } from '../../values/bytes.js'
import { groupBy } from '../../values/lists.js'
import type { Certificate, Evidence } from '../read/evidence.js'
import type { Rule } from '../types.js'
import { indexOf } from './by-evidence.js'
import { aboutCertificate, each, GENERATE, nameOf, rule, STRICT } from './rule.js'

const certificates = (evidence: Evidence) => evidence.certificates
const latin1 = new TextDecoder('latin1')

/** Certificates of one issuer (by name and key) with the same serial number. */
function duplicates(evidence: Evidence): readonly (readonly Certificate[])[] {
  const issuerOf = ({ facts, issuers }: Certificate) =>
    `${latin1.decode(facts.issuer.raw)} ${issuers[0]?.keyId ?? ''} ${facts.serial}`
  return [...groupBy(evidence.certificates, issuerOf).values()].filter(({ length }) => length > 1)
}

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
    fix: GENERATE,
    check: each(duplicates, ([first, second]) => {
      const place = second?.places[0]
      return first && place
        ? aboutCertificate(
            first,
            `has the serial number ${first.facts.serial.toString(16)} of its issuer, and so has ${nameOf(place)}`,
          )
        : undefined
    }),
  }),
  rule('N02', 'serial-nonpositive', 'H', 'error', {
    title: 'a serial number is not positive',
    citation: 'RFC 5280 §4.1.2.2; Go 1.23 release notes',
    why: 'Go 1.23 and later refuse negative serial numbers. Zero is what old kubeadm gave its authorities.',
    fix: GENERATE,
    check: each(certificates, (one) => {
      const { serial } = one.facts
      if (serial > 0n) return undefined
      const text =
        serial === 0n
          ? 'has the serial number 0'
          : 'has a negative serial number, which Go 1.23 and later refuse'
      return aboutCertificate(one, text, { severity: serial === 0n ? 'info' : 'error' })
    }),
  }),
  rule('N03', 'serial-too-long', 'M', 'warning', {
    title: 'a serial number is longer than 20 octets',
    citation: 'RFC 5280 §4.1.2.2; zlint e_serial_number_longer_than_20_octets',
    why: 'Strict parsers refuse the certificate.',
    fix: GENERATE,
    check: each(certificates, (one) =>
      one.facts.serialBytes.length > 20
        ? aboutCertificate(
            one,
            `has a serial number of ${one.facts.serialBytes.length} octets; 20 is the most`,
          )
        : undefined,
    ),
  }),
  rule('N04', 'serial-low-entropy', 'L', 'info', {
    title: 'a serial number is short or counted up',
    citation: 'CA/Browser Forum Baseline Requirements §7.1 (64 random bits)',
    why: 'Predictable serial numbers helped to forge certificates when hashes broke, and two tools that count give the same number twice.',
    fix: GENERATE,
    check: each(
      (evidence) => indexOf(evidence).leaves,
      (one) =>
        one.facts.serial > 0n && one.facts.serial < 0x1_0000_0000n
          ? aboutCertificate(
              one,
              `has the serial number ${hexOf(one.facts.serialBytes)} of at most 32 bits`,
            )
          : undefined,
    ),
  }),
  rule('N05', 'sha1-md5', 'C', 'error', {
    title: 'a certificate is signed with a broken hash',
    citation: 'Go 1.18 release notes (SHA-1); RFC 6151 (MD5)',
    why: 'Go refuses SHA-1 and MD5 signatures on everything but a trusted root itself.',
    fix: GENERATE,
    check: each(certificates, (one) => {
      const { signature, selfIssued } = one.facts
      return selfIssued || !/sha-?1(?!\d)|md5|md2/i.test(signature.name)
        ? undefined
        : aboutCertificate(one, `is signed with ${signature.name}, which Go refuses`)
    }),
  }),
  rule('N06', 'sigalg-mismatch', 'H', 'error', {
    title: 'inner and outer signature algorithm differ',
    citation: 'RFC 5280 §4.1.1.2; zlint e_cert_sig_alg_not_match_tbs_sig_alg',
    why: 'The certificate is malformed or tampered with; Go does not read it.',
    fix: GENERATE,
    check: each(certificates, (one) =>
      one.facts.signature.consistent
        ? undefined
        : aboutCertificate(
            one,
            'names one signature algorithm inside and another outside its signed part',
          ),
    ),
  }),
  rule('N07', 'sig-weaker-than-key', 'L', 'info', {
    title: 'a signature’s hash is weaker than the key that made it',
    citation: 'NIST SP 800-57 part 1 §5.6.2; FIPS 186-5 §6.1.1',
    why: 'A P-384 key with SHA-256 signs at the strength of P-256.',
    fix: GENERATE,
    profiles: STRICT,
    check: each(certificates, (one) => {
      const key = one.issuers[0]?.facts.publicKey
      const hash = HASH_BITS.find(([name]) => name.test(one.facts.signature.name))?.[1]
      return key?.type === 'EC' && hash !== undefined && Math.min(key.bits ?? 0, 512) > hash
        ? aboutCertificate(one, `is signed by a ${key.curve} key with a hash of ${hash} bits`)
        : undefined
    }),
  }),
]
