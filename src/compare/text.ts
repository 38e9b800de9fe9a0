import { plural, printable } from '../values/text.js'
import type { Difference, DifferenceKind } from './types.js'

/** A difference before it has a place. */
export type DifferenceDraft = Pick<Difference, 'kind' | 'change' | 'subject'> &
  Partial<Pick<Difference, 'before' | 'after' | 'message'>>

const NOUNS: Readonly<Record<DifferenceKind, string>> = {
  node: 'node',
  file: 'file',
  mode: '',
  certificate: '',
  key: '',
  kubeconfig: '',
  flag: 'flag',
  environment: 'environment variable',
  mount: 'mount',
  volume: 'volume',
  probe: '',
  image: '',
  field: '',
  content: '',
}

/** A value that is there on one side, on the other, or on both; undefined where the two agree. */
export function draft(
  kind: DifferenceKind,
  subject: string,
  before: string | undefined,
  after: string | undefined,
): DifferenceDraft | undefined {
  if (before === after) return undefined
  if (before === undefined) return { kind, change: 'added', subject, after: after ?? '' }
  if (after === undefined) return { kind, change: 'removed', subject, before }
  return { kind, change: 'changed', subject, before, after }
}

/** Without those that are undefined. */
export function present<T>(items: readonly (T | undefined)[]): readonly T[] {
  return items.filter((item) => item !== undefined)
}

/** The sentence of a difference. */
export function sentence({
  kind,
  change,
  subject,
  before,
  after,
  message,
}: DifferenceDraft): string {
  if (message !== undefined) return message
  const what = [NOUNS[kind], subject].filter((word) => word !== '').join(' ')
  if (change === 'changed') return `${what}: ${quoted(before)} → ${quoted(after)}`
  const value = change === 'added' ? after : before
  return value === undefined || value === ''
    ? `${what} ${change}`
    : `${what} ${change}: ${quoted(value)}`
}

const LONGEST = 160

function quoted(value: string | undefined): string {
  if (value === undefined || value === '') return '(empty)'
  return value.length > LONGEST ? `${value.slice(0, LONGEST)}…` : value
}

const SIGNS = { added: '+', removed: '-', changed: '~' } as const
const NAMED = 4

/** Differences for people: by file, nodes that differ alike in one block, one line each. */
export function differencesText(differences: readonly Difference[]): string {
  return blocksOf(differences)
    .map(({ path, nodes, lines }) => `${heading(path, nodes)}\n${lines.join('')}`)
    .join('')
}

/** `4 differences in 2 files on 3 nodes` */
export function differencesSummary(differences: readonly Difference[]): string {
  const files = new Set(differences.map(({ node, path }) => JSON.stringify([node, path]))).size
  const nodes = new Set(differences.flatMap(({ node }) => node ?? [])).size
  const on = nodes === 0 ? '' : ` on ${plural(nodes, 'node')}`
  return `${plural(differences.length, 'difference')} in ${plural(files, 'file')}${on}`
}

/** `cp1, cp2`, and how many more where there are many. */
export function nodeNames(nodes: readonly string[]): string {
  const more = nodes.length - NAMED
  if (more < 2) return nodes.map(printable).join(', ')
  return `${nodes.slice(0, NAMED).map(printable).join(', ')} and ${more} more`
}

interface Block {
  readonly path: string
  readonly nodes: readonly string[]
  readonly lines: readonly string[]
}

function blocksOf(differences: readonly Difference[]): readonly Block[] {
  const files = new Map<string, { readonly first: Difference; readonly lines: string[] }>()
  for (const difference of differences) {
    const key = JSON.stringify([difference.node ?? null, difference.path])
    const file = files.get(key) ?? { first: difference, lines: [] }
    file.lines.push(`  ${SIGNS[difference.change]} ${printable(difference.message)}\n`)
    files.set(key, file)
  }
  const blocks = new Map<string, { path: string; nodes: string[]; lines: readonly string[] }>()
  for (const { first, lines } of files.values()) {
    const key = JSON.stringify([first.node === undefined, first.path, lines])
    const block = blocks.get(key) ?? { path: first.path, nodes: [], lines }
    if (first.node !== undefined) block.nodes.push(first.node)
    blocks.set(key, block)
  }
  return [...blocks.values()]
}

function heading(path: string, nodes: readonly string[]): string {
  if (nodes.length === 0) return printable(path)
  return path === '' ? nodeNames(nodes) : `${nodeNames(nodes)}: ${printable(path)}`
}
