import { bracketed, formatIp } from './addresses.js'

/** Host and port of a URL. */
export interface HostPort {
  /** Lower case; IPv6 without brackets, as RFC 5952 writes it. */
  readonly host: string
  readonly port: number
  readonly secure: boolean
}

/** Reads `https://host:port/…` or bare `host:port`; undefined where it is neither. */
export function parseHost(url: string, defaultPort = 443): HostPort | undefined {
  const match =
    /^(?:(https?|unixs?):\/\/)?(\[[0-9a-f:.]+\]|[^/:\s[\]]+)(?::(\d{1,5}))?(?:\/.*)?$/i.exec(
      url.trim(),
    )
  const [, scheme = 'https', host = '', port] = match ?? []
  if (!match || scheme.startsWith('unix')) return undefined
  const number = port === undefined ? defaultPort : Number(port)
  if (number > 65535) return undefined
  return {
    host: canonical(host.toLowerCase()),
    port: number,
    secure: scheme.toLowerCase() === 'https',
  }
}

function canonical(host: string): string {
  return host.includes(':') ? formatIp(host.replace(/^\[|\]$/g, '')) : host
}

/** The host of a URL, as {@link parseHost} reads it. */
export function hostOf(url: string): string | undefined {
  return parseHost(url)?.host
}

/** `localhost`, 127.0.0.0/8, `::1`. */
export function isLocalHost(host: string): boolean {
  return host === 'localhost' || host === '::1' || /^127\.\d+\.\d+\.\d+$/.test(host)
}

/** `0.0.0.0`, `::` or nothing: every address. */
export function isAnyHost(host: string): boolean {
  return host === '' || host === '0.0.0.0' || host === '::'
}

/** The https URL of a host and port. */
export function urlOf(host: string, port: number): string {
  return `https://${bracketed(host)}:${port}`
}
