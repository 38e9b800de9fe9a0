const inspect = Symbol.for('nodejs.util.inspect.custom')
const shown = '[secret]'

/** A value that no output shows: text, JSON and inspection all give `[secret]`. */
export interface Secret<T> {
  /** The value itself, for the place that truly needs it. */
  readonly reveal: () => T
  readonly toString: () => string
  readonly toJSON: () => string
}

export function secret<T>(value: T): Secret<T> {
  const wrapper = { toString: () => shown, toJSON: () => shown, [inspect]: () => shown }
  Object.defineProperty(wrapper, 'reveal', { value: () => value, enumerable: false })
  return wrapper as unknown as Secret<T>
}

/** Removes secrets from text that comes from elsewhere, such as the output of a remote command. */
export type Redact = (text: string) => string

const patterns: readonly RegExp[] = [
  /-----BEGIN [A-Z0-9 ]*PRIVATE KEY-----[\s\S]*?(?:-----END [A-Z0-9 ]*PRIVATE KEY-----|$)/g,
  /\b[a-z0-9]{6}\.[a-z0-9]{16}\b/g,
  /\b(client-key-data|token|certificateKey|certificate-key|tlsBootstrapToken)(["']?\s*[:=]\s*["']?)[^\s"',]+/g,
  /\beyJ[A-Za-z0-9_-]{10,}\.[A-Za-z0-9_-]{10,}\.[A-Za-z0-9_-]*/g,
]

/**
 * Builds a {@link Redact} that removes `values` wherever they occur, and whatever has the form of a
 * private key, a bootstrap token or a service-account token.
 */
export function redactor(values: Iterable<string> = []): Redact {
  const known = [...new Set(values)].filter((value) => value.length >= 6)
  known.sort((a, b) => b.length - a.length)
  return (text) => {
    let clean = text
    for (const value of known) clean = clean.replaceAll(value, shown)
    const [pem, token, field, jwt] = patterns as [RegExp, RegExp, RegExp, RegExp]
    clean = clean.replace(pem, shown).replace(jwt, shown).replace(token, shown)
    return clean.replace(field, `$1$2${shown}`)
  }
}
