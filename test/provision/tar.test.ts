import { execFileSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { readTar, type TarMember, writeTar } from '../../src/files/tar.js'

const archive = (members: readonly TarMember[]) =>
  new Uint8Array(Buffer.concat([...writeTar(members)]))

describe('tar', () => {
  it('gives back what it was given', () => {
    const name = fc.stringMatching(/^[a-zA-Z0-9._-]{1,60}$/).filter((part) => !/^\.+$/.test(part))
    const member = fc.record({
      path: fc.array(name, { minLength: 1, maxLength: 4 }).map((parts) => parts.join('/')),
      mode: fc.constantFrom(0o600, 0o644, 0o755),
      data: fc.uint8Array({ maxLength: 3000 }),
    })
    fc.assert(
      fc.property(fc.array(member, { maxLength: 6 }), (members) => {
        const kept = members.filter(({ path }) => Buffer.byteLength(path) <= 100)
        expect(readTar(archive(kept))).toEqual(kept)
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

  it('refuses names that do not fit, and archives that are broken', () => {
    expect(() => archive([{ path: 'x'.repeat(101), mode: 0, data: new Uint8Array() }])).toThrow(
      RangeError,
    )
    const good = archive([{ path: 'a', mode: 0o644, data: new Uint8Array(600) }])
    expect(() => readTar(good.subarray(0, 1024))).toThrow(/cut off/)
    const bad = Uint8Array.from(good)
    bad[0] = 0x62
    expect(() => readTar(bad)).toThrow(/checksum/)
  })
})
