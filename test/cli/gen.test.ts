import {
  chmodSync,
  chownSync,
  cpSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from 'node:fs'
import { basename, join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { DAY, START } from '../certs/clusters.js'
import { skipUnless } from '../interop/workbench.js'
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

describe('whose folder it is', () => {
  const isRoot = process.getuid?.() === 0
  const lines = ['-o out', '-o out --dry-run', '-o out --check']
  const modes = ['', 'authorities', 'authorities/etcd', 'authorities/ca.key', 'nodes', 'nodes/cp1']
  it.each(modes.flatMap((path) => lines.map((line) => [path, line] as const)))(
    'out/%s that everybody may write to is refused by `gen %s`, and nothing is written',
    async (path, line) => {
      await inOut(async (gen, folder) => {
        const full = join(folder, 'out', path)
        chmodSync(full, statSync(full).mode | 0o002)
        const mode = (statSync(full).mode & 0o7777).toString(8).padStart(4, '0')
        const before = contents(folder)
        const { exit, out, err } = await gen(`${line} --renew-before 400d`)
        expect(err).toMatch(
          new RegExp(
            `^kpki: error: ${full} .* everybody \\(owner \\w+, group \\w+, mode ${mode}\\).*\nkpki: hint: `,
          ),
        )
        expect([exit, out]).toEqual([2, ''])
        expect(contents(folder)).toEqual(before)
        expect((await gen('-o out --accept-owner')).exit).toBe(0)
      })
    },
  )

  const NOBODY = 65534
  const owners: readonly (readonly [
    string,
    number,
    number,
    number,
    Record<string, string>,
    boolean,
  ])[] = [
    ['another user’s', NOBODY, NOBODY, 0o700, {}, false],
    ['the caller’s of sudo', NOBODY, NOBODY, 0o700, { SUDO_UID: `${NOBODY}` }, true],
    ['another caller’s of sudo', NOBODY, NOBODY, 0o700, { SUDO_UID: '1000' }, false],
    ['writable for a group of others', 0, NOBODY, 0o770, {}, false],
    ['readable for a group of others', 0, NOBODY, 0o750, {}, true],
    ['writable for the owner’s own group', 0, 0, 0o770, {}, true],
    [
      'writable for a group that only its number makes the owner’s own',
      54321,
      54321,
      0o770,
      { SUDO_UID: '54321' },
      true,
    ],
  ]
  it.skipIf(skipUnless(isRoot, 'whose folder it is', 'root, to give folders away')).each(owners)(
    'that is %s',
    async (_, uid, gid, mode, env, taken) => {
      await inOut(async (_gen, folder) => {
        const authorities = join(folder, 'out/authorities')
        for (const path of [join(folder, 'out'), authorities]) {
          chownSync(path, uid, gid)
          chmodSync(path, mode)
          const { exit, err } = await kpki(folder, ['gen', '-o', 'out', '--check'], START, { env })
          expect(err).toMatch(taken ? /^$/ : /^kpki: error: .*out(\/authorities)? /)
          expect(exit).toBe(taken ? 0 : 2)
          chownSync(path, 0, 0)
          chmodSync(path, 0o700)
        }
      })
    },
  )

  it('is asked of what a link leads to that the user named', async () => {
    await inOut(async (gen, folder) => {
      chmodSync(join(folder, 'out'), 0o777)
      symlinkSync('out', join(folder, 'link'))
      expect((await gen('-o link --check')).exit).toBe(2)
    })
  })
})

describe('what left the cluster file', () => {
  const spec = JSON.parse(CLUSTER)
  const WITH_USERS = JSON.stringify({
    ...spec,
    spec: { ...spec.spec, pki: { ...spec.spec.pki, users: [{ name: 'jane' }] } },
  })
  const STALE = ['kubeconfig/jane.conf', 'nodes/worker1']
  /** jane and worker1 have left. */
  const left = (work: Parameters<typeof inOut>[0]) =>
    inOut(async (gen, folder) => {
      const nodes = [
        spec.spec.nodes[0],
        { name: 'worker2', role: 'worker', address: '172.31.10.6' },
      ]
      const text = JSON.stringify({ ...spec, spec: { ...spec.spec, nodes } })
      writeFileSync(join(folder, 'cluster.yaml'), text)
      expect(await gen('-f cluster.yaml -o out')).toMatchObject({ exit: 0 })
      writeFileSync(join(folder, 'out/kubeconfig/notes.txt'), 'mine')
      await work(gen, folder)
    }, WITH_USERS)
  const there = (folder: string) => STALE.filter((path) => existsSync(join(folder, 'out', path)))

  it('is told by every run, fails --check, and is left alone', async () => {
    await left(async (gen, folder) => {
      for (const [line, exit] of [
        ['', 0],
        [' --dry-run', 0],
        [' --check', 1],
      ] as const) {
        const ran = await gen(`-o out${line}`)
        expect(ran).toMatchObject({ exit, err: '' })
        expect(ran.out).toContain(
          'stale   kubeconfig/jane.conf  (the cluster file has no such user; its keys are still there)\n' +
            'stale   nodes/worker1  (the cluster file has no such node; its keys are still there)\n',
        )
        expect(ran.out).toMatch(/0 to create, 0 to replace, \d+ to keep, 2 stale\n/)
      }
      const { stale } = JSON.parse((await gen('-o out --check --json')).out)
      expect(stale.map(({ path }: { path: string }) => path)).toEqual(STALE)
      expect(there(folder)).toEqual(STALE)
    })
  })

  it('is removed by --prune --yes, and nothing else', async () => {
    await left(async (gen, folder) => {
      // A copy of a key that is in authorities/ may go.
      const copy = join(folder, 'out/nodes/worker1/etc/kubernetes/pki/ca.key')
      writeFileSync(copy, readFileSync(join(folder, 'out/authorities/ca.key')))
      const before = new Map(contents(folder))
      const { exit, out, err } = await gen('-o out --prune --yes')
      expect([exit, err]).toEqual([0, ''])
      expect(out).toContain('remove  nodes/worker1  ')
      expect(there(folder)).toEqual([])
      for (const path of before.keys())
        if (/nodes.worker1.|jane.conf/.test(path)) before.delete(path)
      expect(contents(folder)).toEqual(before)
      expect(await gen('-o out --check')).toMatchObject({ exit: 0 })
    })
  })

  it('is not removed without --yes where nobody can be asked: that is refused before anything is done', async () => {
    await left(async (gen, folder) => {
      const before = contents(folder)
      const { exit, err } = await gen('-o out --prune --renew-before 400d')
      expect([exit, err]).toEqual([
        2,
        'kpki: error: --prune removes kubeconfig/jane.conf, nodes/worker1, and nobody can be asked here\nkpki: hint: say --yes\n',
      ])
      expect(contents(folder)).toEqual(before)
      const dry = await gen('-o out --prune --dry-run')
      expect([dry.exit, dry.out]).toEqual([0, expect.stringContaining('remove  nodes/worker1  ')])
      expect(there(folder)).toEqual(STALE)
    })
  })

  it('is removed when a person says so', async () => {
    await left(async (_, folder) => {
      const asked: string[] = []
      const gen = (answer: boolean) =>
        kpki(folder, ['gen', '-o', 'out', '--prune'], START, {
          confirm: async (question) => {
            asked.push(question)
            return answer
          },
        })
      expect(await gen(false)).toMatchObject({ exit: 0, err: '' })
      expect(there(folder)).toEqual(STALE)
      expect(await gen(true)).toMatchObject({ exit: 0, err: '' })
      expect(there(folder)).toEqual([])
      expect(asked).toEqual(
        Array(2).fill('remove kubeconfig/jane.conf, nodes/worker1 with the keys in it?'),
      )
    })
  })

  it.each(['ca.key', 'etcd/ca.key', 'sa.key', 'root-ca.key'])(
    'is never removed with the last copy of %s',
    async (key) => {
      await left(async (gen, folder) => {
        const old = join(folder, 'out/nodes/worker1/etc/kubernetes/pki', key)
        mkdirSync(join(old, '..'), { recursive: true })
        writeFileSync(
          old,
          readFileSync(join(folder, 'out/authorities/front-proxy-ca.key'), 'utf8').replace(
            'A',
            'B',
          ),
        )
        const { exit, err } = await gen('-o out --prune --yes')
        expect(err).toMatch(
          new RegExp(
            `^kpki: error: nodes/worker1/etc/kubernetes/pki/${key} is not in authorities/: .*\nkpki: hint: `,
          ),
        )
        expect(exit).toBe(2)
        expect(there(folder)).toEqual(STALE)
      })
    },
  )

  it('is not removed with a key that is too large to be read', async () => {
    await left(async (gen, folder) => {
      const old = join(folder, 'out/nodes/worker1/etc/kubernetes/pki/ca.key')
      writeFileSync(old, '')
      truncateSync(old, 64 * 2 ** 20)
      const { exit, err } = await gen('-o out --prune --yes')
      expect([exit, err]).toEqual([2, expect.stringContaining('ca.key is not in authorities/')])
      expect(there(folder)).toEqual(STALE)
    })
  })
})

it.each(['-5d', 'soon', '5'])('--renew-before=%s is no time ahead', async (time) => {
  await inOut(async (gen) => {
    const { exit, err } = await gen(`-o out --renew-before=${time}`)
    expect([exit, err]).toEqual([
      2,
      `kpki: error: --renew-before: "${time}" is not a time\nkpki: hint: write it as 30d, 720h or 12h30m\n`,
    ])
  })
})

it('-o "" is no folder', async () => {
  await inFolder(async (folder) => {
    writeFileSync(join(folder, 'cluster.yaml'), CLUSTER)
    const { exit, err } = await kpki(folder, ['gen', '-f', 'cluster.yaml', '-o', ''], START)
    expect([exit, err]).toEqual([
      2,
      'kpki: error: --out is empty\nkpki: hint: name a folder; the present one is .\n',
    ])
    expect(readdirSync(folder)).toEqual(['cluster.yaml'])
  })
})

describe('authorities/ is lost', () => {
  const nodes = (...list: readonly (readonly [name: string, role: string])[]) => {
    const document = JSON.parse(CLUSTER)
    const made = list.map(([name, role], i) => ({ name, role, address: `172.31.10.${5 + i}` }))
    return JSON.stringify({ ...document, spec: { ...document.spec, nodes: made } })
  }
  const CASES: readonly (readonly [what: string, cluster: string, gone: string[], copy: string])[] =
    [
      [
        'and the control plane left the cluster file',
        nodes(['cp2', 'control-plane'], ['worker1', 'worker']),
        ['authorities'],
        'nodes/cp1/etc/kubernetes/pki/ca.key',
      ],
      [
        'and the control plane became a worker',
        nodes(['cp2', 'control-plane'], ['cp1', 'worker']),
        ['authorities', 'nodes/worker1'],
        'nodes/cp1/etc/kubernetes/pki/ca.key',
      ],
      [
        'and only a worker trusts them still',
        CLUSTER,
        ['authorities', 'nodes/cp1'],
        'nodes/worker1/etc/kubernetes/pki/ca.crt',
      ],
      [
        'and its files were made for another folder',
        JSON.stringify({
          ...JSON.parse(CLUSTER),
          spec: {
            ...JSON.parse(CLUSTER).spec,
            kubeadm: { clusterConfiguration: { certificatesDir: '/etc/pki' } },
          },
        }),
        ['authorities', 'nodes/worker1'],
        'nodes/cp1/etc/kubernetes/pki/ca.key',
      ],
    ]

  it.each(CASES)('%s: refused, naming what is left', async (_, cluster, gone, copy) => {
    await inOut(async (gen, folder) => {
      const out = join(folder, 'out')
      for (const path of gone) rmSync(join(out, path), { recursive: true })
      writeFileSync(join(folder, 'cluster.yaml'), cluster)
      const before = contents(out)
      for (const options of ['', ' --dry-run', ' --check']) {
        const { exit, err } = await gen(`-f cluster.yaml -o out${options}`)
        expect([exit, err]).toEqual([2, expect.stringContaining(`${copy} is still there`)])
      }
      expect(contents(out)).toEqual(before)
    })
  })

  it('is gone on with once the copies are back', async () => {
    await inOut(async (gen, folder) => {
      const out = join(folder, 'out')
      const key = readFileSync(join(out, 'authorities/ca.key'), 'utf8')
      rmSync(join(out, 'authorities'), { recursive: true })
      cpSync(join(out, 'nodes/cp1/etc/kubernetes/pki'), join(out, 'authorities'), {
        recursive: true,
        filter: (path) => !/apiserver|client|server|peer/.test(basename(path)),
      })
      chmodSync(join(out, 'authorities'), 0o700)
      writeFileSync(join(folder, 'cluster.yaml'), nodes(['cp2', 'control-plane']))
      expect(await gen('-f cluster.yaml -o out')).toMatchObject({ exit: 0 })
      expect(readFileSync(join(out, 'authorities/ca.key'), 'utf8')).toBe(key)
      const copy = join(out, 'nodes/cp2/etc/kubernetes/pki/ca.key')
      expect(readFileSync(copy, 'utf8')).toBe(key)
    })
  })
})
