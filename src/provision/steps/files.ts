import type { RewriteAction } from '../action.js'

/** A small file of fixed content, readable by all. */
export function textFile(id: string, path: string, text: string, about: string): RewriteAction {
  return { kind: 'rewrite', id, about, path, mode: 0o644, transform: 'text', values: { text } }
}
