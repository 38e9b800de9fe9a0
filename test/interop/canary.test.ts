import { createHash, createPrivateKey } from 'node:crypto'
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { basename, dirname, join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { FORMAT_IDS } from '../../src/audit/report/formats.js'
import { VERBS } from '../../src/cli/verbs/table.js'
import { bundledProgram, type Program } from '../files/program.js'
import { has, run, skipUnless } from './workbench.js'

const missing = skipUnless(has('strace'), 'the canary', 'strace')

/** What must be nowhere but at home. */
interface Secret {
  readonly name: string
  /** Pieces of it that betray it; of a long one any 24 bytes in a row do. */
  readonly bytes: Buffer
  /** Where it may lie, relative to the lab. */
  readonly isHome: (path: string) => boolean
}

const TOKENS = [
  'abcdef.0123456789canary',
  'ghijkl.9876543210canary',
  'mnopqr.5555555555canary',
].map((token) => token.slice(0, 23))
const CERTIFICATE_KEY = createHash('sha256').update('certificate key').digest('hex')
const ENCRYPTION_KEY = createHash('sha256').update('encryption key').digest()
const PASSWORD = 'correct-horse-battery-staple'
const BEARER = 'a-bearer-token-that-is-no-jwt-at-all'

const CLUSTER = {
  apiVersion: 'kpki/v1alpha1',
  kind: 'Cluster',
  metadata: { name: 'canary' },
  spec: {
    kubernetesVersion: 'v1.31.4',
    controlPlaneEndpoint: 'api.example.com:6443',
    nodes: [
      { name: 'cp1', role: 'control-plane', address: '192.0.2.11' },
      { name: 'worker1', role: 'worker', address: '192.0.2.21' },
    ],
    pki: {
      keyAlgorithm: 'ECDSA-P256',
      topology: 'hierarchy',
      users: [{ name: 'jane', groups: ['team-a'] }],
    },
    kubeadm: {
      initConfiguration: {
        certificateKey: CERTIFICATE_KEY,
        bootstrapTokens: [{ token: TOKENS[0] }, { token: TOKENS[1] }],
      },
    },
  },
}

const KUBEADM = `apiVersion: kubeadm.k8s.io/v1beta3
kind: InitConfiguration
certificateKey: ${CERTIFICATE_KEY}
bootstrapTokens: [{ token: ${TOKENS[0]} }, { token: ${TOKENS[1]} }]
nodeRegistration: { name: cp1 }
localAPIEndpoint: { advertiseAddress: 192.0.2.11 }
---
apiVersion: kubeadm.k8s.io/v1beta3
kind: ClusterConfiguration
kubernetesVersion: v1.28.7
---
apiVersion: kubeadm.k8s.io/v1beta3
kind: JoinConfiguration
discovery:
  tlsBootstrapToken: ${TOKENS[2]}
  bootstrapToken: { token: ${TOKENS[2]}, apiServerEndpoint: 192.0.2.11:6443, unsafeSkipCAVerification: true }
`

const ENCRYPTION = `apiVersion: apiserver.config.k8s.io/v1
kind: EncryptionConfiguration
resources:
  - resources: [secrets]
    providers:
      - aescbc: { keys: [{ name: one, secret: ${ENCRYPTION_KEY.toString('base64')} }] }
      - identity: {}
`

const KUBECONFIG = `apiVersion: v1
kind: Config
clusters: [{ name: c, cluster: { server: https://127.0.0.1:6443 } }]
contexts: [{ name: c, context: { cluster: c, user: u } }]
current-context: c
users: [{ name: u, user: { token: ${BEARER}, username: admin, password: ${PASSWORD} } }]
`

const PROVISION = ['--from', 'out', '--ssh-config', 'ssh_config', '--kubeconfig', 'config'] as const

/** What each verb is asked for here: a verb without a row fails the test. */
const COMMANDS: Readonly<Record<string, readonly (readonly string[])[]>> = {
  init: [
    ['init', '--yes', '-f', 'first.yaml'],
    ['init', '--yes', '-f', '-'],
  ],
  gen: [
    ['gen', '-f', 'cluster.yaml', '-o', 'fresh'],
    ['gen', '-f', 'kubeadm.yaml', '-o', 'from-kubeadm', '--host-os', 'ubuntu'],
    ['gen', '-o', 'from-kubeadm', '--check'],
    ['gen', '-f', 'cluster.yaml', '-o', 'out', '--json', '--renew-before', '9000h'],
    ['gen', '-f', 'cluster.yaml', '-o', 'out', '--dry-run', '--json'],
    ['gen', '-f', 'smaller.yaml', '-o', 'out', '--prune', '--yes'],
    ['gen', '-f', 'cluster.yaml', '-o', 'broken'],
  ],
  inspect: [
    ['inspect', 'out', 'tree', 'broken', 'cluster.yaml'],
    ['inspect', '--json', 'out', 'tree', 'broken'],
  ],
  audit: [
    ...FORMAT_IDS.map((format) => ['audit', 'tree', '--format', format, '--verbose']),
    ['audit', 'tree', '--format', 'html', '-o', 'report.html'],
    ['audit', 'broken'],
  ],
  expiry: [
    ['expiry', 'tree'],
    ['expiry', 'tree', '--format', 'json'],
  ],
  graph: ['text', 'dot', 'mermaid', 'svg'].map((format) => ['graph', 'tree', '--format', format]),
  explain: [
    ['explain', '--list'],
    ['explain', 'ERR_KEY_MISMATCH'],
  ],
  convert: [['convert', 'kubeadm.yaml', '--to', 'v1beta4', '-o', 'converted.yaml']],
  diff: [
    ['diff', 'tree', 'out'],
    ['diff', 'tree', 'out', '--json'],
    ['diff', 'kubeadm.yaml', 'cluster.yaml'],
    ['diff', 'kubeadm.yaml', 'cluster.yaml', '--json'],
  ],
  images: [['images', '-f', 'kubeadm.yaml', '--json']],
  manifests: [['manifests', '-f', 'kubeadm.yaml', '--json']],
  'upgrade-plan': [['upgrade-plan', 'tree', '--to', '1.32', '--json']],
  provision: [
    ['provision', 'plan', ...PROVISION, '-o', 'plan.json'],
    ['provision', 'push', ...PROVISION, '--yes', '--json'],
    ['provision', 'status', ...PROVISION, '--json'],
    ['provision', 'apply', ...PROVISION, '--yes', '--log', 'apply.log'],
  ],
  ports: [['ports', '-f', 'cluster.yaml']],
}

let lab = ''
let program: Program

describe.skipIf(missing)('a canary in every secret’s place', () => {
  beforeAll(async () => {
    lab = mkdtempSync(join(tmpdir(), 'kpki-canary-'))
    program = await bundledProgram()
    const smaller = { ...CLUSTER.spec, nodes: CLUSTER.spec.nodes.slice(0, 1) }
    const texts = {
      'cluster.yaml': JSON.stringify(CLUSTER),
      'smaller.yaml': JSON.stringify({ ...CLUSTER, spec: smaller }),
      'kubeadm.yaml': KUBEADM,
      // Nobody listens there.
      ssh_config: 'Host *\n  Hostname 127.0.0.1\n  Port 1\n  ConnectTimeout 2\n',
      config: KUBECONFIG,
    }
    for (const [name, text] of Object.entries(texts)) place(name, text)
    for (const out of ['out', 'tree', 'broken']) {
      const made = await program.run(['gen', '-f', join(lab, 'cluster.yaml'), '-o', join(lab, out)])
      expect(made.code, made.err).toBe(0)
    }
    place('tree/nodes/cp1/etc/kubernetes/encryption.yaml', ENCRYPTION)
    place('tree/nodes/cp1/root/.kube/config', KUBECONFIG)
    // Two halves of keys: what is wrong with them is told, not what they hold.
    const key = readFileSync(join(lab, 'broken/authorities/ca.key'), 'utf8')
    place('broken/authorities/ca.key', key.replace('END', 'EMD'))
  })
  afterAll(() => {
    program?.remove()
    rmSync(lab, { recursive: true, force: true })
  })

  it('is in every verb', () => {
    expect(Object.keys(COMMANDS)).toEqual(VERBS.map(({ name }) => name))
  })

  it('is found in all its forms', () => {
    const secret = Buffer.from(createHash('sha256').update('found').digest())
    const forms = [
      secret,
      secret.subarray(7, 31),
      secret.toString('hex'),
      secret.toString('hex').toUpperCase().slice(5),
      secret.toString('hex').replace(/../g, '$&:'),
      ...[0, 1, 2].map((shift) => Buffer.concat([Buffer.alloc(shift), secret]).toString('base64')),
      Buffer.from(`key: ${secret.toString('base64')}`).toString('base64'),
      secret.toString('base64').replace(/.{12}/g, '$&\n'),
      secret.toString('base64url'),
    ]
    for (const form of forms) expect(holds(Buffer.from(form), secret), String(form)).toBe(true)
    expect(holds(Buffer.from(secret.subarray(0, 16).toString('hex')), secret)).toBe(false)
    expect(holds(createHash('sha512').update('other').digest(), secret)).toBe(false)
  })

  it('is seen where it belongs: the trace misses nothing', async () => {
    const { written, made } = await traced(['gen', '-f', 'cluster.yaml', '-o', 'seen'])
    const own = secretsIn().filter(({ name }) => name.startsWith('the key of seen/'))
    expect(own.length).toBeGreaterThan(10)
    for (const { name, bytes } of own) {
      const path = name.slice('the key of '.length)
      expect(holds(written.get(path) ?? Buffer.alloc(0), bytes), path).toBe(true)
      expect(made.get(path), path).toBe(0o600)
    }
  })

  const all = Object.values(COMMANDS).flat()
  it.each(all.map((args) => [args.join(' '), args] as const))('kpki %s', async (_, args) => {
    const trace = await traced(args)
    expect(trace.code, trace.said).not.toBe(127)
    expect(trace.said).not.toMatch(/ERR_USAGE|unknown (option|command)|^\s+at /m)
    const secrets = secretsIn()
    expect(secrets.length).toBeGreaterThan(30)
    for (const secret of secrets) {
      for (const [path, data] of trace.written)
        if (!secret.isHome(path))
          expect(holds(data, secret.bytes), `${secret.name} is written to ${path}`).toBe(false)
      for (const data of trace.started)
        expect(holds(data, secret.bytes), `${secret.name} is an argument or variable`).toBe(false)
    }
    // A file that holds a secret was never open to others, not even while it was empty.
    for (const [path, data] of trace.written) {
      const mode = trace.made.get(path)
      if (mode === undefined || (mode & 0o077) === 0) continue
      for (const { name, bytes } of secrets)
        expect(holds(data, bytes), `${path} holds ${name}, and was made ${mode.toString(8)}`).toBe(
          false,
        )
    }
  })
})

function place(name: string, text: string): void {
  mkdirSync(dirname(join(lab, name)), { recursive: true })
  writeFileSync(join(lab, name), text, { mode: 0o600 })
}

/** Every secret of the lab as it is now. */
function secretsIn(): readonly Secret[] {
  const secrets: Secret[] = []
  const nodeFile = (path: string) => /\/nodes\/[^/]+\/etc\/kubernetes\/kubeadm\.yaml$/.test(path)
  const authorities = (path: string) => path.includes('/authorities/')
  for (const token of TOKENS)
    secrets.push({
      name: `the bootstrap token ${token.slice(0, 6)}`,
      bytes: Buffer.from(token.slice(7)),
      isHome: (path) => authorities(path) || nodeFile(path) || path === 'converted.yaml',
    })
  secrets.push(
    {
      name: 'the certificate key',
      bytes: Buffer.from(CERTIFICATE_KEY, 'hex'),
      isHome: (path) => authorities(path) || nodeFile(path) || path === 'converted.yaml',
    },
    { name: 'the encryption key', bytes: ENCRYPTION_KEY, isHome: () => false },
    { name: 'a password', bytes: Buffer.from(PASSWORD), isHome: () => false },
    { name: 'a bearer token', bytes: Buffer.from(BEARER), isHome: () => false },
  )
  for (const path of readdirSync(lab, { recursive: true, encoding: 'utf8' })) {
    if (!/\.(key|conf)$/.test(path)) continue
    const text = readFileSync(join(lab, path), 'utf8')
    const embedded = /client-key-data: (\S+)/.exec(text)?.[1]
    const pem = embedded === undefined ? text : Buffer.from(embedded, 'base64').toString()
    const bytes = privateNumber(pem)
    if (bytes) secrets.push({ name: `the key of ${path}`, bytes, isHome: homeOf(path) })
  }
  return secrets
}

/** Of an EC key the number that is its secret; undefined where there is no key. */
function privateNumber(pem: string): Buffer | undefined {
  try {
    return Buffer.from(createPrivateKey(pem).export({ format: 'jwk' }).d ?? '', 'base64url')
  } catch {
    return undefined
  }
}

/** Authorities and the service-account key go to control planes as well, leaves nowhere. */
function homeOf(path: string): Secret['isHome'] {
  const shared = /^([^/]+)\/(?:authorities|nodes\/cp1\/etc\/kubernetes\/pki)\/(.+\.key)$/.exec(path)
  const isLeaf = shared === null || /apiserver|client|server|peer|healthcheck/.test(shared[2] ?? '')
  if (isLeaf) return (other) => other === path
  const [, out, name] = shared
  return (other) =>
    other === `${out}/authorities/${name}` ||
    (name !== 'root-ca.key' && other === `${out}/nodes/cp1/etc/kubernetes/pki/${name}`)
}

interface Trace {
  readonly code: number
  readonly said: string
  /** What was written, by the path relative to the lab, or what else it is: temporary files by their last name. */
  readonly written: ReadonlyMap<string, Buffer>
  /** With which mode files were made. */
  readonly made: ReadonlyMap<string, number>
  /** Arguments and environment of every program that was started. */
  readonly started: readonly Buffer[]
}

async function traced(args: readonly string[]): Promise<Trace> {
  const log = join(lab, 'trace')
  const calls = 'execve,openat,open,creat,write,pwrite64,writev,pwritev'
  const strace = [
    '-f',
    '-q',
    '-y',
    '-v',
    '-xx',
    '-s',
    '16777216',
    '-e',
    `trace=${calls}`,
    '-o',
    log,
  ]
  const { code, out, err } = await run(
    'sh',
    ['-c', 'umask 022; cd "$1" && shift && exec strace "$@"', 'sh', lab].concat(
      strace,
      process.execPath,
      program.path,
      args,
    ),
    { env: { UV_USE_IO_URING: '0', HOME: lab }, timeout: 120_000 },
  )
  const written = new Map<string, Buffer[]>([
    ['standard output and error', [Buffer.from(out + err)]],
  ])
  const made = new Map<string, number>()
  const started: Buffer[] = []
  for (const line of readFileSync(log, 'latin1').split('\n')) {
    const [, name, rest = ''] = /^\d+ +(\w+)\((.*)$/.exec(line) ?? []
    if (name === 'execve')
      started.push(Buffer.concat(stringsOf(rest).flatMap((b) => [b, Buffer.from('\n')])))
    else if (name?.includes('write')) {
      const path = placeOf(/^\d+<([^>]*)>/.exec(rest)?.[1] ?? '')
      if (path !== undefined) written.set(path, [...(written.get(path) ?? []), ...stringsOf(rest)])
    } else if (name !== undefined && /O_CREAT/.test(rest)) {
      const [, path = '', mode = ''] = /"([^"]*)", [A-Z_|]+, (0\d+)/.exec(rest) ?? []
      const known = placeOf(path)
      if (known !== undefined) made.set(known, Number.parseInt(mode, 8))
    }
  }
  rmSync(log)
  const whole = new Map([...written].map(([path, parts]) => [path, Buffer.concat(parts)]))
  return { code, said: out + err, written: whole, made, started }
}

function stringsOf(text: string): readonly Buffer[] {
  return [...text.matchAll(/"((?:\\x[0-9a-f]{2})*)"/g)].map(([, hex = '']) =>
    Buffer.from(hex.replaceAll('\\x', ''), 'hex'),
  )
}

/** Undefined: no file; what goes through a pipe to another program is seen where that writes it. */
function placeOf(hex: string): string | undefined {
  const path = Buffer.from(hex.replaceAll('\\x', ''), 'hex').toString()
  if (!path.startsWith('/') || /^\/(dev|proc)\//.test(path)) return undefined
  const known = path.startsWith(`${lab}/`) ? path.slice(lab.length + 1) : path
  const name = basename(known).replace(/^\.(.*)\.kpki-tmp$/, '$1')
  return join(dirname(known), name)
}

const RUN = 24

/** Whether a text holds 24 bytes in a row of a secret, or a shorter one whole: as it is, in hexadecimal, in base64. */
function holds(text: Buffer, secret: Buffer, depth = 2): boolean {
  if (holdsPlain(text, secret)) return true
  if (depth === 0) return false
  return decodings(text).some((decoded) => holds(decoded, secret, depth - 1))
}

function holdsPlain(text: Buffer, secret: Buffer): boolean {
  if (secret.length < RUN) return text.includes(secret)
  // Any run of 24 bytes has one of these within.
  const step = RUN / 2
  for (let start = 0; start + step <= secret.length; start += step) {
    const needle = secret.subarray(start, start + step)
    for (let at = text.indexOf(needle); at >= 0; at = text.indexOf(needle, at + 1)) {
      let [from, to] = [0, step]
      while (from < start && at - from > 0 && text[at - from - 1] === secret[start - from - 1])
        from++
      while (
        start + to < secret.length &&
        at + to < text.length &&
        text[at + to] === secret[start + to]
      )
        to++
      if (from + to >= RUN) return true
    }
  }
  return false
}

const decoded = new WeakMap<Buffer, readonly Buffer[]>()

/** Every long run of hexadecimal and base64 in a text, at every alignment. */
function decodings(text: Buffer): readonly Buffer[] {
  const known = decoded.get(text)
  if (known) return known
  const flat = text.toString('latin1')
  const joined = flat.replace(/\\n|\s/g, '')
  const runs = (where: string, pattern: RegExp) => where.match(pattern) ?? []
  const hex = [...runs(flat.replace(/[:\s]/g, ''), /[0-9a-f]{32,}/gi)].flatMap((run) =>
    [0, 1].map((shift) => Buffer.from(run.slice(shift), 'hex')),
  )
  const base64 = [flat, joined]
    .flatMap((where) => runs(where, /[A-Za-z0-9+/_-]{20,}/g))
    .flatMap((run) => [0, 1, 2, 3].map((shift) => Buffer.from(run.slice(shift), 'base64')))
  const found = [...hex, ...base64]
  decoded.set(text, found)
  return found
}
