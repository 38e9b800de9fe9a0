import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { beforeAll, describe, expect, it } from 'vitest'
import type { AuditReport } from '../../src/audit/types.js'
import { type Generated, generate } from '../../src/generate/generate.js'
import { envAt, later, small } from '../certs/clusters.js'
import { inFolder, kpki, writeOut } from './audit-support.js'

const NOW = later(10)

describe('kpki expiry', () => {
  let healthy: Generated
  beforeAll(async () => {
    healthy = await generate(small(), { env: envAt() })
  })

  /** Runs the verb on what gen made. */
  const expiry = (...args: readonly string[]) =>
    inFolder(async (folder) => {
      await writeOut(join(folder, 'out'), healthy)
      return kpki(folder, ['expiry', 'out', ...args], NOW)
    })

  it('lists everything, the first to end first', async () => {
    const { exit, out, err } = await expiry()
    const days = out.match(/\d{4}-\d\d-\d\d/g) ?? []
    expect({ exit, err }).toEqual({ exit: 0, err: '' })
    expect(days).toEqual([...days].sort())
    for (const path of [
      'nodes/cp1/etc/kubernetes/pki/apiserver.crt',
      'nodes/cp1/etc/kubernetes/pki/etcd/server.crt',
      'nodes/cp1/etc/kubernetes/admin.conf (client-certificate-data)',
      'nodes/worker1/var/lib/kubelet/pki/kubelet.crt',
      'authorities/ca.crt',
      'kubeconfig/admin.conf (client-certificate-data)',
    ])
      expect(out).toContain(path)
    expect(out).toMatch(/2036-\d\d-\d\d .*authorities\/ca.crt +CN=kubernetes \(authority\)/)
  })

  it('marks what is due within a time, hides nothing, and exits with 1', async () => {
    const all = await expiry()
    const soon = await expiry('--within', '400d')
    const lines = (text: string) => text.trim().split('\n').length
    expect(soon.exit).toBe(1)
    expect(lines(soon.out)).toBe(lines(all.out))
    expect(soon.out).toMatch(/^! .*apiserver\.crt/m)
    expect(soon.out).toMatch(/^ {2}.*authorities\/ca\.crt/m)
    expect((await expiry('--within', '30d')).exit).toBe(0)
    expect((await expiry('--at', '+2y')).exit).toBe(1)
    expect(await expiry('--within', 'soon')).toMatchObject({ exit: 2, out: '' })
    expect(await expiry('--within', '-5d')).toMatchObject({ exit: 2, out: '' })
  })

  it('has the rows and metrics of the audit', () =>
    inFolder(async (folder) => {
      await writeOut(join(folder, 'out'), healthy)
      const run = (...args: readonly string[]) => kpki(folder, args, NOW)
      const rows = JSON.parse((await run('expiry', 'out', '--format', 'json')).out)
      const audit = JSON.parse((await run('audit', 'out', '--format', 'json')).out) as AuditReport
      const plain = rows.map(({ due: _, ...row }: { due: boolean }) => row)
      expect(new Set(plain.map((row: object) => JSON.stringify(row)))).toEqual(
        new Set(audit.expiry.map((row) => JSON.stringify(row))),
      )
      const metrics = (await run('expiry', 'out', '--format', 'prometheus')).out
      expect((await run('audit', 'out', '--format', 'prometheus')).out).toContain(metrics)
      expect(metrics).toMatch(/^kpki_certificate_not_after_seconds\{.*apiserver\.crt/m)
    }))

  it('never says that nothing ends where something cannot be read', () =>
    inFolder(async (folder) => {
      await writeOut(join(folder, 'out'), healthy)
      const path = 'out/nodes/cp1/etc/kubernetes/pki/apiserver.crt'
      await writeFile(join(folder, path), 'no certificate\n')
      const { exit, out, err } = await kpki(folder, ['expiry', 'out'], NOW)
      expect(exit).toBe(1)
      expect(out).not.toContain('pki/apiserver.crt')
      expect(err).toMatch(/^kpki: warning: not listed: .*pki\/apiserver\.crt/m)
      await writeFile(join(folder, path), Buffer.alloc(5_000_000))
      expect(await kpki(folder, ['expiry', 'out'], NOW)).toMatchObject({
        exit: 1,
        err: expect.stringMatching(/not listed: .*apiserver\.crt was not read: larger than/),
      })
      await writeFile(join(folder, 'kubeconfig.conf'), 'kind: Config\nclusters: []\nusers: []\n')
      expect(await kpki(folder, ['expiry', 'kubeconfig.conf'], NOW)).toMatchObject({
        exit: 2,
        out: '',
      })
    }))
})
