import { createHash } from 'node:crypto'
import {
  chmodSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  utimesSync,
  writeFileSync,
} from 'node:fs'
import { basename, dirname, join } from 'node:path'
import type { DiskChange } from '../files/recorder.js'

/** What a folder holds, by path below it: the folder itself has the empty path. */
export type Snapshot = ReadonlyMap<string, Held>

export interface Held {
  readonly mode: number
  /** Undefined: a folder. */
  readonly data?: Buffer
}

export function snapshotOf(folder: string): Snapshot {
  const held = new Map<string, Held>()
  const visit = (path: string): void => {
    const full = join(folder, path)
    const stat = lstatSync(full)
    const mode = stat.mode & 0o777
    if (!stat.isDirectory()) held.set(path, { mode, data: readFileSync(full) })
    else {
      held.set(path, { mode })
      for (const name of readdirSync(full).sort()) visit(join(path, name))
    }
  }
  visit('')
  return held
}

/** When everything that is laid down was last changed. */
const MODIFIED = new Date('2026-01-01T00:00:00Z')

/** Makes that folder, which must not be there. */
export function layDown(snapshot: Snapshot, folder: string): void {
  for (const [path, { mode, data }] of snapshot) {
    const full = join(folder, path)
    if (data === undefined) mkdirSync(full)
    else {
      writeFileSync(full, data)
      utimesSync(full, MODIFIED, MODIFIED)
    }
    chmodSync(full, mode)
  }
}

const digests = new WeakMap<Buffer, string>()

/** The same for equal folders. */
export function fingerprint(snapshot: Snapshot): string {
  const all = createHash('sha256')
  for (const [path, { mode, data }] of [...snapshot].sort(([a], [b]) => (a < b ? -1 : 1))) {
    let digest = data && digests.get(data)
    if (data && digest === undefined) {
      digest = createHash('sha256').update(data).digest('hex')
      digests.set(data, digest)
    }
    all.update(`${path}\0${mode}\0${digest ?? 'folder'}\0`)
  }
  return all.digest('hex')
}

interface Node {
  mode: number
  /** Undefined: a folder. */
  data?: Buffer
  readonly names: Map<string, number>
}

/** What a change does to one file or folder: what a disk can keep or lose of it. */
type Effect = { readonly node: number; readonly time: number } & (
  | {
      readonly kind: 'names'
      readonly sets: readonly (readonly [name: string, node: number | undefined])[]
    }
  | { readonly kind: 'data'; readonly at: number; readonly data: Buffer }
  | { readonly kind: 'cut' }
  | { readonly kind: 'mode'; readonly mode: number }
)

/** What became of an effect that nothing had made lasting. Only of data can a part be there. */
export type Fate = 'kept' | 'lost' | 'half' | 'short' | 'zeros'

/** A run's changes of one folder, and every state in which that folder can be found if the run is cut off. */
export interface Recording {
  readonly changes: readonly DiskChange[]
  /** After so many changes, none of them lost. */
  readonly after: (count: number) => Snapshot
  /** The last of so many changes is a write of which only a part was done; undefined where it is no write. */
  readonly halfWritten: (count: number, fate: Fate) => Snapshot | undefined
  /** After so many changes and a power cut: `fate` decides over all that was not made lasting. */
  readonly cut: (count: number, fate: (time: number, kind: EffectKind) => Fate) => Snapshot
  /** Which changes have effects that a power cut after `from` up to `to` changes can lose; `from` includes theirs. */
  readonly unsafe: readonly Unsafe[]
}

type EffectKind = Effect['kind']

export interface Unsafe {
  readonly time: number
  readonly from: number
  readonly to: number
}

/**
 * A POSIX disk: content and modes of a file are lasting after its fsync, names after that of their folder; until then
 * each may be there or not, whatever was done before or after it. Two changes of one thing keep their order, and a
 * rename is whole.
 */
export function recording(
  folder: string,
  before: Snapshot,
  changes: readonly DiskChange[],
): Recording {
  const nodes: Node[] = []
  const add = (mode: number, data?: Buffer): number => {
    nodes.push({ mode, names: new Map(), ...(data && { data }) })
    return nodes.length - 1
  }
  const at = (names: ReadonlyMap<number, ReadonlyMap<string, number>>, path: string): number => {
    let node = 0
    for (const name of path.split('/').filter((part) => part !== '')) {
      const next = names.get(node)?.get(name)
      if (next === undefined) throw new Error(`${path} is not there`)
      node = next
    }
    return node
  }
  const initial = new Map<number, Map<string, number>>()
  for (const [path, { mode, data }] of before) {
    const node = add(mode, data)
    initial.set(node, new Map())
    if (path !== '') initial.get(at(initial, parent(path)))?.set(basename(path), node)
  }

  // As it went: which file or folder each change met.
  const names = new Map([...initial].map(([node, map]) => [node, new Map(map)]))
  const opened = new Map<number, number>()
  const effects: Effect[] = []
  const lasting: { readonly node: number; readonly since: number; readonly time: number }[] = []
  const isBelow = (path: string): boolean => path === folder || path.startsWith(`${folder}/`)
  const below = (path: string): string => {
    if (!isBelow(path)) throw new Error(`${path} is outside`)
    return path.slice(folder.length + 1)
  }
  const set = (time: number, path: string, node: number | undefined): void => {
    const home = at(names, parent(path))
    const name = basename(path)
    effects.push({ kind: 'names', node: home, time, sets: [[name, node]] })
    if (node === undefined) names.get(home)?.delete(name)
    else names.get(home)?.set(name, node)
  }
  const handle = (number: number): number => {
    const node = opened.get(number)
    if (node === undefined) throw new Error('written to outside')
    return node
  }
  changes.forEach((change, time) => {
    switch (change.kind) {
      case 'open': {
        // What is only read may lie anywhere.
        if (change.mode < 0 && !isBelow(change.path)) break
        const path = below(change.path)
        if (change.mode >= 0) {
          const node = add(change.mode, Buffer.alloc(0))
          set(time, path, node)
        }
        opened.set(change.opened, at(names, path))
        break
      }
      case 'write':
        effects.push({ ...change, kind: 'data', node: handle(change.opened), time })
        break
      case 'truncate':
        effects.push({ kind: 'cut', node: handle(change.opened), time })
        break
      case 'chmod': {
        const node = typeof change.of === 'number' ? handle(change.of) : at(names, below(change.of))
        effects.push({ kind: 'mode', node, time, mode: change.mode })
        break
      }
      case 'sync':
        lasting.push({ node: handle(change.opened), since: change.since, time })
        break
      case 'mkdir': {
        const node = add(change.mode)
        names.set(node, new Map())
        set(time, below(change.path), node)
        break
      }
      case 'rename': {
        const [from, to] = [below(change.path), below(change.to)]
        const home = at(names, parent(from))
        if (at(names, parent(to)) !== home) throw new Error('the model renames within a folder')
        const node = at(names, from)
        const sets = [
          [basename(from), undefined],
          [basename(to), node],
        ] as const
        effects.push({ kind: 'names', node: home, time, sets })
        names.get(home)?.delete(basename(from))
        names.get(home)?.set(basename(to), node)
        break
      }
      case 'link':
        set(time, below(change.to), at(names, below(change.path)))
        break
      case 'unlink':
      case 'rmdir':
        set(time, below(change.path), undefined)
        break
    }
  })

  /** Which change made an effect last; undefined: none did. */
  const lastingAt = ({ node, time }: Effect): number | undefined =>
    lasting.find((sync) => sync.node === node && sync.since > time)?.time
  const isLasting = (effect: Effect, count: number): boolean =>
    (lastingAt(effect) ?? changes.length) < count

  const state = (count: number, fate: (effect: Effect) => Fate): Snapshot => {
    const found = nodes.map(({ mode, data }, node): Node => {
      const copy = new Map(initial.get(node))
      return { mode, names: copy, ...(data && { data }) }
    })
    for (const effect of effects) {
      if (effect.time >= count) break
      const met = fate(effect)
      const node = found[effect.node]
      if (met === 'lost' || node === undefined) continue
      if (effect.kind === 'mode') node.mode = effect.mode
      else if (effect.kind === 'cut') node.data = Buffer.alloc(0)
      else if (effect.kind === 'data') node.data = written(node.data, effect.at, effect.data, met)
      else
        for (const [name, child] of effect.sets)
          if (child === undefined) node.names.delete(name)
          else node.names.set(name, child)
    }
    return flat(found)
  }
  return {
    changes,
    after: (count) => state(count, () => 'kept'),
    halfWritten: (count, met) =>
      changes[count - 1]?.kind === 'write'
        ? state(count, ({ time }) => (time === count - 1 ? met : 'kept'))
        : undefined,
    cut: (count, fate) =>
      state(count, (effect) =>
        isLasting(effect, count) ? 'kept' : fate(effect.time, effect.kind),
      ),
    unsafe: effects.map((effect) => ({
      time: effect.time,
      from: effect.time + 1,
      to: lastingAt(effect) ?? changes.length,
    })),
  }
}

function parent(path: string): string {
  const folder = dirname(path)
  return folder === '.' ? '' : folder
}

function written(old: Buffer = Buffer.alloc(0), at: number, data: Buffer, fate: Fate): Buffer {
  if (at === 0 && old.length <= data.length && fate === 'kept') return data
  const part =
    fate === 'half'
      ? data.subarray(0, data.length >> 1)
      : fate === 'short'
        ? data.subarray(0, -1)
        : fate === 'zeros'
          ? Buffer.alloc(data.length)
          : data
  const all = Buffer.alloc(Math.max(old.length, at + part.length))
  old.copy(all)
  part.copy(all, at)
  return all
}

function flat(nodes: readonly Node[]): Snapshot {
  const held = new Map<string, Held>()
  const visit = (path: string, number: number): void => {
    const node = nodes[number]
    if (node === undefined) return
    const { mode, data, names } = node
    held.set(path, { mode, ...(data && { data }) })
    for (const [name, child] of names) visit(path === '' ? name : `${path}/${name}`, child)
  }
  visit('', 0)
  return held
}
