import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { auditTree } from '../../src/audit/audit.js'
import { recognise } from '../../src/audit/read/recognise.js'
import { RULES } from '../../src/audit/rules/index.js'
import { type FileTree, file, type TreeEntry, treeOf } from '../../src/files/tree.js'
import { audit, CONTROL_PLANE, findings, generated, mutated, NOW, PKI } from './support.js'

const MANIFEST = 'etc/kubernetes/manifests/kube-apiserver.yaml'

/** A path of the tree and what to put in its place. */
async function withEntries(entries: readonly TreeEntry[]) {
  const trees = await generated()
  return mutated(trees, ({ tree }) => {
    for (const entry of entries) tree.set(entry.path, entry)
  })
}

async function judged(entries: readonly TreeEntry[]) {
  const report = await audit(await withEntries(entries), { rules: RULES })
  expect(report.crashed).toEqual([])
  expect(() => JSON.stringify(report)).not.toThrow()
  return report
}

describe('hostile trees', () => {
  it('takes symlink loops, escapes, devices and directories in the place of files', async () => {
    const link = (path: string, target: string): TreeEntry => ({ kind: 'symlink', path, target })
    const report = await judged([
      link(`${PKI}/ca.crt`, 'ca.crt'),
      link(`${PKI}/sa.pub`, '../../../../../../etc/passwd'),
      link('etc/kubernetes/admin.conf', '/etc/kubernetes/admin.conf'),
      { kind: 'other', path: `${PKI}/apiserver.key`, reason: 'a device' },
      { kind: 'directory', path: MANIFEST, mode: 0o755 },
    ])
    expect(report.verdict.status).toBe('errors')
  })

  it('follows links inside the tree, as the components do', async () => {
    const report = await audit(
      await mutated(await generated(), (node) => {
        node.copy(`${PKI}/apiserver.crt`, `${PKI}/2026/apiserver.crt`)
        node.tree.set(`${PKI}/apiserver.crt`, {
          kind: 'symlink',
          path: `${PKI}/apiserver.crt`,
          target: '2026/apiserver.crt',
        })
      }),
    )
    expect(findings(report)).toEqual([])
  })

  it.each([
    ['nothing', ''],
    ['text', 'hello'],
    ['a deep list', `${'['.repeat(5000)}`],
    [
      'a bomb',
      `a: &a [1,1,1,1,1,1,1,1]\nb: &b [*a,*a,*a,*a,*a,*a,*a,*a]\nc: &c [*b,*b,*b,*b,*b,*b,*b,*b]\nd: &d [*c,*c,*c,*c,*c,*c,*c,*c]\ne: &e [*d,*d,*d,*d,*d,*d,*d,*d]\nf: [*e,*e,*e,*e,*e,*e,*e,*e]\n`,
    ],
    [
      'numbers for text',
      'kind: Pod\nmetadata: 1\nspec: { containers: [{ command: [kube-apiserver, 5, null, { a: 1 }], volumeMounts: 3 }], volumes: x }\n',
    ],
    ['duplicate keys', 'kind: Config\nkind: Config\n'],
  ])('takes %s for YAML', async (_name, text) => {
    for (const path of [
      MANIFEST,
      'etc/kubernetes/kubelet.conf',
      'var/lib/kubelet/config.yaml',
      'etc/kubernetes/kubeadm.yaml',
    ])
      await judged([file(path, text, 0o600)])
  })

  it.each([
    ['blank lines', '\n'.repeat(1 << 20)],
    ['quotes', 'A="'.repeat(1 << 18)],
    ['flags', `KUBELET_KUBEADM_ARGS="${'--node-ip=1 '.repeat(1 << 16)}"`],
    ['BEGIN lines', '-----BEGIN CERTIFICATE-----\n'.repeat(1 << 15)],
    ['empty blocks', '-----BEGIN CERTIFICATE-----\n-----END CERTIFICATE-----\n'.repeat(1 << 14)],
    ['words', 'kind: '.repeat(1 << 17)],
  ])('reads a megabyte of %s in no time', async (_name, text) => {
    await judged([
      file('var/lib/kubelet/kubeadm-flags.env', text, 0o644),
      file('etc/systemd/system/etcd.service', `[Service]\nExecStart=etcd ${text}`, 0o644),
      file(`${PKI}/ca.crt`, text, 0o644),
      file('etc/kubernetes/manifests/etcd.yaml', text, 0o600),
      file('etc/kubernetes/scheduler.conf', text, 0o600),
    ])
  })

  it('never throws for a tree with any of its bytes changed', async () => {
    const { nodes } = await generated()
    const tree = nodes.get(CONTROL_PLANE) ?? new Map()
    const paths = [...tree].filter(([, entry]) => entry.kind === 'file').map(([path]) => path)
    const change = fc.record({
      path: fc.constantFrom(...paths),
      at: fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true }),
      bytes: fc.uint8Array({ minLength: 1, maxLength: 12 }),
      cut: fc.boolean(),
    })
    await fc.assert(
      fc.asyncProperty(fc.array(change, { minLength: 1, maxLength: 6 }), async (changes) => {
        const entries = changes.flatMap(({ path, at, bytes, cut }) => {
          const entry = tree.get(path)
          if (entry?.kind !== 'file') return []
          const place = Math.floor(at * entry.data.length)
          const data = Uint8Array.from(entry.data.subarray(0, cut ? place : entry.data.length))
          data.set(
            bytes.subarray(0, Math.max(0, data.length - place)),
            Math.min(place, data.length),
          )
          return [{ ...entry, data }]
        })
        const broken: FileTree = new Map([
          ...tree,
          ...entries.map((entry) => [entry.path, entry] as const),
        ])
        const report = await auditTree({ nodes: new Map([[CONTROL_PLANE, broken]]) }, { at: NOW })
        expect(report.crashed).toEqual([])
      }),
      { numRuns: Number(process.env.KPKI_FUZZ_RUNS ?? 60) },
    )
  })

  it('makes something of any set of paths', () => {
    const part = fc.constantFrom(
      'etc',
      'kubernetes',
      'pki',
      'nodes',
      'a',
      'ca.crt',
      'var',
      'lib',
      'manifests',
      'server',
      'tls',
      '..',
      '',
    )
    fc.assert(
      fc.property(
        fc.array(fc.array(part, { minLength: 1, maxLength: 6 }), { maxLength: 12 }),
        (all) => {
          const tree = treeOf(all.map((parts) => file(parts.join('/'), 'x', 0o600)))
          const { nodes, origins, unrecognised = [] } = recognise(tree)
          const given = new Set(tree.keys())
          for (const { path } of unrecognised) expect(given).toContain(path)
          for (const [node, kept] of nodes)
            for (const path of kept.keys())
              expect(given).toContain(origins?.get(node)?.get(path) ?? path)
        },
      ),
    )
  })
})
