import { describe, expect, it } from 'vitest'
import { changes, planned } from '../../src/provision/action.js'
import type { StepContext } from '../../src/provision/context.js'
import { judge } from '../../src/provision/host/preflight.js'
import { planPush } from '../../src/provision/run/push-files.js'
import { redactor } from '../../src/provision/run/redact.js'
import { clusterMark } from '../../src/provision/steps/kubeadm.js'
import { STEPS, waves } from '../../src/provision/steps/steps.js'
import { clusterOf, factsOf, fingerprint, inputsOf, NOW, pem, token } from './cluster.js'
import { digest } from './sandbox.js'

type Changes = Parameters<typeof factsOf>[2]

function contextOf(name: string, facts: Changes = {}, cluster = clusterOf()): StepContext {
  const inputs = inputsOf(cluster)
  const node = cluster.nodes.find((each) => each.name === name)
  if (!node) throw new Error(name)
  const found = factsOf(name, node.addresses[0] ?? '', facts)
  return {
    ...inputs,
    node,
    tree: inputs.trees.get(name) ?? new Map(),
    facts: found,
    peers: new Map([[name, found]]),
  }
}
const step = (id: string) => {
  const found = STEPS.find((each) => each.id === id)
  if (!found) throw new Error(id)
  return found
}
const abouts = (id: string, context: StepContext) =>
  step(id)
    .actions(context)
    .map((action) => action.id)
const problems = (facts: Changes, name = 'controlplane') =>
  judge(contextOf(name, facts)).map(({ level, check, message }) => `${level} ${check}: ${message}`)

/** Facts of files as they are after a push. */
function pushedFacts(context: StepContext): readonly string[] {
  return [...context.tree.values()].flatMap((entry) =>
    entry.kind === 'file'
      ? [`${entry.path}\tfile\t${entry.mode.toString(8)}:0:0\t${digest('sha256', entry.data)}\t`]
      : [],
  )
}

describe('waves', () => {
  it('the first control plane alone, further ones one by one, workers together, then the cluster', () => {
    const cluster = clusterOf(3)
    const told = waves(cluster).map(({ nodes, steps, parallel }) => ({
      nodes: nodes.map((node) => node.name).join(),
      steps: `${steps[0]?.id}..${steps.at(-1)?.id}`,
      parallel,
    }))
    expect(told).toEqual([
      { nodes: 'controlplane', steps: 'host..token', parallel: false },
      { nodes: 'worker1,worker2,worker3', steps: 'host..served', parallel: true },
      { nodes: 'controlplane', steps: 'served..verify', parallel: false },
    ])
  })
})

describe('a fresh host', () => {
  const context = contextOf('controlplane')
  it('needs everything', () => {
    expect(abouts('host', context)).toEqual([
      ...['hostname', 'hosts', 'fstab', 'swap', 'modules', 'modprobe', 'sysctl-file', 'sysctl'],
    ])
    expect(abouts('packages', context)).toEqual(['key', 'source', 'install', 'enable', 'crictl'])
    expect(abouts('push', context)).toContain('files')
    expect(abouts('init', context)).toEqual(['init', 'api'])
  })
  it('is planned without secrets', () => {
    const all = STEPS.flatMap((each) =>
      step(each.id)
        .actions(context)
        .map((action) => planned(action, redactor())),
    )
    const text = JSON.stringify(all)
    for (const entry of context.tree.values())
      if (entry.kind === 'file' && entry.path.endsWith('.key'))
        expect(text).not.toContain(Buffer.from(entry.data).toString('base64').slice(0, 24))
    expect(text).not.toContain(token)
    expect(text).not.toContain('PRIVATE KEY')
    expect(text).toContain(fingerprint)
  })
  it('init skips what was pushed, and ignores exactly the pushed manifests', () => {
    const [job] = step('init').actions(context)
    if (job?.kind !== 'job') throw new Error('no job')
    expect(job.args.slice(1)).toEqual([
      'certs,kubeconfig,etcd,control-plane',
      'FileAvailable--etc-kubernetes-manifests-etcd.yaml,FileAvailable--etc-kubernetes-manifests-kube-apiserver.yaml',
      'token',
    ])
    expect(job.script).toContain('--skip-token-print')
  })
})

describe('a worker', () => {
  it('joins by token without a pushed kubelet.conf, ignoring the pushed ca.crt alone', () => {
    const context = contextOf('worker1')
    const paths = planPush(context).changes.map((change) => change.path)
    expect(paths).not.toContain('etc/kubernetes/kubelet.conf')
    const [job] = step('join').actions(context)
    if (job?.kind !== 'job') throw new Error('no job')
    expect(job.args.slice(1)).toEqual(['', 'FileAvailable--etc-kubernetes-pki-ca.crt'])
  })
  it('starts with its own files where the cluster says so', () => {
    const context = contextOf('worker1', {}, clusterOf(2, '  join: files'))
    expect(planPush(context).changes.map((change) => change.path)).toContain(
      'etc/kubernetes/kubelet.conf',
    )
    expect(abouts('join', context)).toEqual(['start'])
  })
  it('is through when its mark is there', () => {
    const mark = clusterMark(contextOf('worker1'))
    expect(abouts('join', contextOf('worker1', { marker: `join ${mark}` }))).toEqual([])
    expect(abouts('join', contextOf('worker1', { marker: 'join of-another-cluster' }))).toEqual([
      'join',
    ])
  })
  it('ignores what an interrupted join has left, and only that', () => {
    const left = { bootstrapConf: 'yes', port: '10250 kubelet', kubeletConf: '' }
    const [job] = step('join').actions(contextOf('worker1', left))
    if (job?.kind !== 'job') throw new Error('no job')
    expect(job.args[2]).toBe(
      'FileAvailable--etc-kubernetes-pki-ca.crt,Port-10250,FileAvailable--etc-kubernetes-bootstrap-kubelet.conf',
    )
  })
})

describe('files on the host', () => {
  const base = contextOf('controlplane')
  const files = pushedFacts(base)
  const changed = (path: string, to: string) =>
    files.map((line) => (line.startsWith(`${path}\t`) ? to : line))
  const plan = (file: readonly string[], more: Changes = {}) =>
    planPush(contextOf('controlplane', { file, ...more }))

  it('that are as they should be need nothing', () => {
    expect(plan(files)).toEqual({ changes: [], left: [], refusals: [] })
  })
  it('with another mode only get the mode', () => {
    const key = 'etc/kubernetes/pki/apiserver.key'
    const wide = changed(
      key,
      `${key}\tfile\t644:0:0\t${files.find((l) => l.startsWith(key))?.split('\t')[3]}\t`,
    )
    expect(plan(wide).changes).toMatchObject([{ path: key, change: 'mode', mode: 0o600 }])
  })
  it('that kubeadm has rewritten are left to it; untouched ones are ours', () => {
    const config = 'var/lib/kubelet/config.yaml'
    const other = changed(config, `${config}\tfile\t644:0:0\t${'1'.repeat(64)}\t`)
    expect(plan(other)).toMatchObject({ changes: [], left: [config] })
    const untouched = { pushed: `${'1'.repeat(64)}  ${config}` }
    expect(plan(other, untouched).changes).toMatchObject([{ path: config, change: 'replace' }])
  })
  it('of another authority are refused, unless it is named', () => {
    const ca = 'etc/kubernetes/pki/ca.crt'
    const foreign = pem('CERTIFICATE', 'somebody else')
    const der = Buffer.from('somebody else'.padEnd(48, '.'))
    const print = digest('sha256', der)
    const line = `${ca}\tfile\t644:0:0\t${digest('sha256', Buffer.from(foreign))}\t${btoa(foreign)}`
    const refused = plan(changed(ca, line))
    expect(refused.refusals.join()).toContain(`--replace-ca ${print}`)
    expect(refused.changes).toEqual([])
    const named = contextOf('controlplane', { file: changed(ca, line) })
    const colons = print.toUpperCase().replace(/(..)(?=.)/g, '$1:')
    const forced = planPush({ ...named, options: { ...named.options, replaceCa: [colons] } })
    expect(forced.changes).toMatchObject([{ path: ca, change: 'replace' }])
  })
  it('that are another service-account key are refused', () => {
    const key = 'etc/kubernetes/pki/sa.key'
    expect(
      plan(changed(key, `${key}\tfile\t600:0:0\t${'2'.repeat(64)}\t`)).refusals.join(),
    ).toMatch(/service-account key/)
  })
  it('that are symbolic links are refused', () => {
    const ca = 'etc/kubernetes/pki/ca.crt'
    expect(plan(changed(ca, `${ca}\tsymlink`)).refusals).toEqual([`/${ca} is a symbolic link`])
  })
  it('of an interrupted generation are completed first', () => {
    const actions = step('push').actions(
      contextOf('controlplane', { unfinished: '20261122T000000Z-aa' }),
    )
    expect(actions.map((action) => action.id)).toEqual(['finish-20261122T000000Z-aa'])
    expect(actions.every(changes)).toBe(true)
  })
})

describe('preflight', () => {
  it('has nothing against a fresh server', () => expect(problems({})).toEqual([]))
  it.each<[string, Changes, RegExp]>([
    ['no root', { uid: '1000' }, /^error root/],
    ['another system', { os: 'fedora' }, /^error system: the system is fedora/],
    ['one CPU', { cpus: '1' }, /^error size: 1 CPU/],
    ['little memory', { memoryKb: '1000000' }, /^error size: 976 MB/],
    ['a full disk', { disk: '/var 1000 900000' }, /^error disk: 0 MB free in \/var/],
    ['a late clock', { time: String(NOW / 1000 - 600) }, /^error clock: the clock is 600 s behind/],
    ['no clock at all', { time: 'nonsense' }, /^error clock/],
    ['another machine', { address: ['10.0.0.1'] }, /^error address: it has no address 172.31.10.5/],
    [
      'a renamed node',
      { clientCertificate: 'yes' },
      /^error hostname: it is a node already, named ip-172/,
    ],
    ['a port in use', { port: '6443 nginx' }, /^error ports: port 6443 is in use by nginx/],
    [
      'another version',
      { package: 'kubelet ii  1.27.3-1.1' },
      /^error versions: kubelet 1.27.3 is installed/,
    ],
    ['no repository', { repository: undefined }, /^error repository/],
    ['another cluster', { marker: 'join 1234' }, /^error membership/],
    ['an unreadable uuid', { productUuid: '' }, /^warning identity: product_uuid/],
  ])('%s', (_name, facts, expected) => {
    expect(problems(facts)).toEqual([expect.stringMatching(expected)])
  })
  it('takes ports of its own processes for what they are', () => {
    expect(problems({ port: ['6443 kube-apiserver', '10250 kubelet', '2379 etcd'] })).toEqual([])
  })
  it('only warns about a small worker', () => {
    expect(problems({ cpus: '1' }, 'worker1')).toEqual([expect.stringMatching(/^warning size/)])
  })
  it('finds equal machines', () => {
    const context = contextOf('worker1')
    const twin = factsOf('twin', '172.31.10.9', { machineId: 'id-of-worker1' })
    const found = judge({ ...context, peers: new Map([...context.peers, ['worker2', twin]]) })
    expect(found).toMatchObject([{ level: 'error', check: 'identity', host: 'worker1' }])
  })
})
