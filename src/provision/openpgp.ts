import { decodeBase64 } from '../ca/pem.js'
import type { Digest } from './transforms.js'

/**
 * Returns an ASCII-armoured OpenPGP key unchanged if its only primary key has `fingerprint`
 * (version 4: SHA-1 over the packet, RFC 9580 §5.5.4.1).
 *
 * @throws Error that names both fingerprints.
 */
export function verifiedKey(armoured: string, fingerprint: string, digest: Digest): string {
  const wanted = fingerprint.replaceAll(/\s/g, '').toUpperCase()
  const found = primaryKeys(armoured).map((body) => fingerprintOf(body, digest))
  if (found.length === 1 && found[0] === wanted) return armoured
  const seen = found.length === 0 ? 'no key' : found.join(', ')
  throw new Error(
    `the repository's signing key is ${seen}, not ${wanted} (spec.packages.keyFingerprint)`,
  )
}

function fingerprintOf(body: Uint8Array, digest: Digest): string {
  if (body[0] !== 4) return `version ${body[0]}`
  const framed = new Uint8Array([0x99, body.length >> 8, body.length & 0xff, ...body])
  return digest('sha1', framed).toUpperCase()
}

/** Bodies of the public-key packets (tag 6) of every armoured block. */
function primaryKeys(armoured: string): readonly Uint8Array[] {
  const blocks = armoured.matchAll(
    /-----BEGIN PGP PUBLIC KEY BLOCK-----\r?\n(?:[^\n]*:[^\n]*\n)*\r?\n([A-Za-z0-9+/=\s]*?)(?:\n=[A-Za-z0-9+/]{4}\s*)?-----END/g,
  )
  return [...blocks].flatMap((match) => {
    const bytes = decodeBase64((match[1] ?? '').replaceAll(/\s/g, ''))
    return bytes ? [...packets(bytes)].filter(({ tag }) => tag === 6).map(({ body }) => body) : []
  })
}

function* packets(
  bytes: Uint8Array,
): Generator<{ readonly tag: number; readonly body: Uint8Array }> {
  for (let at = 0; at < bytes.length; ) {
    const head = bytes[at] ?? 0
    if ((head & 0x80) === 0) return
    const modern = (head & 0x40) !== 0
    const tag = modern ? head & 0x3f : (head >> 2) & 0x0f
    const { size, start } = modern
      ? modernLength(bytes, at + 1)
      : oldLength(bytes, at + 1, head & 3)
    yield { tag, body: bytes.subarray(start, start + size) }
    at = start + size
  }
}

function modernLength(bytes: Uint8Array, at: number) {
  const first = bytes[at] ?? 0
  if (first < 192) return { size: first, start: at + 1 }
  if (first < 224) return { size: ((first - 192) << 8) + (bytes[at + 1] ?? 0) + 192, start: at + 2 }
  return { size: number(bytes, at + 1, 4), start: at + 5 }
}

function oldLength(bytes: Uint8Array, at: number, type: number) {
  const width = [1, 2, 4][type] ?? 0
  return width === 0
    ? { size: bytes.length - at, start: at }
    : { size: number(bytes, at, width), start: at + width }
}

const number = (bytes: Uint8Array, at: number, width: number) =>
  bytes.subarray(at, at + width).reduce((value, byte) => value * 256 + byte, 0)
