import { describe, expect, test } from 'vitest'
import { RELEASES } from '../../src/releases/table.js'
import { upgradePlan } from '../../src/upgrade/upgrade.js'
import { cluster } from './support.js'

const extra = (clusterConfiguration: object) => ({ kubeadm: { clusterConfiguration } })

async function itemsOf(from: string, to: string, spec: object = {}) {
  const { steps } = await upgradePlan(cluster(from, spec), to)
  return steps.flatMap(({ items }) => items)
}

async function ids(from: string, to: string, spec: object = {}): Promise<readonly string[]> {
  return (await itemsOf(from, to, spec)).map(({ id }) => id)
}

describe('upgradePlan', () => {
  test('takes one minor at a time, the last one as asked', async () => {
    const { from, to, steps } = await upgradePlan(cluster('v1.28.7'), 'v1.31.2')
    expect([from, to]).toEqual(['v1.28.7', 'v1.31.2'])
    expect(steps.map((step) => step.to)).toEqual(['v1.29.15', 'v1.30.14', 'v1.31.2'])
    expect(steps.map((step) => step.from)).toEqual(['v1.28.7', 'v1.29.15', 'v1.30.14'])
  })

  test('a patch of the same minor is one step, the same version none', async () => {
    const { steps } = await upgradePlan(cluster('v1.28.7'), '1.28.15')
    expect(steps.map(({ from, to }) => [from, to])).toEqual([['v1.28.7', 'v1.28.15']])
    expect((await upgradePlan(cluster('v1.28.7'), 'v1.28.7')).steps).toEqual([])
  })

  test.each([
    ['1.27', 'not a Kubernetes version that kpki knows'],
    ['v1.28.6', 'older than'],
    ['new', 'not a Kubernetes version'],
  ])('refuses %s', async (to, message) => {
    await expect(upgradePlan(cluster('v1.28.7'), to)).rejects.toMatchObject({
      code: 'ERR_USAGE',
      message: expect.stringContaining(message),
    })
  })

  test('every minor can be reached from every older one, with files that change', async () => {
    const last = RELEASES.at(-1)?.minor ?? ''
    const { steps } = await upgradePlan(cluster('1.28'), last)
    expect(steps.map(({ to }) => /^v(1\.\d+)/.exec(to)?.[1])).toEqual(
      RELEASES.slice(1).map(({ minor }) => minor),
    )
    for (const { differences } of steps) {
      const images = differences.filter(({ kind }) => kind === 'image')
      expect(new Set(images.map(({ node }) => node))).toEqual(new Set(['cp1', 'cp2', 'cp3']))
    }
  })

  test('workers of one kind change alike, and each is named', async () => {
    const { steps } = await upgradePlan(cluster('1.33'), '1.34')
    const [step] = steps
    const sockets = step?.differences.filter(({ path }) => path.endsWith('instance-config.yaml'))
    expect(sockets?.map(({ node }) => node)).toEqual(['cp1', 'cp2', 'cp3', 'w1', 'w2'])
  })
})

describe('notes', () => {
  // from, to, spec, ids that must be there, ids that must not
  test.each([
    [
      '1.28',
      '1.29',
      {},
      [
        'certificate:admin.conf',
        'certificate:operator-admin',
        'certificate:apiserver-kubelet-client',
        'certificate:apiserver-etcd-client',
        'certificate:etcd-healthcheck-client',
        'super-admin-conf',
        'role-bindings',
        'kubelet-skew',
      ],
      ['certificate:apiserver', 'certificate:scheduler.conf'],
    ],
    ['1.29', '1.30', {}, ['etcd-step'], ['role-bindings', 'super-admin-conf']],
    [
      '1.29',
      '1.30',
      extra({ apiServer: { extraArgs: { 'authorization-config': '/etc/kubernetes/authz.yaml' } } }),
      ['authorization-config'],
      [],
    ],
    ['1.30', '1.31', {}, ['configuration-api', 'pause-image'], ['configuration-api-removed']],
    ['v1.30.14', 'v1.31.0', {}, ['etcd-manifest-kept'], ['etcd-step']],
    [
      '1.30',
      '1.31',
      extra({ etcd: { local: { imageTag: '3.5.9-0' } } }),
      ['etcd-health-paths'],
      ['etcd-step'],
    ],
    [
      '1.30',
      '1.31',
      {
        kubeadm: {
          initConfiguration: { skipPhases: ['kubelet-finalize/experimental-cert-rotation'] },
        },
      },
      ['kubelet-finalize-phase'],
      [],
    ],
    [
      '1.32',
      '1.33',
      {},
      ['kubelet-local-endpoint', 'certificate:apiserver-kubelet-client', 'role-bindings'],
      ['feature-gates-removed'],
    ],
    [
      '1.32',
      '1.33',
      extra({ featureGates: { EtcdLearnerMode: true } }),
      ['feature-gates-removed'],
      [],
    ],
    ['1.33', '1.34', {}, ['instance-config', 'etcd-step'], ['probe-patches']],
    [
      '1.33',
      '1.34',
      extra({ featureGates: { NodeLocalCRISocket: true } }),
      [],
      ['instance-config'],
    ],
    [
      '1.34',
      '1.35',
      {},
      ['pause-image-flag', 'cgroup-v2'],
      ['empty-kubelet-flags', 'kubelet-flags-removed'],
    ],
    ['1.35', '1.36', {}, ['flexvolume', 'containerd-2'], ['etcd-too-old', 'cgroup-v2']],
    [
      '1.35',
      '1.36',
      extra({ scheduler: { extraArgs: { v: '4' } }, etcd: { local: { imageTag: '3.5.24-0' } } }),
      ['argument-order', 'etcd-too-old'],
      [],
    ],
    ['v1.35.1', 'v1.35.2', {}, ['empty-kubelet-flags'], ['pause-image-flag']],
    ['1.36', '1.37', {}, ['configuration-api-removed', 'etcd-step'], ['ipvs-warning']],
    [
      '1.36',
      '1.37',
      {
        kubeadm: {
          clusterConfiguration: {
            featureGates: { PublicKeysECDSA: true },
            etcd: { local: { extraArgs: { 'experimental-compaction-batch-limit': '500' } } },
          },
          kubeProxyConfiguration: { mode: 'ipvs' },
        },
      },
      ['feature-gates-removed', 'etcd-flags-removed', 'ipvs-warning'],
      [],
    ],
    [
      '1.30',
      '1.31',
      extra({
        etcd: {
          external: {
            endpoints: ['https://10.9.9.9:2379'],
            caFile: '/e/ca.crt',
            certFile: '/e/c.crt',
            keyFile: '/e/c.key',
          },
        },
      }),
      ['external-etcd-minimum'],
      ['etcd-step', 'certificate:apiserver-etcd-client'],
    ],
  ])('%s → %s %j', async (from, to, spec, expected, absent) => {
    const found = await ids(from, to, spec)
    expect(found).toEqual(expect.arrayContaining(expected))
    for (const id of absent) expect(found).not.toContain(id)
  })

  test('kubelet flags that the kubelet loses are named with their nodes', async () => {
    const given = cluster('1.34')
    const [first, ...others] = given.nodes
    if (first === undefined) throw new Error('no node')
    const flagged = {
      ...first,
      kubeletExtraArgs: [{ name: 'pod-infra-container-image', value: 'mirror/pause:1' }],
    }
    const { steps } = await upgradePlan({ ...given, nodes: [flagged, ...others] }, '1.35')
    const note = steps[0]?.items.find(({ id }) => id === 'kubelet-flags-removed')
    expect(note).toMatchObject({ before: true, nodes: ['cp1'] })
    const flags = steps[0]?.differences.filter(
      ({ node, subject }) => node === 'cp1' && subject === '--pod-infra-container-image',
    )
    expect(flags?.map(({ change }) => change)).toEqual(['removed'])
  })

  test('etcd never goes back', async () => {
    const [note] = (await itemsOf('v1.29.15', 'v1.30.14')).filter(({ id }) => id === 'etcd-step')
    expect(note).toMatchObject({
      kubeadm: 'nobody',
      what: expect.stringContaining('etcd stays at 3.5.16-0'),
    })
  })

  test('etcd’s steps ask for the patch that is safe before them', async () => {
    const step = async (from: string, to: string, spec: object = {}) =>
      (await itemsOf(from, to, spec)).find(({ id }) => id === 'etcd-step')
    expect(await step('1.33', '1.34')).toMatchObject({ before: true })
    expect((await step('1.33', '1.34'))?.todo).toContain('3.5.26')
    expect((await step('1.36', '1.37'))?.todo).toContain('3.6.11')
    expect((await step('1.35', '1.36'))?.before).toBeUndefined()
  })
})

describe('kubeadm’s part', () => {
  test('names what it renews and what only kpki knows', async () => {
    const spec = { pki: { kubeProxy: true, users: [{ name: 'jane' }], keyAlgorithm: 'ECDSA-P256' } }
    const { kubeadm } = await upgradePlan(cluster('1.28', spec), '1.29')
    expect(kubeadm.does.join('\n')).toContain('etcd-peer, etcd-healthcheck-client')
    expect(kubeadm.leaves.join('\n')).toContain(
      'kubelet-serving, kube-proxy.conf, operator-admin, operator-super-admin, user:jane: `kpki gen`',
    )
  })

  test('renews nothing without the key of the authority', async () => {
    const { kubeadm } = await upgradePlan(cluster('1.28', { pki: { caKeys: 'offline' } }), '1.29')
    expect(kubeadm.does.join('\n')).toContain('it renews nothing here')
    expect(kubeadm.leaves.join('\n')).toContain('apiserver, apiserver-kubelet-client')
  })
})
