import ipaddr from 'ipaddr.js'
import { KpkiError } from '../errors.js'
import { isDns1123Subdomain } from './names.js'

export type IpFamily = 4 | 6

/** An address as a number: 32 bits, or 128. */
export interface IpNumber {
  readonly family: IpFamily
  readonly value: bigint
}

/** A range of addresses in CIDR notation (RFC 4632). Host bits of the written address are dropped. */
export interface Cidr {
  readonly family: IpFamily
  /** First address. */
  readonly first: bigint
  /** Last address. */
  readonly last: bigint
  /** Length of the prefix in bits. */
  readonly prefix: number
  /** The written address was not the first one of the range. */
  readonly hostBits: boolean
}

const ZERO_LED = /^(?:\d{1,3}\.){3}\d{1,3}$/
const MAPPED = 0xffffn

/**
 * Reads an address as Kubernetes does: dotted decimal IPv4 without leading zeros, or IPv6 without a
 * zone; an IPv4-mapped IPv6 address is IPv4 (Go's `net.ParseIP`). Undefined: not an address.
 */
export function parseIp(text: string): IpNumber | undefined {
  if (!text.includes(':')) {
    if (!ipaddr.IPv4.isValidFourPartDecimal(text)) return undefined
    return { family: 4, value: numberOf(ipaddr.IPv4.parse(text).toByteArray()) }
  }
  const dotted = text.slice(text.lastIndexOf(':') + 1)
  if (ZERO_LED.test(dotted) && !ipaddr.IPv4.isValidFourPartDecimal(dotted)) return undefined
  // ipaddr.js takes ::192.0.2.1 for ::ffff:192.0.2.1, which is another address.
  const whole = /^::[^:]+\./.test(text) ? `::0:${dotted}` : text
  if (text.includes('%') || !ipaddr.IPv6.isValid(whole)) return undefined
  const value = numberOf(ipaddr.IPv6.parse(whole).toByteArray())
  if (value >> 32n === MAPPED) return { family: 4, value: value & 0xffffffffn }
  return { family: 6, value }
}

export function isIp(text: string): boolean {
  return parseIp(text) !== undefined
}

export function familyOf(text: string): IpFamily | undefined {
  return parseIp(text)?.family
}

/** The one canonical text of an address: dotted decimal, or RFC 5952. Other text is given back as it is. */
export function formatIp(address: string | IpNumber): string {
  const ip = typeof address === 'string' ? parseIp(address) : address
  if (!ip) return String(address)
  const parsed = ipaddr.fromByteArray([...octetsOf(ip)])
  return parsed instanceof ipaddr.IPv6 ? parsed.toRFC5952String() : parsed.toString()
}

/** The 4 or 16 octets of an address, as networks write it. */
export function octetsOf({ family, value }: IpNumber): Uint8Array {
  const size = family === 4 ? 4 : 16
  return Uint8Array.from({ length: size }, (_, i) =>
    Number((value >> BigInt(8 * (size - 1 - i))) & 0xffn),
  )
}

/** Whether two texts are the same address. */
export function sameIp(a: string, b: string): boolean {
  const [left, right] = [parseIp(a), parseIp(b)]
  return left !== undefined && left.family === right?.family && left.value === right.value
}

/** Reads `address/prefix`. Undefined: not a CIDR. */
export function parseCidr(text: string): Cidr | undefined {
  const [address = '', length = '', ...rest] = text.split('/')
  const ip = parseIp(address)
  if (!ip || rest.length > 0 || !/^(?:0|[1-9]\d{0,2})$/.test(length)) return undefined
  // Go refuses a prefix of an IPv4 range written as IPv6.
  if (ip.family === 4 && address.includes(':')) return undefined
  const bits = ip.family === 4 ? 32 : 128
  const prefix = Number(length)
  if (prefix > bits) return undefined
  const size = 1n << BigInt(bits - prefix)
  const first = ip.value - (ip.value % size)
  return { family: ip.family, first, last: first + size - 1n, prefix, hostBits: first !== ip.value }
}

/** How many addresses a range has. */
export function cidrSize(cidr: Cidr): bigint {
  return cidr.last - cidr.first + 1n
}

/** `address/prefix` with the range's first address. */
export function formatCidr(cidr: Cidr): string {
  return `${formatIp({ family: cidr.family, value: cidr.first })}/${cidr.prefix}`
}

export function cidrOverlap(a: Cidr, b: Cidr): boolean {
  return a.family === b.family && a.first <= b.last && b.first <= a.last
}

/** Whether an address lies in a range. */
export function contains(cidr: Cidr, address: string): boolean {
  const ip = parseIp(address)
  return ip?.family === cidr.family && ip.value >= cidr.first && ip.value <= cidr.last
}

/**
 * The nth address of a range, the first one being number 0: of a service subnet 1 is the `kubernetes`
 * service, 10 the cluster's DNS (kubeadm's `GetIndexedIP`).
 *
 * @throws KpkiError `ERR_USAGE` if the range is not one or has fewer addresses
 */
export function nthAddress(cidr: string | Cidr, n: number): string {
  const range = typeof cidr === 'string' ? parseCidr(cidr) : cidr
  if (!range) throw new KpkiError('ERR_USAGE', `"${String(cidr)}" is not a CIDR`, {})
  const value = range.first + BigInt(n)
  if (value > range.last) {
    throw new KpkiError('ERR_USAGE', `${formatCidr(range)} has no address number ${n}`, {})
  }
  return formatIp({ family: range.family, value })
}

/** A host for a URL: IPv6 addresses in brackets. */
export function bracketed(host: string): string {
  return host.includes(':') ? `[${host}]` : host
}

/** `host:port`, IPv6 in brackets. */
export function formatEndpoint(endpoint: Endpoint): string {
  return `${bracketed(endpoint.host)}:${endpoint.port}`
}

/**
 * Reads `host`, `host:port`, `[v6]:port` or a bare IPv6 address, as kubeadm reads
 * `controlPlaneEndpoint`; the host is an IP address or an RFC 1123 subdomain. Without a port the
 * port is 0. Undefined: not an endpoint.
 */
export function parseEndpoint(text: string): Endpoint | undefined {
  const { host, port } = splitEndpoint(text)
  const number = port === undefined || port === '' ? 0 : portOf(port)
  if (number === undefined || !(isIp(host) || isDns1123Subdomain(host))) return undefined
  return { host, port: number }
}

function splitEndpoint(text: string): { host: string; port?: string } {
  const bracket = /^\[([^[\]]*)\]:(.*)$/.exec(text)
  if (bracket) return { host: bracket[1] ?? '', port: bracket[2] ?? '' }
  const colon = text.indexOf(':')
  if (colon < 0 || text.includes(':', colon + 1)) return { host: text }
  return { host: text.slice(0, colon), port: text.slice(colon + 1) }
}

function portOf(text: string): number | undefined {
  const port = /^\d{1,5}$/.test(text) ? Number(text) : 0
  return port >= 1 && port <= 65535 ? port : undefined
}

function numberOf(bytes: readonly number[]): bigint {
  return bytes.reduce((value, byte) => (value << 8n) | BigInt(byte), 0n)
}

/** Host and port; an IPv6 host is stored without brackets. */
export interface Endpoint {
  readonly host: string
  readonly port: number
}
