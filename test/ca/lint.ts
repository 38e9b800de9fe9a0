/** One element of DER: tag, content and, of a constructed one, what is inside. */
export interface Element {
  readonly tag: number
  readonly content: Uint8Array
  readonly children: readonly Element[]
}

/** A mistake against X.690 or RFC 5280, in words. */
export type Complaint = string

const latin1 = (bytes: Uint8Array): string => Buffer.from(bytes).toString('latin1')
const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex')

/** Elements side by side. Knows nothing of kpki's own reader, and takes nothing but DER. */
export function elementsOf(bytes: Uint8Array, complaints: Complaint[]): readonly Element[] {
  const found: Element[] = []
  let at = 0
  while (at < bytes.length) {
    const tag = bytes[at++] ?? 0
    if ((tag & 0x1f) === 0x1f) complaints.push('a tag of several octets')
    let length = bytes[at++] ?? 0x80
    if (length >= 0x80) {
      const octets = bytes.subarray(at, at + (length & 0x7f))
      at += octets.length
      length = octets.reduce((sum, octet) => sum * 256 + octet, 0)
      if (octets.length === 0) complaints.push('a length of indefinite form (X.690 §10.1)')
      if (octets[0] === 0 || length < 0x80) complaints.push('a length that is not minimal')
    }
    const content = bytes.subarray(at, at + length)
    if (content.length !== length) complaints.push('an element that is cut off')
    at += length
    const children = (tag & 0x20) === 0 ? [] : elementsOf(content, complaints)
    const element = { tag, content, children }
    complaints.push(...ofType(element))
    found.push(element)
  }
  return found
}

function* ofType({ tag, content, children }: Element): Generator<Complaint> {
  const [first = 0, second = 0] = content
  const text = latin1(content)
  switch (tag) {
    case 0x01:
      // FALSE is the default wherever certificates have a BOOLEAN.
      if (hex(content) !== 'ff') yield 'a BOOLEAN that is not TRUE (X.690 §11.1, §11.5)'
      return
    case 0x02:
      if (content.length === 0) yield 'an INTEGER without content'
      else if (content.length > 1 && first === 0 && second < 0x80)
        yield 'an INTEGER with a zero in front'
      else if (content.length > 1 && first === 0xff && second >= 0x80)
        yield 'a negative INTEGER that is too long'
      return
    case 0x03: {
      const mask = (1 << first) - 1
      if (first > 7 || ((content.at(-1) ?? 0) & mask) !== 0)
        yield 'unused bits that are not zero (X.690 §11.2.1)'
      return
    }
    case 0x06:
      if (content.some((octet, at) => octet === 0x80 && (content[at - 1] ?? 0) < 0x80))
        yield 'an OBJECT IDENTIFIER that is not minimal'
      return
    case 0x0c:
      if (hex(Buffer.from(Buffer.from(content).toString())) !== hex(content))
        yield 'a UTF8String that is not UTF-8'
      return
    case 0x13:
      if (!/^[A-Za-z0-9 '()+,./:=?-]+$/.test(text))
        yield 'a PrintableString outside of its alphabet'
      return
    case 0x16:
      if (!/^[\x20-\x7e]+$/.test(text)) yield 'an IA5String that is not printable ASCII'
      return
    case 0x17:
      if (!/^\d{12}Z$/.test(text)) yield 'a UTCTime that is not YYMMDDHHMMSSZ (RFC 5280 §4.1.2.5.1)'
      return
    case 0x18:
      if (!/^\d{14}Z$/.test(text)) yield 'a GeneralizedTime that is not YYYYMMDDHHMMSSZ'
      else if (Number(text.slice(0, 4)) < 2050)
        yield 'a GeneralizedTime before 2050 (RFC 5280 §4.1.2.5)'
      return
    case 0x30:
      return
    case 0x31: {
      const all = children.map(hexOfElement)
      if (all.join() !== [...all].sort().join()) yield 'a SET OF that is not in order (X.690 §11.6)'
      if (all.length === 0) yield 'an empty SET'
      return
    }
  }
}

const hexOfElement = ({ tag, content }: Element): string => {
  const { length } = content
  const digits = length
    .toString(16)
    .padStart(length.toString(16).length + (length.toString(16).length % 2), '0')
  const prefix = length < 0x80 ? digits : `${(0x80 + digits.length / 2).toString(16)}${digits}`
  return tag.toString(16).padStart(2, '0') + prefix + hex(content)
}

/** Whether each extension that kpki writes has to be critical (RFC 5280 §4.2.1). */
const CRITICAL: Readonly<Record<string, boolean | 'without subject'>> = {
  '551d0f': true,
  '551d25': false,
  '551d13': true,
  '551d0e': false,
  '551d23': false,
  '551d11': 'without subject',
}

/** What is wrong with a certificate's encoding; empty when nothing is. */
export function lint(der: Uint8Array): readonly Complaint[] {
  const complaints: Complaint[] = []
  const [certificate, ...more] = elementsOf(der, complaints)
  const [tbs, outer, signature] = certificate?.children ?? []
  const [version, serial, inner, issuer, validity, subject, key, extensions, ...rest] =
    tbs?.children ?? []
  if (!certificate || !tbs || !extensions) return [...complaints, 'not a certificate of version 3']
  const complain = (when: boolean, what: Complaint) => void (when && complaints.push(what))
  complain(more.length + rest.length > 0, 'something behind the end')
  complain(certificate.children.length !== 3, 'not three parts')
  complain(hex(version?.content ?? new Uint8Array()) !== '020102', 'a version that is not 3')
  const number = serial?.content ?? new Uint8Array()
  complain(
    (number[0] ?? 0x80) >= 0x80 || hex(number) === '00',
    'a serial number that is not positive',
  )
  complain(number.length > 20, 'a serial number of more than 20 octets')
  complain(hex(inner?.content ?? der) !== hex(outer?.content ?? der), 'two signature algorithms')
  complain(signature?.tag !== 0x03 || signature.content[0] !== 0, 'a signature with unused bits')
  complain(issuer?.children.length === 0, 'an issuer without a name')
  complain(validity?.children.length !== 2, 'a validity that is not two times')
  complain(key?.children.length !== 2, 'a public key that is not two parts')
  complaints.push(...extensionsOf(extensions, subject?.children.length === 0))
  return complaints
}

function* extensionsOf({ tag, children }: Element, isNameless: boolean): Generator<Complaint> {
  const [list] = children
  if (tag !== 0xa3 || children.length !== 1 || !list) return yield 'no extensions'
  const seen = new Set<string>()
  for (const { children: parts } of list.children) {
    const id = hex(parts[0]?.content ?? new Uint8Array())
    const isCritical = parts.length === 3
    const value = parts.at(-1)
    const wanted = CRITICAL[id]
    if (seen.has(id)) yield `extension ${id} twice`
    seen.add(id)
    if (wanted === undefined) yield `an extension that kpki does not write: ${id}`
    if (isCritical !== (wanted === 'without subject' ? isNameless : wanted))
      yield `extension ${id} is ${isCritical ? '' : 'not '}critical`
    const inside: Complaint[] = []
    const [content, ...more] = elementsOf(value?.content ?? new Uint8Array(), inside)
    yield* inside
    if (!content || more.length > 0) yield `extension ${id} does not hold one value`
    else yield* insideOf(id, content)
  }
  for (const id of ['551d0f', '551d13', '551d0e']) if (!seen.has(id)) yield `no extension ${id}`
}

function* insideOf(id: string, { tag, content, children }: Element): Generator<Complaint> {
  if (id === '551d0f') {
    // A named bit list ends with its last bit that is set (X.690 §11.2.2).
    const [unused = 0] = content
    const last = content.at(-1) ?? 0
    if (content.length < 2 || (last >> unused) % 2 === 0) yield 'key usage with zeros at its end'
  }
  if (id === '551d0e' && (tag !== 0x04 || content.length !== 20))
    yield 'a key identifier that is no SHA-1'
  if (id === '551d23' && children.some((one) => one.tag !== 0x80 || one.content.length !== 20))
    yield 'an authority key identifier that is more than an identifier'
  if (id !== '551d11') return
  if (children.length === 0) yield 'alternative names that name nobody'
  for (const name of children) {
    if (name.tag === 0x82 && /^[\x21-\x7e]+$/.test(latin1(name.content))) continue
    if (name.tag === 0x87 && (name.content.length === 4 || name.content.length === 16)) continue
    yield 'an alternative name that is neither DNS name nor address'
  }
}
