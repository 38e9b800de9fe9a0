import type { CertificateFacts, ExtensionFacts } from '../../../src/ca/certificate/facts.js'
import {
  asciiString,
  bitString,
  boolean,
  implicit,
  integer,
  NULL,
  oid,
  sequence,
  set,
  utf8String,
} from '../../../src/ca/der/write.js'

export function nameOf(...attributes: readonly (readonly [string, string])[]): Uint8Array {
  const types: Readonly<Record<string, string>> = { CN: '2.5.4.3', O: '2.5.4.10' }
  return sequence(
    ...attributes.map(([type, value]) =>
      set(sequence(oid(types[type] ?? type), utf8String(value))),
    ),
  )
}

export const without =
  (...oids: readonly string[]) =>
  (list: readonly ExtensionFacts[]) =>
    list.filter((one) => !oids.includes(one.oid))

export const withExtension =
  (dotted: string, critical: boolean, value: Uint8Array) =>
  (list: readonly ExtensionFacts[]): readonly ExtensionFacts[] => [
    ...list.filter((one) => one.oid !== dotted),
    { oid: dotted, critical, value },
  ]

const USAGES: Readonly<Record<string, string>> = {
  serverAuth: '1.3.6.1.5.5.7.3.1',
  clientAuth: '1.3.6.1.5.5.7.3.2',
  anyExtendedKeyUsage: '2.5.29.37.0',
}

export const usages = (...names: readonly string[]) =>
  withExtension('2.5.29.37', false, sequence(...names.map((name) => oid(USAGES[name] ?? name))))

/** Key usage from its first two octets. */
export const keyUsage = (octet: number, critical = true) =>
  withExtension('2.5.29.15', critical, bitString(new Uint8Array([octet]), unusedBits(octet)))

function unusedBits(octet: number): number {
  let unused = 0
  while (unused < 7 && ((octet >> unused) & 1) === 0) unused++
  return unused
}

export const basic = (ca: boolean, pathLength?: number, critical = true) =>
  withExtension(
    '2.5.29.19',
    critical,
    sequence(
      ...(ca ? [boolean(true)] : []),
      ...(pathLength === undefined ? [] : [integer(pathLength)]),
    ),
  )

export const names = (dns: readonly string[], ip: readonly string[] = [], critical = false) =>
  withExtension(
    '2.5.29.17',
    critical,
    sequence(
      ...dns.map((name) => asciiString(0x82, name)),
      ...ip.map((address) => implicit(7, new Uint8Array(address.split('.').map(Number)))),
    ),
  )

/** The names of a certificate, changed. */
export const editNames = (
  facts: CertificateFacts,
  change: (all: { dns: readonly string[]; ip: readonly string[] }) => {
    dns: readonly string[]
    ip: readonly string[]
  },
) => {
  const { dns = [], ip = [] } = facts.altNames ?? {}
  const after = change({ dns, ip: ip.filter((one) => !one.includes(':')) })
  return names(after.dns, after.ip)
}

export function rsaSpki(modulus: bigint, exponent = 65537n): Uint8Array {
  const octets = (n: bigint) => {
    const hex = n.toString(16)
    return Uint8Array.from((hex.length % 2 ? `0${hex}` : hex).match(/../g) ?? [], (pair) =>
      Number.parseInt(pair, 16),
    )
  }
  const key = sequence(integer(octets(modulus)), integer(octets(exponent)))
  return sequence(sequence(oid('1.2.840.113549.1.1.1'), NULL), bitString(key))
}
