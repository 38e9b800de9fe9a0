import type { Command } from 'commander'
import { NOT_DECIDABLE, rulePage } from '../../audit/rules/docs.js'
import { RULES } from '../../audit/rules/index.js'
import type { Rule, RuleInfo } from '../../audit/types.js'
import { type ExitCode, errorPage, type Io } from '../io.js'
import { unknownRule } from './audit.js'

export interface ExplainOptions {
  readonly list?: boolean
  readonly json?: boolean
}

/** `kpki explain`. */
export function explainCommand(verb: Command, io: Io): Command {
  return verb
    .argument(
      '[WORD]',
      'a rule’s name or code (key-cert-mismatch, K01), or an error code (ERR_LOCKED)',
    )
    .option('--list', 'list every rule')
    .option('--json', 'as JSON')
    .addHelpText(
      'after',
      '\nExamples:\n  kpki explain K01\n  kpki explain ERR_LOCKED\n  kpki explain --list\n',
    )
    .action(async (rule: string | undefined, options: ExplainOptions) => {
      io.exit(await runExplain(io, rule, options))
    })
}

/** Prints the page of a rule or an error code, or the list of all rules. */
export async function runExplain(
  io: Io,
  word: string | undefined,
  options: ExplainOptions,
): Promise<ExitCode> {
  if (word === undefined) {
    io.out(options.json === true ? `${JSON.stringify(RULES.map(plain), undefined, 2)}\n` : list())
    return 0
  }
  const error = errorPage(word)
  if (error !== undefined) {
    io.out(error)
    return 0
  }
  const wanted = word.toLowerCase()
  const rule = RULES.find(({ id, code }) => id === wanted || code.toLowerCase() === wanted)
  const undecided = NOT_DECIDABLE.find(
    ([code, id]) => id === wanted || code.toLowerCase() === wanted,
  )
  if (undecided !== undefined) {
    const [code, id, why] = undecided
    io.out(`${code} ${id} is not judged: ${why}\n`)
    return 0
  }
  if (rule === undefined) throw unknownRule(word)
  io.out(options.json === true ? `${JSON.stringify(plain(rule), undefined, 2)}\n` : rulePage(rule))
  return 0
}

function plain({ check: _, remedy: __, ...rest }: Rule): RuleInfo {
  return rest
}

function list(): string {
  const width = Math.max(0, ...RULES.map(({ id }) => id.length))
  return RULES.map(
    ({ code, id, severity, title }) =>
      `${code.padEnd(4)} ${id.padEnd(width)}  ${severity.padEnd(7)}  ${title}\n`,
  ).join('')
}
