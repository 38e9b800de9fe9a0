const HEX = Array.from({ length: 256 }, (_, i) => i.toString(16).padStart(2, '0'))

/** Lower-case hexadecimal digits without separators. */
export function hexOf(bytes: Uint8Array): string {
  let text = ''
  for (let i = 0; i < bytes.length; i++) text += HEX[bytes[i] as number]
  return text
}

/** Whether two byte strings are equal (not in constant time). */
export function sameBytes(a: Uint8Array, b: Uint8Array): boolean {
  if (a === b) return true
  if (a.length !== b.length) return false
  for (let i = 0; i < a.length; i++) if (a[i] !== b[i]) return false
  return true
}

const ALPHABET = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/'
const SKIP = 64
const PAD = 65
const BAD = 66
const VALUES = new Uint8Array(128).fill(BAD)
for (let i = 0; i < 64; i++) VALUES[ALPHABET.charCodeAt(i)] = i
for (const blank of ' \t\r\n') VALUES[blank.charCodeAt(0)] = SKIP
VALUES['='.charCodeAt(0)] = PAD

/** Padded standard base64 in one line (RFC 4648 §4). */
export function base64Of(bytes: Uint8Array): string {
  let text = ''
  for (let at = 0; at < bytes.length; at += 3) {
    const left = bytes.length - at
    const group = ((bytes[at] as number) << 16) | ((bytes[at + 1] ?? 0) << 8) | (bytes[at + 2] ?? 0)
    text += ALPHABET.charAt(group >>> 18) + ALPHABET.charAt((group >>> 12) & 63)
    text += left > 1 ? ALPHABET.charAt((group >>> 6) & 63) : '='
    text += left > 2 ? ALPHABET.charAt(group & 63) : '='
  }
  return text
}

/** Padded standard base64 (RFC 4648 §4) with blanks anywhere, between `from` and `to`; undefined when it is anything else. */
export function bytesOfBase64(
  source: string,
  from = 0,
  to = source.length,
): Uint8Array | undefined {
  const out = new Uint8Array(Math.ceil(((to - from) * 3) / 4))
  let length = 0
  let group = 0
  let digits = 0
  let pads = 0
  for (let at = from; at < to; at++) {
    const code = source.charCodeAt(at)
    const value = code < 128 ? (VALUES[code] as number) : BAD
    if (value < 64) {
      if (pads > 0) return undefined
      group = (group << 6) | value
      if (++digits < 4) continue
      out[length++] = group >>> 16
      out[length++] = (group >>> 8) & 0xff
      out[length++] = group & 0xff
      digits = 0
      group = 0
    } else if (value === PAD) pads++
    else if (value === BAD) return undefined
  }
  if (digits === 0 && pads === 0) return out.subarray(0, length)
  if (digits < 2 || digits + pads !== 4) return undefined
  if (digits === 2) out[length++] = (group >>> 4) & 0xff
  else {
    out[length++] = (group >>> 10) & 0xff
    out[length++] = (group >>> 2) & 0xff
  }
  return out.subarray(0, length)
}
