import { mkdir, readFile, stat, symlink, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { beforeAll, describe, expect, it } from 'vitest'
import { FORMAT_IDS } from '../../src/audit/report/formats.js'
import { GRAPH_FORMAT_IDS } from '../../src/audit/report/graph/formats.js'
import { isReport } from '../../src/audit/report/schema.js'
import type { AuditReport } from '../../src/audit/types.js'
import { writeTree } from '../../src/files/disk.js'
import { file, treeOf } from '../../src/files/tree.js'
import { type Generated, generate } from '../../src/generate/generate.js'
import { FIXTURES } from '../audit/layouts/fixtures.js'
import { expectContent } from '../audit/report/content.js'
import { NOW as AT } from '../audit/support.js'
import { envAt, later, small } from '../certs/clusters.js'
import { inFolder, kpki, tar, writeOut } from './audit-support.js'

const NOW = later(10)

describe('kpki audit', () => {
  let healthy: Generated
  let single: Generated
  let ofSingle: AuditReport

  beforeAll(async () => {
    healthy = await generate(small(), { env: envAt() })
    single = await generate(small({ topology: 'single' }), { env: envAt() })
    ofSingle = await inFolder(async (folder) => {
      await writeOut(join(folder, 'out'), single)
      return JSON.parse((await kpki(folder, ['audit', 'out', '--format', 'json'], NOW)).out)
    })
  })

  it('passes a healthy tree and writes nothing into it', () =>
    inFolder(async (folder) => {
      await writeOut(join(folder, 'out'), healthy)
      const { exit, out, err } = await kpki(folder, ['audit', 'out'], NOW)
      expect(out).toMatch(/^PASSED/)
      expect(out).not.toContain('\u001b')
      expect({ exit, err }).toEqual({ exit: 0, err: '' })
    }))

  it.each([
    ['an empty folder', 'empty'],
    ['a folder without any PKI', 'docs'],
    ['a program', '/bin/ls'],
    ['one such folder among others', 'out', 'empty'],
    ['a node without files in an output folder', 'half'],
  ])('never passes what it has not seen: %s', (_, ...paths) =>
    inFolder(async (folder) => {
      await writeOut(join(folder, 'out'), healthy)
      await writeOut(join(folder, 'half'), {
        ...healthy,
        nodes: new Map([...healthy.nodes, ['gone', treeOf([file('etc/hostname', 'gone', 0o644)])]]),
      })
      await mkdir(join(folder, 'empty'))
      await mkdir(join(folder, 'docs'))
      await writeFile(join(folder, 'docs/README.md'), 'nothing here')
      const { exit, out, err } = await kpki(folder, ['audit', ...paths], NOW)
      expect({ exit, out }).toEqual({ exit: 2, out: '' })
      expect(err).toContain(`no Kubernetes PKI found in ${paths.at(-1)}`)
      expect(err).toMatch(/hint: looked for certificates and keys .*kubeadm.*k3s/)
    }),
  )

  it('exits as --fail-on has it', () =>
    inFolder(async (folder) => {
      await writeOut(join(folder, 'out'), single)
      const run = (...more: string[]) => kpki(folder, ['audit', 'out', ...more], NOW)
      expect((await run()).exit).toBe(1)
      expect((await run('--fail-on', 'never')).exit).toBe(0)
      expect((await run('--fail-on', 'warning')).exit).toBe(1)
    }))

  it('says how much it has not seen, in every format, and lets that pass unless told not to', () =>
    inFolder(async (folder) => {
      await writeOut(join(folder, 'out'), healthy)
      const worker = 'out/nodes/worker1'
      const text = await kpki(folder, ['audit', worker], NOW)
      expect(text.out.split('\n')[0]).toMatch(/^PASSED as far as seen, 1 unknown {2}/)
      expect(text.out).toMatch(
        / {2}\? {2}the files of the server .*: kubelet\/worker1>kube-apiserver/,
      )
      expect(text.exit).toBe(0)
      const strict = ['audit', worker, '--fail-on', 'unknown']
      expect((await kpki(folder, strict, NOW)).exit).toBe(1)
      const junit = await kpki(folder, [...strict, '--format', 'junit'], NOW)
      expect(junit.out).toContain(
        '<failure type="unknown" message="unknown: the files of the server',
      )
      for (const format of ['markdown', 'html'])
        expect((await kpki(folder, ['audit', worker, '--format', format], NOW)).out).toContain(
          'PASSED as far as seen, 1 unknown',
        )
      const prometheus = await kpki(folder, ['audit', worker, '--format', 'prometheus'], NOW)
      expect(prometheus.out).toContain('\nkpki_audit_unknown 1\n')
      const graph = await kpki(folder, ['graph', worker], NOW)
      expect(graph.out).toContain('connection is unknown')
      expect((await kpki(folder, ['audit', 'out', '--fail-on', 'unknown'], NOW)).exit).toBe(0)
    }))

  it('tells first that the cluster file of what it judges cannot be read', () =>
    inFolder(async (folder) => {
      await writeOut(join(folder, 'out'), healthy)
      await writeFile(join(folder, 'out/cluster.yaml'), 'spec: [')
      const { exit, out } = await kpki(folder, ['audit', 'out'], NOW)
      expect(exit).toBe(0)
      expect(out).toMatch(/^PASSED, with warnings {2}/)
      expect(out).toMatch(/P25 cluster-file-unread {2}cluster\.yaml\n.* can't be read: /)
      const merged = await kpki(folder, ['audit', 'out', 'out/nodes/worker1'], NOW)
      expect(merged.out).toContain('P25 cluster-file-unread')
    }))

  it('judges at another time', () =>
    inFolder(async (folder) => {
      await writeOut(join(folder, 'out'), healthy)
      const run = (at: string) =>
        kpki(folder, ['audit', 'out', '--format', 'json', '--at', at], NOW)
      const { exit, out } = await run('+2y')
      const report = JSON.parse(out) as AuditReport
      expect(isReport(report)).toBe(true)
      expect(exit).toBe(1)
      expect(report.at).toBe(later(10 + 730).toISOString())
      expect((await run('2026-03-15')).exit).toBe(0)
      for (const at of [
        'tomorrow',
        '2027-02-30',
        '2027-02-29T12:00:00Z',
        '2027-01-01T25:00',
        '+-5d',
        '+9999999y',
      ]) {
        const wrong = await run(at)
        expect(wrong).toMatchObject({ exit: 2, out: '' })
        expect(wrong.err).toContain(`--at: "${at}" is not a date`)
      }
      expect((await run('2028-02-29')).exit).toBe(1)
    }))

  it.each(FORMAT_IDS)('writes %s to a file, whole and readable', (format) =>
    inFolder(async (folder) => {
      await writeOut(join(folder, 'out'), single)
      const { exit, out } = await kpki(
        folder,
        ['audit', 'out', '--format', format, '-o', 'report'],
        NOW,
      )
      expect({ exit, out }).toEqual({ exit: 1, out: '' })
      expect((await stat(join(folder, 'report'))).mode & 0o777).toBe(0o644)
      expectContent(format, await readFile(join(folder, 'report'), 'utf8'), ofSingle)
    }),
  )

  it('never follows a link where the report should go', () =>
    inFolder(async (folder) => {
      await writeOut(join(folder, 'out'), healthy)
      await writeFile(join(folder, 'precious'), 'precious')
      await symlink('precious', join(folder, 'report'))
      expect((await kpki(folder, ['audit', 'out', '-o', 'report'], NOW)).exit).toBe(2)
      expect(await readFile(join(folder, 'precious'), 'utf8')).toBe('precious')
    }))

  it('names files and remedies as the user knows them, below folders and in archives', () =>
    inFolder(async (folder) => {
      const path = 'var/lib/rancher/k3s/server/tls/serving-kube-apiserver.crt'
      const k3s = FIXTURES.find(({ layout }) => layout === 'k3s')
      const tree = await k3s?.make({ path, how: 'expired' })
      await writeTree(join(folder, 'a/b/c/d/e'), tree ?? new Map())
      tar(join(folder, 'a'), ['-czf', '../deep.tgz', 'b'])
      for (const [given, start] of [
        ['a', 'b/c/d/e/'],
        ['deep.tgz', 'b/c/d/e/'],
        ['a/b/c/d/e/var/lib/rancher/k3s/server', ''],
      ] as const) {
        const { out } = await kpki(folder, ['audit', given, '--format', 'json'], AT)
        const { findings, layouts } = JSON.parse(out) as AuditReport
        const expired = findings.find(({ code }) => code === 'V01')
        expect(expired?.path).toBe(start === '' ? path.slice(path.indexOf('tls/')) : start + path)
        expect(expired?.fix).toContain('k3s certificate rotate --service api-server')
        expect(layouts[0]?.layout).toBe('k3s')
      }
    }))

  it('a remedy for an output folder names it as the user did', () =>
    inFolder(async (folder) => {
      await writeOut(join(folder, 'clusters/prod'), healthy)
      const late = new Date('2040-01-01T00:00:00Z')
      for (const [given, out] of [
        ['clusters/prod', 'clusters/prod'],
        ['clusters', 'clusters/prod'],
      ] as const) {
        const ran = await kpki(folder, ['audit', given, '--format', 'json', '--only', 'V01'], late)
        const [first] = (JSON.parse(ran.out) as AuditReport).findings
        expect(first?.fix).toMatch(new RegExp(`^kpki gen -o ${out} `))
      }
    }))

  it('reads one node, a bare folder, an archive and single files', () =>
    inFolder(async (folder) => {
      await writeOut(join(folder, 'out'), healthy)
      tar(join(folder, 'out'), ['-czf', '../out.tar.gz', '.'])
      const report = async (...paths: string[]): Promise<AuditReport> => {
        const { out, err } = await kpki(folder, ['audit', ...paths, '--format', 'json'], NOW)
        expect(err).toBe('')
        return JSON.parse(out) as AuditReport
      }
      const whole = await report('out')
      // An archive does not say where its folder lies.
      const named = JSON.stringify(whole).replaceAll('gen -o out', 'gen -o OUT')
      expect(await report('out.tar.gz')).toEqual(JSON.parse(named))
      const node = await report('out/nodes/cp1')
      expect(new Set(node.expiry.map((one) => one.node))).toEqual(new Set(['cp1']))
      const pki = await report('out/nodes/cp1/etc/kubernetes/pki')
      expect(pki.expiry.map(({ path }) => path.replace(/.*\/pki\//, '')).sort()).toEqual([
        'apiserver-etcd-client.crt',
        'apiserver-kubelet-client.crt',
        'apiserver.crt',
        'ca.crt',
        'etcd/ca.crt',
        'etcd/healthcheck-client.crt',
        'etcd/peer.crt',
        'etcd/server.crt',
        'front-proxy-ca.crt',
        'front-proxy-client.crt',
      ])
      const crt = await report('out/nodes/cp1/etc/kubernetes/pki/apiserver.crt')
      expect(crt.expiry.map(({ path }) => path)).toEqual([
        'out/nodes/cp1/etc/kubernetes/pki/apiserver.crt',
      ])
      const both = await report('out/nodes/cp1', 'out/nodes/worker1')
      expect(new Set(both.expiry.map((one) => one.node))).toEqual(new Set(['cp1', 'worker1']))
    }))

  it('reads of a whole system only what matters', () =>
    inFolder(async (folder) => {
      const root = join(folder, 'rootfs')
      await writeTree(root, healthy.nodes.get('cp1') ?? new Map())
      await mkdir(join(root, 'usr'))
      await writeFile(join(root, 'usr', 'apiserver.crt'), 'not of interest')
      const run = (format: string) => kpki(folder, ['audit', 'rootfs', '--format', format], NOW)
      const report = JSON.parse((await run('json')).out) as AuditReport
      expect(report.unrecognised).toEqual([])
      expect(report.components.map(({ name }) => name)).toContain('kube-apiserver')
      expect((await run('text')).out).not.toContain('usr/')
    }))

  it.each([
    [['audit', 'missing'], 'missing does not exist'],
    [['audit', 'out', '--only', 'no-such-rule'], '"no-such-rule" is not a rule'],
    [['audit', 'out', '--horizon', 'soon'], '--horizon: "soon" is not a time'],
    [['audit', 'out', '--format', 'pdf'], 'pdf'],
    [['audit', '/dev/null'], 'neither a folder nor a regular file'],
    [['audit', 'not.tar'], 'not.tar: is not a tar archive'],
    [['audit', 'ssh://-oProxyCommand=x'], 'is not an address'],
    [['audit'], "missing required argument 'PATH'"],
  ])('%j is refused with 2', (argv, message) =>
    inFolder(async (folder) => {
      await writeOut(join(folder, 'out'), healthy)
      await writeFile(join(folder, 'not.tar'), 'no archive at all')
      const { exit, out, err } = await kpki(folder, argv, NOW)
      expect({ exit, out }).toEqual({ exit: 2, out: '' })
      expect(err).toContain(message)
    }),
  )

  it('takes waivers from the current folder, and counts them', () =>
    inFolder(async (folder) => {
      await writeOut(join(folder, 'out'), single)
      const rules = [...new Set(ofSingle.findings.map(({ rule }) => rule))]
      const waivers = rules.map(
        (rule) => `  - { rule: ${rule}, reason: one CA is enough here, expires: 2026-12-31 }\n`,
      )
      await writeFile(join(folder, '.kpki-audit.yaml'), `waivers:\n${waivers.join('')}`)
      const { exit, out } = await kpki(folder, ['audit', 'out', '--format', 'json'], NOW)
      const after = JSON.parse(out) as AuditReport
      expect(exit).toBe(0)
      expect(after.findings).toEqual([])
      const ids = (all: readonly { readonly id: string }[]) => all.map(({ id }) => id).sort()
      expect(ids(after.waived)).toEqual(ids(ofSingle.findings))
      const later = await kpki(folder, ['audit', 'out', '--at', '2027-01-01'], NOW)
      expect(later.exit).toBe(1)
      expect(later.err).toContain('ran out on 2026-12-31')
    }))

  it('tells of waivers that do nothing, and refuses those that never can', () =>
    inFolder(async (folder) => {
      await writeOut(join(folder, 'out'), healthy)
      const waive = (rule: string) =>
        writeFile(
          join(folder, '.kpki-audit.yaml'),
          `waivers: [{ rule: ${rule}, reason: never needed }]`,
        )
      await waive('key-cert-mismatch')
      const idle = await kpki(folder, ['audit', 'out'], NOW)
      expect(idle).toMatchObject({
        exit: 0,
        err: 'kpki: warning: the waiver for key-cert-mismatch covers nothing\n',
      })
      await waive('key-cert-mismach')
      const wrong = await kpki(folder, ['audit', 'out'], NOW)
      expect(wrong.exit).toBe(2)
      expect(wrong.err).toContain(
        'waivers[0].rule: "key-cert-mismach" is not a rule\nkpki: hint: write key-cert-mismatch',
      )
    }))

  it('judges only the rules it is asked for; PATH may follow', () =>
    inFolder(async (folder) => {
      await writeOut(join(folder, 'out'), single)
      const run = (...argv: string[]) => kpki(folder, ['audit', ...argv, '--format', 'json'], NOW)
      const rules = async (...argv: string[]): Promise<readonly string[]> => {
        const { findings } = JSON.parse((await run(...argv)).out) as AuditReport
        return [...new Set(findings.map(({ code }) => code))]
      }
      expect(await rules('--only', 'X11', 'out')).toEqual(['X11'])
      const most = await rules('--ignore', 'x11,X14', '--ignore', 'X13', 'out')
      const all = await rules('out')
      expect(all).toEqual(expect.arrayContaining(['X11', 'X13', 'X14', 'X15']))
      expect(most).toEqual(all.filter((code) => !/^X1[134]$/.test(code)))
    }))

  it('refuses a waivers file with mistakes, all at once', () =>
    inFolder(async (folder) => {
      await writeOut(join(folder, 'out'), healthy)
      await writeFile(
        join(folder, '.kpki-audit.yaml'),
        'waivers:\n  - rule: x\n    because: y\n  - rule: x\n    reason: long enough\n    expires: soon\n  - rule: x\n    reason: long enough\n    expires: 2027-02-30\n',
      )
      const { exit, err } = await kpki(folder, ['audit', 'out'], NOW)
      expect(exit).toBe(2)
      expect(err).toContain('waivers[0].because: is not a known key')
      expect(err).toContain('waivers[0].reason: is missing')
      expect(err).toContain('waivers[1].expires: is not a date such as 2027-03-31')
      expect(err).toContain('waivers[2].expires: is not a date such as 2027-03-31')
    }))
})

describe('kpki graph', () => {
  it.each(GRAPH_FORMAT_IDS)('draws %s', (format) =>
    inFolder(async (folder) => {
      await writeOut(join(folder, 'out'), await generate(small(), { env: envAt() }))
      const { exit, out, err } = await kpki(folder, ['graph', 'out', '--format', format], NOW)
      expect({ exit, err }).toEqual({ exit: 0, err: '' })
      expect(out).toContain('etcd')
    }),
  )
})

describe('kpki explain', () => {
  it('lists rules and explains one by name or code', async () => {
    const list = await kpki('/', ['explain', '--list'], NOW)
    const [first = ''] = list.out.split('\n')
    const [code = '', id = ''] = first.split(/\s+/)
    const page = await kpki('/', ['explain', code.toLowerCase()], NOW)
    expect(page.exit).toBe(0)
    expect(page.out).toContain(id)
    expect((await kpki('/', ['explain', id], NOW)).out).toBe(page.out)
  })

  it('says which rule was meant', async () => {
    const [, id = ''] = (await kpki('/', ['explain'], NOW)).out.split('\n')[0]?.split(/\s+/) ?? []
    const { exit, err } = await kpki('/', ['explain', `${id}x`], NOW)
    expect(exit).toBe(2)
    expect(err).toContain(`did you mean ${id}`)
  })
})
