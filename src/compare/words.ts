import type { Difference, DifferenceKind } from './types.js'

/** A difference before it has a place. */
export type Draft = Pick<Difference, 'kind' | 'change' | 'subject'> &
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
): Draft | undefined {
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
export function sentence({ kind, change, subject, before, after, message }: Draft): string {
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
