import { type Finding, mistake, type Settings } from '../settings.js'

const TOKEN = /^[a-z0-9]{6}\.[a-z0-9]{16}$/
const GROUP = /^system:bootstrappers:[a-z0-9:-]{0,255}[a-z0-9]$/
const USAGES = ['signing', 'authentication']

/** Bootstrap tokens and the key of uploaded certificates. Secrets never occur in messages. */
export function* checkTokens({ documents }: Settings): Generator<Finding> {
  const { init, join } = documents
  for (const [i, token] of (init.value.bootstrapTokens ?? []).entries()) {
    if (!token) continue
    const path = `${init.path}.bootstrapTokens[${i}]`
    if (token.token !== undefined) yield* wellFormed(token.token, `${path}.token`)
    const usages = token.usages ?? []
    const unknown = usages.filter((usage) => usage !== undefined && !USAGES.includes(usage))
    if (unknown.length > 0) {
      yield mistake(
        `${path}.usages`,
        `${unknown.join(', ')} is not a usage`,
        `write ${USAGES.join(', ')}`,
      )
    }
    const groups = token.groups ?? []
    if (groups.length > 0 && usages.length > 0 && !usages.includes('authentication')) {
      yield mistake(`${path}.groups`, 'need the usage authentication', 'add it to usages')
    }
    for (const [j, group] of groups.entries()) {
      if (group === undefined || GROUP.test(group)) continue
      const place = `${path}.groups[${j}]`
      yield mistake(
        place,
        `"${group}" is not a group of bootstrap tokens`,
        'write system:bootstrappers:…',
      )
    }
    if (token.ttl !== undefined && token.expires !== undefined) {
      yield mistake(path, 'has both ttl and expires', 'keep one of the two')
    }
  }
  const { bootstrapToken, tlsBootstrapToken, file } = join.value.discovery ?? {}
  const discovery = `${join.path}.discovery`
  if (bootstrapToken && file) {
    yield mistake(discovery, 'has both bootstrapToken and file', 'keep one of the two')
  }
  if (bootstrapToken?.token)
    yield* wellFormed(bootstrapToken.token, `${discovery}.bootstrapToken.token`)
  if (tlsBootstrapToken) yield* wellFormed(tlsBootstrapToken, `${discovery}.tlsBootstrapToken`)
  yield* certificateKey(init.value.certificateKey, `${init.path}.certificateKey`)
  yield* certificateKey(
    join.value.controlPlane?.certificateKey,
    `${join.path}.controlPlane.certificateKey`,
  )
}

function* wellFormed(token: string, path: string): Generator<Finding> {
  if (TOKEN.test(token)) return
  yield mistake(
    path,
    'is not a bootstrap token',
    'write six and sixteen of a-z0-9, joined by a dot',
  )
}

function* certificateKey(key: string | undefined, path: string): Generator<Finding> {
  if (!key || /^[0-9a-fA-F]{64}$/.test(key)) return
  yield mistake(path, 'is not a key for AES-256', 'write 64 hexadecimal digits')
}
