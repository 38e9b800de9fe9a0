import { existsSync, readFileSync, utimesSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
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
import { type Sandbox, sandbox } from './sandbox.js'

let host: Sandbox
beforeEach(() => {
  host = sandbox()
})
afterEach(() => host.remove())

const remote = () =>
  remoteOf({
    place: () => ({ host: 'node', step: 'lock' }),
    transport: host.transport,
    redact: (text) => text,
    log: () => undefined,
  })
const owner = (name: string, machine = 'laptop'): LockOwner => ({
  operator: `${name}@${machine}`,
  machine,
  pid: 4711,
  nonce: `nonce-of-${name}`,
  since: '2026-11-22T08:00:00Z',
})
const living = () => true as const
const age = (seconds: number) => {
  const then = Date.now() / 1000 - seconds
  utimesSync(join(host.root, 'run/kpki/lock'), then, then)
}

describe('the lock of a host', () => {
  it('keeps a second operator out, and names the first', async () => {
    await takeLock(remote(), 'node', owner('alice'), living)
    const second = takeLock(remote(), 'node', owner('bob'), living)
    await expect(second).rejects.toMatchObject({ code: 'ERR_LOCKED' })
    await expect(second).rejects.toThrow(/node is in use by alice@laptop \(pid 4711, since 2026/)
    await releaseLock(remote(), owner('bob').nonce)
    await expect(takeLock(remote(), 'node', owner('bob'), living)).rejects.toThrow(/alice/)
    await releaseLock(remote(), owner('alice').nonce)
    await takeLock(remote(), 'node', owner('bob'), living)
  })

  it('is taken over when stale, and at once when its process on this machine is dead', async () => {
    await takeLock(remote(), 'node', owner('alice'), living)
    age(STALE_SECONDS - 5)
    await expect(takeLock(remote(), 'node', owner('bob'), () => 'unknown')).rejects.toThrow(/alice/)
    age(STALE_SECONDS + 1)
    await takeLock(remote(), 'node', owner('bob'), () => 'unknown')
    await takeLock(remote(), 'node', owner('carol'), () => false)
    expect(readFileSync(join(host.root, 'run/kpki/lock'), 'utf8')).toMatch(/^nonce-of-carol\n/)
  })

  it('lets exactly one of many win a stale lock', async () => {
    await takeLock(remote(), 'node', owner('alice'), living)
    age(STALE_SECONDS + 1)
    const names = ['b', 'c', 'd', 'e', 'f']
    const tries = await Promise.allSettled(
      names.map((name) => takeLock(remote(), 'node', owner(name), () => 'unknown')),
    )
    expect(tries.filter((each) => each.status === 'fulfilled')).toHaveLength(1)
  })

  it('stops every change of an operator who has lost it', async () => {
    await takeLock(remote(), 'node', owner('alice'), living)
    const alice = guarded(remote(), owner('alice').nonce)
    expect((await alice.script('echo "$1"', ['works'])).stdout).toBe('works\n')
    age(STALE_SECONDS + 1)
    await takeLock(remote(), 'node', owner('bob'), living)
    const made = join(host.root, 'etc/made')
    await expect(alice.script(': >/etc/made')).rejects.toThrow(/no longer ours/)
    await expect(alice.stream(': >/etc/made', [], new Uint8Array())).rejects.toThrow(
      /no longer ours/,
    )
    expect(existsSync(made)).toBe(false)
  })
})

describe('the journal', () => {
  it('remembers the latest step and survives a torn line', async () => {
    const entry = {
      time: '2026-11-22T08:00:00Z',
      run: 'r1',
      operator: 'alice@laptop',
      inputs: 'hash',
      step: 'push',
      state: 'started',
    } as const
    await record(remote(), entry)
    const text = readFileSync(join(host.root, 'var/lib/kpki/journal'), 'utf8')
    expect(lastEntry(text.trim())).toEqual(entry)
    expect(unfinished(lastEntry(text.trim()))).toBe(true)
    expect(unfinished(lastEntry(JSON.stringify({ ...entry, state: 'finished' })))).toBe(false)
    expect(lastEntry('{"time":"2026-11-2')).toBeUndefined()
    expect(unfinished(undefined)).toBe(false)
  })
})

describe('a job', () => {
  const clock = {
    now: () => Date.now(),
    sleep: (ms: number) => new Promise<void>((done) => setTimeout(done, Math.min(ms, 100))),
  }
  const job = (script: string, timeoutMs = 20_000) =>
    runJob(remote(), { id: 'work', about: 'the work', script, args: ['one two'], timeoutMs, clock })

  // The sandbox has no /proc of its own: a running job is seen by its missing result only.
  it('gives its result, with what it said about errors', async () => {
    await job('echo "$1" >&2; exit 0')
    await expect(job('echo fine; echo "error: no room"; exit 7')).rejects.toThrow(
      /the work failed with exit code 7: error: no room/,
    )
  })
})
