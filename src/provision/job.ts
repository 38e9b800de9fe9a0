import { expectDone, type Remote, reasonOf } from './remote.js'
import type { Clock } from './transport.js'

// A job that still runs is joined, never started twice. The script arrives on standard input.
const START = `umask 077; d=/var/lib/kpki/jobs/$1; shift; mkdir -p "$d" || exit 1
alive() { [ -s "$d/pid" ] && [ ! -e "$d/rc" ] && tr '\\0' ' ' <"/proc/$(cat "$d/pid")/cmdline" 2>/dev/null | grep -qF "$d"; }
if alive; then cat >/dev/null; echo joined; exit 0; fi
rm -f "$d/rc" "$d/out" "$d/pid"; cat >"$d/script.new" && mv "$d/script.new" "$d/script" || exit 1
setsid sh -c 'd=$1; shift; echo $$ >"$d/pid"; sh "$d/script" "$@" >"$d/out" 2>&1 </dev/null; echo $? >"$d/rc.new"; mv "$d/rc.new" "$d/rc"' kpki-job "$d" "$@" </dev/null >/dev/null 2>&1 9>&- &
i=0; while [ ! -s "$d/pid" ] && [ ! -e "$d/rc" ] && [ $i -lt 50 ]; do sleep 0.1; i=$((i+1)); done; echo started`

const POLL = `d=/var/lib/kpki/jobs/$1
if [ -e "$d/rc" ]; then echo "ended $(cat "$d/rc")"; tail -c 6000 "$d/out"
elif [ -s "$d/pid" ] && tr '\\0' ' ' <"/proc/$(cat "$d/pid")/cmdline" 2>/dev/null | grep -qF "$d"; then echo running; tail -n 1 "$d/out" | tail -c 200
else echo gone; tail -c 2000 "$d/out"; fi`

export interface JobOptions {
  readonly id: string
  readonly about: string
  readonly script: string
  readonly args: readonly string[]
  readonly timeoutMs: number
  readonly clock: Clock
  readonly signal?: AbortSignal | undefined
  /** The job's latest line of output. */
  readonly onProgress?: (line: string) => void
}

/**
 * Runs a long script on the host, apart from the connection: it goes on when that is lost, and asking
 * again joins it.
 */
export async function runJob(remote: Remote, options: JobOptions): Promise<void> {
  const { id, about, clock } = options
  const script = new TextEncoder().encode(options.script)
  expectDone(await remote.stream(START, [id, ...options.args], script), `starting ${about}`)
  const end = clock.now() + options.timeoutMs
  for (let wait = 200; ; wait = Math.min(1_500, wait * 1.5)) {
    const result = expectDone(await remote.script(POLL, [id]), about)
    const [state = '', ...rest] = result.stdout.split('\n')
    const output = rest.join('\n').trim()
    if (state === 'ended 0') return
    if (state.startsWith('ended')) {
      const exitCode = Number(state.slice(6))
      throw new Error(`${about} ${reasonOf({ exitCode, stdout: interesting(output), stderr: '' })}`)
    }
    if (state !== 'running') throw new JobInterrupted(`${about} was interrupted on the host`)
    if (clock.now() > end)
      throw new Error(
        `${about} has not ended within ${Math.round(options.timeoutMs / 1000)} s; it goes on, the next run joins it${output === '' ? '' : `: ${output}`}`,
      )
    if (output !== '') options.onProgress?.(output)
    await clock.sleep(wait, options.signal)
  }
}

/** The job's process is gone without a result: a reboot or a kill. Asking anew what is true is the way on. */
export class JobInterrupted extends Error {
  constructor(message: string) {
    super(message)
    this.name = 'JobInterrupted'
  }
}

/** Lines that speak of errors, if any; else the end. */
function interesting(output: string): string {
  const lines = output.split('\n')
  const errors = lines.filter((line) => /error|fatal|\[ERROR|E: |refus|denied/i.test(line))
  return (errors.length > 0 ? errors.slice(-5) : lines.slice(-5)).join('\n')
}
