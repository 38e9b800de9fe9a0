import type { CertificateFacts } from '../../src/ca/certificate/facts.js'
import { readCertificate } from '../../src/ca/certificate/read.js'
import { runtimeEngine } from '../../src/ca/engine.js'
import { type Env, envOf } from '../../src/ca/env.js'
import type { KeyAlgorithm } from '../../src/ca/keys/algorithms.js'
import type { Cluster } from '../../src/cluster/cluster.js'
import { type FileTree, textAt } from '../../src/files/tree.js'
import type { Existing, Generated } from '../../src/generate/generate.js'
import { parseCluster } from '../../src/generate/source.js'
import { embeddedCredentials } from '../../src/kubeconfig/read.js'
import { testKey } from '../ca/support.js'

/** The start of the tests' year. */
export const START = new Date('2026-03-01T12:00:00Z')
export const DAY = 86_400_000

export function later(days: number): Date {
  return new Date(START.getTime() + days * DAY)
}

/** A real engine at a fixed time. */
export function envAt(now: Date = START): Env {
  return envOf(runtimeEngine(), now)
}

/** The same with published RSA-2048 keys in turn: the authorities, made first, get different ones. */
export function fixtureKeysEnv(now: Date = START): Env {
  const env = envAt(now)
  let made = 0
  const newKey = async (algorithm: KeyAlgorithm) =>
    algorithm === 'RSA-2048' ? testKey(`rsa2048-${(made++ % 4) + 1}`) : env.newKey(algorithm)
  return { ...env, newKey }
}

const CONTROL_PLANES = ['cp1', 'cp2', 'cp3'].map((name, index) => ({
  name,
  role: 'control-plane',
  address: `172.31.10.${11 + index}`,
}))

const WORKERS = ['worker1', 'worker2'].map((name, index) => ({
  name,
  role: 'worker',
  address: `172.31.10.${21 + index}`,
}))

/** A cluster with ECDSA keys: one control plane and two workers. `spec` is added to its spec, `pki` to `spec.pki`. */
export function small(pki: object = {}, spec: object = {}): Cluster {
  return clusterOf([...CONTROL_PLANES.slice(0, 1), ...WORKERS], pki, spec)
}

/** Three control planes and two workers behind one name. */
export function large(pki: object = {}, spec: object = {}): Cluster {
  const endpoint = { controlPlaneEndpoint: 'api.example.com:6443' }
  return clusterOf([...CONTROL_PLANES, ...WORKERS], pki, { ...endpoint, ...spec })
}

function clusterOf(nodes: readonly object[], pki: object, spec: object): Cluster {
  const document = {
    apiVersion: 'kpki/v1alpha1',
    kind: 'Cluster',
    metadata: { name: 'lab' },
    spec: {
      kubernetesVersion: 'v1.28.7',
      networking: { serviceSubnet: '10.128.0.0/16', podSubnet: '10.64.0.0/12' },
      nodes,
      pki: { keyAlgorithm: 'ECDSA-P256', ...pki },
      ...spec,
    },
  }
  // JSON is YAML.
  return parseCluster(JSON.stringify(document)).cluster
}

/** What a run made, as the next run finds it. */
export function existingOf(made: Generated): Existing {
  return (folder) => {
    if (folder === 'authorities') return made.authorities
    if (folder === 'kubeconfig') return made.kubeconfig
    return made.nodes.get(folder.replace(/^nodes\//, '')) ?? new Map()
  }
}

/** `existing` with some files exchanged, or taken away where the new text is undefined. */
export function changed(
  existing: Existing,
  edits: Readonly<Record<string, string | undefined>>,
): Existing {
  return async (folder) => {
    const tree = new Map(await existing(folder))
    for (const [path, text] of Object.entries(edits)) {
      if (!path.startsWith(`${folder}/`)) continue
      const inside = path.slice(folder.length + 1)
      const entry = tree.get(inside)
      if (text === undefined) tree.delete(inside)
      else
        tree.set(inside, {
          kind: 'file',
          path: inside,
          data: new TextEncoder().encode(text),
          mode: entry?.kind === 'file' ? entry.mode : 0o600,
        })
    }
    return tree
  }
}

/** Every folder of a run with its tree. */
export function foldersOf(made: Generated): readonly (readonly [string, FileTree])[] {
  return [
    ['authorities', made.authorities],
    ...[...made.nodes].map(([name, tree]) => [`nodes/${name}`, tree] as const),
    ['kubeconfig', made.kubeconfig],
  ]
}

/** All files by path below the output folder, as text. */
export function textsOf(made: Generated): ReadonlyMap<string, string> {
  const texts = new Map<string, string>()
  for (const [folder, tree] of foldersOf(made))
    for (const path of tree.keys()) {
      const text = textAt(tree, path)
      if (text !== undefined) texts.set(`${folder}/${path}`, text)
    }
  return texts
}

/** Text of one file, by its path below the output folder; fails where there is none. */
export function textIn(made: Generated, path: string): string {
  const text = textsOf(made).get(path)
  if (text === undefined) throw new Error(`${path} is not there`)
  return text
}

/** Every certificate of a run, those in kubeconfigs included, by path. */
export function certificatesOf(made: Generated): ReadonlyMap<string, CertificateFacts> {
  const certificates = new Map<string, CertificateFacts>()
  for (const [path, text] of textsOf(made)) {
    const pem = path.endsWith('.conf') ? embeddedCredentials(text).certificate : text
    if (pem !== undefined && (path.endsWith('.conf') || path.endsWith('.crt')))
      certificates.set(path, readCertificate(pem))
  }
  return certificates
}

/** The certificate at a path below the output folder. */
export function certificateIn(made: Generated, path: string): CertificateFacts {
  const certificate = certificatesOf(made).get(path)
  if (certificate === undefined) throw new Error(`${path} holds no certificate`)
  return certificate
}
