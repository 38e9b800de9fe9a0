import {
  contextTag,
  type DerCursor,
  derCursor,
  enter,
  peekTag,
  readContent,
  readOid,
  TAG,
} from './der.js'
import type { CertificateFacts } from './types.js'

/**
 * Reads CRL distribution points (RFC 5280 §4.2.1.13) and authority information access (§4.2.2.1) only
 * to refuse what Go's parser refuses: it does not know distribution points relative to the issuer.
 * Throws KpkiError `ERR_DER_INVALID`.
 */
export function checkPoints({ extensions }: CertificateFacts): void {
  for (const { oid, value } of extensions) {
    if (oid === '2.5.29.31') eachIn(value, 'CRL distribution point', checkPoint)
    if (oid === '1.3.6.1.5.5.7.1.1') eachIn(value, 'authority information access', checkAccess)
  }
}

function eachIn(value: Uint8Array, what: string, check: (one: DerCursor) => void): void {
  const list = enter(derCursor(value), TAG.sequence, what)
  while (list.at < list.end) check(enter(list, TAG.sequence, what))
}

function checkPoint(point: DerCursor): void {
  if (peekTag(point) !== contextTag(0, true)) return
  const name = enter(point, contextTag(0, true), 'CRL distribution point')
  const fullName = enter(name, contextTag(0, true), 'CRL distribution point')
  while (fullName.at < fullName.end && peekTag(fullName) === contextTag(6, false)) {
    readContent(fullName, contextTag(6, false), 'CRL distribution point')
  }
}

function checkAccess(access: DerCursor): void {
  readOid(access, 'authority information access')
  if (peekTag(access) === contextTag(6, false)) {
    readContent(access, contextTag(6, false), 'authority information access')
  }
}
