import { failureOf, loadYaml, loadYamlAll, type ReadFailure } from '../../files/yaml/yaml.js'
import { bytesOfBase64 } from '../../values/bytes.js'
import { at, filled, isObject, type Json, listOf } from '../../values/json.js'
import type { DocumentFacts } from './evidence.js'

/** A YAML text read without ever throwing. */
export interface ParsedDocuments {
  readonly values: readonly Json[]
  readonly failure?: ReadFailure
}

export function readDocuments(text: string): ParsedDocuments {
  try {
    return { values: loadYamlAll(text) as Json[] }
  } catch (error) {
    return { values: [], failure: failureOf(error) }
  }
}

export type DocumentReader = typeof readDocument

/** As {@link readDocument}, remembering recent texts: most nodes have the same configuration. */
export function createDocumentReader(): DocumentReader {
  const known = new Map<string, ReturnType<typeof readDocument>>()
  return (text) => {
    const found = known.get(text) ?? readDocument(text)
    if (known.size >= MAX_REMEMBERED) known.clear()
    known.set(text, found)
    return found
  }
}

const MAX_REMEMBERED = 64

/** As {@link readDocuments}, for files that hold one document: several are a failure. */
export function readDocument(text: string): {
  readonly value?: Json
  readonly failure?: ReadFailure
} {
  try {
    return { value: loadYaml(text) as Json }
  } catch (error) {
    return { failure: failureOf(error) }
  }
}

const KEY_LENGTHS: ReadonlyMap<string, readonly number[]> = new Map([
  ['aescbc', [16, 24, 32]],
  ['aesgcm', [16, 24, 32]],
  ['secretbox', [32]],
])

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
  const lengths = KEY_LENGTHS.get(name)
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
