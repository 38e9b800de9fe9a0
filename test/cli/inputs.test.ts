import { execFileSync, spawn } from 'node:child_process'
import {
  mkdirSync,
  mkdtempSync,
  renameSync,
  rmSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { START } from '../certs/clusters.js'
import { bundledProgram, ended, type Program } from '../files/program.js'
import { kpki } from './audit-support.js'

const CLUSTER = `apiVersion: kpki/v1alpha1
kind: Cluster
metadata: { name: lab }
spec:
  kubernetesVersion: v1.28.7
  nodes: [{ name: cp1, role: control-plane, address: 172.31.10.5 }]
  pki: { keyAlgorithm: ECDSA-P256 }
`
const WAIVERS = '.kpki-audit.yaml'

const folder = mkdtempSync(join(tmpdir(), 'kpki-inputs-'))
const gen = (...argv: string[]) => kpki(folder, argv, START)

beforeAll(async () => {
  writeFileSync(join(folder, 'cluster.yaml'), CLUSTER)
  execFileSync('mkfifo', [join(folder, 'pipe')])
  symlinkSync('/dev/zero', join(folder, 'device'))
  mkdirSync(join(folder, 'folder'))
  writeFileSync(join(folder, 'huge'), '')
  truncateSync(join(folder, 'huge'), 3 * 2 ** 30)
  writeFileSync(join(folder, 'latin1'), Buffer.from(`${CLUSTER}# M\xfcnchen\n`, 'latin1'))
  expect((await gen('gen', '-f', 'cluster.yaml', '-o', 'out')).exit).toBe(0)
})
afterAll(() => rmSync(folder, { recursive: true, force: true }))

const LINES: readonly (readonly [line: string, name: string | undefined])[] = [
  ['gen -o new -f FILE', undefined],
  ['images -f FILE', undefined],
  ['convert FILE --to v1beta4', undefined],
  ['audit out -f FILE', undefined],
  ['audit out --waivers FILE', undefined],
  ['audit out', WAIVERS],
  ['provision apply FILE --from out', undefined],
]
const THINGS: readonly (readonly [thing: string, status: number, message: RegExp])[] = [
  ['pipe', 2, /FILE is neither a file nor a folder\nkpki: hint: .*standard input/],
  ['device', 2, /FILE is neither a file nor a folder\nkpki: hint: /],
  ['folder', 2, /FILE is a folder\nkpki: hint: name a file in it/],
  ['huge', 3, /FILE is larger than 16 MiB\n/],
  ['latin1', 2, /FILE is not UTF-8 \(line 8\)\nkpki: hint: /],
]
describe.each(LINES)('kpki %s', (line, name) => {
  it.each(THINGS)('given a %s ends with %i and says why', async (thing, status, message) => {
    if (name !== undefined) symlinkSync(thing, join(folder, name))
    const { exit, err } = await gen(...line.replace('FILE', thing).split(' '))
    if (name !== undefined) rmSync(join(folder, name))
    // Plans of many hosts are long.
    const limit = line.startsWith('provision') ? '256 MiB' : '16 MiB'
    const said = message.source.replace('FILE', name ?? thing).replace('16 MiB', limit)
    expect(err).toMatch(new RegExp(`^kpki: error: ${said}`))
    // An audit that can't read ends as wrong use, as its help says.
    expect(exit).toBe(line.endsWith('-f FILE') && line.startsWith('audit') ? 2 : status)
  })
})

const NAMED_BY_PROVISION: readonly (readonly [what: string, path: string, options: string])[] = [
  ['your kubeconfig', 'FILE', '--kubeconfig FILE'],
  ['the administrator’s kubeconfig', 'out/kubeconfig/admin.conf', '--no-kubeconfig'],
  ['a manifest of the cluster file', 'FILE', '--no-kubeconfig -f with-manifest.yaml'],
]
describe.each(NAMED_BY_PROVISION)('provisioning, of %s', (_, path, options) => {
  it.each([
    ['pipe', 'is not a file'],
    ['device', 'is not a file'],
    ['folder', 'is not a file'],
    ['huge', 'is larger than 16 MiB'],
  ])('given a %s says that it %s', async (thing, message) => {
    const place = join(folder, path.replace('FILE', thing))
    const taken = path === 'FILE' ? undefined : `${place}.taken`
    if (taken !== undefined) renameSync(place, taken)
    if (taken !== undefined) symlinkSync(join(folder, thing), place)
    writeFileSync(join(folder, 'with-manifest.yaml'), `${CLUSTER}  manifests: [${thing}]\n`)
    const line = `provision plan --from out ${options.replace('FILE', thing)}`
    const { exit, err } = await gen(...line.split(' '))
    if (taken !== undefined) rmSync(place)
    if (taken !== undefined) renameSync(taken, place)
    expect([exit, err]).toEqual([3, `kpki: error: ${place} ${message}\n`])
  })
})

it.each(['pipe', 'device', 'huge'])('inspect of a %s ends and names it', async (thing) => {
  const { exit, err } = await gen('inspect', thing)
  expect(err).toContain(`kpki: error: ${thing} is `)
  expect(exit).toBe(thing === 'huge' ? 3 : 2)
})

it('inspect of a folder that holds nothing says so', async () => {
  const { exit, out } = await gen('inspect', 'folder')
  expect(out).toBe('folder\n  nothing that is decoded here\n')
  expect(exit).toBe(2)
  const json = await gen('inspect', '--json', 'folder')
  expect(JSON.parse(json.out)).toEqual([{ path: 'folder', objects: [] }])
  expect(json.exit).toBe(2)
})

describe('the program', () => {
  let program: Program
  beforeAll(async () => {
    program = await bundledProgram()
  })
  afterAll(() => program?.remove())
  const shell = (script: string) =>
    ended(
      spawn('bash', ['-c', `kpki() { ${process.execPath} ${program.path} "$@"; }; ${script}`], {
        cwd: folder,
      }),
    )

  it('reads no endless standard input', async () => {
    const { code, err } = await shell('yes | kpki gen -o new -f -')
    expect([code, err]).toEqual([3, 'kpki: error: standard input is larger than 16 MiB\n'])
  })

  it.each(['kpki images -f <(cat cluster.yaml)', 'kpki images -f /dev/stdin < cluster.yaml'])(
    'reads what a shell hands over: %s',
    async (script) => {
      const { code, err, out } = await shell(script)
      expect([code, err]).toEqual([0, ''])
      expect(out).toContain('kube-apiserver')
    },
  )

  it('reads no more of what a shell hands over than of a file', async () => {
    const { code, err } = await shell('kpki images -f <(yes)')
    expect([code, err]).toMatchObject([3, expect.stringMatching(/is larger than 16 MiB\n$/)])
  })
})
