import { textOf as contentOf, type FileEntry, type FileTree } from '../../files/tree.js'
import { KUBELET_FIELDS } from '../../manifests/flags.js'
import { mergePatch } from '../../manifests/patches/json-patch.js'
import {
  type Flags,
  flagOf,
  mergeFlags,
  parseFlags,
  splitWords,
} from '../../values/command-line.js'
import { at, filled, isObject, scalarText } from '../../values/json.js'
import { pathInTree } from '../../values/paths.js'
import { compareText } from '../../values/text.js'
import type { DocumentReader } from './documents.js'
import type { KubeletFacts, Launch } from './evidence.js'
import { assignment, environmentFile } from './launch.js'
import { fileOn } from './paths.js'

const ENVIRONMENT_FILES = [
  'var/lib/kubelet/kubeadm-flags.env',
  'etc/default/kubelet',
  'etc/sysconfig/kubelet',
]
const CONFIGS = [
  'var/lib/kubelet/config.yaml',
  'etc/kubernetes/kubelet-config.yaml',
  'var/lib/kubelet/kubelet-config.yaml',
  // kOps gives the name of kubeadm's kubeconfig to its configuration.
  'var/lib/kubelet/kubelet.conf',
  'etc/kubernetes/kubelet/kubelet-config.json',
]
const KUBECONFIGS = ['etc/kubernetes/kubelet.conf', 'var/lib/kubelet/kubeconfig']
const BOOTSTRAP = 'etc/kubernetes/bootstrap-kubelet.conf'

/**
 * How the kubelet of a node is set up; undefined where nothing in the tree speaks of one. Where only its
 * kubeconfig is there, kubeadm's configuration is assumed, with `clientCa`.
 */
export function readKubelet(
  tree: FileTree,
  launches: readonly Launch[],
  clientCa: string,
  read: DocumentReader,
): KubeletFacts | undefined {
  const launch = launches.find(({ component }) => component === 'kubelet')
  const variables = [
    ...dropIns(tree),
    ...ENVIRONMENT_FILES.map((path) => ({ path, pairs: environmentFile(tree, path) })),
  ]
  const sources = [
    ...variables.map(({ path, pairs }) => ({ path, flags: flagsOf(pairs) })),
    ...(launch ? [{ path: launch.path ?? '', flags: launch.flags }] : []),
  ]
  const flags = mergeFlags(...sources.map((source) => source.flags))
  const named = flagOf(flags, 'config')
  const configPath = [named, ...CONFIGS].find((path) => path && fileOn(tree, path))
  const kubeconfigPath =
    flagOf(flags, 'kubeconfig') ??
    `/${KUBECONFIGS.find((path) => fileOn(tree, path)) ?? KUBECONFIGS[0]}`
  const bootstrapKubeconfigPath = flagOf(flags, 'bootstrap-kubeconfig') ?? `/${BOOTSTRAP}`
  const known = [kubeconfigPath, bootstrapKubeconfigPath].some((path) => fileOn(tree, path))
  if (!launch && configPath === undefined && !known) return undefined
  const entry = configPath === undefined ? undefined : fileOn(tree, configPath)
  const main = entry ? read(contentOf(entry)) : {}
  const over = configDropIns(tree, flagOf(flags, 'config-dir')).map((file) => ({
    path: file.path,
    ...read(contentOf(file)),
  }))
  const failure = main.failure ?? over.find((one) => one.failure)?.failure
  const value = over.reduce(
    (below, { value: more }) => (isObject(more) ? mergePatch(below, more) : below),
    main.value,
  )
  const given = [
    ...variables,
    { path: launch?.path ?? '', pairs: [...(launch?.environment ?? [])] },
  ].flatMap(({ path, pairs }) => pairs.map(([name, text]) => ({ path, name, value: text })))
  const setting = (flag: string, ...keys: readonly string[]) =>
    flagOf(flags, flag) ?? filled(at(value, ...(KUBELET_FIELDS.get(flag) ?? keys)))
  const isTrue = (text: string | undefined, otherwise: boolean) =>
    text === undefined ? otherwise : text === 'true'
  // A unit without flags has them from drop-ins, and one that names a configuration is configured by it.
  const assumed =
    configPath === undefined && (named !== undefined || !launch || launch.flags.size === 0)
  const configured = configPath !== undefined || assumed
  const clientCaFile = setting('client-ca-file') ?? (assumed ? clientCa : undefined)
  const tlsCertFile = setting('tls-cert-file')
  const tlsPrivateKeyFile = setting('tls-private-key-file')
  const hostnameOverride = flagOf(flags, 'hostname-override')
  return {
    ...(entry && { configPath: entry.path }),
    assumed,
    ...(isObject(value) && { config: value }),
    ...(failure && { failure }),
    dropIns: over.map(({ path }) => path),
    flags,
    flagPaths: new Map(
      sources.flatMap(({ path, flags: given }) => [...given.keys()].map((flag) => [flag, path])),
    ),
    environment: new Map(given.map(({ name, value: text }) => [name, text])),
    environmentPaths: new Map(given.map(({ name, path }) => [name, path])),
    ...(clientCaFile !== undefined && { clientCaFile }),
    ...(tlsCertFile !== undefined && { tlsCertFile }),
    ...(tlsPrivateKeyFile !== undefined && { tlsPrivateKeyFile }),
    serverTlsBootstrap: isTrue(setting('rotate-server-certificates'), false),
    rotateCertificates: isTrue(setting('rotate-certificates'), assumed),
    // A configuration file has safe defaults (anonymous off, Webhook); bare flags have not.
    anonymous: isTrue(setting('anonymous-auth'), !configured),
    authorizationMode: setting('authorization-mode') ?? (configured ? 'Webhook' : 'AlwaysAllow'),
    kubeconfigPath,
    bootstrapKubeconfigPath,
    staticPodPath: setting('pod-manifest-path', 'staticPodPath') ?? '/etc/kubernetes/manifests',
    port: Number(scalarText(setting('port', 'port')) ?? 10250) || 10250,
    ...(hostnameOverride !== undefined && { hostnameOverride }),
  }
}

function flagsOf(pairs: readonly (readonly [string, string])[]): Flags {
  return mergeFlags(...pairs.map(([, value]) => parseFlags(splitWords(value))))
}

/** `--config-dir`: every `.conf` below it is merged over the configuration, in the order of their paths. */
function configDropIns(tree: FileTree, directory: string | undefined): readonly FileEntry[] {
  const folder = directory === undefined ? undefined : pathInTree(directory)
  if (!folder) return []
  return [...tree.values()]
    .flatMap((entry) =>
      entry.kind === 'file' && entry.path.startsWith(`${folder}/`) && entry.path.endsWith('.conf')
        ? [entry]
        : [],
    )
    .sort((a, b) => compareText(a.path, b.path))
}

/** What systemd's drop-ins of the kubelet's unit set, by file. */
function dropIns(tree: FileTree) {
  return [...tree].flatMap(([path, entry]) => {
    if (entry.kind !== 'file' || !/kubelet\.service\.d\/[^/]+\.conf$/.test(path)) return []
    const pairs = contentOf(entry)
      .replaceAll('\\\n', ' ')
      .split('\n')
      .flatMap((line) => splitWords(/^Environment=(.*)$/.exec(line)?.[1] ?? ''))
      .map(assignment)
    return [{ path, pairs }]
  })
}
