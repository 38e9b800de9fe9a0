import type { Cluster } from '../cluster/cluster.js'
import type { Change, DatedCertificate } from '../generate/changes.js'
import type { StalePath } from '../generate/stale.js'
import { isoDay } from '../values/time.js'

/** Groups of changes by action, for the line that sums a plan up. */
export function summary(changes: readonly Change[], stale: readonly StalePath[]): string {
  const count = (action: Change['action']): number =>
    changes.filter((change) => change.action === action).length
  return `${count('create')} to create, ${count('replace')} to replace, ${count('keep')} to keep${stale.length === 0 ? '' : `, ${stale.length} stale`}`
}

/** One line per file that is not simply kept. */
export function changeLines(changes: readonly Change[], all: boolean): string {
  return changes
    .filter((change) => all || change.action !== 'keep')
    .map(({ action, path, reason }) => `${action.padEnd(8)}${path}  (${reason})\n`)
    .join('')
}

/** One line for each node and user that left; `action` is what becomes of what they leave. */
export function staleLines(stale: readonly StalePath[], action: 'stale' | 'remove'): string {
  return stale.map(({ path, reason }) => `${action.padEnd(8)}${path}  (${reason})\n`).join('')
}

// People's own certificates: their end stops nobody but them.
const PERSONAL = /^(operator-|user:)/

interface Ends {
  readonly first: DatedCertificate
  readonly alike: number
  readonly stops: Date
}

function ends(certificates: readonly DatedCertificate[]): Ends | undefined {
  const sorted = [...certificates].sort((a, b) => a.notAfter.getTime() - b.notAfter.getTime())
  const [first] = sorted
  const stops = sorted.find(({ id }) => !PERSONAL.test(id))
  if (first === undefined || stops === undefined) return undefined
  const alike =
    sorted.filter(({ notAfter }) => isoDay(notAfter) === isoDay(first.notAfter)).length - 1
  return { first, alike, stops: stops.notAfter }
}

/** The dates that matter: what ends first, and when the cluster stops if nobody renews. */
export function dates(certificates: readonly DatedCertificate[]): string {
  const found = ends(certificates)
  if (found === undefined) return ''
  const { first, alike, stops } = found
  const others = alike === 0 ? '' : `, and ${alike} more that day`
  return [
    `first to end: ${first.id} on ${isoDay(first.notAfter)}${others} (${first.path})\n`,
    `the cluster stops on ${isoDay(stops)} unless its certificates are renewed before\n`,
  ].join('')
}

/** The same as data. */
export function datesData(certificates: readonly DatedCertificate[]): {
  readonly firstToEnd?: DatedCertificate
  readonly clusterStops?: Date
} {
  const found = ends(certificates)
  return found === undefined ? {} : { firstToEnd: found.first, clusterStops: found.stops }
}

const AUTHORITY_HORIZON = 180 * 86_400_000

/** What the user should know about the choices made, and about authorities that end soon. */
export function notes(
  cluster: Cluster,
  certificates: readonly DatedCertificate[],
  now: Date,
): readonly string[] {
  const single =
    cluster.pki.topology === 'single'
      ? [
          'topology single: one authority signs everything. Any client certificate of the cluster reads and writes etcd, etcd’s certificates are users of the API, and whoever gets a certificate named front-proxy-client can be anyone. Use separate or hierarchy to keep them apart.',
        ]
      : []
  const ending = certificates
    .filter(({ path }) => path.startsWith('authorities/'))
    .filter(({ notAfter }) => notAfter.getTime() - now.getTime() < AUTHORITY_HORIZON)
    .map(
      ({ id, notAfter }) =>
        `authority ${id} ends on ${isoDay(notAfter)} and is never replaced here: plan its rotation now`,
    )
  return [...single, ...ending]
}
