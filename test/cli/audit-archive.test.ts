import { mkdir, readFile, symlink, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import { createGzip, gzipSync } from 'node:zlib'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { type ArchiveLimits, readArchive } from '../../src/cli/input/archives.js'
import { isKpkiError } from '../../src/errors.js'
import { writeTar } from '../../src/files/tar.js'
import { file } from '../../src/files/tree.js'
import { inFolder, tar } from './audit-support.js'

const read = (bytes: Uint8Array, limits?: ArchiveLimits) =>
  readArchive(pieces(bytes), 'x.tar', limits)

async function* pieces(bytes: Uint8Array, size = 700): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size)
}

function archive(...members: readonly (readonly [path: string, text: string])[]): Uint8Array {
  const encoder = new TextEncoder()
  return Buffer.concat([
    ...writeTar(members.map(([path, text]) => ({ path, mode: 0o640, data: encoder.encode(text) }))),
  ])
}

/** Writes another type flag, or another text at an offset, into the first header. */
function patched(bytes: Uint8Array, at: number, text: string): Uint8Array {
  const copy = Buffer.from(bytes)
  copy.write(text, at, 'latin1')
  copy.fill(' ', 148, 156)
  const sum = copy.subarray(0, 512).reduce((total, byte) => total + byte, 0)
  copy.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148, 'latin1')
  return copy
}

describe('archives', () => {
  it.each(['ustar', 'pax', 'gnu', 'oldgnu', 'v7'])('reads what tar writes as %s', (format) =>
    inFolder(async (folder) => {
      const deep = `${'folder-with-a-long-name/'.repeat(format === 'v7' || format === 'ustar' ? 2 : 9)}ca.crt`
      await mkdir(join(folder, 'in', deep, '..'), { recursive: true })
      await writeFile(join(folder, 'in', deep), 'hello', { mode: 0o600 })
      await writeFile(join(folder, 'in', 'empty'), '')
      await symlink('/etc/passwd', join(folder, 'in', 'link'))
      tar(folder, [`--format=${format}`, '-C', 'in', '-cf', 'out.tar', '.'])
      const { tree, outside } = await read(await readFile(join(folder, 'out.tar')))
      expect(outside).toEqual([])
      expect(tree.get(deep)).toMatchObject({ ...file(deep, 'hello', 0o600) })
      expect(tree.get('empty')).toMatchObject({ kind: 'file', data: new Uint8Array() })
      expect(tree.get('link')).toEqual({ kind: 'symlink', path: 'link', target: '/etc/passwd' })
    }),
  )

  it('recognises gzip by its bytes', async () => {
    const { tree } = await read(gzipSync(archive(['a', 'one'], ['b', 'two'])))
    expect([...tree.keys()]).toEqual(['a', 'b'])
  })

  it('records what leads outside, and places nothing there', async () => {
    const { tree, outside } = await read(
      archive(['../../etc/shadow', 'x'], ['/etc/hosts', 'y'], ['a/../b', 'z']),
    )
    expect(outside).toEqual(['../../etc/shadow', 'a/../b'])
    expect([...tree.keys()]).toEqual(['etc/hosts'])
  })

  it('records hard links and devices, and does not follow them', async () => {
    const hard = patched(patched(archive(['a', '']), 156, '1'), 157, 'etc/shadow')
    expect((await read(hard)).tree.get('a')).toEqual({
      kind: 'other',
      path: 'a',
      reason: 'hard link to etc/shadow',
    })
    const device = patched(archive(['a', '']), 156, '4')
    expect((await read(device)).tree.get('a')).toMatchObject({ kind: 'other' })
  })

  it('lists large files without keeping them', async () => {
    const { tree } = await read(archive(['big', 'x'.repeat(5000)], ['small', 'y']), {
      maxFileSize: 100,
    })
    expect(tree.get('big')).toMatchObject({ kind: 'other', reason: '5000 bytes are more than 100' })
    expect(tree.get('small')).toMatchObject({ kind: 'file' })
  })

  it('ends at its limits, a bomb included', async () => {
    const bomb = gzipSync(archive(['a', '\0'.repeat(3_000_000)]))
    expect(bomb.length).toBeLessThan(10_000)
    await expect(read(bomb, { maxTotal: 1_000_000 })).rejects.toThrow('more than 1000000 bytes')
    const many = archive(['a', ''], ['b', ''], ['c', ''])
    await expect(read(many, { maxEntries: 2 })).rejects.toThrow('more than 2 entries')
  })

  it('sees a bomb by how it grows, long before its end', async () => {
    const zeros = Buffer.alloc(4 * 1024 * 1024)
    const [member] = [...writeTar([{ path: 'a', mode: 0o600, data: zeros }])]
    const gzip = createGzip()
    let taken = 0
    async function* bomb(): AsyncGenerator<Uint8Array> {
      for await (const chunk of Readable.from(endless(zeros)).pipe(gzip)) {
        taken += chunk.length
        yield chunk
      }
    }
    function* endless(content: Uint8Array): Generator<Uint8Array> {
      for (let index = 0; index < 512; index++) yield* [member ?? content, content]
    }
    await expect(readArchive(bomb(), 'x.tgz')).rejects.toThrow(
      'x.tgz: grows more than a hundredfold beyond 67108864 bytes',
    )
    expect(taken).toBeLessThan(1_000_000)
  })

  it.each([
    ['garbage', Buffer.from('no archive at all'.repeat(100))],
    ['nothing', new Uint8Array()],
    ['a cut', archive(['a', 'x'.repeat(2000)]).subarray(0, 1200)],
    ['damaged gzip', gzipSync(archive(['a', 'x'])).subarray(0, 30)],
    ['a negative size', patched(archive(['a', 'x']), 124, '-0000000001')],
    ['an enormous size', patched(archive(['a', 'x']), 124, '77777777777')],
  ])('refuses %s', async (_, bytes) => {
    const error: unknown = await read(bytes).catch((thrown: unknown) => thrown)
    expect(isKpkiError(error) && error.code).toBe('ERR_FILE_UNREADABLE')
  })

  it('stands any bytes', async () => {
    const whole = archive(['etc/kubernetes/pki/ca.crt', 'x'.repeat(600)], ['b', 'two'])
    const change = fc.tuple(fc.nat(whole.length - 1), fc.nat(255))
    await fc.assert(
      fc.asyncProperty(fc.array(change, { maxLength: 8 }), fc.boolean(), async (changes, zip) => {
        const bytes = Buffer.from(whole)
        for (const [at, value] of changes) bytes[at] = value
        await read(zip ? gzipSync(bytes) : bytes).catch((error: unknown) => {
          if (!isKpkiError(error)) throw error
        })
      }),
      { numRuns: 300 },
    )
  })
})
