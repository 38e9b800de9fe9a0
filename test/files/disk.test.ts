import { execFileSync } from 'node:child_process'
import {
  chmodSync,
  existsSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import disk from 'node:fs/promises'
import { syncBuiltinESMExports } from 'node:module'
import { basename, join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest'
import { isLeftOver, readTree, writeTree } from '../../src/files/disk.js'
import { directory, file, textAt, treeOf } from '../../src/files/tree.js'
import { scratch, skipUnless } from '../interop/workbench.js'
import { bundledProgram, type Program } from './program.js'
import { recorded } from './recorder.js'

const isRoot = process.getuid?.() === 0
const NOBODY = 65534

const TREE = treeOf([
  directory('etc/secret', 0o700),
  file('etc/secret/a.key', 'key', 0o600),
  file('etc/secret/a.crt', 'certificate', 0o644),
  file('etc/open/deep/b.conf', 'conf', 0o600),
])

const mode = (path: string): string => (statSync(path).mode & 0o7777).toString(8)
const codeOf = (work: Promise<unknown>): Promise<unknown> =>
  work.then(
    () => 'nothing was thrown',
    (error: { code?: string }) => error.code,
  )
const everything = (folder: string) => readdirSync(folder, { recursive: true, encoding: 'utf8' })

describe('writeTree', () => {
  it.each(['0', '22', '77'])(
    'gives each file and folder its mode under umask %s',
    async (umask) => {
      using folder = scratch()
      const root = join(folder.path, 'out')
      const before = process.umask(Number.parseInt(umask, 8))
      await writeTree(root, TREE, { rootMode: 0o700 }).finally(() => process.umask(before))
      expect(mode(root)).toBe('700')
      expect(mode(join(root, 'etc'))).toBe('755')
      expect(mode(join(root, 'etc/secret'))).toBe('700')
      expect(mode(join(root, 'etc/open/deep'))).toBe('755')
      expect(mode(join(root, 'etc/secret/a.key'))).toBe('600')
      expect(mode(join(root, 'etc/secret/a.crt'))).toBe('644')
    },
  )

  it('has secrets at 0600 from the first byte', async () => {
    using folder = scratch()
    const modes: string[] = []
    const { open } = disk
    const opening = vi.spyOn(disk, 'open').mockImplementation(async (...args) => {
      const handle = await open(...args)
      const found = await handle.stat()
      if (found.isFile()) modes.push((found.mode & 0o777).toString(8))
      return handle
    })
    syncBuiltinESMExports()
    const before = process.umask(0)
    const keys = Array.from({ length: 40 }, (_, n) => file(`${n}.key`, 'x'.repeat(1 << 16), 0o600))
    await writeTree(folder.path, treeOf(keys)).finally(() => {
      process.umask(before)
      opening.mockRestore()
      syncBuiltinESMExports()
    })
    expect(modes).toEqual(keys.map(() => '600'))
  })

  it('replaces what is there, and tightens folders that are too open', async () => {
    using folder = scratch()
    await writeTree(folder.path, TREE)
    chmodSync(join(folder.path, 'etc/secret'), 0o777)
    chmodSync(join(folder.path, 'etc/secret/a.key'), 0o644)
    const inode = statSync(join(folder.path, 'etc/secret/a.key')).ino
    await writeTree(folder.path, treeOf([...TREE.values(), file('etc/secret/a.key', 'new', 0o600)]))
    expect(mode(join(folder.path, 'etc/secret'))).toBe('700')
    expect(mode(join(folder.path, 'etc/secret/a.key'))).toBe('600')
    expect(readFileSync(join(folder.path, 'etc/secret/a.key'), 'utf8')).toBe('new')
    expect(statSync(join(folder.path, 'etc/secret/a.key')).ino).not.toBe(inode)
  })

  it('reads back what it wrote', async () => {
    using folder = scratch()
    await writeTree(folder.path, TREE, { folder: 'nodes/cp1' })
    const read = await readTree(folder.path, { folder: 'nodes/cp1' })
    expect(textAt(read, 'etc/secret/a.key')).toBe('key')
    const files = [...read.values()].filter(({ kind }) => kind === 'file')
    expect(files.map(({ path }) => path).sort()).toEqual([
      'etc/open/deep/b.conf',
      'etc/secret/a.crt',
      'etc/secret/a.key',
    ])
  })

  it('goes over a left-over of a killed run, even when it is a link', async () => {
    using folder = scratch()
    const target = join(folder.path, 'elsewhere')
    writeFileSync(target, 'mine')
    mkdirSync(join(folder.path, 'out'))
    symlinkSync(target, join(folder.path, 'out/.a.key.kpki-tmp'))
    await writeTree(join(folder.path, 'out'), treeOf([file('a.key', 'secret', 0o600)]))
    expect(readFileSync(target, 'utf8')).toBe('mine')
    expect(everything(join(folder.path, 'out'))).toEqual(['a.key'])
    expect(isLeftOver('etc/.a.key.kpki-tmp')).toBe(true)
    expect(isLeftOver('etc/a.key')).toBe(false)
  })

  it.each(['../a', 'x/../../a', '/a'])('refuses the path %s', async (path) => {
    using folder = scratch()
    const work = writeTree(join(folder.path, 'out'), treeOf([file(path, '', 0o600)]))
    expect(await codeOf(work)).toBe('ERR_FILE_UNSAFE')
    expect(everything(folder.path)).toEqual([])
  })
})

describe('a power cut', () => {
  it('finds every key on the disk before its certificate has its name', async () => {
    using folder = scratch()
    const out = join(folder.path, 'new/out')
    const calls = await recorded(() => writeTree(out, TREE, { folder: 'nodes/cp1' }))
    const at = (call: string, from = 0) => {
      const found = calls.indexOf(call, from)
      expect(found, `${call} in ${calls.join(', ')}`).toBeGreaterThanOrEqual(from)
      return found
    }
    const key = at('rename .a.key.kpki-tmp a.key')
    const synced = at('sync secret', key)
    const certificate = at('rename .a.crt.kpki-tmp a.crt', synced)
    for (const name of ['secret', 'etc', 'cp1', 'nodes', 'out']) at(`sync ${name}`, certificate)
    // The folders that were made above the one named.
    for (const [made, above] of [
      ['new', basename(folder.path)],
      ['out', 'new'],
    ] as const)
      at(`sync ${above}`, at(`mkdir ${made}`))
  })

  it('a folder that cannot be synced is named', async () => {
    using folder = scratch()
    const { open } = disk
    const opening = vi.spyOn(disk, 'open').mockImplementation(async (...args) => {
      const handle = await open(...args)
      if (String(args[0]).endsWith('secret'))
        handle.sync = () => Promise.reject(new Error('EIO: i/o error, fsync'))
      return handle
    })
    syncBuiltinESMExports()
    const work = writeTree(folder.path, TREE)
    await expect(
      work.finally(() => {
        opening.mockRestore()
        syncBuiltinESMExports()
      }),
    ).rejects.toMatchObject({
      code: 'ERR_WRITE_FAILED',
      message: `${join(folder.path, 'etc/secret')} could not be written: EIO: i/o error, fsync`,
    })
  })
})

describe('links are refused, and what they lead to is untouched', () => {
  const places: readonly (readonly [string, string])[] = [
    ['a file', 'nodes/cp1/etc/secret/a.key'],
    ['a folder', 'nodes/cp1/etc/secret'],
    ['a parent', 'nodes/cp1/etc'],
    ['the folder itself', 'nodes/cp1'],
    ['a folder above it', 'nodes'],
  ]
  it.each(places)('%s', async (_, place) => {
    using folder = scratch()
    const out = join(folder.path, 'out')
    const outside = join(folder.path, 'outside')
    await writeTree(out, TREE, { folder: 'nodes/cp1' })
    const isFile = place.endsWith('.key')
    execFileSync('mv', [join(out, place), outside])
    symlinkSync(outside, join(out, place))
    const before = isFile ? readFileSync(outside, 'utf8') : everything(outside)
    const changed = treeOf([...TREE.values(), file('etc/secret/a.key', 'changed', 0o600)])
    const work = writeTree(out, changed, { folder: 'nodes/cp1' })
    expect(await codeOf(work)).toBe('ERR_FILE_UNSAFE')
    expect(isFile ? readFileSync(outside, 'utf8') : everything(outside)).toEqual(before)
    expect(everything(folder.path).filter((path) => isLeftOver(path))).toEqual([])
  })

  it('a dangling link is not written through', async () => {
    using folder = scratch()
    symlinkSync(join(folder.path, 'missing'), join(folder.path, 'a.key'))
    const work = writeTree(folder.path, treeOf([file('a.key', 'secret', 0o600)]))
    expect(await codeOf(work)).toBe('ERR_FILE_UNSAFE')
    expect(existsSync(join(folder.path, 'missing'))).toBe(false)
  })

  it('a folder or pipe in a file’s place is refused', async () => {
    using folder = scratch()
    mkdirSync(join(folder.path, 'a.key'))
    execFileSync('mkfifo', [join(folder.path, 'b.key')])
    for (const name of ['a.key', 'b.key'])
      expect(await codeOf(writeTree(folder.path, treeOf([file(name, '', 0o600)])))).toBe(
        'ERR_FILE_UNSAFE',
      )
  })

  it('are listed, not followed, when a tree is read; pipes do not block it', async () => {
    using folder = scratch()
    symlinkSync('/etc/passwd', join(folder.path, 'link'))
    execFileSync('mkfifo', [join(folder.path, 'pipe')])
    writeFileSync(join(folder.path, 'large'), 'x'.repeat(100))
    const tree = await readTree(folder.path, { maxFileSize: 99 })
    expect(tree.get('link')).toEqual({ kind: 'symlink', path: 'link', target: '/etc/passwd' })
    expect(tree.get('pipe')?.kind).toBe('other')
    expect(tree.get('large')?.kind).toBe('other')
    const out = join(folder.path, 'out')
    symlinkSync(folder.path, out)
    expect(await codeOf(readTree(folder.path, { folder: 'out' }))).toBe('ERR_FILE_UNSAFE')
    expect((await readTree(join(folder.path, 'missing'))).size).toBe(0)
    expect((await readTree(folder.path, { folder: 'no/such' })).size).toBe(0)
  })
})

describe('a disk that refuses', () => {
  it.skipIf(skipUnless(isRoot, 'disk full', 'root, for a file system of 64 KiB'))(
    'full: an error, the old files, and nothing begun left behind',
    async () => {
      using folder = scratch()
      const small = join(folder.path, 'small')
      mkdirSync(small)
      execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=64k', 'tmpfs', small])
      try {
        await writeTree(small, treeOf([file('a.key', 'old', 0o600)]))
        const keys = ['a', 'b', 'c', 'd'].map((name) =>
          file(`${name}.key`, 'x'.repeat(30_000), 0o600),
        )
        await expect(writeTree(small, treeOf(keys))).rejects.toMatchObject({
          code: 'ERR_WRITE_FAILED',
          message: expect.stringContaining('ENOSPC'),
        })
        expect(readFileSync(join(small, 'a.key'), 'utf8')).toBe('old')
        expect(everything(small)).toEqual(['a.key'])
      } finally {
        execFileSync('umount', [small])
      }
    },
  )
})

describe('the program in a folder', () => {
  let program: Program
  beforeAll(async () => {
    program = await bundledProgram()
    chmodSync(join(program.path, '..'), 0o755)
  })
  afterAll(() => program?.remove())

  const cluster = JSON.stringify({
    apiVersion: 'kpki/v1alpha1',
    kind: 'Cluster',
    metadata: { name: 'lab' },
    spec: {
      kubernetesVersion: 'v1.28.7',
      nodes: [{ name: 'cp1', role: 'control-plane', address: '172.31.10.5' }],
      pki: { keyAlgorithm: 'ECDSA-P256' },
    },
  })
  const gen = (out: string, more: { uid?: number; umask?: string } = {}) =>
    program.run(['gen', '-f', '-', '-o', out], { input: cluster, ...more })

  it('with umask 0 lets nobody else read a secret', async () => {
    using folder = scratch()
    const out = join(folder.path, 'out')
    expect((await gen(out, { umask: '0' })).code).toBe(0)
    const secrets = everything(out).filter(
      (path) => path.startsWith('authorities/') || /\.(key|conf)$|manifests\//.test(path),
    )
    expect(secrets).toEqual(
      expect.arrayContaining([
        'authorities/ca.key',
        'authorities/etcd/ca.key',
        'nodes/cp1/etc/kubernetes/pki/sa.key',
        'nodes/cp1/etc/kubernetes/admin.conf',
        'nodes/cp1/etc/kubernetes/manifests/etcd.yaml',
        'nodes/cp1/var/lib/kubelet/pki/kubelet.key',
        'kubeconfig/admin.conf',
      ]),
    )
    for (const path of secrets) {
      const found = lstatSync(join(out, path))
      const allowed = found.isDirectory() ? '700' : '600'
      expect((found.mode & 0o777).toString(8), path).toBe(allowed)
    }
    for (const path of ['', 'nodes', 'nodes/cp1', 'kubeconfig'])
      expect(mode(join(out, path)), path).toBe('700')
  })

  it('removes whatever killed runs left, and nothing else', async () => {
    using folder = scratch()
    const out = join(folder.path, 'out')
    expect((await gen(out)).code).toBe(0)
    const before = everything(out).sort()
    const left = [
      '.cluster.yaml.kpki-tmp',
      '.kpki.lock.4194305.0123456789abcdef',
      'authorities/etcd/.ca.key.kpki-tmp',
      'nodes/gone/etc/kubernetes/pki/.apiserver.key.kpki-tmp',
      'kubeconfig/.jane.conf.kpki-tmp',
    ]
    const kept = ['mine/.a.kpki-tmp', 'nodes/gone/etc/motd']
    for (const path of [...left, ...kept]) {
      mkdirSync(join(out, path, '..'), { recursive: true })
      writeFileSync(join(out, path), 'x')
    }
    const outside = join(folder.path, 'outside')
    mkdirSync(outside)
    writeFileSync(join(outside, '.a.kpki-tmp'), 'x')
    symlinkSync(outside, join(out, 'nodes/link'))
    expect((await gen(out)).code).toBe(0)
    for (const path of left) expect(existsSync(join(out, path)), path).toBe(false)
    for (const path of [...kept, ...before]) expect(existsSync(join(out, path)), path).toBe(true)
    expect(everything(outside)).toEqual(['.a.kpki-tmp'])
  })

  it('says in one line that it cannot be made, below /proc too', async () => {
    const { code, err } = await gen('/proc/kpki/out')
    expect(err).toMatch(/^kpki: error: \/proc\/kpki.*\nkpki: hint: choose a folder .*\n$/)
    expect(code).toBe(3)
  })

  it.each(['nodes', 'authorities', 'kubeconfig', 'nodes/cp1'])(
    'follows no link at %s',
    async (place) => {
      using folder = scratch()
      const out = join(folder.path, 'out')
      const outside = join(folder.path, 'outside')
      mkdirSync(join(out, place, '..'), { recursive: true })
      mkdirSync(outside)
      symlinkSync(outside, join(out, place))
      const { code, err } = await gen(out)
      expect(err).toMatch(/^kpki: error: .*links are not followed here\nkpki: hint: /)
      expect(code).toBe(2)
      expect(everything(outside)).toEqual([])
      expect(existsSync(join(out, 'cluster.yaml')), 'cluster.yaml').toBe(false)
    },
  )

  it.skipIf(skipUnless(isRoot, 'a folder of somebody else', 'root, to be somebody else'))(
    'that it may not write to says so and ends with 3',
    async () => {
      using folder = scratch()
      const out = join(folder.path, 'out')
      mkdirSync(out)
      chmodSync(folder.path, 0o755)
      for (const target of [out, join(out, 'deeper')]) {
        const { code, err } = await gen(target, { uid: NOBODY })
        expect(err).toMatch(/^kpki: error: .*out.*\nkpki: hint: choose a folder that you may write/)
        expect(err.split('\n')).toHaveLength(3)
        expect(code).toBe(3)
      }
    },
  )
})
