import { describe, expect, it } from 'vitest'
import { sameKey } from '../../src/ca/keys/keys.js'
import { readPrivateKey } from '../../src/ca/keys/private-key.js'
import { verifySignature } from '../../src/ca/keys/signature.js'
import type { TreeEntry } from '../../src/files/tree.js'
import { type Existing, type Generated, generate } from '../../src/generate/generate.js'
import { testKeyPem } from '../ca/support.js'
import {
  certificateIn,
  certificatesOf,
  changed,
  envAt,
  existingOf,
  large,
  later,
  small,
  textIn,
  textsOf,
} from './clusters.js'

const PKI = 'nodes/cp1/etc/kubernetes/pki'
const BASES = ['ca', 'etcd/ca', 'front-proxy-ca']

/** Authorities' files in authorities/. */
function authorityTexts(made: Generated): ReadonlyMap<string, string> {
  const own = [...textsOf(made)].filter(([path]) => /^authorities\/.*\.(crt|key)$/.test(path))
  return new Map(own)
}

const env = () => envAt(later(1))
const codeOf = (run: Promise<unknown>): Promise<unknown> =>
  run.then(
    () => 'nothing was thrown',
    (error: { code?: string }) => error.code ?? error,
  )

describe('authorities are never replaced', () => {
  it.each([
    ['another algorithm is asked for', { keyAlgorithm: 'ECDSA-P384' }],
    ['another validity is asked for', { validity: { ca: '100000h' } }],
    ['another subject is asked for', { subject: { O: 'Example' } }],
  ])('when %s', async (_, pki) => {
    const one = await generate(small(), { env: envAt() })
    const two = await generate(small(pki), { env: env(), existing: existingOf(one) })
    expect(authorityTexts(two)).toEqual(authorityTexts(one))
  })

  it('when they end soon', async () => {
    const one = await generate(small(), { env: envAt() })
    const two = await generate(small(), { env: envAt(later(3649)), existing: existingOf(one) })
    expect(authorityTexts(two)).toEqual(authorityTexts(one))
    for (const { id, notAfter } of two.certificates)
      expect(notAfter, id).toEqual(certificateIn(one, 'authorities/ca.crt').notAfter)
  })

  it('when they expired: nothing can be issued any more', async () => {
    const one = await generate(small(), { env: envAt() })
    const two = generate(small(), { env: envAt(later(3651)), existing: existingOf(one) })
    await expect(two).rejects.toMatchObject({
      code: 'ERR_SPEC_INVALID',
      message: expect.stringMatching(/^(etcd-|front-proxy-)?ca expired on 2036-02-27/),
    })
  })

  it('when the files are unreadable, foreign, or no authorities', async () => {
    const one = await generate(small(), { env: envAt() })
    const other = await generate(small(), { env: envAt() })
    const run = (edits: Readonly<Record<string, string | undefined>>) =>
      codeOf(generate(small(), { env: env(), existing: changed(existingOf(one), edits) }))
    const foreignKey = textIn(other, 'authorities/ca.key')
    expect(await run({ 'authorities/ca.crt': 'garbage' })).toBe('ERR_PEM_INVALID')
    expect(await run({ 'authorities/ca.crt': '' })).toBe('ERR_PEM_INVALID')
    expect(await run({ 'authorities/etcd/ca.key': 'garbage' })).toBe('ERR_PEM_INVALID')
    expect(await run({ 'authorities/ca.key': foreignKey })).toBe('ERR_KEY_MISMATCH')
    const leaf = {
      'authorities/ca.crt': textIn(one, `${PKI}/apiserver.crt`),
      'authorities/ca.key': textIn(one, `${PKI}/apiserver.key`),
    }
    expect(await run(leaf)).toBe('ERR_PEM_INVALID')
  })
})

describe('a key without its certificate', () => {
  it('is certified: the run that made it was cut off', async () => {
    const key = testKeyPem('p256-1')
    const existing: Existing = changed(() => new Map(), { 'authorities/ca.key': key })
    const made = await generate(small(), { env: env(), existing })
    const { spki } = certificateIn(made, 'authorities/ca.crt').publicKey
    expect(sameKey(spki, readPrivateKey(key).spki)).toBe(true)
    expect(textIn(made, 'authorities/ca.key')).toBe(key)
  })

  it('finds the same certificate on a node', async () => {
    const one = await generate(small(), { env: envAt() })
    const existing = changed(existingOf(one), { 'authorities/ca.crt': undefined })
    const two = await generate(small(), { env: env(), existing })
    expect(authorityTexts(two)).toEqual(authorityTexts(one))
  })
})

describe('lost authorities', () => {
  const lost = (made: Generated): Readonly<Record<string, undefined>> =>
    Object.fromEntries([...textsOf(made).keys()].map((path) => [path, undefined]))
  const withoutAuthorities = (made: Generated, alsoNodes: readonly string[] = []): Existing => {
    const gone = Object.entries(lost(made)).filter(
      ([path]) =>
        path.startsWith('authorities/') ||
        alsoNodes.some((name) => path.startsWith(`nodes/${name}/`)),
    )
    return changed(existingOf(made), Object.fromEntries(gone))
  }

  it.each(['separate', 'single'])('come back from a node’s tree: %s', async (topology) => {
    const one = await generate(small({ topology }), { env: envAt() })
    const two = await generate(small({ topology }), {
      env: env(),
      existing: withoutAuthorities(one),
    })
    expect(authorityTexts(two)).toEqual(authorityTexts(one))
    expect(textIn(two, 'authorities/sa.key')).toBe(textIn(one, 'authorities/sa.key'))
    const leaves = (made: Generated) => textIn(made, `${PKI}/apiserver.crt`)
    expect(leaves(two)).toBe(leaves(one))
    for (const path of ['ca.crt', 'ca.key', 'sa.key', 'sa.pub'])
      expect(two.changes).toContainEqual({
        path: `authorities/${path}`,
        action: 'create',
        reason: 'recovered from nodes/cp1',
      })
  })

  it('come back from the second control plane when the first one’s tree is gone too', async () => {
    const one = await generate(large(), { env: envAt() })
    const existing = withoutAuthorities(one, ['cp1'])
    const two = await generate(large(), { env: env(), existing })
    expect(authorityTexts(two)).toEqual(authorityTexts(one))
  })

  it('come back one half from each place', async () => {
    const one = await generate(small(), { env: envAt() })
    const existing = changed(existingOf(one), {
      'authorities/ca.key': undefined,
      'authorities/etcd/ca.crt': undefined,
    })
    const two = await generate(small(), { env: env(), existing })
    expect(authorityTexts(two)).toEqual(authorityTexts(one))
  })

  it('of a hierarchy come back with the root’s certificate, whose key is gone for good', async () => {
    const cluster = small({ topology: 'hierarchy' })
    const one = await generate(cluster, { env: envAt() })
    const two = await generate(cluster, { env: env(), existing: withoutAuthorities(one) })
    const expected = new Map(authorityTexts(one))
    expect(expected.delete('authorities/root-ca.key')).toBe(true)
    expect(authorityTexts(two)).toEqual(expected)
  })

  it('whose keys are kept offline are trusted, and asked for when something must be signed', async () => {
    const cluster = small({ caKeys: 'offline' })
    const one = await generate(cluster, { env: envAt() })
    const existing = withoutAuthorities(one)
    const two = await generate(cluster, { env: env(), existing })
    for (const base of BASES) {
      expect(textIn(two, `authorities/${base}.crt`)).toBe(textIn(one, `authorities/${base}.crt`))
      expect(textsOf(two).has(`authorities/${base}.key`)).toBe(false)
    }
    const reasons = two.changes.filter(({ path }) => /^authorities\/.*crt$/.test(path))
    for (const { action, reason, path } of reasons)
      expect([action, reason], path).toEqual([
        'create',
        `recovered from nodes/cp1; its key is lost: restore ${path.replace(/crt$/, 'key')} from a backup`,
      ])
    const missing = changed(existing, { [`${PKI}/apiserver.crt`]: undefined })
    expect(await codeOf(generate(cluster, { env: env(), existing: missing }))).toBe(
      'ERR_CA_KEY_MISSING',
    )
  })
})

describe('what lies in an authority’s place and is no file', () => {
  const link: TreeEntry = { kind: 'symlink', path: '', target: '/dev/null' }
  const folder: TreeEntry = { kind: 'directory', path: '', mode: 0o700 }
  const huge: TreeEntry = { kind: 'other', path: '', reason: 'larger than 4194304 bytes' }
  const places = [
    'authorities/ca.key',
    'authorities/etcd/ca.crt',
    'authorities/sa.key',
    `${PKI}/apiserver.key`,
    'nodes/worker1/etc/kubernetes/kubelet.conf',
    'kubeconfig/admin.conf',
  ]
  const cases = places.flatMap((path) => [
    [path, 'a link', link] as const,
    [path, 'a folder', folder] as const,
    [path, 'larger than 4194304 bytes', huge] as const,
  ])
  it.each(cases)('is refused by name: %s, %s', async (path, reason, entry) => {
    const one = await generate(small(), { env: envAt() })
    const existing: Existing = async (name) => {
      const tree = new Map(await existingOf(one)(name))
      const inside = path.slice(name.length + 1)
      if (path.startsWith(`${name}/`)) tree.set(inside, { ...entry, path: inside })
      return tree
    }
    await expect(generate(small(), { env: env(), existing })).rejects.toMatchObject({
      code: 'ERR_FILE_UNSAFE',
      message: `${path} is not a file to use: it is ${reason}`,
      details: { path },
    })
  })

  it('is refused too when a link leads to it', async () => {
    const existing: Existing = (name) =>
      new Map(name === 'nodes/cp1' ? [['etc', { ...link, path: 'etc' }]] : [])
    await expect(generate(small(), { env: env(), existing })).rejects.toMatchObject({
      code: 'ERR_FILE_UNSAFE',
      message: 'nodes/cp1/etc is not a folder to use: it is a link',
    })
  })
})

describe('a lost service-account key', () => {
  const keys = [
    'authorities',
    ...['cp1', 'cp2', 'cp3'].map((name) => `nodes/${name}/etc/kubernetes/pki`),
  ]
  const without = (endings: readonly string[], folders = keys) =>
    Object.fromEntries(
      folders.flatMap((at) => endings.map((end) => [`${at}/sa.${end}`, undefined])),
    )
  const rerun = async (edits: Readonly<Record<string, undefined>>) => {
    const one = await generate(large(), { env: envAt() })
    const two = generate(large(), { env: env(), existing: changed(existingOf(one), edits) })
    return { one, two }
  }

  it.each([
    ['authorities/', 'authorities/sa.pub', without(['key'])],
    [
      'one control plane alone',
      'nodes/cp3/etc/kubernetes/pki/sa.pub',
      { ...without(['key']), ...without(['pub'], keys.slice(0, 3)) },
    ],
  ])('is not replaced while its public half is in %s', async (_, path, edits) => {
    const { two } = await rerun(edits)
    await expect(two).rejects.toMatchObject({
      code: 'ERR_CA_KEY_MISSING',
      message: `authorities/sa.key is lost, and ${path} is still there: a new pair would end every service-account token`,
      details: { authority: 'sa' },
      hint: expect.stringMatching(/restore it from a backup.*remove sa\.pub/),
    })
  })

  it('comes back from a control plane that has it', async () => {
    const { one, two } = await rerun(without(['key', 'pub'], keys.slice(0, 3)))
    expect(textIn(await two, 'authorities/sa.key')).toBe(textIn(one, 'authorities/sa.key'))
  })

  it('is made anew on purpose: no public half is left', async () => {
    const { one, two } = await rerun(without(['key', 'pub']))
    expect(textIn(await two, 'authorities/sa.key')).not.toBe(textIn(one, 'authorities/sa.key'))
  })
})

describe('topology', () => {
  const topologies = ['separate', 'single', 'hierarchy'] as const
  const pairs = topologies.flatMap((from) =>
    topologies.filter((to) => to !== from).map((to) => [from, to] as const),
  )
  it.each(pairs)('%s never becomes %s', async (from, to) => {
    const one = await generate(small({ topology: from }), { env: envAt() })
    const two = generate(small({ topology: to }), { env: env(), existing: existingOf(one) })
    await expect(two).rejects.toMatchObject({
      code: 'ERR_SPEC_INVALID',
      details: { issues: [{ path: 'spec.pki.topology' }] },
    })
  })

  it('single: one certificate and key in every place', async () => {
    const made = await generate(small({ topology: 'single' }), { env: envAt() })
    for (const ending of ['crt', 'key']) {
      const texts = BASES.map((base) => textIn(made, `${PKI}/${base}.${ending}`))
      expect(new Set(texts).size).toBe(1)
      expect(texts[0]).toBe(textIn(made, `authorities/ca.${ending}`))
    }
    expect([...authorityTexts(made).keys()].sort()).toEqual([
      'authorities/ca.crt',
      'authorities/ca.key',
      'authorities/sa.key',
    ])
  })

  it('hierarchy: three issuing authorities of path length 0 below a root that no node has the key of', async () => {
    const made = await generate(large({ topology: 'hierarchy' }), { env: envAt() })
    const root = certificateIn(made, 'authorities/root-ca.crt')
    expect(root.selfIssued).toBe(true)
    expect(root.basicConstraints).toEqual({ critical: true, ca: true })
    for (const base of BASES) {
      const issuing = certificateIn(made, `authorities/${base}.crt`)
      expect(issuing.basicConstraints).toEqual({ critical: true, ca: true, pathLength: 0 })
      expect(await verifySignature(envAt().engine, issuing, root.publicKey.spki)).toBe(true)
      expect(issuing.notAfter <= root.notAfter).toBe(true)
      expect(textIn(made, `${PKI}/${base}.crt`)).toBe(textIn(made, `authorities/${base}.crt`))
    }
    const key = textIn(made, 'authorities/root-ca.key')
    const holders = [...textsOf(made)].filter(([, text]) => text.includes(key.slice(40, 100)))
    expect(holders.map(([path]) => path)).toEqual(['authorities/root-ca.key'])
    expect(textIn(made, `${PKI}/root-bundle.crt`)).toBe(
      textIn(made, `${PKI}/ca.crt`) + textIn(made, 'authorities/root-ca.crt'),
    )
  })

  it('caKeys offline: no authority’s key on any node, and yet everything is signed', async () => {
    const cluster = large({ caKeys: 'offline' })
    const one = await generate(cluster, { env: envAt() })
    const keys = BASES.map((base) => textIn(one, `authorities/${base}.key`))
    for (const [path, text] of textsOf(one))
      if (path.startsWith('nodes/'))
        for (const key of keys) expect(text.includes(key), path).toBe(false)
    const edits = { [`${PKI}/apiserver.crt`]: undefined }
    const two = await generate(cluster, { env: env(), existing: changed(existingOf(one), edits) })
    expect(certificatesOf(two).get(`${PKI}/apiserver.crt`)?.issuer.commonNames).toEqual([
      'kubernetes',
    ])
    const controllers = textIn(
      two,
      'nodes/cp1/etc/kubernetes/manifests/kube-controller-manager.yaml',
    )
    expect(controllers).not.toContain('ca.key')
  })
})

it('external etcd has no authority here', async () => {
  const etcd = {
    external: {
      endpoints: ['https://10.9.0.1:2379'],
      caFile: '/e/ca.crt',
      certFile: '/e/c.crt',
      keyFile: '/e/c.key',
    },
  }
  const cluster = small({}, { kubeadm: { clusterConfiguration: { etcd } } })
  const made = await generate(cluster, { env: envAt() })
  expect([...textsOf(made).keys()].filter((path) => path.includes('etcd'))).toEqual([])
})
