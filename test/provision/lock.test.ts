import { existsSync, mkdirSync, readFileSync, utimesSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it, onTestFinished } from 'vitest'
import { runJob } from '../../src/provision/run/interpret.js'
import { lastEntry, record, unfinished } from '../../src/provision/run/journal.js'
import {
  guarded,
  type LockOwner,
  releaseLock,
  STALE_SECONDS,
  takeLock,
} from '../../src/provision/run/lock.js'
import { remoteOf } from '../../src/provision/run/remote.js'
import type { Transport } from '../../src/provision/ssh/transport.js'
import { sandbox } from './sandbox.js'

const remoteFor = (transport: Transport) =>
  remoteOf({
    place: () => ({ host: 'node', step: 'lock' }),
    transport,
    redact: (text) => text,
    log: () => undefined,
  })

/** A host of the test's own, which goes when the test ends. */
function newHost() {
  const host = sandbox()
  onTestFinished(host.remove)
  const path = (name: string) => join(host.root, name)
  return {
    host,
    remote: remoteFor(host.transport),
    path,
    /** Makes the lock so old. */
    age: (seconds: number) => {
      const then = Date.now() / 1000 - seconds
      utimesSync(path('run/kpki/lock'), then, then)
    },
  }
}

const owner = (name: string, machine = 'laptop'): LockOwner => ({
  operator: `${name}@${machine}`,
  machine,
  pid: 4711,
  nonce: `nonce-of-${name}`,
  since: '2026-11-22T08:00:00Z',
})
const living = () => true as const
describe('the lock of a host', () => {
  it('keeps a second operator out, and names the first', async () => {
    const { remote } = newHost()
    await takeLock(remote, 'node', owner('alice'), living)
    const second = takeLock(remote, 'node', owner('bob'), living)
    await expect(second).rejects.toMatchObject({ code: 'ERR_LOCKED' })
    await expect(second).rejects.toThrow(/node is in use by alice@laptop \(pid 4711, since 2026/)
    await releaseLock(remote, owner('bob').nonce)
    await expect(takeLock(remote, 'node', owner('bob'), living)).rejects.toThrow(/alice/)
    await releaseLock(remote, owner('alice').nonce)
    await takeLock(remote, 'node', owner('bob'), living)
  })

  it('is taken over when stale, and at once when its process on this machine is dead', async () => {
    const { remote, path, age } = newHost()
    await takeLock(remote, 'node', owner('alice'), living)
    // half of it: what the next commands take on a busy machine counts too
    age(STALE_SECONDS / 2)
    await expect(takeLock(remote, 'node', owner('bob'), () => 'unknown')).rejects.toThrow(/alice/)
    age(STALE_SECONDS + 1)
    await takeLock(remote, 'node', owner('bob'), () => 'unknown')
    await takeLock(remote, 'node', owner('carol'), () => false)
    expect(readFileSync(path('run/kpki/lock'), 'utf8')).toMatch(/^nonce-of-carol\n/)
  })

  it('lets exactly one of many win a stale lock', async () => {
    const { remote, age } = newHost()
    await takeLock(remote, 'node', owner('alice'), living)
    age(STALE_SECONDS + 1)
    const names = ['b', 'c', 'd', 'e', 'f']
    const tries = await Promise.allSettled(
      names.map((name) => takeLock(remote, 'node', owner(name), () => 'unknown')),
    )
    const refused = tries.flatMap((each) => (each.status === 'rejected' ? [each.reason.code] : []))
    expect(refused).toEqual(Array(4).fill('ERR_LOCKED'))
  })

  it('stops every change of an operator who has lost it', async () => {
    const { remote, path, age } = newHost()
    await takeLock(remote, 'node', owner('alice'), living)
    const alice = guarded(remote, owner('alice').nonce)
    expect((await alice.script('echo "$1"', ['works'])).stdout).toBe('works\n')
    age(STALE_SECONDS + 1)
    await takeLock(remote, 'node', owner('bob'), living)
    const made = path('etc/made')
    await expect(alice.script(': >/etc/made')).rejects.toThrow(/no longer ours/)
    await expect(alice.stream(': >/etc/made', [], new Uint8Array())).rejects.toThrow(
      /no longer ours/,
    )
    expect(existsSync(made)).toBe(false)
  })
})

describe('the journal', () => {
  it('remembers the latest step and survives a torn line', async () => {
    const { remote, path } = newHost()
    const entry = {
      time: '2026-11-22T08:00:00Z',
      run: 'r1',
      operator: 'alice@laptop',
      inputs: 'hash',
      step: 'push',
      state: 'started',
    } as const
    await record(remote, entry)
    const text = readFileSync(path('var/lib/kpki/journal'), 'utf8')
    expect(lastEntry(text.trim())).toEqual(entry)
    expect(unfinished(lastEntry(text.trim()))).toBe(true)
    expect(unfinished(lastEntry(JSON.stringify({ ...entry, state: 'finished' })))).toBe(false)
    expect(lastEntry('{"time":"2026-11-2')).toBeUndefined()
    expect(unfinished(undefined)).toBe(false)
  })
})

describe('a job', () => {
  // Time stands still: however long the job takes, it is asked again until it ends.
  const clock = { now: () => 0, sleep: () => Promise.resolve() }

  it('gives its result, with what it said about errors', async () => {
    const { remote } = newHost()
    const job = (script: string) =>
      runJob(remote, {
        id: 'work',
        about: 'the work',
        script,
        args: ['one two'],
        timeoutMs: 1,
        clock,
      })
    await job('echo "$1" >&2; exit 0')
    await expect(job('echo fine; echo "error: no room"; exit 7')).rejects.toThrow(
      /the work failed with exit code 7: error: no room/,
    )
  })

  /** A job whose process is gone by the time it is looked for; `rc` is what it left meanwhile. */
  const endsUnderOurEyes = (rc: string) => {
    const { host, path } = newHost()
    const folder = path('var/lib/kpki/jobs/work')
    const watching: Transport = {
      ...host.transport,
      run: async (words, options) => {
        if (words.includes('work') && String(words[5]).includes('setsid')) {
          mkdirSync(folder, { recursive: true })
          writeFileSync(join(folder, 'pid'), '999999999')
          writeFileSync(join(folder, 'out'), 'error: the end\n')
          return { exitCode: 0, stdout: 'started\n', stderr: '' }
        }
        // Reading the pid is the last thing before the look at /proc: the job ends just then.
        const ends = `cat() { case $1 in */pid) ${rc} ;; esac; command cat "$@"; }\n`
        const poll = ends + new TextDecoder().decode(options.stdin as Uint8Array)
        return host.transport.run(words, { ...options, stdin: new TextEncoder().encode(poll) })
      },
    }
    return runJob(remoteFor(watching), {
      id: 'work',
      about: 'the work',
      script: '',
      args: [],
      timeoutMs: 1,
      clock,
    })
  }

  it('that ends between the two looks has ended, and is not gone', async () => {
    await endsUnderOurEyes('echo 0 >"$d/rc"')
    await expect(endsUnderOurEyes('echo 7 >"$d/rc"')).rejects.toThrow(
      /failed with exit code 7: error: the end/,
    )
    await expect(endsUnderOurEyes(':')).rejects.toThrow(/interrupted on the host/)
  })
})
