import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { createServer, type Server } from 'node:https'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { TLSSocket } from 'node:tls'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { Cluster } from '../../src/cluster/cluster.js'
import { loadYaml } from '../../src/files/yaml/yaml.js'
import { large, small } from '../certs/clusters.js'
import { nodeRoot, written } from './trees.js'
import { run, skipUnless } from './workbench.js'

const CACHE = new URL('../../.cache/kubectl/', import.meta.url).pathname
const kubectlOf = (minor: string) => join(CACHE, minor, 'kubectl')
const MINORS = existsSync(CACHE)
  ? readdirSync(CACHE).filter((minor) => existsSync(kubectlOf(minor)))
  : []
const NEWEST = MINORS.at(-1) ?? ''
/** Files of each minor and the kubectl that loads them; npm has none of 1.37 yet: 1.36 takes that one's. */
const PAIRS = [
  ...MINORS.map((minor) => [minor, minor]),
  ...(NEWEST === '1.36' ? [['1.37', NEWEST]] : []),
] as [string, string][]
const missing = skipUnless(MINORS.length > 0, 'kubectl on our kubeconfigs', '.cache/kubectl')

const root = mkdtempSync(join(tmpdir(), 'kpki-kubectl-'))
afterAll(() => rmSync(root, { recursive: true, force: true }))

const home = { env: { HOME: root, KUBECONFIG: '' } }
const MORE = { kubeProxy: true, users: [{ name: 'jane', groups: ['dev', 'ops'] }] }

/** A cluster of this minor, on disk; made once. */
const trees = new Map<string, Promise<string>>()
function treeOf(name: string, cluster: () => Cluster): Promise<string> {
  const folder = join(root, name)
  const tree = trees.get(name) ?? written(cluster(), folder).then(() => folder)
  trees.set(name, tree)
  return tree
}

const filesBelow = (folder: string, pattern: RegExp): readonly string[] =>
  readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .filter((path) => pattern.test(path))
    .sort()
    .map((path) => join(folder, path))

describe.skipIf(missing).each(PAIRS)('files of %s, kubectl %s', (minor, program) => {
  const kubectl = (args: readonly string[]) => run(kubectlOf(program), args, home)
  const tree = () =>
    treeOf(minor, () =>
      small(
        { ...MORE },
        { kubernetesVersion: minor, kubeconfig: { uniqueNames: minor === '1.30' } },
      ),
    )

  it('is that kubectl', async () => {
    const { out } = await kubectl(['version', '--client', '-o', 'json'])
    const { clientVersion } = JSON.parse(out)
    expect(`${clientVersion.major}.${clientVersion.minor}`).toBe(program)
  })

  it('loads every kubeconfig as what it says', async () => {
    const files = filesBelow(await tree(), /\.conf$/)
    expect(files.length).toBeGreaterThanOrEqual(11)
    for (const file of files) {
      const view = await kubectl(['--kubeconfig', file, 'config', 'view', '--raw', '-o', 'json'])
      expect(view.err, file).toBe('')
      const written = loadYaml(readFileSync(file, 'utf8')) as Record<string, unknown>
      const loaded = JSON.parse(view.out)
      for (const key of ['clusters', 'contexts', 'users', 'current-context'])
        expect(loaded[key], `${file} ${key}`).toEqual(written[key])
      const context = await kubectl(['--kubeconfig', file, 'config', 'current-context'])
      expect(context).toMatchObject({ code: 0, out: `${written['current-context']}\n` })
    }
  })

  it('reads every manifest as the object it is', async () => {
    const folder = nodeRoot(await tree(), 'cp1')
    const pods = filesBelow(folder, /manifests\/.*\.yaml$/)
    expect(pods).toHaveLength(4)
    for (const file of pods) {
      const pod = loadYaml(readFileSync(file, 'utf8')) as {
        metadata: { name: string; labels: object }
        spec: { containers: { image: string }[] }
      }
      const local = ['--local', '-f', file, '-o', 'yaml']
      const labelled = await kubectl(['label', ...local, '--dry-run=client', 'a=b'])
      expect(labelled.err, file).toBe('')
      expect(loadYaml(labelled.out)).toEqual({
        ...pod,
        metadata: { ...pod.metadata, labels: { ...pod.metadata.labels, a: 'b' } },
      })
      // This verb decodes into a typed Pod: a field of another name or type would be lost or refused.
      const image = ['set', 'image', ...local, `${pod.metadata.name}=example.org/x`]
      const typed = loadYaml((await kubectl(image)).out) as typeof pod
      const [container] = pod.spec.containers
      expect(typed.spec).toEqual({
        ...pod.spec,
        containers: [{ ...container, image: 'example.org/x' }],
      })
    }
    for (const file of filesBelow(folder, /etc\/kubernetes\/rbac\.yaml$/)) {
      const bindings = await kubectl(['label', '--local', '-f', file, '-o', 'name', 'a=b'])
      expect(bindings.out, file).toMatch(/clusterrolebinding.rbac.authorization.k8s.io\/kubeadm:/)
    }
  })
})

const IDENTITIES: readonly (readonly [string, string, readonly string[]])[] = [
  ['nodes/cp1/etc/kubernetes/admin.conf', 'kubernetes-admin', ['system:masters']],
  ['nodes/cp1/etc/kubernetes/controller-manager.conf', 'system:kube-controller-manager', []],
  ['nodes/cp1/etc/kubernetes/scheduler.conf', 'system:kube-scheduler', []],
  ['nodes/cp1/etc/kubernetes/kubelet.conf', 'system:node:cp1', ['system:nodes']],
  ['nodes/worker1/etc/kubernetes/kubelet.conf', 'system:node:worker1', ['system:nodes']],
  ['nodes/worker1/etc/kubernetes/kube-proxy.conf', 'system:kube-proxy', ['system:node-proxier']],
  ['kubeconfig/admin.conf', 'kubernetes-admin', ['system:masters']],
  ['kubeconfig/jane.conf', 'jane', ['dev', 'ops']],
]

const TREES = [
  ['separate', 'RSA-2048'],
  ['single', 'ECDSA-P256'],
  ['hierarchy', 'ECDSA-P256'],
] as const

describe.skipIf(missing).each(TREES)(
  'TLS with a server of our certificate: %s, %s',
  (topology, keyAlgorithm) => {
    const seen: { readonly user: unknown; readonly groups: readonly unknown[] }[] = []
    let server: Server
    let tree = ''
    beforeAll(async () => {
      const cluster = () =>
        (topology === 'separate' ? small : large)({ ...MORE, topology, keyAlgorithm })
      tree = await treeOf(`${topology}-${keyAlgorithm}`, cluster)
      const pki = join(tree, 'nodes/cp1/etc/kubernetes/pki')
      const anchors = topology === 'hierarchy' ? 'root-bundle.crt' : 'ca.crt'
      const options = {
        cert: readFileSync(join(pki, 'apiserver.crt')),
        key: readFileSync(join(pki, 'apiserver.key')),
        ca: readFileSync(join(pki, anchors)),
        requestCert: true,
        rejectUnauthorized: true,
      }
      server = createServer(options, ({ socket }, response) => {
        if (socket instanceof TLSSocket && socket.authorized) {
          const { CN, O } = socket.getPeerCertificate().subject as {
            CN: string
            O?: string | string[]
          }
          seen.push({ user: CN, groups: O === undefined ? [] : [O].flat() })
        }
        response.end('ok')
      })
      await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    })
    afterAll(() => server?.close())

    const raw = (minor: string, kubeconfig: string, name: string) => {
      const { port } = server.address() as AddressInfo
      const target = ['--server', `https://127.0.0.1:${port}`, '--tls-server-name', name]
      const options = ['--kubeconfig', kubeconfig, ...target, '--request-timeout=10s']
      return run(kubectlOf(minor), [...options, 'get', '--raw', '/livez'], home)
    }

    it.each([...new Set([MINORS[0], NEWEST])])(
      'kubectl %s is seen as whom each kubeconfig says',
      async (minor = '') => {
        for (const [path, user, groups] of IDENTITIES) {
          const answer = await raw(minor, join(tree, path), 'kubernetes.default.svc')
          expect(answer, path).toMatchObject({ code: 0, out: 'ok' })
          expect(seen.pop(), path).toEqual({ user, groups })
        }
      },
    )

    it('a name that the certificate does not carry is refused by kubectl', async () => {
      const admin = join(tree, 'kubeconfig/admin.conf')
      const answer = await raw(NEWEST, admin, 'evil.example.com')
      expect(answer.code).not.toBe(0)
      expect(answer.err).toMatch(/x509: certificate is valid for .*, not evil\.example\.com/)
    })

    it('the administrator of another cluster of the same name is refused', async () => {
      const other = await treeOf('other', () => small())
      const answer = await raw(NEWEST, join(other, 'kubeconfig/admin.conf'), 'kubernetes')
      expect(answer.code).not.toBe(0)
      expect(answer.err).toMatch(/x509: certificate signed by unknown authority/)
      expect(seen).toEqual([])
    })
  },
)
