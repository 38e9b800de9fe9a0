import { type Card, type GraphModel, isTold, type Link } from './model.js'

export interface Box extends Card {
  readonly x: number
  readonly y: number
  readonly width: number
  readonly height: number
  readonly column: number
}

/** Measures of a variant: `wide` has three columns, `narrow`, for phones, two. */
export interface Measures {
  readonly columns: readonly { readonly x: number; readonly width: number }[]
  readonly width: number
  readonly cardHeight: number
  readonly gap: number
  /** How far brackets beside a column reach out: the first one, and each further one. */
  readonly bracket: readonly [first: number, further: number]
}

/** Room for one link's end beside a box. */
export const PORT = 21

/** Column of a lane where there are three. */
export const wideColumn = (lane: Card['lane']): number =>
  lane === 'hub' ? 1 : lane === 'server' ? 2 : 0

/** Clients left, the API server in the middle as tall as all of them, servers right. */
export function wideBoxes(
  model: GraphModel,
  links: readonly Link[],
  measures: Measures,
  top: number,
): readonly Box[] {
  const columns = [0, 1, 2].map((column) =>
    model.cards.filter(({ lane }) => wideColumn(lane) === column),
  )
  const heights = columns.map((cards) => cards.map((card) => heightOf(card, links, measures)))
  const total = heights.map((each, column) =>
    column === 1 ? 0 : sum(each) + (each.length - 1) * measures.gap,
  )
  const height = Math.max(measures.cardHeight * 2, ...total)
  return columns.flatMap((cards, column) => {
    const { x, width } = measures.columns[column] ?? { x: 0, width: 0 }
    const own = heights[column] ?? []
    const share = height / Math.max(1, cards.length)
    const space = (height - sum(own)) / Math.max(1, cards.length)
    let y = top + space / 2
    return cards.map((card, row): Box => {
      if (card.lane === 'hub')
        return { ...card, x, y: top + row * share, width, height: share, column }
      const box = { ...card, x, y, width, height: own[row] ?? 0, column }
      y += box.height + space
      return box
    })
  })
}

const sum = (numbers: readonly number[]): number => numbers.reduce((a, b) => a + b, 0)

/** Higher than usual where many links meet. */
function heightOf({ id, lane }: Card, links: readonly Link[], { cardHeight }: Measures): number {
  if (lane === 'hub') return cardHeight
  const meeting = links.filter(({ from, to }) => from !== to && (from === id || to === id)).length
  return Math.max(cardHeight, meeting * PORT + 6)
}

/** Clients left, the API server beside them as tall as they are, servers below it. */
export function narrowBoxes(
  model: GraphModel,
  links: readonly Link[],
  measures: Measures,
  top: number,
): readonly Box[] {
  const { gap } = measures
  const [left = { x: 0, width: 0 }, right = { x: 0, width: 0 }] = measures.columns
  const of = (...lanes: Card['lane'][]): readonly Card[] =>
    model.cards.filter(({ lane }) => lanes.includes(lane))
  const [clients, hubs, servers, intruders] = [
    of('client'),
    of('hub'),
    of('server'),
    of('intruder'),
  ]
  const besides = servers.filter(({ id }) => id === 'etcd-healthcheck-client')
  const stack = (cards: readonly Card[], column: number, from: number): readonly Box[] => {
    let y = from
    return cards.map((card): Box => {
      const { x, width } = column === 0 ? left : right
      const box = { ...card, x, y, width, height: heightOf(card, links, measures), column }
      y += box.height + gap
      return box
    })
  }
  const upper = stack(clients, 0, top)
  const middle = Math.max(top + measures.cardHeight, ...upper.map(({ y, height }) => y + height))
  const share = (middle - top) / Math.max(1, hubs.length)
  const tall = hubs.map(
    (card, row): Box => ({ ...card, ...right, y: top + row * share, height: share, column: 1 }),
  )
  const main = servers.filter((card) => !besides.includes(card))
  const below = middle + gap
  return [
    ...upper,
    ...tall,
    ...stack(main, 1, below),
    ...stack([...besides, ...intruders], 0, below),
  ]
}

/** A drawn link: an SVG path, and where its badge sits. */
export interface Route {
  readonly link: Link
  readonly path: string
  readonly badge: readonly [x: number, y: number]
}

export interface GraphLayout {
  readonly width: number
  readonly height: number
  readonly boxes: readonly Box[]
  readonly routes: readonly Route[]
}

export type Variant = 'wide' | 'narrow'

const MEASURES: { readonly [V in Variant]: Measures } = {
  wide: {
    columns: [
      { x: 16, width: 190 },
      { x: 356, width: 170 },
      { x: 676, width: 190 },
    ],
    width: 950,
    cardHeight: 56,
    gap: 20,
    bracket: [22, 9],
  },
  narrow: {
    columns: [
      { x: 2, width: 136 },
      { x: 196, width: 108 },
    ],
    width: 384,
    cardHeight: 52,
    gap: 14,
    bracket: [16, 7],
  },
}

const TRACK = 12
const BADGE = 30
const MARGIN = 12

/** Places boxes in columns and leads links around them. Refused connections are not drawn. */
export function layoutGraph(model: GraphModel, variant: Variant): GraphLayout {
  const measures = MEASURES[variant]
  const links = model.links.filter((link) => isDrawn(model, link))
  const tracks = variant === 'wide' ? bypasses(model, links) : 0
  const top = MARGIN + tracks * TRACK
  const boxes =
    variant === 'wide'
      ? wideBoxes(model, links, measures, top)
      : narrowBoxes(model, links, measures, top)
  const bottom = Math.max(top, ...boxes.map(({ y, height }) => y + height))
  const routes = route(links, boxes, measures)
  return { width: measures.width, height: bottom + MARGIN, boxes, routes }
}

/** Nor are probes on the node itself, as long as they work. */
function isDrawn({ cards }: GraphModel, link: Link): boolean {
  if (!isTold(link)) return false
  const { from, to, standing } = link
  const target = cards.find(({ id }) => id === to)
  return !(standing === 'works' && from === 'kubelet' && target?.lane === 'client')
}

function bypasses(model: GraphModel, links: readonly Link[]): number {
  const column = new Map(model.cards.map(({ id, lane }) => [id, wideColumn(lane)]))
  return links.filter(
    ({ from, to }) => Math.abs((column.get(from) ?? 0) - (column.get(to) ?? 0)) === 2,
  ).length
}

interface End {
  readonly box: Box
  readonly side: 'left' | 'right'
}

interface Span {
  readonly link: Link
  readonly a: End
  readonly b: End
  readonly shape: 'across' | 'bracket' | 'bypass'
}

function route(
  links: readonly Link[],
  boxes: readonly Box[],
  measures: Measures,
): readonly Route[] {
  const byId = new Map(boxes.map((box) => [box.id, box]))
  const spans = links.flatMap((link): readonly Span[] => {
    const [from, to] = [byId.get(link.from), byId.get(link.to)]
    return from === undefined || to === undefined ? [] : [spanOf(link, from, to, measures)]
  })
  const ports = allocate(spans)
  const nested = spans
    .filter(({ shape }) => shape === 'bracket')
    .sort((p, q) => reach(p) - reach(q))
  const passing = spans.filter(({ shape }) => shape === 'bypass')
  return spans.map((span) => {
    const key = (end: 'a' | 'b'): number => ports.get(`${span.link.id} ${end}`) ?? 0
    const [y1, y2] = [key('a'), key('b')]
    const [x1, x2] = [edgeOf(span.a), edgeOf(span.b)]
    if (span.shape === 'across') return across(span.link, x1, y1, x2, y2)
    if (span.shape === 'bracket') {
      const sign = span.a.side === 'right' ? 1 : -1
      const peers = nested.filter((one) => one.a.box.column === span.a.box.column)
      const index = peers.indexOf(span)
      const [first, further] = measures.bracket
      const out = x1 + sign * (first + Math.min(index, 7) * further)
      const path = rounded([
        [x1, y1],
        [out, y1],
        [out, y2],
        [x2, y2],
      ])
      const [upper, lower] = [Math.min(y1, y2), Math.max(y1, y2)]
      const share = (index + 1) / (peers.length + 1)
      const x = Math.min(out, measures.width - BADGE)
      return { link: span.link, path, badge: [x, upper + (lower - upper) * share] }
    }
    const track = passing.indexOf(span)
    const y = MARGIN + track * TRACK
    const toRight = x2 > x1 ? 1 : -1
    const [g1, g2] = [x1 + toRight * (28 + track * 9), x2 - toRight * (28 + track * 9)]
    const path = rounded([
      [x1, y1],
      [g1, y1],
      [g1, y],
      [g2, y],
      [g2, y2],
      [x2, y2],
    ])
    return { link: span.link, path, badge: [(g1 + g2) / 2 + track * 40, y] }
  })
}

function spanOf(link: Link, from: Box, to: Box, measures: Measures): Span {
  const distance = to.column - from.column
  const outer = from.column === measures.columns.length - 1 ? 'right' : 'left'
  if (distance === 0)
    return { link, a: { box: from, side: outer }, b: { box: to, side: outer }, shape: 'bracket' }
  const [side, other] = distance > 0 ? (['right', 'left'] as const) : (['left', 'right'] as const)
  const shape = Math.abs(distance) === 1 ? 'across' : 'bypass'
  return { link, a: { box: from, side }, b: { box: to, side: other }, shape }
}

const edgeOf = ({ box, side }: End): number => (side === 'right' ? box.x + box.width : box.x)

const reach = ({ a, b }: Span): number => Math.abs(a.box.y - b.box.y)

/** Heights at which links meet boxes. The tall box takes links where its neighbours send them. */
function allocate(spans: readonly Span[]): ReadonlyMap<string, number> {
  const sides = new Map<string, { key: string; box: Box; order: number }[]>()
  const middle = ({ y, height }: Box): number => y + height / 2
  for (const { link, a, b } of spans)
    for (const [name, end, other] of [
      ['a', a, b],
      ['b', b, a],
    ] as const) {
      const side = `${end.box.id} ${end.side}`
      const list = sides.get(side) ?? []
      // a loop leaves above and comes back below
      const order =
        end === other || a.box === b.box ? (name === 'a' ? -1e6 : 1e6) : middle(other.box)
      list.push({ key: `${link.id} ${name}`, box: end.box, order })
      sides.set(side, list)
    }
  const ports = new Map<string, number>()
  for (const list of sides.values()) {
    list.sort((p, q) => p.order - q.order)
    list.forEach(({ key, box }, index) => {
      const step = Math.min(PORT, (box.height - 10) / list.length)
      ports.set(key, middle(box) + (index - (list.length - 1) / 2) * step)
    })
  }
  for (const { link, a, b, shape } of spans) {
    if (shape !== 'across') continue
    const [hub, other] = a.box.lane === 'hub' ? (['a', 'b'] as const) : (['b', 'a'] as const)
    const box = hub === 'a' ? a.box : b.box
    const y = ports.get(`${link.id} ${other}`) ?? 0
    const inside = y > box.y + 4 && y < box.y + box.height - 4
    if (box.lane === 'hub' && inside) ports.set(`${link.id} ${hub}`, y)
  }
  return ports
}

function across(link: Link, x1: number, y1: number, x2: number, y2: number): Route {
  const middle = (x1 + x2) / 2
  const path =
    Math.abs(y1 - y2) < 1
      ? `M${round(x1)} ${round(y1)}H${round(x2)}`
      : `M${round(x1)} ${round(y1)}C${round(middle)} ${round(y1)} ${round(middle)} ${round(y2)} ${round(x2)} ${round(y2)}`
  return { link, path, badge: [middle, (y1 + y2) / 2] }
}

/** A polyline with rounded corners. */
function rounded(points: readonly (readonly [number, number])[]): string {
  const [start, ...rest] = points
  if (start === undefined) return ''
  let path = `M${round(start[0])} ${round(start[1])}`
  let [px, py] = start
  rest.forEach(([x, y], index) => {
    const next = rest[index + 1]
    const length = Math.hypot(x - px, y - py)
    const radius =
      next === undefined ? 0 : Math.min(8, length / 2, Math.hypot(next[0] - x, next[1] - y) / 2)
    const [ux, uy] = length === 0 ? [0, 0] : [(x - px) / length, (y - py) / length]
    path += `L${round(x - ux * radius)} ${round(y - uy * radius)}`
    if (next !== undefined) {
      const far = Math.hypot(next[0] - x, next[1] - y)
      const [vx, vy] = far === 0 ? [0, 0] : [(next[0] - x) / far, (next[1] - y) / far]
      path += `Q${round(x)} ${round(y)} ${round(x + vx * radius)} ${round(y + vy * radius)}`
    }
    ;[px, py] = [x, y]
  })
  return path
}

const round = (value: number): number => Math.round(value * 10) / 10
