import { execFileSync } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { auditTree } from '../../src/audit/audit.js'
import { readTree, writeTree } from '../../src/files/disk.js'
import { type Defect, workshop } from '../audit/layouts/workshop.js'
import { has, skipUnless } from './workbench.js'

/** Folders and files of any name, with the authority's key beside it. */
async function tree(defect: Defect) {
  const shop = workshop(defect)
  const ca = await shop.authority({ CN: 'our ca', O: ['it’s + /ours=', 'two'] })
  shop.write('our things/ca.crt', ca.certificate, 0o644)
  shop.write('our things/ca.key', ca.key)
  await shop.pair('our things/web.crt', 'our things/web.key', ca, {
    CN: 'web/1+a=b',
    profile: 'peer',
    dns: ['web.example.com', '*.web.example.com'],
    ip: ['192.0.2.1', '2001:db8::1'],
  })
  return shop.tree
}

describe.skipIf(skipUnless(has('openssl'), 'remedies by hand', 'openssl'))(
  'remedies by hand, run by a shell',
  () => {
    let folder = ''
    beforeEach(() => {
      folder = mkdtempSync(join(tmpdir(), 'kpki-remedy-'))
    })
    afterEach(() => rmSync(folder, { recursive: true, force: true }))

    const audit = async () => auditTree(await readTree(folder))
    const path = 'our things/web.crt'

    it.each([
      ['expired', 'V01'],
      ['foreign-key', 'K01'],
      ['foreign-authority', 'C19'],
    ] as const)('%s', async (how, code) => {
      await writeTree(folder, await tree({ path, how }))
      const before = await audit()
      const fix = before.findings.find((one) => one.code === code && one.path === path)?.fix ?? ''
      const authority = 'our things/ca.crt'
      // An authority of the same name is not said to be the issuer: who mends knows where it is.
      const command = fix
        .replace('CA.crt', `'${authority}'`)
        .replace('CA.key', "'our things/ca.key'")
      expect(command).toContain('openssl')
      execFileSync('sh', ['-ec', command], { cwd: folder, stdio: 'pipe' })
      const after = await audit()
      expect(after.findings.filter(({ severity }) => severity === 'error')).toEqual([])
      const [old, anew] = [before, after].map(({ expiry }) =>
        expiry.find((one) => one.path === path),
      )
      expect(anew?.subject).toBe(old?.subject)
      expect(anew?.certificate).not.toBe(old?.certificate)
      const verified = execFileSync('openssl', ['verify', '-CAfile', authority, path], {
        cwd: folder,
      })
      expect(verified.toString()).toContain('OK')
      const names = ['x509', '-in', path, '-noout', '-ext', 'subjectAltName,extendedKeyUsage']
      const shown = execFileSync('openssl', names, { cwd: folder }).toString()
      for (const name of ['DNS:web.example.com', 'DNS:*.web.example.com', 'IP Address:192.0.2.1'])
        expect(shown).toContain(name)
      expect(shown).toContain('TLS Web Server Authentication, TLS Web Client Authentication')
    })
  },
)
