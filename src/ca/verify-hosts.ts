/**
 * The labels of a domain name, or `undefined` where it has an empty label (a final dot too) or other
 * characters than printable ASCII. The empty name has no labels.
 */
export function domainLabels(domain: string): readonly string[] | undefined {
  if (domain === '') return []
  const labels = domain.split('.')
  return labels.every((label) => /^[!-~]+$/.test(label)) ? labels : undefined
}

/**
 * Splits a mail address (RFC 2821 §4.1.2 Mailbox). As Go: spaces in a quoted local part and escapes
 * outside of one are let through.
 */
export function parseMailbox(
  text: string,
): { readonly local: string; readonly domain: string } | undefined {
  const found = text.startsWith('"') ? quotedLocal(text) : dottedLocal(text)
  if (found === undefined || text[found.end] !== '@') return
  const domain = text.slice(found.end + 1)
  return domainLabels(domain) === undefined ? undefined : { local: found.local, domain }
}

/**
 * The authority's host of a URI with its port, `''` where there is none, `undefined` where Go's
 * `url.Parse` refuses the text or the host is not a domain name or address.
 */
export function uriHost(uri: string): string | undefined {
  const text = uri.split('#', 1)[0] ?? ''
  if (hasControl(text) || text.startsWith(':')) return
  const scheme = /^[a-z][a-z0-9+.-]*:/i.exec(text)?.[0] ?? ''
  const rest = text.slice(scheme.length).split('?', 1)[0] ?? ''
  if (!rest.startsWith('/')) {
    // without a scheme this is a relative path, whose first segment must not look like one
    return scheme === '' && (rest.split('/', 1)[0] ?? '').includes(':') ? undefined : ''
  }
  if (!rest.startsWith('//') || (scheme === '' && rest.startsWith('///'))) {
    return badEscape(rest) ? undefined : ''
  }
  const authority = rest.slice(2).split('/', 1)[0] ?? ''
  const at = authority.lastIndexOf('@')
  const user = at < 0 ? '' : authority.slice(0, at)
  const host = authority.slice(at + 1)
  if (!/^[a-z0-9\-._:~!$&'()*+,;=%@]*$/i.test(user) || badEscape(rest.slice(2))) return
  const port = host.startsWith('[') ? /^\[[^\]]*\](.*)$/.exec(host)?.[1] : /:[^:]*$/.exec(host)?.[0]
  if (host.startsWith('[') && port === undefined) return
  if (port !== undefined && !/^(:\d*)?$/.test(port)) return
  if (!/^[a-z0-9\-._~!$&'()*+,;=:[\]<>"]*$/i.test(host)) return
  return domainLabels(host) === undefined ? undefined : host
}

interface LocalPart {
  readonly local: string
  /** Index of the first character behind it. */
  readonly end: number
}

function quotedLocal(text: string): LocalPart | undefined {
  let local = ''
  for (let index = 1; index < text.length; index++) {
    const code = text.charCodeAt(index)
    if (code === QUOTE) return { local, end: index + 1 }
    if (code === BACKSLASH) {
      index++
      if (!isQuotable(text.charCodeAt(index))) return
    } else if (!isQuotable(code) || code === TAB) return
    local += text.charAt(index)
  }
}

function dottedLocal(text: string): LocalPart | undefined {
  let local = ''
  let index = 0
  for (; index < text.length; index++) {
    const escaped = text.charAt(index) === '\\'
    if (escaped) index++
    if (index >= text.length) return
    if (!escaped && !/[a-z0-9!#$%&'*+\-/=?^_`{|}~.]/i.test(text.charAt(index))) break
    local += text.charAt(index)
  }
  const dotted = local === '' || local.startsWith('.') || local.endsWith('.')
  return dotted || local.includes('..') ? undefined : { local, end: index }
}

const TAB = 9
const QUOTE = 34
const BACKSLASH = 92

/** ASCII without NUL, line feed and carriage return. */
function isQuotable(code: number): boolean {
  return code >= 1 && code <= 127 && code !== 10 && code !== 13
}

function hasControl(text: string): boolean {
  return Array.from(text).some((character) => character < ' ' || character === '\x7f')
}

function badEscape(text: string): boolean {
  return /%(?![0-9a-f]{2})/i.test(text)
}
