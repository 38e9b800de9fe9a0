import { ERRORS, type ErrorCode, isKpkiError, type SpecIssue } from '../errors.js'
import { paintedLines, printable, printableLines } from '../values/text.js'

/** 0 done or clean · 1 findings or pending changes · 2 asked wrongly · 3 the world failed. */
export type ExitCode = 0 | 1 | 2 | 3

/**
 * How a text reaches the outside. `plain`: lines for people, or JSON: what moves a cursor or hides text is spelled
 * out as JSON spells it. `painted`: the same, but for our own colours and progress. `data`: a format with escapes
 * of its own.
 */
export type TextForm = 'plain' | 'painted' | 'data'

type Write = (text: string, form?: TextForm) => void

const SAFE: Readonly<Record<TextForm, (text: string) => string>> = {
  plain: printableLines,
  painted: paintedLines,
  data: (text) => text,
}

/** The one place that writes: whatever a verb says passes here, whether a terminal is there or not. */
export function safely(write: Write): Write {
  return (text, form = 'plain') => write(SAFE[form](text))
}

/** The outside of the command line: everything a verb may touch besides files and hosts. */
export interface Io {
  /** The product. */
  readonly out: Write
  /** The talk: progress, warnings, errors. */
  readonly err: Write
  readonly env: Readonly<Record<string, string | undefined>>
  readonly cwd: string
  /** Whether a person sees the talk as it comes: colours and progress. */
  readonly isTerminal: boolean
  readonly now: () => Date
  /** Asks a person yes or no; undefined where nobody can be asked. */
  readonly confirm?: ((question: string) => Promise<boolean>) | undefined
  /** Records how the run ends; the first non-zero code stays. */
  readonly exit: (code: ExitCode) => void
}

/** An error as a person reads it: one `error:` line, the mistakes if there are several, one `hint:` line. */
export function describeError(error: unknown): { readonly text: string; readonly exit: ExitCode } {
  if (!isKpkiError(error)) {
    const message = error instanceof Error ? error.message : String(error)
    return { text: `kpki: error: ${printable(message)}\n`, exit: 3 }
  }
  const lines = [`kpki: error: ${printable(error.message)}`]
  if (error.code === 'ERR_SPEC_INVALID' && error.details.issues.length > 1)
    lines.push(...error.details.issues.map(issueLine))
  else if (error.hint !== undefined) lines.push(`kpki: hint: ${printable(error.hint)}`)
  return { text: `${lines.join('\n')}\n`, exit: ERRORS[error.code].exit }
}

/** One mistake or warning of a cluster file. */
export function issueLine({ path, message, fix }: SpecIssue): string {
  return printable(`  ${path}: ${message}${fix === undefined ? '' : `; fix: ${fix}`}`)
}

/** What exit statuses of errors mean. */
export const EXITS = { 2: 'asked wrongly', 3: 'the world failed' } as const

/** What `kpki explain` says of an error code; undefined for anything else. */
export function errorPage(word: string): string | undefined {
  const code = word.toUpperCase()
  if (!Object.hasOwn(ERRORS, code)) return undefined
  const { exit, about } = ERRORS[code as ErrorCode]
  return `${code}: ${about}\nexit status ${exit}: ${EXITS[exit]}\n`
}
