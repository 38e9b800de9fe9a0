import { isIp } from '../../values/addresses.js'
import { hexOf, sameBytes } from '../../values/bytes.js'
import { quoted } from '../../values/text.js'
import type { CertificateFacts, GeneralSubtrees, NameConstraints } from '../certificate/facts.js'
import { commonNameOf, rdnElements } from '../certificate/names.js'
import { encodeAddress } from '../der/addresses.js'
import type { ChainPolicy } from './consumers.js'
import { isHostname } from './names.js'
import { type ChainReason, reason } from './reasons.js'

/**
 * The labels of a domain name, or `undefined` where it has an empty label (a final dot too) or other
 * characters than printable ASCII. The empty name has no labels.
 */
export function domainLabels(domain: string): readonly string[] | undefined {
  if (domain === '') return []
  const labels = domain.split('.')
  return labels.every((label) => /^[!-~]+$/.test(label)) ? labels : undefined
}

/**
 * Splits a mail address (RFC 2821 §4.1.2 Mailbox). As Go: spaces in a quoted local part and escapes
 * outside of one are let through.
 */
export function parseMailbox(
  text: string,
): { readonly local: string; readonly domain: string } | undefined {
  const found = text.startsWith('"') ? quotedLocal(text) : dottedLocal(text)
  if (found === undefined || text[found.end] !== '@') return
  const domain = text.slice(found.end + 1)
  return domainLabels(domain) === undefined ? undefined : { local: found.local, domain }
}

/**
 * The authority's host of a URI with its port, `''` where there is none, `undefined` where Go's
 * `url.Parse` refuses the text or the host is not a domain name or address.
 */
export function uriHost(uri: string): string | undefined {
  const text = uri.split('#', 1)[0] ?? ''
  if (hasControl(text) || text.startsWith(':')) return
  const scheme = /^[a-z][a-z0-9+.-]*:/i.exec(text)?.[0] ?? ''
  const rest = text.slice(scheme.length).split('?', 1)[0] ?? ''
  if (!rest.startsWith('/')) {
    // without a scheme this is a relative path, whose first segment must not look like one
    return scheme === '' && (rest.split('/', 1)[0] ?? '').includes(':') ? undefined : ''
  }
  if (!rest.startsWith('//') || (scheme === '' && rest.startsWith('///'))) {
    return badEscape(rest) ? undefined : ''
  }
  const authority = rest.slice(2).split('/', 1)[0] ?? ''
  const at = authority.lastIndexOf('@')
  const user = at < 0 ? '' : authority.slice(0, at)
  const host = authority.slice(at + 1)
  if (!/^[a-z0-9\-._:~!$&'()*+,;=%@]*$/i.test(user) || badEscape(rest.slice(2))) return
  const port = host.startsWith('[') ? /^\[[^\]]*\](.*)$/.exec(host)?.[1] : /:[^:]*$/.exec(host)?.[0]
  if (host.startsWith('[') && port === undefined) return
  if (port !== undefined && !/^(:\d*)?$/.test(port)) return
  if (!/^[a-z0-9\-._~!$&'()*+,;=:[\]<>"]*$/i.test(host)) return
  return domainLabels(host) === undefined ? undefined : host
}

interface LocalPart {
  readonly local: string
  /** Index of the first character behind it. */
  readonly end: number
}

function quotedLocal(text: string): LocalPart | undefined {
  let local = ''
  for (let index = 1; index < text.length; index++) {
    const code = text.charCodeAt(index)
    if (code === QUOTE) return { local, end: index + 1 }
    if (code === BACKSLASH) {
      index++
      if (!isQuotable(text.charCodeAt(index))) return
    } else if (!isQuotable(code) || code === TAB) return
    local += text.charAt(index)
  }
}

function dottedLocal(text: string): LocalPart | undefined {
  let local = ''
  let index = 0
  for (; index < text.length; index++) {
    const escaped = text.charAt(index) === '\\'
    if (escaped) index++
    if (index >= text.length) return
    if (!escaped && !/[a-z0-9!#$%&'*+\-/=?^_`{|}~.]/i.test(text.charAt(index))) break
    local += text.charAt(index)
  }
  const dotted = local === '' || local.startsWith('.') || local.endsWith('.')
  return dotted || local.includes('..') ? undefined : { local, end: index }
}

const TAB = 9
const QUOTE = 34
const BACKSLASH = 92

/** ASCII without NUL, line feed and carriage return. */
function isQuotable(code: number): boolean {
  return code >= 1 && code <= 127 && code !== 10 && code !== 13
}

function hasControl(text: string): boolean {
  return Array.from(text).some((character) => character < ' ' || character === '\x7f')
}

function badEscape(text: string): boolean {
  return /%(?![0-9a-f]{2})/i.test(text)
}

/**
 * Checks the names of every certificate below an authority against its name constraints
 * (RFC 5280 §4.2.1.10), the alternative names of intermediates included, as Go 1.24 does.
 * `below` starts with the leaf.
 */
export function constraintReason(
  authority: CertificateFacts,
  below: readonly CertificateFacts[],
  policy: ChainPolicy,
): ChainReason | undefined {
  const constraints = authority.nameConstraints
  if (constraints === undefined) return
  let comparisons = 0
  for (const [depth, certificate] of below.entries()) {
    if (policy.selfIssued === 'exempt' && depth > 0 && certificate.selfIssued) continue
    for (const name of namesOf(certificate, depth === 0, policy)) {
      const { excluded, permitted } = subtreesFor(name, constraints)
      comparisons += excluded.length + permitted.length
      if (comparisons > MAX_COMPARISONS) {
        const message = `its name constraints take more than ${MAX_COMPARISONS} comparisons`
        return reason('too-many-constraints', authority, message)
      }
      const verdict = judge(name, excluded, permitted, policy)
      if (verdict === undefined) continue
      const owner = quoted(commonNameOf(certificate.subject))
      const message = `does not allow the ${name.kind} name ${quoted(name.text)} of ${owner}: ${verdict}`
      return reason('name-constraint', authority, message)
    }
  }
}

interface ConstrainedName {
  readonly kind: 'dns' | 'ip' | 'email' | 'uri' | 'directory'
  readonly text: string
  /** Address bytes, or the DER of a Name. */
  readonly bytes: Uint8Array
}

type Constraint = string | Uint8Array

/** Go's default for `VerifyOptions.MaxConstraintComparisions`. */
const MAX_COMPARISONS = 250_000

const NO_BYTES = new Uint8Array()

function namesOf(
  certificate: CertificateFacts,
  leaf: boolean,
  policy: ChainPolicy,
): readonly ConstrainedName[] {
  const { dns = [], ip = [], email = [], uri = [] } = certificate.altNames ?? {}
  const textual = (kind: 'dns' | 'email' | 'uri', texts: readonly string[]) =>
    texts.map((text) => ({ kind, text, bytes: NO_BYTES }))
  const commonNames =
    policy.commonName === 'fallback' && leaf && dns.length === 0
      ? certificate.subject.commonNames.filter((name) => isHostname(name, true))
      : []
  const subject = { kind: 'directory', text: 'subject', bytes: certificate.subject.raw } as const
  return [
    ...textual('dns', [...dns, ...commonNames]),
    ...ip.map((text) => ({ kind: 'ip' as const, text, bytes: encodeAddress(text) })),
    ...textual('email', email),
    ...textual('uri', uri),
    ...(policy.directoryConstraints === 'checked' && certificate.subject.rdns.length > 0
      ? [subject]
      : []),
  ]
}

function subtreesFor(name: ConstrainedName, constraints: NameConstraints) {
  const of = (subtrees: GeneralSubtrees): readonly Constraint[] => subtrees[name.kind]
  return { excluded: of(constraints.excluded), permitted: of(constraints.permitted) }
}

/** What is wrong with a name, in words. */
function judge(
  name: ConstrainedName,
  excluded: readonly Constraint[],
  permitted: readonly Constraint[],
  policy: ChainPolicy,
): string | undefined {
  const host = hostOf(name)
  // Go reads DNS and mail names before it looks whether any constraint is about them
  const always = policy.parser === 'go' && host.always
  if (host.problem !== undefined && (always || excluded.length + permitted.length > 0)) {
    return host.problem
  }
  const hit = excluded.find(
    (constraint) =>
      matches(name, constraint, policy) ||
      (policy.excludedWildcards === 'refused' && isBelowWildcard(constraint, name)),
  )
  if (hit !== undefined) return `it is excluded by ${shown(hit)}`
  if (permitted.length === 0 || permitted.some((constraint) => matches(name, constraint, policy))) {
    return
  }
  return `none of the permitted ${permitted.slice(0, 10).map(shown).join(', ')} covers it`
}

/** Whether a DNS wildcard stands for the very host, or the top of the domain, that a constraint names. */
function isBelowWildcard(constraint: Constraint, { kind, text }: ConstrainedName): boolean {
  if (kind !== 'dns' || typeof constraint !== 'string' || !text.startsWith('*.')) return false
  const [, ...parent] = constraint.replace(/^\./, '').toLowerCase().split('.')
  return parent.join('.') === text.slice(2).toLowerCase()
}

function hostOf(name: ConstrainedName): { readonly problem?: string; readonly always?: boolean } {
  if (name.kind === 'dns' && domainLabels(name.text) === undefined) {
    return { problem: 'it is not a domain name', always: true }
  }
  if (name.kind === 'email' && parseMailbox(name.text) === undefined) {
    return { problem: 'it is not a mail address', always: true }
  }
  if (name.kind === 'uri' && constrainedHost(name.text) === undefined) {
    return { problem: 'it has no host name to compare' }
  }
  return {}
}

function matches(name: ConstrainedName, constraint: Constraint, policy: ChainPolicy): boolean {
  if (typeof constraint !== 'string') {
    return name.kind === 'ip'
      ? inNetwork(name.bytes, constraint)
      : inDirectory(name.bytes, constraint)
  }
  if (name.kind === 'email') {
    const mailbox = parseMailbox(name.text)
    if (mailbox === undefined) return false
    if (!constraint.includes('@')) return matchesHost(mailbox.domain, constraint, policy)
    const wanted = parseMailbox(constraint)
    return (
      wanted !== undefined &&
      mailbox.local === wanted.local &&
      mailbox.domain.toLowerCase() === wanted.domain.toLowerCase()
    )
  }
  return name.kind === 'uri'
    ? matchesHost(constrainedHost(name.text) ?? '', constraint, policy)
    : inDomain(name.text, constraint)
}

function matchesHost(host: string, constraint: string, policy: ChainPolicy): boolean {
  return policy.hostConstraints === 'exact' && !constraint.startsWith('.') && constraint !== ''
    ? host.toLowerCase() === constraint.toLowerCase()
    : inDomain(host, constraint)
}

/** The empty constraint covers all; a leading dot asks for at least one label more. */
function inDomain(domain: string, constraint: string): boolean {
  if (constraint === '') return true
  const subdomainsOnly = constraint.startsWith('.')
  const wanted = domainLabels(subdomainsOnly ? constraint.slice(1) : constraint)
  const labels = domainLabels(domain)
  if (wanted === undefined || labels === undefined) return false
  const extra = labels.length - wanted.length
  return (
    extra >= (subdomainsOnly ? 1 : 0) &&
    wanted.every((label, index) => label.toLowerCase() === labels[extra + index]?.toLowerCase())
  )
}

/** `network` is address and mask, one after the other. */
function inNetwork(address: Uint8Array, network: Uint8Array): boolean {
  const size = address.length
  if (size === 0 || network.length !== 2 * size) return false
  return address.every((byte, index) => {
    const mask = network[size + index] ?? 0
    return (byte & mask) === ((network[index] ?? 0) & mask)
  })
}

/** Host of a URI without its port; not where it is an IP address or missing (RFC 5280 §4.2.1.10). */
function constrainedHost(uri: string): string | undefined {
  const authority = uriHost(uri)
  if (authority === undefined || authority === '' || authority.endsWith(']')) return
  const host = authority.replace(/:\d*$/, '')
  if (host === '' || host.includes(':') || host.startsWith('[')) return
  return !isIp(host) && domainLabels(host) !== undefined ? host : undefined
}

/** Whether a name begins with the relative names of another, byte by byte. */
function inDirectory(name: Uint8Array, base: Uint8Array): boolean {
  const rdns = rdnElements(name)
  return rdnElements(base).every((rdn, index) => {
    const own = rdns[index]
    return own !== undefined && sameBytes(own, rdn)
  })
}

function shown(constraint: Constraint): string {
  if (typeof constraint === 'string') return quoted(constraint)
  if (constraint.length !== 8) return hexOf(constraint.subarray(0, 64))
  return `${constraint.subarray(0, 4).join('.')}/${constraint.subarray(4).join('.')}`
}
