import type { FileTree } from '../../files/tree.js'
import { bytesOfBase64 } from '../../values/bytes.js'
import type { Json } from '../../values/json.js'
import { at, filled, listOf, scalarText } from '../../values/json.js'
import { readDocument } from './documents.js'
import type {
  KubeconfigCluster,
  KubeconfigFacts,
  KubeconfigUser,
  PemFacts,
  Place,
} from './evidence.js'
import { fileOn } from './paths.js'
import type { PemReader } from './pem.js'

interface KubeconfigReading {
  readonly tree: FileTree
  readonly place: Place
  readonly pems: PemReader
  readonly oddities: string[]
}

/**
 * Reads a kubeconfig as client-go's clientcmd does: inline data wins over a file, file names are
 * relative to the kubeconfig's own directory. Never throws.
 */
export async function readKubeconfig(
  tree: FileTree,
  place: Place,
  text: string,
  pems: PemReader,
): Promise<KubeconfigFacts> {
  const { node, path } = place
  const nothing = { clusters: [], users: [], contexts: [], currentContext: '', oddities: [] }
  const { value, failure } = readDocument(text)
  if (failure) return { node, path, ...nothing, failure }
  const kind = at(value, 'kind')
  if (kind !== 'Config') {
    const found = kind === undefined ? 'no kind' : `kind ${JSON.stringify(scalarText(kind) ?? '?')}`
    return { node, path, ...nothing, failure: { message: `no kubeconfig: ${found}, not Config` } }
  }
  const context: KubeconfigReading = { tree, place, pems, oddities: [] }
  const clusters: KubeconfigCluster[] = []
  for (const item of listOf(at(value, 'clusters'))) clusters.push(await clusterOf(context, item))
  const users: KubeconfigUser[] = []
  for (const item of listOf(at(value, 'users'))) users.push(await userOf(context, item))
  const contexts = listOf(at(value, 'contexts')).map((item) => ({
    name: scalarText(at(item, 'name')) ?? '',
    cluster: scalarText(at(item, 'context', 'cluster')) ?? '',
    user: scalarText(at(item, 'context', 'user')) ?? '',
  }))
  const currentContext = scalarText(at(value, 'current-context')) ?? ''
  const current = contexts.find(({ name }) => name === currentContext)
  const cluster = current && clusters.find(({ name }) => name === current.cluster)
  const user = current && users.find(({ name }) => name === current.user)
  return {
    node,
    path,
    oddities: context.oddities,
    clusters,
    users,
    contexts,
    currentContext,
    ...(cluster && { cluster }),
    ...(user && { user }),
  }
}

async function clusterOf(context: KubeconfigReading, item: Json): Promise<KubeconfigCluster> {
  const body = at(item, 'cluster')
  const authority = await pemOf(context, body, 'certificate-authority')
  const tlsServerName = filled(at(body, 'tls-server-name'))
  const proxyUrl = filled(at(body, 'proxy-url'))
  return {
    name: scalarText(at(item, 'name')) ?? '',
    server: scalarText(at(body, 'server')) ?? '',
    authorityInline: authority.inline,
    ...(authority.pem && { authority: authority.pem }),
    ...(authority.file !== undefined && { authorityFile: authority.file }),
    insecureSkipTlsVerify: at(body, 'insecure-skip-tls-verify') === true,
    ...(tlsServerName !== undefined && { tlsServerName }),
    ...(proxyUrl !== undefined && { proxyUrl }),
  }
}

async function userOf(context: KubeconfigReading, item: Json): Promise<KubeconfigUser> {
  const body = at(item, 'user')
  const certificate = await pemOf(context, body, 'client-certificate')
  const key = await pemOf(context, body, 'client-key')
  const token = filled(at(body, 'token'))
  const bootstrapId = token && /^([a-z0-9]{6})\.[a-z0-9]{16}$/.exec(token)?.[1]
  const tokenFile = filled(at(body, 'tokenFile'))
  const exec = at(body, 'exec') == null ? undefined : (filled(at(body, 'exec', 'command')) ?? '')
  const provider = at(body, 'auth-provider')
  const authProvider = provider == null ? undefined : (filled(at(provider, 'name')) ?? '')
  const impersonate = filled(at(body, 'as'))
  return {
    name: scalarText(at(item, 'name')) ?? '',
    certificateInline: certificate.inline,
    ...(certificate.pem && { certificate: certificate.pem }),
    ...(certificate.file !== undefined && { certificateFile: certificate.file }),
    keyInline: key.inline,
    ...(key.pem && { key: key.pem }),
    ...(key.file !== undefined && { keyFile: key.file }),
    ...(token !== undefined && { token: bootstrapId ? { bootstrapId } : {} }),
    ...(tokenFile !== undefined && { tokenFile }),
    basicAuth:
      filled(at(body, 'username')) !== undefined || filled(at(body, 'password')) !== undefined,
    ...(exec !== undefined && { exec }),
    ...(authProvider !== undefined && { authProvider }),
    ...(impersonate !== undefined && { impersonate }),
  }
}

interface PemField {
  readonly inline: boolean
  readonly file?: string
  readonly pem?: PemFacts
}

async function pemOf(
  context: KubeconfigReading,
  body: Json | undefined,
  field: string,
): Promise<PemField> {
  const { tree, place, pems, oddities } = context
  const data = filled(at(body, `${field}-data`))
  const file = filled(at(body, field))
  const named = file === undefined ? {} : { file }
  if (data !== undefined) {
    const bytes = bytesOfBase64(data)
    if (!bytes) oddities.push(`${field}-data is not base64`)
    const inner = { ...place, field: `${field}-data` }
    return { inline: true, ...named, pem: await pems.read(inner, bytes ?? new Uint8Array()) }
  }
  if (file === undefined) return { inline: false }
  const folder = place.path.split('/').slice(0, -1).join('/')
  const path = file.startsWith('/') ? file : `${folder}/${file}`
  const entry = fileOn(tree, path)
  if (!entry) return { inline: false, ...named }
  return {
    inline: false,
    ...named,
    pem: await pems.read({ ...place, path: entry.path }, entry.data),
  }
}
