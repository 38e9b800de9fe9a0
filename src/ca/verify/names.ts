import { isIp } from '../../values/addresses.js'
import { sameBytes } from '../../values/bytes.js'
import { quoted } from '../../values/text.js'
import type { CertificateFacts } from '../certificate/facts.js'
import { encodeAddress } from '../der/addresses.js'
import type { ChainPolicy } from './consumers.js'
import { type ChainReason, reason } from './reasons.js'

/**
 * Whether a certificate is valid for a host, by the rules of Go's `Certificate.VerifyHostname`:
 * an IP address (also in brackets) matches only IP alternative names; any other name matches DNS
 * alternative names without regard to ASCII case, where `*` may stand for the whole leftmost label.
 * The common name is never looked at (RFC 9525 §2).
 * /
 *
 * @example
 * ```ts
 * import { readFile } from 'node:fs/promises'
 * import { matchesName, readCertificate } from 'kpki'
 *
 * const pem = await readFile('out/nodes/controlplane/etc/kubernetes/pki/apiserver.crt', 'utf8')
 * console.log(matchesName(readCertificate(pem), 'kubernetes.default.svc'))
 * ```
 */
export function matchesName(certificate: CertificateFacts, name: string): boolean {
  const address = addressOf(name)
  const { ip = [], dns = [] } = certificate.altNames ?? {}
  if (address !== undefined) {
    return ip.some((text) => sameBytes(mapped(encodeAddress(text)), address))
  }
  return dns.some((pattern) => matchesDns(pattern, name))
}

/**
 * Why {@link matchesName} says no; `undefined` where it says yes. With the policy of OpenSSL the
 * common name stands in where there is no DNS alternative name.
 */
export function nameMismatch(
  certificate: CertificateFacts,
  name: string,
  policy: Pick<ChainPolicy, 'commonName'> = { commonName: 'ignored' },
): ChainReason | undefined {
  if (matchesName(certificate, name)) return
  const { altNames, subject } = certificate
  const isAddressed = addressOf(name) !== undefined
  const common = isAddressed ? undefined : subject.commonNames.find((one) => matchesDns(one, name))
  if (common !== undefined && policy.commonName === 'fallback' && !altNames?.dns.length) return
  const ignored = common === undefined ? '' : `; its common name ${quoted(common)} is not looked at`
  if (altNames === undefined) {
    const message = `has no subject alternative names, so it is not valid for ${quoted(name)}`
    return reason('no-san', certificate, message + ignored)
  }
  const names = isAddressed ? altNames.ip : altNames.dns
  const kind = isAddressed ? 'IP' : 'DNS'
  const listed = names.slice(0, 20).map(quoted).join(', ')
  const valid = names.length === 0 ? `no ${kind} names` : `the ${kind} names ${listed}`
  return reason(
    'name-mismatch',
    certificate,
    `is valid for ${valid}, not for ${quoted(name)}${ignored}`,
  )
}

/** Whether a DNS name, taken as the pattern, matches a host (RFC 9525 §6.3, with Go's leniencies). */
export function matchesDns(pattern: string, host: string): boolean {
  // a name with odd characters still matches itself, but gets no wildcards and no final dot
  if (!isHostname(host, false) || !isHostname(pattern, true)) {
    return pattern !== '' && pattern !== '.' && lower(pattern) === lower(host)
  }
  const labels = lower(pattern).split('.')
  const wanted = lower(withoutFinalDot(host)).split('.')
  return (
    labels.length === wanted.length &&
    labels.every((label, index) => (index === 0 && label === '*') || label === wanted[index])
  )
}

/** Syntax of a host name: letters, digits, `-` and `_`; in a pattern a whole leftmost `*`. */
export function isHostname(text: string, pattern: boolean): boolean {
  const host = pattern ? text : withoutFinalDot(text)
  if (host === '*') return false
  return host
    .split('.')
    .every(
      (label, index) =>
        /^[a-z0-9_][a-z0-9_-]*$/i.test(label) || (pattern && index === 0 && label === '*'),
    )
}

function addressOf(name: string): Uint8Array | undefined {
  const text = /^\[.+\]$/s.test(name) ? name.slice(1, -1) : name
  return isIp(text) ? mapped(encodeAddress(text)) : undefined
}

/** An IPv4 address is the same host as its IPv4-mapped IPv6 form. */
function mapped(address: Uint8Array): Uint8Array {
  if (address.length !== 4) return address
  return Uint8Array.from([0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 255, 255, ...address])
}

function withoutFinalDot(host: string): string {
  return host.endsWith('.') ? host.slice(0, -1) : host
}

/** ASCII only: `K` (the Kelvin sign) must not become `k`. */
function lower(text: string): string {
  return text.replace(/[A-Z]/g, (letter) => letter.toLowerCase())
}
