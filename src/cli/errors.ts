import { ERROR_EXITS, isKpkiError, type SpecIssue } from '../errors.js'
import type { ExitCode } from './io.js'

/** An error as a person reads it: one `error:` line, the mistakes if there are several, one `hint:` line. */
export function describeError(error: unknown): { readonly text: string; readonly exit: ExitCode } {
  if (!isKpkiError(error)) {
    const message = error instanceof Error ? error.message : String(error)
    return { text: `kpki: error: ${message}\n`, exit: 3 }
  }
  const lines = [`kpki: error: ${error.message}`]
  if (error.code === 'ERR_SPEC_INVALID' && error.details.issues.length > 1)
    lines.push(...error.details.issues.map(issueLine))
  else if (error.hint !== undefined) lines.push(`kpki: hint: ${error.hint}`)
  return { text: `${lines.join('\n')}\n`, exit: ERROR_EXITS[error.code] }
}

/** One mistake or warning of a cluster file. */
export function issueLine({ path, message, fix }: SpecIssue): string {
  return `  ${path}: ${message}${fix === undefined ? '' : `; fix: ${fix}`}`
}
