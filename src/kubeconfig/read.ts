import { loadYaml } from '../files/yaml/yaml.js'
import { bytesOfBase64 } from '../values/bytes.js'
import { isObject } from '../values/json.js'

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
  const config = loadYaml(text)
  const context = entry(config, 'contexts', at(config, 'current-context'))
  const user = at(entry(config, 'users', at(at(context, 'context'), 'user')), 'user')
  const certificate = decoded(at(user, 'client-certificate-data'))
  const key = decoded(at(user, 'client-key-data'))
  return { ...(certificate !== undefined && { certificate }), ...(key !== undefined && { key }) }
}

function at(value: unknown, key: string): unknown {
  return isObject(value) && Object.hasOwn(value, key) ? value[key] : undefined
}

function entry(config: unknown, list: string, name: unknown): unknown {
  const items = at(config, list)
  return Array.isArray(items) ? items.find((item: unknown) => at(item, 'name') === name) : undefined
}

function decoded(value: unknown): string | undefined {
  if (typeof value !== 'string') return undefined
  const bytes = bytesOfBase64(value)
  return bytes && decoder.decode(bytes)
}
