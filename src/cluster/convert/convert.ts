import type { SpecIssue } from '../../errors.js'
import { rewriteYaml, type YamlOrigin, type YamlTarget } from '../../files/yaml/document.js'
import { loadYamlAll } from '../../files/yaml/yaml.js'
import type { KubeadmApi } from '../../releases/releases.js'
import { isObject, type JsonObject } from '../../values/json.js'
import { toV1beta3, toV1beta4, V1BETA4 } from '../kubeadm/convert.js'
import { readDocuments } from '../resolve/read.js'
import { API_VERSION } from '../spec/schema.js'
import {
  type ConversionDraft,
  fromClusterFile,
  originAt,
  refused,
  toClusterFile,
} from './cluster-file.js'

export type ConfigFormat = KubeadmApi | typeof API_VERSION

export interface ConvertedConfig {
  readonly text: string
  /** What the other format says elsewhere or only kpki knows. */
  readonly warnings: readonly SpecIssue[]
}

/**
 * Converts between kubeadm's v1beta3 and v1beta4 configuration and cluster.yaml. Comments stay with their
 * fields. Fields of kpki that kubeadm has no word for are warned about; no field of kubeadm is lost.
 *
 * @throws KpkiError `ERR_YAML_INVALID`; `ERR_SPEC_INVALID` naming every field that the target can't say
 */
export function convertConfig(text: string, to: ConfigFormat): ConvertedConfig {
  const values = loadYamlAll(text, undefined, {
    textPaths: ['spec.kubernetesVersion', 'kubernetesVersion'],
  })
  const { findings, input } = readDocuments(values)
  const errors = findings.filter((finding) => finding.level === 'error')
  if (errors.length > 0 || !input) throw refused(errors.map((finding) => finding.issue))
  const objects = values.filter(isObject)
  const warnings: SpecIssue[] = []
  const own = input.source === 'kpki'
  if (own && to === API_VERSION) return { text, warnings: [] }
  const drafts = own
    ? fromClusterFile(objects[0] ?? {}, warnings)
    : objects.map((value, document) => ({ value, origins: rootOf(document) }))
  const targets = to === API_VERSION ? [toClusterFile(drafts, warnings)] : toApi(drafts, to)
  return { text: rewriteYaml(text, targets), warnings }
}

function rootOf(document: number): ReadonlyMap<string, YamlOrigin> {
  return new Map([['', { document, path: [] }]])
}

function toApi(drafts: readonly ConversionDraft[], to: KubeadmApi): readonly YamlTarget[] {
  const values = drafts.map((draft) => draft.value)
  const { documents, lost } = to === V1BETA4 ? toV1beta4(values) : toV1beta3(values)
  if (lost.length > 0) throw refused(lost)
  return documents.map((value) => ({ value, origins: originsOf(value, drafts) }))
}

// Fields that stand elsewhere in the other API version: [kind, path, from kind, from path].
const MOVES: readonly (readonly [string, string, string, string])[] = [
  [
    'InitConfiguration',
    'timeouts.controlPlaneComponentHealthCheck',
    'ClusterConfiguration',
    'apiServer.timeoutForControlPlane',
  ],
  [
    'JoinConfiguration',
    'timeouts.controlPlaneComponentHealthCheck',
    'ClusterConfiguration',
    'apiServer.timeoutForControlPlane',
  ],
  ['JoinConfiguration', 'timeouts.discovery', 'JoinConfiguration', 'discovery.timeout'],
  [
    'ClusterConfiguration',
    'apiServer.timeoutForControlPlane',
    'InitConfiguration',
    'timeouts.controlPlaneComponentHealthCheck',
  ],
  ['JoinConfiguration', 'discovery.timeout', 'JoinConfiguration', 'timeouts.discovery'],
]

function originsOf(
  value: JsonObject,
  drafts: readonly ConversionDraft[],
): ReadonlyMap<string, YamlOrigin> {
  const draftOf = (kind: unknown) => drafts.find((draft) => draft.value.kind === kind)
  const origins = new Map(draftOf(value.kind)?.origins)
  for (const [kind, path, fromKind, fromPath] of MOVES) {
    const from = kind === value.kind ? draftOf(fromKind) : undefined
    const origin = from && originAt(from, fromPath)
    if (origin) origins.set(path, origin)
  }
  return origins
}
