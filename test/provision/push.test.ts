import { existsSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { describe, expect, it, onTestFinished } from 'vitest'
import { type FileEntry, file } from '../../src/files/tree.js'
import type { FileChange, PushAction } from '../../src/provision/action.js'
import { FINISH, placeFiles, rollBack } from '../../src/provision/run/push.js'
import { remoteOf, secret } from '../../src/provision/run/remote.js'
import type { Transport } from '../../src/provision/ssh/transport.js'
import { digest, sandbox } from './sandbox.js'

const pki = 'etc/kubernetes/pki'
const fresh = (version: string) => [
  file(`${pki}/apiserver.key`, `key ${version}`, 0o600),
  file(`${pki}/apiserver.crt`, `certificate ${version}`, 0o644),
  file('etc/kubernetes/admin.conf', `admin ${version}`, 0o600),
]
const place = () => ({ host: 'node', step: 'push' })

/** A host of the test's own, which goes when the test ends. */
function newHost() {
  const host = sandbox()
  onTestFinished(host.remove)
  const path = (name: string) => join(host.root, name)
  const read = (name: string) =>
    existsSync(path(name)) ? readFileSync(path(name), 'utf8') : undefined
  return {
    host,
    remote: remoteFor(host.transport),
    path,
    read,
    mode: (name: string) => statSync(path(name)).mode & 0o7777,
    put: (name: string, content: string, mode = 0o600) => {
      mkdirSync(dirname(path(name)), { recursive: true })
      writeFileSync(path(name), content, { mode })
    },
    action: (entries: readonly FileEntry[]): PushAction => {
      const changes: FileChange[] = entries.map((entry) => ({
        path: entry.path,
        change: existsSync(path(entry.path)) ? 'replace' : 'create',
        mode: entry.mode,
        owner: '0:0',
        sha256: digest('sha256', entry.data),
      }))
      const folders = ['etc', 'etc/kubernetes', pki].map((each) => ({ path: each, mode: 0o755 }))
      return {
        kind: 'push',
        id: 'files',
        about: 'files',
        changes,
        entries: secret(entries),
        folders,
      }
    },
    /** The version of each file. */
    state: () => fresh('').map((entry) => read(entry.path)?.split(' ').at(-1)),
    /** Temporary files that were left. */
    left: () =>
      readdirSync(host.root, { recursive: true, encoding: 'utf8' }).filter((name) =>
        name.includes('.kpki-'),
      ),
  }
}

const remoteFor = (transport: Transport) =>
  remoteOf({ place, transport, redact: (text) => text, log: () => undefined })

describe('placing files', () => {
  it('gives them their mode, keeps strangers, and backs up what it replaces', async () => {
    const { remote, path, read, mode, put, action, state, left } = newHost()
    put(`${pki}/foreign.crt`, 'not ours')
    put(`${pki}/apiserver.crt`, 'certificate old', 0o640)
    await placeFiles(remote, action(fresh('new')), '20261122T000000Z-aa')
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
    const { remote, action, state, left } = newHost()
    const bad = action(fresh('new'))
    const changes = bad.changes.map((change) => ({ ...change, sha256: '0'.repeat(64) }))
    await expect(placeFiles(remote, { ...bad, changes }, 'g')).rejects.toThrow(
      /did not arrive as they were sent/,
    )
    expect(state()).toEqual([undefined, undefined, undefined])
    expect(left()).toEqual([])
  })

  it('goes back, and forgets what it had created', async () => {
    const { remote, read, mode, put, action, state } = newHost()
    put(`${pki}/apiserver.key`, 'key old')
    put(`${pki}/apiserver.crt`, 'certificate old', 0o640)
    await placeFiles(remote, action(fresh('new')), '20261122T000000Z-aa')
    const lines = await rollBack(remote, '20261122T000001Z-bb')
    expect(state()).toEqual(['old', 'old', undefined])
    expect(mode(`${pki}/apiserver.crt`)).toBe(0o640)
    expect(lines.at(-1)).toMatch(/^rolled back 20261122T000000Z-aa/)
    expect(read('var/lib/kpki/pushed')).not.toContain('admin.conf')
    await expect(rollBack(remote, '20261122T000002Z-cc', '20261122T000000Z-aa')).rejects.toThrow(
      /already/,
    )
  })

  it('leaves a created file alone that someone has changed since', async () => {
    const { remote, read, put, action } = newHost()
    await placeFiles(remote, action(fresh('new')), '20261122T000000Z-aa')
    put('etc/kubernetes/admin.conf', 'edited by hand')
    const lines = await rollBack(remote, '20261122T000001Z-bb')
    expect(lines.join()).toContain('it has changed since')
    expect(read('etc/kubernetes/admin.conf')).toBe('edited by hand')
  })

  it('keeps the latest five generations', async () => {
    const { remote, path, action } = newHost()
    const ids = [0, 1, 2, 3, 4, 5, 6, 7].map((at) => `20261122T00000${at}Z-aa`)
    for (const id of ids) await placeFiles(remote, action(fresh(id)), id)
    expect(readdirSync(path('var/lib/kpki/generations')).sort()).toEqual(ids.slice(-5))
  })
})

describe('a host that dies while files are placed', () => {
  it('has all old or all new files after the next run, whenever it dies', async () => {
    const seen = new Set<string>()
    for (let at = 1; at < 80; at++) {
      const { host, remote, path, mode, put, action, state, left } = newHost()
      for (const entry of fresh('old')) put(entry.path, `x old`, entry.mode)
      host.killAt = at
      const id = '20261122T000000Z-aa'
      const result = await placeFiles(remote, action(fresh('new')), id).then(
        () => 'placed',
        () => 'died',
      )
      host.killAt = 0
      for (const entry of fresh('')) if (entry.mode === 0o600) expect(mode(entry.path)).toBe(0o600)
      if (existsSync(path(`var/lib/kpki/generations/${id}`))) {
        const finished = await remote.script(FINISH, [id])
        expect(finished.exitCode, finished.stderr).toBe(0)
      }
      const now = state().join()
      expect(['old,old,old', 'new,new,new'], `killed at ${at}`).toContain(now)
      expect(left(), `killed at ${at}`).toEqual([])
      seen.add(now)
      if (result === 'placed') break
    }
    expect(seen).toEqual(new Set(['old,old,old', 'new,new,new']))
  })

  it('loses nothing when the disk is full', async () => {
    const { host, put, action, state, left } = newHost()
    for (const entry of fresh('old')) put(entry.path, 'x old', entry.mode)
    const full = remoteFor({
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
    })
    await expect(placeFiles(full, action(fresh('new')), 'g')).rejects.toThrow(/the disk is full/)
    expect(state()).toEqual(['old', 'old', 'old'])
    expect(left()).toEqual([])
  })
})
