import type { PublicKeyFacts } from '../../ca/types.js'
import type { Estate, Place } from '../estate.js'
import type { Rule, RuleContext } from '../types.js'
import { hasClosePrimes, sharedFactors, smallFactor } from './factors.js'
import { indexOf } from './index-of-estate.js'
import { knownKey } from './known-keys.js'
import { counted, each, finding, GENERATE, nameOf, rule } from './row.js'

interface PublicKey {
  readonly place: Place
  readonly facts: PublicKeyFacts
}

const keysOfEstate = new WeakMap<Estate, readonly PublicKey[]>()

/** Every distinct public key, of certificates and of key files, with one place of each. */
function publicKeys(estate: Estate): readonly PublicKey[] {
  const known = keysOfEstate.get(estate)
  if (known) return known
  const all = new Map<string, PublicKey>()
  for (const { keyId, facts, places } of estate.certificates)
    if (places[0] && !all.has(keyId)) all.set(keyId, { place: places[0], facts: facts.publicKey })
  for (const { key, place } of indexOf(estate).keys)
    if (key.keyId !== undefined && key.facts && !all.has(key.keyId))
      all.set(key.keyId, { place, facts: key.facts })
  const keys = [...all.values()]
  keysOfEstate.set(estate, keys)
  return keys
}

const rsaKeys = (estate: Estate) => publicKeys(estate).filter(({ facts }) => facts.type === 'RSA')
const ecKeys = (estate: Estate) => publicKeys(estate).filter(({ facts }) => facts.type === 'EC')

/** Moduli that are looked into: comparing all of them takes about 1 ms each, and grows. */
const MAX_COMPARED = 500
const MAX_COMPARED_STRICT = 4000
const MAX_FACTORED = 4000

function* withSharedFactors(keys: readonly PublicKey[], { profile }: RuleContext) {
  const limit = profile === 'strict' ? MAX_COMPARED_STRICT : MAX_COMPARED
  const compared = keys.slice(0, limit)
  const shared = sharedFactors(compared.flatMap(({ facts }) => facts.modulus ?? []))
  for (const { place, facts } of compared) {
    const factor = facts.modulus === undefined ? undefined : shared.get(facts.modulus)
    if (factor === undefined) continue
    const other = compared.find(
      ({ facts: { modulus = 1n } }) => modulus !== facts.modulus && modulus % factor === 0n,
    )
    const whose = other ? nameOf(other.place) : 'another key'
    yield finding(
      place,
      `has an RSA key that shares a prime with that of ${whose}: both can be computed`,
    )
  }
  const left = keys.length - compared.length
  if (left > 0)
    yield {
      message: `shared primes were looked for in ${limit} of ${keys.length} RSA keys; ${counted(left, 'key')} skipped`,
      severity: 'info' as const,
    }
}

export const WEAK_KEY_RULES: readonly Rule[] = [
  rule('K06', 'rsa-under-2048', 'H', 'warning', {
    title: 'an RSA key is shorter than 2048 bits',
    citation: 'NIST SP 800-131A; golang/go#68762',
    why: 'Keys below 2048 bits are breakable in reach; Go 1.24 and later refuse those below 1024 altogether.',
    fix: `delete the key, then ${GENERATE}`,
    check: each(rsaKeys, ({ place, facts: { bits = 0 } }) => {
      if (bits >= 2048) return undefined
      const refused = bits < 1024 ? ', which Go 1.24 and later refuse' : ''
      return finding(place, `has an RSA key of ${bits} bits${refused}; 2048 is the least`, {
        severity: bits < 1024 ? 'error' : 'warning',
      })
    }),
  }),
  rule('K07', 'rsa-over-8192', 'H', 'error', {
    title: 'an RSA key is longer than 8192 bits',
    citation: 'CVE-2023-29409',
    why: 'Go’s TLS refuses a handshake with a larger RSA key.',
    fix: `delete the key, then ${GENERATE}`,
    check: each(rsaKeys, ({ place, facts: { bits = 0 } }) =>
      bits > 8192
        ? finding(place, `has an RSA key of ${bits} bits; Go’s TLS stops at 8192`)
        : undefined,
    ),
  }),
  rule('K08', 'rsa-exponent', 'M', 'warning', {
    title: 'an RSA key has an unusual exponent',
    citation: 'FIPS 186-5 §5.1; zlint e_rsa_public_exponent_too_small',
    why: 'Small exponents are fragile against careless padding, large ones slow; Go refuses even ones and those over 31 bits.',
    fix: `delete the key, then ${GENERATE}`,
    check: each(rsaKeys, ({ place, facts: { exponent = 65537n } }) => {
      const refused = exponent % 2n === 0n || exponent > 0x7fffffffn || exponent < 2n
      if (!refused && exponent >= 65537n) return undefined
      const text = `has an RSA key with the exponent ${exponent}; 65537 is expected`
      return finding(place, text, { severity: refused ? 'error' : 'warning' })
    }),
  }),
  rule('K09', 'rsa-weak-primes', 'C', 'error', {
    title: 'an RSA key can be factored',
    citation:
      'CVE-2022-26320; zlint e_rsa_fermat_factorization, w_rsa_mod_factors_smaller_than_752',
    why: 'A small factor, or two primes close together, gives the private key to anyone who sees the certificate.',
    fix: `delete the key and everything it signed, then ${GENERATE}`,
    check: each(
      (estate) => rsaKeys(estate).slice(0, MAX_FACTORED),
      ({ place, facts: { modulus } }) => {
        if (modulus === undefined) return undefined
        const factor = smallFactor(modulus)
        if (factor !== undefined) return finding(place, `has an RSA key divisible by ${factor}`)
        return hasClosePrimes(modulus)
          ? finding(place, 'has an RSA key of two primes so close that it can be factored')
          : undefined
      },
    ),
  }),
  rule('K10', 'rsa-shared-factor', 'C', 'error', {
    title: 'two RSA keys share a prime',
    citation: 'Heninger, Durumeric, Wustrow, Halderman: Mining Your Ps and Qs (2012)',
    why: 'Machines cloned before they had randomness make such keys. One GCD of the two public keys gives both private ones.',
    fix: `delete both keys and everything they signed, then ${GENERATE} on a machine with randomness`,
    check: (estate, context) => {
      const keys = rsaKeys(estate)
      return keys.length < 2 ? 'not-applicable' : withSharedFactors(keys, context)
    },
  }),
  rule('K11', 'ec-curve', 'H', 'error', {
    title: 'an EC key is on a curve that Go’s TLS cannot use',
    citation: 'Go crypto/tls; zlint e_ec_improper_curves',
    why: 'Only P-256, P-384 and P-521 work in certificates; with another curve no handshake succeeds.',
    fix: `delete the key, then ${GENERATE}`,
    check: each(ecKeys, ({ place, facts: { curve = '' } }) =>
      /^(P-256|P-384|P-521|explicit)$/.test(curve)
        ? undefined
        : finding(place, `has an EC key on the curve ${curve}; P-256, P-384 or P-521 is expected`),
    ),
  }),
  rule('K12', 'ec-explicit-params', 'H', 'error', {
    title: 'an EC key spells out its curve',
    citation: 'RFC 5480 §2.1.1',
    why: 'Go refuses keys with explicit curve parameters; OpenSSL made and read them for years.',
    fix: 'openssl ecparam -name prime256v1 -param_enc named_curve …, then issue the certificate again',
    check: each(ecKeys, ({ place, facts: { curve } }) =>
      curve === 'explicit'
        ? finding(place, 'has an EC key with explicit parameters instead of a named curve')
        : undefined,
    ),
  }),
  rule('K16', 'default-debian-key', 'M', 'error', {
    title: 'a published test key is in use',
    citation: 'RFC 9500',
    why: 'Its private half is printed in a document or a source tree: a certificate with it proves nothing.',
    fix: `delete the key and everything it signed, then ${GENERATE}`,
    check: each(publicKeys, ({ place, facts: { spki } }) => {
      const known = knownKey(spki)
      return known && finding(place, `has ${known.about}`, { severity: known.severity })
    }),
  }),
]
