import {
  contextTag,
  type DerCursor,
  derError,
  enter,
  enterOnly,
  finish,
  peekTag,
  readContent,
  readElement,
  TAG,
} from './der.js'
import { ascii } from './extensions.js'
import type { GeneralSubtrees, NameConstraints } from './types.js'

/**
 * Reads a name constraints extension as Go does: an empty one, subtrees with other distances than
 * the default, and address masks that are not a prefix throw KpkiError `ERR_DER_INVALID`
 * (RFC 5280 §4.2.1.10).
 */
export function readNameConstraints(value: Uint8Array, critical: boolean): NameConstraints {
  const body = enterOnly(value, TAG.sequence, 'nameConstraints')
  const permitted = readSubtrees(body, 0)
  const excluded = readSubtrees(body, 1)
  finish(body, 'nameConstraints')
  if (!permitted && !excluded) throw derError('nameConstraints: empty')
  return { critical, permitted: permitted ?? NONE, excluded: excluded ?? NONE }
}

const NONE: GeneralSubtrees = { dns: [], ip: [], email: [], uri: [], directory: [], other: 0 }

function readSubtrees(body: DerCursor, n: number): GeneralSubtrees | undefined {
  if (peekTag(body) !== contextTag(n, true)) return undefined
  const list = enter(body, -1, 'nameConstraints subtrees')
  const dns: string[] = []
  const ip: Uint8Array[] = []
  const email: string[] = []
  const uri: string[] = []
  const directory: Uint8Array[] = []
  let other = 0
  while (list.at < list.end) {
    const subtree = enter(list, TAG.sequence, 'nameConstraints subtree')
    const tag = peekTag(subtree)
    if (tag === contextTag(4, true)) {
      const inner = enter(subtree, -1, 'nameConstraints directory name')
      directory.push(readElement(inner, TAG.sequence, 'nameConstraints directory name'))
      finish(inner, 'nameConstraints directory name')
    } else {
      const content = readContent(subtree, -1, 'nameConstraints subtree')
      if (tag === 0x82) dns.push(ascii(content, 'nameConstraints DNS name'))
      else if (tag === 0x87) ip.push(network(content))
      else if (tag === 0x81) email.push(ascii(content, 'nameConstraints email'))
      else if (tag === 0x86) uri.push(ascii(content, 'nameConstraints URI'))
      else other++
    }
    // minimum and maximum: RFC 5280 fixes them to the default, which DER leaves out.
    finish(subtree, 'nameConstraints subtree')
  }
  return { dns, ip, email, uri, directory, other }
}

function network(octets: Uint8Array): Uint8Array {
  if (octets.length !== 8 && octets.length !== 32)
    throw derError(`nameConstraints: network of ${octets.length} octets`)
  const mask = octets.subarray(octets.length / 2)
  let ended = false
  for (const octet of mask)
    for (let bit = 7; bit >= 0; bit--) {
      const one = ((octet >> bit) & 1) === 1
      if (one && ended) throw derError('nameConstraints: the mask is not a prefix')
      ended ||= !one
    }
  return octets
}
