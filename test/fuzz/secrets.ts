/** Pieces of secrets, of {@link PIECE} characters each. */
export type Secrets = ReadonlySet<string>

const PIECE = 12

const FIELD =
  /(?:client-key-data|token|password|secret|certificateKey)["']?: *["']?([^\s"',}]{12,4000})/g
const BLOCK = /-----BEGIN [A-Z ]{0,40}PRIVATE KEY-----\n([^-]{1,8000})/g

/** What of these inputs must never be said: private keys, and values of fields that hold secrets. */
export function secretsOf(inputs: readonly Uint8Array[]): Secrets {
  const pieces = new Set<string>()
  for (const input of inputs) {
    const text = Buffer.from(input).toString('latin1')
    const fields = [...text.matchAll(FIELD)].map(([, value = '']) => value)
    const blocks = [...text.matchAll(BLOCK)].flatMap(([, body = '']) => forms(body))
    for (const secret of [...fields, ...blocks])
      for (let at = 0; at + PIECE <= secret.length; at++) {
        const piece = secret.slice(at, at + PIECE)
        // AAAAAAAAAAAA is in no key's secret part alone.
        if (new Set(piece).size > 5) pieces.add(piece)
      }
  }
  return pieces
}

/** A key as PEM has it, in one line, and as hexadecimal digits. The beginning says only what kind of key it is. */
function forms(body: string): readonly string[] {
  const base64 = body.replaceAll('\n', '').slice(60)
  return [base64, Buffer.from(base64, 'base64').toString('hex')]
}

/** A piece of a secret that a text holds. */
export function leakOf(text: string, secrets: Secrets): string | undefined {
  if (secrets.size === 0) return undefined
  for (let at = 0; at + PIECE <= text.length; at++) {
    const piece = text.slice(at, at + PIECE)
    if (secrets.has(piece)) return text.slice(Math.max(0, at - 80), at + PIECE)
  }
  return undefined
}
