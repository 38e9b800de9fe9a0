import { createHash } from 'node:crypto'
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { readCertificate } from '../src/ca/certificate/read.js'
import { readPrivateKey, sameKey } from '../src/ca/keys/keys.js'
import { bundledProgram, ended, type Program } from './files/program.js'

const KILLS = 30
const KILLS_EACH = 5

const CLUSTER = JSON.stringify({
  apiVersion: 'kpki/v1alpha1',
  kind: 'Cluster',
  metadata: { name: 'lab' },
  spec: {
    kubernetesVersion: 'v1.28.7',
    controlPlaneEndpoint: 'api.example.com:6443',
    nodes: [1, 2, 3, 4, 5].map((index) => ({
      name: `node${index}`,
      role: index < 4 ? 'control-plane' : 'worker',
      address: `172.31.10.${index}`,
    })),
    pki: { keyAlgorithm: 'ECDSA-P256', topology: 'hierarchy' },
  },
})

const folder = mkdtempSync(join(tmpdir(), 'kpki-killed-'))
const file = join(folder, 'cluster.yaml')
let program: Program
/** Milliseconds from its start until a run begins to write, and until it ends. */
let window: { readonly begins: number; readonly ends: number }

beforeAll(async () => {
  program = await bundledProgram()
  writeFileSync(file, CLUSTER)
  const out = join(folder, 'measured')
  const started = performance.now()
  const end = ended(program.start(['gen', '-f', file, '-o', out]))
  let begins = 0
  while (begins === 0 && performance.now() - started < 20_000) {
    if (existsSync(join(out, '.kpki.lock'))) begins = performance.now() - started
    await delay(1)
  }
  expect((await end).code).toBe(0)
  window = { begins, ends: performance.now() - started }
}, 60_000)

afterAll(() => {
  program?.remove()
  rmSync(folder, { recursive: true, force: true })
})

const AUTHORITIES = ['root-ca', 'ca', 'etcd/ca', 'front-proxy-ca']

/** What must never change again, by file: certificates and keys of authorities, and the service-account key. */
function precious(out: string): ReadonlyMap<string, string> {
  const found = new Map<string, string>()
  for (const name of [...AUTHORITIES.flatMap((base) => [`${base}.crt`, `${base}.key`]), 'sa.key']) {
    const path = join(out, 'authorities', name)
    if (existsSync(path))
      found.set(name, createHash('sha256').update(readFileSync(path)).digest('hex'))
  }
  return found
}

function names(out: string): readonly string[] {
  return readdirSync(out, { recursive: true, encoding: 'utf8' })
}

it(`a run killed at any of ${KILLS} moments is completed by the next, and no authority or key is lost`, async () => {
  let interrupted = 0
  for (let round = 0; round < KILLS / KILLS_EACH; round++) {
    const out = join(folder, `out${round}`)
    let before: ReadonlyMap<string, string> = new Map()
    for (let kill = 0; kill < KILLS_EACH; kill++) {
      const child = program.start(['gen', '-f', file, '-o', out])
      const end = ended(child)
      await delay(window.begins + Math.random() * (window.ends - window.begins))
      child.kill('SIGKILL')
      if ((await end).signal === 'SIGKILL') interrupted++
      if (!existsSync(out)) continue
      const after = precious(out)
      for (const [name, digest] of before) expect(after.get(name), name).toBe(digest)
      before = after
    }
    const last = await program.run(['gen', '-f', file, '-o', out])
    expect(last.err).toBe('')
    expect(last.code).toBe(0)
    const after = precious(out)
    for (const [name, digest] of before) expect(after.get(name), name).toBe(digest)
    expect(after.size).toBe(9)
    expect(names(out).filter((name) => /kpki/.test(name))).toEqual([])
    for (const name of names(out).filter((path) => path.endsWith('.crt'))) {
      const key = join(out, name.replace(/crt$/, 'key'))
      if (!existsSync(key)) continue
      const { publicKey } = readCertificate(readFileSync(join(out, name)))
      expect(sameKey(publicKey.spki, readPrivateKey(readFileSync(key)).spki), name).toBe(true)
    }
    const check = await program.run(['gen', '-o', out, '--check'])
    expect(check.code).toBe(0)
  }
  // Some die before they begin or after they end; most must not, or nothing was shown.
  expect(interrupted).toBeGreaterThan(KILLS / 3)
}, 240_000)
