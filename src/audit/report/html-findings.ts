import type { AuditReport, Finding, Rule } from '../types.js'
import { escapeXml as e } from './escape.js'
import { groupBy } from './group.js'
import { fixLine, SIGNS } from './html-parts.js'
import { count, findingId, SEVERITIES, thousands } from './words.js'

const SHOWN = 10
const MOST = 300
const MAX_NAMED = 12
const MAX_NODES = 200

/** Findings by rule, gravest first, with filter and permanent links. */
export function findingSection(report: AuditReport, rules: readonly Rule[]): string {
  const { findings } = report
  const known = new Map(rules.map((rule) => [rule.id, rule]))
  const groups = SEVERITIES.flatMap((severity) => [
    ...groupBy(
      findings.filter((finding) => finding.severity === severity),
      ({ rule }) => rule,
    ).values(),
  ])
  const body =
    findings.length === 0
      ? `<p class="lead">${SIGNS.good} Nothing was found.</p>`
      : `${filterForm(report)}
<p id="shown" role="status" aria-live="polite">${count(findings.length, 'finding')}</p>
${groups.map((group) => article(group, known.get(group[0]?.rule ?? ''))).join('\n')}`
  return `<section id="findings" aria-labelledby="findings-title">
<h2 id="findings-title">Findings</h2>
${body}
</section>`
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

function article(findings: readonly Finding[], rule: Rule | undefined): string {
  const [first] = findings
  if (first === undefined) return ''
  const { severity, code, rule: id } = first
  const sharedFix = findings.every(({ fix }) => fix === first.fix) ? first.fix : undefined
  const alike = [
    ...groupBy(findings, ({ path, message, fix }) => [path, message, fix].join('\u0000')).values(),
  ]
  const items = alike.slice(0, MOST).map((same) => item(same, sharedFix === undefined))
  const shown = items.slice(0, SHOWN).join('')
  const folded = items.slice(SHOWN)
  const rest = alike.length - items.length
  const more =
    folded.length === 0
      ? ''
      : `<details class="folded"><summary>${thousands(folded.length)} more</summary><ul>${folded.join('')}</ul></details>`
  const beyond =
    rest > 0
      ? `<p class="more">… and ${count(rest, 'more finding')}; kpki audit --format json lists all</p>`
      : ''
  const title = rule === undefined ? id : rule.title
  const why =
    rule === undefined
      ? ''
      : `<p class="why">${e(rule.why)} <span class="cite">${e(rule.citation)}</span></p>`
  return `<article class="rule ${severity}" id="rule-${e(id)}-${severity}" data-severity="${severity}" data-text="${e(`${code} ${id} ${title}`.toLowerCase())}">
<h3><span class="chip ${severity}">${LABELS[severity]}</span> <span class="title">${e(title)}</span> <span class="code">${e(code)} ${e(id)}</span>${findings.length > 1 ? ` <span class="times">×&#8239;${thousands(findings.length)}</span>` : ''}</h3>
${why}
<ul>${shown}</ul>${more}${beyond}${fixLine(sharedFix)}
</article>`
}

/** One fault, on one node or on several alike. Every finding keeps its own permanent link. */
function item(same: readonly Finding[], withFix: boolean): string {
  const [first, ...others] = same
  if (first === undefined) return ''
  const { path, message, fix, certificate } = first
  const nodes = same.flatMap(({ node }) => (node === undefined ? [] : [node]))
  const named = nodes.slice(0, MAX_NAMED).map((node) => `<span class="node">${e(node)}</span>`)
  const more = nodes.length - named.length
  const place = [
    named.join(', ') + (more > 0 ? ` and ${count(more, 'more node')}` : ''),
    path === undefined ? '' : `<code>${e(path)}</code>`,
  ].join(' ')
  const show =
    certificate === undefined
      ? ''
      : ` <a class="cert" href="#cert-${e(certificate)}" data-cert="${e(certificate)}">certificate</a>`
  const id = `finding-${findingId(first)}`
  const anchors = others.map((other) => `<span id="finding-${e(findingId(other))}"></span>`)
  return `<li class="finding" id="${e(id)}" data-count="${same.length}" data-nodes="${e(JSON.stringify(nodes))}"><p class="place">${anchors.join('')}${place}${show} <a class="link-here" href="#${e(id)}" aria-label="Link to this finding">#</a></p><p class="message">${e(message)}</p>${withFix ? fixLine(fix) : ''}</li>`
}
