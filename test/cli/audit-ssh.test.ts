import { spawnSync } from 'node:child_process'
import { gzipSync } from 'node:zlib'
import { describe, expect, it } from 'vitest'
import { parseHostAddress, readOver } from '../../src/cli/input/ssh.js'
import { isKpkiError } from '../../src/errors.js'
import { writeTar } from '../../src/files/tar.js'
import type { RunResult, Transport } from '../../src/provision/ssh/transport.js'

function transport(result: Partial<RunResult>, seen: string[][] = []): Transport {
  return {
    run: async (argv) => {
      seen.push([...argv])
      return { exitCode: 0, stdout: '', stderr: '', ...result }
    },
    close: async () => undefined,
  }
}

const archive = gzipSync(
  Buffer.concat([
    ...writeTar([{ path: 'etc/kubernetes/admin.conf', mode: 0o600, data: Buffer.from('x') }]),
  ]),
).toString('base64')

describe('hosts', () => {
  it.each([
    ['ssh://10.0.0.5', { host: '10.0.0.5' }],
    [
      'ssh://root@node-1.example.com:2222',
      { host: 'node-1.example.com', user: 'root', port: 2222 },
    ],
    ['ssh://root@[2001:db8::1]', { host: '2001:db8::1', user: 'root' }],
  ])('%s', (text, address) => {
    expect(parseHostAddress(text)).toEqual(address)
  })

  it.each([
    'ssh://',
    'ssh://-oProxyCommand=x',
    'ssh://root@-x',
    'ssh://-root@x',
    'ssh://a b',
    'ssh://a:0',
    'ssh://a:70000',
    'ssh://a/etc',
    'ssh://a;reboot',
  ])('refuses %s', (text) => {
    expect(() => parseHostAddress(text)).toThrow('is not an address')
  })

  it('reads one archive with one command', async () => {
    const seen: string[][] = []
    const { tree } = await readOver(transport({ stdout: archive }, seen), 'node-1')
    expect([...tree.keys()]).toEqual(['etc/kubernetes/admin.conf'])
    expect(seen.map(([program]) => program)).toEqual(['sh'])
  })

  it.each([
    [{ exitCode: 3 }, 'has no files of Kubernetes'],
    [
      { stdout: archive, stderr: 'tar: x: Cannot open: Permission denied' },
      'not everything may be read',
    ],
    [{ exitCode: 127, stderr: 'sh: tar: not found' }, 'sent nothing: sh: tar: not found'],
    [{ stdout: 'bm90IGEgdGFy' }, 'is not a tar archive'],
  ])('says what is wrong: %j', async (result, message) => {
    const error: unknown = await readOver(transport(result), 'node-1').catch((e: unknown) => e)
    expect(isKpkiError(error)).toBe(true)
    expect(String(error)).toContain(message)
  })

  it('runs a script that the shell accepts, and that writes nothing', async () => {
    const seen: string[][] = []
    await readOver(transport({ stdout: archive }, seen), 'node-1')
    const [program = '', ...args] = seen[0] ?? []
    const script = args.at(-1) ?? ''
    expect(script).not.toMatch(/>(?!\/dev\/null|&)|\b(rm|mv|cp|tee|touch|mkdir|chmod)\b/)
    const { status, stderr } = spawnSync(program, ['-n', ...args], { encoding: 'utf8' })
    expect({ status, stderr }).toEqual({ status: 0, stderr: '' })
  })
})
