import { failureOf, loadYaml, type ReadFailure } from '../files/yaml/yaml.js'
import { bytesOfBase64 } from '../values/bytes.js'
import {
  at,
  filled,
  isObject,
  type Json,
  type JsonObject,
  listOf,
  scalarText,
} from '../values/json.js'

/** A cluster of a kubeconfig. */
export interface ClusterEntry {
  readonly name: string
  readonly server: string
  /** `certificate-authority-data` decoded, empty where it is no base64. It wins over the file, as in client-go. */
  readonly authorityData: Uint8Array | undefined
  /** `certificate-authority` as written; a relative path starts at the kubeconfig's own folder. */
  readonly authorityFile: string | undefined
  readonly insecureSkipTlsVerify: boolean
  readonly tlsServerName: string | undefined
  readonly proxyUrl: string | undefined
}

/** A user of a kubeconfig. Of tokens and passwords it says only that they are there. */
export interface UserEntry {
  readonly name: string
  /** `client-certificate-data` and `client-key-data` decoded, empty where they are no base64. They win over the files. */
  readonly certificateData: Uint8Array | undefined
  readonly certificateFile: string | undefined
  readonly keyData: Uint8Array | undefined
  readonly keyFile: string | undefined
  /** A token is there; `bootstrapId` is the public part of a bootstrap token. */
  readonly token: { readonly bootstrapId?: string } | undefined
  readonly tokenFile: string | undefined
  readonly basicAuth: boolean
  /** Command of the credential plugin. */
  readonly exec: string | undefined
  readonly authProvider: string | undefined
  readonly impersonate: string | undefined
  /** Names of its fields, sorted; all that client-go does not know as one `unknown field`, for it may be a secret. */
  readonly fields: readonly string[]
}

/** What a kubeconfig says. */
export interface Kubeconfig {
  readonly clusters: readonly ClusterEntry[]
  readonly users: readonly UserEntry[]
  readonly contexts: readonly {
    readonly name: string
    readonly cluster: string
    readonly user: string
  }[]
  readonly currentContext: string
  /** What the current context resolves to; undefined where a reference dangles. */
  readonly cluster: ClusterEntry | undefined
  readonly user: UserEntry | undefined
  /** Data that is not what it should be. */
  readonly oddities: readonly string[]
  /** Why this is no kubeconfig, with the line of a mistake in its YAML. Then it has no entries. */
  readonly failure?: ReadFailure
}

/** Reads a kubeconfig as client-go's clientcmd does. Never throws. */
export function readKubeconfig(text: string): Kubeconfig {
  try {
    const value = loadYaml(text)
    const kind = isObject(value) ? value.kind : undefined
    if (kind === 'Config') return kubeconfigOf(value)
    const found = kind === undefined ? 'no kind' : `kind ${JSON.stringify(nameOfKind(kind) ?? '?')}`
    return { ...kubeconfigOf({}), failure: { message: `no kubeconfig: ${found}, not Config` } }
  } catch (error) {
    return { ...kubeconfigOf({}), failure: failureOf(error) }
  }
}

/** Only what may be a kind's name: anywhere in a kubeconfig a secret may have got to the wrong place. */
function nameOfKind(kind: Json | undefined): string | undefined {
  return scalarText(kind)?.match(/^[A-Z][A-Za-z]{0,62}$/)?.[0]
}

/** The credentials of a kubeconfig's current user, as PEM text. */
export interface EmbeddedCredentials {
  readonly certificate?: string
  readonly key?: string
}

const decoder = new TextDecoder()

/**
 * Client certificate and key embedded for the current context's user; empty where the file embeds none.
 *
 * @throws KpkiError `ERR_YAML_INVALID` when the text is not YAML.
 */
export function embeddedCredentials(text: string): EmbeddedCredentials {
  const { certificateData, keyData } = kubeconfigOf(loadYaml(text)).user ?? {}
  return {
    ...(certificateData?.length && { certificate: decoder.decode(certificateData) }),
    ...(keyData?.length && { key: decoder.decode(keyData) }),
  }
}

function kubeconfigOf(document: unknown): Kubeconfig {
  const value = isObject(document) ? document : {}
  const oddities: string[] = []
  const clusters = listOf(at(value, 'clusters')).map((item) => clusterOf(item, oddities))
  const users = listOf(at(value, 'users')).map((item) => userOf(item, oddities))
  const contexts = listOf(at(value, 'contexts')).map((item) => ({
    name: nameOf(item),
    cluster: scalarText(at(item, 'context', 'cluster')) ?? '',
    user: scalarText(at(item, 'context', 'user')) ?? '',
  }))
  const currentContext = scalarText(at(value, 'current-context')) ?? ''
  const current = contexts.find(({ name }) => name === currentContext)
  const cluster = current && clusters.find(({ name }) => name === current.cluster)
  const user = current && users.find(({ name }) => name === current.user)
  return { clusters, users, contexts, currentContext, cluster, user, oddities }
}

function nameOf(item: Json): string {
  return scalarText(at(item, 'name')) ?? ''
}

function clusterOf(item: Json, oddities: string[]): ClusterEntry {
  const body = at(item, 'cluster')
  return {
    name: nameOf(item),
    server: scalarText(at(body, 'server')) ?? '',
    authorityData: dataOf(body, 'certificate-authority-data', oddities),
    authorityFile: filled(at(body, 'certificate-authority')),
    insecureSkipTlsVerify: at(body, 'insecure-skip-tls-verify') === true,
    tlsServerName: filled(at(body, 'tls-server-name')),
    proxyUrl: filled(at(body, 'proxy-url')),
  }
}

function userOf(item: Json, oddities: string[]): UserEntry {
  const body = at(item, 'user')
  const token = filled(at(body, 'token'))
  const bootstrapId = token && /^([a-z0-9]{6})\.[a-z0-9]{16}$/.exec(token)?.[1]
  const provider = at(body, 'auth-provider')
  return {
    name: nameOf(item),
    certificateData: dataOf(body, 'client-certificate-data', oddities),
    certificateFile: filled(at(body, 'client-certificate')),
    keyData: dataOf(body, 'client-key-data', oddities),
    keyFile: filled(at(body, 'client-key')),
    token: token === undefined ? undefined : bootstrapId ? { bootstrapId } : {},
    tokenFile: filled(at(body, 'tokenFile')),
    basicAuth:
      filled(at(body, 'username')) !== undefined || filled(at(body, 'password')) !== undefined,
    exec: at(body, 'exec') == null ? undefined : (filled(at(body, 'exec', 'command')) ?? ''),
    authProvider: provider == null ? undefined : (filled(at(provider, 'name')) ?? ''),
    impersonate: filled(at(body, 'as')),
    fields: isObject(body) ? fieldsOf(body) : [],
  }
}

/** Fields of client-go's AuthInfo (k8s.io/client-go/tools/clientcmd/api/v1). */
const USER_FIELDS: ReadonlySet<string> = new Set([
  ...['client-certificate', 'client-certificate-data', 'client-key', 'client-key-data'],
  ...['token', 'tokenFile', 'username', 'password', 'auth-provider', 'exec', 'extensions'],
  ...['as', 'as-uid', 'as-groups', 'as-user-extra'],
])

function fieldsOf(body: JsonObject): readonly string[] {
  const names = Object.keys(body).map((name) => (USER_FIELDS.has(name) ? name : 'unknown field'))
  return [...new Set(names)].sort()
}

function dataOf(body: Json | undefined, field: string, oddities: string[]): Uint8Array | undefined {
  const data = filled(at(body, field))
  const bytes = data === undefined ? undefined : bytesOfBase64(data)
  if (data !== undefined && !bytes) oddities.push(`${field} is not base64`)
  return data === undefined ? undefined : (bytes ?? new Uint8Array())
}
