import { mkdirSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { DAY, START } from '../certs/clusters.js'
import { inFolder, kpki } from './audit-support.js'

const CLUSTER = JSON.stringify({
  apiVersion: 'kpki/v1alpha1',
  kind: 'Cluster',
  metadata: { name: 'lab' },
  spec: {
    kubernetesVersion: 'v1.28.7',
    nodes: [
      { name: 'cp1', role: 'control-plane', address: '172.31.10.5' },
      { name: 'worker1', role: 'worker', address: '172.31.10.6' },
    ],
    pki: { keyAlgorithm: 'ECDSA-P256' },
  },
})

/** Every file below a folder with its content. */
function contents(folder: string): ReadonlyMap<string, string> {
  return new Map(
    readdirSync(folder, { recursive: true, withFileTypes: true })
      .filter((entry) => entry.isFile())
      .map(({ parentPath, name }) => join(parentPath, name))
      .map((path) => [path, readFileSync(path, 'utf8')] as const)
      .sort(),
  )
}

/** `kpki gen` in a folder that holds `out`, made at the start of the tests' year. */
async function inOut(
  work: (
    gen: (line: string, now?: Date) => ReturnType<typeof kpki>,
    folder: string,
  ) => Promise<void>,
  cluster = CLUSTER,
): Promise<void> {
  await inFolder(async (folder) => {
    writeFileSync(join(folder, 'cluster.yaml'), cluster)
    const gen = (line: string, now = START) => kpki(folder, `gen ${line}`.split(' '), now)
    expect(await gen('-f cluster.yaml -o out')).toMatchObject({ exit: 0, err: '' })
    await work(gen, folder)
  })
}

describe('a clock that runs behind', () => {
  it.each(['-o out', '-o out --dry-run', '-o out --check'])(
    'ends `gen %s` with 3, and nothing is touched',
    async (line) => {
      await inOut(async (gen, folder) => {
        const before = contents(folder)
        const { exit, out, err } = await gen(line, new Date(START.getTime() - 2000 * DAY))
        expect(err).toMatch(
          /^kpki: error: the clock says 2020-09-08T12:00:00.000Z, but authorities\/ca.crt is not valid before 2026-03-01T11:55:00.000Z\nkpki: hint: set the clock/,
        )
        expect([exit, out]).toEqual([3, ''])
        expect(contents(folder)).toEqual(before)
      })
    },
  )
})

describe('an authority’s key that is a link, a folder or far too large', () => {
  const put: readonly (readonly [string, (key: string) => void, string])[] = [
    ['a link', (key) => symlinkSync('/dev/null', key), 'a link'],
    ['a folder', (key) => mkdirSync(key), 'a folder'],
    ['5 MB', (key) => writeFileSync(key, 'x'.repeat(5_000_000)), 'larger than 4194304 bytes'],
  ]
  const lines = ['-o out', '-o out --dry-run', '-o out --check']
  it.each(
    put.flatMap(([what, make, reason]) => lines.map((line) => [what, line, make, reason] as const)),
  )('%s: refused by name in `gen %s`', async (_, line, make, reason) => {
    await inOut(async (gen, folder) => {
      const key = join(folder, 'out/authorities/ca.key')
      rmSync(key)
      make(key)
      const { exit, out, err } = await gen(line)
      expect(err).toContain(
        `kpki: error: authorities/ca.key is not a file to use: it is ${reason}\n`,
      )
      expect([exit, out]).toEqual([2, ''])
    })
  })

  it('in a node’s folder is noticed before anything is written', async () => {
    await inOut(async (gen, folder) => {
      const before = new Map(contents(folder))
      const key = join(folder, 'out/nodes/worker1/var/lib/kubelet/pki/kubelet.key')
      rmSync(key)
      symlinkSync('/dev/null', key)
      before.delete(key)
      rmSync(join(folder, 'out/cluster.yaml'))
      before.delete(join(folder, 'out/cluster.yaml'))
      expect(await gen('-f cluster.yaml -o out --renew-before 400d')).toMatchObject({
        exit: 2,
        out: '',
      })
      expect(contents(folder)).toEqual(before)
    })
  })
})
