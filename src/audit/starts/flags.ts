import { type ComponentName, FLAGS } from '../../manifests/flags.js'
import { type Flags, flagIsTrue, flagList, flagOf } from '../../values/command-line.js'
import { at, filled, textsOf } from '../../values/json.js'
import type { Refusal } from '../graph/credentials.js'
import type { KubeletFacts, Launch, NodeEvidence } from '../read/evidence.js'
import { isWholeCommand } from '../read/launch.js'
import { authorizationOf, exclusionProblem } from './access.js'

/** Whether version `a` (`1.28.7`) is of minor `b` (`1.24`) or later. */
function isAtLeast(a: string, b: string): boolean {
  const [left, right] = [a, b].map((text) => text.split('.').map(Number)) as [number[], number[]]
  return (left[0] ?? 0) !== (right[0] ?? 0)
    ? (left[0] ?? 0) > (right[0] ?? 0)
    : (left[1] ?? 0) >= (right[1] ?? 0)
}

/** Flags of a command line that the release no longer knows: it does not start with any of them. */
export function removedFlagsOf(
  component: ComponentName,
  flags: Flags,
  version: string,
  table = FLAGS,
): readonly { readonly flag: string; readonly until: string }[] {
  return table.flatMap(({ component: of, flag, until }) =>
    of === component && until !== undefined && flags.has(flag) && isAtLeast(version, until)
      ? [{ flag, until }]
      : [],
  )
}

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

/** Why a kubelet does not serve with its own pair, cipher suites or least version of TLS. */
export function kubeletTlsProblem({
  config,
  flags,
  tlsCertFile,
  tlsPrivateKeyFile,
}: KubeletFacts): string | undefined {
  if ((tlsCertFile === undefined) !== (tlsPrivateKeyFile === undefined))
    return tlsCertFile === undefined
      ? 'tlsPrivateKeyFile is given without tlsCertFile'
      : 'tlsCertFile is given without tlsPrivateKeyFile'
  const given = flagList(flags, 'tls-cipher-suites')
  const suites = given.length > 0 ? given : textsOf(at(config, 'tlsCipherSuites'))
  const unknown = suites.find((suite) => !SUITES.has(suite))
  if (unknown !== undefined) return `tlsCipherSuites: there is no suite ${unknown}`
  const version = flagOf(flags, 'tls-min-version') ?? filled(at(config, 'tlsMinVersion'))
  return version === undefined || VERSIONS.test(version)
    ? undefined
    : `tlsMinVersion ${version} is none of VersionTLS10 to VersionTLS13`
}

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

/** Flags without which a static pod's program ends at once; of each group one is enough. */
const REQUIRED: Partial<Readonly<Record<ComponentName, readonly (readonly string[])[]>>> = {
  'kube-apiserver': [
    ['etcd-servers'],
    ['service-account-issuer'],
    ['service-account-signing-key-file', 'service-account-signing-endpoint'],
    ['service-account-key-file', 'service-account-signing-endpoint'],
  ],
  'kube-controller-manager': [['kubeconfig', 'master']],
  'kube-scheduler': [['kubeconfig', 'master', 'config']],
}

function missingProblem(launch: Launch): string | undefined {
  if (!isWholeCommand(launch)) return undefined
  const { component, flags } = launch
  const missing = (REQUIRED[component] ?? []).find((group) =>
    group.every((flag) => flagList(flags, flag).length === 0),
  )
  return missing && `${component} has no --${missing[0]}, which it demands`
}

/** Whether an API server lets everybody do everything; without a mode it does. */
export function isAlwaysAllow(node: NodeEvidence, launch: Launch): boolean {
  if (launch.flags.has('authorization-config'))
    return authorizationOf(node, launch)?.modes.includes('AlwaysAllow') === true
  const modes = flagList(launch.flags, 'authorization-mode')
  return modes.length > 0 ? modes.includes('AlwaysAllow') : isWholeCommand(launch)
}

const MODES = ['ABAC', 'AlwaysAllow', 'AlwaysDeny', 'Node', 'RBAC', 'Webhook']

function modeProblem({ component, flags }: Launch): string | undefined {
  if (component !== 'kube-apiserver') return undefined
  const odd = flagList(flags, 'authorization-mode').find((mode) => !MODES.includes(mode))
  return odd && `--authorization-mode: there is no mode ${odd}`
}

const SECURE_PORTS: Partial<Readonly<Record<ComponentName, number>>> = {
  'kube-apiserver': 6443,
  'kube-controller-manager': 10257,
  'kube-scheduler': 10259,
}

/** A probe at a port where the program does not listen. */
function portProblem({ component, flags, probes, unseenFlags }: Launch): string | undefined {
  if (unseenFlags !== undefined) return undefined
  const secure = SECURE_PORTS[component]
  const urls = [...flags].flatMap(([name, values]) =>
    name.startsWith('listen-') ? values.join(',').split(',') : [],
  )
  const listens = (port: number, scheme: string): boolean =>
    component === 'etcd'
      ? urls.some((url) => url.startsWith(`${scheme}:`) && url.endsWith(`:${port}`))
      : secure === undefined ||
        (Number(flagOf(flags, 'secure-port') ?? secure) === port) === (scheme === 'https')
  const lost = probes.find(
    ({ port, scheme }) => typeof port === 'number' && !listens(port, scheme.toLowerCase()),
  )
  return (
    lost &&
    `its ${lost.kind} probe asks port ${lost.port} by ${lost.scheme}, where it does not listen`
  )
}

/** The kubelet's probes show no identity: answered with 401 they get the API server ended. */
function probeProblem(node: NodeEvidence, launch: Launch): string | undefined {
  const { component, flags, probes } = launch
  if (component !== 'kube-apiserver' || probes.length === 0) return undefined
  const why = 'has its probes refused (401), and the kubelet ends it'
  // kube-apiserver turns anonymous requests off by itself beside the flag’s AlwaysAllow.
  if (!flags.has('authorization-config') && isAlwaysAllow(node, launch))
    return `the authorization mode AlwaysAllow turns anonymous requests off, which ${why}`
  const isAnonymous = !flags.has('anonymous-auth') || flagIsTrue(flags, 'anonymous-auth')
  return isAnonymous ? undefined : `--anonymous-auth=false ${why}`
}

function removedProblem({ component, flags, version }: Launch): string | undefined {
  const [removed] = version === undefined ? [] : removedFlagsOf(component, flags, version)
  return removed && `--${removed.flag} is unknown to ${component} since ${removed.until}`
}

/** What is wrong with a command line by itself, whatever the files say. */
export function flagProblem(home: NodeEvidence, launch: Launch): Refusal | undefined {
  const message =
    removedProblem(launch) ??
    missingProblem(launch) ??
    modeProblem(launch) ??
    exclusionProblem(launch) ??
    tlsProblem(launch) ??
    portProblem(launch) ??
    probeProblem(home, launch)
  if (message === undefined) return undefined
  const { node, path } = launch
  return { code: 'flag', message, node, ...(path !== undefined && { path }) }
}
