import { spawn } from 'node:child_process'
import { existsSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { bundledProgram, type Ended, ended, type Program } from '../files/program.js'

const CLUSTER = JSON.stringify({
  apiVersion: 'kpki/v1alpha1',
  kind: 'Cluster',
  metadata: { name: 'lab' },
  spec: {
    kubernetesVersion: 'v1.28.7',
    nodes: [{ name: 'cp1', role: 'control-plane', address: '172.31.10.5' }],
    pki: { keyAlgorithm: 'ECDSA-P256' },
  },
})

const folder = mkdtempSync(join(tmpdir(), 'kpki-streams-'))
let program: Program

/** Runs a command line by way of a shell that has the program as `"$@"`. */
function shell(script: string, line: string): Promise<Ended> {
  const args = [process.execPath, program.path, ...line.split(' ')]
  return ended(spawn('bash', ['-c', script, 'bash', ...args], { cwd: folder }))
}
// The reader has ended before the program starts.
const closed = (stream: 1 | 2) => `exec 3> >(exec true); wait $!; exec "$@" ${stream}>&3 3>&-`

beforeAll(async () => {
  program = await bundledProgram()
  writeFileSync(join(folder, 'cluster.yaml'), CLUSTER)
  writeFileSync(join(folder, 'other.yaml'), CLUSTER.replace('172.31.10.5', '172.31.10.6'))
  expect(await shell('exec "$@"', 'gen -f cluster.yaml -o out')).toMatchObject({ code: 0 })
})

afterAll(() => {
  program?.remove()
  rmSync(folder, { recursive: true, force: true })
})

const LINES = [
  '--help',
  '--version',
  'nonsense',
  'gen --help',
  'gen -o out',
  'gen -f other.yaml -o out --dry-run',
  'gen -f other.yaml -o out --check',
  'gen -o out --json',
  'audit out',
  'audit out --at +9000d',
  'audit out --format html',
  'inspect out',
  'graph out',
  'explain --list',
  'diff cluster.yaml other.yaml',
  'images -f cluster.yaml',
  'manifests -f cluster.yaml',
  'ports -f cluster.yaml',
  'convert -f cluster.yaml --to v1beta4',
  'init',
]

describe.each(LINES)('kpki %s', (line) => {
  it('into a pipe that nobody reads any more ends as its work did, without a word', async () => {
    const whole = await shell('exec "$@"', line)
    const { code, err } = await shell(closed(1), line)
    expect([code, err]).toEqual([whole.code, whole.err])
    expect(readdirSync(join(folder, 'out')).filter((name) => name.startsWith('.'))).toEqual([])
    const silent = await shell(closed(2), line)
    expect([silent.code, silent.out === '']).toEqual([whole.code, whole.out === ''])
  })
})

it.each(['--help', 'gen -o out --check', 'audit out', 'manifests -f cluster.yaml'])(
  'kpki %s onto a full disk says so in one line, and ends with 3',
  async (line) => {
    const { code, err } = await shell('exec "$@" > /dev/full', line)
    expect(err).toMatch(/^kpki: error: standard output could not be written: ENOSPC.*\n$/)
    expect(code).toBe(3)
  },
)

it('work is done and the lock given back when nobody reads what is said of it', async () => {
  const { code, err } = await shell(closed(1), 'gen -f cluster.yaml -o whole')
  expect([code, err]).toEqual([0, ''])
  expect(existsSync(join(folder, 'whole/kubeconfig/admin.conf'))).toBe(true)
  expect(existsSync(join(folder, 'whole/.kpki.lock'))).toBe(false)
  expect(await shell('exec "$@"', 'gen -o whole --check')).toMatchObject({ code: 0 })
})

it('in a folder that was removed says so in one line', async () => {
  const { code, err } = await shell('mkdir gone && cd gone && rmdir ../gone && exec "$@"', 'images')
  expect(err).toMatch(/^kpki: error: the present folder cannot be found: .*\n$/)
  expect(code).toBe(3)
})
