import type { CertificateFacts, PublicKeyFacts } from '../../ca/certificate/facts.js'
import { readCertificate } from '../../ca/certificate/read.js'
import type { CryptoEngine } from '../../ca/engine.js'
import { readPublicKey } from '../../ca/keys/keys.js'
import { readPrivateKey, readPrivateKeyWith } from '../../ca/keys/private-key.js'
import { encodePem, type PemBlock, parsePem, pemOddities } from '../../ca/pem.js'
import { messageOf } from '../../errors.js'
import type { BlockFacts, Certificate, KeyFacts, PemFacts, Place } from './evidence.js'

/** A certificate while the evidence is being read: what takes hashing and signatures is filled in at the end. */
export interface CertificateDraft {
  fingerprint: string
  keyId: string
  pin?: string
  readonly facts: CertificateFacts
  readonly places: Place[]
  issuers: readonly Certificate[]
}

/** Reads PEM texts, each distinct certificate and each distinct text once. */
export interface PemReader {
  read(place: Place, bytes: Uint8Array): Promise<PemFacts>
  readonly certificates: readonly CertificateDraft[]
  /** How many key blocks were read. */
  readonly keys: number
}

/** A PEM text longer than this is no certificate or key file. */
const MAX_PEM = 4 << 20
/** An RSA key of 16384 bits has about 9 KiB. */
const MAX_KEY = 32 << 10
/** More blocks than this in one file are counted, not read. */
const MAX_BLOCKS = 2000
const CERTIFICATE_LABELS = new Set(['CERTIFICATE', 'TRUSTED CERTIFICATE', 'X509 CERTIFICATE'])
const SEQUENCE = 0x30
const latin1 = new TextDecoder('latin1')

export function createPemReader(engine: CryptoEngine): PemReader {
  const drafts = new Map<string, CertificateDraft>()
  const keyIds = new Map<string, string>()
  const texts = new Map<string, Promise<ParsedPem>>()
  let keys = 0

  const keyIdOf = (spki: Uint8Array): string => {
    const key = latin1.decode(spki)
    const known = keyIds.get(key)
    if (known !== undefined) return known
    const id = `key-${keyIds.size + 1}`
    keyIds.set(key, id)
    return id
  }
  const certificateOf = (der: Uint8Array): CertificateDraft => {
    const key = latin1.decode(der)
    const known = drafts.get(key)
    if (known) return known
    const facts = readCertificate(der)
    const keyId = keyIdOf(facts.publicKey.spki)
    const draft = { fingerprint: '', keyId, facts, places: [], issuers: [] }
    drafts.set(key, draft)
    return draft
  }
  const keyOf = async (block: PemBlock, text: string): Promise<KeyFacts> => {
    keys++
    const isPrivate = block.label.endsWith('PRIVATE KEY')
    const base = { private: isPrivate, label: block.label }
    if (isEncrypted(block)) return { ...base, encrypted: true }
    if (block.der.length > MAX_KEY)
      return { ...base, encrypted: false, failure: 'larger than any key' }
    try {
      const pem = text.slice(block.start, block.end)
      const side = isPrivate ? await privateSide(engine, pem, block) : publicSide(pem)
      const { spki, facts, mislabelled } = side
      const mark = mislabelled ? { mislabelled } : {}
      return { ...base, encrypted: false, keyId: keyIdOf(spki), facts, ...mark }
    } catch (error) {
      return { ...base, encrypted: false, failure: messageOf(error) }
    }
  }
  const blockOf = async (block: PemBlock, text: string): Promise<BlockFacts> => {
    const { label, line } = block
    const base = { label, line, headers: Object.keys(block.headers) }
    if (label.endsWith('PRIVATE KEY') || label.endsWith('PUBLIC KEY')) {
      const key = await keyOf(block, text)
      return { ...base, key, ...(key.failure !== undefined && { failure: key.failure }) }
    }
    if (!CERTIFICATE_LABELS.has(label)) return base
    if (block.der[0] !== SEQUENCE) return { ...base, failure: 'the block holds no certificate' }
    try {
      return { ...base, certificate: certificateOf(block.der) }
    } catch (error) {
      return { ...base, failure: messageOf(error) }
    }
  }
  const parse = async (text: string, bytes: Uint8Array): Promise<ParsedPem> => {
    const empty = text.trim() === ''
    if (bytes.length > MAX_PEM)
      return { ...NOTHING, empty, oddities: ['larger than 4 MiB: not read'] }
    if (bytes[0] === SEQUENCE) return parseDer(bytes, certificateOf)
    const found = parsePem(text)
    const oddities = [...pemOddities(text)]
    if (found.length > MAX_BLOCKS) oddities.push(`only the first ${MAX_BLOCKS} blocks were read`)
    const blocks: BlockFacts[] = []
    for (const block of found.slice(0, MAX_BLOCKS)) blocks.push(await blockOf(block, text))
    return { blocks, oddities, der: false, empty }
  }

  return {
    get certificates() {
      return [...drafts.values()]
    },
    get keys() {
      return keys
    },
    async read(place, bytes) {
      const text = latin1.decode(bytes)
      const parsed = texts.get(text) ?? parse(text, bytes)
      texts.set(text, parsed)
      const { blocks, oddities, der, empty } = await parsed
      for (const { certificate } of blocks) {
        if (certificate) drafts.get(latin1.decode(certificate.facts.der))?.places.push(place)
      }
      return {
        place,
        blocks,
        certificates: der ? [] : blocks.flatMap((block) => taken(block)),
        keys: blocks.flatMap((block) => (block.key ? [block.key] : [])),
        oddities,
        der,
        empty,
      }
    },
  }
}

interface ParsedPem {
  readonly blocks: readonly BlockFacts[]
  readonly oddities: readonly string[]
  readonly der: boolean
  readonly empty: boolean
}

const NOTHING: ParsedPem = { blocks: [], oddities: [], der: false, empty: false }

/** What Go's readers take: blocks of type CERTIFICATE without headers (client-go's ParseCertsPEM). */
function taken({ label, headers, certificate }: BlockFacts): readonly Certificate[] {
  return certificate && label === 'CERTIFICATE' && headers.length === 0 ? [certificate] : []
}

function parseDer(bytes: Uint8Array, read: (der: Uint8Array) => Certificate): ParsedPem {
  const base = { label: 'DER', headers: [], line: 1 }
  try {
    return {
      ...NOTHING,
      der: true,
      blocks: [{ ...base, certificate: read(Uint8Array.from(bytes)) }],
    }
  } catch {
    return { ...NOTHING, der: true, blocks: [base] }
  }
}

function isEncrypted({ label, headers }: PemBlock): boolean {
  return label === 'ENCRYPTED PRIVATE KEY' || (headers['Proc-Type'] ?? '').includes('ENCRYPTED')
}

interface PublicHalf {
  readonly spki: Uint8Array
  readonly facts: PublicKeyFacts
  readonly mislabelled?: boolean
}

// Only the public side leaves this function.
async function privateSide(
  engine: CryptoEngine,
  pem: string,
  block: PemBlock,
): Promise<PublicHalf> {
  try {
    const { spki, facts } = readPrivateKey(pem)
    return { spki, facts }
  } catch (error) {
    for (const label of PRIVATE_LABELS) {
      if (label === block.label) continue
      try {
        const { spki, facts } = readPrivateKey(encodePem(label, block.der))
        return { spki, facts, mislabelled: true }
      } catch {
        // Then it is not of this kind either.
      }
    }
    if (block.label === 'RSA PRIVATE KEY') throw error
    const { spki, facts } = await readPrivateKeyWith(engine, pem)
    return { spki, facts }
  }
}

const PRIVATE_LABELS = ['PRIVATE KEY', 'RSA PRIVATE KEY', 'EC PRIVATE KEY'] as const

function publicSide(pem: string): PublicHalf {
  const facts = readPublicKey(pem)
  return { spki: facts.spki, facts }
}
