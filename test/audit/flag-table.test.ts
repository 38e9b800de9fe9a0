import { readdirSync, readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { trustOf } from '../../src/audit/graph/credentials.js'
import type { Launch } from '../../src/audit/read/evidence.js'
import { assumedFlags, layoutOf } from '../../src/audit/read/layouts.js'
import { readEvidence } from '../../src/audit/read/read.js'
import { filesProblem } from '../../src/audit/starts/files.js'
import { removedFlagsOf } from '../../src/audit/starts/flags.js'
import { runtimeEngine } from '../../src/ca/engine.js'
import { AUTHORITIES, LEAVES } from '../../src/certs/table.js'
import type { Cluster } from '../../src/cluster/cluster.js'
import { clusterFlags, FLAGS, type FlagRow } from '../../src/manifests/flags.js'
import { staticPods } from '../../src/manifests/pods/static-pods.js'
import { type Flags, parseFlags } from '../../src/values/command-line.js'
import { at, listOf, textsOf } from '../../src/values/json.js'
import { kpkiCluster, nodeOf } from '../manifests/cluster.js'
import { CONTROL_PLANE, generated } from './support.js'

/** The flags of a cluster's static pods by component. */
function rendered(cluster: Cluster) {
  const pods = staticPods(cluster, nodeOf(cluster, 'cp-1'))
  return new Map<string, Flags>(
    pods.map(({ name, pod }) => [
      name,
      parseFlags(textsOf(at(listOf(at(pod, 'spec', 'containers'))[0], 'command'))),
    ]),
  )
}

describe('the table of flags', () => {
  it('has a key for each certificate, and one row for each role', () => {
    for (const { component, certificate, key } of FLAGS) {
      const same = FLAGS.filter((row) => row.component === component)
      if (certificate !== undefined)
        expect(same.filter((row) => row.key === certificate)).toHaveLength(1)
      if (key !== undefined) expect(same.filter((row) => row.certificate === key)).toHaveLength(1)
    }
    const roles = FLAGS.flatMap(({ certificate }) => certificate ?? [])
    const trusts = FLAGS.flatMap(({ trust }) => trust ?? [])
    expect(new Set(roles).size).toBe(roles.length)
    expect(new Set(trusts).size).toBe(trusts.length)
  })

  it('gives a role the certificate of that name, signed by the authority that must be trusted', () => {
    for (const { certificate, file } of FLAGS)
      if (certificate !== undefined && file !== undefined && certificate in LEAVES)
        expect(file).toBe(certificate)
    for (const { trust, file } of FLAGS)
      if (trust !== undefined && file !== undefined) expect(AUTHORITIES).toHaveProperty(file)
  })

  it.each(['v1.28.7', 'v1.34.1'])('is what the manifests of %s are made from', (version) => {
    const flags = rendered(kpkiCluster(version))
    for (const { component, flag, file, value } of FLAGS)
      if (file !== undefined || value !== undefined)
        expect([...(flags.get(component)?.keys() ?? [])], component).toContain(flag)
  })

  it('is where kpki differs from kubeadm', () => {
    const flags = rendered(
      kpkiCluster('v1.34.1', {
        apiServer: { verifyKubelets: true },
        pki: { topology: 'hierarchy', caKeys: 'offline', kubeletServing: 'signed' },
      }),
    )
    const manager = flags.get('kube-controller-manager')
    expect(manager?.get('root-ca-file')).toEqual(['/etc/kubernetes/pki/root-bundle.crt'])
    expect(manager?.get('cluster-signing-cert-file')).toEqual([''])
    expect(manager?.get('cluster-signing-key-file')).toEqual([''])
    expect(flags.get('kube-apiserver')?.get('kubelet-certificate-authority')).toEqual([
      '/etc/kubernetes/pki/ca.crt',
    ])
  })

  // Directories, and files that are written.
  const NO_FILES = ['data-dir', 'flex-volume-plugin-dir', 'audit-log-path']

  it('has every flag that names a file in any golden manifest', () => {
    let seen = 0
    for (const folder of ['golden/kubeadm', 'kubeadm']) {
      const root = new URL(`../../fixtures/${folder}/`, import.meta.url)
      for (const path of readdirSync(root, { recursive: true, encoding: 'utf8' })) {
        const name = /(^|\/)(etcd|kube-[a-z-]+)\.yaml$/.exec(path)?.[2]
        if (name === undefined) continue
        const known = FLAGS.flatMap(({ component, flag }) => (component === name ? [flag] : []))
        const text = readFileSync(new URL(path, root), 'utf8')
        const words = [...text.matchAll(/^ +- (--\S+)$/gm)].map(([, word = '']) => word)
        for (const [flag, values] of parseFlags(words))
          if (values.some((value) => value.startsWith('/')) && !NO_FILES.includes(flag)) {
            expect(known, path).toContain(flag)
            seen++
          }
      }
    }
    expect(seen).toBeGreaterThan(200)
  })
})

describe('a row more', () => {
  const row: FlagRow = {
    component: 'kube-apiserver',
    flag: 'extension-ca-file',
    trust: 'kubelet-client-ca',
    reader: 'every-block',
    called: 'extension CA',
    file: 'front-proxy-ca',
    until: '1.40',
  }
  const table = [...FLAGS, row]
  const path = '/etc/kubernetes/pki/front-proxy-ca.crt'

  it('is rendered', () => {
    const cluster = kpkiCluster('v1.34.1')
    expect(clusterFlags(cluster, 'kube-apiserver', table)['extension-ca-file']).toBe(path)
    expect(clusterFlags(cluster, 'etcd', table)).not.toHaveProperty('extension-ca-file')
  })

  it('is read, assumed and checked', async () => {
    const { nodes } = await generated()
    const evidence = await readEvidence({ nodes }, runtimeEngine())
    const node = evidence.nodes.find(({ name }) => name === CONTROL_PLANE)
    const launch = node?.launches.find(({ component }) => component === 'kube-apiserver')
    if (!node || !launch) throw new Error('no API server')
    const found = layoutOf(node.tree)
    expect(
      assumedFlags(found, 'kube-apiserver', node.pems, table).get('extension-ca-file'),
    ).toEqual([path])

    const given = (value: string): Launch => ({
      ...launch,
      flags: new Map([...launch.flags, ['extension-ca-file', [value]]]),
    })
    expect(trustOf(node, given(path), 'kubelet-client-ca', table)).toMatchObject({
      file: { path: path.slice(1), state: 'present' },
    })
    expect(filesProblem(node, given(path), table)).toBeUndefined()
    expect(filesProblem(node, given('/etc/kubernetes/pki/none.crt'), table)).toMatchObject({
      code: 'file-missing',
      message: 'extension CA pki/none.crt is missing',
    })
    expect(removedFlagsOf('kube-apiserver', given(path).flags, '1.41.0', table)).toEqual([
      { flag: 'extension-ca-file', until: '1.40' },
    ])
  })
})
