import { isObject, type Json, type JsonObject, objectAt } from '../../values/json.js'

/** A kind of document that holds tokens. */
export type TokenKind = 'InitConfiguration' | 'JoinConfiguration'

/** Decides over the token in a place, for example `InitConfiguration.bootstrapTokens[1].token`. */
export type TokenChange = (place: string, token: string | undefined) => string | undefined

/**
 * A document with every token in it as `change` has it; undefined takes it away. Places without a token are asked
 * about as well, where the document says that one belongs there.
 */
export function withTokens(kind: TokenKind, document: JsonObject, change: TokenChange): JsonObject {
  return kind === 'InitConfiguration'
    ? withBootstrapTokens(document, change)
    : withDiscoveryTokens(document, change)
}

function withBootstrapTokens(document: JsonObject, change: TokenChange): JsonObject {
  const { bootstrapTokens } = document
  if (!Array.isArray(bootstrapTokens)) return document
  const changed = bootstrapTokens.map((entry: Json, i) => {
    const place = `InitConfiguration.bootstrapTokens[${i}].token`
    return isObject(entry) ? withToken(entry, 'token', place, change) : entry
  })
  return { ...document, bootstrapTokens: changed }
}

function withDiscoveryTokens(document: JsonObject, change: TokenChange): JsonObject {
  if (!isObject(document.discovery)) return document
  const place = 'JoinConfiguration.discovery'
  const { bootstrapToken } = document.discovery
  const own = isObject(bootstrapToken)
    ? {
        bootstrapToken: withToken(bootstrapToken, 'token', `${place}.bootstrapToken.token`, change),
      }
    : {}
  const discovery = { ...document.discovery, ...own }
  if (!Object.hasOwn(discovery, TLS_TOKEN)) return { ...document, discovery }
  return {
    ...document,
    discovery: withToken(discovery, TLS_TOKEN, `${place}.${TLS_TOKEN}`, change),
  }
}

const TLS_TOKEN = 'tlsBootstrapToken'

function withToken(
  object: JsonObject,
  key: string,
  place: string,
  change: TokenChange,
): JsonObject {
  const { [key]: value, ...rest } = object
  const token = change(place, typeof value === 'string' && value !== '' ? value : undefined)
  return token === undefined ? rest : { ...rest, [key]: token }
}

/** Every place of a token in kubeadm's documents with the token, if it is there. */
export function tokensIn(documents: {
  readonly initConfiguration: JsonObject
  readonly joinConfiguration: JsonObject
}): ReadonlyMap<string, string | undefined> {
  const tokens = new Map<string, string | undefined>()
  const look: TokenChange = (place, token) => {
    tokens.set(place, token)
    return token
  }
  withTokens('InitConfiguration', documents.initConfiguration, look)
  withTokens('JoinConfiguration', documents.joinConfiguration, look)
  return tokens
}

/**
 * A document without the secrets that `authorities/` keeps, from where the next run takes them: tokens and the key of
 * uploaded certificates.
 */
export function withoutSecrets(kind: TokenKind, document: JsonObject): JsonObject {
  // Only an empty one says that there is one.
  const emptied = withTokens(kind, document, (place) =>
    place.endsWith(TLS_TOKEN) ? '' : undefined,
  )
  if (kind === 'InitConfiguration') {
    const { certificateKey: _, ...rest } = emptied
    return rest
  }
  if (!isObject(emptied.controlPlane)) return emptied
  const { certificateKey: _, ...controlPlane } = objectAt(emptied, 'controlPlane')
  return { ...emptied, controlPlane }
}
