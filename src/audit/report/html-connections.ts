import type { AuditReport, Connection } from '../types.js'
import { escapeXml as e } from './escape.js'
import { type GraphModel, type Link, linkSentence } from './graph-model.js'
import { graphSvg } from './graph-svg.js'
import { fixLine, SIGNS } from './html-parts.js'
import { count, dayOf, identityText, type Standing, thousands } from './words.js'

const SHOWN = 15
const MOST = 100
/** More wrong connections than this stay folded. */
const MAX_OPEN = 20

const SIGN_OF: Readonly<Record<Standing, string>> = {
  works: SIGNS.good,
  refused: SIGNS.good,
  broken: SIGNS.bad,
  forbidden: SIGNS.warn,
}

/** The picture, with its legend. */
export function graphSection(report: AuditReport, model: GraphModel): string {
  if (report.connections.length === 0)
    return `<section id="graph" aria-labelledby="graph-title"><h2 id="graph-title">Who connects to whom</h2><p class="lead">No component was found that connects to another.</p></section>`
  const of = (standing: Standing): number =>
    model.links
      .filter((link) => link.standing === standing)
      .reduce((sum, { connections }) => sum + connections.length, 0)
  const legend: readonly (readonly [Standing, string])[] = [
    ['works', 'works'],
    ['broken', 'must work, fails'],
    ['forbidden', 'must be refused, is open'],
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
  return `<section id="graph" aria-labelledby="graph-title">
<h2 id="graph-title">Who connects to whom</h2>
<figure>
${graphSvg(model, { variant: 'wide', linked: true })}
${graphSvg(model, { variant: 'narrow', linked: true })}
<figcaption><ul class="legend">${items.join('')}${note}</ul></figcaption>
</figure>
</section>`
}

/** Every connection as text: grouped as in the picture, gravest first. */
export function connectionSection(report: AuditReport, model: GraphModel): string {
  const { connections } = report
  const unfold = report.stats.connections.unexpected <= MAX_OPEN
  const groups = model.links.map((link) => group(link, unfold))
  return `<section id="connections" aria-labelledby="connections-title">
<h2 id="connections-title">Connections</h2>
<p class="lead">${connections.length === 0 ? 'None.' : `${count(connections.length, 'connection')}, ${thousands(report.stats.connections.unexpected)} of them otherwise than they must be.`}</p>
${groups.join('\n')}
</section>`
}

function group(link: Link, unfold: boolean): string {
  const { id, standing, connections } = link
  const grave = standing === 'broken' || standing === 'forbidden'
  const sentence = e(linkSentence(link))
  const table = (part: readonly Connection[]): string =>
    `<div class="scroll" tabindex="0" role="region" aria-label="${sentence}"><table><thead><tr><th scope="col">from</th><th scope="col">to</th><th scope="col">address</th><th scope="col">${grave ? 'why' : 'until'}</th></tr></thead><tbody>${part.map((connection) => row(connection, grave)).join('')}</tbody></table></div>`
  const folded = connections.slice(SHOWN, MOST)
  const more =
    folded.length === 0
      ? ''
      : `<details><summary>${thousands(folded.length)} more</summary>${table(folded)}</details>`
  const beyond =
    connections.length > MOST
      ? `<p class="more">… and ${count(connections.length - MOST, 'more connection')}; kpki audit --format json lists all</p>`
      : ''
  return `<details class="link ${standing}" id="${id}"${grave && unfold ? ' open' : ''}><summary>${SIGN_OF[standing]}<span>${sentence}</span></summary>
${table(connections.slice(0, SHOWN))}${more}${beyond}</details>`
}

function row(connection: Connection, grave: boolean): string {
  const { from, to, url, until, reason, fix, clientCertificate, serverCertificate } = connection
  const last = grave
    ? `${e(reason ?? '')}${gain(connection)}${fixLine(fix)}`
    : until === undefined
      ? e(reason ?? '')
      : e(dayOf(until))
  return `<tr><td>${certificate(from, clientCertificate)}</td><td>${certificate(to, serverCertificate)}</td><td><code>${e(url)}</code></td><td>${last}</td></tr>`
}

function gain({ identity, privilege }: Connection): string {
  const who = identity === undefined ? '' : `seen as ${identityText(identity)}`
  const text = [who, privilege ?? ''].filter((part) => part !== '').join(': ')
  return text === '' ? '' : `<p class="gain">${e(text)}</p>`
}

function certificate(name: string, fingerprint: string | undefined): string {
  if (fingerprint === undefined) return e(name)
  return `<a class="cert" href="#cert-${e(fingerprint)}" data-cert="${e(fingerprint)}">${e(name)}</a>`
}
