import { KpkiError } from '../../errors.js'
import { type RunResult, type Transport, TransportError } from '../ssh/transport.js'
import type { Redact } from './redact.js'

const inspect = Symbol.for('nodejs.util.inspect.custom')
const shown = '[secret]'

/** A value that no output shows: text, JSON and inspection all give `[secret]`. */
export interface Secret<T> {
  /** The value itself, for the place that truly needs it. */
  readonly reveal: () => T
  readonly toString: () => string
  readonly toJSON: () => string
}

export function secret<T>(value: T): Secret<T> {
  const wrapper = { toString: () => shown, toJSON: () => shown, [inspect]: () => shown }
  Object.defineProperty(wrapper, 'reveal', { value: () => value, enumerable: false })
  return wrapper as unknown as Secret<T>
}

/** Where a remote command belongs, for messages and the log. */
export interface StepSite {
  readonly host: string
  readonly step: string
}

export interface ScriptOptions {
  readonly timeoutMs?: number
  readonly maxOutput?: number
  /** The output is not logged. */
  readonly quiet?: boolean
}

/** Root's shell on one host. */
export interface Remote {
  /** What the host says goes through it before it is cut, shown or kept. */
  readonly redact: Redact
  /** Runs a script that is sent by standard input. */
  readonly script: (
    text: string,
    args?: readonly string[],
    options?: ScriptOptions,
  ) => Promise<RunResult>
  /** Runs a constant script whose standard input is `data`. */
  readonly stream: (
    text: string,
    args: readonly string[],
    data: Uint8Array | AsyncIterable<Uint8Array>,
    options?: ScriptOptions,
  ) => Promise<RunResult>
}

/** One line of the transcript. */
export interface Exchange extends StepSite {
  readonly command: string
  readonly exitCode: number
  readonly output: string
}

export interface RemoteOptions {
  readonly place: () => StepSite
  readonly transport: Transport
  readonly redact: Redact
  readonly log: (exchange: Exchange) => void
}

// $1 seconds, $2 '-' for a script on stdin or the script itself, then its parameters.
const BECOME = `t=$1 s=$2; shift 2
if [ "$s" = - ]; then set -- sh -s -- "$@"; else set -- sh -c "$s" sh "$@"; fi
if [ "$(id -u)" = 0 ]; then exec timeout -k 5 "$t" "$@"; else exec sudo -n timeout -k 5 "$t" "$@"; fi`

const defaultTimeout = 60_000
const encoder = new TextEncoder()

export function remoteOf(options: RemoteOptions): Remote {
  const run = async (
    text: string,
    args: readonly string[],
    data: Uint8Array | AsyncIterable<Uint8Array>,
    script: string,
    settings: ScriptOptions,
  ) => {
    const timeoutMs = settings.timeoutMs ?? defaultTimeout
    const seconds = String(Math.ceil(timeoutMs / 1000))
    const argv = ['sh', '-c', BECOME, 'kpki', seconds, text, ...args]
    // The host ends the command itself; our own deadline is for a host that no longer does.
    const limits = { timeoutMs: timeoutMs + 10_000, maxOutput: settings.maxOutput ?? 4_194_304 }
    const place = options.place()
    const command = options.redact([firstLine(script), ...args].join(' '))
    try {
      const result = await options.transport.run(argv, { stdin: data, ...limits })
      const output = settings.quiet ? '' : saidBy(options.redact, result)
      options.log({ ...place, command, exitCode: result.exitCode, output })
      return result
    } catch (error) {
      const message = error instanceof Error ? options.redact(error.message) : 'failed'
      options.log({ ...place, command, exitCode: -1, output: message })
      throw error
    }
  }
  return {
    redact: options.redact,
    script: (text, args = [], settings = {}) =>
      run('-', args, encoder.encode(text), text, settings),
    stream: (text, args, data, settings = {}) => run(text, args, data, text, settings),
  }
}

const firstLine = (script: string) =>
  (script.split('\n').find((line) => line.trim() !== '') ?? '').slice(0, 120)

/** Another operator has the host, or our lock is gone (after a reboot). */
export const LOCK_LOST = 75

/** Turns a failure into the error that names host, step, reason and the way on. */
export function remoteError(place: StepSite, error: unknown, redact: Redact): KpkiError {
  if (error instanceof KpkiError) {
    const message = redact(error.message)
    if (message === error.message) return error
    const hint = error.hint === undefined ? {} : { hint: error.hint }
    return new KpkiError(error.code, message, error.details, hint)
  }
  const reason = redact(error instanceof Error ? error.message : String(error))
  const hint =
    error instanceof TransportError
      ? (error.hint ?? 'run the same command again: it continues where it stopped')
      : undefined
  return new KpkiError('ERR_REMOTE', `${place.host}: ${place.step}: ${reason}`, place, {
    cause: error,
    ...(hint === undefined ? {} : { hint }),
  })
}

/** The exit code must be 0. */
export function expectDone({ redact }: Remote, result: RunResult, what: string): RunResult {
  if (result.exitCode === 0) return result
  throw new Error(`${what} ${reasonOf(redact, result)}`)
}

/** Why a command failed, from its exit code and the end of its output. */
export function reasonOf(redact: Redact, result: RunResult): string {
  const text = `${result.stdout}\n${result.stderr}`
  if (/sudo: (a password is required|no tty present)/.test(text))
    return 'needs a password: sudo must work without one (NOPASSWD in /etc/sudoers.d)'
  if (/No space left on device/i.test(text)) return 'failed: the disk is full'
  if (result.exitCode === 124) return 'took too long and was ended'
  const lines = saidBy(redact, result)
    .split('\n')
    .filter((line) => line.trim() !== '')
  const end = lines.slice(-4).join('; ').slice(-600)
  return `failed with exit code ${result.exitCode}${end === '' ? '' : `: ${end}`}`
}

// Each for itself: a key that one of them cuts off must not take the other along.
function saidBy(redact: Redact, { stdout, stderr }: RunResult): string {
  return [stdout, stderr]
    .filter((text) => text !== '')
    .map(redact)
    .join('\n')
}

/** The last line that is not empty. */
export function lastLine(text: string): string {
  return text.trimEnd().split('\n').at(-1) ?? ''
}
