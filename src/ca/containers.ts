import { derError } from './der/der.js'
import { parsePem } from './pem.js'

/** What a PKCS#7 or PKCS#12 file holds. */
export type ContainerFacts =
  | {
      readonly kind: 'pkcs7'
      /** DER of each certificate. */
      readonly certificates: readonly Uint8Array[]
    }
  | {
      readonly kind: 'pkcs12'
      /** Some of its content needs the password. */
      readonly encrypted: boolean
      /** Protected by a password MAC (without one, integrity is by signature or not at all). */
      readonly mac: boolean
      /** Certificates that can be seen without the password. */
      readonly certificateBags: number
      /** Private keys, encrypted or not, that can be seen without the password. */
      readonly keyBags: number
      /** Private keys among them that are not encrypted. */
      readonly plainKeyBags: number
      /** Encrypted parts, whose bags cannot be counted. */
      readonly encryptedParts: number
    }

const MAX_SIZE = 4 << 20
const LIMITS = { maxDepth: 48, maxNodes: 20_000 }
const DATA = '1.2.840.113549.1.7.1'
const SIGNED_DATA = '1.2.840.113549.1.7.2'
const KEY_BAG = '1.2.840.113549.1.12.10.1.1'
const SHROUDED_KEY_BAG = '1.2.840.113549.1.12.10.1.2'
const CERT_BAG = '1.2.840.113549.1.12.10.1.3'

/**
 * Recognises PKCS#7 SignedData (PEM `PKCS7` or `CMS`, or BER bytes; RFC 2315) and PKCS#12 (BER bytes;
 * RFC 7292), the latter without its password. Undefined when the input is neither.
 *
 * @throws KpkiError `ERR_DER_INVALID` when it is over 4 MiB, or recognised but malformed
 */
export async function readContainer(input: Uint8Array): Promise<ContainerFacts | undefined> {
  if (input.length > MAX_SIZE) throw derError('container: larger than 4 MiB')
  const block = parsePem(input).find(({ label }) => label === 'PKCS7' || label === 'CMS')
  const bytes = Uint8Array.from(block ? block.der : input)
  if (bytes[0] !== 0x30) return undefined
  const { fromBER } = await import('asn1js')
  const pkijs = await import('pkijs')
  // It throws for values that it cannot convert, dates for one.
  const parsed = attempt(() => fromBER(bytes.buffer, LIMITS))
  if (parsed === undefined || parsed.offset === -1) return undefined
  const { result } = parsed
  const signed = attempt(() => new pkijs.ContentInfo({ schema: result }))
  if (signed) return signed.contentType === SIGNED_DATA ? pkcs7(pkijs, signed) : undefined
  const pfx = attempt(() => new pkijs.PFX({ schema: result }))
  return pfx && pkcs12(pkijs, pfx)
}

function attempt<T>(read: () => T): T | undefined {
  try {
    return read()
  } catch {
    return undefined
  }
}

type Pkijs = typeof import('pkijs')

function pkcs7(pkijs: Pkijs, info: InstanceType<Pkijs['ContentInfo']>): ContainerFacts {
  try {
    const { certificates = [] } = new pkijs.SignedData({ schema: info.content })
    const plain = certificates.filter((one) => one instanceof pkijs.Certificate)
    return {
      kind: 'pkcs7',
      certificates: plain.map((one) => new Uint8Array(one.toSchema().toBER(false))),
    }
  } catch (cause) {
    throw derError('PKCS#7: malformed', cause)
  }
}

function pkcs12(pkijs: Pkijs, pfx: InstanceType<Pkijs['PFX']>): ContainerFacts {
  try {
    const bags: string[] = []
    let encryptedParts = 0
    const safe = parseSafe(pkijs, pfx)
    for (const part of safe.safeContents) {
      if (part.contentType !== DATA) encryptedParts++
      else bags.push(...bagTypes(pkijs, part))
    }
    const count = (type: string) => bags.filter((one) => one === type).length
    const shrouded = count(SHROUDED_KEY_BAG)
    return {
      kind: 'pkcs12',
      encrypted: encryptedParts > 0 || shrouded > 0,
      mac: pfx.macData !== undefined,
      certificateBags: count(CERT_BAG),
      keyBags: shrouded + count(KEY_BAG),
      plainKeyBags: count(KEY_BAG),
      encryptedParts,
    }
  } catch (cause) {
    throw derError('PKCS#12: malformed', cause)
  }
}

function parseSafe(pkijs: Pkijs, pfx: InstanceType<Pkijs['PFX']>) {
  const { contentType, content } = pfx.authSafe
  if (contentType !== DATA && contentType !== SIGNED_DATA)
    throw derError('PKCS#12: unknown content')
  const octets =
    contentType === DATA
      ? content
      : new pkijs.SignedData({ schema: content }).encapContentInfo.eContent
  return pkijs.AuthenticatedSafe.fromBER(octets.getValue())
}

function bagTypes(pkijs: Pkijs, part: InstanceType<Pkijs['ContentInfo']>): readonly string[] {
  return pkijs.SafeContents.fromBER(part.content.getValue()).safeBags.map(({ bagId }) => bagId)
}
