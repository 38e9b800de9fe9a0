import { textOf as contentOf, type FileTree } from '../../files/tree.js'
import { COMPONENT_NAMES, type ComponentName } from '../../manifests/flags.js'
import {
  type Flags,
  flagOf,
  mergeFlags,
  NO_FLAGS,
  parseFlags,
  splitWords,
} from '../../values/command-line.js'
import {
  at,
  filled,
  isObject,
  type Json,
  type JsonObject,
  listOf,
  scalarText,
  textsOf,
} from '../../values/json.js'
import { pathInTree } from '../../values/paths.js'
import { compareText } from '../../values/text.js'
import { readDocument } from './documents.js'
import type { Launch, ProbeFacts, VolumeMount } from './evidence.js'
import { fileOn, isCovered, locate } from './paths.js'

function componentOf(name: string | undefined): ComponentName | undefined {
  const base = name?.split('/').at(-1)
  return COMPONENT_NAMES.find((component) => component === base)
}

/** Directories whose files a kubelet runs as static pods, besides the configured one. */
const POD_DIRECTORIES = [
  'etc/kubernetes/manifests',
  'etc/kubernetes/manifest',
  'var/lib/rancher/rke2/agent/pod-manifests',
]

/** A file of a directory whose files the kubelet runs, as it reads it: whatever its ending, hidden ones left out. */
export interface StaticPodFile {
  readonly path: string
  /** Undefined: it is no Pod, and the kubelet passes it over. */
  readonly pod?: JsonObject
}

/** Every file that a kubelet takes for a static pod, in its order. */
export function staticPodFiles(tree: FileTree, podDirectory?: string): readonly StaticPodFile[] {
  const directories = podDirectories(podDirectory)
  return [...tree]
    .flatMap(([path, entry]): readonly StaticPodFile[] => {
      if (entry.kind !== 'file' || !isPodFile(path, directories)) return []
      const { value } = readDocument(contentOf(entry))
      return [isObject(value) && at(value, 'kind') === 'Pod' ? { path, pod: value } : { path }]
    })
    .sort((a, b) => compareText(a.path, b.path))
}

function podDirectories(configured: string | undefined): ReadonlySet<string> {
  const own = configured === undefined ? undefined : pathInTree(configured)
  return new Set([...POD_DIRECTORIES, ...(own ? [own] : [])])
}

function isPodFile(path: string, directories: ReadonlySet<string>): boolean {
  const cut = path.lastIndexOf('/')
  return directories.has(path.slice(0, cut)) && !path.startsWith('.', cut + 1)
}

/** Whether every flag of a component was seen: one that was not is not given. */
export function isWholeCommand({ source, unseenFlags }: Launch): boolean {
  return source !== 'default' && unseenFlags === undefined
}

/** Every static pod and systemd unit of a node that starts a component. Never throws. */
export function readLaunches(
  node: string,
  tree: FileTree,
  podDirectory?: string,
): readonly Launch[] {
  const directories = podDirectories(podDirectory)
  const launches: Launch[] = []
  for (const [path, entry] of tree) {
    if (entry.kind !== 'file') continue
    if (isPodFile(path, directories)) {
      const launch = staticPod(node, path, contentOf(entry))
      if (launch) launches.push(launch)
    } else if (/(^|\/)systemd\/system\/[^/]+\.service$/.test(path)) {
      const launch = unit(node, tree, path, contentOf(entry))
      if (launch) launches.push(launch)
    }
  }
  const found = launches
    .map((launch) => configured(tree, launch))
    .sort((a, b) => order(a) - order(b) || compareText(a.path ?? '', b.path ?? ''))
  // The kubelet keeps one pod of each name: of several files the last.
  const last = new Map(found.map((one) => [one.document ? podName(one.document) : one, one]))
  return found.filter((one) => !one.document || last.get(podName(one.document)) === one)
}

/** Namespace and name. */
export function podName(pod: JsonObject): string {
  const part = (key: string) => scalarText(at(pod, 'metadata', key)) ?? ''
  return `${part('namespace') || 'default'}/${part('name')}`
}

/** etcd with `--config-file` passes over every other flag and variable; sections of the file give flags a prefix. */
function configured(tree: FileTree, launch: Launch): Launch {
  const path = launch.component === 'etcd' ? flagOf(launch.flags, 'config-file') : undefined
  if (path === undefined) return launch
  const located = locate(launch, path)
  const entry = 'path' in located ? fileOn(tree, located.path) : undefined
  const { value } = entry ? readDocument(contentOf(entry)) : {}
  if (!isObject(value)) return { ...launch, unseenFlags: path }
  const flags = new Map<string, readonly string[]>()
  for (const [section, prefix] of ETCD_SECTIONS)
    for (const [name, one] of Object.entries(section === '' ? value : objectAt(value, section))) {
      const text = scalarText(one)
      if (text !== undefined) flags.set(`${prefix}${name}`, [text])
    }
  return { ...launch, flags }
}

/** Sections of etcd’s configuration file, and what the flags of the same meaning begin with. */
const ETCD_SECTIONS = [
  ['', ''],
  ['client-transport-security', ''],
  ['peer-transport-security', 'peer-'],
] as const

function objectAt(value: JsonObject, key: string): JsonObject {
  const inner = at(value, key)
  return isObject(inner) ? inner : {}
}

function order({ component }: Launch): number {
  return COMPONENT_NAMES.indexOf(component)
}

function staticPod(node: string, path: string, text: string): Launch | undefined {
  const { value, failure } = readDocument(text)
  const base = { node, source: 'static-pod', path, flags: NO_FLAGS, probes: [] } as const
  if (failure || !isObject(value)) {
    const component = componentOf(nameOfFile(path))
    const empty = { message: 'the manifest is empty' }
    return component && { ...base, component, failure: failure ?? empty }
  }
  if (at(value, 'kind') !== 'Pod') {
    const component = componentOf(nameOfFile(path))
    const kind = scalarText(at(value, 'kind')) ?? 'nothing that has a kind'
    const message = `it is ${kind}, and the kubelet runs a Pod only`
    return component && { ...base, component, failure: { message } }
  }
  const containers = listOf(at(value, 'spec', 'containers'))
  for (const container of containers) {
    const words = commandOf(container)
    const binary = words.findIndex((word) => componentOf(word) !== undefined)
    const component = componentOf(words[binary]) ?? labelled(value, containers, container)
    if (component) {
      const message = podProblem(value, container)
      return {
        ...base,
        ...podOf(value, container, words.slice(binary + 1)),
        component,
        ...(message !== undefined && { failure: { message } }),
      }
    }
  }
  return undefined
}

const nameOfFile = (path: string) => (path.split('/').at(-1) ?? '').replace(/\.(ya?ml|json)$/, '')

/** Why the kubelet refuses a pod, or its container does not start. */
function podProblem(pod: JsonObject, container: Json): string | undefined {
  const volumes = new Set(
    listOf(at(pod, 'spec', 'volumes')).map((one) => scalarText(at(one, 'name'))),
  )
  const lost = listOf(at(container, 'volumeMounts')).find(
    (mount) => !volumes.has(scalarText(at(mount, 'name'))),
  )
  if (lost)
    return `it mounts the volume ${JSON.stringify(at(lost, 'name') ?? '')}, which it does not have`
  const [program = ''] = textsOf(at(container, 'command'))
  const [image] = (scalarText(at(container, 'image')) ?? '').split('/').at(-1)?.split(/[:@]/) ?? []
  const isBare = program !== '' && !program.includes('/') && !/^(ba|da)?sh$/.test(program)
  return isBare && componentOf(image) !== undefined && componentOf(program) === undefined
    ? `it runs ${JSON.stringify(program)}, which the image of ${image} does not have`
    : undefined
}

function labelled(pod: JsonObject, all: readonly Json[], one: Json): ComponentName | undefined {
  if (all[0] !== one) return undefined
  const label = scalarText(at(pod, 'metadata', 'labels', 'component'))
  return componentOf(label) ?? componentOf(scalarText(at(pod, 'metadata', 'name')))
}

/** Command and arguments; `sh -c "exec etcd …"` is looked into. */
function commandOf(container: Json): readonly string[] {
  const words = [...textsOf(at(container, 'command')), ...textsOf(at(container, 'args'))]
  const isShell = /(^|\/)(ba|da)?sh$/.test(words[0] ?? '')
  return isShell ? words.flatMap((word) => splitWords(word)) : words
}

function podOf(pod: JsonObject, container: Json, words: readonly string[]) {
  const image = filled(at(container, 'image'))
  const version = image === undefined ? undefined : versionOf(image)
  const runAsUser =
    at(container, 'securityContext', 'runAsUser') ?? at(pod, 'spec', 'securityContext', 'runAsUser')
  const environment = listOf(at(container, 'env')).map(
    (item) => [scalarText(at(item, 'name')) ?? '', scalarText(at(item, 'value')) ?? ''] as const,
  )
  return {
    flags: mergeFlags(environmentFlags(environment), parseFlags(words)),
    environment: new Map(environment),
    mounts: mountsOf(pod, container),
    probes: probesOf(container),
    ...(image !== undefined && { image }),
    ...(version !== undefined && { version }),
    ...(typeof runAsUser === 'number' && { runAsUser }),
    document: pod,
  }
}

function versionOf(image: string): string | undefined {
  return /^[^:]*:v?(\d+\.\d+\.\d+)/.exec(image.slice(image.lastIndexOf('/') + 1))?.[1]
}

// etcd takes every flag from the environment too: ETCD_CERT_FILE is --cert-file.
function environmentFlags(pairs: readonly (readonly [string, string])[]): Flags {
  const flags = new Map<string, readonly string[]>()
  for (const [name, value] of pairs) {
    const match = /^ETCD_([A-Z0-9_]+)$/.exec(name)
    if (match?.[1]) flags.set(match[1].toLowerCase().replaceAll('_', '-'), [value])
  }
  return flags
}

function mountsOf(pod: JsonObject, container: Json): readonly VolumeMount[] {
  const volumes = new Map(
    listOf(at(pod, 'spec', 'volumes')).map((volume) => [scalarText(at(volume, 'name')), volume]),
  )
  return listOf(at(container, 'volumeMounts')).map((mount) => {
    const volume = volumes.get(scalarText(at(mount, 'name')))
    const hostPath = filled(at(volume, 'hostPath', 'path'))
    const below = filled(at(mount, 'subPath'))
    return {
      mountPath: `/${pathInTree(scalarText(at(mount, 'mountPath')) ?? '') ?? ''}`,
      ...(hostPath !== undefined && { hostPath: below ? `${hostPath}/${below}` : hostPath }),
      readOnly: at(mount, 'readOnly') === true,
    }
  })
}

function probesOf(container: Json): readonly ProbeFacts[] {
  return (['startup', 'liveness', 'readiness'] as const).flatMap((kind) => {
    const get = at(container, `${kind}Probe`, 'httpGet')
    if (!isObject(get)) return []
    const host = filled(at(get, 'host'))
    const port = at(get, 'port')
    return [
      {
        kind,
        scheme: at(get, 'scheme') === 'HTTPS' ? ('HTTPS' as const) : ('HTTP' as const),
        ...(host !== undefined && { host }),
        port: typeof port === 'number' ? port : portOf(container, scalarText(port) ?? ''),
        path: scalarText(at(get, 'path')) ?? '/',
      },
    ]
  })
}

function portOf(container: Json, name: string): number | string {
  const named = listOf(at(container, 'ports')).find((port) => at(port, 'name') === name)
  const number = at(named, 'containerPort')
  return typeof number === 'number' ? number : name
}

function unit(node: string, tree: FileTree, path: string, text: string): Launch | undefined {
  const lines = text.replaceAll('\\\n', ' ').split('\n')
  const values = (key: string) =>
    lines.flatMap((line) => (line.startsWith(`${key}=`) ? [line.slice(key.length + 1).trim()] : []))
  const command = splitWords((values('ExecStart').at(-1) ?? '').replace(/^[-@:+!]+/, ''))
  const component = componentOf(command[0])
  if (!component) return undefined
  const files = values('EnvironmentFile').map((file) => file.replace(/^-/, ''))
  const inline = values('Environment').flatMap((line) => splitWords(line).map(assignment))
  const pairs = [...inline, ...files.flatMap((file) => environmentFile(tree, file))]
  const words = expanded(command.slice(1), new Map(pairs))
  const unseenFlags = files.find((file) => !fileOn(tree, file) && !isCovered({ tree }, file))
  return {
    node,
    component,
    source: 'unit',
    path,
    flags: mergeFlags(environmentFlags(pairs), parseFlags(words)),
    environment: new Map(pairs),
    ...(unseenFlags !== undefined && { unseenFlags }),
    probes: [],
  }
}

/** As systemd.service(5) has it: a word `$NAME` becomes as many words as its value has, `${NAME}` stays one. */
function expanded(
  words: readonly string[],
  environment: ReadonlyMap<string, string>,
): readonly string[] {
  return words.flatMap((word) => {
    const alone = /^\$([A-Za-z_][A-Za-z0-9_]*)$/.exec(word)?.[1]
    if (alone !== undefined) return splitWords(environment.get(alone) ?? '')
    return word.replace(/\$\{([A-Za-z_][A-Za-z0-9_]*)\}/g, (_, name) => environment.get(name) ?? '')
  })
}

/** `NAME=value` lines of a file that systemd reads. */
export function environmentFile(
  tree: FileTree,
  path: string,
): readonly (readonly [string, string])[] {
  const entry = fileOn(tree, path)
  if (!entry) return []
  return contentOf(entry)
    .split('\n')
    .filter((line) => /^[ \t]*[A-Za-z_][A-Za-z0-9_]*=/.test(line))
    .map((line) => assignment(line.trim()))
    .map(([name, value]) => [name, unquoted(value)])
}

export function assignment(word: string): readonly [string, string] {
  const cut = word.indexOf('=')
  return cut < 0 ? [word, ''] : [word.slice(0, cut), word.slice(cut + 1)]
}

function unquoted(value: string): string {
  const quote = value[0]
  const isQuoted = (quote === '"' || quote === "'") && value.length > 1 && value.endsWith(quote)
  return isQuoted ? value.slice(1, -1) : value
}
