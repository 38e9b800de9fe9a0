import { matchesName } from '../../ca/verify/names.js'
import { textAt } from '../../files/tree.js'
import { hexOf } from '../../values/bytes.js'
import { parseHost } from '../../values/hosts.js'
import { at, filled, listOf, textsOf } from '../../values/json.js'
import { listed, plural, quoted } from '../../values/text.js'
import { privateKeyOf, tokenSigner, tokenVerifiers } from '../graph/credentials.js'
import type { DocumentFacts, Evidence, PemFacts, Place } from '../read/evidence.js'
import type { Rule } from '../types.js'
import { indexOf, launchOf, trustsIn } from './by-evidence.js'
import { after, byOwner, REISSUE, remarked } from './remedies.js'
import type { Use } from './roles.js'
import { finding, nameOf, rule } from './rule.js'
import { leavesByKey, only, usesAs } from './subjects.js'

/** The service-account keys of one control plane. */
interface AccountKeys {
  /** Who signs, by component. */
  readonly signers: readonly { readonly about: string; readonly pem: PemFacts }[]
  readonly verifiers: readonly PemFacts[]
}

function accountKeys({ nodes }: Evidence): readonly AccountKeys[] {
  return nodes.flatMap((node) => {
    const apiserver = launchOf(node, 'kube-apiserver')
    if (!apiserver) return []
    const manager = launchOf(node, 'kube-controller-manager')
    const issuer = tokenSigner(node, apiserver)?.pem
    const legacy = manager && tokenSigner(node, manager)?.pem
    return [
      {
        signers: [
          ...(issuer ? [{ about: 'the API server', pem: issuer }] : []),
          ...(legacy ? [{ about: 'the controller manager', pem: legacy }] : []),
        ],
        verifiers: tokenVerifiers(node, apiserver).flatMap(({ pem }) => pem ?? []),
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

/** Control planes whose API server has keys to verify tokens by. */
const verifying = (evidence: Evidence) =>
  accountKeys(evidence).flatMap((keys) =>
    keys.verifiers[0] ? [{ ...keys, place: keys.verifiers[0].place }] : [],
  )
const signerFiles = (evidence: Evidence): readonly PemFacts[] => [
  ...new Set(accountKeys(evidence).flatMap(({ signers }) => signers.map(({ pem }) => pem))),
]

const isUsable = ({ type, curve = '' }: { readonly type: string; readonly curve?: string }) =>
  type === 'RSA' || (type === 'EC' && /^P-(256|384|521)$/.test(curve))

/** Raw public keys, which can be compared between two evidence. */
const spkisOf = (pems: readonly PemFacts[]) =>
  new Set(pems.flatMap(({ keys }) => keys.flatMap(({ facts }) => (facts ? hexOf(facts.spki) : []))))

const GUIDE = 'https://kubernetes.io/docs/reference/access-authn-authz/bootstrap-tokens/'
const JOIN = 'https://kubernetes.io/docs/reference/setup-tools/kubeadm/kubeadm-join/'
/** kubeadm’s documentation and `config print init-defaults` show it. */
const DOCUMENTATION_TOKEN = 'abcdef.0123456789abcdef'

interface Token {
  readonly place: Place
  readonly token: string
  readonly ttl?: string
}

function tokens(evidence: Evidence): readonly Token[] {
  const inDocuments = indexOf(evidence).parts.flatMap(({ kubeadm }) => kubeadm.flatMap(tokensOf))
  const { authorities } = evidence
  const file = authorities && textAt(authorities.tree, 'bootstrap-token')?.trim()
  return authorities && file
    ? [...inDocuments, { place: { node: authorities.name, path: 'bootstrap-token' }, token: file }]
    : inDocuments
}

const joins = (evidence: Evidence): readonly DocumentFacts[] =>
  indexOf(evidence).parts.flatMap(({ kubeadm }) =>
    kubeadm.filter(({ value }) => at(value, 'discovery', 'bootstrapToken') !== undefined),
  )

const hashesOf = ({ value }: DocumentFacts) =>
  textsOf(at(value, 'discovery', 'bootstrapToken', 'caCertHashes')).map((hash) =>
    hash.toLowerCase(),
  )

const pinning = only(joins, (one) => hashesOf(one).length > 0)

function pins(evidence: Evidence): readonly string[] {
  return [
    ...new Set(
      trustsIn(evidence, 'client-ca').flatMap(({ certificates }) =>
        certificates.flatMap(({ pin }) => pin ?? []),
      ),
    ),
  ]
}

export const SECRET_RULES: readonly Rule[] = [
  rule('A01', 'sa-pair-mismatch', 'C', 'error', {
    title: 'service-account tokens are signed with a key that the API server does not accept',
    citation: 'CIS 1.2.22, 1.3.4',
    why: 'Every pod’s request ends with 401.',
    fix: 'openssl pkey -in sa.key -pubout -out sa.pub',
    of: verifying,
    say: function* ({ signers, verifiers }) {
      const accepted = idsOf(verifiers)
      const names = listed(verifiers.map(({ place }) => nameOf(place)))
      for (const { about, pem } of signers) {
        const keyId = privateKeyOf(pem)?.keyId
        if (keyId !== undefined && !accepted.has(keyId))
          yield finding(
            pem.place,
            `is what ${about} signs tokens with, but ${names} is of another key`,
            { suspects: verifiers.map(({ place }) => place) },
          )
      }
    },
  }),
  rule('A02', 'sa-key-type', 'C', 'error', {
    title: 'the service-account key is of a kind that cannot sign tokens',
    citation: 'kubernetes pkg/serviceaccount/jwt.go',
    why: 'The token signer takes RSA and ECDSA on P-256, P-384 and P-521; with anything else the API server exits.',
    fix: after('delete sa.key and sa.pub', REISSUE),
    of: signerFiles,
    say: (pem) => {
      const facts = privateKeyOf(pem)?.facts
      return (
        facts &&
        !isUsable(facts) &&
        `is a key of type ${facts.type}${facts.curve === undefined ? '' : ` on ${facts.curve}`}; RSA or ECDSA is expected`
      )
    },
  }),
  rule('A03', 'sa-key-weak', 'H', 'warning', {
    title: 'the service-account key is short',
    citation: 'NIST SP 800-131A',
    why: 'Who computes it is any service account.',
    fix: after('delete sa.key and sa.pub', REISSUE),
    of: signerFiles,
    say: (pem) => {
      const facts = privateKeyOf(pem)?.facts
      return (
        facts?.type === 'RSA' &&
        (facts.bits ?? 0) < 2048 &&
        `is an RSA key of ${facts.bits} bits; 2048 is the least`
      )
    },
  }),
  rule('A04', 'sa-key-is-tls-key', 'H', 'warning', {
    title: 'the service-account key is a TLS key as well',
    citation: 'NIST SP 800-57 part 1 §5.2',
    why: 'One leak gives a server’s identity and every service account’s.',
    fix: after('delete sa.key and sa.pub', REISSUE),
    of: signerFiles,
    say: (pem, evidence) => {
      const keyId = privateKeyOf(pem)?.keyId
      const place = leavesByKey(evidence)
        .get(keyId ?? '')
        ?.at(-1)?.places[0]
      return place && `is the key of ${nameOf(place)} too`
    },
  }),
  rule('A05', 'sa-old-pub-kept', 'L', 'info', {
    title: 'the API server accepts tokens of a key that signs no more',
    citation: 'https://docs.k3s.io/cli/certificate (service-account key rotation)',
    why: 'Right while old tokens live; afterwards the old key is a way in.',
    fix: 'remove the old public key when the longest token has ended',
    of: verifying,
    where: ({ signers }) => signers.length > 0,
    say: ({ signers, verifiers }) => {
      const active = idsOf(signers.map(({ pem }) => pem))
      const accepted = [...idsOf(verifiers)]
      const old = accepted.filter((keyId) => !active.has(keyId))
      return (
        old.length > 0 &&
        old.length < accepted.length &&
        `accepts ${plural(old.length, 'key')} that no component signs with`
      )
    },
  }),
  rule('A06', 'sa-old-pub-dropped-early', 'H', 'error', {
    title: 'the signer changed and the old public key is gone',
    citation: 'https://docs.k3s.io/cli/certificate (service-account key rotation)',
    why: 'Tokens of running pods were signed with the old key: they get 401 until they are renewed.',
    fix: 'append the old public key to sa.pub until the longest token has ended',
    needs: 'second-tree',
    check: (evidence) => {
      const before = evidence.earlier ? accountKeys(evidence.earlier) : []
      const now = accountKeys(evidence)
      if (before.length === 0 || now.length === 0) return 'not-applicable'
      const old = spkisOf(before.flatMap(({ signers }) => signers.map(({ pem }) => pem)))
      return now.flatMap(({ verifiers }) => {
        const accepted = spkisOf(verifiers)
        const [first] = verifiers
        return first && [...old].some((key) => !accepted.has(key))
          ? finding(first.place, 'no longer has the key that signed the tokens before')
          : []
      })
    },
  }),
  rule('A07', 'sa-file-is-cert', 'L', 'info', {
    title: 'a certificate stands where a public key is expected',
    citation: 'k8s.io/client-go/util/keyutil PublicKeysFromFile',
    why: 'It works, and its end is ignored.',
    fix: 'openssl x509 -in FILE -pubkey -noout > sa.pub',
    of: (evidence) => accountKeys(evidence).flatMap(({ verifiers }) => verifiers),
    when: ({ certificates }) => certificates.length > 0,
    say: 'holds a certificate, where a public key is expected; its dates are ignored',
  }),
  rule('A14', 'token-format', 'C', 'error', {
    title: 'a bootstrap token that is none',
    citation: GUIDE,
    why: 'kubeadm refuses the configuration, and the node does not join.',
    fix: 'kubeadm token generate',
    of: tokens,
    when: ({ token }) => !/^[a-z0-9]{6}\.[a-z0-9]{16}$/.test(token),
    say: ({ token }) =>
      `has a token of ${plural(token.length, 'character')} that is not six, a dot and sixteen of a-z and 0-9`,
  }),
  rule('A15', 'token-no-expiry', 'M', 'warning', {
    title: 'a bootstrap token that does not end',
    citation: `CIS 3.1.3; ${GUIDE}`,
    why: 'Whoever finds it joins a node of their own, next year too.',
    fix: 'ttl: 24h0m0s',
    of: tokens,
    where: ({ ttl }) => ttl !== undefined,
    say: ({ ttl = '' }) => {
      const hours = hoursOf(ttl) ?? 1
      if (hours === 0) return 'makes a bootstrap token that never ends (ttl 0)'
      const days = hours / 24
      return days > 31 && `makes a bootstrap token for ${Math.round(days)} days`
    },
  }),
  rule('A16', 'token-weak', 'M', 'warning', {
    title: 'the bootstrap token of the documentation',
    citation: 'kubeadm config print init-defaults',
    why: 'Everybody knows it: whoever reaches the API server joins a node.',
    fix: 'kubeadm token generate',
    of: tokens,
    say: ({ token }) =>
      token === DOCUMENTATION_TOKEN
        ? 'has the bootstrap token of kubeadm’s documentation'
        : new Set(token.slice(7)).size < 4 &&
          'has a bootstrap token of fewer than four different characters',
  }),
  rule('A17', 'spki-pin-mismatch', 'C', 'error', {
    title: 'the pinned authority is not the cluster’s',
    citation: JOIN,
    why: 'kubeadm join refuses the cluster.',
    fix: byOwner({
      kpki: remarked(REISSUE, 'writes the pin of the present authority'),
      others: 'give kubeadm join the present pin: kubeadm token create --print-join-command',
    }),
    of: (evidence) => (pins(evidence).length > 0 ? pinning(evidence) : []),
    say: (document, evidence) => {
      const [active = ''] = pins(evidence)
      return (
        !hashesOf(document).some((hash) => pins(evidence).includes(hash)) && {
          message: `pins ${hashesOf(document)[0]?.slice(0, 23)}…, but ca.crt has ${active.slice(0, 23)}…`,
          suspects: trustsIn(evidence, 'client-ca').map(({ pem }) => pem.place),
        }
      )
    },
  }),
  rule('A18', 'spki-skip', 'H', 'error', {
    title: 'a node joins without checking the cluster',
    citation: JOIN,
    why: 'Whoever stands between the node and the API server becomes the node’s cluster, and gets its token.',
    fix: 'give caCertHashes instead of unsafeSkipCAVerification',
    of: joins,
    when: (document) =>
      at(document.value, 'discovery', 'bootstrapToken', 'unsafeSkipCAVerification') === true,
    say: 'has unsafeSkipCAVerification: true',
  }),
  rule('A20', 'join-endpoint-not-in-san', 'C', 'error', {
    title: 'a node joins by a name that is none of the API server’s certificate',
    citation: JOIN,
    why: 'kubeadm join ends with "certificate is valid for …, not …".',
    fix: 'correct apiServerEndpoint, or add the name to the API servers’ certificates',
    of: joins,
    where: (_one, evidence) => usesAs('apiserver')(evidence).length > 0,
    say: ({ value }, evidence) => {
      const endpoint = filled(at(value, 'discovery', 'bootstrapToken', 'apiServerEndpoint'))
      const host = endpoint === undefined ? undefined : parseHost(endpoint, 6443)?.host
      const servers = usesAs('apiserver')(evidence)
      const isFor = ({ certificate }: Use) =>
        host === undefined || matchesName(certificate.facts, host)
      return (
        host !== undefined &&
        !servers.some(isFor) && {
          message: `joins by ${quoted(host)}, which no API server’s certificate is for`,
          suspects: servers.map(({ pem }) => pem.place),
        }
      )
    },
  }),
  rule('A19', 'spki-pin-only-old', 'H', 'warning', {
    title: 'the pins lack an authority of a running rotation',
    citation: 'kubernetes/kubeadm#1399',
    why: 'New nodes cannot join once cluster-info names the other authority.',
    fix: 'list the pins of both authorities in caCertHashes',
    of: (evidence) => (pins(evidence).length > 1 ? pinning(evidence) : []),
    say: (document, evidence) => {
      const missing = pins(evidence).filter((pin) => !hashesOf(document).includes(pin))
      return (
        missing.length > 0 &&
        missing.length < pins(evidence).length && {
          message: `pins ${pins(evidence).length - missing.length} of ${pins(evidence).length} authorities in ca.crt`,
          suspects: trustsIn(evidence, 'client-ca').map(({ pem }) => pem.place),
        }
      )
    },
  }),
]

function tokensOf({ node, path, value }: DocumentFacts): readonly Token[] {
  const place = { node, path }
  const created = listOf(at(value, 'bootstrapTokens')).flatMap((item) => {
    const token = filled(at(item, 'token'))
    const ttl = filled(at(item, 'ttl'))
    return token === undefined ? [] : [{ place, token, ...(ttl !== undefined && { ttl }) }]
  })
  const used = [
    filled(at(value, 'discovery', 'bootstrapToken', 'token')),
    filled(at(value, 'discovery', 'tlsBootstrapToken')),
  ].flatMap((token) => (token === undefined ? [] : [{ place, token }]))
  return [...created, ...used]
}

/** Hours of a Go duration; undefined for anything else. */
function hoursOf(duration: string): number | undefined {
  const [, hours, minutes, seconds] =
    /^(?:(\d+)h)?(?:(\d+)m)?(?:(\d+)s)?$/.exec(duration === '0' ? '0s' : duration) ?? []
  if (hours === undefined && minutes === undefined && seconds === undefined) return undefined
  return Number(hours ?? 0) + Number(minutes ?? 0) / 60 + Number(seconds ?? 0) / 3600
}
