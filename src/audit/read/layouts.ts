import { type Files, KUBERNETES_DIR } from '../../certs/paths.js'
import { AUTHORITIES, type AuthorityId, LEAVES, type LeafId } from '../../certs/table.js'
import type { FileTree } from '../../files/tree.js'
import {
  type ComponentName,
  defaultFlags,
  FLAGS,
  type FlagFile,
  partOf,
  pathOf,
} from '../../manifests/flags.js'
import type { Flags } from '../../values/command-line.js'
import { once } from '../../values/once.js'
import { cleanPath, onNode } from '../../values/paths.js'
import type { Launch, NodeEvidence } from './evidence.js'
import { KUBEADM, LAYOUTS, type Layout, UNRECOGNISED } from './layout-table.js'
import { pairsBeside } from './pairs.js'
import { fileOn, followLinks } from './paths.js'

/** Names of the layouts that are recognised. */
export const LAYOUT_IDS: readonly string[] = [...new Set(LAYOUTS.map(({ id }) => id))]

/** The layout of a node's tree, and its certificate directory. */
export interface FoundLayout {
  readonly layout: Layout
  readonly pki: string
}

/**
 * The first layout of which the tree has a file that no other has, else the first in whose folders it has any.
 * `certificatesDir` of a kubeadm configuration wins over kubeadm's usual place; `told` is the id of a layout that the
 * content of a file has told.
 */
export function layoutOf(tree: FileTree, certificatesDir?: string, told?: string): FoundLayout {
  for (const layout of LAYOUTS)
    for (const pki of layout.pki)
      if (isSigned(tree, layout, pki)) return { layout, pki: followLinks(tree, pki) ?? pki }
  if (certificatesDir !== undefined) return { layout: KUBEADM, pki: certificatesDir }
  if (told === undefined)
    for (const layout of LAYOUTS) {
      if (!layout.homes.some((home) => holdsBelow(tree, home))) continue
      const found = layout.pki.find((pki) => holdsBelow(tree, pki)) ?? layout.pki[0] ?? ''
      return { layout, pki: followLinks(tree, found) ?? found }
    }
  return { layout: LAYOUTS.find(({ id }) => id === told) ?? UNRECOGNISED, pki: '' }
}

// A kubelet's files lie on every node: they tell its layout only where nothing else does.
function isSigned(tree: FileTree, layout: Layout, pki: string): boolean {
  if (layout.id === 'kubelet') return false
  const below = pki === '' ? '' : `${pki}/`
  return (
    [...layout.signs, ...(layout.commonSigns ?? [])].some((sign) =>
      hasSign(tree, `${below}${sign}`),
    ) || layout.marks?.some((mark) => fileOn(tree, mark)) === true
  )
}

function hasSign(tree: FileTree, sign: string): boolean {
  if (!sign.includes('*')) return fileOn(tree, sign) !== undefined
  const pattern = patternOf(sign)
  for (const path of tree.keys()) if (pattern.test(path)) return true
  return false
}

function holdsBelow(tree: FileTree, folder: string): boolean {
  for (const [path, { kind }] of tree)
    if (kind !== 'directory' && path.startsWith(`${folder}/`)) return true
  return false
}

const escaped = (text: string) =>
  text.replace(/[.+?^${}()|[\]\\]/g, '\\$&').replaceAll('*', '[^/]+')

/** A path in which `*` stands for one name, as an expression for the whole path. */
function patternOf(path: string): RegExp {
  return new RegExp(`^${escaped(path)}$`)
}

/** A sign of a layout, and where on a node the folder lies that has it (with a final slash). */
export type PlaceSign = readonly [sign: RegExp, place: string]

/**
 * By which paths a tree is taken for a node's root (`''`), or for a folder that lies at a known place below it: every
 * row's signs, from whatever folder between root and certificates they are given.
 */
export const PLACES: readonly PlaceSign[] = [
  [new RegExp(`^(${ownFolders().map(escaped).join('|')})(/|$)`), ''],
  [
    new RegExp(`^(manifests/(kube-|etcd)[^/]*\\.(ya?ml|manifest)|${kubeconfigs()})$`),
    `${KUBERNETES_DIR}/`,
  ],
  [
    /^kube-(apiserver|controller-manager|scheduler)\.(ya?ml|manifest)$/,
    `${KUBERNETES_DIR}/manifests/`,
  ],
  ...LAYOUTS.flatMap((layout) => layout.pki.flatMap((pki) => placesOf(layout, pki))),
]

function ownFolders(): readonly string[] {
  return withoutNested(
    LAYOUTS.flatMap(({ homes, marks = [], folders = [] }) => [...homes, ...marks, ...folders]),
  )
}

function kubeconfigs(): string {
  const names = Object.values(LEAVES).flatMap(({ place }) =>
    place.kind === 'kubeconfig' ? [escaped(place.file)] : [],
  )
  return names.join('|')
}

function placesOf({ signs, commonSigns = [] }: Layout, pki: string): readonly PlaceSign[] {
  const parts = pki === '' ? [] : pki.split('/')
  const joined = (some: readonly string[]) => some.map((part) => `${part}/`).join('')
  return parts.flatMap((_, index) => {
    const [place, rest] = [joined(parts.slice(0, index + 1)), joined(parts.slice(index + 1))]
    const names = rest === '' ? signs : [...signs, ...commonSigns]
    const anyOf = names.map(escaped).join('|')
    return names.length === 0 ? [] : [[new RegExp(`^${escaped(rest)}(${anyOf})$`), place] as const]
  })
}

// Some homes hold images and databases too: of those only what lies in named folders is read.
function withoutNested(folders: readonly string[]): readonly string[] {
  const all = [...new Set(folders)]
  return all.filter((one) => !all.some((other) => one.startsWith(`${other}/`)))
}

/** Absolute path of a file in a layout. */
export function layoutPath(
  { layout, pki }: FoundLayout,
  file: FlagFile,
  part: keyof Files = 'certificate',
): string {
  const name = layout.files?.[file]
  if (name === undefined) return pathOf({ certificatesDir: pki }, file, part)
  const own = part === 'key' ? layout.keyOf(name) : name
  return cleanPath(own.startsWith('/') ? own : `/${pki}/${own}`)
}

/** Absolute paths of a certificate and its key where the layout of a node has them. */
export function layoutFiles(node: NodeEvidence, id: LeafId): Files | undefined {
  const pki = node.pkiDirectory
  const found = LAYOUTS.find(
    (layout) =>
      layout.id === node.layout && node.pems.has(layoutPath({ layout, pki }, id).slice(1)),
  )
  return (
    found && {
      certificate: layoutPath({ layout: found, pki }, id),
      key: layoutPath({ layout: found, pki }, id, 'key'),
    }
  )
}

const CONTROL_PLANE: readonly ComponentName[] = [
  'etcd',
  'kube-apiserver',
  'kube-controller-manager',
  'kube-scheduler',
]

/** What the certificate table calls the file at a path of a node, certificate or key; undefined for others. */
export function certificateAt(node: NodeEvidence, path: string): FlagFile | undefined {
  return namedFiles(node).get(onNode(path))
}

const namedFiles = once((node: NodeEvidence): ReadonlyMap<string, FlagFile> => {
  const names = new Map<string, FlagFile>()
  const rows = [...LAYOUTS, UNRECOGNISED].filter(({ id }) => id === node.layout)
  for (const layout of rows)
    for (const file of NAMED_FILES)
      for (const part of ['certificate', 'key'] as const) {
        const path = layoutPath({ layout, pki: node.pkiDirectory }, file, part)
        if (!names.has(path)) names.set(path, file)
      }
  return names
})

const NAMED_FILES = [
  ...(Object.keys(LEAVES) as LeafId[]),
  ...(Object.keys(AUTHORITIES) as AuthorityId[]),
  'sa.key',
  'sa.pub',
] as const

/** The pair that a file of a node belongs to by its name, as certificate or as key. */
export function pairAt(node: NodeEvidence, path: string): Files | undefined {
  return pairsByFile(node).get(path)
}

const pairsByFile = once(
  ({ pems }: NodeEvidence): ReadonlyMap<string, Files> =>
    new Map(
      pairsBeside(pems).flatMap(({ pem, key }) => {
        const files = { certificate: pem.place.path, key: key.place.path }
        return [[files.key, files] as const, [files.certificate, files] as const]
      }),
    ),
)

/** Which certificates, keys and kubeconfigs a tree has, by path. */
type FileNames = Pick<ReadonlySet<string>, 'has'>

/** Where no manifest says how a component is started, its certificates do: kubeadm's flags are assumed. */
export function withDefaults(
  node: string,
  real: readonly Launch[],
  found: FoundLayout,
  files: FileNames,
): readonly Launch[] {
  if (found.layout.assumes === 'nothing') return real
  if (real.some(({ component }) => CONTROL_PLANE.includes(component))) return real
  const has = (id: LeafId) => files.has(layoutPath(found, id).slice(1))
  const assumed = CONTROL_PLANE.filter((component) =>
    has(component === 'etcd' ? 'etcd-server' : 'apiserver'),
  )
  const launches = assumed.map((component) => ({
    node,
    component,
    source: 'default' as const,
    flags: assumedFlags(found, component, files),
    probes: [],
  }))
  return [...launches, ...real]
}

/** What reports say of a node's layout. */
export function layoutFacts({
  name: node,
  layout,
  owner,
  standsAlone: alone,
  launches,
}: NodeEvidence) {
  const name = LAYOUTS.find(({ id }) => id === layout)?.name ?? UNRECOGNISED.name
  const assumed = launches.flatMap(({ source, component }) =>
    source === 'default' ? [component] : [],
  )
  return { node, layout, name, owner, alone, assumed }
}

const ETCD_URL = 'https://127.0.0.1:2379'

/**
 * The flags that a component has where the layout is all that is known: kubeadm's, with this layout's paths. One
 * that is only assumed is dropped where its file is absent: external etcd, offline CA keys, and everything of
 * layouts whose flags are known less well than kubeadm's.
 */
export function assumedFlags(
  found: FoundLayout,
  component: ComponentName,
  files: FileNames,
  table = FLAGS,
): Flags {
  const { layout, pki } = found
  const isKubeadm = layout.id === 'kubeadm'
  const has = (path: string) => files.has(path.slice(1))
  const hasPair = (id: LeafId) => has(layoutPath(found, id)) && has(layoutPath(found, id, 'key'))
  const isLocal = hasPair('apiserver-etcd-client')
  const flags = defaultFlags(
    component,
    (row) => {
      const own = layout.flags?.[row.flag]
      if (row.file === undefined) return own ?? row.value
      const path = own === undefined ? layoutPath(found, row.file, partOf(row)) : `/${pki}/${own}`
      if (row.external !== undefined && !isLocal) return undefined
      const isOptional = !isKubeadm || row.external !== undefined || row.online
      return isOptional && !has(path) ? undefined : path
    },
    table,
  )
  const urls = {
    ...(component === 'kube-apiserver' && isLocal && { 'etcd-servers': ETCD_URL }),
    ...(component === 'etcd' &&
      (isKubeadm || hasPair('etcd-server')) && { 'listen-client-urls': ETCD_URL }),
  }
  return new Map(Object.entries({ ...flags, ...urls }).map(([name, value]) => [name, [value]]))
}

/** What says everything about a node's certificates, relative to its root directory. */
export const NODE_FOLDERS: readonly string[] = withoutNested([
  KUBERNETES_DIR,
  ...LAYOUTS.flatMap(({ pki, folders = [] }) => [...pki, ...folders]).filter(
    (folder) => folder !== '' && !folder.startsWith('.'),
  ),
])
