const LABEL = /^[a-z0-9](?:[-a-z0-9]*[a-z0-9])?$/
const SUBDOMAIN = /^[a-z0-9](?:[-a-z0-9]*[a-z0-9])?(?:\.[a-z0-9](?:[-a-z0-9]*[a-z0-9])?)*$/
const QUALIFIED = /^[A-Za-z0-9](?:[-A-Za-z0-9_.]*[A-Za-z0-9])?$/

/** RFC 1123 label as Kubernetes has it: lower case, at most 63 characters. */
export function isDns1123Label(text: string): boolean {
  return text.length <= 63 && LABEL.test(text)
}

/** RFC 1123 subdomain as Kubernetes has it: lower case, at most 253 characters in all. */
export function isDns1123Subdomain(text: string): boolean {
  return text.length <= 253 && SUBDOMAIN.test(text)
}

/** `*.` followed by an RFC 1123 subdomain. */
export function isWildcardName(text: string): boolean {
  return text.length <= 253 && text.startsWith('*.') && SUBDOMAIN.test(text.slice(2))
}

/** Key of a label or a taint: an optional `domain/` prefix and a name of at most 63 characters. */
export function isLabelKey(text: string): boolean {
  const [first = '', second, ...rest] = text.split('/')
  if (rest.length > 0) return false
  const name = second ?? first
  return (second === undefined || isDns1123Subdomain(first)) && isLabelName(name)
}

/** Value of a label or a taint: empty, or at most 63 characters. */
export function isLabelValue(text: string): boolean {
  return text === '' || isLabelName(text)
}

function isLabelName(text: string): boolean {
  return text.length <= 63 && QUALIFIED.test(text)
}

/**
 * The candidate nearest to a misspelt word: equal but for case, a few typing mistakes away (one in a
 * short word, three in a long one), or the only one that begins with it. Undefined: nothing is near.
 */
export function nearest(word: string, candidates: readonly string[]): string | undefined {
  const [first] = misspelt(word, candidates)
  const begun = word.length >= 3 ? candidates.filter((one) => beginsWith(one, word)) : []
  return first ?? (begun.length === 1 ? begun[0] : undefined)
}

/** The candidates that one may have meant, at most three, the nearest first; then those that contain the word. */
export function nearestOf(word: string, candidates: readonly string[]): readonly string[] {
  const lower = word.toLowerCase()
  const parts = word.length >= 3 ? candidates.filter((c) => c.toLowerCase().includes(lower)) : []
  return [...new Set([...misspelt(word, candidates), ...parts])].slice(0, 3)
}

function beginsWith(candidate: string, word: string): boolean {
  return candidate.toLowerCase().startsWith(word.toLowerCase())
}

function misspelt(word: string, candidates: readonly string[]): readonly string[] {
  const lower = word.toLowerCase()
  const limit = lower.length <= 4 ? 1 : lower.length <= 12 ? 2 : 3
  return candidates
    .map((candidate) => ({ candidate, distance: distance(lower, candidate.toLowerCase()) }))
    .filter((entry) => entry.distance <= limit)
    .sort((a, b) => a.distance - b.distance)
    .map(({ candidate }) => candidate)
}

/** Edit distance that counts a swap of neighbours as one mistake (optimal string alignment). */
function distance(a: string, b: string): number {
  let before: number[] = []
  let last = Array.from({ length: b.length + 1 }, (_, j) => j)
  for (let i = 1; i <= a.length; i++) {
    const row = [i]
    for (let j = 1; j <= b.length; j++) {
      const cost = a[i - 1] === b[j - 1] ? 0 : 1
      const edit = Math.min(at(last, j) + 1, at(row, j - 1) + 1, at(last, j - 1) + cost)
      const swapped = i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1]
      row.push(swapped ? Math.min(edit, at(before, j - 2) + 1) : edit)
    }
    before = last
    last = row
  }
  return at(last, b.length)
}

function at(row: readonly number[], index: number): number {
  return row[index] ?? 0
}
