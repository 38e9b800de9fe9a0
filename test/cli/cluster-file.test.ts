import { mkdir, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { folderWith, run } from '../compare/support.js'

const KUBEADM = `apiVersion: kubeadm.k8s.io/v1beta3
kind: InitConfiguration
nodeRegistration: {name: cp1}
localAPIEndpoint: {advertiseAddress: 10.0.0.1}
patches: {directory: patches}
---
apiVersion: kubeadm.k8s.io/v1beta3
kind: ClusterConfiguration
kubernetesVersion: v1.28.7
featureGates: {PublicKeysECDSA: true}
networking: {podSubnet: 10.32.0.0/12}
`
const OWN = `apiVersion: kpki/v1alpha1
kind: Cluster
metadata: {name: 1e3}
spec:
  kubernetesVersion: 1.30
  pki: {keyAlgorithm: ECDSA-P256}
  networking: {podSubnet: 10.32.0.0/12}
  nodes: [{name: cp1, role: control-plane, address: 172.31.10.5, labels: {release: 1.30}}]
`
const PATCH = '{"metadata": {"labels": {"patched": "yes"}}}'

const TOKEN = 'abcdef.0123456789abcdef'
const KEY = '0123456789abcdef'.repeat(4)
const SECRETS = `bootstrapTokens: [{token: ${TOKEN}, description: for the lab}]
certificateKey: ${KEY}
`

/** Further tokens: of the cluster itself, and of nodes that join. */
const FURTHER = ['ghijkl.0123456789abcdef', 'mnopqr.0123456789abcdef', 'stuvwx.0123456789abcdef']
const INIT = `{certificateKey: "${KEY}", bootstrapTokens: [{token: ${TOKEN}}, {token: ${FURTHER[0]}, ttl: 1h}]}`
const JOIN = `{controlPlane: {certificateKey: "${KEY}"}, discovery: {tlsBootstrapToken: ${FURTHER[1]}, bootstrapToken: {token: ${FURTHER[2]}, apiServerEndpoint: "172.31.10.5:6443", unsafeSkipCAVerification: true}}}`
const JOINED = `${OWN.replace('}}]', '}}, {name: w1, role: worker, address: 172.31.10.6}]')}  kubeadm: {initConfiguration: ${INIT}, joinConfiguration: ${JOIN}}\n`

const folder = await folderWith({
  'further.yaml': JOINED,
  'further-files.yaml': `${JOINED}  join: files\n`,
  'further-kubeadm.yaml': `${KUBEADM.replace('patches: {directory: patches}\n', SECRETS)}---
apiVersion: kubeadm.k8s.io/v1beta3
kind: JoinConfiguration
${JOIN.slice(1, -1).replace('controlPlane', '\ncontrolPlane').replace(', discovery', '\ndiscovery')}
`,
  'secret.yaml': KUBEADM.replace('patches: {directory: patches}\n', SECRETS),
  'secret-own.yaml': `${OWN}  kubeadm: {initConfiguration: {certificateKey: "${KEY}", bootstrapTokens: [{token: ${TOKEN}}]}}\n`,
  'kubeadm.yaml': KUBEADM,
  'missing.yaml': KUBEADM.replace('directory: patches', 'directory: nowhere'),
  'wrong.yaml': KUBEADM.replace('directory: patches', 'directory: nowhere').replace(
    '10.32',
    '10.x',
  ),
  'own.yaml': OWN,
})
await mkdir(join(folder, 'patches'))
await writeFile(join(folder, 'patches/etcd.json'), PATCH)
const kpki = (line: string) => run(folder, ...line.split(' '))

describe('a cluster file on the command line', () => {
  test('its patches and what was decided hold for the next run', async () => {
    const first = await kpki('gen -f kubeadm.yaml -o out --host-os debian')
    expect(first.exit).toBe(0)
    const pod = join(folder, 'out/nodes/cp1/etc/kubernetes/manifests/etcd.yaml')
    expect(await readFile(pod, 'utf8')).toContain('patched: "yes"')
    expect(await readFile(join(folder, 'out/cluster.yaml'), 'utf8')).toContain('hostOs: debian')
    const again = await kpki('gen -o out --check')
    expect([again.exit, again.out]).toEqual([
      0,
      expect.stringContaining('0 to create, 0 to replace'),
    ])
  })

  test.each(['secret', 'secret-own'])('%s: its secrets lie in authorities alone', async (name) => {
    expect((await kpki(`gen -f ${name}.yaml -o ${name}`)).exit).toBe(0)
    const read = (path: string) => readFile(join(folder, name, path), 'utf8')
    const kept = await read('cluster.yaml')
    expect(kept).not.toContain(TOKEN)
    expect(kept).not.toContain(KEY)
    for (const [file, secret] of [
      ['bootstrap-token', TOKEN],
      ['certificate-key', KEY],
    ] as const) {
      expect(await read(`authorities/${file}`)).toBe(`${secret}\n`)
      expect((await stat(join(folder, name, 'authorities', file))).mode & 0o777).toBe(0o600)
    }
    const config = await read('nodes/cp1/etc/kubernetes/kubeadm.yaml')
    expect(config).toContain(TOKEN)
    expect(config).toContain(KEY)
    const again = await kpki(`gen -o ${name} --check`)
    expect([again.exit, again.out]).toEqual([
      0,
      expect.stringContaining('0 to create, 0 to replace'),
    ])
  })

  test.each(['further', 'further-files', 'further-kubeadm'])(
    '%s: no token lies outside of authorities and of the nodes that use it',
    async (name) => {
      const tokens = [TOKEN, KEY, ...FURTHER]
      const made = await kpki(`gen -f ${name}.yaml -o ${name}`)
      expect([made.exit, made.err]).toEqual([0, expect.not.stringContaining('error')])
      const paths = await readdir(join(folder, name), { recursive: true, withFileTypes: true })
      const holding = new Set<string>()
      for (const entry of paths.filter((one) => one.isFile())) {
        const path = join(entry.parentPath, entry.name).slice(join(folder, name).length + 1)
        const text = await readFile(join(folder, name, path), 'utf8')
        for (const token of tokens.filter((one) => text.includes(one)))
          holding.add(`${path} ${token}`)
      }
      const places = [...holding].map((line) => line.split(' ')[0] ?? '')
      for (const path of places)
        expect(path).toMatch(/^authorities\/|^nodes\/[^/]+\/etc\/kubernetes\/kubeadm\.yaml$/)
      const kept = [...holding].filter((line) => line.startsWith('authorities/'))
      const used = name === 'further-kubeadm' ? tokens.filter((one) => one !== FURTHER[0]) : tokens
      expect(kept.map((line) => line.split(' ')[1]).sort()).toEqual([...used].sort())
      const mode = (await stat(join(folder, name, 'authorities/kubeadm-tokens'))).mode & 0o777
      expect(mode).toBe(0o600)

      // They come back from there: the next run, and one that makes everything anew, need no other file.
      expect(await kpki(`gen -o ${name} --check`)).toMatchObject({ exit: 0 })
      const before = await readdir(join(folder, name, 'nodes'))
      const texts = () =>
        Promise.all(
          before.map((node) =>
            readFile(join(folder, name, 'nodes', node, 'etc/kubernetes/kubeadm.yaml'), 'utf8'),
          ),
        )
      const first = await texts()
      await rm(join(folder, name, 'nodes'), { recursive: true })
      expect(await kpki(`gen -o ${name}`)).toMatchObject({ exit: 0 })
      expect(await texts()).toEqual(first)
    },
  )

  test('a damaged list of tokens is refused, by its line and without what is in it', async () => {
    expect(await kpki('gen -f further.yaml -o damaged')).toMatchObject({ exit: 0 })
    const path = join(folder, 'damaged/authorities/kubeadm-tokens')
    await writeFile(path, (await readFile(path, 'utf8')).replace(/abcdef\n/, '\n'))
    const { exit, err } = await kpki('gen -o damaged')
    expect([exit, err]).toEqual([2, expect.stringContaining('kubeadm-tokens: line 1 is not')])
    expect(err).not.toContain('0123456789')
  })

  test('text that looks like a number stays as it was written', async () => {
    expect((await kpki('gen -f own.yaml -o own')).exit).toBe(0)
    const text = await readFile(join(folder, 'own/cluster.yaml'), 'utf8')
    expect(text).toMatch(/name: ['"]1e3['"]/)
    expect(text).toMatch(/release: ['"]1\.30['"]/)
    expect((await kpki('gen -o own --check')).exit).toBe(0)
  })

  test('patches that cannot be read are named, after what is wrong in the file itself', async () => {
    const missing = await kpki('manifests -f missing.yaml')
    expect([missing.exit, missing.err]).toEqual([2, expect.stringContaining('cannot be read')])
    const wrong = await kpki('manifests -f wrong.yaml')
    expect([wrong.exit, wrong.err]).toEqual([2, expect.stringContaining('is not a subnet')])
  })
})
