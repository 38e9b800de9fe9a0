import { execFileSync, spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { encodePem } from '../../src/ca/pem.js'
import { verifyLikeOpenssl } from '../../src/ca/verify/verify.js'
import { isIp } from '../../src/values/addresses.js'
import { CASES, type ChainCase } from '../ca/verify-cases.js'
import { AT, type Forged } from '../ca/verify-forge.js'

const SINGLE_PATH =
  'OpenSSL goes up from the first intermediate that fits and does not come back; kpki looks for any path'

const NAMES =
  'OpenSSL holds directory names among the alternative names against constraints; kpki does not'

/** Where `openssl verify` and the policy OPENSSL differ, and why. */
const DISAGREEMENTS: { readonly [id: string]: string } = {
  'cross-signed': SINGLE_PATH,
  'directory names, another among the names': NAMES,
  'directory names, one among the names excluded': NAMES,
  'DNS name that begins with a dot': 'OpenSSL does not ask whether it is a host name',
  'depth 1, a self-issued one more': 'OpenSSL counts self-issued certificates, RFC 5280 does not',
}

const PURPOSES: { readonly [usage: string]: string } = {
  serverAuth: 'sslserver',
  clientAuth: 'sslclient',
}

let folder = ''
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'kpki-verify-'))
})
afterAll(() => rmSync(folder, { recursive: true, force: true }))

function write(name: string, certificates: readonly Forged[]): string {
  const path = join(folder, name)
  writeFileSync(path, certificates.map(({ der }) => encodePem('CERTIFICATE', der)).join(''))
  return path
}

function openssl(one: ChainCase, usage: string, partial: boolean) {
  const at = one.at === undefined ? AT : new Date(one.at)
  const purpose = PURPOSES[usage]
  const name = one.name ?? ''
  const given = isIp(name) ? ['-verify_ip', name] : ['-verify_hostname', name]
  const { status, stdout, stderr } = spawnSync('openssl', [
    'verify',
    ...['-auth_level', '1', '-attime', String(at.getTime() / 1000), '-no-CApath', '-no-CAstore'],
    ...['-CAfile', write('anchors.pem', one.anchors)],
    ...(one.intermediates ? ['-untrusted', write('intermediates.pem', one.intermediates)] : []),
    ...(purpose ? ['-purpose', purpose] : []),
    ...(name === '' ? [] : given),
    ...(partial ? ['-partial_chain'] : []),
    ...(one.maxDepth === undefined ? [] : ['-verify_depth', String(one.maxDepth)]),
    write('leaf.pem', [one.leaf]),
  ])
  return { ok: status === 0, text: `${stdout}${stderr}` }
}

describe('openssl verify', () => {
  it('is OpenSSL 3', () => {
    expect(String(execFileSync('openssl', ['version']))).toMatch(/^OpenSSL 3\./)
  })

  const runs = CASES.flatMap((one) => [
    [one.id, one, false] as const,
    [`${one.id} (partial chain)`, one, true] as const,
  ])
  it.each(runs)('%s', async (_, one, partial) => {
    const { leaf, intermediates = [], anchors, name, maxDepth } = one
    const usages = one.usages === undefined || one.usages.length === 0 ? ['serverAuth'] : one.usages
    const theirs = usages.map((usage) => openssl(one, usage, partial))
    const ours = await verifyLikeOpenssl({
      leaf: leaf.der,
      intermediates: intermediates.map(({ der }) => der),
      anchors: anchors.map(({ der }) => der),
      at: one.at === undefined ? AT : new Date(one.at),
      usages,
      partialChain: partial,
      ...(name !== undefined && { name }),
      ...(maxDepth !== undefined && { maxDepth }),
    })
    const agrees = ours.ok === theirs.some(({ ok }) => ok)
    expect(agrees, JSON.stringify([theirs, ours.ok ? 'ok' : ours.reasons])).toBe(
      DISAGREEMENTS[one.id] === undefined,
    )
  })
})
