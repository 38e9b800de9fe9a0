import type { Pki } from '../audit.js'
import { renderText } from '../report/text.js'
import { connectionSentence, dayOf, standingOf } from '../report/words.js'
import { isFailed } from '../report.js'
import type { AuditReport, Connection, Expiry } from '../types.js'
import { auditOf, type HealthOptions } from './assert.js'

/** What Vitest and Jest expect of a matcher. */
export interface MatcherResult {
  readonly pass: boolean
  readonly message: () => string
}

/** The part of a framework's matcher context that is used here. */
export interface MatcherContext {
  readonly isNot?: boolean | undefined
}

const SHOWN = 12

/** Matchers for `expect.extend`, of Vitest (see `kpki/vitest`) and Jest alike. All are asynchronous. */
export const pkiMatchers = {
  /** No finding of severity `error`, every connection as it must be, every component starts. */
  async toBeHealthyPki(received: Pki, options: HealthOptions = {}): Promise<MatcherResult> {
    const report = await auditOf(received, options)
    return {
      pass: !isFailed(report, options.failOn ?? 'error'),
      message: () => `${renderText(report)}`,
    }
  },

  /**
   * The connection from one component to another, named as in reports (`kubelet/worker1`), succeeds at
   * every address it is made to. With `.not`: it is refused at each. What is unknown satisfies neither.
   */
  async toAllowConnection(
    this: MatcherContext,
    received: Pki,
    from: string,
    to: string,
    options: HealthOptions = {},
  ): Promise<MatcherResult> {
    const report = await auditOf(received, options)
    const found = connectionsOf(report, from, to)
    const wanted = this.isNot === true ? 'fail' : 'succeed'
    const shown = found.filter(({ will }) => will !== wanted)
    const pass = (shown.length === 0) === (wanted === 'succeed')
    return { pass, message: () => shown.map(sentence).join('\n') }
  },

  /** Nothing of it ends before the date, neither a certificate nor one that it hangs from. */
  async toOutlive(
    received: Pki,
    date: string | Date,
    options: HealthOptions = {},
  ): Promise<MatcherResult> {
    const limit = typeof date === 'string' ? new Date(date) : date
    if (Number.isNaN(limit.getTime())) throw new TypeError(`"${String(date)}" is not a date`)
    const { expiry } = await auditOf(received, options)
    if (expiry.length === 0) throw new Error('no certificates were found')
    const ending = expiry.filter(
      ({ effectiveNotAfter }) => Date.parse(effectiveNotAfter) < limit.getTime(),
    )
    const day = dayOf(limit.toISOString())
    return {
      pass: ending.length === 0,
      message: () =>
        ending.length === 0
          ? `everything lives on ${day}: ${expiry.length} certificates`
          : `${ending.length} of ${expiry.length} certificates end before ${day}:\n${listed(ending.map(ends))}`,
    }
  },
} as const

/** Throws where there is no such connection: a name misspelt must not pass as refused. */
function connectionsOf(report: AuditReport, from: string, to: string): readonly Connection[] {
  const found = report.connections.filter((one) => one.from === from && one.to === to)
  if (found.length > 0) return found
  const known = report.connections.filter((one) => one.from === from || one.to === to)
  const names = (known.length > 0 ? known : report.connections).map(({ id }) => id)
  throw new Error(`there is no connection ${from}>${to}; there are:\n${listed(names)}`)
}

function sentence(connection: Connection): string {
  const { from, to, url } = connection
  const standing = standingOf(connection)
  if (standing === 'unknown') return connectionSentence(connection)
  if (standing === 'works') return `${from} → ${to} ${url}: succeeds, as it must`
  if (standing === 'forbidden') return connectionSentence(connection)
  const reason = connection.reason ?? 'is refused'
  return `${from} → ${to} ${url}: ${reason}`
}

function ends({ subject, node, path, effectiveNotAfter, notAfter }: Expiry): string {
  const chain = effectiveNotAfter === notAfter ? '' : ', with its issuer'
  return `${node}: ${path} (${subject}) on ${dayOf(effectiveNotAfter)}${chain}`
}

function listed(lines: readonly string[]): string {
  const more = lines.length > SHOWN ? [`  … and ${lines.length - SHOWN} more`] : []
  return [...lines.slice(0, SHOWN).map((line) => `  ${line}`), ...more].join('\n')
}
