import { flagOf } from '../command-line.js'
import { at, textOf } from '../documents.js'
import type { Estate, KubeletFacts } from '../estate.js'
import type { Rule } from '../types.js'
import { CIS, each, rule } from './row.js'

interface Item {
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
  return flagOf(kubelet.flags, flag) ?? textOf(at(kubelet.config, ...field))
}

const ITEMS: readonly Item[] = [
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

const configured = ({ nodes }: Estate) =>
  nodes.flatMap((node) => (node.kubelet?.config ? [{ node, kubelet: node.kubelet }] : []))

export const CIS_KUBELET_RULES: readonly Rule[] = ITEMS.map((item) =>
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
