import { isObject, type Json } from '../../values/json.js'
import { mistake, type SpecFinding } from '../resolve/settings.js'
import { API_VERSION } from '../spec/schema.js'
import { join } from './schema.js'

/** Fields whose content is text of its own, in as many lines as it likes. */
const TEXTS = ['spec.cni.values']

const LINE_BREAK = /[\n\r\v\f\u0085\u2028\u2029]/
// biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for
const CONTROL = /[\u0000-\u001f\u007f-\u009f]/

/**
 * What stands in a cluster file ends in certificates, command lines and files of hosts, each with a syntax of its
 * own: a line break or another control character is a mistake in every text and every name of a field.
 */
export function* checkCharacters(documents: readonly unknown[]): Generator<SpecFinding> {
  for (const document of documents) {
    if (!isObject(document)) continue
    const { apiVersion, kind } = document
    const own = apiVersion === API_VERSION || typeof kind !== 'string'
    yield* below(document, own ? '' : join('', [kind]))
  }
}

function* below(value: Json, path: string): Generator<SpecFinding> {
  if (TEXTS.includes(path)) return
  if (typeof value === 'string') {
    const odd = oddityOf(value)
    if (odd) yield mistake(path, `holds ${odd.what}`, odd.fix)
  } else if (Array.isArray(value)) {
    for (const [at, item] of value.entries()) yield* below(item, join(path, [at]))
  } else if (isObject(value)) {
    for (const [key, member] of Object.entries(value)) {
      const place = join(path, [key])
      const odd = oddityOf(key)
      if (odd) yield mistake(place, `has ${odd.what} in its name`, odd.fix)
      yield* below(member, place)
    }
  }
}

function oddityOf(text: string): { readonly what: string; readonly fix: string } | undefined {
  if (LINE_BREAK.test(text)) return { what: 'a line break', fix: 'write it in one line' }
  const [control] = CONTROL.exec(text) ?? []
  if (control === undefined) return undefined
  if (control === '\t') return { what: 'a tab', fix: 'write it with blanks' }
  const code = control.charCodeAt(0).toString(16).toUpperCase().padStart(4, '0')
  return { what: `the control character U+${code}`, fix: 'leave it out' }
}
