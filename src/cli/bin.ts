import { KpkiError } from '../errors.js'
import { isCode } from '../files/disk.js'
import { describeError, type ExitCode } from './io.js'
import { main } from './main.js'

/** A stream whose failures end nothing: the work is done, and what it earned is said, whoever listens. */
function outlet(stream: NodeJS.WriteStream) {
  let failure: unknown
  const failed = (cause: unknown): void => {
    failure ??= cause
  }
  const write = (text: string, done?: (error?: Error | null) => void): void => {
    try {
      if (failure === undefined) stream.write(text, done)
      else done?.()
    } catch (cause) {
      failed(cause)
      done?.()
    }
  }
  stream.on('error', failed)
  return {
    write: (text: string) => write(text),
    /** Why not everything could be written, once all has been tried. */
    end: async (): Promise<unknown> => {
      await new Promise<void>((resolve) =>
        write('', (error) => {
          if (error) failed(error)
          resolve()
        }),
      )
      return failure
    },
  }
}

function presentFolder(): string {
  try {
    return process.cwd()
  } catch (cause) {
    throw noWay('ERR_FILE_UNREADABLE', 'the present folder cannot be found', cause)
  }
}

function noWay(
  code: 'ERR_FILE_UNREADABLE' | 'ERR_WRITE_FAILED',
  what: string,
  cause: unknown,
): KpkiError {
  const why = cause instanceof Error ? cause.message : String(cause)
  return new KpkiError(code, `${what}: ${why}`, { path: '.' }, { cause })
}

async function confirm(question: string): Promise<boolean> {
  const { createInterface } = await import('node:readline/promises')
  const terminal = createInterface({ input: process.stdin, output: process.stderr })
  try {
    return /^y(es)?$/i.test((await terminal.question(`${question} [y/N] `)).trim())
  } finally {
    terminal.close()
  }
}

async function run(): Promise<ExitCode> {
  const out = outlet(process.stdout)
  const err = outlet(process.stderr)
  try {
    const exit = await main(process.argv.slice(2), {
      out: out.write,
      err: err.write,
      env: process.env,
      cwd: presentFolder(),
      isTerminal: process.stderr.isTTY === true,
      now: () => new Date(),
      confirm: process.stdin.isTTY && process.stderr.isTTY ? confirm : undefined,
    })
    const failure = await out.end()
    // A reader that ends early has what it wanted. What people are told besides is nobody's product.
    if (failure === undefined || isCode(failure, 'EPIPE')) return exit
    throw noWay('ERR_WRITE_FAILED', 'standard output could not be written', failure)
  } catch (error) {
    const { text, exit } = describeError(error)
    err.write(text)
    return exit
  } finally {
    await err.end()
  }
}

process.exitCode = await run()
