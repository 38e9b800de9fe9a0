import type { Estate, KeyFacts, Launch, NodeFacts, PemFacts } from '../estate.js'
import { locate } from '../paths.js'
import type { Rule } from '../types.js'
import { launchOf } from './facts-of-cluster.js'
import { indexOf } from './index-of-estate.js'
import { counted, each, finding, GENERATE, listed, nameOf, rule } from './row.js'
import { flagPem, pemAt } from './uses.js'

/** The service-account keys of one control plane. */
interface AccountKeys {
  readonly node: NodeFacts
  /** Who signs, by component. */
  readonly signers: readonly { readonly about: string; readonly pem: PemFacts }[]
  readonly verifiers: readonly PemFacts[]
}

function filesOfFlag(node: NodeFacts, launch: Launch, flag: string): readonly PemFacts[] {
  return (launch.flags.get(flag) ?? []).flatMap((value) => {
    const found = locate(launch, value)
    return 'path' in found ? (pemAt(node, found.path) ?? []) : []
  })
}

function accountKeys({ nodes }: Estate): readonly AccountKeys[] {
  return nodes.flatMap((node) => {
    const apiserver = launchOf(node, 'kube-apiserver')
    if (!apiserver) return []
    const manager = launchOf(node, 'kube-controller-manager')
    const issuer = flagPem(node, apiserver, 'service-account-signing-key-file')
    const legacy = manager && flagPem(node, manager, 'service-account-private-key-file')
    return [
      {
        node,
        signers: [
          ...(issuer ? [{ about: 'the API server', pem: issuer }] : []),
          ...(legacy ? [{ about: 'the controller manager', pem: legacy }] : []),
        ],
        verifiers: filesOfFlag(node, apiserver, 'service-account-key-file'),
      },
    ]
  })
}

const idsOf = (pems: readonly PemFacts[]) =>
  new Set(
    pems.flatMap(({ keys, certificates }) => [
      ...keys.flatMap(({ keyId }) => keyId ?? []),
      ...certificates.map(({ keyId }) => keyId),
    ]),
  )

const signerFiles = (estate: Estate): readonly PemFacts[] => [
  ...new Set(accountKeys(estate).flatMap(({ signers }) => signers.map(({ pem }) => pem))),
]

function firstPrivate({ keys }: PemFacts): KeyFacts | undefined {
  return keys.find((key) => key.private)
}

const isUsable = ({ type, curve = '' }: { readonly type: string; readonly curve?: string }) =>
  type === 'RSA' || (type === 'EC' && /^P-(256|384|521)$/.test(curve))

/** Raw public keys, which can be compared between two estates. */
const spkisOf = (pems: readonly PemFacts[]) =>
  new Set(pems.flatMap(({ keys }) => keys.flatMap(({ facts }) => (facts ? [hex(facts.spki)] : []))))

function hex(bytes: Uint8Array): string {
  return [...bytes].map((octet) => octet.toString(16).padStart(2, '0')).join('')
}

export const SECRET_RULES: readonly Rule[] = [
  rule('A01', 'sa-pair-mismatch', 'C', 'error', {
    title: 'service-account tokens are signed with a key that the API server does not accept',
    citation: 'CIS 1.2.22, 1.3.4',
    why: 'Every pod’s request ends with 401.',
    fix: 'openssl pkey -in sa.key -pubout -out sa.pub',
    check: each(
      (estate) => accountKeys(estate).filter(({ verifiers }) => verifiers.length > 0),
      function* ({ signers, verifiers }) {
        const accepted = idsOf(verifiers)
        const names = listed(verifiers.map(({ place }) => nameOf(place)))
        for (const { about, pem } of signers) {
          const keyId = firstPrivate(pem)?.keyId
          if (keyId !== undefined && !accepted.has(keyId))
            yield finding(
              pem.place,
              `is what ${about} signs tokens with, but ${names} is of another key`,
            )
        }
      },
    ),
  }),
  rule('A02', 'sa-key-type', 'C', 'error', {
    title: 'the service-account key is of a kind that cannot sign tokens',
    citation: 'kubernetes pkg/serviceaccount/jwt.go',
    why: 'The token signer takes RSA and ECDSA on P-256, P-384 and P-521; with anything else the API server exits.',
    fix: `delete sa.key and sa.pub, then ${GENERATE}`,
    check: each(signerFiles, (pem) => {
      const facts = firstPrivate(pem)?.facts
      return facts && !isUsable(facts)
        ? finding(
            pem.place,
            `is a key of type ${facts.type}${facts.curve === undefined ? '' : ` on ${facts.curve}`}; RSA or ECDSA is expected`,
          )
        : undefined
    }),
  }),
  rule('A03', 'sa-key-weak', 'H', 'warning', {
    title: 'the service-account key is short',
    citation: 'NIST SP 800-131A',
    why: 'Who computes it is any service account.',
    fix: `delete sa.key and sa.pub, then ${GENERATE}`,
    check: each(signerFiles, (pem) => {
      const facts = firstPrivate(pem)?.facts
      return facts?.type === 'RSA' && (facts.bits ?? 0) < 2048
        ? finding(pem.place, `is an RSA key of ${facts.bits} bits; 2048 is the least`)
        : undefined
    }),
  }),
  rule('A04', 'sa-key-is-tls-key', 'H', 'warning', {
    title: 'the service-account key is a TLS key as well',
    citation: 'NIST SP 800-57 part 1 §5.2',
    why: 'One leak gives a server’s identity and every service account’s.',
    fix: `delete sa.key and sa.pub, then ${GENERATE}`,
    check: each(signerFiles, (pem, estate) => {
      const keyId = firstPrivate(pem)?.keyId
      const certificate = keyId === undefined ? undefined : certificateOfKey(estate, keyId)
      const place = certificate?.places[0]
      return place && finding(pem.place, `is the key of ${nameOf(place)} too`)
    }),
  }),
  rule('A05', 'sa-old-pub-kept', 'M', 'info', {
    title: 'the API server accepts tokens of a key that signs no more',
    citation: 'https://docs.k3s.io/cli/certificate (service-account key rotation)',
    why: 'Right while old tokens live; afterwards the old key is a way in.',
    fix: 'remove the old public key when the longest token has ended',
    check: each(
      (estate) =>
        accountKeys(estate).filter(
          ({ signers, verifiers }) => signers.length * verifiers.length > 0,
        ),
      ({ signers, verifiers }) => {
        const active = idsOf(signers.map(({ pem }) => pem))
        const old = [...idsOf(verifiers)].filter((keyId) => !active.has(keyId))
        const [first] = verifiers
        return first && old.length > 0 && [...idsOf(verifiers)].some((keyId) => active.has(keyId))
          ? finding(
              first.place,
              `accepts ${counted(old.length, 'key')} that no component signs with`,
            )
          : undefined
      },
    ),
  }),
  rule('A06', 'sa-old-pub-dropped-early', 'H', 'error', {
    title: 'the signer changed and the old public key is gone',
    citation: 'https://docs.k3s.io/cli/certificate (service-account key rotation)',
    why: 'Tokens of running pods were signed with the old key: they get 401 until they are renewed.',
    fix: 'append the old public key to sa.pub until the longest token has ended',
    needs: 'second-tree',
    check: (estate) => {
      const before = estate.earlier ? accountKeys(estate.earlier) : []
      const now = accountKeys(estate)
      if (before.length === 0 || now.length === 0) return 'not-applicable'
      const old = spkisOf(before.flatMap(({ signers }) => signers.map(({ pem }) => pem)))
      return now.flatMap(({ verifiers }) => {
        const accepted = spkisOf(verifiers)
        const [first] = verifiers
        return first && [...old].some((key) => !accepted.has(key))
          ? [finding(first.place, 'no longer has the key that signed the tokens before')]
          : []
      })
    },
  }),
  rule('A07', 'sa-file-is-cert', 'L', 'info', {
    title: 'a certificate stands where a public key is expected',
    citation: 'k8s.io/client-go/util/keyutil PublicKeysFromFile',
    why: 'It works, and its end is ignored.',
    fix: 'openssl x509 -in FILE -pubkey -noout > sa.pub',
    check: each(
      (estate) => accountKeys(estate).flatMap(({ verifiers }) => verifiers),
      ({ place, certificates }) =>
        certificates.length > 0
          ? finding(
              place,
              'holds a certificate, where a public key is expected; its dates are ignored',
            )
          : undefined,
    ),
  }),
]

const certificatesByKey = new WeakMap<Estate, ReadonlyMap<string, Estate['certificates'][number]>>()

function certificateOfKey(estate: Estate, keyId: string) {
  const known =
    certificatesByKey.get(estate) ??
    new Map(indexOf(estate).leaves.map((one) => [one.keyId, one] as const))
  certificatesByKey.set(estate, known)
  return known.get(keyId)
}
