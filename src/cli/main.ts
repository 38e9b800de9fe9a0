import { Command, CommanderError } from 'commander'
import { version } from '../../package.json'
import { VERBS } from './commands.js'
import { describeError } from './errors.js'
import type { ExitCode, Io } from './io.js'

/** Runs one command line and says how it ended. Never exits the process. */
export async function main(argv: readonly string[], outside: Omit<Io, 'exit'>): Promise<ExitCode> {
  let exitCode: ExitCode = 0
  const io: Io = {
    ...outside,
    exit: (code) => {
      if (exitCode === 0) exitCode = code
    },
  }
  try {
    await program(io).parseAsync([...argv], { from: 'user' })
    return exitCode
  } catch (error) {
    if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : 2
    const { text, exit } = describeError(error)
    io.err(text)
    return exit
  }
}

function program(io: Io): Command {
  const root = new Command('kpki')
    .description('The whole PKI of a Kubernetes cluster, as data, before any machine exists')
    .version(version, '-V, --version')
    .showHelpAfterError('kpki: hint: `kpki --help` lists the verbs, `kpki VERB --help` its options')
    .configureHelp({ sortSubcommands: false })
  for (const verb of VERBS) root.addCommand(verb(io))
  harden(root, io)
  return root
}

// Commander would exit the process and write to the console by itself.
function harden(command: Command, io: Io): void {
  command.exitOverride().configureOutput({
    writeOut: io.out,
    writeErr: io.err,
    outputError: (text, write) => write(text.replace(/^error: /, 'kpki: error: ')),
  })
  for (const sub of command.commands) harden(sub, io)
}
