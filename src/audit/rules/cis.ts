import type { ComponentName } from '../../manifests/flags.js'
import { groupBy } from '../../values/lists.js'
import type { Level, Rule, Severity } from '../types.js'
import { ALL, CIS, each, rule } from './rule.js'
import { configuredKubelets, kubeletSetting, launchesAs } from './subjects.js'

/** What is wanted of a setting. */
interface Wanted {
  /** Judges its values in order; there are none where it is not given. */
  readonly holds: (values: readonly string[]) => boolean
  /** In words, of flags as they are written. */
  readonly words: (flags: string) => string
}

/** What one item of the CIS Kubernetes Benchmark says of a component's settings. */
interface CisText {
  /** Each of them must be as `wanted`. */
  readonly flags?: readonly string[]
  /** The field of the kubelet's configuration, where the table of flags has none. */
  readonly field?: readonly string[]
  readonly wanted: Wanted
  /** Another setting that makes up for it. */
  readonly unless?: { readonly flag: string; readonly wanted: Wanted }
  /** What is expected, after "CIS <number> wants"; by default the words of `wanted`. */
  readonly wants?: string
  readonly why: string
  /** Items that kube-bench scores are warnings, the others information; default: true. */
  readonly scored?: false
  /** It holds for every cluster, not only where CIS is asked for, and is so grave. */
  readonly everywhere?: Severity
}

interface CisItem extends CisText {
  readonly code: string
  readonly id: string
  /** Number in the benchmark (kube-bench profiles cis-1.11 and cis-1.12). */
  readonly cis: string
  readonly component: ComponentName
}

function item(
  code: string,
  id: string,
  cis: string,
  component: ComponentName,
  text: CisText,
): CisItem {
  return { code, id, cis, component, ...text }
}

/** The value that counts; empty text counts as not given. */
const last = (values: readonly string[]) => values.at(-1) || undefined
const listOf = (values: readonly string[]) => values.flatMap((value) => value.split(','))

const isSet: Wanted = { holds: (values) => last(values) !== undefined, words: (flags) => flags }
const isAbsent: Wanted = { holds: ({ length }) => length === 0, words: (flags) => `no ${flags}` }
const isTrue: Wanted = {
  holds: (values) => /^(true|t|1)$/i.test(values.at(-1) ?? 'false'),
  words: (flags) => `${flags}=true`,
}
const oneOf = (...wanted: readonly (string | undefined)[]): Wanted => ({
  holds: (values) => wanted.includes(last(values)),
  words: (flags) => `${flags}=${wanted[0]}`,
})
const isNot = (value: string): Wanted => ({
  holds: (values) => last(values) !== value,
  words: (flags) => `${flags} not ${value}`,
})
const atLeast = (least: number, unset = Number.NaN): Wanted => ({
  holds: (values) => Number(last(values) ?? unset) >= least,
  words: (flags) => `${flags} of ${least} or more`,
})
const has = (one: string): Wanted => ({
  holds: (values) => listOf(values).includes(one),
  words: (flags) => `${one} in ${flags}`,
})
const lacks = (one: string): Wanted => ({
  holds: (values) => !listOf(values).includes(one),
  words: (flags) => `no ${one} in ${flags}`,
})
const plugin = (name: string): Wanted => ({
  ...has(name),
  words: () => `the admission plugin ${name}`,
})
const pluginLeftOn = (name: string): Wanted => ({
  ...lacks(name),
  words: () => `the admission plugin ${name} left on`,
})

const PROFILING = 'Profiling tells much about the system to whoever may ask.'

const api = 'kube-apiserver'
const AUDIT = 'Without an audit trail nobody can tell afterwards who did what.'

const manager = 'kube-controller-manager'

const ITEMS: readonly CisItem[] = [
  // Section 1.2: the API server.
  item('M19', 'cis-anonymous-auth', '1.2.1', api, {
    flags: ['anonymous-auth'],
    wanted: oneOf('false'),
    why: 'Anonymous requests are then refused outright; kubeadm needs them for discovery and its probes.',
    scored: false,
  }),
  item('M20', 'cis-token-auth-file', '1.2.2', api, {
    flags: ['token-auth-file'],
    wanted: isAbsent,
    why: 'Static tokens do not end and are changed only with a restart.',
  }),
  item('M21', 'cis-deny-external-ips', '1.2.3', api, {
    flags: ['enable-admission-plugins'],
    wanted: plugin('DenyServiceExternalIPs'),
    why: 'A Service with externalIPs takes other hosts’ traffic (CVE-2020-8554).',
    scored: false,
  }),
  item('M22', 'cis-kubelet-client', '1.2.4', api, {
    flags: ['kubelet-client-certificate', 'kubelet-client-key'],
    wanted: isSet,
    why: 'Without them the API server is nobody to its kubelets.',
  }),
  item('M26', 'cis-event-rate-limit', '1.2.9', api, {
    flags: ['enable-admission-plugins'],
    wanted: plugin('EventRateLimit'),
    why: 'A pod that makes events without end fills etcd.',
    scored: false,
  }),
  item('M27', 'cis-always-admit', '1.2.10', api, {
    flags: ['enable-admission-plugins'],
    wanted: lacks('AlwaysAdmit'),
    wants: 'no admission plugin AlwaysAdmit',
    why: 'It lets every object in.',
  }),
  item('M28', 'cis-always-pull-images', '1.2.11', api, {
    flags: ['enable-admission-plugins'],
    wanted: plugin('AlwaysPullImages'),
    why: 'A pod may otherwise use a private image that another one has pulled.',
    scored: false,
  }),
  item('M29', 'cis-service-account-plugin', '1.2.12', api, {
    flags: ['disable-admission-plugins'],
    wanted: pluginLeftOn('ServiceAccount'),
    why: 'Pods get no token without it.',
    everywhere: 'warning',
  }),
  item('M30', 'cis-namespace-lifecycle', '1.2.13', api, {
    flags: ['disable-admission-plugins'],
    wanted: pluginLeftOn('NamespaceLifecycle'),
    why: 'Objects are otherwise made in namespaces that are going away.',
    everywhere: 'warning',
  }),
  item('M31', 'cis-node-restriction', '1.2.14', api, {
    flags: ['enable-admission-plugins'],
    wanted: plugin('NodeRestriction'),
    why: 'Without it a kubelet may change other nodes and their pods.',
    everywhere: 'error',
  }),
  item('M32', 'cis-apiserver-profiling', '1.2.15', api, {
    flags: ['profiling'],
    wanted: oneOf('false'),
    why: PROFILING,
  }),
  item('M33', 'cis-audit-log-path', '1.2.16', api, {
    flags: ['audit-log-path'],
    wanted: isSet,
    why: AUDIT,
  }),
  item('M34', 'cis-audit-log-maxage', '1.2.17', api, {
    flags: ['audit-log-maxage'],
    wanted: atLeast(30),
    why: AUDIT,
  }),
  item('M35', 'cis-audit-log-maxbackup', '1.2.18', api, {
    flags: ['audit-log-maxbackup'],
    wanted: atLeast(10),
    why: AUDIT,
  }),
  item('M36', 'cis-audit-log-maxsize', '1.2.19', api, {
    flags: ['audit-log-maxsize'],
    wanted: atLeast(100),
    why: AUDIT,
  }),
  item('M37', 'cis-service-account-lookup', '1.2.21', api, {
    flags: ['service-account-lookup'],
    wanted: isNot('false'),
    why: 'Tokens of deleted service accounts stay good.',
    everywhere: 'error',
  }),
  item('M38', 'cis-etcd-client-pair', '1.2.23', api, {
    flags: ['etcd-certfile', 'etcd-keyfile'],
    wanted: isSet,
    why: 'etcd cannot know the API server.',
  }),
  item('M39', 'cis-tls-pair', '1.2.24', api, {
    flags: ['tls-cert-file', 'tls-private-key-file'],
    wanted: isSet,
    why: 'The API server makes a self-signed certificate otherwise.',
  }),
  item('M40', 'cis-client-ca-file', '1.2.25', api, {
    flags: ['client-ca-file'],
    wanted: isSet,
    why: 'No client certificate is accepted without it.',
  }),
  item('M41', 'cis-etcd-cafile', '1.2.26', api, {
    flags: ['etcd-cafile'],
    wanted: isSet,
    why: 'The API server would trust any etcd that the system’s roots vouch for.',
  }),
  item('M42', 'cis-extend-token', '1.2.30', api, {
    flags: ['service-account-extend-token-expiration'],
    wanted: oneOf('false'),
    why: 'Projected tokens live a year instead of an hour.',
    scored: false,
  }),
  // Sections 1.3, 1.4 and 2: controller manager, scheduler, etcd.
  item('M43', 'cis-pod-gc-threshold', '1.3.1', manager, {
    flags: ['terminated-pod-gc-threshold'],
    wanted: isSet,
    why: 'Dead pods fill etcd.',
    scored: false,
  }),
  item('M44', 'cis-manager-profiling', '1.3.2', manager, {
    flags: ['profiling'],
    wanted: oneOf('false'),
    why: PROFILING,
  }),
  item('M45', 'cis-service-account-credentials', '1.3.3', manager, {
    flags: ['use-service-account-credentials'],
    wanted: isTrue,
    why: 'All controllers share the controller manager’s identity, to which RBAC gives few of their rights: they get 403, or somebody has bound all rights to it.',
    everywhere: 'error',
  }),
  item('M46', 'cis-manager-private-key', '1.3.4', manager, {
    flags: ['service-account-private-key-file'],
    wanted: isSet,
    why: 'Token Secrets are not filled.',
  }),
  item('M47', 'cis-rotate-serving', '1.3.6', manager, {
    flags: ['feature-gates'],
    wanted: lacks('RotateKubeletServerCertificate=false'),
    wants: 'RotateKubeletServerCertificate not off',
    why: 'Kubelets cannot renew what they serve with.',
  }),
  item('M48', 'cis-manager-bind-address', '1.3.7', manager, {
    flags: ['bind-address'],
    wanted: oneOf('127.0.0.1', '::1'),
    why: 'Its metrics and health are for this machine only; without the flag it listens everywhere.',
    everywhere: 'warning',
  }),
  item('M49', 'cis-scheduler-profiling', '1.4.1', 'kube-scheduler', {
    flags: ['profiling'],
    wanted: oneOf('false'),
    why: PROFILING,
  }),
  item('M50', 'cis-scheduler-bind-address', '1.4.2', 'kube-scheduler', {
    flags: ['bind-address'],
    wanted: oneOf('127.0.0.1', '::1'),
    why: 'Its metrics and health are for this machine only; without the flag it listens everywhere.',
    everywhere: 'warning',
  }),
  item('M51', 'cis-etcd-pair', '2.1', 'etcd', {
    flags: ['cert-file', 'key-file'],
    wanted: isSet,
    why: 'Clients reach etcd in clear text.',
  }),
  item('M52', 'cis-etcd-peer-pair', '2.4', 'etcd', {
    flags: ['peer-cert-file', 'peer-key-file'],
    wanted: isSet,
    why: 'Members speak in clear text.',
  }),
  // Section 4.2: the kubelet.
  item('M53', 'cis-kubelet-anonymous', '4.2.1', 'kubelet', {
    flags: ['anonymous-auth'],
    wanted: isNot('true'),
    wants: 'authentication.anonymous.enabled: false',
    why: 'Anonymous requests reach the kubelet’s API.',
    everywhere: 'warning',
  }),
  item('M54', 'cis-kubelet-authorization', '4.2.2', 'kubelet', {
    flags: ['authorization-mode'],
    wanted: isNot('AlwaysAllow'),
    wants: 'an authorization.mode other than AlwaysAllow',
    why: 'Every client of the cluster may exec into every pod of the node.',
    everywhere: 'error',
  }),
  item('M55', 'cis-kubelet-read-only-port', '4.2.4', 'kubelet', {
    flags: ['read-only-port'],
    wanted: oneOf('0', undefined),
    wants: 'readOnlyPort: 0',
    why: 'Whoever reaches the port reads all pod specifications of the node.',
    everywhere: 'error',
  }),
  item('M56', 'cis-kubelet-idle-timeout', '4.2.5', 'kubelet', {
    flags: ['streaming-connection-idle-timeout'],
    wanted: { ...isSet, holds: (values) => !/^0[a-z]*$/.test(last(values) ?? '4h') },
    wants:
      'a streamingConnectionIdleTimeout (a configuration’s 0s stands for the default of four hours)',
    why: 'Connections that nobody uses stay open.',
    scored: false,
  }),
  item('M57', 'cis-kubelet-iptables', '4.2.6', 'kubelet', {
    flags: ['make-iptables-util-chains'],
    field: ['makeIPTablesUtilChains'],
    wanted: isNot('false'),
    wants: 'makeIPTablesUtilChains: true',
    why: 'Hand-made firewall rules and those of kube-proxy get into each other’s way.',
  }),
  item('M58', 'cis-kubelet-hostname-override', '4.2.7', 'kubelet', {
    flags: ['hostname-override'],
    wanted: oneOf(undefined),
    wants: 'no --hostname-override',
    why: 'The node’s name, and so its certificate, no longer follows from the machine.',
    scored: false,
  }),
  item('M59', 'cis-kubelet-event-qps', '4.2.8', 'kubelet', {
    flags: ['event-qps'],
    field: ['eventRecordQPS'],
    wanted: atLeast(0, 0),
    wants: 'an eventRecordQPS of 0 or more',
    why: 'Events that tell of an attack may be dropped.',
    scored: false,
  }),
  item('M60', 'cis-kubelet-tls-pair', '4.2.9', 'kubelet', {
    flags: ['tls-cert-file', 'tls-private-key-file'],
    wanted: isSet,
    unless: { flag: 'rotate-server-certificates', wanted: oneOf('true') },
    wants: 'tlsCertFile and tlsPrivateKeyFile, or serverTLSBootstrap',
    why: 'The kubelet serves a certificate of its own making, unless one lies in its directory.',
    scored: false,
  }),
  item('M61', 'cis-kubelet-rotate-serving', '4.2.11', 'kubelet', {
    field: ['featureGates', 'RotateKubeletServerCertificate'],
    wanted: isNot('false'),
    wants: 'RotateKubeletServerCertificate not off',
    why: 'The serving certificate is not renewed.',
    scored: false,
  }),
  item('M62', 'cis-kubelet-pod-pids', '4.2.13', 'kubelet', {
    flags: ['pod-max-pids'],
    field: ['podPidsLimit'],
    wanted: isSet,
    wants: 'podPidsLimit',
    why: 'One pod takes all process numbers of the node.',
    scored: false,
  }),
  item('M63', 'cis-kubelet-seccomp', '4.2.14', 'kubelet', {
    flags: ['seccomp-default'],
    field: ['seccompDefault'],
    wanted: oneOf('true'),
    wants: 'seccompDefault: true',
    why: 'Containers may use every system call.',
    scored: false,
  }),
]

const LEVELS: Readonly<Record<Severity, Level>> = { error: 'H', warning: 'M', info: 'L' }

function passes(
  { flags, wanted, unless }: CisItem,
  valuesOf: (flag?: string) => readonly string[],
): boolean {
  if (unless?.wanted.holds(valuesOf(unless.flag))) return true
  return flags ? flags.every((flag) => wanted.holds(valuesOf(flag))) : wanted.holds(valuesOf())
}

function wantsOf({ flags = [], wanted, wants }: CisItem): string {
  return wants ?? wanted.words(flags.map((flag) => `--${flag}`).join(' and '))
}

function checkOf(item: CisItem): Rule['check'] {
  const lacksIt = `does not have what CIS ${item.cis} wants: ${wantsOf(item)}`
  if (item.component !== 'kubelet')
    return each(
      launchesAs(item.component),
      ({ launch }) => !passes(item, (flag = '') => launch.flags.get(flag) ?? []) && lacksIt,
    )
  return each(configuredKubelets, (one) => {
    const setting = (flag?: string) => kubeletSetting(one, flag, item.field)
    const holds = passes(item, (flag) => {
      const { value } = setting(flag)
      return value === undefined ? [] : [value]
    })
    const { place } = setting(item.flags?.find((flag) => setting(flag).value !== undefined))
    return !holds && { ...place, message: `the kubelet of ${one.node.name} ${lacksIt}` }
  })
}

/** The rules of the benchmark by component and flag. */
export const CIS_FLAGS: ReadonlyMap<string, readonly string[]> = new Map(
  [
    ...groupBy(
      ITEMS.flatMap(({ code, component, flags = [] }) =>
        flags.map((flag) => ({ key: `${component} ${flag}`, code })),
      ),
      ({ key }) => key,
    ),
  ].map(([key, all]) => [key, all.map(({ code }) => code)]),
)

export const CIS_RULES: readonly Rule[] = ITEMS.map((item) => {
  const { code, id, cis, component, why, scored = true, everywhere } = item
  const wants = wantsOf(item)
  const severity = everywhere ?? (scored ? 'warning' : 'info')
  return rule(code, id, LEVELS[severity], severity, {
    title: `${component}: ${wants}`,
    citation: `CIS ${cis}`,
    why,
    fix:
      component === 'kubelet'
        ? `in the kubelet’s configuration: ${wants}`
        : `change the command line of ${component}: ${wants}`,
    needs: 'manifests',
    profiles: everywhere === undefined ? CIS : ALL,
    check: checkOf(item),
  })
})
