import { type ChildProcess, spawn } from 'node:child_process'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { afterEach, beforeAll, describe, expect, it } from 'vitest'
import { auditTree, type GeneratedTrees } from '../../src/audit/audit.js'
import type { AuditReport } from '../../src/audit/types.js'
import { writeTree } from '../../src/files/disk.js'
import { generate } from '../../src/generate/generate.js'
import { parseCluster } from '../../src/generate/source.js'
import { API, type Case, ETCD, NODE } from '../audit/acted-out/case.js'
import { API_CASES } from '../audit/acted-out/cases-api.js'
import { AUTHORITY_CASES } from '../audit/acted-out/cases-authorities.js'
import { ETCD_CASES } from '../audit/acted-out/cases-etcd.js'
import { BrokenTrees } from '../audit/rules/mutate.js'
import { clusterText } from '../audit/support.js'
import { canMakeNetworks, type Network, network } from './network.js'
import { commandOf } from './trees.js'
import { has, run, scratch, skipUnless } from './workbench.js'

// The audit says which connections will be made; here the same trees meet etcd and OpenSSL.

const program = (name: string): string =>
  process.env.ETCDBIN ? join(process.env.ETCDBIN, name) : `/usr/bin/${name}`
const ADDRESS = '172.31.10.5'
const PKI = 'etc/kubernetes/pki'
const SUITE = 'the audit against etcd and OpenSSL'

const missing =
  skipUnless(has(program('etcd')) && has(program('etcdctl')), SUITE, 'etcd and etcdctl') ||
  skipUnless(has('openssl') && has('curl'), SUITE, 'openssl and curl') ||
  skipUnless(canMakeNetworks(), SUITE, 'root, for network namespaces')

let healthy: GeneratedTrees | undefined
let help = ''
beforeAll(async () => {
  healthy = await generate(parseCluster(clusterText()).cluster)
  const { out, err } = await run(program('etcd'), ['--help'])
  help = out + err
})

/** A broken tree on disk, what the audit says of it, and a machine that has its address. */
interface Stage {
  readonly report: AuditReport
  readonly root: string
  readonly net: Network
  readonly machine: string
  readonly tree: ReturnType<BrokenTrees['tree']>
}

const cleanups: (() => void)[] = []
afterEach(() => {
  for (const cleanup of cleanups.splice(0).reverse()) cleanup()
})

async function staged({ mutate }: Case): Promise<Stage> {
  if (!healthy) throw new Error('not generated')
  const trees = new BrokenTrees({ nodes: healthy.nodes })
  await mutate(trees)
  const tree = trees.tree(NODE)
  const folder = scratch()
  const net = network(24)
  cleanups.push(
    () => folder[Symbol.dispose](),
    () => net[Symbol.dispose](),
  )
  await writeTree(folder.path, tree, { folder: '.' })
  const report = await auditTree(trees.input(), { at: new Date() })
  return { report, root: folder.path, net, machine: net.add(ADDRESS), tree }
}

const inside = ({ machine }: Stage, command: string, args: readonly string[]) =>
  run('ip', ['netns', 'exec', machine, command, ...args], { timeout: 20_000 })

function launched({ machine }: Stage, command: string, args: readonly string[]) {
  const child = spawn('ip', ['netns', 'exec', machine, command, ...args])
  const entry: { readonly child: ChildProcess; log: string } = { child, log: '' }
  for (const stream of [child.stdout, child.stderr])
    stream.on('data', (chunk) => {
      entry.log += chunk
    })
  cleanups.push(() => child.kill('SIGKILL'))
  return entry
}

async function until(condition: () => boolean): Promise<boolean> {
  for (let attempt = 0; attempt < 300; attempt++) {
    if (condition()) return true
    await delay(50)
  }
  return false
}

const hasEnded = ({ child }: { readonly child: ChildProcess }) =>
  child.exitCode !== null || child.signalCode !== null

function startsOf({ components }: AuditReport, component: string) {
  return components.find(({ name, node }) => name === component && node === NODE)
}

function willOf({ connections }: AuditReport, id: string) {
  return connections.find((one) => one.id === id)?.will
}

/** etcd from the manifest; false when it does not come up. */
async function etcdStarts(stage: Stage): Promise<boolean> {
  const [, ...flags] = commandOf(stage.tree, 'etcd')
  const known = flags.filter((flag) => help.includes(`--${/^--([^=]+)/.exec(flag)?.[1] ?? ''} `))
  const moved = known.map((flag) =>
    flag.replace(
      /=(\/(?:etc\/kubernetes|var\/lib\/etcd).*)$/,
      (_, path) => `=${stage.root}${path}`,
    ),
  )
  const etcd = launched(stage, program('etcd'), moved)
  await until(() => hasEnded(etcd) || /ready to serve client requests/.test(etcd.log))
  if (hasEnded(etcd)) return false
  await delay(100)
  return !hasEnded(etcd)
}

/** One request with etcdctl, by the API server’s own flags or as the health check. */
async function etcdctl(
  stage: Stage,
  endpoint: string,
  files: { readonly ca?: string; readonly cert?: string; readonly key?: string },
): Promise<boolean> {
  const flags = Object.entries({ cacert: files.ca, cert: files.cert, key: files.key }).flatMap(
    ([name, path]) => (path === undefined ? [] : [`--${name}=${stage.root}${path}`]),
  )
  const call = [`--endpoints=${endpoint}`, '--dial-timeout=2s', '--command-timeout=2s', ...flags]
  const all = ['ETCDCTL_API=3', program('etcdctl'), ...call, 'get', 'nothing']
  return (await inside(stage, 'env', all)).code === 0
}

/** One request that verifies nothing, with a certificate of the tree or none. */
async function request(stage: Stage, url: string, who?: string, body?: string): Promise<boolean> {
  const pair = who === undefined ? [] : ['--cert', `${who}.crt`, '--key', `${who}.key`]
  const identity = pair.map((one) => (one.startsWith('--') ? one : join(stage.root, PKI, one)))
  const data = body === undefined ? [] : ['--data', body]
  const options = [
    '-sS',
    '--http1.1',
    '--fail',
    '-k',
    '--max-time',
    '5',
    '--ciphers',
    'DEFAULT@SECLEVEL=0',
  ]
  return (await inside(stage, 'curl', [...options, ...identity, ...data, url])).code === 0
}

function flagsOf(stage: Stage, component: string): ReadonlyMap<string, string> {
  return new Map(
    commandOf(stage.tree, component).flatMap((flag) => {
      const [, name, value] = /^--([^=]+)=(.*)$/s.exec(flag) ?? []
      return name === undefined || value === undefined ? [] : [[name, value] as const]
    }),
  )
}

const optional = <K extends string>(name: K, value: string | undefined) =>
  (value === undefined ? {} : { [name]: value }) as { readonly [P in K]?: string }

/** Where an intruder knocks: at plain http, where there is any. */
function doorOf(urls = ''): string {
  const outside = urls.split(',').filter((url) => url.includes(ADDRESS))
  return `${outside.find((url) => url.startsWith('http:')) ?? outside[0]}/version`
}

/** What etcd and its clients do, by the ids of the audit’s connections. */
async function etcdShows(stage: Stage): Promise<ReadonlyMap<string, boolean>> {
  const api = flagsOf(stage, 'kube-apiserver')
  const etcd = flagsOf(stage, 'etcd')
  const health = `/${PKI}/etcd/healthcheck-client`
  const healthcheck = {
    ca: etcd.get('trusted-ca-file') ?? `/${PKI}/etcd/ca.crt`,
    cert: `${health}.crt`,
    key: `${health}.key`,
  }
  const own = {
    ...optional('ca', api.get('etcd-cafile')),
    ...optional('cert', api.get('etcd-certfile')),
    ...optional('key', api.get('etcd-keyfile')),
  }
  const client = doorOf(etcd.get('listen-client-urls'))
  const peer = doorOf(etcd.get('listen-peer-urls'))
  const shown: readonly (readonly [string, Promise<boolean>])[] = [
    [`${API}>${ETCD}`, etcdctl(stage, api.get('etcd-servers') ?? '', own)],
    [
      `etcd-healthcheck-client/${NODE}>${ETCD}`,
      etcdctl(stage, 'https://127.0.0.1:2379', healthcheck),
    ],
    [
      `etcd-healthcheck-client/${NODE}>${ETCD}@${ADDRESS}:2379`,
      etcdctl(stage, `https://${ADDRESS}:2379`, healthcheck),
    ],
    [`anonymous/anywhere>${ETCD}`, request(stage, client)],
    [`anonymous/anywhere>etcd-peer/${NODE}`, request(stage, peer)],
    [`front-proxy-client/${NODE}>${ETCD}`, request(stage, client, 'front-proxy-client')],
    [
      `kube-apiserver-kubelet-client/${NODE}>${ETCD}`,
      request(stage, client, 'apiserver-kubelet-client'),
    ],
    [
      `kube-apiserver-kubelet-client/${NODE}>etcd-peer/${NODE}`,
      request(stage, peer, 'apiserver-kubelet-client'),
    ],
  ]
  return new Map(await Promise.all(shown.map(async ([id, answer]) => [id, await answer] as const)))
}

describe.skipIf(missing)('etcd', () => {
  it.each(ETCD_CASES)('$name', async (one) => {
    const stage = await staged(one)
    const { report } = stage
    const starts = await etcdStarts(stage)
    expect(startsOf(report, 'etcd')?.starts, startsOf(report, 'etcd')?.reason).toBe(starts)
    if (!starts) return
    const api = startsOf(report, 'kube-apiserver')
    for (const [id, succeeds] of await etcdShows(stage)) {
      // An API server that dies of its own flags tries nothing.
      const isMute = id === `${API}>${ETCD}` && !api?.starts && !/no etcd/.test(api?.reason ?? '')
      const will = willOf(report, id)
      if (isMute || will === undefined) continue
      expect(will, id).toBe(succeeds ? 'succeed' : 'fail')
    }
  })
})

const NAMES = [
  ['10.96.0.1', ''],
  ['kubernetes.default.svc', '@kubernetes.default.svc:443'],
  ['kubernetes.default.svc.cluster.local', '@kubernetes.default.svc.cluster.local:443'],
] as const

/** OpenSSL as the API server and as a pod: the handshake, with the name and the pods’ CA. */
async function handshakes(stage: Stage): Promise<ReadonlyMap<string, boolean>> {
  const api = flagsOf(stage, 'kube-apiserver')
  const file = (flag: string) => `${stage.root}${api.get(flag)}`
  const root = flagsOf(stage, 'kube-controller-manager').get('root-ca-file')
  const server = launched(stage, 'openssl', [
    ...['s_server', '-accept', '6443', '-cipher', 'DEFAULT@SECLEVEL=0'],
    ...['-cert', file('tls-cert-file'), '-key', file('tls-private-key-file')],
    ...['-cert_chain', file('tls-cert-file')],
  ])
  await until(() => hasEnded(server) || /ACCEPT/.test(server.log))
  const shown = new Map<string, boolean>()
  for (const [name, suffix] of NAMES) {
    const check = /^[0-9.]+$/.test(name) ? ['-verify_ip', name] : ['-verify_hostname', name]
    const { out } = await inside(stage, 'openssl', [
      ...['s_client', '-connect', '127.0.0.1:6443', '-cipher', 'DEFAULT@SECLEVEL=1'],
      ...['-CAfile', `${stage.root}${root}`, '-verify_return_error', ...check],
    ])
    const isFine = /Verify return code: 0 \(ok\)/.test(out)
    shown.set(`openssl-pods/cluster>${API}${suffix}`, isFine && !hasEnded(server))
  }
  return shown
}

/** Servers that OpenSSL starts and Go does not, or that differ by more than the certificate. */
const NOT_OPENSSL =
  /flag|TLS|cipher|missing|anonymous|authorises|key of another|in front|without a CA|twice$/

describe.skipIf(missing)('OpenSSL in pods', () => {
  it.each([...API_CASES, ...AUTHORITY_CASES].filter(({ name }) => !NOT_OPENSSL.test(name)))(
    '$name',
    async (one) => {
      const stage = await staged(one)
      if (!startsOf(stage.report, 'kube-apiserver')?.starts) return
      for (const [id, succeeds] of await handshakes(stage)) {
        const connection = stage.report.connections.find((edge) => edge.id === id)
        if (!connection) continue
        expect(connection.will, `${id}: ${connection.reason}`).toBe(succeeds ? 'succeed' : 'fail')
      }
    },
  )
})
