/**
 * One word of a POSIX shell command line: the shell reads back exactly `word`.
 * A NUL byte can't be in an argument of any process and is refused.
 */
export function shellQuote(word: string): string {
  if (word.includes('\0')) throw new RangeError('an argument holds a NUL byte')
  return /^[A-Za-z0-9_@%+:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`
}

/** A whole command line. */
export function shellJoin(argv: readonly string[]): string {
  return argv.map(shellQuote).join(' ')
}
