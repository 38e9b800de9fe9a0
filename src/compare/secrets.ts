import type { Json } from '../cluster/cluster.js'

/** What stands for a secret in every text. */
export const HIDDEN = '(secret, not shown)'

/** Stands in a planned file for a value that is only decided when the file is made. */
export const UNDECIDED = '(made by kpki gen)'

const SECRET_FIELD =
  /^(token|tlsBootstrapToken|certificateKey|password|passwd|secret|client-key-data|privateKey|stringData)$|(?:password|secret|token|apikey|api_key|private_key|access_key)$/i

/** Whether a field, flag or variable of this name carries a secret in clear text. */
export function isSecretName(name: string): boolean {
  return SECRET_FIELD.test(name) && !/file|path|ttl|secret-?name/i.test(name)
}

/** A value as text for people: compact JSON for structures, secrets and passwords in URLs left out. */
export function shown(name: string, value: Json): string {
  if (isSecretName(name)) return HIDDEN
  const text = typeof value === 'string' ? value : JSON.stringify(hidden(value))
  return withoutPasswords(text)
}

/** Text without the user part of URLs. */
export function withoutPasswords(text: string): string {
  return text.replace(/(\w:\/\/)[^\s/@]+@/g, '$1…@')
}

function hidden(value: Json): Json {
  if (Array.isArray(value)) return value.map(hidden)
  if (typeof value !== 'object' || value === null) return value
  const entries = Object.entries(value)
  const variable = entries.find(([key]) => key === 'name')?.[1]
  return Object.fromEntries(
    entries.map(([key, member]): [string, Json] => {
      const named = key === 'value' && typeof variable === 'string' && isSecretName(variable)
      return [key, isSecretName(key) || named ? HIDDEN : hidden(member)]
    }),
  )
}
