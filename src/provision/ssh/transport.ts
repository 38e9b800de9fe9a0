/** How a command is run on a host. */
export interface RunOptions {
  readonly stdin?: Uint8Array | AsyncIterable<Uint8Array>
  /** Milliseconds until the command counts as lost. */
  readonly timeoutMs: number
  /** Bytes of output (each of stdout and stderr) that are accepted; 4 MiB by default. */
  readonly maxOutput?: number
}

/** How a command ended on a host. */
export interface RunResult {
  readonly exitCode: number
  /** UTF-8, with replacement characters for what is not. */
  readonly stdout: string
  readonly stderr: string
}

/**
 * A way to run commands on one host. kpki brings OpenSSH; implement this interface to plug in another
 * (a cloud's session manager, a container, a test's fake).
 *
 * `run` resolves for every command that ended, whatever its exit code, and rejects with a
 * {@link TransportError} when the host could not be asked or the answer did not arrive.
 */
export interface Transport {
  readonly run: (argv: readonly string[], options: RunOptions) => Promise<RunResult>
  readonly close: () => Promise<void>
}

/**
 * `connect`: never reached, nothing ran · `cut`: lost while a command may have run · `timeout`: no answer
 * in time · `host-key`: the host is not who it should be · `login`: refused · `output`: more output than accepted.
 */
export type TransportFault = 'connect' | 'cut' | 'timeout' | 'host-key' | 'login' | 'output'

/** A connection that could not be made or was lost. */
export class TransportError extends Error {
  readonly fault: TransportFault
  readonly hint: string | undefined

  constructor(fault: TransportFault, message: string, hint?: string) {
    super(message)
    this.name = 'TransportError'
    this.fault = fault
    this.hint = hint
  }
}

/** Time as an argument. `sleep` ends early, by rejecting, when the signal aborts. */
export interface Clock {
  /** Milliseconds since the epoch. */
  readonly now: () => number
  readonly sleep: (ms: number, signal?: AbortSignal) => Promise<void>
}

/** Milliseconds to wait before attempt number `attempt` (the first retry is 1): doubling, at most 15 s. */
export function backOff(attempt: number): number {
  return Math.min(15_000, 500 * 2 ** (attempt - 1))
}

export interface Reconnect {
  /** Opens the transport; called again after it was lost. */
  readonly open: () => Promise<Transport>
  readonly clock: Clock
  /** Connection attempts in a row before giving up. */
  readonly attempts: () => number
  readonly signal?: AbortSignal
  readonly onRetry?: (error: TransportError, waitMs: number) => void
}

/**
 * A transport that connects when first used and reconnects after a loss. Only reaching the host is
 * retried here: a command that may have run is never repeated, its error goes to the caller, who knows
 * how to ask what is true now.
 */
export function reconnecting(options: Reconnect): Transport {
  let current: Promise<Transport> | undefined
  const connect = async (): Promise<Transport> => {
    for (let attempt = 1; ; attempt++) {
      try {
        return await options.open()
      } catch (error) {
        const again = error instanceof TransportError && retriable(error.fault)
        if (!again || attempt >= options.attempts()) throw error
        const wait = backOff(attempt)
        options.onRetry?.(error, wait)
        await options.clock.sleep(wait, options.signal)
      }
    }
  }
  const drop = async () => {
    const lost = current
    current = undefined
    await lost?.then((transport) => transport.close()).catch(() => undefined)
  }
  return {
    run: async (argv, run) => {
      for (let attempt = 1; ; attempt++) {
        current ??= connect()
        try {
          return await (await current).run(argv, run)
        } catch (error) {
          if (!(error instanceof TransportError) || error.fault === 'output') throw error
          await drop()
          if (error.fault !== 'connect' || attempt >= 2) throw error
        }
      }
    },
    close: drop,
  }
}

function retriable(fault: TransportFault): boolean {
  return fault === 'connect' || fault === 'cut' || fault === 'timeout'
}
