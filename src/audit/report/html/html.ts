import { runtimeEngine } from '../../../ca/engine.js'
import { groupBy } from '../../../values/lists.js'
import { escapeXml as e, printable } from '../../../values/text.js'
import type { AuditReport, Connection, Finding, RuleInfo, TimelineEntry } from '../../types.js'
import {
  connectionCount,
  type GraphModel,
  graphModel,
  type Link,
  linkSentence,
} from '../graph/model.js'
import { graphSvg } from '../graph/svg.js'
import {
  count,
  dayOf,
  effectsOf,
  headline,
  layoutLines,
  loginText,
  nearness,
  onNodes,
  placeOf,
  relative,
  rulesText,
  SEVERITIES,
  type Standing,
  standingOf,
  thousands,
  wrongConnections,
} from '../words.js'
import { certificateLink, leftOut, scrollTable, section } from './elements.js'
import { lifeSection } from './life.js'
import { SCRIPT } from './script.js'
import { STYLE } from './style.js'

/** Signs that say the same as the colours. */
const SIGNS = {
  good: '<svg class="sign" viewBox="0 0 16 16" aria-hidden="true"><path d="M3 8.5l3.5 3.5L13 4.5"/></svg>',
  bad: '<svg class="sign" viewBox="0 0 16 16" aria-hidden="true"><path d="M4 4l8 8m0-8l-8 8"/></svg>',
  warn: '<svg class="sign" viewBox="0 0 16 16" aria-hidden="true"><path d="M8 2.5v7m0 3v1"/></svg>',
  open: '<svg class="sign" viewBox="0 0 16 16" aria-hidden="true"><path d="M5 5.5a3 3 0 1 1 3 3v1.5m0 2.5v1"/></svg>',
} as const

const SHOWN = 300
const JSON_HAS_ALL = '; kpki audit --format json lists all'

/** The top of the page: the verdict in one sentence, and the numbers that matter. */
function verdictSection(report: AuditReport): string {
  const { verdict, timeline } = report
  const { status } = verdict
  const sign = status === 'clean' ? SIGNS.good : status === 'warnings' ? SIGNS.warn : SIGNS.bad
  const wrong = wrongConnections(report).length
  const down = report.components.filter(({ starts }) => starts === false).length
  const { first, cluster } = timeline
  const tiles = [
    tile('findings', verdict.errors, 'error'),
    tile('findings', verdict.warnings, 'warning', 'warnings', 'warn'),
    tile('connections', wrong, 'wrong connection'),
    tile('components', down, 'component down', 'components down'),
    ...(verdict.unknown === 0
      ? []
      : [tile('connections', verdict.unknown, 'unknown', 'unknown', 'warn')]),
    ...(first === undefined ? [] : [dateTile('first to end', first, report.horizonDays)]),
    ...(cluster === undefined ? [] : [dateTile('the cluster stops', cluster, report.horizonDays)]),
  ]
  return `<header class="verdict ${status}">
<p class="brand">kpki audit</p>
<h1><span class="seal">${sign}</span>${e(headline(report))}</h1>
<p class="summary">${e(verdict.summary)}</p>
${layoutLines(report)
  .map((line) => `<p class="meta">${e(line)}</p>\n`)
  .join(
    '',
  )}<p class="meta">judged at <time datetime="${e(report.at)}">${e(dayOf(report.at))} ${e(report.at.slice(11, 16))} UTC</time>, profile ${e(report.profile)}, horizon ${report.horizonDays} days; ${count(report.stats.nodes, 'node')}, ${count(report.stats.files, 'file')}, ${count(report.stats.certificates, 'certificate')}, ${count(report.connections.length, 'connection')}</p>
<ul class="tiles">${tiles.join('')}</ul>
<nav aria-label="Sections"><ul><li><a href="#graph">Picture</a></li><li><a href="#life">What ends when</a></li><li><a href="#findings">Findings</a></li><li><a href="#components">Components</a></li><li><a href="#connections">Connections</a></li><li><a href="#rest">The rest</a></li></ul></nav>
</header>`
}

const SHOWN_CAUSES = 5

/** What is wrong in words, with the remedy, before any picture: the gravest findings that follow from no other. */
function causeSection({ findings, verdict }: AuditReport): string {
  const grave = verdict.errors > 0 ? 'error' : 'warning'
  const causes = findings.filter(
    ({ severity, causedBy }) => severity === grave && causedBy === undefined,
  )
  if (causes.length === 0) return ''
  const effects = effectsOf(findings)
  // What several rules say of one file is one thing to mend.
  const groups = [...groupBy(alike(causes), placeText).entries()]
  const items = groups.slice(0, SHOWN_CAUSES).map(([place, same]) => {
    const follow = same.flat().flatMap(({ id }) => effects.get(id) ?? [])
    const rest = follow.length === 0 ? '' : `<p class="effects">${followText(follow)}.</p>`
    const said = same.flatMap(([first]) =>
      first === undefined
        ? []
        : `<p class="cause"><a href="#finding-${e(first.id)}">${e(first.message)}</a></p>${fixLine(first.fix)}`,
    )
    return `<li><p class="place"><code>${e(place)}</code></p>${said.join('')}${rest}</li>`
  })
  const more = leftOut(groups.length - SHOWN_CAUSES, grave, '; all are below')
  return section('causes', 'What is wrong', `<ol class="causes">${items.join('')}</ol>${more}`)
}

function tile(
  target: string,
  number: number,
  one: string,
  many = `${one}s`,
  kind: 'bad' | 'warn' = 'bad',
): string {
  return `<li class="tile ${number > 0 ? kind : 'good'}"><a href="#${target}"><b>${thousands(number)}</b> <span>${number === 1 ? one : many}</span></a></li>`
}

function dateTile(label: string, { at, days }: TimelineEntry, horizon: number): string {
  const kind = { over: 'bad', near: 'warn', far: 'good' }[nearness(days, horizon)]
  return `<li class="tile date ${kind}"><a href="#life"><b>${e(dayOf(at))}</b> <span>${label}, ${relative(days)}</span></a></li>`
}

function followText(effects: readonly Finding[]): string {
  return `${count(effects.length, 'other finding')} ${effects.length === 1 ? 'follows' : 'follow'} from this`
}

/** Where findings that are the same but for their node lie. */
function placeText(same: readonly Finding[]): string {
  const [first] = same
  if (first === undefined) return ''
  if (same.length === 1) return placeOf(first)
  return `${first.path ?? ''} ${onNodes(same.map(({ node = '' }) => node))}`
}

/** Findings that are the same but for their node. */
function alike(findings: readonly Finding[]): readonly (readonly Finding[])[] {
  const groups = groupBy(findings, ({ path, message, fix }) => [path, message, fix].join('\u0000'))
  return [...groups.values()]
}

/** Which components of which node start. */
function componentSection({ components }: AuditReport): string {
  const down = components.filter(({ starts }) => starts === false)
  const rows = down
    .slice(0, SHOWN)
    .map(
      ({ name, node, reason, path }) =>
        `<li class="down">${SIGNS.bad}<div><b>${name}</b> on ${e(node)}${path === undefined ? '' : ` <code>${e(path)}</code>`}<p>${e(reason ?? 'does not start')}</p></div></li>`,
    )
  const unknown = [
    ...groupBy(
      components.filter(({ starts }) => starts === 'unknown'),
      ({ name, reason }) => `${name}\u0000${reason}`,
    ).values(),
  ].map(
    (same) =>
      `<li>${SIGNS.open}<div><b>${same[0]?.name}</b> ${e(onNodes(same.map(({ node }) => node)))}<p>unknown: ${e(same[0]?.reason ?? '')}</p></div></li>`,
  )
  const up = [
    ...groupBy(
      components.filter(({ starts }) => starts === true),
      ({ name }) => name,
    ),
  ].map(
    ([name, same]) =>
      `<li>${SIGNS.good}<div><b>${name}</b> ${e(onNodes(same.map(({ node }) => node)))}</div></li>`,
  )
  const lead =
    components.length === 0
      ? 'No component was found that these files would start.'
      : down.length === 0 && unknown.length === 0
        ? `All ${components.length} start from their files.`
        : `${down.length} of ${components.length} do not start.`
  return section(
    'components',
    'Components',
    `<p class="lead">${lead}</p>
<ul class="components">${rows.join('')}${unknown.slice(0, SHOWN).join('')}${up.join('')}</ul>${leftOut(down.length - SHOWN, 'component')}`,
  )
}

function fixLine(fix: string | undefined): string {
  return fix === undefined ? '' : `<p class="fix"><span>fix</span> <code>${e(fix)}</code></p>`
}

/** What was not judged, accepted, not understood. */
function appendix(report: AuditReport): string {
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
  return section(
    'rest',
    'The rest',
    `<p class="lead">Of ${count(rules.passed + rules.failed + rules.notApplicable + rules.skipped + rules.crashed, 'rule')}, ${rules.passed} passed, ${rules.failed} failed, ${rules.notApplicable} did not apply and ${rules.skipped} were skipped.</p>
${parts.join('\n')}`,
  )
}

function list(title: string, items: readonly string[]): string {
  if (items.length === 0) return ''
  const shown = items.slice(0, SHOWN).map((item) => `<li>${item}</li>`)
  const more = items.length > SHOWN ? `<li>… and ${thousands(items.length - SHOWN)} more</li>` : ''
  return `<details${items.length <= 12 ? ' open' : ''}><summary>${title} (${thousands(items.length)})</summary><ul class="plain">${shown.join('')}${more}</ul></details>`
}

const MAX_PLACES = 200
const MAX_USES = 50

/** What the dialog shows of one certificate. */
interface CertificateData {
  readonly subject: string
  readonly issuer: string
  readonly authority: boolean
  readonly notBefore: string
  readonly notAfter: string
  readonly effectiveNotAfter: string
  readonly days: number
  readonly status: string
  readonly places: readonly string[]
  readonly more: number
  readonly uses: readonly (readonly [standing: string, id: string])[]
  readonly findings: readonly (readonly [id: string, message: string])[]
}

/** The certificates by fingerprint, as JSON that cannot end the script element it stands in. */
function pageData(report: AuditReport): string {
  const uses = usesOf(report)
  const findings = groupBy(report.findings, ({ certificate }) => certificate ?? '')
  const certificates: Record<string, CertificateData> = {}
  for (const [fingerprint, same] of groupBy(report.expiry, ({ certificate }) => certificate)) {
    const [first] = same
    if (first === undefined) continue
    const places = same.map(({ node, path, field }) =>
      printable(`${node}: ${path}${field === undefined ? '' : ` (${field})`}`),
    )
    certificates[fingerprint] = {
      subject: printable(first.subject),
      issuer: printable(first.issuer),
      authority: first.authority,
      notBefore: first.notBefore,
      notAfter: first.notAfter,
      effectiveNotAfter: first.effectiveNotAfter,
      days: first.days,
      status: first.status,
      places: places.slice(0, MAX_PLACES),
      more: Math.max(0, places.length - MAX_PLACES),
      uses: uses.get(fingerprint) ?? [],
      findings: (findings.get(fingerprint) ?? [])
        .slice(0, MAX_USES)
        .map((finding) => [finding.id, printable(finding.message)]),
    }
  }
  return JSON.stringify({ certificates }).replace(
    /[<>&]/g,
    (character) => `\\u00${character.charCodeAt(0).toString(16)}`,
  )
}

function usesOf(report: AuditReport): ReadonlyMap<string, readonly (readonly [string, string])[]> {
  const uses = new Map<string, (readonly [string, string])[]>()
  for (const connection of report.connections) {
    const standing = standingOf(connection)
    if (standing === 'refused') continue
    for (const fingerprint of new Set([
      connection.clientCertificate,
      connection.serverCertificate,
    ])) {
      if (fingerprint === undefined) continue
      const list = uses.get(fingerprint) ?? []
      if (list.length < MAX_USES) list.push([standing, printable(connection.id)])
      uses.set(fingerprint, list)
    }
  }
  return uses
}

const SHOWN_FINDINGS = 10
const MOST = 300
const MAX_NAMED = 12
const MAX_NODES = 200

/** Findings by rule, gravest first, with filter and permanent links. */
function findingSection(report: AuditReport, rules: readonly RuleInfo[]): string {
  const { findings } = report
  const known = new Map(rules.map((rule) => [rule.id, rule]))
  const effects = effectsOf(findings)
  const groups = SEVERITIES.flatMap((severity) => [
    ...groupBy(
      findings.filter((one) => one.severity === severity && one.causedBy === undefined),
      ({ rule }) => rule,
    ).values(),
  ])
  const body =
    findings.length === 0
      ? `<p class="lead">${SIGNS.good} Nothing was found.</p>`
      : `${filterForm(report)}
<p id="shown" role="status" aria-live="polite">${count(findings.length, 'finding')}</p>
${groups.map((group) => article(group, effects, known.get(group[0]?.rule ?? ''))).join('\n')}`
  return section('findings', 'Findings', body)
}

function filterForm({ findings, verdict }: AuditReport): string {
  const nodes = [...new Set(findings.map(({ node }) => node ?? ''))].filter((node) => node !== '')
  const select =
    nodes.length < 2 || nodes.length > MAX_NODES
      ? ''
      : `<label>Node <select id="filter-node"><option value="">all</option>${nodes.map((node) => `<option>${e(node)}</option>`).join('')}</select></label>`
  const counts = { error: verdict.errors, warning: verdict.warnings, info: verdict.infos }
  const names = { error: 'errors', warning: 'warnings', info: 'notes' }
  const boxes = SEVERITIES.filter((severity) => counts[severity] > 0).map(
    (severity) =>
      `<label class="check"><input type="checkbox" name="severity" value="${severity}" checked> ${names[severity]} (${thousands(counts[severity])})</label>`,
  )
  return `<form id="filter" role="search" aria-label="Findings" hidden>
<label>Search <input type="search" id="filter-text" placeholder="rule, file, words" autocomplete="off"></label>
${select}
<fieldset><legend>Severity</legend>${boxes.join('')}</fieldset>
</form>`
}

const LABELS = { error: 'error', warning: 'warning', info: 'note' } as const

function article(
  findings: readonly Finding[],
  effects: ReadonlyMap<string, readonly Finding[]>,
  rule: RuleInfo | undefined,
): string {
  const [first] = findings
  if (first === undefined) return ''
  const { severity, code, rule: id } = first
  const sharedFix = findings.every(({ fix }) => fix === first.fix) ? first.fix : undefined
  const groups = alike(findings)
  const items = groups.slice(0, MOST).map((same) => item(same, sharedFix === undefined))
  const shown = items.slice(0, SHOWN_FINDINGS).join('')
  const folded = items.slice(SHOWN_FINDINGS)
  const rest = groups.length - items.length
  const more =
    folded.length === 0
      ? ''
      : `<details class="folded"><summary>${thousands(folded.length)} more</summary><ul>${folded.join('')}</ul></details>`
  const follow = findings.flatMap((finding) => effects.get(finding.id) ?? [])
  const consequences =
    follow.length === 0
      ? ''
      : `<details class="folded"><summary>${followText(follow)}: ${e(rulesText(follow))}</summary><ul>${follow
          .slice(0, MOST)
          .map((finding) => item([finding], false, true))
          .join('')}</ul></details>`
  const title = rule === undefined ? id : rule.title
  const why =
    rule === undefined
      ? ''
      : `<p class="why">${e(rule.why)} <span class="cite">${e(rule.citation)}</span></p>`
  return `<article class="rule ${severity}" id="rule-${e(id)}-${severity}" data-severity="${severity}" data-text="${e(`${code} ${id} ${title}`.toLowerCase())}">
<h3><span class="chip ${severity}">${LABELS[severity]}</span> <span class="title">${e(title)}</span> <span class="code">${e(code)} ${e(id)}</span>${findings.length > 1 ? ` <span class="times">×&#8239;${thousands(findings.length)}</span>` : ''}</h3>
${why}
<ul>${shown}</ul>${more}${leftOut(rest, 'finding', JSON_HAS_ALL)}${fixLine(sharedFix)}${consequences}
</article>`
}

/** One fault, on one node or on several alike. Every finding keeps its own permanent link. */
function item(same: readonly Finding[], withFix: boolean, withRule = false): string {
  const [first, ...others] = same
  if (first === undefined) return ''
  const { path, message, fix, certificate, code, rule } = first
  const nodes = same.flatMap(({ node }) => (node === undefined ? [] : [node]))
  const named = nodes.slice(0, MAX_NAMED).map((node) => `<span class="node">${e(node)}</span>`)
  const more = nodes.length - named.length
  const place = [
    withRule ? `<span class="code">${e(code)} ${e(rule)}</span>` : '',
    named.join(', ') + (more > 0 ? ` and ${count(more, 'more node')}` : ''),
    path === undefined ? '' : `<code>${e(path)}</code>`,
  ].join(' ')
  const show = certificate === undefined ? '' : ` ${certificateLink(certificate, 'certificate')}`
  const id = `finding-${first.id}`
  const anchors = others.map((other) => `<span id="finding-${e(other.id)}"></span>`)
  return `<li class="finding" id="${e(id)}" data-count="${same.length}" data-nodes="${e(JSON.stringify(nodes))}"><p class="place">${anchors.join('')}${place}${show} <a class="link-here" href="#${e(id)}" aria-label="Link to this finding">#</a></p><p class="message">${e(message)}</p>${withFix ? fixLine(fix) : ''}</li>`
}

const SHOWN_CONNECTIONS = 15
const MOST_CONNECTIONS = 100
/** More wrong connections than this stay folded. */
const MAX_OPEN = 20

const SIGN_OF: Readonly<Record<Standing, string>> = {
  works: SIGNS.good,
  refused: SIGNS.good,
  broken: SIGNS.bad,
  forbidden: SIGNS.warn,
  unknown: SIGNS.open,
}

/** The picture, with its legend. */
function graphSection(report: AuditReport, model: GraphModel): string {
  if (report.connections.length === 0)
    return section(
      'graph',
      'Who connects to whom',
      '<p class="lead">No component was found that connects to another.</p>',
    )
  const of = (standing: Standing) => connectionCount(model, standing)
  const legend: readonly (readonly [Standing, string])[] = [
    ['works', 'works'],
    ['broken', 'must work, fails'],
    ['forbidden', 'must be refused, is open'],
    ...(of('unknown') === 0 ? [] : [['unknown', 'unknown, not all was given'] as const]),
  ]
  const items = legend.map(
    ([standing, label]) =>
      `<li class="edge ${standing}"><svg viewBox="0 0 46 14" aria-hidden="true"><path class="line" d="M1 7H38"/><path class="head" d="M37 3l8 4l-8 4z"/></svg><span>${label} (${thousands(of(standing))})</span></li>`,
  )
  const refused = of('refused')
  const note =
    refused === 0
      ? ''
      : `<li class="note">${thousands(refused)} more are refused, as they must be; the <a href="#connections">list</a> has them</li>`
  return section(
    'graph',
    'Who connects to whom',
    `<figure>
${graphSvg(model, { variant: 'wide', linked: true })}
${graphSvg(model, { variant: 'narrow', linked: true })}
<figcaption><ul class="legend">${items.join('')}${note}</ul></figcaption>
</figure>`,
  )
}

/** Every connection as text: grouped as in the picture, gravest first. */
function connectionSection(report: AuditReport, model: GraphModel): string {
  const { connections } = report
  const unfold = report.stats.connections.unexpected <= MAX_OPEN
  const groups = model.links.map((link) => group(link, unfold))
  return section(
    'connections',
    'Connections',
    `<p class="lead">${connections.length === 0 ? 'None.' : `${count(connections.length, 'connection')}, ${thousands(report.stats.connections.unexpected)} of them otherwise than they must be${report.stats.connections.unknown === 0 ? '' : `, ${thousands(report.stats.connections.unknown)} unknown`}.`}</p>
${groups.join('\n')}`,
  )
}

function group(link: Link, unfold: boolean): string {
  const { id, standing, connections } = link
  const grave = standing === 'broken' || standing === 'forbidden'
  const sentence = e(linkSentence(link))
  const columns = ['from', 'to', 'address', grave || standing === 'unknown' ? 'why' : 'until']
  const table = (part: readonly Connection[]): string =>
    scrollTable(
      sentence,
      columns,
      part.map((connection) => row(connection, grave)),
    )
  const folded = connections.slice(SHOWN_CONNECTIONS, MOST_CONNECTIONS)
  const more =
    folded.length === 0
      ? ''
      : `<details><summary>${thousands(folded.length)} more</summary>${table(folded)}</details>`
  const beyond = leftOut(connections.length - MOST_CONNECTIONS, 'connection', JSON_HAS_ALL)
  return `<details class="link ${standing}" id="${id}"${grave && unfold ? ' open' : ''}><summary>${SIGN_OF[standing]}<span>${sentence}</span></summary>
${table(connections.slice(0, SHOWN_CONNECTIONS))}${more}${beyond}</details>`
}

function row(connection: Connection, grave: boolean): string {
  const { from, to, url, until, reason, clientCertificate, serverCertificate } = connection
  const last = grave
    ? `${e(reason ?? '')}${gain(connection)}`
    : until === undefined
      ? e(reason ?? '')
      : e(dayOf(until))
  return `<tr><td>${certificate(from, clientCertificate)}</td><td>${certificate(to, serverCertificate)}</td><td><code>${e(url)}</code></td><td>${last}</td></tr>`
}

function gain({ identity, privilege }: Connection): string {
  const who = identity === undefined ? '' : `seen as ${loginText(identity)}`
  const text = [who, privilege ?? ''].filter((part) => part !== '').join(': ')
  return text === '' ? '' : `<p class="gain">${e(text)}</p>`
}

function certificate(name: string, fingerprint: string | undefined): string {
  return fingerprint === undefined ? e(name) : certificateLink(fingerprint, e(name))
}

export interface HtmlOptions {
  /** The rules whose explanations go along. */
  readonly rules?: readonly RuleInfo[]
  /** Version of kpki. */
  readonly version?: string
}

/**
 * One page by itself: no network, no inline handlers or style attributes, so that its own strict
 * content security policy holds wherever it is opened.
 */
export async function renderHtml(report: AuditReport, options: HtmlOptions = {}): Promise<string> {
  const model = graphModel(report)
  const policy = [
    "default-src 'none'",
    `style-src 'sha256-${await sha256(STYLE)}'`,
    `script-src 'sha256-${await sha256(SCRIPT)}'`,
    "base-uri 'none'",
    "form-action 'none'",
  ].join('; ')
  const title = `kpki audit: ${headline(report)}`
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="${policy}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="referrer" content="no-referrer">
<meta name="color-scheme" content="light dark">
<title>${e(title)}</title>
<style>${STYLE}</style>
</head>
<body>
<a class="skip" href="#main">Skip to the report</a>
${verdictSection(report)}
<main id="main">
${causeSection(report)}
${graphSection(report, model)}
${lifeSection(report)}
${findingSection(report, options.rules ?? [])}
${componentSection(report)}
${connectionSection(report, model)}
${appendix(report)}
</main>
<footer><p>Made by kpki${options.version === undefined ? '' : ` ${e(options.version)}`} from files alone: nothing was contacted, and this page contacts nothing.</p></footer>
<dialog id="detail" aria-labelledby="detail-title"><div class="dialog-head"><h2 id="detail-title">Certificate</h2><button type="button" id="detail-close" aria-label="Close">×</button></div><div id="detail-body"></div></dialog>
<script type="application/json" id="data">${pageData(report)}</script>
<script>${SCRIPT}</script>
</body>
</html>
`
}

async function sha256(text: string): Promise<string> {
  const bytes = new TextEncoder().encode(text)
  const digest = new Uint8Array(await runtimeEngine().subtle.digest('SHA-256', bytes))
  return btoa(String.fromCharCode(...digest))
}
