import { bytesOfBase64 } from '../ca/pem.js'
import type { Json } from '../cluster/cluster.js'
import { at, filled, isObject, listOf } from './documents.js'
import type { DocumentFacts } from './estate.js'

const KEY_LENGTHS: Readonly<Record<string, readonly number[]>> = {
  aescbc: [16, 24, 32],
  aesgcm: [16, 24, 32],
  secretbox: [32],
}

/**
 * Why an API server refuses an EncryptionConfiguration; undefined when it takes it.
 * (https://kubernetes.io/docs/tasks/administer-cluster/encrypt-data/)
 */
export function encryptionProblem(document: DocumentFacts): string | undefined {
  const { failure, apiVersion, kind, value } = document
  if (failure) return failure.message
  if (kind !== 'EncryptionConfiguration' || apiVersion !== 'apiserver.config.k8s.io/v1')
    return `is ${kind} of ${apiVersion}, not EncryptionConfiguration of apiserver.config.k8s.io/v1`
  const resources = listOf(at(value, 'resources'))
  if (resources.length === 0) return 'names no resources'
  for (const resource of resources) {
    if (listOf(at(resource, 'resources')).length === 0) return 'has an entry without resources'
    const providers = listOf(at(resource, 'providers'))
    if (providers.length === 0) return 'has an entry without providers'
    for (const provider of providers) {
      const why = providerProblem(provider)
      if (why !== undefined) return why
    }
  }
  return undefined
}

function providerProblem(provider: Json): string | undefined {
  if (!isObject(provider) || Object.keys(provider).length !== 1)
    return 'has a provider entry that is not exactly one provider'
  const [name = ''] = Object.keys(provider)
  if (name === 'identity' || name === 'kms') return undefined
  const lengths = KEY_LENGTHS[name]
  if (!lengths) return `has the unknown provider ${JSON.stringify(name)}`
  const keys = listOf(at(provider, name, 'keys'))
  if (keys.length === 0) return `has no keys for ${name}`
  for (const key of keys) {
    const label = filled(at(key, 'name'))
    if (label === undefined) return `has a key without a name for ${name}`
    const bytes = bytesOfBase64(filled(at(key, 'secret')) ?? '')
    if (!bytes || bytes.length === 0)
      return `has a key ${JSON.stringify(label)} for ${name} that is not base64`
    if (!lengths.includes(bytes.length))
      return `has a key ${JSON.stringify(label)} of ${bytes.length} bytes for ${name}, which takes ${lengths.join(', ')}`
  }
  return undefined
}
