import type { Certificate, Estate } from '../estate.js'
import { isCovered, shortPath } from '../paths.js'
import type { Rule } from '../types.js'
import { grouped, indexOf, type Use } from './index-of-estate.js'
import { authorityPairs } from './pem-bundles.js'
import { aboutCertificate, each, finding, GENERATE, listed, nameOf, rule, STRICT } from './row.js'

const pairs = (estate: Estate) =>
  indexOf(estate).uses.filter(({ key }) => key?.keys.some((one) => one.private))
const keyed = (estate: Estate) =>
  indexOf(estate).uses.filter(({ role }) => role !== 'user' && role !== 'kubelet-client')

function mismatch({ certificate, key, pem }: Use) {
  const own = key?.keys.find((one) => one.private)
  if (!key || own?.keyId === undefined || own.keyId === certificate.keyId) return undefined
  // P10 speaks about the right certificate in the wrong position.
  if (pem.certificates.some(({ keyId }) => keyId === own.keyId)) return undefined
  return finding(pem.place, `does not fit its key ${nameOf(key.place)}`, { certificate })
}

interface SharedKey {
  readonly certificates: readonly Certificate[]
}

function sharedKeys(estate: Estate): readonly SharedKey[] {
  const groups = grouped(indexOf(estate).leaves, ({ keyId }) => keyId)
  return [...groups.values()].flatMap((certificates) =>
    new Set(certificates.map(({ facts }) => listed(facts.subject.commonNames))).size > 1
      ? [{ certificates }]
      : [],
  )
}

const ENDS: readonly { readonly strength: number; readonly year: number }[] = [
  { strength: 112, year: 2030 },
  { strength: 128, year: 2035 },
]

/** Bits of security of a public key (NIST SP 800-57 part 1 §5.6.1). */
export function strengthOf({ facts }: Certificate): number {
  const { type, bits = 0 } = facts.publicKey
  if (type === 'RSA')
    return bits >= 15360 ? 256 : bits >= 7680 ? 192 : bits >= 3072 ? 128 : bits >= 2048 ? 112 : 80
  return type === 'EC' ? bits >> 1 : 128
}

const ML_DSA = /^2\.16\.840\.1\.101\.3\.4\.3\.(17|18|19)$/

function goReadsMlDsa(estate: Estate): boolean {
  const versions = indexOf(estate).launches.flatMap(({ launch }) => launch.version ?? [])
  const minors = versions.flatMap((version) => /^1\.(\d+)\./.exec(version)?.[1] ?? []).map(Number)
  return minors.length > 0 && minors.every((minor) => minor >= 38)
}

export const KEY_RULES: readonly Rule[] = [
  rule('K01', 'key-cert-mismatch', 'C', 'error', {
    title: 'a certificate and its key do not belong together',
    citation: 'Go crypto/tls X509KeyPair; kubernetes/kubernetes#127538',
    why: 'The component exits with "private key does not match public key". kubeadm never checks the pairs of leaves.',
    fix: GENERATE,
    check: (estate) => {
      const authorities = authorityPairs(estate)
      const uses = pairs(estate)
      if (authorities.length + uses.length === 0) return 'not-applicable'
      return [
        ...uses.flatMap((use) => mismatch(use) ?? []),
        ...authorities.flatMap(({ pem, key }) => {
          const own = key.keys.find((one) => one.private)?.keyId
          const fits = own === undefined || pem.certificates.some(({ keyId }) => keyId === own)
          return fits ? [] : [finding(pem.place, `does not fit its key ${nameOf(key.place)}`)]
        }),
      ]
    },
  }),
  rule('K02', 'key-missing', 'H', 'error', {
    title: 'a certificate has no key',
    citation: 'https://kubernetes.io/docs/setup/best-practices/certificates/',
    why: 'The component that serves or presents the certificate does not start at its next restart.',
    fix: GENERATE,
    check: each(keyed, ({ key, keyPath, pem, node }) => {
      if (keyPath === undefined || key?.keys.some((one) => one.private)) return undefined
      const path = keyPath.replace(/^\/+/, '')
      if (!key && !isCovered(node, path)) return undefined
      const state = key ? 'holds no private key' : 'is missing'
      return finding(pem.place, `has no key: ${shortPath(path)} ${state}`)
    }),
  }),
  rule('K03', 'cert-missing', 'M', 'warning', {
    title: 'a key has no certificate',
    citation: 'k8s.io/client-go/util/cert (the key is written before the certificate)',
    why: 'Whoever wrote the pair was interrupted between the two files.',
    fix: GENERATE,
    check: each(
      ({ nodes }) => nodes.filter(({ pems }) => pems.size > 0),
      function* (node) {
        for (const [path, pem] of node.pems) {
          if (!path.startsWith(`${node.pkiDirectory}/`) || !path.endsWith('.key')) continue
          const base = path.slice(0, -'.key'.length)
          if (/\/(sa|service)[^/]*$/.test(base) || !pem.keys.some((key) => key.private)) continue
          if (!node.tree.has(`${base}.crt`) && !node.tree.has(`${base}.pem`))
            yield finding(pem.place, `has no certificate: ${shortPath(base)}.crt is missing`)
        }
      },
    ),
  }),
  rule('K04', 'key-reused-across-certs', 'M', 'warning', {
    title: 'one key serves several certificates',
    citation: 'NIST SP 800-57 part 1 §5.2',
    why: 'Who gets at the key in one role has the other role as well.',
    fix: 'make a key of its own for each certificate: delete the copies, then kpki gen -o OUT',
    check: (estate) =>
      sharedKeys(estate).flatMap(({ certificates }) => {
        const [first, ...others] = certificates
        if (!first) return []
        const names = others.flatMap(({ places }) => (places[0] ? nameOf(places[0]) : []))
        return aboutCertificate(first, `has the same key as ${listed(names, 3)}`) ?? []
      }),
  }),
  rule('K05', 'key-reused-ca-leaf', 'C', 'error', {
    title: 'an end-entity certificate has an authority’s key',
    citation: 'NIST SP 800-57 part 1 §5.2',
    why: 'Whoever holds the key of that certificate can issue any certificate in the authority’s name.',
    fix: `delete the certificate and its key, then ${GENERATE}`,
    check: each(
      (estate) => indexOf(estate).leaves,
      (leaf, estate) => {
        const authority = indexOf(estate).authorityOfKey.get(leaf.keyId)
        const place = authority?.places[0]
        return place && aboutCertificate(leaf, `has the key of the authority ${nameOf(place)}`)
      },
    ),
  }),
  rule('K13', 'alg-sunset', 'I', 'info', {
    title: 'a certificate outlives its algorithm',
    citation: 'NIST SP 800-57 part 1 §5.6.3; NIST IR 8547 (draft)',
    why: 'Policies end 112-bit keys (RSA-2048) in 2030 and classical keys in 2035; certificates beyond those dates need a plan.',
    fix: 'issue with a shorter life, or with RSA-3072 or ECDSA-P384',
    profiles: STRICT,
    check: each(
      ({ certificates }) => certificates,
      (certificate) => {
        const strength = strengthOf(certificate)
        const end = ENDS.find((one) => strength <= one.strength)
        const until = certificate.facts.notAfter.getUTCFullYear()
        return end && until > end.year
          ? aboutCertificate(
              certificate,
              `has a key of ${strength} bits of security until ${until}; policies end that in ${end.year}`,
            )
          : undefined
      },
    ),
  }),
  rule('K14', 'pqc-not-consumable', 'C', 'error', {
    title: 'an ML-DSA key that the cluster’s programs cannot read',
    citation: 'golang/go#77626; kubernetes/kubernetes#141838',
    why: 'Binaries built with Go before 1.27 know no ML-DSA: the component does not start, its clients refuse it.',
    fix: 'use RSA or ECDSA until every component is built with Go 1.27 or later (Kubernetes 1.38)',
    check: each(
      ({ certificates }) => certificates,
      (certificate, estate) =>
        ML_DSA.test(certificate.facts.publicKey.type) && !goReadsMlDsa(estate)
          ? aboutCertificate(
              certificate,
              'has an ML-DSA key, which programs built with Go before 1.27 refuse',
            )
          : undefined,
    ),
  }),
  rule('K15', 'mixed-strength', 'L', 'info', {
    title: 'an authority is weaker than what it signs',
    citation: 'NIST SP 800-57 part 1 §5.6.2',
    why: 'The chain is as strong as the authority; the stronger leaf key costs time and gains nothing.',
    fix: 'give the authority a key at least as strong as its leaves’',
    profiles: STRICT,
    check: each(
      (estate) => indexOf(estate).leaves,
      (leaf) => {
        const weaker = leaf.issuers.find((issuer) => strengthOf(issuer) < strengthOf(leaf))
        return weaker
          ? aboutCertificate(
              leaf,
              `has a key of ${strengthOf(leaf)} bits of security below an authority of ${strengthOf(weaker)}`,
            )
          : undefined
      },
    ),
  }),
]
