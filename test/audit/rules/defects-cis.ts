import { type Defect, defect } from './defect.js'

const PLANES = ['controlplane', 'controlplane2']
const CONFIG = 'var/lib/kubelet/config.yaml'

/** A flag with its good and its bad value (undefined: not set). */
function flag(
  rule: string,
  component: string,
  name: string,
  good: string | undefined,
  bad: string | undefined,
): Defect {
  return defect(
    rule,
    `${component} --${name}=${bad ?? '(unset)'}`,
    (e) => set(e, component, name, bad),
    {
      profile: 'cis',
      twin: (e) => set(e, component, name, good),
    },
  )
}

function set(
  e: Parameters<Defect['mutate']>[0],
  component: string,
  name: string,
  value: string | undefined,
): void {
  const has = new RegExp(`- --${name}[=\\n]`)
  for (const node of PLANES) {
    const given = has.test(e.text(`etc/kubernetes/manifests/${component}.yaml`, node))
    if (!given && value === undefined) continue
    e.flag(component, name, 'kpki-placeholder', node)
    e.flag(component, name, value, node)
  }
}

/** A line of the kubelet's configuration on every node, good and bad. */
function kubelet(
  rule: string,
  key: string,
  good: string | undefined,
  bad: string | undefined,
): Defect {
  const write = (value: string | undefined) => (e: Parameters<Defect['mutate']>[0]) =>
    e.everywhere((node) => {
      const without = e.text(CONFIG, node).replace(new RegExp(`^${key}: .*\\n`, 'm'), '')
      e.write(CONFIG, value === undefined ? without : `${without}${key}: ${value}\n`, node)
    })
  return defect(rule, `kubelet ${key}: ${bad ?? '(unset)'}`, write(bad), {
    profile: 'cis',
    twin: write(good),
  })
}

const api = 'kube-apiserver'
const manager = 'kube-controller-manager'
const edit = (rule: string, name: string, from: RegExp, to: string): Defect =>
  defect(rule, name, (e) => e.replace(CONFIG, from, to, 'worker1'), { profile: 'cis' })

export const CIS_DEFECTS: readonly Defect[] = [
  flag('M19', api, 'anonymous-auth', 'false', 'true'),
  flag('M20', api, 'token-auth-file', undefined, '/etc/kubernetes/tokens.csv'),
  flag(
    'M21',
    api,
    'enable-admission-plugins',
    'NodeRestriction,DenyServiceExternalIPs',
    'NodeRestriction',
  ),
  flag(
    'M22',
    api,
    'kubelet-client-key',
    '/etc/kubernetes/pki/apiserver-kubelet-client.key',
    undefined,
  ),
  flag('M23', api, 'authorization-mode', 'Node,RBAC', 'AlwaysAllow'),
  flag('M24', api, 'authorization-mode', 'Node,RBAC', 'RBAC'),
  flag('M25', api, 'authorization-mode', 'Node,RBAC', 'Node'),
  flag('M26', api, 'enable-admission-plugins', 'NodeRestriction,EventRateLimit', 'NodeRestriction'),
  flag('M27', api, 'enable-admission-plugins', 'NodeRestriction', 'AlwaysAdmit'),
  flag(
    'M28',
    api,
    'enable-admission-plugins',
    'NodeRestriction,AlwaysPullImages',
    'NodeRestriction',
  ),
  flag('M29', api, 'disable-admission-plugins', undefined, 'ServiceAccount'),
  flag('M30', api, 'disable-admission-plugins', undefined, 'NamespaceLifecycle'),
  flag('M31', api, 'enable-admission-plugins', 'NodeRestriction', 'PodNodeSelector'),
  flag('M32', api, 'profiling', 'false', 'true'),
  flag('M33', api, 'audit-log-path', '/var/log/audit.log', undefined),
  flag('M34', api, 'audit-log-maxage', '30', '7'),
  flag('M35', api, 'audit-log-maxbackup', '10', '1'),
  flag('M36', api, 'audit-log-maxsize', '100', '10'),
  flag('M37', api, 'service-account-lookup', undefined, 'false'),
  flag('M38', api, 'etcd-keyfile', '/etc/kubernetes/pki/apiserver-etcd-client.key', undefined),
  flag('M39', api, 'tls-private-key-file', '/etc/kubernetes/pki/apiserver.key', undefined),
  flag('M40', api, 'client-ca-file', '/etc/kubernetes/pki/ca.crt', undefined),
  flag('M41', api, 'etcd-cafile', '/etc/kubernetes/pki/etcd/ca.crt', undefined),
  flag('M42', api, 'service-account-extend-token-expiration', 'false', undefined),
  flag('M43', manager, 'terminated-pod-gc-threshold', '100', undefined),
  flag('M44', manager, 'profiling', 'false', undefined),
  flag('M45', manager, 'use-service-account-credentials', 'true', 'false'),
  flag('M46', manager, 'service-account-private-key-file', '/etc/kubernetes/pki/sa.key', undefined),
  flag('M47', manager, 'feature-gates', undefined, 'RotateKubeletServerCertificate=false'),
  flag('M48', manager, 'bind-address', '127.0.0.1', '0.0.0.0'),
  flag('M49', 'kube-scheduler', 'profiling', 'false', undefined),
  flag('M50', 'kube-scheduler', 'bind-address', '127.0.0.1', '0.0.0.0'),
  flag('M51', 'etcd', 'key-file', '/etc/kubernetes/pki/etcd/server.key', undefined),
  flag('M52', 'etcd', 'peer-key-file', '/etc/kubernetes/pki/etcd/peer.key', undefined),
  edit(
    'M53',
    'anonymous requests',
    /anonymous:\n +enabled: false/,
    'anonymous:\n    enabled: true',
  ),
  edit('M54', 'AlwaysAllow', /mode: Webhook/, 'mode: AlwaysAllow'),
  kubelet('M55', 'readOnlyPort', '0', '10255'),
  defect(
    'M56',
    'kubelet --streaming-connection-idle-timeout=0',
    (e) => argument(e, '--streaming-connection-idle-timeout=0'),
    { profile: 'cis' },
  ),
  kubelet('M57', 'makeIPTablesUtilChains', 'true', 'false'),
  defect('M58', 'kubelet --hostname-override', (e) => argument(e, '--hostname-override=worker1'), {
    profile: 'cis',
    twin: (e) =>
      e.everywhere((node) =>
        e.write('var/lib/kubelet/kubeadm-flags.env', 'KUBELET_KUBEADM_ARGS=""\n', node),
      ),
  }),
  kubelet('M59', 'eventRecordQPS', '5', '-1'),
  kubelet('M60', 'serverTLSBootstrap', 'true', undefined),
  kubelet('M61', 'featureGates', undefined, '{ RotateKubeletServerCertificate: false }'),
  kubelet('M62', 'podPidsLimit', '4096', undefined),
  kubelet('M63', 'seccompDefault', 'true', undefined),
]

function argument(e: Parameters<Defect['mutate']>[0], text: string): void {
  e.write('var/lib/kubelet/kubeadm-flags.env', `KUBELET_KUBEADM_ARGS="${text}"\n`, 'worker1')
}
