import { KpkiError, type SpecIssue } from '../errors.js'

/** `waivers[0].rule`, as people write it. */
export function issuePath(keys: readonly unknown[]): string {
  if (keys.length === 0) return 'the file'
  return keys
    .map((key, at) =>
      typeof key === 'number' ? `[${key}]` : `${at === 0 ? '' : '.'}${String(key)}`,
    )
    .join('')
}

/** The known words that one may have meant, nearest first. */
export function nearest(word: string, known: readonly string[], most = 3): readonly string[] {
  const wanted = word.toLowerCase()
  return known
    .map((candidate) => ({ candidate, far: distance(wanted, candidate.toLowerCase()) }))
    .filter(({ candidate, far }) => {
      const part = wanted.length > 2 && candidate.toLowerCase().includes(wanted)
      return part || far <= Math.max(1, Math.floor(Math.max(wanted.length, candidate.length) / 3))
    })
    .sort((a, b) => a.far - b.far || (a.candidate < b.candidate ? -1 : 1))
    .slice(0, most)
    .map(({ candidate }) => candidate)
}

/** Levenshtein's edit distance. */
function distance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, i) => i)
  for (let i = 1; i <= a.length; i++) {
    const next = [i]
    for (let j = 1; j <= b.length; j++) {
      const same = a[i - 1] === b[j - 1] ? 0 : 1
      next.push(Math.min((row[j] ?? 0) + 1, (next[j - 1] ?? 0) + 1, (row[j - 1] ?? 0) + same))
    }
    row = next
  }
  return row[b.length] ?? 0
}

/** All mistakes of a file as one error; a single one is the error itself. */
export function mistakes(name: string, issues: readonly SpecIssue[], help: string): KpkiError {
  const [first] = issues
  const message =
    issues.length === 1 && first !== undefined
      ? `${name}: ${first.path}: ${first.message}`
      : `${name} has ${issues.length} mistakes`
  const hint = (issues.length === 1 ? first?.fix : undefined) ?? help
  return new KpkiError('ERR_SPEC_INVALID', message, { issues }, { hint })
}
