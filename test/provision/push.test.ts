import { existsSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { type FileEntry, file } from '../../src/files/tree.js'
import type { FileChange, PushAction } from '../../src/provision/action.js'
import { FINISH, placeFiles, rollBack } from '../../src/provision/run/push.js'
import { remoteOf, secret } from '../../src/provision/run/remote.js'
import { digest, type Sandbox, sandbox } from './sandbox.js'

let host: Sandbox
const place = () => ({ host: 'node', step: 'push' })
const remote = () =>
  remoteOf({ place, transport: host.transport, redact: (text) => text, log: () => undefined })

beforeEach(() => {
  host = sandbox()
})
afterEach(() => host.remove())

const path = (name: string) => join(host.root, name)
const put = (name: string, content: string, mode = 0o600) => {
  mkdirSync(dirname(path(name)), { recursive: true })
  writeFileSync(path(name), content, { mode })
}
const read = (name: string) =>
  existsSync(path(name)) ? readFileSync(path(name), 'utf8') : undefined
const mode = (name: string) => statSync(path(name)).mode & 0o7777

function action(entries: readonly FileEntry[]): PushAction {
  const changes: FileChange[] = entries.map((entry) => ({
    path: entry.path,
    change: existsSync(path(entry.path)) ? 'replace' : 'create',
    mode: entry.mode,
    owner: '0:0',
    sha256: digest('sha256', entry.data),
  }))
  const folders = ['etc', 'etc/kubernetes', 'etc/kubernetes/pki'].map((each) => ({
    path: each,
    mode: 0o755,
  }))
  return { kind: 'push', id: 'files', about: 'files', changes, entries: secret(entries), folders }
}

const pki = 'etc/kubernetes/pki'
const fresh = (version: string) => [
  file(`${pki}/apiserver.key`, `key ${version}`, 0o600),
  file(`${pki}/apiserver.crt`, `certificate ${version}`, 0o644),
  file('etc/kubernetes/admin.conf', `admin ${version}`, 0o600),
]
const state = () => fresh('').map((entry) => read(entry.path)?.split(' ').at(-1))
const left = () =>
  readdirSync(host.root, { recursive: true, encoding: 'utf8' }).filter((name) =>
    name.includes('.kpki-'),
  )

describe('placing files', () => {
  it('gives them their mode, keeps strangers, and backs up what it replaces', async () => {
    put(`${pki}/foreign.crt`, 'not ours')
    put(`${pki}/apiserver.crt`, 'certificate old', 0o640)
    await placeFiles(remote(), action(fresh('new')), '20261122T000000Z-aa')
    expect(state()).toEqual(['new', 'new', 'new'])
    expect(mode(`${pki}/apiserver.key`)).toBe(0o600)
    expect(mode(`${pki}/apiserver.crt`)).toBe(0o644)
    expect(read(`${pki}/foreign.crt`)).toBe('not ours')
    const kept = 'var/lib/kpki/generations/20261122T000000Z-aa'
    expect(read(`${kept}/backup/${pki}/apiserver.crt`)).toBe('certificate old')
    expect(mode(kept)).toBe(0o700)
    expect(existsSync(path(`${kept}/files`))).toBe(false)
    expect(left()).toEqual([])
  })

  it('refuses files that do not arrive as they were sent', async () => {
    const bad = action(fresh('new'))
    const changes = bad.changes.map((change) => ({ ...change, sha256: '0'.repeat(64) }))
    await expect(placeFiles(remote(), { ...bad, changes }, 'g')).rejects.toThrow(
      /did not arrive as they were sent/,
    )
    expect(state()).toEqual([undefined, undefined, undefined])
    expect(left()).toEqual([])
  })

  it('goes back, and forgets what it had created', async () => {
    put(`${pki}/apiserver.key`, 'key old')
    put(`${pki}/apiserver.crt`, 'certificate old', 0o640)
    await placeFiles(remote(), action(fresh('new')), '20261122T000000Z-aa')
    const lines = await rollBack(remote(), '20261122T000001Z-bb')
    expect(state()).toEqual(['old', 'old', undefined])
    expect(mode(`${pki}/apiserver.crt`)).toBe(0o640)
    expect(lines.at(-1)).toMatch(/^rolled back 20261122T000000Z-aa/)
    expect(read('var/lib/kpki/pushed')).not.toContain('admin.conf')
    await expect(rollBack(remote(), '20261122T000002Z-cc', '20261122T000000Z-aa')).rejects.toThrow(
      /already/,
    )
  })

  it('leaves a created file alone that someone has changed since', async () => {
    await placeFiles(remote(), action(fresh('new')), '20261122T000000Z-aa')
    put('etc/kubernetes/admin.conf', 'edited by hand')
    const lines = await rollBack(remote(), '20261122T000001Z-bb')
    expect(lines.join()).toContain('it has changed since')
    expect(read('etc/kubernetes/admin.conf')).toBe('edited by hand')
  })

  it('keeps the latest five generations', async () => {
    for (let at = 0; at < 8; at++)
      await placeFiles(remote(), action(fresh(`v${at}`)), `20261122T00000${at}Z-aa`)
    expect(readdirSync(path('var/lib/kpki/generations'))).toHaveLength(5)
  })
})

describe('a host that dies while files are placed', () => {
  it('has all old or all new files after the next run, whenever it dies', async () => {
    const seen = new Set<string>()
    for (let at = 1; at < 80; at++) {
      host.remove()
      host = sandbox()
      for (const entry of fresh('old')) put(entry.path, `x old`, entry.mode)
      host.killAt = at
      const id = '20261122T000000Z-aa'
      const result = await placeFiles(remote(), action(fresh('new')), id).then(
        () => 'placed',
        () => 'died',
      )
      host.killAt = 0
      for (const entry of fresh('')) if (entry.mode === 0o600) expect(mode(entry.path)).toBe(0o600)
      if (existsSync(path(`var/lib/kpki/generations/${id}`))) {
        const finished = await remote().script(FINISH, [id])
        expect(finished.exitCode, finished.stderr).toBe(0)
      }
      const now = state().join()
      expect(['old,old,old', 'new,new,new'], `killed at ${at}`).toContain(now)
      expect(left(), `killed at ${at}`).toEqual([])
      seen.add(now)
      if (result === 'placed') break
    }
    expect(seen).toEqual(new Set(['old,old,old', 'new,new,new']))
  }, 120_000)

  it('loses nothing when the disk is full', async () => {
    for (const entry of fresh('old')) put(entry.path, 'x old', entry.mode)
    const full = remoteOf({
      place,
      redact: (text) => text,
      log: () => undefined,
      transport: {
        ...host.transport,
        run: (argv, options) =>
          host.transport.run(
            argv.map((word) =>
              word.replace(
                'cp "files/$path" "$t"',
                '{ echo "cp: No space left on device" >&2; false; }',
              ),
            ),
            options,
          ),
      },
    })
    await expect(placeFiles(full, action(fresh('new')), 'g')).rejects.toThrow(/the disk is full/)
    expect(state()).toEqual(['old', 'old', 'old'])
    expect(left()).toEqual([])
  })
})
