import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { verifyChain } from '../../src/ca/verify/verify.js'
import type { Generated } from '../../src/generate/generate.js'
import { embeddedCredentials } from '../../src/kubeconfig/read.js'
import { large, small, textsOf } from '../certs/clusters.js'
import { ALL_COMBINATIONS, COMBINATIONS, nodeRoot, pooledKeysEnv, written } from './trees.js'
import { has, run, skipUnless } from './workbench.js'

const PKI = 'etc/kubernetes/pki'
const NODES = ['cp1', 'cp2', 'cp3', 'worker1', 'worker2'] as const
type Authority = 'ca' | 'etcd/ca' | 'front-proxy-ca'

interface Leaf {
  /** Below the node's root. */
  readonly file: string
  readonly trust: Authority
  readonly purposes: readonly ('sslserver' | 'sslclient')[]
}

const server = ['sslserver'] as const
const client = ['sslclient'] as const
const KUBELET: readonly Leaf[] = [
  { file: 'var/lib/kubelet/pki/kubelet.crt', trust: 'ca', purposes: server },
  { file: 'etc/kubernetes/kubelet.conf', trust: 'ca', purposes: client },
  { file: 'etc/kubernetes/kube-proxy.conf', trust: 'ca', purposes: client },
]
const CONTROL_PLANE: readonly Leaf[] = [
  { file: `${PKI}/apiserver.crt`, trust: 'ca', purposes: server },
  { file: `${PKI}/apiserver-kubelet-client.crt`, trust: 'ca', purposes: client },
  { file: `${PKI}/front-proxy-client.crt`, trust: 'front-proxy-ca', purposes: client },
  { file: `${PKI}/etcd/server.crt`, trust: 'etcd/ca', purposes: [...server, ...client] },
  { file: `${PKI}/etcd/peer.crt`, trust: 'etcd/ca', purposes: [...server, ...client] },
  { file: `${PKI}/etcd/healthcheck-client.crt`, trust: 'etcd/ca', purposes: client },
  { file: `${PKI}/apiserver-etcd-client.crt`, trust: 'etcd/ca', purposes: client },
  { file: 'etc/kubernetes/admin.conf', trust: 'ca', purposes: client },
  { file: 'etc/kubernetes/controller-manager.conf', trust: 'ca', purposes: client },
  { file: 'etc/kubernetes/scheduler.conf', trust: 'ca', purposes: client },
  ...KUBELET,
]
const leavesOf = (node: string): readonly Leaf[] =>
  node.startsWith('cp') ? CONTROL_PLANE : KUBELET

const missing = skipUnless(has('openssl'), 'trees judged by OpenSSL', 'openssl')

describe.skipIf(missing).each(COMBINATIONS)('%s, %s', (topology, keyAlgorithm) => {
  const root = mkdtempSync(join(tmpdir(), 'kpki-tree-'))
  let made: Generated
  beforeAll(async () => {
    made = await written(large({ topology, keyAlgorithm, kubeProxy: true }), root)
  })
  afterAll(() => rmSync(root, { recursive: true, force: true }))

  const partial = topology === 'hierarchy' ? ['-partial_chain'] : []
  const at = (node: string, path: string) => join(nodeRoot(root, node), path)

  /** The leaf's certificate and key as files of their own. */
  function extracted(node: string, { file }: Leaf): { readonly crt: string; readonly key: string } {
    const path = at(node, file)
    if (file.endsWith('.crt')) return { crt: path, key: path.replace(/crt$/, 'key') }
    const { certificate = '', key = '' } = embeddedCredentials(readFileSync(path, 'utf8'))
    const base = join(root, `${node}-${file.replaceAll('/', '-')}`)
    writeFileSync(`${base}.crt`, certificate)
    writeFileSync(`${base}.key`, key, { mode: 0o600 })
    return { crt: `${base}.crt`, key: `${base}.key` }
  }

  async function verify(crt: string, trust: string, purpose: string, more: readonly string[] = []) {
    const options = ['-no-CApath', '-no-CAstore', '-purpose', purpose, ...more]
    return run('openssl', ['verify', '-x509_strict', ...options, '-CAfile', trust, crt])
  }

  it.each(NODES)(
    '%s: every leaf passes with the trust file its peer uses, and only it',
    async (node) => {
      const trustOf = (authority: string) => at(node, `${PKI}/${authority}.crt`)
      for (const leaf of leavesOf(node)) {
        const { crt } = extracted(node, leaf)
        for (const purpose of leaf.purposes) {
          const { code, out, err } = await verify(crt, trustOf(leaf.trust), purpose, partial)
          expect({ code, out, err }, `${leaf.file} ${purpose}`).toMatchObject({
            code: 0,
            out: `${crt}: OK\n`,
          })
        }
        const wrong = leaf.purposes.includes('sslserver') ? 'sslclient' : 'sslserver'
        if (leaf.purposes.length === 1)
          expect((await verify(crt, trustOf(leaf.trust), wrong, partial)).code, leaf.file).not.toBe(
            0,
          )
        if (topology === 'single' || !node.startsWith('cp')) continue
        for (const other of ['ca', 'etcd/ca', 'front-proxy-ca'])
          if (other !== leaf.trust) {
            const refused = await verify(crt, trustOf(other), leaf.purposes[0] ?? '', partial)
            expect(refused.code, `${leaf.file} by ${other}`).not.toBe(0)
          }
      }
    },
  )

  it.each(NODES)('%s: every key is whole and belongs to its certificate', async (node) => {
    for (const leaf of leavesOf(node)) {
      const { crt, key } = extracted(node, leaf)
      const [public1, public2, check] = await Promise.all([
        run('openssl', ['x509', '-in', crt, '-noout', '-pubkey']),
        run('openssl', ['pkey', '-in', key, '-pubout']),
        run('openssl', ['pkey', '-in', key, '-noout', '-check']),
      ])
      expect(public1.out, leaf.file).toMatch(/BEGIN PUBLIC KEY/)
      expect(public2.out, leaf.file).toBe(public1.out)
      expect(check.code, leaf.file).toBe(0)
    }
    if (!node.startsWith('cp')) return
    for (const base of ['ca', 'etcd/ca', 'front-proxy-ca']) {
      const [crt, key] = [at(node, `${PKI}/${base}.crt`), at(node, `${PKI}/${base}.key`)]
      const certified = await run('openssl', ['x509', '-in', crt, '-noout', '-pubkey'])
      expect((await run('openssl', ['pkey', '-in', key, '-pubout'])).out).toBe(certified.out)
    }
    const account = at(node, `${PKI}/sa`)
    const pub = readFileSync(`${account}.pub`, 'utf8')
    expect((await run('openssl', ['pkey', '-in', `${account}.key`, '-pubout'])).out).toBe(pub)
  })

  it('serving certificates carry the names and addresses they are called by', async () => {
    const ca = at('cp2', `${PKI}/ca.crt`)
    const calls: readonly (readonly [string, string, string])[] = [
      [`${PKI}/apiserver.crt`, ca, 'api.example.com'],
      [`${PKI}/apiserver.crt`, ca, 'kubernetes.default.svc'],
      [`${PKI}/apiserver.crt`, ca, '10.128.0.1'],
      [`${PKI}/apiserver.crt`, ca, '172.31.10.12'],
      ['var/lib/kubelet/pki/kubelet.crt', ca, '172.31.10.12'],
      [`${PKI}/etcd/server.crt`, at('cp2', `${PKI}/etcd/ca.crt`), 'localhost'],
      [`${PKI}/etcd/server.crt`, at('cp2', `${PKI}/etcd/ca.crt`), '::1'],
      [`${PKI}/etcd/peer.crt`, at('cp2', `${PKI}/etcd/ca.crt`), '172.31.10.12'],
    ]
    const verifies = (name: string) => (/^[\d.:]+$/.test(name) ? '-verify_ip' : '-verify_hostname')
    for (const [file, trust, name] of calls) {
      const given = [...partial, verifies(name), name]
      expect(await verify(at('cp2', file), trust, 'sslserver', given)).toMatchObject({ code: 0 })
    }
    const stranger = [...partial, '-verify_hostname', 'evil.example.com']
    expect((await verify(at('cp2', `${PKI}/apiserver.crt`), ca, 'sslserver', stranger)).code).toBe(
      2,
    )
  })

  it('authorities are what OpenSSL takes for authorities', async () => {
    const roots = topology === 'hierarchy' ? ['root-ca'] : ['ca']
    for (const base of roots) {
      const path = join(root, `authorities/${base}.crt`)
      expect(await verify(path, path, 'any', ['-check_ss_sig'])).toMatchObject({ code: 0 })
    }
    const text = (
      await run('openssl', ['x509', '-in', join(root, 'authorities/ca.crt'), '-noout', '-text'])
    ).out
    expect(text).toContain(topology === 'hierarchy' ? 'CA:TRUE, pathlen:0' : 'CA:TRUE\n')
  })

  if (topology === 'hierarchy')
    it('without -partial_chain OpenSSL needs the bundle with the root, and has it', async () => {
      const [ca, bundle] = ['ca', 'root-bundle'].map((base) => at('cp1', `${PKI}/${base}.crt`))
      const apiserver = at('cp1', `${PKI}/apiserver.crt`)
      expect((await verify(apiserver, ca ?? '', 'sslserver')).code).toBe(2)
      expect(await verify(apiserver, bundle ?? '', 'sslserver')).toMatchObject({ code: 0 })
      const etcd = at('cp1', `${PKI}/etcd/server.crt`)
      expect((await verify(etcd, bundle ?? '', 'sslserver')).code).toBe(2)
      for (const base of ['ca', 'etcd/ca', 'front-proxy-ca'])
        expect(
          await verify(
            at('cp1', `${PKI}/${base}.crt`),
            join(root, 'authorities/root-ca.crt'),
            'any',
          ),
        ).toMatchObject({ code: 0 })
    })

  if (topology === 'hierarchy')
    it('the root’s key is in no node’s tree', () => {
      const key = readFileSync(join(root, 'authorities/root-ca.key'), 'utf8')
      const line = key.split('\n')[2] ?? ''
      expect(line.length).toBeGreaterThan(20)
      for (const [path, text] of textsOf(made))
        expect(text.includes(line), path).toBe(path === 'authorities/root-ca.key')
      const files = readdirSync(join(root, 'nodes'), { recursive: true, encoding: 'utf8' })
      expect(files.filter((path) => path.includes('root-ca'))).toEqual([])
    })
})

const OIDS = { sslserver: '1.3.6.1.5.5.7.3.1', sslclient: '1.3.6.1.5.5.7.3.2' } as const
const USAGES = { sslserver: 'serverAuth', sslclient: 'clientAuth' } as const
const without = skipUnless(has('openssl') && has('certtool'), 'GnuTLS', 'openssl, gnutls-bin')

describe.skipIf(without).each(ALL_COMBINATIONS)(
  'OpenSSL, GnuTLS and kpki agree: %s, %s',
  (topology, keyAlgorithm) => {
    const root = mkdtempSync(join(tmpdir(), 'kpki-three-'))
    const at = (path: string) => join(nodeRoot(root, 'cp1'), path)
    beforeAll(async () => {
      await written(small({ topology, keyAlgorithm, kubeProxy: true }), root, pooledKeysEnv())
    })
    afterAll(() => rmSync(root, { recursive: true, force: true }))

    function pemOf(file: string): string {
      const text = readFileSync(at(file), 'utf8')
      return file.endsWith('.crt') ? text : (embeddedCredentials(text).certificate ?? '')
    }

    /** Whether each of the three takes a leaf for a purpose. */
    async function verdicts(leaf: string, trust: string, purpose: 'sslserver' | 'sslclient') {
      const crt = join(root, 'leaf.pem')
      writeFileSync(crt, leaf)
      const [openssl, gnutls, own] = await Promise.all([
        run('openssl', [
          ...['verify', '-x509_strict', '-partial_chain', '-no-CApath', '-no-CAstore'],
          ...['-purpose', purpose, '-CAfile', trust, crt],
        ]),
        run('certtool', [
          ...['--verify', '--verify-profile', 'low', '--verify-purpose', OIDS[purpose]],
          ...['--load-ca-certificate', trust, '--infile', crt],
        ]),
        verifyChain({
          leaf,
          anchors: readFileSync(trust, 'utf8'),
          at: new Date(),
          usages: [USAGES[purpose]],
        }),
      ])
      return { openssl: openssl.code === 0, gnutls: gnutls.code === 0, kpki: own.ok }
    }

    it('every leaf, for its purposes and for no other', async () => {
      for (const { file, trust, purposes } of CONTROL_PLANE)
        for (const purpose of ['sslserver', 'sslclient'] as const) {
          const answer = purposes.includes(purpose)
          const said = await verdicts(pemOf(file), at(`${PKI}/${trust}.crt`), purpose)
          expect(said, `${file} ${purpose}`).toEqual({
            openssl: answer,
            gnutls: answer,
            kpki: answer,
          })
        }
    })

    it('every authority, up to its root', async () => {
      for (const name of ['ca', 'etcd/ca', 'front-proxy-ca']) {
        const own = readFileSync(at(`${PKI}/${name}.crt`), 'utf8')
        const above =
          topology === 'hierarchy'
            ? readFileSync(join(root, 'authorities/root-ca.crt'), 'utf8')
            : ''
        const chain = join(root, 'chain.pem')
        writeFileSync(chain, own + above)
        const gnutls = await run('certtool', ['--verify-chain', '--infile', chain])
        expect(gnutls.out, name).toMatch(/Chain verification output: Verified/)
        const anchor = join(root, 'anchor.pem')
        writeFileSync(anchor, above || own)
        const openssl = await run('openssl', [
          ...['verify', '-x509_strict', '-check_ss_sig', '-CAfile', anchor],
          at(`${PKI}/${name}.crt`),
        ])
        expect(openssl.code, `${name} ${openssl.err}`).toBe(0)
      }
    })
  },
)
