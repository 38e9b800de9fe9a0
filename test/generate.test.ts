import { createHash } from 'node:crypto'
import { describe, expect, it } from 'vitest'
import type { CertificateFacts } from '../src/ca/certificate/facts.js'
import { readCertificate } from '../src/ca/certificate/read.js'
import { peculiarEngine, runtimeEngine } from '../src/ca/engine.js'
import { envOf } from '../src/ca/env.js'
import { verifySignature } from '../src/ca/keys/signature.js'
import type { ClusterSpec } from '../src/cluster/spec/spec.js'
import { loadYaml } from '../src/files/yaml/yaml.js'
import { type Generated, generate, generateParts } from '../src/generate/generate.js'
import { hexOf } from '../src/values/bytes.js'
import {
  certificateIn,
  certificatesOf,
  changed,
  envAt,
  existingOf,
  foldersOf,
  large,
  later,
  START,
  small,
  textIn,
  textsOf,
} from './certs/clusters.js'

const byKey = (certificates: Iterable<CertificateFacts>) =>
  new Map(
    [...certificates].map((one) => [hexOf(one.subjectKeyIdentifier ?? new Uint8Array()), one]),
  )

describe.each([
  ['separate', 'runtime'],
  ['single', 'runtime'],
  ['hierarchy', 'runtime'],
  ['hierarchy', 'peculiar'],
])('every certificate of a %s cluster (%s engine)', async (topology, engineName) => {
  const engine = engineName === 'peculiar' ? await peculiarEngine() : runtimeEngine()
  const cluster = large({ topology, kubeProxy: true, users: [{ name: 'jane', groups: ['dev'] }] })
  const made = await generate(cluster, { env: envOf(engine, START) })
  const certificates = certificatesOf(made)
  const distinct = byKey(certificates.values())

  it('has a serial number of its own with 64 bits or more', () => {
    const serials = [...distinct.values()].map(({ serial }) => serial)
    expect(new Set(serials).size).toBe(serials.length)
    for (const serial of serials) expect(serial > 0n && serial < 1n << 127n).toBe(true)
    // of 127 random bits one in 2^63 has fewer than 64
    expect(serials.filter((serial) => serial < 1n << 64n)).toEqual([])
  })

  it('has key identifiers that lead to its issuer', async () => {
    for (const [path, certificate] of certificates) {
      expect(certificate.subjectKeyIdentifier, path).toHaveLength(20)
      const authority = certificate.authorityKeyIdentifier?.keyIdentifier
      expect(authority === undefined, path).toBe(certificate.selfIssued)
      const issuer = authority ? distinct.get(hexOf(authority)) : certificate
      expect(issuer?.basicConstraints?.ca, path).toBe(true)
      expect(issuer?.subject.raw, path).toEqual(certificate.issuer.raw)
      const spki = issuer?.publicKey.spki ?? new Uint8Array()
      expect(await verifySignature(engine, certificate, spki), path).toBe(true)
    }
  })

  it('begins five minutes ago and never outlives its issuer', () => {
    for (const [path, { notBefore, notAfter, basicConstraints }] of certificates) {
      expect(notBefore, path).toEqual(new Date('2026-03-01T11:55:00Z'))
      expect(notAfter, path).toEqual(later(basicConstraints?.ca ? 3650 : 365))
    }
  })

  it('has no oddity', () => {
    for (const [path, { oddities }] of certificates) expect(oddities, path).toEqual([])
  })
})

describe('nodes', async () => {
  const made = await generate(large(), { env: envAt() })
  const pathsOf = (name: string) => [...(made.nodes.get(name) ?? new Map()).keys()]

  it('workers have what a worker needs and nothing more', () => {
    const files = made.nodes.get('worker1') ?? new Map()
    const names = [...files.values()].filter(({ kind }) => kind === 'file').map(({ path }) => path)
    expect(names.sort()).toEqual([
      'etc/kubernetes/kubeadm.yaml',
      'etc/kubernetes/kubelet.conf',
      'etc/kubernetes/pki/ca.crt',
      'var/lib/kubelet/config.yaml',
      'var/lib/kubelet/kubeadm-flags.env',
      'var/lib/kubelet/pki/kubelet.crt',
      'var/lib/kubelet/pki/kubelet.key',
    ])
  })

  it('control planes share authorities and the service-account key, and no other key', () => {
    const keys = new Map<string, string[]>()
    for (const [path, text] of textsOf(made))
      if (path.startsWith('nodes/') && path.endsWith('.key'))
        keys.set(text, [...(keys.get(text) ?? []), path.replace(/^nodes\/[^/]+\//, '')])
    const shared = [...keys.values()].filter((paths) => paths.length > 1)
    expect(
      shared.map((paths) => `${new Set(paths).size} ${paths.length} ${paths[0]}`).sort(),
    ).toEqual([
      '1 3 etc/kubernetes/pki/ca.key',
      '1 3 etc/kubernetes/pki/etcd/ca.key',
      '1 3 etc/kubernetes/pki/front-proxy-ca.key',
      '1 3 etc/kubernetes/pki/sa.key',
    ])
  })

  it('each control plane’s API server has its own names', () => {
    for (const [index, name] of ['cp1', 'cp2', 'cp3'].entries()) {
      const path = `nodes/${name}/etc/kubernetes/pki/apiserver.crt`
      const { altNames } = certificateIn(made, path)
      expect(altNames?.dns).toEqual([
        'api.example.com',
        name,
        'kubernetes',
        'kubernetes.default',
        'kubernetes.default.svc',
        'kubernetes.default.svc.cluster.local',
      ])
      expect(altNames?.ip).toEqual(['10.128.0.1', `172.31.10.${11 + index}`])
    }
  })

  it('has kubeadm’s modes', () => {
    for (const [folder, tree] of foldersOf(made))
      for (const entry of tree.values()) {
        const where = `${folder}/${entry.path}`
        if (entry.kind === 'directory') {
          const secret = /manifests$|var\/lib\/kubelet/.test(entry.path)
          expect(entry.mode, where).toBe(secret ? 0o700 : 0o755)
        } else if (entry.kind === 'file') {
          const open = /\.crt$|config\.yaml$|kubeadm-flags\.env$/.test(entry.path)
          expect(entry.mode, where).toBe(open && folder !== 'authorities' ? 0o644 : 0o600)
        }
      }
  })

  it('pins the authority in what joins', () => {
    const pins = ['cp2', 'worker1'].map((name) => {
      const text = textIn(made, `nodes/${name}/etc/kubernetes/kubeadm.yaml`)
      return /sha256:[0-9a-f]{64}/.exec(text)?.[0]
    })
    const { publicKey } = readCertificate(textIn(made, 'authorities/ca.crt'))
    const pin = `sha256:${createHash('sha256').update(publicKey.spki).digest('hex')}`
    expect(pins).toEqual([pin, pin])
    expect(pathsOf('cp1')).toContain('etc/kubernetes/pki/sa.pub')
  })

  it('are made one at a time', async () => {
    const parts: string[] = []
    for await (const { folder } of generateParts(large(), { env: envAt() })) parts.push(folder)
    expect(parts).toEqual([
      'authorities',
      ...['cp1', 'cp2', 'cp3', 'worker1', 'worker2'].map((name) => `nodes/${name}`),
      'kubeconfig',
    ])
  })
})

describe('secrets', () => {
  it('have kubeadm’s forms and are kept', async () => {
    const one = await generate(small(), { env: envAt() })
    const token = textIn(one, 'authorities/bootstrap-token').trim()
    const key = textIn(one, 'authorities/certificate-key').trim()
    expect(token).toMatch(/^[a-z0-9]{6}\.[a-z0-9]{16}$/)
    expect(key).toMatch(/^[0-9a-f]{64}$/)
    const init = textIn(one, 'nodes/cp1/etc/kubernetes/kubeadm.yaml')
    expect(init).toContain(token)
    expect(init).toContain(key)
    expect(textIn(one, 'nodes/worker1/etc/kubernetes/kubeadm.yaml')).toContain(token)
    const renewed = await generate(small(), {
      env: envAt(later(400)),
      existing: existingOf(one),
    })
    expect(textIn(renewed, 'authorities/bootstrap-token').trim()).toBe(token)
    expect(textIn(renewed, 'authorities/certificate-key').trim()).toBe(key)
  })

  it('come from kubeadm’s configuration where it says them', async () => {
    const certificateKey = 'ab'.repeat(32)
    const bootstrapTokens = [{ token: 'abcdef.0123456789abcdef' }]
    const kubeadm = { initConfiguration: { certificateKey, bootstrapTokens } }
    const made = await generate(small({}, { kubeadm }), { env: envAt() })
    expect(textIn(made, 'authorities/bootstrap-token')).toBe('abcdef.0123456789abcdef\n')
    expect(textIn(made, 'authorities/certificate-key')).toBe(`${certificateKey}\n`)
  })

  it('need no token where nodes join with files', async () => {
    const made = await generate(small({}, { join: 'files' }), { env: envAt() })
    expect(textsOf(made).has('authorities/bootstrap-token')).toBe(false)
  })

  it('are never in a file that others may read', async () => {
    const made = await generate(small(), { env: envAt() })
    const secrets = ['authorities/bootstrap-token', 'authorities/certificate-key'].map((path) =>
      textIn(made, path).trim(),
    )
    for (const [folder, tree] of foldersOf(made))
      for (const entry of tree.values()) {
        if (entry.kind !== 'file' || entry.mode === 0o600) continue
        const text = new TextDecoder().decode(entry.data)
        expect(text.includes('PRIVATE KEY'), `${folder}/${entry.path}`).toBe(false)
        for (const secret of secrets) expect(text.includes(secret), entry.path).toBe(false)
      }
  })
})

describe('people', () => {
  const config = (made: Generated, path: string) =>
    loadYaml(textIn(made, path)) as {
      'current-context': string
      contexts: { name: string; context: { user: string } }[]
      users: { name: string }[]
      clusters: { name: string; cluster: { server: string } }[]
    }

  it('get a kubeconfig each, with their groups and their validity', async () => {
    const users = [{ name: 'jane', groups: ['dev', 'ops'], validity: '720h' }, { name: 'joe' }]
    const made = await generate(small({ users }), { env: envAt() })
    const { subject, notAfter } = certificateIn(made, 'kubeconfig/jane.conf')
    expect(subject.commonNames).toEqual(['jane'])
    expect(subject.organizations).toEqual(['dev', 'ops'])
    expect(notAfter).toEqual(later(30))
    expect(certificateIn(made, 'kubeconfig/joe.conf').subject.organizations).toEqual([])
  })

  it('get names that differ between clusters when asked; components keep theirs', async () => {
    const kubeconfig = { uniqueNames: true, server: 'https://lb.example.org:443' }
    const made = await generate(small({}, { kubeconfig }), { env: envAt() })
    const admin = config(made, 'kubeconfig/admin.conf')
    expect(admin.users[0]?.name).toBe('kubernetes-admin@lab')
    expect(admin.contexts[0]?.context.user).toBe('kubernetes-admin@lab')
    expect(admin['current-context']).toBe('kubernetes-admin@lab')
    expect(admin.clusters[0]?.cluster.server).toBe('https://lb.example.org:443')
    const scheduler = config(made, 'nodes/cp1/etc/kubernetes/scheduler.conf')
    expect(scheduler.users[0]?.name).toBe('system:kube-scheduler')
    const { altNames } = certificateIn(made, 'nodes/cp1/etc/kubernetes/pki/apiserver.crt')
    expect(altNames?.dns).toContain('lb.example.org')
  })

  it('trust the root in a hierarchy; components trust the issuing authority alone', async () => {
    const made = await generate(small({ topology: 'hierarchy' }), { env: envAt() })
    const embedded = (path: string) => {
      const data = /certificate-authority-data: (\S+)/.exec(textIn(made, path))?.[1] ?? ''
      return Buffer.from(data, 'base64').toString()
    }
    const ca = textIn(made, 'authorities/ca.crt')
    expect(embedded('nodes/cp1/etc/kubernetes/admin.conf')).toBe(ca)
    expect(embedded('nodes/worker1/etc/kubernetes/kubelet.conf')).toBe(ca)
    expect(embedded('kubeconfig/admin.conf')).toBe(ca + textIn(made, 'authorities/root-ca.crt'))
  })

  it('a super-admin is made from 1.29 on, for the first control plane and the safe', async () => {
    const paths = async (kubernetesVersion: string) => {
      const made = await generate(large({}, { kubernetesVersion }), { env: envAt() })
      return [...textsOf(made).keys()].filter((path) => path.includes('super-admin'))
    }
    expect(await paths('1.28')).toEqual([])
    const first = 'nodes/cp1/etc/kubernetes/super-admin.conf'
    expect(await paths('1.29')).toEqual([first, 'kubeconfig/super-admin.conf'])
  })

  it('kube-proxy gets a kubeconfig on every node when asked', async () => {
    const made = await generate(small({ kubeProxy: true }), { env: envAt() })
    for (const node of ['cp1', 'worker1', 'worker2']) {
      const { subject } = certificateIn(made, `nodes/${node}/etc/kubernetes/kube-proxy.conf`)
      expect(subject.commonNames).toEqual(['system:kube-proxy'])
      expect(subject.organizations).toEqual(['system:node-proxier'])
    }
  })
})

it('takes a text, a value or a resolved cluster', async () => {
  expect((await generate(small(), { env: envAt() })).cluster.name).toBe('lab')
  const document: ClusterSpec = {
    apiVersion: 'kpki/v1alpha1',
    kind: 'Cluster',
    metadata: { name: 'lab' },
    spec: {
      kubernetesVersion: 'v1.28.7',
      nodes: [{ name: 'cp1', role: 'control-plane', address: '172.31.10.11' }],
      pki: { keyAlgorithm: 'ECDSA-P256' },
    },
  }
  const [text, value] = await Promise.all([
    generate(JSON.stringify(document), { env: envAt() }),
    generate(document, { env: envAt() }),
  ])
  expect([...textsOf(value).keys()]).toEqual([...textsOf(text).keys()])
})

it('leaves files alone that are not its own', async () => {
  const one = await generate(small(), { env: envAt() })
  const existing = changed(existingOf(one), { 'nodes/cp1/etc/motd': 'hello' })
  const two = await generate(small(), { env: envAt(later(1)), existing })
  expect(two.changes.every(({ action }) => action === 'keep')).toBe(true)
  expect(textsOf(two).has('nodes/cp1/etc/motd')).toBe(false)
})
