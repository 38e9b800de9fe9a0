import { hexOf } from '../../values/bytes.js'
import {
  type DerCursor,
  derError,
  enter,
  enterOnly,
  finish,
  peekTag,
  readContent,
  readElement,
  readOid,
  TAG,
} from '../der/der.js'
import { asciiString, oid, printableString, sequence, set, utf8String } from '../der/write.js'
import type { DecodedName, Name, NameAttribute } from './facts.js'

const ATTRIBUTES: Readonly<Record<string, string>> = {
  CN: '2.5.4.3',
  SERIALNUMBER: '2.5.4.5',
  C: '2.5.4.6',
  L: '2.5.4.7',
  ST: '2.5.4.8',
  STREET: '2.5.4.9',
  O: '2.5.4.10',
  OU: '2.5.4.11',
  POSTALCODE: '2.5.4.17',
  DC: '0.9.2342.19200300.100.1.25',
  UID: '0.9.2342.19200300.100.1.1',
  emailAddress: '1.2.840.113549.1.9.1',
}
const SHORT_NAMES = new Map(Object.entries(ATTRIBUTES).map(([name, dotted]) => [dotted, name]))
const IA5_TYPES = new Set(['DC', 'emailAddress'])
const PRINTABLE_TYPES = new Set(['C', 'SERIALNUMBER'])
const PRINTABLE = /^[A-Za-z0-9 '()+,\-./:=?]*$/
const ASCII = /^[\x20-\x7e]*$/
// biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what is refused
const CONTROL = /[\u0000-\u001f\u007f-\u009f]/

/**
 * DER of a Name. Values are PrintableString where its alphabet allows (`:` is in it, X.680 §41.4),
 * otherwise UTF8String; `C` and `SERIALNUMBER` only PrintableString, `DC` and `emailAddress`
 * IA5String, as RFC 5280 Appendix A wants. Several attributes of one RDN are sorted as a SET OF.
 *
 * @throws KpkiError `ERR_DER_INVALID` for empty values, control characters, lone surrogates, unknown types
 *   and characters outside the type's alphabet
 */
export function encodeName(name: Name): Uint8Array {
  return sequence(
    ...name.map((rdn) => {
      if (rdn.length === 0) throw derError('name: an RDN has no attribute')
      return set(...rdn.map(encodeAttribute))
    }),
  )
}

function encodeAttribute({ type, value }: NameAttribute): Uint8Array {
  const dotted = Object.hasOwn(ATTRIBUTES, type) ? (ATTRIBUTES[type] as string) : type
  const quoted = JSON.stringify(value)
  if (value === '') throw derError(`name: ${type} is empty`)
  if (CONTROL.test(value)) throw derError(`name: ${type} ${quoted} contains a control character`)
  if (/\p{Surrogate}/u.test(value))
    throw derError(`name: ${type} ${quoted} is not well-formed text`)
  return sequence(oid(dotted), encodeValue(SHORT_NAMES.get(dotted) ?? type, value, quoted))
}

function encodeValue(type: string, value: string, quoted: string): Uint8Array {
  if (type === 'C' && !/^[A-Za-z]{2}$/.test(value))
    throw derError(`name: C ${quoted} is not a two-letter country code`)
  if (IA5_TYPES.has(type)) {
    if (!ASCII.test(value)) throw derError(`name: ${type} ${quoted} is not ASCII`)
    return asciiString(TAG.ia5String, value)
  }
  if (PRINTABLE.test(value)) return printableString(value)
  if (PRINTABLE_TYPES.has(type)) throw derError(`name: ${type} ${quoted} is not a PrintableString`)
  return utf8String(value)
}

/** The fields of {@link subject}; a list becomes one RDN with several attributes, as Go writes it. */
export interface SubjectFields {
  readonly C?: string | readonly string[]
  readonly O?: string | readonly string[]
  readonly OU?: string | readonly string[]
  readonly L?: string | readonly string[]
  readonly ST?: string | readonly string[]
  readonly STREET?: string | readonly string[]
  readonly POSTALCODE?: string | readonly string[]
  readonly CN?: string
  readonly SERIALNUMBER?: string
}

const GO_ORDER = ['C', 'O', 'OU', 'L', 'ST', 'STREET', 'POSTALCODE', 'CN', 'SERIALNUMBER'] as const

/**
 * A name from its fields in the order of Go's `pkix.Name`, and so of kubeadm. Values are taken
 * literally: a CN of `x, O=system:masters` stays one attribute.
 */
export function subject(fields: SubjectFields): Name {
  return GO_ORDER.flatMap((type) => {
    const given = fields[type]
    if (given === undefined || given.length === 0) {
      if (given === '') throw derError(`name: ${type} is empty`)
      return []
    }
    const values = typeof given === 'string' ? [given] : given
    return [values.map((value) => ({ type, value }))]
  })
}

/**
 * Reads a DER Name with the string types that Go accepts (PrintableString including `*` and `&`,
 * UTF8String, IA5String, NumericString, T61String as Latin-1, BMPString).
 *
 * @throws KpkiError `ERR_DER_INVALID`
 */
export function decodeName(raw: Uint8Array): DecodedName {
  const body = enterOnly(raw, TAG.sequence, 'name')
  const rdns: NameAttribute[][] = []
  const commonNames: string[] = []
  const organizations: string[] = []
  while (body.at < body.end) {
    const members = enter(body, TAG.set, 'RDN')
    const rdn: NameAttribute[] = []
    while (members.at < members.end) {
      const attribute = decodeAttribute(enter(members, TAG.sequence, 'name attribute'))
      if (attribute.type === 'CN') commonNames.push(attribute.value)
      else if (attribute.type === 'O') organizations.push(attribute.value)
      rdn.push(attribute)
    }
    rdns.push(rdn)
  }
  return { rdns, raw, commonNames, organizations }
}

function decodeAttribute(cursor: DerCursor): NameAttribute {
  const dotted = readOid(cursor, 'name attribute type')
  const type = SHORT_NAMES.get(dotted) ?? dotted
  const tag = peekTag(cursor)
  const content = readContent(cursor, -1, 'name attribute value')
  finish(cursor, 'name attribute')
  return { type, value: decodeString(tag, content, `name ${type}`) }
}

const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })
const READ_PRINTABLE = /^[A-Za-z0-9 '()+,\-./:=?*&]*$/

/** Text of a string element's content octets. */
export function decodeString(tag: number, content: Uint8Array, what: string): string {
  if (tag === TAG.bmpString) return decodeBmp(content, what)
  let ascii = true
  let text = ''
  for (let i = 0; i < content.length; i++) {
    const octet = content[i] as number
    if (octet >= 0x80) ascii = false
    text += String.fromCharCode(octet)
  }
  if (tag === TAG.printableString) {
    if (!READ_PRINTABLE.test(text)) throw derError(`${what}: not a PrintableString`)
  } else if (tag === TAG.utf8String) {
    if (!ascii) return decodeUtf8(content, what)
  } else if (tag === TAG.ia5String) {
    if (!ascii) throw derError(`${what}: not an IA5String`)
  } else if (tag === TAG.numericString) {
    if (!/^[0-9 ]*$/.test(text)) throw derError(`${what}: not a NumericString`)
  } else if (tag !== TAG.t61String) throw derError(`${what}: string type ${tag} is not supported`)
  return text
}

function decodeUtf8(content: Uint8Array, what: string): string {
  try {
    return utf8.decode(content)
  } catch (cause) {
    throw derError(`${what}: not UTF-8`, cause)
  }
}

function decodeBmp(content: Uint8Array, what: string): string {
  if (content.length % 2 !== 0) throw derError(`${what}: BMPString of an odd length`)
  let text = ''
  for (let i = 0; i < content.length; i += 2)
    text += String.fromCharCode(((content[i] as number) << 8) | (content[i + 1] as number))
  return text.endsWith('\0') ? text.slice(0, -1) : text
}

/**
 * Text of a name after RFC 4514: the last RDN first (so kubeadm's names begin with `CN=`), `+`
 * between the attributes of one RDN, special and control characters escaped.
 */
export function formatName(name: Name): string {
  return [...name]
    .reverse()
    .map((rdn) => rdn.map(({ type, value }) => `${type}=${escapeValue(value)}`).join('+'))
    .join(',')
}

function escapeValue(value: string): string {
  return value
    .replace(/["+,;<>\\]/g, '\\$&')
    .replace(/^[ #]/, '\\$&')
    .replace(/ $/, (blank, at: number, all: string) =>
      all[at - 1] === '\\' && at === 1 ? blank : `\\${blank}`,
    )
    .replace(
      new RegExp(`${CONTROL.source}|[\\u200e\\u200f\\u202a-\\u202e\\u2066-\\u2069]`, 'g'),
      (one) => hexOf(new TextEncoder().encode(one)).replace(/../g, '\\$&'),
    )
}

/** DER of the attribute SET elements of a name, for comparing RDN by RDN. */
export function rdnElements(raw: Uint8Array): readonly Uint8Array[] {
  const body = enterOnly(raw, TAG.sequence, 'name')
  const elements: Uint8Array[] = []
  while (body.at < body.end) elements.push(readElement(body, TAG.set, 'RDN'))
  return elements
}

/** The common name that counts where a name has several: the last one, as in Go's `pkix.Name`; empty without one. */
export function commonNameOf({ commonNames }: { readonly commonNames: readonly string[] }): string {
  return commonNames.at(-1) ?? ''
}
