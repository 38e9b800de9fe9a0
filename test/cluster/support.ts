import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { ResolveOptions } from '../../src/cluster/resolve/resolve.js'
import { isKpkiError, type SpecIssue } from '../../src/errors.js'
import { dumpYaml } from '../../src/files/yaml/dump.js'
import { parseCluster } from '../../src/generate/source.js'

export const root = join(import.meta.dirname, '../..')
export const readText = (path: string): string => readFileSync(join(root, path), 'utf8')

export type Changes = Readonly<Record<string, unknown>>

/** A cluster.yaml that is right, with values at dotted paths replaced; undefined removes one. */
export function clusterFile(changes: Changes = {}): string {
  const file: Record<string, unknown> = {
    apiVersion: 'kpki/v1alpha1',
    kind: 'Cluster',
    metadata: { name: 'demo' },
    spec: {
      kubernetesVersion: 'v1.28.7',
      networking: { podSubnet: '10.0.0.0/9', serviceSubnet: '10.128.0.0/16' },
      nodes: [
        { name: 'cp', role: 'control-plane', address: '172.31.10.5' },
        { name: 'w1', role: 'worker', address: '172.31.10.6' },
      ],
    },
  }
  for (const [path, value] of Object.entries(changes)) put(file, path.split('.'), value)
  return dumpYaml(file)
}

function put(target: unknown, [key = '', ...rest]: readonly string[], value: unknown): void {
  const object = target as Record<string, unknown>
  if (rest.length === 0) {
    object[key] = value
    return
  }
  object[key] ??= {}
  put(object[key], rest, value)
}

/** kubeadm's configuration of one control plane, with further lines in each document. */
export function kubeadmFile(
  parts: { cluster?: string; init?: string; api?: string; version?: string } = {},
): string {
  const { cluster = '', api = 'v1beta3', version = 'v1.28.7' } = parts
  const own = parts.init ?? ''
  const name = own.includes('nodeRegistration') ? '' : 'nodeRegistration: {name: cp1}\n'
  const at = own.includes('localAPIEndpoint')
    ? ''
    : 'localAPIEndpoint: {advertiseAddress: 10.200.0.5}\n'
  return `apiVersion: kubeadm.k8s.io/${api}
kind: InitConfiguration
${name}${at}${own}
---
apiVersion: kubeadm.k8s.io/${api}
kind: ClusterConfiguration
kubernetesVersion: ${version}
${cluster}
`
}

/** Every mistake in a text; none if it is accepted. */
export function mistakes(text: string, options: ResolveOptions = {}): readonly SpecIssue[] {
  try {
    parseCluster(text, options)
    return []
  } catch (error) {
    if (isKpkiError(error) && error.code === 'ERR_SPEC_INVALID') return error.details.issues
    throw error
  }
}

export function warnings(text: string, options: ResolveOptions = {}): readonly SpecIssue[] {
  return parseCluster(text, options).warnings
}
