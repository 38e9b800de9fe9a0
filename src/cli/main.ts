import { Command, CommanderError } from 'commander'
import { version } from '../../package.json'
import { describeError, type ExitCode, type Io, safely } from './io.js'
import { VERBS } from './verbs/table.js'

/** Runs one command line and says how it ended. Never exits the process. */
export async function main(argv: readonly string[], outside: Omit<Io, 'exit'>): Promise<ExitCode> {
  let exitCode: ExitCode = 0
  const io: Io = {
    ...outside,
    out: safely(outside.out),
    err: safely(outside.err),
    exit: (code) => {
      if (exitCode === 0) exitCode = code
    },
  }
  try {
    await (await program(argv, io)).parseAsync([...argv], { from: 'user' })
    return exitCode
  } catch (error) {
    if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : 2
    const { text, exit } = describeError(error)
    io.err(text)
    return exit
  }
}

async function program(argv: readonly string[], io: Io): Promise<Command> {
  const root = new Command('kpki')
    .description('The whole PKI of a Kubernetes cluster, as data, before any machine exists')
    .version(version, '-V, --version')
    .showHelpAfterError('kpki: hint: `kpki --help` lists the verbs, `kpki VERB --help` its options')
    .configureHelp({ sortSubcommands: false, subcommandTerm: (verb) => verb.name() })
  for (const { name, alias, summary, load } of VERBS) {
    const verb = new Command(name).summary(summary)
    if (alias !== undefined) verb.alias(alias)
    if (argv.includes(name) || (alias !== undefined && argv.includes(alias)))
      (await load())(verb, io)
    root.addCommand(verb)
  }
  harden(root, io)
  return root
}

// Commander would exit the process and write to the console by itself.
function harden(command: Command, io: Io): void {
  command.exitOverride().configureOutput({
    writeOut: (text) => io.out(text),
    writeErr: (text) => io.err(text),
    outputError: (text, write) => write(text.replace(/^error: /, 'kpki: error: ')),
  })
  for (const sub of command.commands) harden(sub, io)
}
