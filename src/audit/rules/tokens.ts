import { textAt } from '../../files/tree.js'
import { at, filled, listOf, textsOf } from '../documents.js'
import type { DocumentFacts, Estate } from '../estate.js'
import { shortPath } from '../paths.js'
import type { FindingDraft, Rule } from '../types.js'
import { indexOf } from './index-of-estate.js'
import { trustsIn } from './reach.js'
import { counted, each, rule } from './row.js'

const GUIDE = 'https://kubernetes.io/docs/reference/access-authn-authz/bootstrap-tokens/'
const JOIN = 'https://kubernetes.io/docs/reference/setup-tools/kubeadm/kubeadm-join/'
/** kubeadm’s documentation and `config print init-defaults` show it. */
const DOCUMENTATION_TOKEN = 'abcdef.0123456789abcdef'
const DAY_HOURS = 24

interface Token {
  readonly place: { readonly node: string; readonly path: string }
  readonly token: string
  readonly ttl?: string
}

function tokens(estate: Estate): readonly Token[] {
  const inDocuments = indexOf(estate).parts.flatMap(({ kubeadm }) => kubeadm.flatMap(tokensOf))
  const { authorities } = estate
  const file = authorities && textAt(authorities.tree, 'bootstrap-token')?.trim()
  return authorities && file
    ? [...inDocuments, { place: { node: authorities.name, path: 'bootstrap-token' }, token: file }]
    : inDocuments
}

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

const joins = (estate: Estate): readonly DocumentFacts[] =>
  indexOf(estate).parts.flatMap(({ kubeadm }) =>
    kubeadm.filter(({ value }) => at(value, 'discovery', 'bootstrapToken') !== undefined),
  )

const hashesOf = ({ value }: DocumentFacts) =>
  textsOf(at(value, 'discovery', 'bootstrapToken', 'caCertHashes')).map((hash) =>
    hash.toLowerCase(),
  )

function pins(estate: Estate): readonly string[] {
  return [
    ...new Set(
      trustsIn(estate, 'client-ca').flatMap(({ certificates }) =>
        certificates.flatMap(({ pin }) => pin ?? []),
      ),
    ),
  ]
}

function about(
  place: { readonly node: string; readonly path: string },
  message: string,
): FindingDraft {
  return { node: place.node, path: place.path, message: `${shortPath(place.path)} ${message}` }
}

/** Hours of a Go duration; undefined for anything else. */
function hoursOf(duration: string): number | undefined {
  const [, hours, minutes, seconds] =
    /^(?:(\d+)h)?(?:(\d+)m)?(?:(\d+)s)?$/.exec(duration === '0' ? '0s' : duration) ?? []
  if (hours === undefined && minutes === undefined && seconds === undefined) return undefined
  return Number(hours ?? 0) + Number(minutes ?? 0) / 60 + Number(seconds ?? 0) / 3600
}

export const TOKEN_RULES: readonly Rule[] = [
  rule('A14', 'token-format', 'C', 'error', {
    title: 'a bootstrap token that is none',
    citation: GUIDE,
    why: 'kubeadm refuses the configuration, and the node does not join.',
    fix: 'kubeadm token generate',
    check: each(tokens, ({ place, token }) =>
      /^[a-z0-9]{6}\.[a-z0-9]{16}$/.test(token)
        ? undefined
        : about(
            place,
            `has a token of ${counted(token.length, 'character')} that is not six, a dot and sixteen of a-z and 0-9`,
          ),
    ),
  }),
  rule('A15', 'token-no-expiry', 'M', 'warning', {
    title: 'a bootstrap token that does not end',
    citation: `CIS 3.1.3; ${GUIDE}`,
    why: 'Whoever finds it joins a node of their own, next year too.',
    fix: 'ttl: 24h0m0s',
    check: each(
      (estate) => tokens(estate).filter(({ ttl }) => ttl !== undefined),
      ({ place, ttl = '' }) => {
        const hours = hoursOf(ttl)
        if (hours === 0) return about(place, 'makes a bootstrap token that never ends (ttl 0)')
        return hours !== undefined && hours > 31 * DAY_HOURS
          ? about(place, `makes a bootstrap token for ${Math.round(hours / DAY_HOURS)} days`)
          : undefined
      },
    ),
  }),
  rule('A16', 'token-weak', 'M', 'warning', {
    title: 'the bootstrap token of the documentation',
    citation: 'kubeadm config print init-defaults',
    why: 'Everybody knows it: whoever reaches the API server joins a node.',
    fix: 'kubeadm token generate',
    check: each(tokens, ({ place, token }) => {
      const secret = token.slice(7)
      if (token === DOCUMENTATION_TOKEN)
        return about(place, 'has the bootstrap token of kubeadm’s documentation')
      return new Set(secret).size < 4
        ? about(place, 'has a bootstrap token of fewer than four different characters')
        : undefined
    }),
  }),
  rule('A17', 'spki-pin-mismatch', 'C', 'error', {
    title: 'the pinned authority is not the cluster’s',
    citation: JOIN,
    why: 'kubeadm join refuses the cluster.',
    fix: 'kpki gen -o OUT   # writes the pin of the present authority',
    check: each(
      (estate) =>
        pins(estate).length > 0 ? joins(estate).filter((one) => hashesOf(one).length > 0) : [],
      (document, estate) => {
        const [active = ''] = pins(estate)
        return hashesOf(document).some((hash) => pins(estate).includes(hash))
          ? undefined
          : about(
              document,
              `pins ${hashesOf(document)[0]?.slice(0, 23)}…, but ca.crt has ${active.slice(0, 23)}…`,
            )
      },
    ),
  }),
  rule('A18', 'spki-skip', 'H', 'error', {
    title: 'a node joins without checking the cluster',
    citation: JOIN,
    why: 'Whoever stands between the node and the API server becomes the node’s cluster, and gets its token.',
    fix: 'give caCertHashes instead of unsafeSkipCAVerification',
    check: each(joins, (document) =>
      at(document.value, 'discovery', 'bootstrapToken', 'unsafeSkipCAVerification') === true
        ? about(document, 'has unsafeSkipCAVerification: true')
        : undefined,
    ),
  }),
  rule('A19', 'spki-pin-only-old', 'H', 'warning', {
    title: 'the pins lack an authority of a running rotation',
    citation: 'kubernetes/kubeadm#1399',
    why: 'New nodes cannot join once cluster-info names the other authority.',
    fix: 'list the pins of both authorities in caCertHashes',
    check: each(
      (estate) =>
        pins(estate).length > 1 ? joins(estate).filter((one) => hashesOf(one).length > 0) : [],
      (document, estate) => {
        const missing = pins(estate).filter((pin) => !hashesOf(document).includes(pin))
        return missing.length > 0 && missing.length < pins(estate).length
          ? about(
              document,
              `pins ${pins(estate).length - missing.length} of ${pins(estate).length} authorities in ca.crt`,
            )
          : undefined
      },
    ),
  }),
]
