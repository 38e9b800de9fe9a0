import type { Action, KubeconfigAction, ProbeAction, RewriteAction } from '../action.js'
import { type Digest, TRANSFORMS, type Transform } from '../host/transforms.js'
import { type Clock, TransportError } from '../ssh/transport.js'
import { placeFiles } from './push.js'
import { expectDone, lastLine, type Remote, reasonOf } from './remote.js'

// A job that still runs is joined, never started twice. The script arrives on standard input.
const START = `umask 077; d=/var/lib/kpki/jobs/$1; shift; mkdir -p "$d" || exit 1
alive() { [ -s "$d/pid" ] && [ ! -e "$d/rc" ] && tr '\\0' ' ' <"/proc/$(cat "$d/pid")/cmdline" 2>/dev/null | grep -qF "$d"; }
if alive; then cat >/dev/null; echo joined; exit 0; fi
rm -f "$d/rc" "$d/out" "$d/pid"; cat >"$d/script.new" && mv "$d/script.new" "$d/script" || exit 1
setsid sh -c 'd=$1; shift; echo $$ >"$d/pid"; sh "$d/script" "$@" >"$d/out" 2>&1 </dev/null; echo $? >"$d/rc.new"; mv "$d/rc.new" "$d/rc"' kpki-job "$d" "$@" </dev/null >/dev/null 2>&1 9>&- &
i=0; while [ ! -s "$d/pid" ] && [ ! -e "$d/rc" ] && [ $i -lt 50 ]; do sleep 0.1; i=$((i+1)); done; echo started`

// A job leaves its result before it goes: who finds neither result nor process has to look for the result again.
const POLL = `d=/var/lib/kpki/jobs/$1
ended() { echo "ended $(cat "$d/rc")"; tail -c 6000 "$d/out"; exit; }
[ ! -e "$d/rc" ] || ended
if [ -s "$d/pid" ] && tr '\\0' ' ' <"/proc/$(cat "$d/pid")/cmdline" 2>/dev/null | grep -qF "$d"; then echo running; tail -c 6000 "$d/out"; exit; fi
[ ! -e "$d/rc" ] || ended
echo gone; tail -c 2000 "$d/out"`

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
  const started = await remote.stream(START, [id, ...options.args], script)
  expectDone(remote, started, `starting ${about}`)
  const end = clock.now() + options.timeoutMs
  for (let wait = 200; ; wait = Math.min(1_500, wait * 1.5)) {
    const result = expectDone(remote, await remote.script(POLL, [id]), about)
    const [state = '', ...rest] = result.stdout.split('\n')
    const output = remote.redact(rest.join('\n')).trim()
    if (state === 'ended 0') return
    if (state.startsWith('ended')) {
      const exitCode = Number(state.slice(6))
      const said = { exitCode, stdout: interesting(output), stderr: '' }
      throw new Error(`${about} ${reasonOf(remote.redact, said)}`)
    }
    if (state !== 'running') throw new JobInterrupted(`${about} was interrupted on the host`)
    const latest = lastLine(output).slice(-200)
    if (clock.now() > end)
      throw new Error(
        `${about} has not ended within ${Math.round(options.timeoutMs / 1000)} s; it goes on, the next run joins it${latest === '' ? '' : `: ${latest}`}`,
      )
    if (latest !== '') options.onProgress?.(latest)
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

/** What carrying out an action needs besides the host. */
export interface Hands {
  /** Root's shell, held by our lock. */
  readonly remote: Remote
  readonly clock: Clock
  readonly digest: Digest
  readonly signal?: AbortSignal | undefined
  /** A new, dated name for a generation of files. */
  readonly generation: () => string
  /** Replaces the operator's kubeconfig, keeping a backup. */
  readonly writeKubeconfig: (text: string) => Promise<void>
  readonly onProgress: (line: string) => void
}

/** Carries out one action; resolves when it is done, rejects with the reason when not. */
export async function interpret(action: Action, hands: Hands): Promise<void> {
  const { remote } = hands
  switch (action.kind) {
    case 'run': {
      const { script, args, timeoutMs, stdin } = action
      const data = stdin && new TextEncoder().encode(stdin.reveal())
      const result = data
        ? await remote.stream(script, args, data, { timeoutMs })
        : await remote.script(script, args, { timeoutMs })
      expectDone(remote, result, action.about)
      return
    }
    case 'job':
      return runJob(remote, { ...action, clock: hands.clock, ...watched(hands) })
    case 'rewrite':
      return rewrite(action, hands)
    case 'push':
      return placeFiles(remote, action, hands.generation())
    case 'probe':
      return probe(action, hands)
    case 'kubeconfig':
      return kubeconfig(action, hands)
  }
}

const watched = (hands: Hands) => ({ signal: hands.signal, onProgress: hands.onProgress })

const READ = `[ ! -L "$1" ] || { echo "$1 is a symbolic link" >&2; exit 1; }
[ -e "$1" ] || exit 0; cat "$1"`

// Beside the target, complete, with its final mode, then renamed; the previous content is kept.
const WRITE = `umask 077; trap '' HUP; p=$1 mode=$2 backup=/var/lib/kpki/backup/$3; t=$(dirname "$p")/.$(basename "$p").kpki-$3
mkdir -p "$backup" && chmod 700 /var/lib/kpki /var/lib/kpki/backup "$backup" || exit 1
cat >"$t" && [ "$(sha256sum <"$t" | cut -c1-64)" = "$4" ] || { rm -f "$t"; echo "the content did not arrive as it was sent" >&2; exit 1; }
if [ -e "$p" ]; then mkdir -p "$backup$(dirname "$p")" && cp -p "$p" "$backup$p" || { rm -f "$t"; exit 1; }; fi
chown 0:0 "$t" && chmod "$mode" "$t" && sync "$t" && mv -fT "$t" "$p" && sync "$(dirname "$p")" || { rm -f "$t"; exit 1; }`

async function rewrite(action: RewriteAction, hands: Hands): Promise<void> {
  const { remote, digest } = hands
  const source = action.source
  const base = source
    ? await remote.script(source.script, source.args, { timeoutMs: 120_000 })
    : await remote.script(READ, [action.path])
  expectDone(remote, base, `reading ${source ? `what ${action.path} is made from` : action.path}`)
  const transform: Transform = TRANSFORMS[action.transform]
  const text = transform(base.stdout, action.values, digest)
  const current = source ? (await remote.script(READ, [action.path])).stdout : base.stdout
  if (text === current && text !== '') return
  const data = new TextEncoder().encode(text)
  expectDone(
    remote,
    await remote.script(FOLDER, [action.path]),
    `making the folder of ${action.path}`,
  )
  const args = [action.path, action.mode.toString(8), hands.generation(), digest('sha256', data)]
  expectDone(remote, await remote.stream(WRITE, args, data), `writing ${action.path}`)
  if (!action.after) return
  const { script, args: after } = action.after
  const done = await remote.script(script, after, { timeoutMs: 300_000 })
  expectDone(remote, done, `after ${action.path}`)
}

const FOLDER = 'umask 022; mkdir -p "$(dirname "$1")"'

/** Asks again and again until the answer is yes or the time is over. */
async function probe(action: ProbeAction, hands: Hands): Promise<void> {
  const { clock, remote } = hands
  const end = clock.now() + action.timeoutMs
  for (let wait = 500; ; wait = Math.min(5_000, wait * 1.5)) {
    const timeoutMs = Math.min(90_000, Math.max(20_000, action.timeoutMs))
    const result = await remote.script(action.script, action.args, { timeoutMs })
    if (result.exitCode === 0) return
    const reason = lastLine(remote.redact(result.stderr)) || reasonOf(remote.redact, result)
    if (clock.now() + wait > end) {
      const seconds = Math.round(action.timeoutMs / 1000)
      throw new Error(`waited ${seconds} s for: ${action.about}: ${reason}`)
    }
    hands.onProgress(`waiting: ${reason.slice(0, 160)}`)
    await clock.sleep(wait, hands.signal)
  }
}

// As the user, so that nothing in their home is touched with root's rights.
const USER_KUBECONFIG = `u=\${SUDO_USER:-root}; h=$(getent passwd "$u" | cut -d: -f6); [ -d "$h" ] || { echo "$u has no home" >&2; exit 1; }
exec runuser -u "$u" -- sh -c 'umask 077; cd "$1" && mkdir -p .kube && cd .kube || exit 1
cat >.config.kpki && [ "$(sha256sum <.config.kpki | cut -c1-64)" = "$2" ] || { rm -f .config.kpki; exit 1; }
if [ -e config ]; then cp -p config "config.kpki-$3" || exit 1; fi; mv -fT .config.kpki config' sh "$h" "$1" "$2"`

async function kubeconfig(action: KubeconfigAction, hands: Hands): Promise<void> {
  const text = action.content.reveal()
  if (action.whose === 'operator') return hands.writeKubeconfig(text)
  const data = new TextEncoder().encode(text)
  const args = [hands.digest('sha256', data), hands.generation()]
  const result = await hands.remote.stream(USER_KUBECONFIG, args, data)
  expectDone(hands.remote, result, action.about)
}

/** Failures after which asking anew what is true makes sense. */
export function worthAsking(error: unknown): boolean {
  if (error instanceof TransportError)
    return error.fault === 'cut' || error.fault === 'timeout' || error.fault === 'connect'
  return error instanceof Error && ['LockLost', 'JobInterrupted'].includes(error.name)
}
