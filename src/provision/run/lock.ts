import { KpkiError } from '../../errors.js'
import type { RunResult } from '../ssh/transport.js'
import { expectDone, LOCK_LOST, type Remote } from './remote.js'

/** Who works on a host. */
export interface LockOwner {
  /** `user@machine`. */
  readonly operator: string
  /** Identifies the operator's machine; its processes can be asked whether they live. */
  readonly machine: string
  readonly pid: number
  /** Random, new for each run. */
  readonly nonce: string
  /** ISO 8601, the operator's clock. */
  readonly since: string
}

/**
 * Seconds after which a lock that nobody has refreshed is stale. It lies in /run, so a reboot ends it too;
 * and a lock of this machine whose process is dead is stale at once.
 */
export const STALE_SECONDS = 60
/** Milliseconds between refreshes. */
export const REFRESH_MS = 15_000

// Everything under flock: two takers of a stale lock must not both win. The age is by the host's own clock.
const TAKE = `umask 077; mkdir -p /run/kpki && cd /run/kpki || exit 1
exec 9>guard; flock -w 10 9 || { echo "busy" >&2; exit 1; }
nonce=$1 owner=$2 stale=$3 dead=$4
if [ -e lock ]; then
  held=$(head -n 1 lock); age=$(( $(date +%s) - $(stat -c %Y lock) ))
  if [ "$held" != "$nonce" ] && [ "$held" != "$dead" ] && [ "$age" -ge 0 ] && [ "$age" -lt "$stale" ]; then
    printf 'held\\t%s\\t%s\\n' "$age" "$(sed -n 2p lock)"; exit 0
  fi
fi
printf '%s\\n%s\\n' "$nonce" "$owner" >lock.new && mv -f lock.new lock && echo taken`

const RELEASE = `cd /run/kpki 2>/dev/null || exit 0
exec 9>guard; flock -w 10 9 || exit 1
[ "$(head -n 1 lock 2>/dev/null)" = "$1" ] && rm -f lock; exit 0`

/** Put before every script that changes something: it runs only while the lock is ours, and refreshes it. */
const GUARD = `[ "$(head -n 1 /run/kpki/lock 2>/dev/null)" = "$1" ] || { echo "the lock of this host is not ours" >&2; exit ${LOCK_LOST}; }
touch /run/kpki/lock; shift
`

/** Tells whether a process of this machine lives. */
export type IsAlive = (machine: string, pid: number) => boolean | 'unknown'

/**
 * Takes the lock of a host.
 *
 * @throws KpkiError `ERR_LOCKED` that names the owner when someone else has it.
 */
export async function takeLock(
  remote: Remote,
  host: string,
  owner: LockOwner,
  isAlive: IsAlive,
): Promise<void> {
  let dead = ''
  for (let attempt = 0; ; attempt++) {
    const args = [owner.nonce, JSON.stringify(owner), String(STALE_SECONDS), dead]
    const result = expectDone(remote, await remote.script(TAKE, args), 'taking the lock')
    if (/^taken$/m.test(result.stdout)) return
    const [, age = '', text = ''] = /^held\t(\d+)\t(.*)$/m.exec(result.stdout) ?? []
    const holder = parseOwner(text)
    if (attempt === 0 && holder && isAlive(holder.machine, holder.pid) === false) {
      dead = holder.nonce
      continue
    }
    const who = holder
      ? remote.redact(`${holder.operator} (pid ${holder.pid}, since ${holder.since})`)
      : 'someone'
    throw new KpkiError(
      'ERR_LOCKED',
      `${host} is in use by ${who}`,
      { path: `${host}:/run/kpki/lock`, owner: who },
      {
        hint: `wait until it ends; a lock that is not refreshed for ${STALE_SECONDS} s is taken over (this one: ${age} s)`,
      },
    )
  }
}

export async function releaseLock(remote: Remote, nonce: string): Promise<void> {
  await remote.script(RELEASE, [nonce], { timeoutMs: 15_000 })
}

/** The same shell, but every script first proves that the lock is still ours. */
export function guarded(remote: Remote, nonce: string): Remote {
  const check = async (result: Promise<RunResult>) => {
    const { exitCode, stderr, ...rest } = await result
    if (exitCode === LOCK_LOST && stderr.includes('not ours')) throw new LockLost()
    return { exitCode, stderr, ...rest }
  }
  return {
    redact: remote.redact,
    script: (text, args = [], options) =>
      check(remote.script(GUARD + text, [nonce, ...args], options)),
    stream: (text, args, data, options) =>
      check(remote.stream(GUARD + text, [nonce, ...args], data, options)),
  }
}

/** The lock went away under us: a reboot, or someone who waited until it was stale. */
export class LockLost extends Error {
  constructor() {
    super('the lock of this host is no longer ours')
    this.name = 'LockLost'
  }
}

function parseOwner(text: string): LockOwner | undefined {
  try {
    const owner = JSON.parse(text) as Partial<LockOwner>
    return typeof owner.pid === 'number' && typeof owner.nonce === 'string'
      ? (owner as LockOwner)
      : undefined
  } catch {
    return undefined
  }
}
