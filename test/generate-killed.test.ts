import { createHash } from 'node:crypto'
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { readCertificate } from '../src/ca/certificate/read.js'
import { sameKey } from '../src/ca/keys/keys.js'
import { readPrivateKey } from '../src/ca/keys/private-key.js'
import { kpki } from './cli/audit-support.js'
import { bundledProgram, type Program } from './files/program.js'

const OUTS = 10
const KILLS_EACH = 3

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

/** Loaded before the program: kills it at its n-th change of the disk, or says how many there were. */
const KILLER = `
import { constants, unlinkSync } from 'node:fs'
import disk from 'node:fs/promises'
import { syncBuiltinESMExports } from 'node:module'
const own = process.env.KPKI_TEST_FILE + process.pid
const handle = await disk.open(own, 'w')
const files = Object.getPrototypeOf(handle)
await handle.close()
unlinkSync(own)
const at = Number(process.env.KPKI_TEST_KILL_AT)
let changes = 0
const counted = (owner, name, changing = () => true) => {
  const real = owner[name]
  owner[name] = function (...args) {
    if (changing(args) && ++changes === at) process.kill(process.pid, 'SIGKILL')
    return real.apply(this, args)
  }
}
const writing = ([, flags]) => typeof flags === 'number' && (flags & constants.O_CREAT) !== 0
counted(disk, 'open', writing)
for (const name of ['mkdir', 'rename', 'link', 'rm', 'chmod', 'writeFile']) counted(disk, name)
for (const name of ['writeFile', 'chmod', 'sync']) counted(files, name)
syncBuiltinESMExports()
if (at === 0) process.on('exit', () => console.error(changes))
`

const folder = mkdtempSync(join(tmpdir(), 'kpki-killed-'))
const file = join(folder, 'cluster.yaml')
const killer = join(folder, 'killer.mjs')
let program: Program

beforeAll(async () => {
  program = await bundledProgram()
  writeFileSync(file, CLUSTER)
  writeFileSync(killer, KILLER)
})

afterAll(() => {
  program?.remove()
  rmSync(folder, { recursive: true, force: true })
})

/** Runs `gen`, and kills it at that change of the disk; 0 counts them. */
function killed(out: string, at: number) {
  return program.run(['gen', '-f', file, '-o', out], {
    env: {
      NODE_OPTIONS: `--import ${pathToFileURL(killer)}`,
      KPKI_TEST_FILE: join(folder, 'own-'),
      KPKI_TEST_KILL_AT: String(at),
    },
  })
}

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

it(`a run killed at any of ${OUTS * KILLS_EACH} moments is completed by the next, and no authority or key is lost`, async () => {
  const whole = await killed(join(folder, 'whole'), 0)
  expect(whole.code).toBe(0)
  const changes = Number(whole.err)
  expect(changes).toBeGreaterThan(100 * OUTS)
  for (let round = 0; round < OUTS; round++) {
    const out = join(folder, `out${round}`)
    let before: ReadonlyMap<string, string> = new Map()
    // the first all over a whole run, the others soon after they begin to mend what the first has left
    const moments = [Math.round(((round + 0.5) / OUTS) * changes), OUTS - round, 2 * OUTS - round]
    for (const at of moments) {
      expect(await killed(out, at), `killed at ${at} of ${changes}`).toMatchObject({
        signal: 'SIGKILL',
      })
      const after = precious(out)
      for (const [name, digest] of before) expect(after.get(name), name).toBe(digest)
      before = after
    }
    // Whoever is not killed needs no process of its own.
    const last = await kpki(folder, ['gen', '-f', file, '-o', out], new Date())
    expect(last).toMatchObject({ exit: 0, err: '' })
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
    expect(await kpki(folder, ['gen', '-o', out, '--check'], new Date())).toMatchObject({ exit: 0 })
  }
})
