import { KpkiError, type SpecIssue } from '../errors.js'
import type { YamlOrigin } from '../files/yaml-document.js'
import type { JsonObject } from './cluster.js'
import { isObject } from './json.js'

/** A document on its way to another format. */
export interface Draft {
  readonly value: JsonObject
  /** Where its parts come from, by dotted path; the empty path is the document. */
  readonly origins: ReadonlyMap<string, YamlOrigin>
}

/** Where a field of a draft comes from, if the draft has it. */
export function originAt(draft: Draft, path: string): YamlOrigin | undefined {
  const keys = path.split('.')
  let value: unknown = draft.value
  for (const key of keys) value = isObject(value) ? value[key] : undefined
  if (value === undefined) return undefined
  for (let n = keys.length; n >= 0; n--) {
    const origin = draft.origins.get(keys.slice(0, n).join('.'))
    if (origin) return { document: origin.document, path: [...origin.path, ...keys.slice(n)] }
  }
  return undefined
}

export function refused(issues: readonly SpecIssue[]): KpkiError<'ERR_SPEC_INVALID'> {
  const [first] = issues
  const message = `the file can't be converted: ${first?.path} ${first?.message}`
  return new KpkiError('ERR_SPEC_INVALID', message, { issues })
}
