import { type ChildProcess, execFileSync, spawn } from 'node:child_process'
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { createServer, connect as dial, type Server } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { writeTar } from '../../src/files/tar.js'
import { reasonOf, remoteOf } from '../../src/provision/run/remote.js'
import { fingerprint, openSsh, type Ssh, type SshTarget } from '../../src/provision/ssh/ssh.js'

const sshd = '/usr/sbin/sshd'
const usable = existsSync(sshd) && process.getuid?.() === 0
if (!usable)
  console.warn(
    'SKIPPED: provision-sshd needs root and openssh-server (apt-get install openssh-server)',
  )

let folder = ''
let daemon: ChildProcess
let port = 0
const open: Ssh[] = []
const servers: Server[] = []
const path = (name: string) => join(folder, name)
const keygen = (name: string, type = 'ed25519') =>
  execFileSync('ssh-keygen', ['-q', '-t', type, '-N', '', '-f', path(name)])
const hostKey = (name = 'host') =>
  readFileSync(path(`${name}.pub`), 'utf8')
    .split(' ')
    .slice(0, 2)
    .join(' ')

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1')
  await new Promise((done) => server.once('listening', done))
  const address = server.address()
  await new Promise((done) => server.close(done))
  return typeof address === 'object' && address ? address.port : 0
}

async function listening(at: number): Promise<void> {
  for (let tries = 0; tries < 100; tries++) {
    const ok = await new Promise<boolean>((answer) => {
      const socket = dial(at, '127.0.0.1', () => {
        socket.destroy()
        answer(true)
      }).on('error', () => answer(false))
    })
    if (ok) return
    await new Promise((next) => setTimeout(next, 50))
  }
  throw new Error('sshd does not listen')
}

/** ssh with a configuration of its own: nothing of the machine's user counts. */
async function ssh(more: Parameters<typeof openSsh>[0] = {}): Promise<Ssh> {
  const opened = await openSsh({ configFile: path('ssh_config'), connectTimeoutMs: 5_000, ...more })
  open.push(opened)
  return opened
}
const target = (more: Partial<SshTarget> = {}): SshTarget => ({
  name: 'node',
  host: '127.0.0.1',
  port,
  hostKeys: [hostKey()],
  ...more,
})

describe.runIf(usable)('against a real sshd', () => {
  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), 'kpki-sshd-'))
    chmodSync(folder, 0o755)
    for (const name of ['host', 'other', 'user', 'stranger']) keygen(name)
    port = await freePort()
    mkdirSync('/run/sshd', { recursive: true })
    writeFileSync(path('authorized'), readFileSync(path('user.pub')), { mode: 0o600 })
    writeFileSync(
      path('sshd_config'),
      `Port ${port}\nListenAddress 127.0.0.1\nHostKey ${path('host')}\nPidFile none\nStrictModes no\nUsePAM no\nPasswordAuthentication no\nKbdInteractiveAuthentication no\nPermitRootLogin prohibit-password\nAuthorizedKeysFile ${path('authorized')}\nMaxSessions 20\n`,
    )
    writeFileSync(path('known'), '')
    writeFileSync(
      path('ssh_config'),
      `Host *\n  User root\n  IdentityFile ${path('user')}\n  IdentitiesOnly yes\n  UserKnownHostsFile ${path('known')}\n  GlobalKnownHostsFile /dev/null\n`,
    )
    daemon = spawn(sshd, ['-D', '-e', '-f', path('sshd_config')], { stdio: 'ignore' })
    await listening(port)
  })
  afterEach(async () => {
    await Promise.all(open.splice(0).map((each) => each.close()))
    for (const server of servers.splice(0)) server.close()
    writeFileSync(path('known'), '')
  })
  afterAll(() => {
    daemon.kill()
    rmSync(folder, { recursive: true, force: true })
  })

  it('runs commands over one connection: arguments, input, exit codes, order of many', async () => {
    const transport = await (await ssh()).connect(target())
    const words = ["it's", '$(id)', 'a  b', '', '*', 'ü\n']
    const echo = await transport.run(['printf', '%s|', ...words], { timeoutMs: 5_000 })
    expect(echo).toMatchObject({ exitCode: 0, stdout: words.map((word) => `${word}|`).join('') })
    expect((await transport.run(['sh', '-c', 'exit 255'], { timeoutMs: 5_000 })).exitCode).toBe(255)
    const input = new Uint8Array(3_000_000).fill(7)
    const sum = await transport.run(['wc', '-c'], { stdin: input, timeoutMs: 10_000 })
    expect(sum.stdout.trim()).toBe('3000000')
    const many = await Promise.all(
      Array.from({ length: 8 }, (_, at) =>
        transport.run(['echo', String(at)], { timeoutMs: 9_000 }),
      ),
    )
    expect(many.map(({ stdout }) => stdout.trim()).join('')).toBe('01234567')
  })

  it('stops at an unknown key with its fingerprint, and nothing is recorded', async () => {
    const failed = (await ssh()).connect(target({ hostKeys: [] }))
    await expect(failed).rejects.toMatchObject({ fault: 'host-key' })
    await expect(failed).rejects.toThrow(fingerprint(hostKey()))
    await failed.catch((error: { hint: string }) =>
      expect(error.hint).toContain('--accept-new-host-keys'),
    )
    expect(readFileSync(path('known'), 'utf8')).toBe('')
  })

  it('records an unknown key only when told to, and then knows it', async () => {
    await (await ssh({ acceptNewHostKeys: true })).connect(target({ hostKeys: [] }))
    expect(readFileSync(path('known'), 'utf8')).toContain(hostKey())
    await (await ssh()).connect(target({ hostKeys: [] }))
  })

  it('stops at a changed key even when new ones are accepted', async () => {
    writeFileSync(path('known'), `[127.0.0.1]:${port} ${hostKey('other')}\n`)
    const failed = (await ssh({ acceptNewHostKeys: true })).connect(target({ hostKeys: [] }))
    await expect(failed).rejects.toThrow(/answers with another host key/)
    expect(readFileSync(path('known'), 'utf8')).not.toContain(hostKey())
  })

  it('takes a pinned fingerprint, and refuses another', async () => {
    await (await ssh()).connect(target({ hostKeys: [fingerprint(hostKey())] }))
    const failed = (await ssh()).connect(target({ hostKeys: [fingerprint(hostKey('other'))] }))
    await expect(failed).rejects.toThrow(/answers with another host key: ssh-ed25519 SHA256:/)
    const wrong = (await ssh()).connect(target({ hostKeys: [hostKey('other')] }))
    await expect(wrong).rejects.toMatchObject({ fault: 'host-key' })
  })

  it('names a refused login and an unreachable port', async () => {
    const stranger = target({ identityFile: path('stranger') })
    const config = path('bare_config')
    writeFileSync(config, 'Host *\n  User root\n')
    await expect((await ssh({ configFile: config })).connect(stranger)).rejects.toMatchObject({
      fault: 'login',
    })
    const closed = target({ port: await freePort() })
    await expect((await ssh()).connect(closed)).rejects.toMatchObject({ fault: 'connect' })
  })

  it('ends a command that takes too long, here and on the host', async () => {
    const transport = await (await ssh()).connect(target())
    await expect(transport.run(['sleep', '30'], { timeoutMs: 300 })).rejects.toMatchObject({
      fault: 'timeout',
    })
    const remote = remoteOf({
      place: () => ({ host: 'node', step: 'test' }),
      transport,
      redact: (text) => text,
      log: () => undefined,
    })
    const result = await remote.script('sleep 30', [], { timeoutMs: 1_000 })
    expect(reasonOf(remote.redact, result)).toMatch(/took too long/)
  })

  it('is not hurt by a gigabyte of garbage', async () => {
    const transport = await (await ssh()).connect(target())
    const before = process.memoryUsage().rss
    const flood = ['head', '-c', '1000000000', '/dev/urandom']
    await expect(transport.run(flood, { timeoutMs: 60_000 })).rejects.toMatchObject({
      fault: 'output',
    })
    expect(process.memoryUsage().rss - before).toBeLessThan(200 * 1024 * 1024)
    expect((await transport.run(['echo', 'alive'], { timeoutMs: 5_000 })).stdout).toBe('alive\n')
  })

  it('gives up on a host that answers garbage instead of SSH', async () => {
    const server = createServer((socket) => {
      socket.on('error', () => undefined)
      const send = () => socket.write(Buffer.alloc(65_536, 'garbage\n')) && setImmediate(send)
      send()
      socket.on('drain', send)
    }).listen(0, '127.0.0.1')
    servers.push(server)
    await new Promise((done) => server.once('listening', done))
    const address = server.address()
    const failed = (await ssh()).connect(
      target({ port: typeof address === 'object' && address ? address.port : 0 }),
    )
    await expect(failed).rejects.toMatchObject({ name: 'TransportError', fault: 'connect' })
  })

  it('notices a cut connection, and says so', async () => {
    // A relay that can be cut, as a network can.
    const pairs: { destroy: () => void }[] = []
    const relay = createServer((client) => {
      const upstream = dial(port, '127.0.0.1')
      client.pipe(upstream).pipe(client)
      for (const socket of [client, upstream]) socket.on('error', () => undefined)
      pairs.push(client, upstream)
    }).listen(0, '127.0.0.1')
    servers.push(relay)
    await new Promise((done) => relay.once('listening', done))
    const address = relay.address()
    const through = target({ port: typeof address === 'object' && address ? address.port : 0 })
    const transport = await (await ssh()).connect(through)
    const running = transport.run(['sleep', '20'], { timeoutMs: 15_000 })
    setTimeout(() => {
      for (const each of pairs) each.destroy()
    }, 300)
    await expect(running).rejects.toMatchObject({ fault: 'cut' })
    await expect(transport.run(['true'], { timeoutMs: 5_000 })).rejects.toMatchObject({
      fault: expect.stringMatching(/cut|connect/),
    })
  })

  it('leaves no connection behind when kpki is killed with -9', async () => {
    const script = path('victim.mjs')
    const esbuild = join(process.cwd(), 'node_modules/.bin/esbuild')
    const source = join(process.cwd(), 'src/provision/ssh/ssh.ts')
    const build = ['--bundle', '--platform=node', '--format=esm', '--log-level=error']
    execFileSync(esbuild, [source, ...build, `--outfile=${path('ssh.mjs')}`])
    writeFileSync(
      script,
      `import { openSsh } from './ssh.mjs'
const ssh = await openSsh({ configFile: ${JSON.stringify(path('ssh_config'))} })
await ssh.connect(${JSON.stringify(target())})
console.log('connected')
setInterval(() => undefined, 1000)`,
    )
    const victim = spawn(process.execPath, [script], { stdio: ['ignore', 'pipe', 'inherit'] })
    await new Promise((connected) => victim.stdout.once('data', connected))
    const masters = () =>
      execFileSync('ps', ['-eo', 'args'])
        .toString()
        .split('\n')
        .filter((line) => line.startsWith('ssh ') && line.includes(`-p ${port} `))
    expect(masters()).toHaveLength(1)
    victim.kill('SIGKILL')
    for (let tries = 0; tries < 50 && masters().length > 0; tries++)
      await new Promise((next) => setTimeout(next, 100))
    expect(masters()).toEqual([])
  })

  it('says that sudo wants a password', async () => {
    const transport = await (await ssh()).connect(target())
    const result = await transport.run(
      ['sh', '-c', 'echo "sudo: a password is required" >&2; exit 1'],
      { timeoutMs: 5_000 },
    )
    expect(reasonOf((text) => text, result)).toMatch(/sudo must work without one/)
  })

  it('carries a tar stream, and no secret of it in any argument', async () => {
    const transport = await (await ssh()).connect(target())
    const canary = 'canary-0f1e2d3c4b5a'
    const data = new TextEncoder().encode(canary.repeat(20_000))
    async function* stream() {
      for (const chunk of writeTar([{ path: 'k.key', mode: 0o600, data }])) {
        seen.push(execFileSync('ps', ['-eo', 'args']).toString())
        yield chunk
      }
    }
    const seen: string[] = []
    const to = path('extracted')
    mkdirSync(to)
    const result = await transport.run(['tar', '-C', to, '-xf', '-'], {
      stdin: stream(),
      timeoutMs: 20_000,
    })
    expect(result.exitCode).toBe(0)
    expect(readFileSync(join(to, 'k.key'))).toEqual(Buffer.from(data))
    expect(seen.length).toBeGreaterThan(1)
    expect(seen.join()).not.toContain(canary)
  })
})
