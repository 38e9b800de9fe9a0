import type { PublicKeyFacts } from '../../ca/certificate/facts.js'
import type { Release } from '../../releases/features.js'
import { once } from '../../values/once.js'
import { listed, plural } from '../../values/text.js'
import { privateKeyOf } from '../graph/credentials.js'
import { ancestors } from '../graph/trust.js'
import type { Certificate, Evidence, Place } from '../read/evidence.js'
import { pairsBeside } from '../read/pairs.js'
import { shortPath } from '../read/paths.js'
import type { Rule, RuleContext } from '../types.js'
import { indexOf, releaseIn } from './by-evidence.js'
import { authorityPairs } from './files.js'
import { after, REISSUE, remarked } from './remedies.js'
import { finding, nameOf, rule, STRICT } from './rule.js'
import { certificates, leaves, leavesByKey, nodes, only, uses, usesAs } from './subjects.js'

interface PublicKey {
  readonly place: Place
  readonly facts: PublicKeyFacts
}

/** Every distinct public key, of certificates and of key files, with one place of each. */
const publicKeys = once((evidence: Evidence): readonly PublicKey[] => {
  const all = new Map<string, PublicKey>()
  for (const { keyId, facts, places } of evidence.certificates)
    if (places[0] && !all.has(keyId)) all.set(keyId, { place: places[0], facts: facts.publicKey })
  for (const { key, place } of indexOf(evidence).keys)
    if (key.keyId !== undefined && key.facts && !all.has(key.keyId))
      all.set(key.keyId, { place, facts: key.facts })
  return [...all.values()]
})

const rsaKeys = only(publicKeys, ({ facts }) => facts.type === 'RSA')
const ecKeys = only(publicKeys, ({ facts }) => facts.type === 'EC')

/** Moduli that are looked into: comparing all of them takes about 1 ms each, and grows. */
const MAX_COMPARED = 500
const MAX_COMPARED_STRICT = 4000
const MAX_FACTORED = 4000

/** Certificates that components use, and whatever else has the private key beside it. */
const pairs = (evidence: Evidence) => {
  const { parts, used } = indexOf(evidence)
  return [
    ...uses(evidence).flatMap((use) =>
      use.key?.pem && privateKeyOf(use.key.pem) ? [{ ...use, key: use.key.pem }] : [],
    ),
    ...authorityPairs(evidence),
    ...parts.flatMap(({ pems }) =>
      pairsBeside(pems).filter(
        ({ pem }) =>
          !used.has(pem) && !pem.certificates.some(({ facts }) => facts.basicConstraints?.ca),
      ),
    ),
  ]
}
const keyed = only(uses, ({ role }) => role !== 'user' && role !== 'kubelet-client')

export const KEY_RULES: readonly Rule[] = [
  rule('K01', 'key-cert-mismatch', 'C', 'error', {
    title: 'a certificate and its key do not belong together',
    citation: 'Go crypto/tls X509KeyPair; kubernetes/kubernetes#127538',
    why: 'The component exits with "private key does not match public key". kubeadm never checks the pairs of leaves.',
    fix: REISSUE,
    of: pairs,
    // P10 speaks about the right certificate in the wrong position.
    when: ({ pem, key }) => {
      const own = privateKeyOf(key)?.keyId
      return own !== undefined && !pem.certificates.some(({ keyId }) => keyId === own)
    },
    say: ({ key }) => ({
      message: `does not fit its key ${nameOf(key.place)}`,
      suspects: [key.place],
    }),
  }),
  rule('K02', 'key-missing', 'H', 'error', {
    title: 'a certificate has no key',
    citation: 'https://kubernetes.io/docs/setup/best-practices/certificates/',
    why: 'The component that serves or presents the certificate does not start at its next restart.',
    fix: REISSUE,
    of: keyed,
    say: ({ key }) => {
      const isSeen = key?.state === 'present' || key?.state === 'missing'
      if (!isSeen || privateKeyOf(key.pem)) return undefined
      const state = key.state === 'missing' ? 'is missing' : 'holds no private key'
      return `has no key: ${shortPath(key.path)} ${state}`
    },
  }),
  rule('K03', 'cert-missing', 'M', 'warning', {
    title: 'a key has no certificate',
    citation: 'k8s.io/client-go/util/cert (the key is written before the certificate)',
    why: 'Whoever wrote the pair was interrupted between the two files.',
    fix: REISSUE,
    of: nodes,
    where: ({ pems }) => pems.size > 0,
    say: function* (node) {
      for (const [path, pem] of node.pems) {
        if (!path.startsWith(`${node.pkiDirectory}/`) || !path.endsWith('.key')) continue
        const base = path.slice(0, -'.key'.length)
        if (/\/(sa|service)[^/]*$/.test(base) || !privateKeyOf(pem)) continue
        if (!node.tree.has(`${base}.crt`) && !node.tree.has(`${base}.pem`))
          yield finding(pem.place, `has no certificate: ${shortPath(base)}.crt is missing`)
      }
    },
  }),
  rule('K04', 'key-reused-across-certs', 'M', 'warning', {
    title: 'one key serves several certificates',
    citation: 'NIST SP 800-57 part 1 §5.2',
    why: 'Who gets at the key in one role has the other role as well.',
    fix: after('make a key of its own for each certificate: delete the copies', REISSUE),
    of: leaves,
    say: (leaf, evidence) => {
      const [first, ...others] = leavesByKey(evidence).get(leaf.keyId) ?? []
      const subject = commonNames(leaf)
      if (first !== leaf || others.every((one) => commonNames(one) === subject)) return undefined
      const places = others.flatMap((one) => one.places[0] ?? [])
      return `has the same key as ${listed(places.map(nameOf), 3)}`
    },
  }),
  rule('K05', 'key-reused-ca-leaf', 'C', 'error', {
    title: 'an end-entity certificate has an authority’s key',
    citation: 'NIST SP 800-57 part 1 §5.2',
    why: 'Whoever holds the key of that certificate can issue any certificate in the authority’s name.',
    fix: after('delete the certificate and its key', REISSUE),
    of: leaves,
    say: (leaf, evidence) => {
      const place = indexOf(evidence).authorityOfKey.get(leaf.keyId)?.places[0]
      return place && `has the key of the authority ${nameOf(place)}`
    },
  }),
  rule('K06', 'rsa-under-2048', 'H', 'warning', {
    title: 'an RSA key is shorter than 2048 bits',
    citation: 'NIST SP 800-131A; golang/go#68762',
    why: 'Keys below 2048 bits are breakable in reach; programs that behave as Go 1.24 and later refuse those below 1024 altogether: Kubernetes from 1.33 on (docs/reference/releases.md has the Go of each release).',
    fix: after('delete the key', REISSUE),
    of: rsaKeys,
    when: ({ facts: { bits = 0 } }) => bits < 2048,
    say: ({ facts: { bits = 0 } }, evidence) => {
      const message = `has an RSA key of ${bits} bits; 2048 is the least`
      if (bits >= 1024) return message
      const release = releaseIn(evidence)
      const isRefused = release && goAtLeast(release, '1.24')
      const whose = release
        ? `which ${release.version.text}, as Go ${release.go}, ${isRefused ? 'refuses' : 'still takes'}; from 1.33 on Kubernetes refuses it`
        : 'which Kubernetes refuses from 1.33 on'
      return { message: `${message}, and below 1024 ${whose}`, severity: 'error' }
    },
  }),
  rule('K07', 'rsa-over-8192', 'H', 'error', {
    title: 'an RSA key is longer than 8192 bits',
    citation: 'CVE-2023-29409',
    why: 'Go’s TLS refuses a handshake with a larger RSA key.',
    fix: after('delete the key', REISSUE),
    of: rsaKeys,
    when: ({ facts: { bits = 0 } }) => bits > 8192,
    say: ({ facts: { bits = 0 } }) => `has an RSA key of ${bits} bits; Go’s TLS stops at 8192`,
  }),
  rule('K08', 'rsa-exponent', 'M', 'warning', {
    title: 'an RSA key has an unusual exponent',
    citation: 'FIPS 186-5 §5.1; zlint e_rsa_public_exponent_too_small',
    why: 'Small exponents are fragile against careless padding, large ones slow; Go refuses even ones and those over 31 bits.',
    fix: after('delete the key', REISSUE),
    of: rsaKeys,
    say: ({ facts: { exponent = 65537n } }) => {
      const refused = exponent % 2n === 0n || exponent > 0x7fffffffn || exponent < 2n
      if (!refused && exponent >= 65537n) return undefined
      const message = `has an RSA key with the exponent ${exponent}; 65537 is expected`
      return { message, severity: refused ? 'error' : 'warning' }
    },
  }),
  rule('K09', 'rsa-weak-primes', 'C', 'error', {
    title: 'an RSA key can be factored',
    citation:
      'CVE-2022-26320; zlint e_rsa_fermat_factorization, w_rsa_mod_factors_smaller_than_752',
    why: 'A small factor, or two primes close together, gives the private key to anyone who sees the certificate.',
    fix: after('delete the key and everything it signed', REISSUE),
    of: (evidence) => rsaKeys(evidence).slice(0, MAX_FACTORED),
    say: ({ facts: { modulus } }) => {
      if (modulus === undefined) return undefined
      const factor = smallFactor(modulus)
      if (factor !== undefined) return `has an RSA key divisible by ${factor}`
      return (
        hasClosePrimes(modulus) && 'has an RSA key of two primes so close that it can be factored'
      )
    },
  }),
  rule('K10', 'rsa-shared-factor', 'C', 'error', {
    title: 'two RSA keys share a prime',
    citation: 'Heninger, Durumeric, Wustrow, Halderman: Mining Your Ps and Qs (2012)',
    why: 'Machines cloned before they had randomness make such keys. One GCD of the two public keys gives both private ones.',
    fix: after(
      'delete both keys and everything they signed',
      remarked(REISSUE, 'on a machine with randomness'),
    ),
    check: (evidence, context) => {
      const keys = rsaKeys(evidence)
      return keys.length < 2 ? 'not-applicable' : withSharedFactors(keys, context)
    },
  }),
  rule('K11', 'ec-curve', 'H', 'error', {
    title: 'an EC key is on a curve that Go’s TLS cannot use',
    citation: 'Go crypto/tls; zlint e_ec_improper_curves',
    why: 'Go’s TLS has signatures on P-256, P-384 and P-521 only; with P-224 or another curve no handshake succeeds, whatever the release of Go.',
    fix: after('delete the key', REISSUE),
    of: ecKeys,
    when: ({ facts: { curve = '' } }) => !/^(P-256|P-384|P-521|explicit)$/.test(curve),
    say: ({ facts: { curve = '' } }) =>
      `has an EC key on the curve ${curve}; P-256, P-384 or P-521 is expected`,
  }),
  rule('K12', 'ec-explicit-params', 'H', 'error', {
    title: 'an EC key spells out its curve',
    citation: 'RFC 5480 §2.1.1',
    why: 'Go refuses keys with explicit curve parameters; OpenSSL made and read them for years.',
    fix: 'openssl ecparam -name prime256v1 -param_enc named_curve …, then issue the certificate again',
    of: ecKeys,
    when: ({ facts: { curve } }) => curve === 'explicit',
    say: 'has an EC key with explicit parameters instead of a named curve',
  }),
  rule('K13', 'alg-sunset', 'I', 'info', {
    title: 'a certificate outlives its algorithm',
    citation: 'NIST SP 800-57 part 1 §5.6.3; NIST IR 8547 (draft)',
    why: 'Policies end 112-bit keys (RSA-2048) in 2030 and classical keys in 2035; certificates beyond those dates need a plan.',
    fix: 'issue with a shorter life, or with RSA-3072 or ECDSA-P384',
    profiles: STRICT,
    of: certificates,
    say: (certificate) => {
      const strength = strengthOf(certificate)
      const end = ENDS.find((one) => strength <= one.strength)
      const until = certificate.facts.notAfter.getUTCFullYear()
      return (
        end &&
        until > end.year &&
        `has a key of ${strength} bits of security until ${until}; policies end that in ${end.year}`
      )
    },
  }),
  rule('K14', 'pqc-not-consumable', 'C', 'error', {
    title: 'an ML-DSA key that the cluster’s programs cannot read',
    citation: 'golang/go#77626; kubernetes/kubernetes#141838',
    why: 'Binaries built with Go before 1.27 know no ML-DSA: the component does not start, its clients refuse it.',
    fix: 'use RSA or ECDSA until every component is built with Go 1.27 or later (Kubernetes 1.38)',
    of: certificates,
    when: (certificate, evidence) =>
      ML_DSA.test(certificate.facts.publicKey.type) && !goReadsMlDsa(evidence),
    say: 'has an ML-DSA key, which programs built with Go before 1.27 refuse',
  }),
  rule('K15', 'mixed-strength', 'L', 'info', {
    title: 'an authority is weaker than what it signs',
    citation: 'NIST SP 800-57 part 1 §5.6.2',
    why: 'The chain is as strong as the authority; the stronger leaf key costs time and gains nothing.',
    fix: 'give the authority a key at least as strong as its leaves’',
    profiles: STRICT,
    of: leaves,
    say: (leaf) => {
      const weaker = leaf.issuers.find((issuer) => strengthOf(issuer) < strengthOf(leaf))
      return (
        weaker &&
        `has a key of ${strengthOf(leaf)} bits of security below an authority of ${strengthOf(weaker)}`
      )
    },
  }),
  rule('K17', 'openssl-security-level', 'M', 'warning', {
    title: 'OpenSSL refuses the API server’s chain at a security level that many systems have',
    citation: 'https://docs.openssl.org/3.0/man3/SSL_CTX_set_security_level/',
    why: 'Debian’s and Ubuntu’s OpenSSL stand at level 2, and so does upstream’s from 3.2 on: it wants 112 bits of security, so RSA of 2048 bits. Level 1, upstream’s default before, takes RSA of 1024 bits; SHA-1 signatures it took before 3.0 only. Clients in pods and curl fail, and Go’s do not.',
    fix: after('replace the key by one of 2048 bits or more', REISSUE),
    of: (evidence) => [
      ...new Set(
        usesAs('apiserver')(evidence).flatMap(({ certificate }) => [
          certificate,
          ...ancestors(certificate),
        ]),
      ),
    ],
    say: (one) => {
      const { publicKey, signature, selfIssued } = one.facts
      const { type, bits = 0 } = publicKey
      // Nobody checks a root’s own signature.
      const isSha1 = /sha-?1$|sha1/i.test(signature.name) && !selfIssued
      const isShort = type === 'RSA' && bits < 2048
      if (!isShort && !isSha1) return undefined
      const what = [
        ...(isShort ? [`an RSA key of ${bits} bits`] : []),
        ...(isSha1 ? ['a SHA-1 signature'] : []),
      ].join(' and ')
      const atLevel1 = isSha1
        ? 'at level 1 OpenSSL before 3.0 alone takes it'
        : bits >= 1024
          ? 'at level 1 (upstream before 3.2) it takes it'
          : 'and at level 1 too'
      return `has ${what}, which OpenSSL refuses at security level 2 (Debian, Ubuntu, upstream from 3.2); ${atLevel1}`
    },
  }),
  rule('K16', 'default-debian-key', 'H', 'error', {
    title: 'a published test key is in use',
    citation: 'RFC 9500',
    why: 'Its private half is printed in a document or a source tree: a certificate with it proves nothing.',
    fix: after('delete the key and everything it signed', REISSUE),
    of: publicKeys,
    say: ({ facts: { spki } }) => {
      const known = knownKey(spki)
      return known && { message: `has ${known.about}`, severity: known.severity }
    },
  }),
]

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
      message: `shared primes were looked for in ${limit} of ${keys.length} RSA keys; ${plural(left, 'key')} skipped`,
      severity: 'info' as const,
    }
}

const commonNames = ({ facts }: Certificate) => listed(facts.subject.commonNames)

const ENDS: readonly { readonly strength: number; readonly year: number }[] = [
  { strength: 112, year: 2030 },
  { strength: 128, year: 2035 },
]

/** Bits of security of a public key (NIST SP 800-57 part 1 §5.6.1). */
function strengthOf({ facts }: Certificate): number {
  const { type, bits = 0 } = facts.publicKey
  if (type === 'RSA')
    return bits >= 15360 ? 256 : bits >= 7680 ? 192 : bits >= 3072 ? 128 : bits >= 2048 ? 112 : 80
  return type === 'EC' ? bits >> 1 : 128
}

/** Whether the components of a release behave as this minor of Go, or a later one. */
function goAtLeast({ go }: Release, minor: string): boolean {
  return Number(go.slice(2)) >= Number(minor.slice(2))
}

const ML_DSA = /^2\.16\.840\.1\.101\.3\.4\.3\.(17|18|19)$/

function goReadsMlDsa(evidence: Evidence): boolean {
  const versions = indexOf(evidence).launches.flatMap(({ launch }) => launch.version ?? [])
  const minors = versions.flatMap((version) => /^1\.(\d+)\./.exec(version)?.[1] ?? []).map(Number)
  return minors.length > 0 && minors.every((minor) => minor >= 38)
}

/** A published private key, by sixteen octets of its public half: the modulus’s first, or the point’s. */
interface KnownKey {
  readonly mark: string
  readonly about: string
  /** kpki’s own test keys only ever get into test trees. */
  readonly severity: 'error' | 'warning'
}

const own = (mark: string): KnownKey => ({
  mark,
  about: 'a test key of kpki’s own fixtures',
  severity: 'warning',
})

const KNOWN_KEYS: readonly KnownKey[] = [
  { mark: 'b0f9e81943a7ae9892aade17ca7c40f8', about: 'testRSA2048 of RFC 9500', severity: 'error' },
  { mark: '422548f88fb782ffb5eca3744452c72a', about: 'testECCP256 of RFC 9500', severity: 'error' },
  own('cb1e8d3ae3531d5debf99af32ae5274a'),
  own('c309e85c3904804348222b2aff29d7d2'),
  own('2f8e6b3f1a11e0cd4a8f27d9c7902119'),
  own('6f8f426953f3cbf75d9062c649a4d733'),
  own('464402eb879223a50d9021b0cf7d1929'),
  own('bcd7f7d08d3c776f0d2d359a92b0a900'),
  own('cbc3df6e9b056fcd193623e1478c4d2b'),
  own('c9af3bc235c2544ec5e0fa31e589a610'),
  own('d965a28110d52818a71dc8ea8d5f2b14'),
]

/** The published key that a SubjectPublicKeyInfo is of. */
function knownKey(spki: Uint8Array): KnownKey | undefined {
  let head = ''
  for (const octet of spki.subarray(0, 56)) head += octet.toString(16).padStart(2, '0')
  return KNOWN_KEYS.find(({ mark }) => head.includes(mark))
}

/**
 * Which RSA moduli share a prime with another one, with that factor (batch GCD on a product tree:
 * for each modulus the product of all others is taken modulo it). Quasi-linear in theory; BigInt
 * division makes it about 1 ms a modulus for a few hundred, 2 ms for a few thousand.
 */
export function sharedFactors(all: readonly bigint[]): ReadonlyMap<bigint, bigint> {
  const moduli = [...new Set(all)]
  const found = new Map<bigint, bigint>()
  if (moduli.length < 2) return found
  const rests = productsOfOthers(moduli)
  moduli.forEach((modulus, i) => {
    const factor = gcd(rests[i] ?? 1n, modulus)
    if (factor !== 1n) found.set(modulus, factor)
  })
  return found
}

function productsOfOthers(moduli: readonly bigint[]): readonly bigint[] {
  const levels = productTree(moduli)
  let rests: readonly bigint[] = [1n]
  for (let depth = levels.length - 2; depth >= 0; depth--) {
    const level = levels[depth] ?? []
    const above = rests
    rests = level.map((value, i) => {
      const rest = (above[i >> 1] ?? 1n) % value
      const sibling = level[i ^ 1]
      return sibling === undefined ? rest : (rest * (sibling % value)) % value
    })
  }
  return rests
}

function productTree(leaves: readonly bigint[]): readonly (readonly bigint[])[] {
  const levels: (readonly bigint[])[] = [leaves]
  for (let level = leaves; level.length > 1; ) {
    const next: bigint[] = []
    for (let i = 0; i < level.length; i += 2) next.push((level[i] ?? 1n) * (level[i + 1] ?? 1n))
    levels.push(next)
    level = next
  }
  return levels
}

function gcd(a: bigint, b: bigint): bigint {
  let [x, y] = [a, b]
  while (y !== 0n) [x, y] = [y, x % y]
  return x
}

/** As far as zlint looks. */
const LARGEST_SMALL = 751

// Products of primes that stay exact in a Number, so that one BigInt remainder serves several primes.
const SMALL_PRIMES: readonly { readonly product: number; readonly primes: readonly number[] }[] =
  groupsOf(primesTo(LARGEST_SMALL))

function primesTo(last: number): readonly number[] {
  const primes: number[] = []
  for (let n = 2; n <= last; n++) if (primes.every((prime) => n % prime !== 0)) primes.push(n)
  return primes
}

function groupsOf(primes: readonly number[]) {
  const groups: { product: number; primes: number[] }[] = []
  for (const prime of primes) {
    const last = groups.at(-1)
    if (last && last.product * prime <= Number.MAX_SAFE_INTEGER) {
      last.product *= prime
      last.primes.push(prime)
    } else groups.push({ product: prime, primes: [prime] })
  }
  return groups
}

/** A prime up to 751 that divides the modulus. */
export function smallFactor(modulus: bigint): number | undefined {
  for (const { product, primes } of SMALL_PRIMES) {
    const rest = Number(modulus % BigInt(product))
    const found = primes.find((prime) => rest % prime === 0)
    if (found !== undefined) return found
  }
  return undefined
}

const FERMAT_ROUNDS = 16

/** Whether the modulus is a product of two primes so close that Fermat’s method finds them at once. */
export function hasClosePrimes(modulus: bigint): boolean {
  let a = squareRoot(modulus)
  if (a * a === modulus) return true
  a += 1n
  let difference = a * a - modulus
  for (let round = 0; round < FERMAT_ROUNDS; round++) {
    if (isSquare(difference)) return true
    difference += 2n * a + 1n
    a += 1n
  }
  return false
}

// Squares end in 0, 1, 4, 9, 16, 17, 25, 33, 36, 41, 49 or 57 modulo 64.
const SQUARES = new Set(Array.from({ length: 64 }, (_, n) => (n * n) % 64))

function isSquare(n: bigint): boolean {
  if (!SQUARES.has(Number(BigInt.asUintN(6, n)))) return false
  const root = squareRoot(n)
  return root * root === n
}

/** Rounded down, with twice the digits in each step (the way of Python’s math.isqrt). */
function squareRoot(n: bigint): bigint {
  if (n < 4n) return n < 1n ? 0n : 1n
  const half = (bitLength(n) - 1) >> 1
  let root = 1n
  let digits = 0
  for (let shift = 31 - Math.clz32(half); shift >= 0; shift--) {
    const before = digits
    digits = half >> shift
    const high = n >> BigInt(2 * half - before - digits + 1)
    root = (root << BigInt(digits - before - 1)) + high / root
  }
  return root * root > n ? root - 1n : root
}

function bitLength(n: bigint): number {
  const hex = n.toString(16)
  return hex.length * 4 - Math.clz32(Number.parseInt(hex.charAt(0), 16)) + 28
}
