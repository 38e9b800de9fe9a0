import { type Finding, list, mistake, type Settings } from '../settings.js'
import { checkSans } from '../validate-sans.js'
import { absolute, repository } from './validate-forms.js'

export function* checkEtcd({ documents }: Settings): Generator<Finding> {
  const path = `${documents.cluster.path}.etcd`
  const { local, external } = documents.cluster.value.etcd ?? {}
  if (local && external) {
    yield mistake(path, 'has both local and external', 'keep one of the two')
    return
  }
  if (local) {
    if (local.dataDir) yield* absolute(local.dataDir, `${path}.local.dataDir`)
    if (local.imageRepository)
      yield* repository(local.imageRepository, `${path}.local.imageRepository`)
    const strict = { lowers: false }
    yield* checkSans(list(local.serverCertSANs, `${path}.local.serverCertSANs`), strict)
    yield* checkSans(list(local.peerCertSANs, `${path}.local.peerCertSANs`), strict)
  }
  if (external) yield* externalEtcd(external, `${path}.external`)
}

interface External {
  readonly endpoints?: readonly (string | undefined)[] | undefined
  readonly httpEndpoints?: readonly (string | undefined)[] | undefined
  readonly caFile?: string | undefined
  readonly certFile?: string | undefined
  readonly keyFile?: string | undefined
}

function* externalEtcd(external: External, path: string): Generator<Finding> {
  const { caFile, certFile, keyFile } = external
  if (Boolean(certFile) !== Boolean(keyFile)) {
    yield mistake(path, 'has only one of certFile and keyFile', 'write both or neither')
  }
  if (certFile && keyFile && !caFile) {
    yield mistake(
      `${path}.caFile`,
      'is missing beside certFile and keyFile',
      'write the CA certificate of etcd',
    )
  }
  if ((external.endpoints ?? []).length === 0) {
    yield mistake(`${path}.endpoints`, 'is empty', 'write the URLs of the etcd members')
  }
  const secure = Boolean(caFile || certFile || keyFile)
  for (const key of ['endpoints', 'httpEndpoints'] as const) {
    for (const { value, path: place } of list(external[key], `${path}.${key}`)) {
      yield* endpoint(value, place, secure && key === 'endpoints')
    }
  }
  for (const [key, file] of Object.entries({ caFile, certFile, keyFile })) {
    if (file) yield* absolute(file, `${path}.${key}`)
  }
}

function* endpoint(text: string, path: string, secure: boolean): Generator<Finding> {
  const scheme = /^([a-z][a-z0-9+.-]*):\/\//i.exec(text)?.[1]?.toLowerCase()
  if (scheme === undefined || !URL.canParse(text)) {
    yield mistake(path, `"${text}" is not a URL`, 'write for example https://10.0.0.1:2379')
  } else if (secure && scheme !== 'https') {
    yield mistake(path, `"${text}" is not https, but files for TLS are given`, 'write https://…')
  }
}
