import type { SpecIssue } from '../../errors.js'
import type { KubeadmApi } from '../../releases/releases.js'
import { isObject, type JsonObject, valueAt } from '../../values/json.js'
import { nearest } from '../../values/names.js'
import { checkSchema } from '../checks/schema.js'
import {
  ARGUMENTS,
  type KubeadmKind,
  kindOf,
  ONLY_IN,
  toV1beta4,
  V1BETA3,
  V1BETA4,
} from '../kubeadm/convert.js'
import {
  clusterConfiguration,
  initConfiguration,
  joinConfiguration,
  kubeletConfiguration,
  kubeProxyConfiguration,
  resetConfiguration,
  upgradeConfiguration,
} from '../kubeadm/schema.js'
import { API_VERSION, clusterSchema } from '../spec/schema.js'
import {
  caution,
  type GivenDocument,
  type GivenDocuments,
  given,
  type Input,
  mistake,
  type SpecFinding,
} from './settings.js'

type ReadInput = Omit<Input, 'options' | 'certificates'>

export interface Read {
  /** Undefined: there is nothing to go on. */
  readonly input: ReadInput | undefined
  readonly findings: readonly SpecFinding[]
}

const SUPPORTED = `${API_VERSION} (kind Cluster), ${V1BETA3} or ${V1BETA4}`

/** Reads the documents of a file as far as they can be read. */
export function readDocuments(values: readonly unknown[]): Read {
  const documents = values.filter(isObject)
  const [first] = documents
  if (!first || documents.length < values.length) {
    const message = values.length === 0 ? 'the file is empty' : 'must be a mapping'
    return {
      input: undefined,
      findings: [mistake('', message, `begin with apiVersion: ${API_VERSION}`)],
    }
  }
  const kubeadm = documents.some(({ apiVersion }) =>
    String(apiVersion).startsWith('kubeadm.k8s.io/'),
  )
  if (kubeadm) return readKubeadm(documents)
  const looksOwn = first.kind === 'Cluster' || isObject(first.spec)
  if (first.apiVersion !== API_VERSION && !(first.apiVersion === undefined && looksOwn)) {
    const shown =
      first.apiVersion === undefined
        ? 'is missing'
        : `${JSON.stringify(first.apiVersion)} is not supported`
    return { input: undefined, findings: [mistake('apiVersion', shown, `write ${SUPPORTED}`)] }
  }
  return readSpec(first, documents.length - 1)
}

function readSpec(document: JsonObject, further: number): Read {
  const { draft, issues } = checkSchema(clusterSchema, document, '')
  const findings = issues.map(asError)
  if (further > 0) {
    findings.push(mistake('', `${further + 1} documents in one file`, 'keep one Cluster'))
  }
  const own = draft.spec?.kubeadm ?? {}
  const parts = [
    ['InitConfiguration', own.initConfiguration],
    ['ClusterConfiguration', own.clusterConfiguration],
    ['JoinConfiguration', own.joinConfiguration],
  ] as const
  const documents: JsonObject[] = []
  for (const [kind, value] of parts) {
    if (value === undefined) continue
    findings.push(...headOf(value, kind, sectionPath(kind)))
    documents.push(jsonOf({ ...value, apiVersion: V1BETA4, kind }))
  }
  const section = (kind: KubeadmKind) => sectionPath(kind)
  return {
    findings,
    input: {
      source: 'kpki',
      name: given(draft.metadata?.name, 'metadata.name'),
      apis: [],
      spec: draft.spec ?? {},
      documents: documentsOf(
        documents,
        section,
        { json: jsonOf(own.kubeletConfiguration), path: 'spec.kubeadm.kubeletConfiguration' },
        { json: jsonOf(own.kubeProxyConfiguration), path: 'spec.kubeadm.kubeProxyConfiguration' },
      ),
    },
  }
}

function sectionPath(kind: string): string {
  return `spec.kubeadm.${kind.charAt(0).toLowerCase()}${kind.slice(1)}`
}

/** Sections of cluster.yaml may repeat apiVersion and kind, but not contradict their name. */
function headOf(value: object, kind: string, path: string): readonly SpecFinding[] {
  const head = jsonOf(value)
  const versions: readonly unknown[] = [undefined, V1BETA3, V1BETA4]
  return [
    ...(versions.includes(head.apiVersion)
      ? []
      : [mistake(`${path}.apiVersion`, 'is not supported', `write ${V1BETA4} or leave it out`)]),
    ...(head.kind === undefined || head.kind === kind
      ? []
      : [mistake(`${path}.kind`, `must be ${kind}`, 'leave it out')]),
  ]
}

const KUBEADM_SCHEMAS = {
  InitConfiguration: initConfiguration,
  ClusterConfiguration: clusterConfiguration,
  JoinConfiguration: joinConfiguration,
  ResetConfiguration: resetConfiguration,
  UpgradeConfiguration: upgradeConfiguration,
} as const satisfies Record<KubeadmKind, unknown>

const COMPONENT_GROUPS: Readonly<Record<string, string>> = {
  KubeletConfiguration: 'kubelet.config.k8s.io/',
  KubeProxyConfiguration: 'kubeproxy.config.k8s.io/',
}

function readKubeadm(values: readonly JsonObject[]): Read {
  const findings: SpecFinding[] = []
  const documents: JsonObject[] = []
  const components = new Map<string, JsonObject>()
  const seen = new Set<string>()
  for (const [i, value] of values.entries()) {
    const { apiVersion, kind } = value
    if (typeof apiVersion !== 'string' || typeof kind !== 'string') {
      findings.push(mistake(`document ${i + 1}`, 'has no apiVersion and kind', 'write both'))
      continue
    }
    if (seen.has(kind)) findings.push(mistake(kind, 'occurs twice in the file', 'keep one'))
    seen.add(kind)
    if (apiVersion.startsWith('kubeadm.k8s.io/')) {
      const read = readKubeadmDocument(value, apiVersion, kind)
      findings.push(...read.findings)
      if (read.document) documents.push(read.document)
    } else if (COMPONENT_GROUPS[kind] && apiVersion.startsWith(COMPONENT_GROUPS[kind])) {
      const schema = kind === 'KubeletConfiguration' ? kubeletConfiguration : kubeProxyConfiguration
      const { draft, issues } = checkSchema(schema, value, kind)
      findings.push(...issues.map(asError))
      components.set(kind, jsonOf(draft))
    } else {
      findings.push(
        caution(kind, `${apiVersion} is none of kubeadm's: it is not used`, 'remove it'),
      )
    }
  }
  const component = (path: string) => ({ json: components.get(path) ?? {}, path })
  return {
    findings,
    input: {
      source: 'kubeadm',
      name: undefined,
      apis: documents.map(({ apiVersion, kind }) => ({
        kind: String(kind),
        api: apiVersion === V1BETA3 ? V1BETA3 : V1BETA4,
      })),
      spec: {},
      documents: documentsOf(
        documents,
        (kind) => kind,
        component('KubeletConfiguration'),
        component('KubeProxyConfiguration'),
      ),
    },
  }
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
    const near = nearest(kind, Object.keys(KUBEADM_SCHEMAS))
    const fix =
      near === undefined ? Object.keys(KUBEADM_SCHEMAS).join(', ') : `did you mean ${near}?`
    return { findings: [mistake(kind, `kubeadm has no ${kind}`, fix)] }
  }
  const { draft, issues } = checkSchema(KUBEADM_SCHEMAS[known], value, known)
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

interface ComponentFields {
  readonly json: JsonObject
  readonly path: string
}

function documentsOf(
  given: readonly JsonObject[],
  pathOf: (kind: KubeadmKind) => string,
  kubelet: ComponentFields,
  kubeProxy: ComponentFields,
): GivenDocuments {
  const { documents } = toV1beta4(given)
  const document = <T>(kind: KubeadmKind): GivenDocument<T> => {
    const found = documents.find((candidate) => candidate.kind === kind) ?? {}
    const { apiVersion: _, kind: __, ...json } = found
    // The schema of this kind has accepted what is left of it.
    return { path: pathOf(kind), value: json as GivenDocument<T>['value'], json }
  }
  return {
    init: document('InitConfiguration'),
    cluster: document('ClusterConfiguration'),
    join: document('JoinConfiguration'),
    kubelet: { ...kubelet, value: kubelet.json },
    kubeProxy: { ...kubeProxy, value: kubeProxy.json },
  }
}

function asError(issue: SpecIssue): SpecFinding {
  return { level: 'error', issue }
}

/** What came out of YAML or JSON is JSON. */
function jsonOf(value: unknown): JsonObject {
  return isObject(value) ? value : {}
}
