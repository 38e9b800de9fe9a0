import { KpkiError, type SpecIssue } from '../../errors.js'
import { checkCharacters } from '../checks/characters.js'
import { checkKubeadm, checkPatches } from '../checks/kubeadm.js'
import { checkNetworking } from '../checks/networking.js'
import { checkNames, checkNodes } from '../checks/nodes.js'
import { checkPki } from '../checks/pki.js'
import { checkProvision } from '../checks/provision.js'
import { checkReleaseFields } from '../checks/release.js'
import type { Cluster, HostOs, PatchFile } from '../cluster.js'
import { buildCluster } from './build.js'
import { gather } from './gather.js'
import { readDocuments } from './read.js'
import type { KnownCertificates, Settings, SpecFinding } from './settings.js'

/** What reading a cluster file takes besides its text. */
export interface ResolveOptions {
  /** Overrides `spec.hostOs`. */
  readonly hostOs?: HostOs
  /** The files of the patches directory. */
  readonly patches?: readonly PatchFile[]
  /** Name of the input for messages. */
  readonly source?: string
}

/** A cluster, with what is worth telling about its file. */
export interface ResolvedCluster {
  readonly cluster: Cluster
  /** What is accepted but probably not meant. */
  readonly warnings: readonly SpecIssue[]
  /** Where the user says patches lie; a caller that can read disks hands them over as `options.patches`. */
  readonly patchesDirectory?: string
}

/** A cluster file that was read, but not yet judged: its patches may be read in between. */
export interface ReadCluster {
  /** Where the user says patches lie. */
  readonly patchesDirectory?: string
  /**
   * @param patches the files of that directory
   * @throws KpkiError ERR_SPEC_INVALID with every mistake at once
   */
  resolve(patches?: readonly PatchFile[]): ResolvedCluster
}

const CHECKS: readonly ((settings: Settings) => Iterable<SpecFinding>)[] = [
  checkNames,
  checkNodes,
  checkNetworking,
  checkPki,
  checkKubeadm,
  checkPatches,
  checkReleaseFields,
  checkProvision,
]

/**
 * Reads the documents of a cluster file: one `kpki/v1alpha1`, or kubeadm's own.
 *
 * @throws KpkiError ERR_SPEC_INVALID if there is nothing to go on
 */
export function readCluster(
  documents: readonly unknown[],
  certificates: KnownCertificates,
  { source, hostOs }: ResolveOptions = {},
): ReadCluster {
  const { draft, findings: malformed } = readDocuments(documents)
  const unreadable = withoutRepeats(malformed, [...checkCharacters(documents)])
  if (!draft) throw invalid(issuesOf(unreadable, 'error'), source)
  const { settings: gathered, findings: contradictions } = gather(draft, hostOs)
  const directory = gathered.patchesDirectory?.value
  const found = directory === undefined ? {} : { patchesDirectory: directory }
  const resolve = (patches?: readonly PatchFile[]): ResolvedCluster => {
    const settings: Settings = { ...gathered, certificates, patches }
    const checked = CHECKS.flatMap((check) => [...check(settings)])
    const findings = withoutRepeats(unreadable, [...contradictions, ...checked])
    const mistakes = issuesOf(findings, 'error')
    const cluster = mistakes.length === 0 ? buildCluster(settings) : undefined
    if (!cluster) throw invalid(mistakes, source)
    return { cluster, warnings: issuesOf(findings, 'warning'), ...found }
  }
  return { ...found, resolve }
}

/** A place whose form is wrong already needs no further judgement. */
function withoutRepeats(
  first: readonly SpecFinding[],
  rest: readonly SpecFinding[],
): readonly SpecFinding[] {
  const broken = new Set(first.map((finding) => finding.issue.path))
  const seen = new Set<string>()
  const news = rest.filter(({ issue }) => !isWithin(issue.path, broken))
  return [...first, ...news].filter(({ issue }) => {
    const key = `${issue.path}\n${issue.message}`
    const known = seen.has(key)
    seen.add(key)
    return !known
  })
}

function isWithin(path: string, bases: ReadonlySet<string>): boolean {
  const ends = [...path.matchAll(/[.[]/g)].map(({ index }) => index)
  return [...ends, path.length].some((end) => bases.has(path.slice(0, end)))
}

function issuesOf(
  findings: readonly SpecFinding[],
  level: SpecFinding['level'],
): readonly SpecIssue[] {
  return findings.filter((finding) => finding.level === level).map((finding) => finding.issue)
}

function invalid(
  issues: readonly SpecIssue[],
  source = 'the cluster file',
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
