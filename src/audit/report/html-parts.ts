import type { AuditReport, TimelineEntry } from '../types.js'
import { escapeXml as e } from './escape.js'
import { groupBy } from './group.js'
import { count, dayOf, headline, placeOf, relative, thousands, wrongConnections } from './words.js'

/** Signs that say the same as the colours. */
export const SIGNS = {
  good: '<svg class="sign" viewBox="0 0 16 16" aria-hidden="true"><path d="M3 8.5l3.5 3.5L13 4.5"/></svg>',
  bad: '<svg class="sign" viewBox="0 0 16 16" aria-hidden="true"><path d="M4 4l8 8m0-8l-8 8"/></svg>',
  warn: '<svg class="sign" viewBox="0 0 16 16" aria-hidden="true"><path d="M8 2.5v7m0 3v1"/></svg>',
} as const

const SHOWN = 300

/** The top of the page: the verdict in one sentence, and the numbers that matter. */
export function verdictSection(report: AuditReport): string {
  const { verdict, timeline } = report
  const { status } = verdict
  const sign = status === 'clean' ? SIGNS.good : status === 'warnings' ? SIGNS.warn : SIGNS.bad
  const wrong = wrongConnections(report).length
  const down = report.components.filter(({ starts }) => !starts).length
  const { first, cluster } = timeline
  const tiles = [
    tile(
      'findings',
      thousands(verdict.errors),
      verdict.errors === 1 ? 'error' : 'errors',
      verdict.errors > 0 ? 'bad' : 'good',
    ),
    tile(
      'findings',
      thousands(verdict.warnings),
      verdict.warnings === 1 ? 'warning' : 'warnings',
      verdict.warnings > 0 ? 'warn' : 'good',
    ),
    tile(
      'connections',
      thousands(wrong),
      wrong === 1 ? 'wrong connection' : 'wrong connections',
      wrong > 0 ? 'bad' : 'good',
    ),
    tile(
      'components',
      thousands(down),
      down === 1 ? 'component down' : 'components down',
      down > 0 ? 'bad' : 'good',
    ),
    ...(first === undefined ? [] : [dateTile('first to end', first, report.horizonDays)]),
    ...(cluster === undefined ? [] : [dateTile('the cluster stops', cluster, report.horizonDays)]),
  ]
  return `<header class="verdict ${status}">
<p class="brand">kpki audit</p>
<h1><span class="seal">${sign}</span>${e(headline(report))}</h1>
<p class="summary">${e(verdict.summary)}</p>
<p class="meta">judged at <time datetime="${e(report.at)}">${e(dayOf(report.at))} ${e(report.at.slice(11, 16))} UTC</time>, profile ${e(report.profile)}, horizon ${report.horizonDays} days; ${count(report.stats.nodes, 'node')}, ${count(report.stats.files, 'file')}, ${count(report.stats.certificates, 'certificate')}, ${count(report.connections.length, 'connection')}</p>
<ul class="tiles">${tiles.join('')}</ul>
<nav aria-label="Sections"><ul><li><a href="#graph">Picture</a></li><li><a href="#life">What ends when</a></li><li><a href="#findings">Findings</a></li><li><a href="#components">Components</a></li><li><a href="#connections">Connections</a></li><li><a href="#rest">The rest</a></li></ul></nav>
</header>`
}

function tile(target: string, value: string, label: string, kind: 'good' | 'bad' | 'warn'): string {
  return `<li class="tile ${kind}"><a href="#${target}"><b>${value}</b> <span>${label}</span></a></li>`
}

function dateTile(label: string, { at, days }: TimelineEntry, horizon: number): string {
  const kind = days < 0 ? 'bad' : days <= horizon ? 'warn' : 'good'
  return `<li class="tile date ${kind}"><a href="#life"><b>${e(dayOf(at))}</b> <span>${label}, ${relative(days)}</span></a></li>`
}

/** Which components of which node start. */
export function componentSection({ components }: AuditReport): string {
  const down = components.filter(({ starts }) => !starts)
  const rows = down
    .slice(0, SHOWN)
    .map(
      ({ name, node, reason, fix, path }) =>
        `<li class="down">${SIGNS.bad}<div><b>${name}</b> on ${e(node)}${path === undefined ? '' : ` <code>${e(path)}</code>`}<p>${e(reason ?? 'does not start')}</p>${fixLine(fix)}</div></li>`,
    )
  const more =
    down.length > SHOWN
      ? `<p class="more">… and ${count(down.length - SHOWN, 'more component')}</p>`
      : ''
  const up = [
    ...groupBy(
      components.filter(({ starts }) => starts),
      ({ name }) => name,
    ),
  ].map(
    ([name, same]) =>
      `<li>${SIGNS.good}<div><b>${name}</b> ${e(nodesText(same.map(({ node }) => node)))}</div></li>`,
  )
  return `<section id="components" aria-labelledby="components-title">
<h2 id="components-title">Components</h2>
<p class="lead">${components.length === 0 ? 'No component was found that these files would start.' : down.length === 0 ? `All ${components.length} start from their files.` : `${down.length} of ${components.length} do not start.`}</p>
<ul class="components">${rows.join('')}${up.join('')}</ul>${more}
</section>`
}

export function fixLine(fix: string | undefined): string {
  return fix === undefined ? '' : `<p class="fix"><span>fix</span> ${e(fix)}</p>`
}

/** Names while they are few, else their number. */
export function nodesText(nodes: readonly string[]): string {
  const names = [...new Set(nodes)]
  return names.length <= 4 ? `on ${names.join(', ')}` : `on ${thousands(names.length)} nodes`
}

/** What was not judged, accepted, not understood. */
export function appendix(report: AuditReport): string {
  const { rules } = report.stats
  const parts = [
    list(
      'Rules that crashed',
      report.crashed.map(
        ({ code, rule, message }) => `<b>${e(code)}</b> ${e(rule)}: ${e(message)}`,
      ),
    ),
    list(
      'Waived findings',
      report.waived.map(
        ({ code, rule, waiver, message, ...place }) =>
          `<b>${e(code)}</b> ${e(rule)} <code>${e(placeOf(place))}</code>: ${e(message)} <span class="why">Accepted${waiver.expires === undefined ? '' : ` until ${e(waiver.expires)}`}: ${e(waiver.reason)}</span>`,
      ),
    ),
    list(
      'Rules that were skipped',
      [...groupBy(report.skipped, ({ reason }) => reason)].map(
        ([reason, same]) =>
          `${e(reason)}: ${same.map(({ code, rule }) => `<abbr title="${e(rule)}">${e(code)}</abbr>`).join(' ')}`,
      ),
    ),
    list(
      'Not recognised',
      report.unrecognised.map(({ path, reason }) => `<code>${e(path)}</code>: ${e(reason)}`),
    ),
  ]
  return `<section id="rest" aria-labelledby="rest-title">
<h2 id="rest-title">The rest</h2>
<p class="lead">Of ${count(rules.passed + rules.failed + rules.notApplicable + rules.skipped + rules.crashed, 'rule')}, ${rules.passed} passed, ${rules.failed} failed, ${rules.notApplicable} did not apply and ${rules.skipped} were skipped.</p>
${parts.join('\n')}
</section>`
}

function list(title: string, items: readonly string[]): string {
  if (items.length === 0) return ''
  const shown = items.slice(0, SHOWN).map((item) => `<li>${item}</li>`)
  const more = items.length > SHOWN ? `<li>… and ${thousands(items.length - SHOWN)} more</li>` : ''
  return `<details${items.length <= 12 ? ' open' : ''}><summary>${title} (${thousands(items.length)})</summary><ul class="plain">${shown.join('')}${more}</ul></details>`
}
