import { describe, expect, it } from 'vitest'
import { readPrivateKey } from '../../src/ca/keys/private-key.js'
import { createVerifier } from '../../src/ca/keys/signature.js'
import { establishAuthorities } from '../../src/certs/authorities.js'
import { planNode } from '../../src/certs/plan.js'
import { reasonToReplace } from '../../src/certs/reconcile.js'
import type { Cluster } from '../../src/cluster/cluster.js'
import type { Change, Part } from '../../src/generate/changes.js'
import {
  type Existing,
  type Generated,
  generate,
  generateParts,
} from '../../src/generate/generate.js'
import { base64Of } from '../../src/values/bytes.js'
import {
  certificateIn,
  changed,
  DAY,
  envAt,
  existingOf,
  later,
  START,
  small,
  textIn,
  textsOf,
} from './clusters.js'

const PKI = 'nodes/cp1/etc/kubernetes/pki'
const CERTIFICATE = `${PKI}/apiserver.crt`
const KEY = `${PKI}/apiserver.key`

const first = await generate(small(), { env: envAt() })
const foreign = await generate(small(), { env: envAt() })

interface Again {
  readonly cluster?: Cluster
  readonly edits?: Readonly<Record<string, string | undefined>>
  readonly now?: Date
  readonly renewBefore?: number
}

async function again({ cluster = small(), edits = {}, now = later(1), renewBefore }: Again = {}) {
  const existing: Existing = changed(existingOf(first), edits)
  const options = { env: envAt(now), existing }
  return generate(cluster, { ...options, ...(renewBefore !== undefined && { renewBefore }) })
}

const pending = ({ changes }: Generated): readonly Change[] =>
  changes.filter(({ action }) => action !== 'keep')

/** Reasons by path, of everything that is not kept. */
const reasons = (made: Generated): Readonly<Record<string, string>> =>
  Object.fromEntries(pending(made).map(({ path, reason }) => [path, reason]))

describe('a second run', () => {
  it('keeps every byte', async () => {
    const second = await again()
    expect(pending(second)).toEqual([])
    expect([...textsOf(second)]).toEqual([...textsOf(first)])
  })

  it('keeps every byte with RSA authorities over other leaves, users and all extras', async () => {
    const cluster = small({
      topology: 'hierarchy',
      kubeProxy: true,
      users: [{ name: 'jane', groups: ['dev'], validity: '720h' }],
      certificates: { apiserver: { keyAlgorithm: 'ECDSA-P384', validity: '100h' } },
    })
    const one = await generate(cluster, { env: envAt() })
    const two = await generate(cluster, { env: envAt(later(1)), existing: existingOf(one) })
    expect(pending(two)).toEqual([])
    expect([...textsOf(two)]).toEqual([...textsOf(one)])
  })

  it('plans every file of an empty folder as new', () => {
    expect(new Set(first.changes.map(({ action }) => action))).toEqual(new Set(['create']))
    expect(first.changes.map(({ path }) => path).sort()).toEqual([...textsOf(first).keys()].sort())
  })

  it('repairs a mode', async () => {
    const existing: Existing = async (folder) => {
      const tree = new Map(await existingOf(first)(folder))
      const entry = tree.get('etc/kubernetes/pki/sa.key')
      if (entry?.kind === 'file') tree.set(entry.path, { ...entry, mode: 0o644 })
      return tree
    }
    const second = await generate(small(), { env: envAt(), existing })
    expect(reasons(second)).toEqual({ [`${PKI}/sa.key`]: 'its mode is 0644, not 0600' })
  })
})

describe('a certificate is made anew with its key when', () => {
  const both = (reason: string) => ({ [CERTIFICATE]: reason, [KEY]: reason })

  it.each<[string, Again | (() => Again), RegExp]>([
    ['it is missing', { edits: { [CERTIFICATE]: undefined } }, /^its certificate is missing$/],
    ['its key is missing', { edits: { [KEY]: undefined } }, /^its key is missing$/],
    ['it is garbage', { edits: { [CERTIFICATE]: 'garbage' } }, /^it cannot be read: /],
    ['it is empty', { edits: { [CERTIFICATE]: '' } }, /^it cannot be read: /],
    ['its key is garbage', { edits: { [KEY]: 'garbage' } }, /^it cannot be read: /],
    [
      'its key is another',
      () => ({ edits: { [KEY]: textIn(foreign, KEY) } }),
      /^its key does not fit its certificate$/,
    ],
    [
      'an authority of the same name signed it',
      () => ({
        edits: { [KEY]: textIn(foreign, KEY), [CERTIFICATE]: textIn(foreign, CERTIFICATE) },
      }),
      /^its signature is not by the present key of ca$/,
    ],
    [
      'another authority signed it',
      () => ({
        edits: {
          [KEY]: textIn(first, `${PKI}/etcd/server.key`),
          [CERTIFICATE]: textIn(first, `${PKI}/etcd/server.crt`),
        },
      }),
      /^it is not signed by ca$/,
    ],
    [
      'it is for something else',
      () => ({
        edits: {
          [KEY]: textIn(first, `${PKI}/apiserver-kubelet-client.key`),
          [CERTIFICATE]: textIn(first, `${PKI}/apiserver-kubelet-client.crt`),
        },
      }),
      /^its subject changed$/,
    ],
    [
      'its algorithm changed',
      { cluster: small({ certificates: { apiserver: { keyAlgorithm: 'ECDSA-P384' } } }) },
      /^its key is not ECDSA-P384$/,
    ],
    [
      'its validity grew',
      { cluster: small({ certificates: { apiserver: { validity: '9000h' } } }) },
      /^its validity period changed$/,
    ],
    [
      'its validity shrank',
      { cluster: small({ certificates: { apiserver: { validity: '8000h' } } }) },
      /^its validity period changed$/,
    ],
  ])('%s', async (_, given, reason) => {
    const second = await again(typeof given === 'function' ? given() : given)
    expect(Object.keys(reasons(second)).sort()).toEqual([CERTIFICATE, KEY])
    for (const text of Object.values(reasons(second))) expect(text).toMatch(reason)
    expect(textIn(second, CERTIFICATE)).not.toBe(textIn(first, CERTIFICATE))
    expect(textIn(second, KEY)).not.toBe(textIn(first, KEY))
  })

  it('its names changed, and only then its manifest', async () => {
    const cluster = small({ apiServer: { extraSans: ['API.example.org', '203.0.113.7'] } })
    const second = await again({ cluster })
    expect(reasons(second)).toMatchObject(both('its names and addresses changed'))
    const { altNames } = certificateIn(second, CERTIFICATE)
    expect(altNames?.dns).toContain('api.example.org')
    expect(altNames?.ip).toContain('203.0.113.7')
    const others = Object.keys(reasons(second)).filter((path) => !path.includes('apiserver'))
    expect(others).toEqual(['nodes/cp1/etc/kubernetes/kubeadm.yaml'])
  })

  it('its usages changed', async () => {
    const cluster = small()
    const env = envAt()
    const authorities = await establishAuthorities(cluster, first.authorities, env)
    const [issuer, node] = [authorities.get('ca'), cluster.nodes[0]]
    const planned = node && planNode(cluster, node).find(({ row }) => row === 'apiserver')
    if (!issuer || !planned) throw new Error('no apiserver row')
    const pem = textIn(first, CERTIFICATE)
    const found = {
      facts: certificateIn(first, CERTIFICATE),
      pem,
      key: readPrivateKey(textIn(first, KEY)),
    }
    const context = { now: START, verifier: createVerifier(env.engine) }
    expect(await reasonToReplace(planned, found, issuer, context)).toBeUndefined()
    const asPeer = { ...planned, profile: 'peer' } as const
    expect(await reasonToReplace(asPeer, found, issuer, context)).toBe('its usages changed')
  })
})

describe('time', () => {
  const leaves = (made: Generated) => pending(made).filter(({ path }) => path.endsWith('.crt'))

  it('renews what ends within renewBefore, 30 days by default', async () => {
    expect(pending(await again({ now: later(334) }))).toEqual([])
    const due = await again({ now: later(336) })
    expect(reasons(due)[CERTIFICATE]).toBe('it ends on 2027-03-01')
    expect(leaves(due).some(({ path }) => path.includes('ca.crt'))).toBe(false)
    expect(pending(await again({ now: later(336), renewBefore: 28 * DAY }))).toEqual([])
    const all = await again({ now: later(1), renewBefore: 366 * DAY })
    const names = new Set(leaves(all).map(({ path }) => path.split('/').slice(-2).join('/')))
    expect(names).toEqual(
      new Set([
        'pki/apiserver.crt',
        'pki/apiserver-etcd-client.crt',
        'pki/apiserver-kubelet-client.crt',
        'pki/front-proxy-client.crt',
        'pki/kubelet.crt',
        'etcd/server.crt',
        'etcd/peer.crt',
        'etcd/healthcheck-client.crt',
      ]),
    )
  })

  it('renews what expired', async () => {
    expect(reasons(await again({ now: later(366) }))[KEY]).toBe('it expired on 2027-03-01')
  })

  const clock = (ms: number) => new Date(START.getTime() + ms)
  const behind = { code: 'ERR_CLOCK', hint: expect.stringContaining('set the clock') }

  it('is not believed when it is before what is there began', async () => {
    await expect(again({ now: clock(-DAY) })).rejects.toMatchObject({
      ...behind,
      message:
        'the clock says 2026-02-28T12:00:00.000Z, but authorities/ca.crt is not valid before 2026-03-01T11:55:00.000Z',
      details: { path: 'authorities/ca.crt', notBefore: '2026-03-01T11:55:00.000Z' },
    })
  })

  it('may differ by five minutes, as between machines: nothing is made anew for that', async () => {
    expect(pending(await again({ now: clock(-10 * 60_000) }))).toEqual([])
    await expect(again({ now: clock(-10 * 60_000 - 1) })).rejects.toMatchObject(behind)
  })

  it.each([
    ['certificate', CERTIFICATE],
    ['kubeconfig', 'nodes/worker2/etc/kubernetes/kubelet.conf'],
    ['person’s kubeconfig', 'kubeconfig/admin.conf'],
  ])('is not believed when one %s began later, and nothing is planned then', async (_, path) => {
    const renewed = await again({ now: later(336) })
    const key = path.replace(/crt$/, 'key')
    const edits = { [path]: textIn(renewed, path), [key]: textIn(renewed, key) }
    const options = { env: envAt(later(2)), existing: changed(existingOf(first), edits) }
    const planned: Part[] = []
    const work = async () => {
      for await (const part of generateParts(small(), options)) planned.push(part)
    }
    await expect(work()).rejects.toMatchObject({
      ...behind,
      message: expect.stringContaining(`but ${path} is not valid before 2027-01-31`),
    })
    expect(planned).toEqual([])
  })

  it('takes short-lived certificates for right until their last third', async () => {
    const cluster = small({ validity: { certificate: '72h' } })
    const one = await generate(cluster, { env: envAt() })
    const at = (days: number) =>
      generate(cluster, { env: envAt(later(days)), existing: existingOf(one) })
    expect(pending(await at(1.9))).toEqual([])
    expect(reasons(await at(2.1))[CERTIFICATE]).toBe('it ends on 2026-03-04')
  })

  it('ends a leaf with its authority, and then leaves it alone', async () => {
    const cluster = small({ validity: { ca: '8760h', certificate: '8760h' } })
    const one = await generate(cluster, { env: envAt() })
    const leaf = (made: Generated) => certificateIn(made, CERTIFICATE)
    const ca = certificateIn(one, `${PKI}/ca.crt`)
    const edits = { [CERTIFICATE]: undefined, [KEY]: undefined }
    const two = await generate(cluster, {
      env: envAt(later(350)),
      existing: changed(existingOf(one), edits),
    })
    expect(leaf(two).notAfter).toEqual(ca.notAfter)
    const three = await generate(cluster, { env: envAt(later(351)), existing: existingOf(two) })
    expect(reasons(three)[CERTIFICATE]).toBeUndefined()
  })

  it('says which certificate ends when, in the order of the files', () => {
    const dated = first.certificates.find(({ id }) => id === 'apiserver/cp1')
    expect(dated).toEqual({
      id: 'apiserver/cp1',
      node: 'cp1',
      path: CERTIFICATE,
      notAfter: later(365),
    })
    expect(first.certificates.find(({ id }) => id === 'ca')?.notAfter).toEqual(later(3650))
  })
})

describe('kubeconfigs', () => {
  const conf = 'nodes/cp1/etc/kubernetes/scheduler.conf'

  it('are rendered anew around a good certificate', async () => {
    const text = textIn(first, conf).replace('https://172.31.10.11:6443', 'https://10.0.0.1:6443')
    const second = await again({ edits: { [conf]: text } })
    expect(reasons(second)).toEqual({ [conf]: 'its content changed' })
    expect(textIn(second, conf)).toBe(textIn(first, conf))
  })

  it.each<[string, (text: string) => string]>([
    ['no YAML', () => '\t{'],
    ['no credentials', (text) => text.replace(/client-key-data: .*/, '')],
    ['garbled credentials', (text) => text.replace(/(client-certificate-data: ).*/, '$1AAAA')],
    ['no user of the context', (text) => text.replace('- name: system', '- name: other')],
  ])('with %s get a new certificate', async (_, edit) => {
    const second = await again({ edits: { [conf]: edit(textIn(first, conf)) } })
    expect(Object.keys(reasons(second))).toEqual([conf])
    expect(certificateIn(second, conf).serial).not.toBe(certificateIn(first, conf).serial)
  })

  it('never give a key away in what the plan says', async () => {
    const second = await again({ edits: { [KEY]: textIn(first, KEY).replace('A', '!') } })
    const secret = textIn(first, KEY).split('\n')[1] ?? ''
    const said = JSON.stringify(second.changes)
    expect(said).not.toContain(secret)
    expect(said).not.toContain(base64Of(new TextEncoder().encode(secret)))
  })
})
