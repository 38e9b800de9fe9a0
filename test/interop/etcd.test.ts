import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { afterEach, describe, expect, it } from 'vitest'
import { controlPlanes } from '../../src/cluster/cluster.js'
import type { Generated } from '../../src/generate/generate.js'
import { large, small } from '../certs/clusters.js'
import { canMakeNetworks, network } from './network.js'
import { COMBINATIONS, commandOf, nodeRoot, written } from './trees.js'
import { has, type Ran, run, skipUnless } from './workbench.js'

const program = (name: string): string =>
  process.env.ETCDBIN ? join(process.env.ETCDBIN, name) : `/usr/bin/${name}`
const ETCD = program('etcd')
const ETCDCTL = program('etcdctl')

const missing =
  skipUnless(has(ETCD) && has(ETCDCTL), 'etcd with our certificates', 'etcd and etcdctl') ||
  skipUnless(canMakeNetworks(), 'etcd with our certificates', 'root, for network namespaces')

function said(argument: string): string {
  if (missing) return ''
  const { stdout, stderr } = spawnSync(ETCD, [argument], { encoding: 'utf8' })
  return stdout + stderr
}
const help = said('--help')
const version = said('--version')
const isCurrent = /etcd Version: 3\.([6-9]|\d\d)/.test(version)

/** Flags of kubeadm's etcd manifests that the etcd at hand may not know, without which it means the same. */
const MAY_BE_UNKNOWN = [
  'experimental-initial-corrupt-check', // left out by 3.7
  'experimental-watch-progress-notify-interval', // since 3.4.21
  'feature-gates', // since 3.6
  'watch-progress-notify-interval', // since 3.6
]

const CA = 'etc/kubernetes/pki/etcd/ca.crt'
const HEALTHCHECK = 'etc/kubernetes/pki/etcd/healthcheck-client'
const API_SERVER = 'etc/kubernetes/pki/apiserver-etcd-client'
const KUBELET_CLIENT = 'etc/kubernetes/pki/apiserver-kubelet-client'
const NODES = ['cp1', 'cp2', 'cp3'] as const

/** Control planes, each a machine of its own that runs etcd from its own tree. */
async function lab(clusterOf: typeof small, pki: object) {
  const root = mkdtempSync(join(tmpdir(), 'kpki-etcd-'))
  const kubernetesVersion = isCurrent ? 'v1.36.0' : 'v1.28.7'
  const made: Generated = await written(clusterOf(pki, { kubernetesVersion }), root)
  const net = network(24)
  const machines = new Map(
    controlPlanes(made.cluster).map(({ name, addresses: [address = ''] }) => [
      name,
      net.add(address),
    ]),
  )
  const running = new Map<string, { child: ChildProcess; log: string }>()
  const inside = (node: string, path: string) => join(nodeRoot(root, node), path)

  const start = (node: string): void => {
    const [, ...flags] = commandOf(made.nodes.get(node), 'etcd')
    const known = flags.filter((flag) => {
      const name = /^--([^=]+)/.exec(flag)?.[1] ?? ''
      return !MAY_BE_UNKNOWN.includes(name) || help.includes(`--${name} `)
    })
    // The node's paths, below the node's folder here.
    const moved = known.map((flag) =>
      flag.replace(
        /=(\/(?:etc\/kubernetes|var\/lib\/etcd).*)$/,
        (_, path) => `=${inside(node, path)}`,
      ),
    )
    const child = spawn('ip', ['netns', 'exec', machines.get(node) ?? '', ETCD, ...moved])
    const entry = { child, log: '' }
    for (const stream of [child.stdout, child.stderr])
      stream.on('data', (chunk) => {
        entry.log += chunk
      })
    running.set(node, entry)
  }
  const stop = async (node: string): Promise<void> => {
    const entry = running.get(node)
    if (entry === undefined) return
    if (entry.child.exitCode !== null || entry.child.signalCode !== null) return
    const end = new Promise((resolve) => entry.child.once('exit', resolve))
    entry.child.kill('SIGKILL')
    await end
  }
  const etcdctl = (
    node: string,
    client: string | undefined,
    args: readonly string[],
  ): Promise<Ran> => {
    const identity = client
      ? [`--cert=${inside(node, `${client}.crt`)}`, `--key=${inside(node, `${client}.key`)}`]
      : []
    const trust = `--cacert=${inside(node, CA)}`
    const call = [ETCDCTL, trust, ...identity, '--dial-timeout=2s', '--command-timeout=4s', ...args]
    return run('ip', ['netns', 'exec', machines.get(node) ?? '', 'env', 'ETCDCTL_API=3', ...call])
  }
  const LOCAL = '--endpoints=https://127.0.0.1:2379'
  const healthy = async (node: string): Promise<void> => {
    let last: Ran | undefined
    for (let attempt = 0; attempt < 60; attempt++) {
      last = await etcdctl(node, HEALTHCHECK, [LOCAL, 'endpoint', 'health'])
      if (last.code === 0) return
      await delay(250)
    }
    throw new Error(`${node}: ${last?.err}\n${running.get(node)?.log.slice(-2000)}`)
  }
  // As kubeadm does: etcd refuses a member while the last one is not yet known to be well.
  const admit = async (node: string, peer: string): Promise<void> => {
    const call = [LOCAL, 'member', 'add', node, `--peer-urls=${peer}`]
    let last: Ran | undefined
    for (let attempt = 0; attempt < 40; attempt++) {
      last = await etcdctl('cp1', API_SERVER, call)
      if (last.code === 0) return
      if (!last.err.includes('unhealthy cluster')) break
      await delay(500)
    }
    throw new Error(`${node} is not admitted: ${last?.err}`)
  }
  return {
    start,
    stop,
    admit,
    etcdctl,
    healthy,
    LOCAL,
    logOf: (node: string) => running.get(node)?.log ?? '',
    async end() {
      for (const node of running.keys()) await stop(node)
      net[Symbol.dispose]()
      rmSync(root, { recursive: true, force: true })
    },
  }
}

let current: Awaited<ReturnType<typeof lab>> | undefined
afterEach(async () => {
  await current?.end()
  current = undefined
})

describe.skipIf(missing)(`${version.split('\n')[0]} runs from the rendered manifest`, () => {
  it.each(COMBINATIONS)('%s, %s', async (topology, keyAlgorithm) => {
    const etcd = await lab(small, { topology, keyAlgorithm })
    current = etcd
    etcd.start('cp1')
    await etcd.healthy('cp1')
    for (const endpoint of ['127.0.0.1', '172.31.10.11', 'localhost'])
      for (const client of [HEALTHCHECK, API_SERVER]) {
        const call = [`--endpoints=https://${endpoint}:2379`, 'endpoint', 'health']
        const health = await etcd.etcdctl('cp1', client, call)
        expect(health.out + health.err, `${endpoint} ${client}`).toMatch(/is healthy/)
        expect(health.code).toBe(0)
      }
    const put = await etcd.etcdctl('cp1', API_SERVER, [etcd.LOCAL, 'put', 'key', 'value'])
    expect(put).toMatchObject({ code: 0, out: 'OK\n' })

    const read = [etcd.LOCAL, 'get', 'key']
    const nobody = await etcd.etcdctl('cp1', undefined, read)
    expect(nobody.code).not.toBe(0)
    expect(nobody.out).not.toContain('value')
    expect(etcd.logOf('cp1')).toMatch(/client didn't provide a certificate/)

    const stranger = await etcd.etcdctl('cp1', KUBELET_CLIENT, read)
    if (topology === 'single') {
      // What `single` gives up: one authority for everything lets every client of the cluster in.
      expect(stranger.out).toContain('value')
    } else {
      expect(stranger.code).not.toBe(0)
      expect(stranger.out).not.toContain('value')
      expect(etcd.logOf('cp1')).toMatch(/certificate signed by unknown authority/)
    }
  })
})

describe.skipIf(missing)('three members join one after the other, as with kubeadm', () => {
  it.each([
    ['separate', 'ECDSA-P256'],
    ['hierarchy', 'RSA-2048'],
  ])('%s, %s', async (topology, keyAlgorithm) => {
    const etcd = await lab(large, { topology, keyAlgorithm })
    current = etcd
    etcd.start('cp1')
    await etcd.healthy('cp1')
    await etcd.etcdctl('cp1', API_SERVER, [etcd.LOCAL, 'put', 'written', 'before'])
    for (const [index, node] of ['cp2', 'cp3'].entries()) {
      await etcd.admit(node, `https://172.31.10.${12 + index}:2380`)
      etcd.start(node)
      await etcd.healthy(node)
    }
    const members = await etcd.etcdctl('cp3', HEALTHCHECK, [etcd.LOCAL, 'member', 'list'])
    const started = members.out
      .trim()
      .split('\n')
      .map((line) => line.split(', ').slice(1, 5))
    expect(started.sort()).toEqual(
      NODES.map((name, index) => {
        const host = `https://172.31.10.${11 + index}`
        return ['started', name, `${host}:2380`, `${host}:2379`]
      }),
    )
    const health = await etcd.etcdctl('cp2', HEALTHCHECK, [
      etcd.LOCAL,
      'endpoint',
      'health',
      '--cluster',
    ])
    expect((health.out + health.err).match(/is healthy/g)).toHaveLength(3)
    const found = await etcd.etcdctl('cp3', API_SERVER, [etcd.LOCAL, 'get', 'written'])
    expect(found.out).toBe('written\nbefore\n')

    // Two of three go on without the first.
    await etcd.stop('cp1')
    await etcd.healthy('cp2')
    const put = await etcd.etcdctl('cp2', API_SERVER, [etcd.LOCAL, 'put', 'written', 'after'])
    expect(put).toMatchObject({ code: 0 })
    const after = await etcd.etcdctl('cp3', API_SERVER, [etcd.LOCAL, 'get', 'written'])
    expect(after.out).toBe('written\nafter\n')
  })
})
