import { readdir } from 'node:fs/promises'
import { dirname, join, resolve } from 'node:path'
import type { Cluster, PatchFile } from '../../cluster/cluster.js'
import { HOST_SYSTEMS } from '../../cluster/cluster.js'
import { type TokenKind, withoutSecrets } from '../../cluster/kubeadm/tokens.js'
import { clusterDocuments } from '../../cluster/resolve/read.js'
import { isKpkiError, KpkiError, type SpecIssue } from '../../errors.js'
import { dumpYaml, dumpYamlAll } from '../../files/yaml/dump.js'
import { readSource } from '../../generate/source.js'
import { isObject, type JsonObject, objectAt, valueAt, withAt } from '../../values/json.js'
import type { Io } from '../io.js'
import { inputName, readText } from './text.js'

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

/** Reads a cluster file or kubeadm's configuration, with the patches that it names. */
export async function loadCluster(io: Io, options: ClusterFileOptions): Promise<LoadedCluster> {
  const path = options.file ?? join(options.out ?? '.', CLUSTER_FILE)
  const text = await readClusterFile(io, path, options)
  const source = inputName(path)
  const all = clusterDocuments(text, source)
  const decision = all.filter(isObject).find(({ kind }) => kind === DECISIONS.kind)
  const documents = all.filter((document) => document !== decision)
  const decided = options.hostOs ?? decision?.hostOs
  const hostOs = HOST_SYSTEMS.find((system) => system === decided)
  const read = readSource(documents, { source, ...(hostOs !== undefined && { hostOs }) })
  if (read.patchesDirectory === undefined) {
    const { cluster, warnings } = read.resolve()
    return { cluster, text: resolvedText(cluster, documents), warnings }
  }
  const directory = resolve(io.cwd, dirname(path), read.patchesDirectory)
  const patches = await readPatches(io, directory).catch((missing: unknown) => {
    read.resolve() // What is wrong in the file itself comes first.
    throw missing
  })
  const { cluster, warnings } = read.resolve(patches)
  return { cluster, text: resolvedText(cluster, documents, directory), warnings }
}

async function readClusterFile(io: Io, path: string, options: ClusterFileOptions): Promise<string> {
  try {
    return await readText(io, path)
  } catch (cause) {
    if (!isKpkiError(cause) || cause.code !== 'ERR_FILE_MISSING' || options.file !== undefined)
      throw cause
    throw new KpkiError(
      'ERR_FILE_MISSING',
      `${path} does not exist`,
      { path },
      { cause, hint: 'name a cluster file with -f; `kpki init` writes one' },
    )
  }
}

// On the node kubeadm reads them below /etc/kubernetes; here they lie beside the cluster file.
async function readPatches(io: Io, directory: string): Promise<readonly PatchFile[]> {
  try {
    const names = (await readdir(directory)).sort()
    const files = names.map(async (name) => ({
      name,
      text: await readText(io, join(directory, name)),
    }))
    return await Promise.all(files)
  } catch (cause) {
    if (isKpkiError(cause)) throw cause
    throw new KpkiError(
      'ERR_FILE_MISSING',
      `the patches in ${directory} cannot be read`,
      { path: directory },
      { cause, hint: 'patches are read from a folder here, relative to the cluster file' },
    )
  }
}

// The version and the host's system are decided once: a newer kpki must not move a cluster by itself.
function resolvedText(cluster: Cluster, documents: readonly unknown[], patches?: string): string {
  const header = '# Written by kpki gen: `kpki gen -o` with this folder repeats it.\n'
  const version = cluster.release.version.text
  if (cluster.source === 'kpki') {
    const [file = {}] = documents.filter(isObject)
    const spec = {
      ...objectAt(file, 'spec'),
      kubernetesVersion: version,
      hostOs: cluster.hostOs,
      ...(patches !== undefined && { patches }),
    }
    return header + dumpYaml(withoutSecretsIn({ ...file, spec }))
  }
  const resolved = documents
    .filter(isObject)
    .map(
      (document): JsonObject =>
        document.kind === 'ClusterConfiguration'
          ? { ...document, kubernetesVersion: version }
          : 'patches' in document && patches !== undefined
            ? { ...document, patches: { directory: patches } }
            : document,
    )
    .map((document) => {
      const kind = KINDS.find((one) => one === document.kind)
      return kind === undefined ? document : withoutSecrets(kind, document)
    })
  const decided = cluster.hostOs === 'none' ? [] : [{ ...DECISIONS, hostOs: cluster.hostOs }]
  return header + dumpYamlAll([...resolved, ...decided])
}

/** Where cluster.yaml has kubeadm's documents. */
const SECTIONS = {
  InitConfiguration: 'spec.kubeadm.initConfiguration',
  JoinConfiguration: 'spec.kubeadm.joinConfiguration',
} as const satisfies Readonly<Record<TokenKind, string>>

const KINDS = Object.keys(SECTIONS) as readonly TokenKind[]

function withoutSecretsIn(file: JsonObject): JsonObject {
  return KINDS.reduce((left, kind) => {
    const document = valueAt(left, SECTIONS[kind])
    return isObject(document) ? withAt(left, SECTIONS[kind], withoutSecrets(kind, document)) : left
  }, file)
}
