import type { Card, GraphModel, Link } from './graph-model.js'

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
