import { printable } from '../../../values/text.js'
import type { AuditReport, Connection } from '../../types.js'
import { count, type Standing, standingOf } from '../words.js'
import { graphModel, linkSentence } from './model.js'

/** What of the graph to draw. */
export interface GraphOptions {
  /** Also connections that are refused as they must be. */
  readonly all?: boolean
}

const SIGNS: Readonly<Record<Standing, string>> = {
  works: 'ok  ',
  refused: 'no  ',
  broken: 'FAIL',
  forbidden: 'OPEN',
  unknown: '?   ',
}

/** The connections as lines of text, grouped as in the picture. */
export function graphText(report: AuditReport, { all = false }: GraphOptions = {}): string {
  const blocks = graphModel(report)
    .links.filter(({ standing }) => all || standing !== 'refused')
    .map((link) => [printable(linkSentence(link)), ...link.connections.map(line)].join('\n'))
  if (blocks.length === 0) return 'no connections were found\n'
  const refused = report.connections.filter((one) => standingOf(one) === 'refused').length
  const hidden =
    all || refused === 0
      ? ''
      : `\n${count(refused, 'connection')} refused, as they must be: --all shows them\n`
  return `${blocks.join('\n\n')}\n${hidden}`
}

function line(connection: Connection): string {
  const { from, to, url, reason } = connection
  const why = reason === undefined ? '' : `  ${reason}`
  return printable(`  ${SIGNS[standingOf(connection)]}  ${from} → ${to}  ${url}${why}`)
}

/** Graphviz: one vertex per component of a node. */
export function graphDot(report: AuditReport, { all = false }: GraphOptions = {}): string {
  const shown = report.connections.filter((one) => all || standingOf(one) !== 'refused')
  const styles: Readonly<Record<Standing, string>> = {
    works: 'color="#14704a"',
    refused: 'color="#9aa1a9", style=dotted, arrowhead=tee',
    broken: 'color="#b3202c", style=dashed, arrowhead=box, penwidth=2',
    forbidden: 'color="#7430b0", style=bold, arrowhead=dot',
    unknown: 'color="#9aa1a9", style=dashed, arrowhead=odot',
  }
  const edges = shown.map((one) => {
    const standing = standingOf(one)
    const tooltip = one.reason === undefined ? one.url : `${one.url}: ${one.reason}`
    return `  ${quoted(one.from)} -> ${quoted(one.to)} [${styles[standing]}, tooltip=${quoted(tooltip)}]\n`
  })
  const ends = [...new Set(shown.flatMap(({ from, to }) => [from, to]))]
  const vertices = ends.map((end) => `  ${quoted(end)}\n`)
  return `digraph kpki {\n  rankdir=LR\n  node [shape=box, style=rounded, fontname="sans-serif"]\n${vertices.join('')}${edges.join('')}}\n`
}

function quoted(text: string): string {
  return `"${printable(text).replace(/[\\"]/g, '\\$&')}"`
}

/** Mermaid, as GitHub and GitLab draw it inside Markdown: one vertex per kind of component. */
export function graphMermaid(report: AuditReport, { all = false }: GraphOptions = {}): string {
  const model = graphModel(report)
  const links = model.links.filter(({ standing }) => all || standing !== 'refused')
  const names = new Map(
    [...new Set(links.flatMap(({ from, to }) => [from, to]))].map((id, index) => [id, `c${index}`]),
  )
  const titles = new Map(model.cards.map(({ id, title, members }) => [id, [title, ...members]]))
  const vertices = [...names].map(([id, name]) => {
    const [title = id, ...members] = titles.get(id) ?? []
    const who = members.length > 4 ? count(members.length, 'node') : members.join(', ')
    return `  ${name}["${entity(title)}${who === '' ? '' : `<br/>${entity(who)}`}"]\n`
  })
  const arrows: Readonly<Record<Standing, string>> = {
    works: '-->',
    refused: '--x',
    broken: '-.->',
    forbidden: '==>',
    unknown: '-.-',
  }
  const labels: Readonly<Record<Standing, string>> = {
    works: '',
    refused: 'refused ',
    broken: 'fails ',
    forbidden: 'open ',
    unknown: 'unknown ',
  }
  const edges = links.map(({ from, to, standing, connections }) => {
    const label = `${labels[standing]}${connections.length}`
    return `  ${names.get(from)} ${arrows[standing]}|${label}| ${names.get(to)}\n`
  })
  const colours = links.map(({ standing }, index) => ({ standing, index }))
  const style = (standing: Standing, css: string): string => {
    const indexes = colours.filter((one) => one.standing === standing).map(({ index }) => index)
    return indexes.length === 0 ? '' : `  linkStyle ${indexes.join(',')} ${css}\n`
  }
  return `flowchart LR\n${vertices.join('')}${edges.join('')}${style('broken', 'stroke:#b3202c,stroke-width:2px')}${style('forbidden', 'stroke:#7430b0,stroke-width:3px')}`
}

/** Mermaid's own entities: everything but letters, digits and a few signs, by number. */
function entity(text: string): string {
  return printable(text).replace(
    /[^\p{L}\p{N} .,:/_-]/gu,
    (character) => `#${character.codePointAt(0) ?? 63};`,
  )
}
