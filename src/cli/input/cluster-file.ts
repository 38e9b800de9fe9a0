import { readdir, readFile } from 'node:fs/promises'
import { dirname, join, resolve } from 'node:path'
import type { Cluster, HostOs, PatchFile } from '../../cluster/cluster.js'
import { KpkiError, type SpecIssue } from '../../errors.js'
import { dumpYaml, dumpYamlAll, loadYamlAll } from '../../files/yaml/yaml.js'
import { parseCluster } from '../../generate/source.js'
import type { JsonObject } from '../../values/json.js'
import { isObject } from '../../values/json.js'
import type { Io } from '../io.js'
import { readInput } from './text.js'

/** Name of the resolved cluster file in an output folder. */
export const CLUSTER_FILE = 'cluster.yaml'

export interface ClusterFileOptions {
  /** The file; `cluster.yaml` in `out` by default. */
  readonly file?: string
  readonly out?: string
  readonly hostOs?: string
}

export interface LoadedCluster {
  readonly cluster: Cluster
  /** The file with everything decided: reading it gives the same cluster. */
  readonly text: string
  readonly warnings: readonly SpecIssue[]
}

/** What the command line decided for kubeadm's configuration, which has no place for it. */
const DECISIONS = { apiVersion: 'kpki/v1alpha1', kind: 'GenerateOptions' } as const

const decoder = new TextDecoder()

/** Reads a cluster file or kubeadm's configuration, with the patches that it names. */
export async function loadCluster(io: Io, options: ClusterFileOptions): Promise<LoadedCluster> {
  const path = options.file ?? join(options.out ?? '.', CLUSTER_FILE)
  const text = await readClusterFile(io, path, options)
  const name = path === '-' ? 'standard input' : path
  const { documents, source, decided } = split(text, name)
  const hostOs = (options.hostOs ?? decided.hostOs) as HostOs | undefined
  const given = { source: name, ...(hostOs !== undefined && { hostOs }) }
  const first = parseCluster(source, given)
  if (first.patchesDirectory === undefined)
    return { ...first, text: resolvedText(first.cluster, documents) }
  const directory = resolve(io.cwd, dirname(path), first.patchesDirectory)
  const patches = await readPatches(directory)
  const { cluster, warnings } = parseCluster(source, { ...given, patches })
  return { cluster, text: resolvedText(cluster, documents, directory), warnings }
}

async function readClusterFile(io: Io, path: string, options: ClusterFileOptions): Promise<string> {
  try {
    return decoder.decode(await readInput(io, path))
  } catch (cause) {
    if (!(cause instanceof KpkiError) || options.file !== undefined) throw cause
    throw new KpkiError(
      'ERR_FILE_MISSING',
      `${path} does not exist`,
      { path },
      { cause, hint: 'name a cluster file with -f; `kpki init` writes one' },
    )
  }
}

interface Split {
  readonly documents: readonly JsonObject[]
  /** The text without the decisions. */
  readonly source: string
  readonly decided: { readonly hostOs?: string }
}

function split(text: string, path: string): Split {
  const documents = loadYamlAll(text, path).filter(isObject)
  const decision = documents.find(({ kind }) => kind === DECISIONS.kind)
  if (decision === undefined) return { documents, source: text, decided: {} }
  const rest = documents.filter((document) => document !== decision)
  const hostOs = typeof decision.hostOs === 'string' ? { hostOs: decision.hostOs } : {}
  return { documents: rest, source: dumpYamlAll(rest), decided: hostOs }
}

// On the node kubeadm reads them below /etc/kubernetes; here they lie beside the cluster file.
async function readPatches(directory: string): Promise<readonly PatchFile[]> {
  try {
    const names = (await readdir(directory)).sort()
    const files = names.map(async (name) => ({
      name,
      text: await readFile(join(directory, name), 'utf8'),
    }))
    return await Promise.all(files)
  } catch (cause) {
    throw new KpkiError(
      'ERR_FILE_MISSING',
      `the patches in ${directory} cannot be read`,
      { path: directory },
      { cause, hint: 'patches are read from a folder here, relative to the cluster file' },
    )
  }
}

// The version and the host's system are decided once: a newer kpki must not move a cluster by itself.
function resolvedText(
  cluster: Cluster,
  documents: readonly JsonObject[],
  patches?: string,
): string {
  const header = '# Written by kpki gen: `kpki gen -o` with this folder repeats it.\n'
  const version = cluster.release.version.text
  if (cluster.source === 'kpki') {
    const [file] = documents
    const spec = {
      ...(isObject(file?.spec) ? file.spec : {}),
      kubernetesVersion: version,
      hostOs: cluster.hostOs,
      ...(patches !== undefined && { patches }),
    }
    return header + dumpYaml({ ...file, spec })
  }
  const resolved = documents.map((document) =>
    document.kind === 'ClusterConfiguration'
      ? { ...document, kubernetesVersion: version }
      : 'patches' in document && patches !== undefined
        ? { ...document, patches: { directory: patches } }
        : document,
  )
  const decided = cluster.hostOs === 'none' ? [] : [{ ...DECISIONS, hostOs: cluster.hostOs }]
  return header + dumpYamlAll([...resolved, ...decided])
}
