import { groupBy } from '../values/lists.js'
import { compareText } from '../values/text.js'
import type { Place } from './read/evidence.js'
import { SEVERITIES } from './report/words.js'
import type { Finding } from './types.js'

/** A finding, and the files in any of which its fault may lie; its own place comes first. */
export interface Suspicion {
  readonly finding: Finding
  readonly suspects: readonly Place[]
}

/** How far a finding is from the file that is at fault: files, credentials made of them, components, connections. */
function stageOf({ code }: Finding): number {
  if (code === 'X01') return 2
  return code.startsWith('X') ? 3 : code.startsWith('F') ? CREDENTIAL : 0
}

const CREDENTIAL = 1

const keyOf = ({ node, path }: Place): string => `${node}\n${path}`

/** A file that is suspected: of what, and whether anything was found in it. */
interface SuspectedFile {
  readonly key: string
  readonly of: Set<Suspicion>
  /** 2: an error was found in the file itself, 1: a warning, 0: it is only suspected. */
  found: number
}

/**
 * Which findings follow from which others, by id. The file that explains most of what is not yet explained is
 * taken for the cause again and again (a greedy hitting set, as in diagnosis from first principles): what was found
 * in it is the cause, and what else has it among its suspects follows. Notes explain nothing and need no cause.
 */
export function causesOf(suspicions: readonly Suspicion[]): ReadonlyMap<string, readonly string[]> {
  const effects = new Map<Suspicion, readonly Suspicion[]>()
  const causes = new Set<Suspicion>()
  const waiting: SuspectedFile[][] = []
  const wait = (file: SuspectedFile, count: number) => {
    waiting[count] = [...(waiting[count] ?? []), file]
  }
  const files = suspectedFiles(suspicions)
  for (const [count, same] of groupBy(files, ({ of }) => of.size)) waiting[count] = same
  for (let count = waiting.length - 1; count > 1; count--)
    for (const file of (waiting[count] ?? []).sort(byPromise)) {
      const open = [...file.of].filter((one) => !effects.has(one))
      if (open.length < count) wait(file, open.length)
      else
        for (const [effect, roots] of explained(file.key, open, causes)) {
          for (const root of roots) causes.add(root)
          effects.set(effect, roots)
        }
    }
  return new Map(
    [...effects].map(([{ finding }, roots]) => [finding.id, roots.map((one) => one.finding.id)]),
  )
}

function suspectedFiles(suspicions: readonly Suspicion[]): readonly SuspectedFile[] {
  const files = new Map<string, SuspectedFile>()
  for (const one of suspicions) {
    const { severity } = one.finding
    if (severity === 'info') continue
    for (const [index, suspect] of one.suspects.entries()) {
      const key = keyOf(suspect)
      const file = files.get(key) ?? { key, of: new Set(), found: 0 }
      files.set(key, file)
      file.of.add(one)
      if (index === 0 && stageOf(one.finding) === 0)
        file.found = Math.max(file.found, severity === 'error' ? 2 : 1)
    }
  }
  return [...files.values()]
}

/** A file in which something was found is a better cause than one that is only suspected. */
function byPromise(a: SuspectedFile, b: SuspectedFile): number {
  return b.found - a.found || compareText(a.key, b.key)
}

/** What follows from a file, each with what it follows from; what is a cause already follows from nothing. */
function explained(
  key: string,
  open: readonly Suspicion[],
  causes: ReadonlySet<Suspicion>,
): readonly (readonly [Suspicion, readonly Suspicion[]])[] {
  const isIn = ({ suspects: [own] }: Suspicion) => own !== undefined && keyOf(own) === key
  const severity = [...open].sort(byGravity)[0]?.finding.severity
  const grave = open.filter(({ finding }) => finding.severity === severity)
  const first = Math.min(...grave.map(({ finding }) => stageOf(finding)))
  const here = grave.filter((one) => isIn(one) && stageOf(one.finding) === first)
  // Where nothing was found in the file itself, all that is near it is as good a cause.
  const near = here.length > 0 ? first : Math.max(first, CREDENTIAL)
  const roots = new Set(
    here.length > 0 ? here : grave.filter(({ finding }) => stageOf(finding) <= near),
  )
  // What else is wrong with the file itself is a fault of its own.
  const follows = (one: Suspicion) => stageOf(one.finding) > near || (here.length > 0 && !isIn(one))
  return open
    .filter((one) => !roots.has(one) && !causes.has(one) && follows(one))
    .map((one) => [one, [...roots]])
}

function byGravity({ finding: a }: Suspicion, { finding: b }: Suspicion): number {
  return (
    SEVERITIES.indexOf(a.severity) - SEVERITIES.indexOf(b.severity) ||
    stageOf(a) - stageOf(b) ||
    compareText(a.code, b.code) ||
    compareText(a.message, b.message)
  )
}
