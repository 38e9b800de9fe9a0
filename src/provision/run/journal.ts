import { expectDone, type Remote } from './remote.js'

/** What a host remembers of the latest run: one line, the last of its journal, counts. */
export interface JournalEntry {
  /** ISO 8601, the operator's clock. */
  readonly time: string
  readonly run: string
  readonly operator: string
  /** Hash of the cluster's inventory and of all files. */
  readonly inputs: string
  readonly step: string
  readonly state: 'started' | 'done' | 'failed' | 'finished'
}

const APPEND = `umask 077; mkdir -p /var/lib/kpki && chmod 700 /var/lib/kpki && cd /var/lib/kpki || exit 1
if [ -f journal ] && [ "$(wc -l <journal)" -gt 2000 ]; then tail -n 1000 journal >journal.new && mv journal.new journal; fi
printf '%s\\n' "$1" >>journal && sync journal`

export async function record(remote: Remote, entry: JournalEntry): Promise<void> {
  const result = await remote.script(APPEND, [JSON.stringify(entry)])
  expectDone(remote, result, 'writing the journal')
}

/** The last line of a journal; a line cut off by a crash counts as none. */
export function lastEntry(line: string): JournalEntry | undefined {
  try {
    const entry = JSON.parse(line) as Partial<JournalEntry>
    return entry.inputs && entry.step && entry.state ? (entry as JournalEntry) : undefined
  } catch {
    return undefined
  }
}

/** An earlier run stopped half-way. */
export function unfinished(entry: JournalEntry | undefined): entry is JournalEntry {
  return entry !== undefined && entry.state !== 'finished'
}
