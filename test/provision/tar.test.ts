import { execFileSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { readArchive } from '../../src/cli/input/archives.js'
import { type TarMember, writeTar } from '../../src/files/tar.js'

const archive = (members: readonly TarMember[]) =>
  new Uint8Array(Buffer.concat([...writeTar(members)]))

async function read(bytes: Uint8Array): Promise<readonly TarMember[]> {
  const { tree } = await readArchive(Readable.from([bytes]), 'archive')
  return [...tree.values()].flatMap((entry) =>
    entry.kind === 'file' ? [{ path: entry.path, mode: entry.mode, data: entry.data }] : [],
  )
}

describe('tar', () => {
  it('gives back what it was given', async () => {
    const name = fc.stringMatching(/^[a-zA-Z0-9._-]{1,60}$/).filter((part) => !/^\.+$/.test(part))
    const member = fc.record({
      path: fc.array(name, { minLength: 1, maxLength: 4 }).map((parts) => parts.join('/')),
      mode: fc.constantFrom(0o600, 0o644, 0o755),
      data: fc.uint8Array({ maxLength: 3000 }),
    })
    const members = fc.uniqueArray(member, { maxLength: 6, selector: ({ path }) => path })
    await fc.assert(
      fc.asyncProperty(members, async (members) => {
        const kept = members.filter(({ path }) => Buffer.byteLength(path) <= 100)
        const inOrder = [...kept].sort((a, b) => (a.path < b.path ? -1 : 1))
        expect(await read(archive(kept))).toEqual(inOrder)
      }),
    )
  })

  it('is understood by tar, long names included', () => {
    const folder = mkdtempSync(join(tmpdir(), 'kpki-tar-'))
    const path = `files/${'d'.repeat(90)}/${'e'.repeat(80)}.key`
    const data = new TextEncoder().encode('x'.repeat(513))
    execFileSync('tar', ['-C', folder, '-xf', '-'], {
      input: archive([
        { path: 'files', mode: 0o700 },
        { path, mode: 0o600, data },
      ]),
    })
    expect(readFileSync(join(folder, path))).toEqual(Buffer.from(data))
    expect(statSync(join(folder, path)).mode & 0o777).toBe(0o600)
    expect(statSync(join(folder, 'files')).mode & 0o777).toBe(0o700)
    rmSync(folder, { recursive: true })
  })

  it('refuses names that do not fit, and archives that are broken', async () => {
    expect(() => archive([{ path: 'x'.repeat(101), mode: 0, data: new Uint8Array() }])).toThrow(
      RangeError,
    )
    const good = archive([{ path: 'a', mode: 0o644, data: new Uint8Array(600) }])
    await expect(read(good.subarray(0, 1024))).rejects.toThrow(/cut off|damaged/)
    const bad = Uint8Array.from(good)
    bad[0] = 0x62
    await expect(read(bad)).rejects.toThrow(/not a tar archive/)
  })
})
