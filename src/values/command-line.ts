/** A command line by flag name, repeated flags with every value. */
export type Flags = ReadonlyMap<string, readonly string[]>

export const NO_FLAGS: Flags = new Map()

/**
 * Reads arguments as Go's pflag and flag do: `--name=value`, `--name value`, a bare `--name` is
 * `true`; one dash or two, underscores count as dashes. Words before the first flag are skipped.
 */
export function parseFlags(words: readonly string[]): Flags {
  const flags = new Map<string, string[]>()
  for (let i = 0; i < words.length; i++) {
    const match = /^--?([^-=][^=]*)(?:=([\s\S]*))?$/.exec(words[i] ?? '')
    if (!match) continue
    const [, name = '', inline] = match
    const next = words[i + 1]
    const takesNext = inline === undefined && next !== undefined && !next.startsWith('-')
    if (takesNext) i++
    const value = inline ?? (takesNext ? next : 'true')
    const key = name.replaceAll('_', '-')
    const values = flags.get(key)
    if (values) values.push(value)
    else flags.set(key, [value])
  }
  return flags
}

/** The value that counts: the last one given. Empty text counts as not given. */
export function flagOf(flags: Flags, name: string): string | undefined {
  const value = flags.get(name)?.at(-1)
  return value === undefined || value === '' ? undefined : value
}

/** A list flag: commas and repetitions alike. */
export function flagList(flags: Flags, name: string): readonly string[] {
  return (flags.get(name) ?? []).flatMap((value) => value.split(',')).filter((item) => item !== '')
}

export function flagIsTrue(flags: Flags, name: string): boolean {
  return /^(true|t|1)$/i.test(flags.get(name)?.at(-1) ?? 'false')
}

/** Later sets win over earlier ones, flag by flag. */
export function mergeFlags(...sets: readonly Flags[]): Flags {
  return new Map(sets.flatMap((set) => [...set]))
}

/** Splits a shell-like line: blanks separate, quotes and backslashes protect; nothing is expanded. */
export function splitWords(line: string): readonly string[] {
  const words: string[] = []
  let word: string | undefined
  let quote = ''
  for (let i = 0; i < line.length; i++) {
    const char = line.charAt(i)
    if (quote !== '') {
      if (char === quote) quote = ''
      else if (char === '\\' && quote === '"' && i + 1 < line.length)
        word = `${word ?? ''}${line.charAt(++i)}`
      else word = `${word ?? ''}${char}`
    } else if (char === '"' || char === "'") {
      quote = char
      word = word ?? ''
    } else if (char === '\\' && i + 1 < line.length) {
      const next = line.charAt(++i)
      if (next !== '\n') word = `${word ?? ''}${next}`
    } else if (/\s/.test(char)) {
      if (word !== undefined) words.push(word)
      word = undefined
    } else word = `${word ?? ''}${char}`
  }
  if (word !== undefined) words.push(word)
  return words
}
