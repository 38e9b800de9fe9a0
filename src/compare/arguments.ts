import { type Flags, parseFlags } from '../audit/command-line.js'
import { shown } from './secrets.js'
import { type Draft, draft, present } from './words.js'

/** Differences between two command lines, flag by flag; also their order, where flags repeat or the last one wins. */
export function diffArguments(
  before: readonly string[],
  after: readonly string[],
): readonly Draft[] {
  const [old, fresh] = [parseFlags(before), parseFlags(after)]
  const names = [...new Set([...old.keys(), ...fresh.keys()])]
  const drafts = names
    .filter((name) => JSON.stringify(old.get(name)) !== JSON.stringify(fresh.get(name)))
    .map((name) => diffFlag(name, old.get(name), fresh.get(name)))
  return present([...drafts, order(old, fresh)])
}

function diffFlag(
  name: string,
  before: readonly string[] | undefined,
  after: readonly string[] | undefined,
): Draft {
  const text = (values: readonly string[] | undefined): string | undefined =>
    values?.map((value) => shown(name, value)).join(' and ')
  const subject = `--${name}`
  const secretly = { kind: 'flag', change: 'changed', subject } as const
  return (
    draft('flag', subject, text(before), text(after)) ?? {
      ...secretly,
      message: `flag ${subject} changed`,
    }
  )
}

function order(old: Flags, fresh: Flags): Draft | undefined {
  const common = (a: Flags, b: Flags): string => [...a.keys()].filter((name) => b.has(name)).join()
  if (common(old, fresh) === common(fresh, old)) return undefined
  return {
    kind: 'flag',
    change: 'changed',
    subject: 'order of arguments',
    message: 'the order of the arguments changed',
  }
}
