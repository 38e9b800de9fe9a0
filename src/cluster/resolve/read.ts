import type { SpecIssue } from '../../errors.js'
import { loadYamlAll } from '../../files/yaml/yaml.js'
import type { KubeadmApi } from '../../releases/features.js'
import { isObject, type JsonObject, scalarText, valueAt } from '../../values/json.js'
import { checkSchema, suggestion } from '../checks/schema.js'
import { DOCUMENTS, SCHEMAS } from '../kubeadm/schema.js'
import {
  ARGUMENTS,
  KINDS,
  type KubeadmKind,
  kindOf,
  ONLY_IN,
  toV1beta4,
  V1BETA3,
  V1BETA4,
} from '../kubeadm/versions.js'
import { API_VERSION, clusterSchema } from '../spec/schema.js'
import {
  caution,
  type Draft,
  type GivenDocument,
  given,
  jsonOf,
  mistake,
  type SpecFinding,
} from './settings.js'

export interface ReadDraft {
  /** Undefined: there is nothing to go on. */
  readonly draft: Draft | undefined
  readonly findings: readonly SpecFinding[]
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

/**
 * The documents of a cluster file's text.
 *
 * @throws KpkiError ERR_YAML_INVALID
 */
export function clusterDocuments(text: string, source?: string): readonly unknown[] {
  return loadYamlAll(text, source, { textPaths: TEXT_PATHS })
}

const SUPPORTED = `${API_VERSION} (kind Cluster), ${V1BETA3} or ${V1BETA4}`

/** Reads the documents of a file as far as they can be read. */
export function readDocuments(values: readonly unknown[]): ReadDraft {
  const documents = values.filter(isObject)
  const [first] = documents
  if (!first || documents.length < values.length) {
    const message = values.length === 0 ? 'the file is empty' : 'must be a mapping'
    return {
      draft: undefined,
      findings: [mistake('', message, `begin with apiVersion: ${API_VERSION}`)],
    }
  }
  const kubeadm = documents.some(({ apiVersion }) =>
    scalarText(apiVersion)?.startsWith('kubeadm.k8s.io/'),
  )
  if (kubeadm) return readKubeadm(documents)
  const looksOwn = first.kind === 'Cluster' || isObject(first.spec)
  if (first.apiVersion !== API_VERSION && !(first.apiVersion === undefined && looksOwn)) {
    const shown =
      first.apiVersion === undefined
        ? 'is missing'
        : `${JSON.stringify(first.apiVersion)} is not supported`
    return { draft: undefined, findings: [mistake('apiVersion', shown, `write ${SUPPORTED}`)] }
  }
  return readSpec(first, documents.length - 1)
}

function readSpec(document: JsonObject, further: number): ReadDraft {
  const { draft, issues } = checkSchema(clusterSchema, document, '')
  const findings = issues.map(asError)
  if (further > 0) {
    findings.push(mistake('', `${further + 1} documents in one file`, 'keep one Cluster'))
  }
  const documents = Object.values(DOCUMENTS).flatMap(({ apiVersion, kind, section }) => {
    const own = draft.spec?.kubeadm?.[section]
    if (!isObject(own)) return []
    findings.push(...wrongHead(own, apiVersion, kind, sectionPath(section)))
    return [{ ...own, apiVersion, kind }]
  })
  return {
    findings,
    draft: {
      source: 'kpki',
      name: given(draft.metadata?.name, 'metadata.name'),
      apis: new Map(),
      spec: draft.spec ?? {},
      documents: documentsOf(documents, ({ section }) => sectionPath(section)),
    },
  }
}

function sectionPath(section: string): string {
  return `spec.kubeadm.${section}`
}

/** A section of cluster.yaml, and the configuration of a component, need no apiVersion and kind but no others either. */
function wrongHead(
  value: JsonObject,
  apiVersion: string,
  kind: string,
  path: string,
): readonly SpecFinding[] {
  return Object.entries({ apiVersion, kind }).flatMap(([field, expected]) => {
    const own = value[field]
    const accepted = [undefined, expected, ...(expected === V1BETA4 ? [V1BETA3] : [])]
    if (accepted.some((one) => one === own)) return []
    const message = `${JSON.stringify(own)} is not ${expected}`
    return [mistake(`${path}.${field}`, message, `write ${expected}`)]
  })
}

function readKubeadm(values: readonly JsonObject[]): ReadDraft {
  const findings: SpecFinding[] = []
  const documents: JsonObject[] = []
  const apis = new Map<string, KubeadmApi>()
  const seen = new Set<string>()
  for (const [i, value] of values.entries()) {
    const { apiVersion, kind } = value
    if (typeof apiVersion !== 'string' || typeof kind !== 'string') {
      findings.push(mistake(`document ${i + 1}`, 'has no apiVersion and kind', 'write both'))
      continue
    }
    if (seen.has(kind)) findings.push(mistake(kind, 'occurs twice in the file', 'keep one'))
    seen.add(kind)
    const component = Object.values(DOCUMENTS).find(
      (known) => known.kind === kind && groupOf(known.apiVersion) === groupOf(apiVersion),
    )
    if (apiVersion.startsWith('kubeadm.k8s.io/')) {
      const read = readKubeadmDocument(value, apiVersion, kind)
      findings.push(...read.findings)
      if (read.document) {
        documents.push(read.document)
        apis.set(kind, apiVersion === V1BETA3 ? V1BETA3 : V1BETA4)
      }
    } else if (component) {
      const { draft, issues } = checkSchema(SCHEMAS[component.kind], value, kind)
      findings.push(...issues.map(asError))
      findings.push(...wrongHead(value, component.apiVersion, kind, kind))
      documents.push(jsonOf(draft))
    } else {
      findings.push(
        caution(kind, `${apiVersion} is none of kubeadm's: it is not used`, 'remove it'),
      )
    }
  }
  return {
    findings,
    draft: {
      source: 'kubeadm',
      name: undefined,
      apis,
      spec: {},
      documents: documentsOf(documents, ({ kind }) => kind),
    },
  }
}

function groupOf(apiVersion: string): string {
  return apiVersion.slice(0, apiVersion.indexOf('/') + 1)
}

function readKubeadmDocument(
  value: JsonObject,
  apiVersion: string,
  kind: string,
): { readonly document?: JsonObject; readonly findings: readonly SpecFinding[] } {
  const known = kindOf(value)
  if (!isApi(apiVersion)) {
    const fix = `write ${V1BETA3} or ${V1BETA4} (kubeadm config migrate)`
    return { findings: [mistake(`${kind}.apiVersion`, `${apiVersion} is not supported`, fix)] }
  }
  if (!known) {
    const fix = suggestion(kind, KINDS, KINDS.join(', '))
    return { findings: [mistake(kind, `kubeadm has no ${kind}`, fix)] }
  }
  const { draft, issues } = checkSchema(SCHEMAS[known], value, known)
  const document = jsonOf(draft)
  const findings = [...issues.map(asError), ...foreignFields(document, known, apiVersion)]
  if (known === 'ResetConfiguration' || known === 'UpgradeConfiguration') {
    return {
      findings: [...findings, caution(known, 'says nothing about a new cluster', 'it is not used')],
    }
  }
  return { document, findings }
}

function isApi(text: string): text is KubeadmApi {
  return text === V1BETA3 || text === V1BETA4
}

/** Fields of the other API version, and arguments in its form. */
function foreignFields(
  document: JsonObject,
  kind: KubeadmKind,
  api: KubeadmApi,
): readonly SpecFinding[] {
  const other = api === V1BETA3 ? V1BETA4 : V1BETA3
  const foreign = (ONLY_IN[other][kind] ?? [])
    .filter((path) => valueAt(document, path) !== undefined)
    .map((path) =>
      mistake(
        `${kind}.${path}`,
        `is a field of ${other}, not of ${api}`,
        `write apiVersion: ${other}, or convert the file with kpki convert`,
      ),
    )
  const forms = (ARGUMENTS[kind] ?? []).flatMap((path) => {
    const value = valueAt(document, path)
    if (value === undefined || Array.isArray(value) === (api === V1BETA4)) return []
    const form = api === V1BETA4 ? 'a list of {name, value}' : 'a mapping of flags to values'
    return [mistake(`${kind}.${path}`, `must be ${form} in ${api}`, `write it as ${form}`)]
  })
  return [...foreign, ...forms]
}

type DocumentRow = (typeof DOCUMENTS)[keyof typeof DOCUMENTS]

function documentsOf(
  given: readonly JsonObject[],
  pathOf: (row: DocumentRow) => string,
): Draft['documents'] {
  const { documents } = toV1beta4(given)
  const document = <T>(row: DocumentRow): GivenDocument<T> => {
    const found = documents.find(({ kind }) => kind === row.kind) ?? {}
    const { apiVersion: _, kind: __, ...value } = found
    // The schema of this kind has accepted what is left of it.
    return { path: pathOf(row), value: value as GivenDocument<T>['value'] }
  }
  return {
    init: document(DOCUMENTS.init),
    cluster: document(DOCUMENTS.cluster),
    join: document(DOCUMENTS.join),
    kubelet: document(DOCUMENTS.kubelet),
    kubeProxy: document(DOCUMENTS.kubeProxy),
  }
}

function asError(issue: SpecIssue): SpecFinding {
  return { level: 'error', issue }
}
