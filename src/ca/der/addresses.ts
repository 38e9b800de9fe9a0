import ipaddr from 'ipaddr.js'
import { octetsOf, parseIp } from '../../values/addresses.js'
import { derError } from './der.js'

/**
 * 4 or 16 address octets of a textual IP address. Only the forms that Go's `netip.ParseAddr` takes:
 * four decimal parts without leading zeros, or RFC 4291 IPv6; zones are refused since a certificate
 * cannot carry one. An IPv4-mapped address has 4 octets, as Go writes it.
 *
 * @throws KpkiError `ERR_DER_INVALID`
 */
export function encodeAddress(text: string): Uint8Array {
  const ip = parseIp(text)
  if (!ip) throw derError(`"${text}" is not an IP address`)
  return octetsOf(ip)
}

/**
 * Text of 4 or 16 octets: dotted IPv4, or IPv6 as RFC 5952 writes it.
 *
 * @throws KpkiError `ERR_DER_INVALID`
 */
export function decodeAddress(octets: Uint8Array): string {
  if (octets.length === 4) return octets.join('.')
  if (octets.length !== 16) throw derError(`IP address of ${octets.length} octets`)
  return ipaddr.fromByteArray([...octets]).toString()
}
