import { escapeXml, printable } from '../../../values/text.js'
import { count, type Standing, thousands } from '../words.js'
import { type Box, type GraphLayout, layoutGraph, type Route, type Variant } from './layout.js'
import { connectionCount, type GraphModel, linkSentence } from './model.js'

/** The picture inside the page: colours are the page's own. */
export const GRAPH_STYLE = `
figure { margin: 0; }
.graph { display: block; width: 100%; height: auto; font-family: inherit; }
.graph.narrow { display: none; max-width: 28rem; margin: 0 auto; }
@media (max-width: 40rem) { .graph.wide { display: none; } .graph.narrow { display: block; } figure { margin: 0 -.5rem; } }
.graph .card rect { fill: var(--sheet); stroke: var(--soft); stroke-width: 1.2; }
.graph .card.hub rect { fill: var(--tint); }
.graph .card.intruder rect { stroke-dasharray: 3 3; }
.graph .card.down rect { stroke: var(--bad); stroke-width: 2.4; }
.graph .name { font-size: 14px; font-weight: 650; fill: var(--ink); }
.graph .who { font-size: 12px; fill: var(--soft); }
.graph .who.down { fill: var(--bad); font-weight: 600; }
.graph.narrow .name { font-size: 11.5px; }
.graph.narrow .who { font-size: 11px; }
.edge .line { fill: none; stroke-width: 1.7; }
.edge .hit { fill: none; stroke: transparent; stroke-width: 16; pointer-events: stroke; }
.edge.works .line { stroke: var(--good); }
.edge.broken .line { stroke: var(--bad); stroke-width: 2.2; stroke-dasharray: 7 5; }
.edge.forbidden .line { stroke: var(--open); stroke-width: 2.6; stroke-dasharray: 1.5 5; stroke-linecap: round; }
.edge.unknown .line { stroke: var(--soft); stroke-dasharray: 3 4; }
.works.head, .edge.works .head { fill: var(--good); }
.unknown.head, .edge.unknown .head { fill: var(--soft); }
.broken.head, .edge.broken .head { fill: var(--bad); }
.forbidden.head, .edge.forbidden .head { fill: var(--open); }
.graph a.edge { outline: none; }
.graph a.edge:hover .line, .graph a.edge:focus-visible .line { stroke-width: 4.5; }
.graph a.edge:focus-visible .hit { stroke: var(--link); stroke-opacity: .25; }
.badge { pointer-events: none; }
.badge rect { stroke-width: 1.2; fill: var(--sheet); }
.badge text { font-size: 12px; font-weight: 600; font-variant-numeric: tabular-nums; }
.badge .glyph { fill: none; stroke-width: 2; stroke-linecap: round; }
.badge.unknown rect { stroke: var(--soft); stroke-dasharray: 2 2; } .badge.unknown text { fill: var(--soft); } .badge.unknown .glyph { stroke: var(--soft); }
.badge.works rect { stroke: var(--good); } .badge.works text { fill: var(--good); }
.badge.broken rect { fill: var(--bad); stroke: var(--bad); } .badge.broken text { fill: var(--sheet); } .badge.broken .glyph { stroke: var(--sheet); }
.badge.forbidden rect { fill: var(--open); stroke: var(--open); } .badge.forbidden text { fill: var(--sheet); } .badge.forbidden .glyph { stroke: var(--sheet); }
.legend { display: flex; flex-wrap: wrap; gap: .3rem 1.4rem; font-size: .875rem; margin-top: 1rem; padding-top: .8rem; border-top: 1px solid var(--rule); }
.legend li { display: flex; gap: .5rem; align-items: center; }
.legend svg { width: 46px; height: 14px; flex: none; }
.legend .note { color: var(--soft); display: inline; }
`

/** The same for a file of its own, which has no page around it. */
export const GRAPH_FILE_STYLE = `
:root { --sheet: #ffffff; --tint: #f1f3f5; --soft: #5b6470; --ink: #1c2024; --good: #14704a; --bad: #b3202c; --open: #7430b0; --link: #0b57b0; }
@media (prefers-color-scheme: dark) { :root { --sheet: #181c20; --tint: #20252b; --soft: #a2abb6; --ink: #e8eaed; --good: #5cc795; --bad: #ff8088; --open: #cf9bff; --link: #8ab8ff; } }
svg { background: var(--sheet); font-family: system-ui, "Liberation Sans", sans-serif; }
`.concat(
  GRAPH_STYLE.split('\n')
    .filter((line) => /^\.(graph \.|edge|badge|works|broken|forbidden|unknown)/.test(line))
    .join('\n'),
)

export interface GraphSvgOptions {
  readonly variant?: Variant
  /** Links of the picture lead to elements of this page: `#link-…`. */
  readonly linked?: boolean
  /** The style goes along: for a file of its own. */
  readonly style?: string
}

const DRAWN: readonly Exclude<Standing, 'refused'>[] = ['works', 'unknown', 'broken', 'forbidden']

/** The trust graph as an SVG element; classes carry all colours. */
export function graphSvg(model: GraphModel, options: GraphSvgOptions = {}): string {
  const { variant = 'wide', linked = false, style } = options
  const layout = layoutGraph(model, variant)
  const { width, height } = layout
  const name = `graph-${variant}`
  const drawn = [...layout.routes].reverse()
  return `<svg class="graph ${variant}" xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${Math.ceil(height)}" role="${linked ? 'group' : 'img'}" aria-labelledby="${name}-title ${name}-desc">
<title id="${name}-title">Trust graph: who connects to whom</title>
<desc id="${name}-desc">${escapeXml(describe(model, layout))}</desc>
${style === undefined ? '' : `<style>${style}</style>`}<defs>${DRAWN.map((standing) => arrow(name, standing)).join('')}</defs>
${drawn.map((route) => edge(route, name, linked)).join('\n')}
${layout.boxes.map((box) => card(box, variant)).join('\n')}
${drawn.map((route) => badge(route, variant)).join('')}
</svg>`
}

function describe(model: GraphModel, { boxes }: GraphLayout): string {
  const of = (standing: Standing) => connectionCount(model, standing)
  return `${count(boxes.length, 'kind')} of components; ${thousands(of('works'))} connections work, ${thousands(of('refused'))} are refused as they must be, ${thousands(of('broken'))} are broken, ${thousands(of('forbidden'))} are open though they must not be, ${thousands(of('unknown'))} are unknown. The same as text is in the section Connections.`
}

function arrow(name: string, standing: Standing): string {
  return `<marker id="${name}-${standing}" class="head ${standing}" viewBox="0 0 10 10" refX="9" refY="5" markerWidth="9" markerHeight="9" markerUnits="userSpaceOnUse" orient="auto"><path d="M0 0L10 5L0 10z"/></marker>`
}

function edge({ link, path }: Route, name: string, linked: boolean): string {
  const sentence = escapeXml(linkSentence(link))
  const lines = `<path class="hit" d="${path}"/><path class="line" d="${path}" marker-end="url(#${name}-${link.standing})"/>`
  const inside = `<title>${sentence}</title>${lines}`
  return linked
    ? `<a class="edge ${link.standing}" href="#${link.id}" aria-label="${sentence}">${inside}</a>`
    : `<g class="edge ${link.standing}">${inside}</g>`
}

/** What tells the kinds of edges apart besides colour and dashes: a cross, an exclamation mark, a number. */
function badge({ link, badge: [x, y] }: Route, variant: Variant): string {
  const { standing, connections, of } = link
  const all = connections.length
  const text =
    standing === 'works' || all === of || variant === 'narrow'
      ? thousands(all)
      : `${thousands(all)}/${thousands(of)}`
  if (standing === 'works' && all === 1) return ''
  const sign = standing === 'works' ? 0 : 14
  const width = text.length * 7 + 10 + sign
  const left = x - width / 2
  const glyph =
    standing === 'broken'
      ? `<path class="glyph" d="M${left + 6} ${y - 4}l8 8m0 -8l-8 8"/>`
      : standing === 'forbidden'
        ? `<path class="glyph" d="M${left + 10} ${y - 5}v6m0 3v1.5"/>`
        : standing === 'unknown'
          ? `<path class="glyph" d="M${left + 7.5} ${y - 2.5}a2.5 2.5 0 1 1 2.5 2.5v1m0 3v1.5"/>`
          : ''
  return `<g class="badge ${standing}" aria-hidden="true"><rect x="${left}" y="${y - 8.5}" width="${width}" height="17" rx="8.5"/>${glyph}<text x="${left + sign + (width - sign) / 2}" y="${y + 4}" text-anchor="middle">${text}</text></g>`
}

function card({ title, members, down, lane, x, y, width, height }: Box, variant: Variant): string {
  const middle = y + height / 2
  const who = memberText(members, variant === 'wide' ? 26 : 15)
  const second = down > 0 ? `${down} of ${Math.max(down, members.length)} down` : who
  const text = escapeXml(printable(title).slice(0, 24))
  const hub = lane === 'hub'
  const at = hub
    ? `x="${x + width / 2}" text-anchor="middle"`
    : `x="${x + (variant === 'wide' ? 12 : 8)}"`
  const name = `<text class="name" ${at} y="${second === '' ? middle + 5 : middle - 4}">${text}</text>`
  const state = down > 0 ? ' down' : ''
  const lines =
    second === ''
      ? name
      : `${name}<text class="who${state}" ${at} y="${middle + 14}">${down > 0 ? '✕ ' : ''}${escapeXml(second)}</text>`
  return `<g class="card ${lane}${down > 0 ? ' down' : ''}"><title>${escapeXml([title, ...members.slice(0, 20)].join(' '))}</title><rect x="${x}" y="${y}" width="${width}" height="${height}" rx="10"/>${lines}</g>`
}

function memberText(members: readonly string[], room: number): string {
  const all = printable(members.join(', '))
  if (all.length <= room) return all
  if (members.length > 1) return `${thousands(members.length)} nodes`
  return `${all.slice(0, room - 1)}…`
}
