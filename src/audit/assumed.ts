import type { Flags } from './command-line.js'
import type { ComponentName, Launch, PemFacts } from './estate.js'
import { defaultFlags, type FoundLayout } from './layouts.js'

const CONTROL_PLANE: readonly ComponentName[] = [
  'etcd',
  'kube-apiserver',
  'kube-controller-manager',
  'kube-scheduler',
]

/** Where no manifest says how a component is started, its certificates do: kubeadm's flags are assumed. */
export function withDefaults(
  node: string,
  real: readonly Launch[],
  found: FoundLayout,
  pems: ReadonlyMap<string, PemFacts>,
): readonly Launch[] {
  if (real.some(({ component }) => CONTROL_PLANE.includes(component))) return real
  const has = (slot: 'apiserver' | 'etcd-server') =>
    pems.has(`${found.pki}/${found.layout.files[slot]}`)
  const assumed: readonly ComponentName[] = [
    ...(has('etcd-server') ? (['etcd'] as const) : []),
    ...(has('apiserver')
      ? (['kube-apiserver', 'kube-controller-manager', 'kube-scheduler'] as const)
      : []),
  ]
  const launches = assumed.map((component) => ({
    node,
    component,
    source: 'default' as const,
    flags: assumedFlags(defaultFlags(found, component), found.layout.id, pems),
    probes: [],
  }))
  return [...launches, ...real]
}

const OPTIONAL = /^(cluster-signing-|etcd-)/

/**
 * A flag that is only assumed is dropped where its file is absent: external etcd, offline CA keys, and
 * everything of layouts whose flags are known less well than kubeadm's.
 */
function assumedFlags(flags: Flags, layout: string, pems: ReadonlyMap<string, PemFacts>): Flags {
  const isThere = ([name, [value = '']]: readonly [string, readonly string[]]): boolean => {
    const isFile = value.startsWith('/') && !value.endsWith('.conf')
    const isOptional = layout !== 'kubeadm' || OPTIONAL.test(name)
    return !isFile || !isOptional || pems.has(value.slice(1))
  }
  const kept = new Map([...flags].filter(isThere))
  // What comes in pairs goes in pairs.
  for (const [certificate, key] of PAIRS)
    if (!kept.has(certificate) || !kept.has(key))
      for (const one of [certificate, key]) kept.delete(one)
  if (!kept.has('cert-file')) kept.delete('listen-client-urls')
  if (!kept.has('etcd-certfile'))
    for (const one of ['etcd-servers', 'etcd-cafile']) kept.delete(one)
  return kept
}

const PAIRS = [
  ['cluster-signing-cert-file', 'cluster-signing-key-file'],
  ['cert-file', 'key-file'],
  ['peer-cert-file', 'peer-key-file'],
  ['etcd-certfile', 'etcd-keyfile'],
  ['kubelet-client-certificate', 'kubelet-client-key'],
  ['proxy-client-cert-file', 'proxy-client-key-file'],
  ['tls-cert-file', 'tls-private-key-file'],
] as const
