import { KpkiError, type SpecIssue } from '../../errors.js'
import { loadYamlAll } from '../../files/yaml/yaml.js'
import { checkKubeadm } from '../checks/kubeadm.js'
import { checkNetworking } from '../checks/networking.js'
import { checkNames, checkNodes } from '../checks/nodes.js'
import { checkPki } from '../checks/pki.js'
import { checkProvision } from '../checks/provision.js'
import { checkReleaseFields } from '../checks/release.js'
import type { Cluster, HostOs, PatchFile } from '../cluster.js'
import { checkPatches } from '../patch-files.js'
import { buildCluster } from './build.js'
import { gather } from './gather.js'
import { readDocuments } from './read.js'
import type { Input, KnownCertificates, Settings, SpecFinding } from './settings.js'

export interface ResolveOptions {
  /** Overrides `spec.hostOs`. */
  readonly hostOs?: HostOs
  /** The files of the patches directory. */
  readonly patches?: readonly PatchFile[]
  /** Name of the input for messages. */
  readonly source?: string
}

export interface ResolvedCluster {
  readonly cluster: Cluster
  /** What is accepted but probably not meant. */
  readonly warnings: readonly SpecIssue[]
  /** Where the user says patches lie; a caller that can read disks reads them and resolves again. */
  readonly patchesDirectory?: string
}

// Humans write these without quotes and mean what they write.
const TEXT_PATHS = [
  'kubernetesVersion',
  'metadata.name',
  'spec.kubernetesVersion',
  'spec.cni.version',
  'spec.pki.subject.*',
  'spec.nodes.*.name',
  'spec.nodes.*.labels.*',
  'spec.namespaces.*',
  'spec.kubeadm.clusterConfiguration.kubernetesVersion',
  'spec.kubeadm.clusterConfiguration.dns.imageTag',
  'spec.kubeadm.clusterConfiguration.etcd.local.imageTag',
] as const

const CHECKS: readonly ((settings: Settings) => Iterable<SpecFinding>)[] = [
  checkNames,
  checkNodes,
  checkNetworking,
  checkPki,
  checkKubeadm,
  checkReleaseFields,
  checkProvision,
  checkPatches,
]

/**
 * The documents of a cluster file's text.
 *
 * @throws KpkiError `ERR_YAML_INVALID`
 */
export function clusterDocuments(text: string, source?: string): readonly unknown[] {
  return loadYamlAll(text, source, { textPaths: TEXT_PATHS })
}

/**
 * Resolves the documents of a cluster file: one `kpki/v1alpha1`, or kubeadm's own.
 *
 * @throws KpkiError `ERR_SPEC_INVALID` with every mistake at once
 */
export function resolveDocuments(
  values: readonly unknown[],
  certificates: KnownCertificates,
  options: ResolveOptions = {},
): ResolvedCluster {
  const { input, findings: unreadable } = readDocuments(values)
  if (!input) throw invalid(issuesOf(unreadable, 'error'), options)
  const complete: Input = { ...input, certificates, options }
  const { settings, findings: contradictions } = gather(complete)
  const checked = CHECKS.flatMap((check) => [...check(settings)])
  const findings = withoutRepeats(unreadable, [...contradictions, ...checked])
  const mistakes = issuesOf(findings, 'error')
  const cluster = mistakes.length === 0 ? buildCluster(settings) : undefined
  if (!cluster) throw invalid(mistakes, options)
  const directory = settings.patchesDirectory?.value
  return {
    cluster,
    warnings: issuesOf(findings, 'warning'),
    ...(directory === undefined ? {} : { patchesDirectory: directory }),
  }
}

/** A place whose form is wrong already needs no further judgement. */
function withoutRepeats(
  first: readonly SpecFinding[],
  rest: readonly SpecFinding[],
): readonly SpecFinding[] {
  const broken = first.map((finding) => finding.issue.path)
  const seen = new Set<string>()
  const news = rest.filter(({ issue }) => !broken.some((path) => isWithin(issue.path, path)))
  return [...first, ...news].filter(({ issue }) => {
    const key = `${issue.path}\n${issue.message}`
    const known = seen.has(key)
    seen.add(key)
    return !known
  })
}

function isWithin(path: string, base: string): boolean {
  return path === base || path.startsWith(`${base}.`) || path.startsWith(`${base}[`)
}

function issuesOf(
  findings: readonly SpecFinding[],
  level: SpecFinding['level'],
): readonly SpecIssue[] {
  return findings.filter((finding) => finding.level === level).map((finding) => finding.issue)
}

function invalid(
  issues: readonly SpecIssue[],
  { source = 'the cluster file' }: ResolveOptions,
): KpkiError<'ERR_SPEC_INVALID'> {
  const [first] = issues
  const count = issues.length === 1 ? 'a mistake' : `${issues.length} mistakes`
  const message = `${count} in ${source}: ${[first?.path, first?.message].filter(Boolean).join(' ')}`
  return new KpkiError(
    'ERR_SPEC_INVALID',
    message,
    { issues },
    first?.fix === undefined ? {} : { hint: first.fix },
  )
}
