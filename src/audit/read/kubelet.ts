import { textOf as contentOf, type FileTree } from '../../files/tree.js'
import { KUBELET_FIELDS } from '../../manifests/flags.js'
import {
  type Flags,
  flagOf,
  mergeFlags,
  parseFlags,
  splitWords,
} from '../../values/command-line.js'
import { at, filled, isObject, scalarText } from '../../values/json.js'
import type { DocumentReader } from './documents.js'
import type { KubeletFacts, Launch } from './evidence.js'
import { environmentFile } from './launch.js'
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
  const flags = mergeFlags(
    ...dropIns(tree),
    ...ENVIRONMENT_FILES.map((path) => flagsOfFile(tree, path)),
    launch?.flags ?? new Map(),
  )
  const named = flagOf(flags, 'config')
  const configPath = [named, ...CONFIGS].find((path) => path && fileOn(tree, path))
  const kubeconfigPath =
    flagOf(flags, 'kubeconfig') ??
    `/${KUBECONFIGS.find((path) => fileOn(tree, path)) ?? KUBECONFIGS[0]}`
  const bootstrapKubeconfigPath = flagOf(flags, 'bootstrap-kubeconfig') ?? `/${BOOTSTRAP}`
  const known = [kubeconfigPath, bootstrapKubeconfigPath].some((path) => fileOn(tree, path))
  if (!launch && configPath === undefined && !known) return undefined
  const entry = configPath === undefined ? undefined : fileOn(tree, configPath)
  const { value, failure } = entry ? read(contentOf(entry)) : {}
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
    flags,
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

function flagsOfFile(tree: FileTree, path: string): Flags {
  return mergeFlags(
    ...environmentFile(tree, path).map(([, value]) => parseFlags(splitWords(value))),
  )
}

function dropIns(tree: FileTree): readonly Flags[] {
  const found: Flags[] = []
  for (const [path, entry] of tree) {
    if (entry.kind !== 'file' || !/kubelet\.service\.d\/[^/]+\.conf$/.test(path)) continue
    for (const line of contentOf(entry).replaceAll('\\\n', ' ').split('\n')) {
      const match = /^Environment=(.*)$/.exec(line)
      for (const word of splitWords(match?.[1] ?? '')) {
        if (word.includes('='))
          found.push(parseFlags(splitWords(word.slice(word.indexOf('=') + 1))))
      }
    }
  }
  return found
}
