import { compareText } from '../values/text.js'
import { SEVERITIES } from './report/words.js'
import type { Finding, Suspect } from './types.js'

/** A finding, and the files in any of which its fault may lie; its own place comes first. */
export interface Suspicion {
  readonly finding: Finding
  readonly suspects: readonly Suspect[]
}

/** How far a finding is from the file that is at fault: files, credentials made of them, components, connections. */
function stageOf({ code }: Finding): number {
  if (code === 'X01') return 2
  return code.startsWith('X') ? 3 : code.startsWith('F') ? CREDENTIAL : 0
}

const CREDENTIAL = 1

const keyOf = ({ node, path }: Suspect): string => `${node}\n${path}`

/**
 * Which findings follow from which others, by id. The file that explains most of what is not yet explained is
 * taken for the cause again and again (a greedy hitting set, as in diagnosis from first principles): what was found
 * in it is the cause, and what else has it among its suspects follows. Notes explain nothing and need no cause.
 */
export function causesOf(suspicions: readonly Suspicion[]): ReadonlyMap<string, readonly string[]> {
  const bySuspect = new Map<string, Set<Suspicion>>()
  for (const one of suspicions) {
    if (one.finding.severity === 'info') continue
    for (const suspect of one.suspects) {
      const set = bySuspect.get(keyOf(suspect)) ?? new Set()
      bySuspect.set(keyOf(suspect), set.add(one))
    }
  }
  const isAt = ({ suspects: [own] }: Suspicion, key: string) => own && keyOf(own) === key
  const explained = new Set<Suspicion>()
  const caused = new Map<string, readonly string[]>()
  const explain = (key: string, open: readonly Suspicion[]) => {
    const severity = [...open].sort(byGravity)[0]?.finding.severity
    const grave = open.filter(({ finding }) => finding.severity === severity)
    const first = Math.min(...grave.map(({ finding }) => stageOf(finding)))
    const here = grave.filter((one) => isAt(one, key) && stageOf(one.finding) === first)
    // Where nothing was found in the file itself, all that is near it is as good a cause.
    const near = here.length > 0 ? first : Math.max(first, CREDENTIAL)
    const causes = here.length > 0 ? here : grave.filter(({ finding }) => stageOf(finding) <= near)
    const effects = open.filter(
      (one) =>
        !causes.includes(one) &&
        // What else is wrong with the file itself is a fault of its own.
        (stageOf(one.finding) > near || (here.length > 0 && !isAt(one, key))),
    )
    if (effects.length === 0) return
    for (const one of causes) explained.add(one)
    for (const one of effects) {
      explained.add(one)
      caused.set(
        one.finding.id,
        causes.map(({ finding }) => finding.id),
      )
    }
  }
  const waiting: string[][] = []
  const wait = (key: string, count: number) => {
    const keys = waiting[count] ?? []
    keys.push(key)
    waiting[count] = keys
  }
  for (const [key, set] of bySuspect) wait(key, set.size)
  for (let count = waiting.length - 1; count > 1; count--)
    // A file at which something was found is a better cause than one that is only suspected.
    for (const key of (waiting[count] ?? []).sort(
      (a, b) => foundAt(b, bySuspect, isAt) - foundAt(a, bySuspect, isAt) || compareText(a, b),
    )) {
      const open = [...(bySuspect.get(key) ?? [])].filter((one) => !explained.has(one))
      if (open.length < count) wait(key, open.length)
      else explain(key, open)
    }
  return caused
}

function foundAt(
  key: string,
  bySuspect: ReadonlyMap<string, ReadonlySet<Suspicion>>,
  isAt: (one: Suspicion, key: string) => boolean | undefined,
): number {
  let worst = 0
  for (const one of bySuspect.get(key) ?? [])
    if (isAt(one, key) && stageOf(one.finding) === 0)
      worst = Math.max(worst, one.finding.severity === 'error' ? 2 : 1)
  return worst
}

function byGravity({ finding: a }: Suspicion, { finding: b }: Suspicion): number {
  return (
    SEVERITIES.indexOf(a.severity) - SEVERITIES.indexOf(b.severity) ||
    stageOf(a) - stageOf(b) ||
    compareText(a.code, b.code) ||
    compareText(a.message, b.message)
  )
}
