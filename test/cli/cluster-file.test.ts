import { mkdir, readFile, stat, writeFile } from 'node:fs/promises'
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

const folder = await folderWith({
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
