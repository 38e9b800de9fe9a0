import { RULES } from '../audit/rules/index.js'
import type { Rule } from '../audit/types.js'
import { unknownRule } from './audit-run.js'
import type { ExitCode, Io } from './io.js'
import type { ExplainOptions } from './verbs/explain.js'

/** Prints one rule's page, or the list of all. */
export async function runExplain(
  io: Io,
  word: string | undefined,
  options: ExplainOptions,
): Promise<ExitCode> {
  if (word === undefined) {
    io.out(options.json === true ? `${JSON.stringify(RULES.map(plain), undefined, 2)}\n` : list())
    return 0
  }
  const wanted = word.toLowerCase()
  const rule = RULES.find(({ id, code }) => id === wanted || code.toLowerCase() === wanted)
  if (rule === undefined) throw unknownRule(word)
  io.out(options.json === true ? `${JSON.stringify(plain(rule), undefined, 2)}\n` : page(rule))
  return 0
}

function page({
  id,
  code,
  title,
  severity,
  level,
  why,
  fix,
  citation,
  needs,
  profiles,
}: Rule): string {
  const lines = [
    `${code} ${id}: ${title}`,
    '',
    why,
    '',
    `severity   ${severity} (${LEVELS[level]})`,
    `profiles   ${profiles.join(', ')}`,
    `judged by  ${NEEDS[needs]}`,
    `source     ${citation}`,
    ...(fix === undefined ? [] : [`fix        ${fix}`]),
  ]
  return `${lines.join('\n')}\n`
}

const LEVELS: Readonly<Record<Rule['level'], string>> = {
  C: 'critical',
  H: 'high',
  M: 'medium',
  L: 'low',
  I: 'information',
}

const NEEDS: Readonly<Record<Rule['needs'], string>> = {
  bytes: 'the content of files',
  metadata: 'modes and owners of files',
  manifests: 'manifests, units and kubelet configuration',
  'second-tree': 'the same tree at an earlier time (--earlier)',
}

function plain({ check: _, ...rest }: Rule): Omit<Rule, 'check'> {
  return rest
}

function list(): string {
  const width = Math.max(0, ...RULES.map(({ id }) => id.length))
  return RULES.map(
    ({ code, id, severity, title }) =>
      `${code.padEnd(4)} ${id.padEnd(width)}  ${severity.padEnd(7)}  ${title}\n`,
  ).join('')
}
