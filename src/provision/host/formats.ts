// What kpki writes into files of a host: one writer for each format, and none that a value can break out of.

const WORD = /^[^\s\p{C}]+$/u

/** A word that nothing reads as more than one word, an option or a comment. */
function word(text: string): string {
  if (WORD.test(text) && !/^[-#;]|#/.test(text)) return text
  throw unwritable(text)
}

function unwritable(text: string): Error {
  return new Error(`${JSON.stringify(text)} cannot be written into a file of the host`)
}

/** A stanza of apt's sources (deb822, sources.list(5)): every field is one word. */
export function deb822(fields: Readonly<Record<string, string>>): string {
  return Object.entries(fields)
    .map(([name, value]) => `${word(name)}: ${word(value)}\n`)
    .join('')
}

/** A basic string of TOML 1.0 with its quotes. */
export function tomlString(text: string): string {
  return JSON.stringify(text.replace(/\p{Surrogate}/gu, '\ufffd')).replace(
    /\p{Cc}/gu,
    (control) => `\\u${control.charCodeAt(0).toString(16).padStart(4, '0')}`,
  )
}

/** Lines of hosts(5). */
export function hostLines(
  hosts: readonly { readonly address: string; readonly name: string }[],
): string {
  return hosts.map(({ address, name }) => `${word(address)} ${word(name)}\n`).join('')
}

/** Lines of modules-load.d(5). */
export function moduleLines(modules: readonly string[]): string {
  return modules.map((name) => `${word(name)}\n`).join('')
}

/** Lines of sysctl.d(5). */
export function sysctlLines(settings: Readonly<Record<string, string>>): string {
  return Object.entries(settings)
    .map(([key, value]) => `${word(key)} = ${word(value)}\n`)
    .join('')
}
