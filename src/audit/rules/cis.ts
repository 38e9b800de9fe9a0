import type { ComponentName } from '../../manifests/flags.js'
import { type Flags, flagIsTrue, flagList, flagOf } from '../../values/command-line.js'
import { at, scalarText } from '../../values/json.js'
import type { Evidence, KubeletFacts } from '../read/evidence.js'
import type { Rule } from '../types.js'
import { launchesOf } from './by-evidence.js'
import { aboutLaunch } from './manifests.js'
import { CIS, each, rule } from './rule.js'

/** One item of the CIS Kubernetes Benchmark about a command line. */
export interface FlagItem {
  readonly code: string
  readonly id: string
  /** Number in the benchmark (kube-bench profiles cis-1.11 and cis-1.12). */
  readonly cis: string
  readonly component: ComponentName
  /** What is expected, after "CIS <number> wants". */
  readonly wants: string
  readonly why: string
  readonly passes: (flags: Flags) => boolean
  /** Items that kube-bench scores are warnings, the others information. */
  readonly scored: boolean
}

export const is = (flag: string, value: string) => (flags: Flags) => flagOf(flags, flag) === value
export const isSet = (flag: string) => (flags: Flags) => flagOf(flags, flag) !== undefined
export const isNot = (flag: string, value: string) => (flags: Flags) =>
  flagOf(flags, flag) !== value
export const has = (flag: string, value: string) => (flags: Flags) =>
  flagList(flags, flag).includes(value)
export const lacks = (flag: string, value: string) => (flags: Flags) =>
  !flagList(flags, flag).includes(value)
export const atLeast = (flag: string, least: number) => (flags: Flags) =>
  Number(flagOf(flags, flag) ?? Number.NaN) >= least
export const local = (flags: Flags) =>
  ['127.0.0.1', '::1', undefined].includes(flagOf(flags, 'bind-address'))

export const PROFILING = 'Profiling tells much about the system to whoever may ask.'

const api = 'kube-apiserver'
const AUDIT = 'Without an audit trail nobody can tell afterwards who did what.'

/** Section 1.2: the API server. */
export const API_SERVER_ITEMS: readonly FlagItem[] = [
  {
    code: 'M19',
    id: 'cis-anonymous-auth',
    cis: '1.2.1',
    component: api,
    wants: '--anonymous-auth=false',
    why: 'Anonymous requests are then refused outright; kubeadm needs them for discovery and its probes.',
    passes: is('anonymous-auth', 'false'),
    scored: false,
  },
  {
    code: 'M20',
    id: 'cis-token-auth-file',
    cis: '1.2.2',
    component: api,
    wants: 'no --token-auth-file',
    why: 'Static tokens do not end and are changed only with a restart.',
    passes: (flags) => !flags.has('token-auth-file'),
    scored: true,
  },
  {
    code: 'M21',
    id: 'cis-deny-external-ips',
    cis: '1.2.3',
    component: api,
    wants: 'the admission plugin DenyServiceExternalIPs',
    why: 'A Service with externalIPs takes other hosts’ traffic (CVE-2020-8554).',
    passes: has('enable-admission-plugins', 'DenyServiceExternalIPs'),
    scored: false,
  },
  {
    code: 'M22',
    id: 'cis-kubelet-client',
    cis: '1.2.4',
    component: api,
    wants: '--kubelet-client-certificate and --kubelet-client-key',
    why: 'Without them the API server is nobody to its kubelets.',
    passes: (flags) =>
      isSet('kubelet-client-certificate')(flags) && isSet('kubelet-client-key')(flags),
    scored: true,
  },
  {
    code: 'M23',
    id: 'cis-always-allow',
    cis: '1.2.6',
    component: api,
    wants: 'no AlwaysAllow in --authorization-mode',
    why: 'Everybody may do everything.',
    passes: (flags) =>
      lacks('authorization-mode', 'AlwaysAllow')(flags) &&
      (isSet('authorization-mode')(flags) || isSet('authorization-config')(flags)),
    scored: true,
  },
  {
    code: 'M24',
    id: 'cis-authorization-node',
    cis: '1.2.7',
    component: api,
    wants: 'Node in --authorization-mode',
    why: 'Without the node authorizer a kubelet needs rights over all nodes.',
    passes: (flags) =>
      has('authorization-mode', 'Node')(flags) || isSet('authorization-config')(flags),
    scored: true,
  },
  {
    code: 'M25',
    id: 'cis-authorization-rbac',
    cis: '1.2.8',
    component: api,
    wants: 'RBAC in --authorization-mode',
    why: 'Without RBAC there are no fine-grained rights.',
    passes: (flags) =>
      has('authorization-mode', 'RBAC')(flags) || isSet('authorization-config')(flags),
    scored: true,
  },
  {
    code: 'M26',
    id: 'cis-event-rate-limit',
    cis: '1.2.9',
    component: api,
    wants: 'the admission plugin EventRateLimit',
    why: 'A pod that makes events without end fills etcd.',
    passes: has('enable-admission-plugins', 'EventRateLimit'),
    scored: false,
  },
  {
    code: 'M27',
    id: 'cis-always-admit',
    cis: '1.2.10',
    component: api,
    wants: 'no admission plugin AlwaysAdmit',
    why: 'It lets every object in.',
    passes: lacks('enable-admission-plugins', 'AlwaysAdmit'),
    scored: true,
  },
  {
    code: 'M28',
    id: 'cis-always-pull-images',
    cis: '1.2.11',
    component: api,
    wants: 'the admission plugin AlwaysPullImages',
    why: 'A pod may otherwise use a private image that another one has pulled.',
    passes: has('enable-admission-plugins', 'AlwaysPullImages'),
    scored: false,
  },
  {
    code: 'M29',
    id: 'cis-service-account-plugin',
    cis: '1.2.12',
    component: api,
    wants: 'the admission plugin ServiceAccount left on',
    why: 'Pods get no token without it.',
    passes: lacks('disable-admission-plugins', 'ServiceAccount'),
    scored: true,
  },
  {
    code: 'M30',
    id: 'cis-namespace-lifecycle',
    cis: '1.2.13',
    component: api,
    wants: 'the admission plugin NamespaceLifecycle left on',
    why: 'Objects are otherwise made in namespaces that are going away.',
    passes: lacks('disable-admission-plugins', 'NamespaceLifecycle'),
    scored: true,
  },
  {
    code: 'M31',
    id: 'cis-node-restriction',
    cis: '1.2.14',
    component: api,
    wants: 'the admission plugin NodeRestriction',
    why: 'Without it a kubelet may change other nodes and their pods.',
    passes: has('enable-admission-plugins', 'NodeRestriction'),
    scored: true,
  },
  {
    code: 'M32',
    id: 'cis-apiserver-profiling',
    cis: '1.2.15',
    component: api,
    wants: '--profiling=false',
    why: PROFILING,
    passes: is('profiling', 'false'),
    scored: true,
  },
  {
    code: 'M33',
    id: 'cis-audit-log-path',
    cis: '1.2.16',
    component: api,
    wants: '--audit-log-path',
    why: AUDIT,
    passes: isSet('audit-log-path'),
    scored: true,
  },
  {
    code: 'M34',
    id: 'cis-audit-log-maxage',
    cis: '1.2.17',
    component: api,
    wants: '--audit-log-maxage of 30 or more',
    why: AUDIT,
    passes: atLeast('audit-log-maxage', 30),
    scored: true,
  },
  {
    code: 'M35',
    id: 'cis-audit-log-maxbackup',
    cis: '1.2.18',
    component: api,
    wants: '--audit-log-maxbackup of 10 or more',
    why: AUDIT,
    passes: atLeast('audit-log-maxbackup', 10),
    scored: true,
  },
  {
    code: 'M36',
    id: 'cis-audit-log-maxsize',
    cis: '1.2.19',
    component: api,
    wants: '--audit-log-maxsize of 100 or more',
    why: AUDIT,
    passes: atLeast('audit-log-maxsize', 100),
    scored: true,
  },
  {
    code: 'M37',
    id: 'cis-service-account-lookup',
    cis: '1.2.21',
    component: api,
    wants: '--service-account-lookup not false',
    why: 'Tokens of deleted service accounts stay good.',
    passes: isNot('service-account-lookup', 'false'),
    scored: true,
  },
  {
    code: 'M38',
    id: 'cis-etcd-client-pair',
    cis: '1.2.23',
    component: api,
    wants: '--etcd-certfile and --etcd-keyfile',
    why: 'etcd cannot know the API server.',
    passes: (flags) => isSet('etcd-certfile')(flags) && isSet('etcd-keyfile')(flags),
    scored: true,
  },
  {
    code: 'M39',
    id: 'cis-tls-pair',
    cis: '1.2.24',
    component: api,
    wants: '--tls-cert-file and --tls-private-key-file',
    why: 'The API server makes a self-signed certificate otherwise.',
    passes: (flags) => isSet('tls-cert-file')(flags) && isSet('tls-private-key-file')(flags),
    scored: true,
  },
  {
    code: 'M40',
    id: 'cis-client-ca-file',
    cis: '1.2.25',
    component: api,
    wants: '--client-ca-file',
    why: 'No client certificate is accepted without it.',
    passes: isSet('client-ca-file'),
    scored: true,
  },
  {
    code: 'M41',
    id: 'cis-etcd-cafile',
    cis: '1.2.26',
    component: api,
    wants: '--etcd-cafile',
    why: 'The API server would trust any etcd that the system’s roots vouch for.',
    passes: isSet('etcd-cafile'),
    scored: true,
  },
  {
    code: 'M42',
    id: 'cis-extend-token',
    cis: '1.2.30',
    component: api,
    wants: '--service-account-extend-token-expiration=false',
    why: 'Projected tokens live a year instead of an hour.',
    passes: is('service-account-extend-token-expiration', 'false'),
    scored: false,
  },
]

const manager = 'kube-controller-manager'

/** Sections 1.3, 1.4 and 2: controller manager, scheduler, etcd. */
const ITEMS: readonly FlagItem[] = [
  {
    code: 'M43',
    id: 'cis-pod-gc-threshold',
    cis: '1.3.1',
    component: manager,
    wants: '--terminated-pod-gc-threshold',
    why: 'Dead pods fill etcd.',
    passes: isSet('terminated-pod-gc-threshold'),
    scored: false,
  },
  {
    code: 'M44',
    id: 'cis-manager-profiling',
    cis: '1.3.2',
    component: manager,
    wants: '--profiling=false',
    why: PROFILING,
    passes: is('profiling', 'false'),
    scored: true,
  },
  {
    code: 'M45',
    id: 'cis-service-account-credentials',
    cis: '1.3.3',
    component: manager,
    wants: '--use-service-account-credentials=true',
    why: 'All controllers share one identity with all their rights.',
    passes: (flags) => flagIsTrue(flags, 'use-service-account-credentials'),
    scored: true,
  },
  {
    code: 'M46',
    id: 'cis-manager-private-key',
    cis: '1.3.4',
    component: manager,
    wants: '--service-account-private-key-file',
    why: 'Token Secrets are not filled.',
    passes: isSet('service-account-private-key-file'),
    scored: true,
  },
  {
    code: 'M47',
    id: 'cis-rotate-serving',
    cis: '1.3.6',
    component: manager,
    wants: 'RotateKubeletServerCertificate not off',
    why: 'Kubelets cannot renew what they serve with.',
    passes: lacks('feature-gates', 'RotateKubeletServerCertificate=false'),
    scored: true,
  },
  {
    code: 'M48',
    id: 'cis-manager-bind-address',
    cis: '1.3.7',
    component: manager,
    wants: '--bind-address=127.0.0.1',
    why: 'Its metrics and health are for this machine only.',
    passes: local,
    scored: true,
  },
  {
    code: 'M49',
    id: 'cis-scheduler-profiling',
    cis: '1.4.1',
    component: 'kube-scheduler',
    wants: '--profiling=false',
    why: PROFILING,
    passes: is('profiling', 'false'),
    scored: true,
  },
  {
    code: 'M50',
    id: 'cis-scheduler-bind-address',
    cis: '1.4.2',
    component: 'kube-scheduler',
    wants: '--bind-address=127.0.0.1',
    why: 'Its metrics and health are for this machine only.',
    passes: local,
    scored: true,
  },
  {
    code: 'M51',
    id: 'cis-etcd-pair',
    cis: '2.1',
    component: 'etcd',
    wants: '--cert-file and --key-file',
    why: 'Clients reach etcd in clear text.',
    passes: (flags) => isSet('cert-file')(flags) && isSet('key-file')(flags),
    scored: true,
  },
  {
    code: 'M52',
    id: 'cis-etcd-peer-pair',
    cis: '2.4',
    component: 'etcd',
    wants: '--peer-cert-file and --peer-key-file',
    why: 'Members speak in clear text.',
    passes: (flags) => isSet('peer-cert-file')(flags) && isSet('peer-key-file')(flags),
    scored: true,
  },
]

export const CIS_FLAG_RULES: readonly Rule[] = [...API_SERVER_ITEMS, ...ITEMS].map((item) =>
  rule(item.code, item.id, item.scored ? 'M' : 'L', item.scored ? 'warning' : 'info', {
    title: `${item.component}: ${item.wants}`,
    citation: `CIS ${item.cis}`,
    why: item.why,
    fix: `change the command line of ${item.component}: ${item.wants}`,
    needs: 'manifests',
    profiles: CIS,
    check: each(
      (evidence: Evidence) => launchesOf(evidence, item.component),
      (one) =>
        item.passes(one.launch.flags)
          ? undefined
          : aboutLaunch(one, `does not have what CIS ${item.cis} wants: ${item.wants}`),
    ),
  }),
)

interface KubeletItem {
  readonly code: string
  readonly id: string
  readonly cis: string
  readonly wants: string
  readonly why: string
  readonly passes: (kubelet: KubeletFacts) => boolean
  readonly scored: boolean
}

/** A setting by flag, else by its field of the configuration. */
function setting(kubelet: KubeletFacts, flag: string, ...field: readonly string[]) {
  return flagOf(kubelet.flags, flag) ?? scalarText(at(kubelet.config, ...field))
}

const KUBELET_ITEMS: readonly KubeletItem[] = [
  {
    code: 'M53',
    id: 'cis-kubelet-anonymous',
    cis: '4.2.1',
    wants: 'authentication.anonymous.enabled: false',
    why: 'Anonymous requests reach the kubelet’s API.',
    passes: ({ anonymous }) => !anonymous,
    scored: true,
  },
  {
    code: 'M54',
    id: 'cis-kubelet-authorization',
    cis: '4.2.2',
    wants: 'an authorization.mode other than AlwaysAllow',
    why: 'Every client of the cluster may exec into every pod of the node.',
    passes: ({ authorizationMode }) => authorizationMode !== 'AlwaysAllow',
    scored: true,
  },
  {
    code: 'M55',
    id: 'cis-kubelet-read-only-port',
    cis: '4.2.4',
    wants: 'readOnlyPort: 0',
    why: 'Whoever reaches the port reads all pod specifications of the node.',
    passes: (kubelet) => (setting(kubelet, 'read-only-port', 'readOnlyPort') ?? '0') === '0',
    scored: false,
  },
  {
    code: 'M56',
    id: 'cis-kubelet-idle-timeout',
    cis: '4.2.5',
    wants:
      'a streamingConnectionIdleTimeout (a configuration’s 0s stands for the default of four hours)',
    why: 'Connections that nobody uses stay open.',
    passes: ({ flags }) =>
      !/^0[a-z]*$/.test(flagOf(flags, 'streaming-connection-idle-timeout') ?? '4h'),
    scored: false,
  },
  {
    code: 'M57',
    id: 'cis-kubelet-iptables',
    cis: '4.2.6',
    wants: 'makeIPTablesUtilChains: true',
    why: 'Hand-made firewall rules and those of kube-proxy get into each other’s way.',
    passes: (kubelet) =>
      setting(kubelet, 'make-iptables-util-chains', 'makeIPTablesUtilChains') !== 'false',
    scored: true,
  },
  {
    code: 'M58',
    id: 'cis-kubelet-hostname-override',
    cis: '4.2.7',
    wants: 'no --hostname-override',
    why: 'The node’s name, and so its certificate, no longer follows from the machine.',
    passes: ({ hostnameOverride }) => hostnameOverride === undefined,
    scored: false,
  },
  {
    code: 'M59',
    id: 'cis-kubelet-event-qps',
    cis: '4.2.8',
    wants: 'an eventRecordQPS of 0 or more',
    why: 'Events that tell of an attack may be dropped.',
    passes: (kubelet) => Number(setting(kubelet, 'event-qps', 'eventRecordQPS') ?? 0) >= 0,
    scored: false,
  },
  {
    code: 'M60',
    id: 'cis-kubelet-tls-pair',
    cis: '4.2.9',
    wants: 'tlsCertFile and tlsPrivateKeyFile, or serverTLSBootstrap',
    why: 'The kubelet serves a certificate of its own making, unless one lies in its directory.',
    passes: ({ tlsCertFile, tlsPrivateKeyFile, serverTlsBootstrap }) =>
      serverTlsBootstrap || (tlsCertFile !== undefined && tlsPrivateKeyFile !== undefined),
    scored: false,
  },
  {
    code: 'M61',
    id: 'cis-kubelet-rotate-serving',
    cis: '4.2.11',
    wants: 'RotateKubeletServerCertificate not off',
    why: 'The serving certificate is not renewed.',
    passes: ({ config }) => at(config, 'featureGates', 'RotateKubeletServerCertificate') !== false,
    scored: false,
  },
  {
    code: 'M62',
    id: 'cis-kubelet-pod-pids',
    cis: '4.2.13',
    wants: 'podPidsLimit',
    why: 'One pod takes all process numbers of the node.',
    passes: (kubelet) => setting(kubelet, 'pod-max-pids', 'podPidsLimit') !== undefined,
    scored: false,
  },
  {
    code: 'M63',
    id: 'cis-kubelet-seccomp',
    cis: '4.2.14',
    wants: 'seccompDefault: true',
    why: 'Containers may use every system call.',
    passes: (kubelet) => setting(kubelet, 'seccomp-default', 'seccompDefault') === 'true',
    scored: false,
  },
]

const configured = ({ nodes }: Evidence) =>
  nodes.flatMap((node) => (node.kubelet?.config ? [{ node, kubelet: node.kubelet }] : []))

export const CIS_KUBELET_RULES: readonly Rule[] = KUBELET_ITEMS.map((item) =>
  rule(item.code, item.id, item.scored ? 'M' : 'L', item.scored ? 'warning' : 'info', {
    title: `kubelet: ${item.wants}`,
    citation: `CIS ${item.cis}`,
    why: item.why,
    fix: `in the kubelet’s configuration: ${item.wants}`,
    needs: 'manifests',
    profiles: CIS,
    check: each(configured, ({ node, kubelet }) => {
      const path = kubelet.configPath
      return item.passes(kubelet)
        ? undefined
        : {
            node: node.name,
            ...(path !== undefined && { path }),
            message: `the kubelet of ${node.name} does not have what CIS ${item.cis} wants: ${item.wants}`,
          }
    }),
  }),
)
