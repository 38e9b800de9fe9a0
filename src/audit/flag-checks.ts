import { flagIsTrue, flagList, flagOf } from './command-line.js'
import type { Problem } from './credentials.js'
import type { Launch } from './estate.js'
import { removedFlagsOf } from './removed-flags.js'

/** Suites by the names that Go gives them; `--tls-cipher-suites` takes no others. */
const SUITES: ReadonlySet<string> = new Set([
  'TLS_AES_128_GCM_SHA256',
  'TLS_AES_256_GCM_SHA384',
  'TLS_CHACHA20_POLY1305_SHA256',
  ...['ECDHE_ECDSA', 'ECDHE_RSA'].flatMap((exchange) =>
    [
      'AES_128_CBC_SHA',
      'AES_128_CBC_SHA256',
      'AES_128_GCM_SHA256',
      'AES_256_CBC_SHA',
      'AES_256_GCM_SHA384',
      'CHACHA20_POLY1305',
      'CHACHA20_POLY1305_SHA256',
      'RC4_128_SHA',
    ].map((cipher) => `TLS_${exchange}_WITH_${cipher}`),
  ),
  'TLS_ECDHE_RSA_WITH_3DES_EDE_CBC_SHA',
  ...[
    '3DES_EDE_CBC_SHA',
    'AES_128_CBC_SHA',
    'AES_128_CBC_SHA256',
    'AES_128_GCM_SHA256',
    'AES_256_CBC_SHA',
    'AES_256_GCM_SHA384',
    'RC4_128_SHA',
  ].map((cipher) => `TLS_RSA_WITH_${cipher}`),
])

/** HTTP/2 below TLS 1.3 wants one of these (RFC 9113 §9.2.2): Go's servers do not start without. */
const HTTP2 = [
  'TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256',
  'TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256',
] as const

const VERSIONS = /^VersionTLS1[0-3]$/

/** Why a component refuses its own `--tls-min-version` or cipher suites. */
function tlsProblem({ component, flags }: Launch): string | undefined {
  const flag = component === 'etcd' ? 'cipher-suites' : 'tls-cipher-suites'
  const suites = flagList(flags, flag)
  const unknown = suites.find((suite) => !SUITES.has(suite))
  if (unknown !== undefined) return `--${flag}: there is no suite ${unknown}`
  if (component === 'etcd') return undefined
  const version = flagOf(flags, 'tls-min-version')
  if (version !== undefined && !VERSIONS.test(version))
    return `--tls-min-version=${version} is none of VersionTLS10 to VersionTLS13`
  if (suites.length === 0 || version === 'VersionTLS13') return undefined
  return HTTP2.some((suite) => suites.includes(suite))
    ? undefined
    : `--${flag} has neither ${HTTP2.join(' nor ')}, which HTTP/2 needs`
}

/** The kubelet's probes show no identity: answered with 401 they get the API server ended. */
function probeProblem({ component, flags, probes }: Launch): string | undefined {
  if (component !== 'kube-apiserver' || probes.length === 0) return undefined
  const why = 'has its probes refused (401), and the kubelet ends it'
  // kube-apiserver turns anonymous requests off by itself beside AlwaysAllow.
  if (flagList(flags, 'authorization-mode').includes('AlwaysAllow'))
    return `--authorization-mode=AlwaysAllow turns anonymous requests off, which ${why}`
  const isAnonymous = !flags.has('anonymous-auth') || flagIsTrue(flags, 'anonymous-auth')
  return isAnonymous ? undefined : `--anonymous-auth=false ${why}`
}

function removedProblem({ component, flags, version }: Launch): string | undefined {
  const [removed] = version === undefined ? [] : removedFlagsOf(component, flags, version)
  return removed && `--${removed.flag} is unknown to ${component} since ${removed.since}`
}

/** What is wrong with a command line by itself, whatever the files say. */
export function flagProblem(launch: Launch): Problem | undefined {
  const message = removedProblem(launch) ?? tlsProblem(launch) ?? probeProblem(launch)
  if (message === undefined) return undefined
  const { node, path } = launch
  return { code: 'flag', message, node, ...(path !== undefined && { path }) }
}
