import { describe, expect, it } from 'vitest'
import { auditTree } from '../../src/audit/audit.js'
import { headline } from '../../src/audit/report/words.js'
import { expectHealthyPki } from '../../src/audit/testing/assert.js'
import { pkiMatchers } from '../../src/audit/testing/matchers.js'
import type { AuditReport } from '../../src/audit/types.js'
import { type FileTree, under } from '../../src/files/tree.js'
import {
  CONTROL_PLANE,
  findings,
  generated,
  type Mutable,
  mutated,
  NOW,
  PKI,
  surprises,
} from './support.js'

const MANIFESTS = 'etc/kubernetes/manifests'
const AT = { at: NOW }

async function node(name = CONTROL_PLANE, options = {}): Promise<FileTree> {
  return (await generated(options)).nodes.get(name) ?? new Map()
}

function only(tree: FileTree, keep: (path: string) => boolean): FileTree {
  return new Map([...tree].filter(([path]) => keep(path)))
}

function serious(report: AuditReport): readonly string[] {
  return findings(report).filter((line) => !line.startsWith('info'))
}

const unknownOf = ({ connections }: AuditReport) =>
  connections.filter(({ will }) => will === 'unknown').map(({ id }) => id)

describe('a whole cluster', () => {
  it.each([
    ['one control plane', {}],
    ['three control planes', { controlPlanes: 3 }],
    ['one CA', { pki: ['topology: single'] }],
    ['a hierarchy', { pki: ['topology: hierarchy'] }],
    ['the newest release', { version: 'v1.36.0' }],
  ])('leaves nothing unknown: %s', async (_, options) => {
    const { verdict } = await auditTree(await generated(options), AT)
    expect(verdict.unknown).toBe(0)
  })

  it('knows nothing of an external etcd but what the API server shows it', async () => {
    const more = [
      'kubeadm:',
      '  clusterConfiguration:',
      '    etcd:',
      '      external:',
      '        endpoints: [https://10.9.9.9:2379]',
      '        caFile: /opt/etcd/ca.crt',
      '        certFile: /opt/etcd/client.crt',
      '        keyFile: /opt/etcd/client.key',
    ]
    const report = await auditTree(await generated({ more }), AT)
    expect(serious(report)).toEqual([])
    expect(unknownOf(report)).toEqual([`kube-apiserver/${CONTROL_PLANE}>etcd/10.9.9.9`])
    expect(headline(report)).toMatch(/^PASSED as far as seen, \d+ unknown$/)
  })
})

describe('a part of a healthy cluster', () => {
  const parts: readonly (readonly [string, () => Promise<FileTree>])[] = [
    ['a worker', () => node('worker1')],
    ['etc/kubernetes', async () => under(await node(), 'etc/kubernetes')],
    ['pki', async () => under(await node(), PKI)],
    ['pki/etcd', async () => under(await node(), `${PKI}/etcd`)],
    ['manifests', async () => only(await node(), (path) => path.startsWith(MANIFESTS))],
    ['admin.conf', async () => only(await node(), (path) => path.endsWith('admin.conf'))],
    [
      'kubelet.conf',
      async () => only(await node('worker1'), (path) => path.endsWith('kubelet.conf')),
    ],
    ['var/lib/kubelet', async () => only(await node('worker1'), (path) => path.startsWith('var/'))],
    [
      'var/lib/kubelet/pki',
      async () => only(await node('worker1'), (path) => path.startsWith('var/lib/kubelet/pki')),
    ],
    ['the authorities', async () => (await generated()).authorities ?? new Map()],
    ['the operator’s kubeconfig', async () => (await generated()).kubeconfig ?? new Map()],
  ]

  it.each(parts)('accuses nobody and vouches for nothing: %s', async (_, part) => {
    const report = await auditTree(await part(), AT)
    expect(serious(report)).toEqual([])
    expect(surprises(report)).toEqual([])
    expect(headline(report)).toMatch(/^PASSED as far as seen/)
  })

  it('does not say that a connection works whose other end was not given', async () => {
    const report = await auditTree(await node('worker1'), AT)
    expect(unknownOf(report)).toEqual(['kubelet/worker1>kube-apiserver/172.31.10.5'])
    const [connection] = report.connections.filter(({ will }) => will === 'unknown')
    expect(connection?.reason).toContain('not among those that were given')
  })

  it('knows from cluster.yaml which control plane was not given', async () => {
    const { nodes, cluster } = await generated({ controlPlanes: 3 })
    const part = new Map([...nodes].filter(([name]) => name !== 'controlplane2'))
    const tree = await mutated({ nodes: part, ...(cluster && { cluster }) }, (one) =>
      one.replace('etc/kubernetes/kubelet.conf', 'api.example.com', '172.31.10.15'),
    )
    const report = await auditTree(tree, AT)
    expect(unknownOf(report)).toEqual([`kubelet/${CONTROL_PLANE}>kube-apiserver/172.31.10.15`])
  })

  it('knows nothing of a node of the cluster file of which nothing is there', async () => {
    const { nodes, ...rest } = await generated()
    const part = new Map([...nodes].filter(([name]) => name !== 'worker2'))
    const report = await auditTree({ ...rest, nodes: part }, AT)
    expect(headline(report)).toBe('PASSED as far as seen, 1 unknown')
    expect(report.components.find(({ starts }) => starts === 'unknown')).toMatchObject({
      node: 'worker2',
      name: 'kubelet',
    })
  })

  it('does not call missing what is there and was not read', async () => {
    const path = `${PKI}/apiserver.crt`
    const trees = await mutated(await generated(), (one) => {
      one.tree.set(path, { kind: 'other', path, reason: 'larger than 4194304 bytes' })
    })
    const report = await auditTree(trees, AT)
    expect(serious(report)).toEqual([`warning file-unread ${CONTROL_PLANE}`])
    expect(report.components.find(({ name }) => name === 'kube-apiserver')).toMatchObject({
      starts: 'unknown',
      reason: expect.stringContaining('was not read: larger than 4194304 bytes'),
    })
  })

  it('still sees what is wrong with what was given', async () => {
    const trees = await mutated(await generated(), (one) =>
      one.copy(`${PKI}/etcd/ca.crt`, `${PKI}/ca.crt`),
    )
    const pki = under(trees.nodes.get(CONTROL_PLANE) ?? new Map(), PKI)
    const report = await auditTree(pki, AT)
    expect(report.verdict.status).toBe('errors')
    const [wrong] = report.connections.filter(({ will }) => will === 'fail')
    expect(wrong?.reason).toContain('(flags assumed from the layout)')
  })
})

describe('files that lie outside of what was given', () => {
  const elsewhere = (one: Mutable, manifest: string, from: RegExp, to: string): void =>
    one.replace(`${MANIFESTS}/${manifest}.yaml`, from, to)

  it('knows nothing of certificates in another folder', async () => {
    const trees = await mutated(await generated(), (one) => {
      for (const manifest of ['kube-apiserver', 'etcd', 'kube-controller-manager'])
        elsewhere(one, manifest, /\/etc\/kubernetes\/pki/g, '/opt/pki')
      for (const path of [...one.tree.keys()]) if (path.startsWith(`${PKI}/`)) one.tree.delete(path)
    })
    const report = await auditTree(trees, AT)
    const of = (id: string) => report.connections.find((one) => one.id === id)?.will
    expect(of(`kube-apiserver/${CONTROL_PLANE}>etcd/${CONTROL_PLANE}`)).toBe('unknown')
    expect(of(`kube-apiserver/${CONTROL_PLANE}>kubelet/worker1`)).toBe('unknown')
    expect(of(`client-certificate/any>kube-apiserver/${CONTROL_PLANE}`)).not.toBe('succeed')
    expect(
      report.connections.filter(({ must, will }) => must === 'fail' && will === 'succeed'),
    ).toEqual([])
    expect(
      report.components
        .filter(({ node, starts }) => node === CONTROL_PLANE && starts === true)
        .map(({ name }) => name),
    ).toEqual(['kube-scheduler'])
  })

  it('invents no hole behind a mounted system bundle', async () => {
    const trees = await mutated(await generated(), (one) => {
      elsewhere(one, 'etcd', /--trusted-ca-file=\S+/, '--trusted-ca-file=/etc/ssl/certs/ca.pem')
      elsewhere(
        one,
        'etcd',
        / {4}volumeMounts:\n/,
        '    volumeMounts:\n    - mountPath: /etc/ssl/certs\n      name: ca-certs\n',
      )
      elsewhere(
        one,
        'etcd',
        / {2}volumes:\n/,
        '  volumes:\n  - hostPath:\n      path: /etc/ssl/certs\n      type: DirectoryOrCreate\n    name: ca-certs\n',
      )
    })
    const report = await auditTree(trees, AT)
    expect(serious(report)).toEqual([])
    expect(unknownOf(report)).toContain(`kube-apiserver/${CONTROL_PLANE}>etcd/${CONTROL_PLANE}`)
  })

  it('takes no kubelet for open whose configuration was not given', async () => {
    const trees = await mutated(
      await generated(),
      (one) => {
        one.remove('var/lib/kubelet/config.yaml')
        one.remove('var/lib/kubelet/kubeadm-flags.env')
        one.write(
          'etc/systemd/system/kubelet.service',
          '[Service]\nExecStart=/usr/bin/kubelet --config=/opt/kubelet/config.yaml --kubeconfig=/etc/kubernetes/kubelet.conf\n',
        )
      },
      'worker1',
    )
    const report = await auditTree(trees, AT)
    expect(serious(report)).toEqual([])
    expect(unknownOf(report)).toContain('anonymous/anywhere>kubelet/worker1')
  })

  it('says that a kubelet does not start whose configuration is missing', async () => {
    const trees = await mutated(
      await generated(),
      (one) => {
        one.remove('var/lib/kubelet/config.yaml')
        one.write(
          'etc/systemd/system/kubelet.service',
          '[Service]\nExecStart=/usr/bin/kubelet --config=/var/lib/kubelet/config.yaml --kubeconfig=/etc/kubernetes/kubelet.conf\n',
        )
      },
      'worker1',
    )
    const { components } = await auditTree(trees, AT)
    expect(
      components.find(({ node, starts }) => node === 'worker1' && starts === false)?.reason,
    ).toContain('var/lib/kubelet/config.yaml is missing')
  })

  it('reads flags from a unit’s environment file, and knows nothing without it', async () => {
    const unit = (trees: Awaited<ReturnType<typeof generated>>, environment: string | undefined) =>
      mutated(trees, (one) => {
        const flags = [...one.text(`${MANIFESTS}/kube-apiserver.yaml`).matchAll(/- (--\S+)/g)]
        const line = flags.map(([, flag]) => flag).join(' ')
        one.remove(`${MANIFESTS}/kube-apiserver.yaml`)
        one.write(
          'etc/systemd/system/kube-apiserver.service',
          '[Service]\nEnvironmentFile=/opt/kubernetes/apiserver.env\nExecStart=/usr/local/bin/kube-apiserver $API_ARGS\n',
        )
        if (environment !== undefined) one.write(environment, `API_ARGS="${line}"\n`)
      })
    const whole = await auditTree(await unit(await generated(), 'opt/kubernetes/apiserver.env'), AT)
    expect(whole.verdict).toMatchObject({ errors: 0, unknown: 0 })
    const part = await auditTree(await unit(await generated(), undefined), AT)
    expect(serious(part)).toEqual([])
    expect(part.components.find(({ name }) => name === 'kube-apiserver')?.starts).toBe('unknown')
  })

  it('reads etcd’s configuration file', async () => {
    const configured = (file: string) =>
      mutated(await_, (one) => {
        const text = one.text(`${MANIFESTS}/etcd.yaml`)
        const flags = [...text.matchAll(/ {4}- --([a-z-]+)=(\S+)\n/g)]
        const of = (prefix: string, name: string, value: string) =>
          name.startsWith(prefix) ? `  ${name.slice(prefix.length)}: ${value}\n` : ''
        const isTransport = (name: string) => /(cert-file|key-file|cert-auth|ca-file)$/.test(name)
        const peer = flags.filter(([, name = '']) => isTransport(name) && name.startsWith('peer-'))
        const client = flags.filter(
          ([, name = '']) => isTransport(name) && !name.startsWith('peer-'),
        )
        const rest = flags.filter(([, name = '']) => !isTransport(name))
        one.write(
          `${PKI}/etcd.yaml`,
          `${rest.map(([, name, value]) => `${name}: ${value}\n`).join('')}client-transport-security:\n${client.map(([, name = '', value = '']) => of('', name, value)).join('')}peer-transport-security:\n${peer.map(([, name = '', value = '']) => of('peer-', name, value)).join('')}`,
        )
        one.write(
          `${MANIFESTS}/etcd.yaml`,
          text
            .replace(/ {4}- --([a-z-]+)=(\S+)\n/g, '')
            .replace('    - etcd\n', `    - etcd\n    - --config-file=${file}\n`)
            .replaceAll('/etc/kubernetes/pki/etcd\n', '/etc/kubernetes/pki\n'),
        )
      })
    const await_ = await generated()
    const report = await auditTree(await configured(`/${PKI}/etcd.yaml`), AT)
    expect(serious(report)).toEqual([])
    expect(report.verdict.unknown).toBe(0)
    const hidden = await auditTree(await configured('/opt/etcd.yaml'), AT)
    expect(hidden.components.find(({ name }) => name === 'etcd')?.starts).toBe('unknown')
  })
})

describe('what nobody has to be told of', () => {
  it('says nothing of a certificate behind a link that leads out of sight', async () => {
    const trees = await mutated(await generated({ controlPlanes: 3 }), (one) => {
      one.remove(`${PKI}/apiserver.crt`)
      const path = `${PKI}/apiserver.crt`
      one.tree.set(path, { kind: 'symlink', path, target: '/opt/certs/apiserver.crt' })
    })
    const report = await auditTree(trees, AT)
    expect(serious(report)).toEqual([])
    expect(unknownOf(report)).toContain(
      `kube-scheduler/${CONTROL_PLANE}>kube-apiserver/${CONTROL_PLANE}`,
    )
  })

  it('does not hold another control plane’s certificate against whom it is not for', async () => {
    const trees = await mutated(await generated({ controlPlanes: 3 }), (one) =>
      one.write(`${PKI}/apiserver.crt`, ''),
    )
    const { findings: all } = await auditTree(trees, AT)
    expect(all.filter(({ code }) => code === 'F05')).toEqual([])
    expect(all[0]).toMatchObject({ code: 'P02', path: `${PKI}/apiserver.crt` })
  })

  it('does not send to another control plane who calls one without an API server', async () => {
    const trees = await mutated(
      await generated({ controlPlanes: 3 }),
      (one) => one.remove(`${MANIFESTS}/kube-apiserver.yaml`),
      'controlplane2',
    )
    const report = await auditTree(trees, AT)
    expect(serious(report)).toEqual(['error component-missing controlplane2'])
  })
})

describe('a bare folder of manifests', () => {
  it('is a node’s, judged as far as seen', async () => {
    const { layouts, ...report } = await auditTree(under(await node(), MANIFESTS), AT)
    expect(layouts).toMatchObject([{ layout: 'kubeadm', alone: false, assumed: [] }])
    expect(serious({ layouts, ...report })).toEqual([])
    expect(headline({ layouts, ...report })).toMatch(/^PASSED as far as seen/)
    const broken = new Map(
      [...under(await node(), MANIFESTS)].filter(([path]) => path !== 'etcd.yaml'),
    )
    const one = await mutated({ nodes: new Map([[CONTROL_PLANE, broken]]) }, (tree) =>
      tree.replace(
        'kube-apiserver.yaml',
        'authorization-mode=Node,RBAC',
        'authorization-mode=RBAC',
      ),
    )
    const found = await auditTree(one.nodes.get(CONTROL_PLANE) ?? new Map(), AT)
    expect(serious(found)).toEqual(['error node-authorizer-missing node'])
  })
})

describe('assertions', () => {
  it('let what is unknown pass unless it is asked for', async () => {
    const worker = await node('worker1')
    await expectHealthyPki(worker, AT)
    await expect(expectHealthyPki(worker, { ...AT, failOn: 'unknown' })).rejects.toThrow(/unknown/)
    await expectHealthyPki(await generated(), { ...AT, failOn: 'unknown' })
  })

  it('take an unknown connection neither for one that succeeds nor for one that is refused', async () => {
    const worker = await node('worker1')
    const ends = ['kubelet/worker1', 'kube-apiserver/172.31.10.5'] as const
    const matcher = pkiMatchers.toAllowConnection
    expect((await matcher.call({ isNot: false }, worker, ...ends, AT)).pass).toBe(false)
    expect((await matcher.call({ isNot: true }, worker, ...ends, AT)).pass).toBe(true)
  })
})
