import { type Defect, defect, error, type Grade, info, NODES, PLANES, warning } from './defect.js'

const CONFIG = 'var/lib/kubelet/config.yaml'

/** A flag with its good and its bad value (undefined: not set). */
function flag(
  rule: string,
  grade: Grade,
  component: string,
  name: string,
  good: string | undefined,
  bad: string | undefined,
): Defect {
  return defect(
    rule,
    `${component} --${name}=${bad ?? '(unset)'}`,
    grade(`manifests/${component}.yaml`, ...PLANES),
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
  grade: Grade,
  key: string,
  good: string | undefined,
  bad: string | undefined,
): Defect {
  const write = (value: string | undefined) => (e: Parameters<Defect['mutate']>[0]) =>
    e.everywhere((node) => {
      const without = e.text(CONFIG, node).replace(new RegExp(`^${key}: .*\\n`, 'm'), '')
      e.write(CONFIG, value === undefined ? without : `${without}${key}: ${value}\n`, node)
    })
  const accused = grade(`/${CONFIG}`, ...NODES)
  return defect(rule, `kubelet ${key}: ${bad ?? '(unset)'}`, accused, write(bad), {
    profile: 'cis',
    twin: write(good),
  })
}

const api = 'kube-apiserver'
const manager = 'kube-controller-manager'
const edit = (rule: string, grade: Grade, name: string, from: RegExp, to: string): Defect =>
  defect(
    rule,
    name,
    grade(`/${CONFIG}`, 'worker1'),
    (e) => e.replace(CONFIG, from, to, 'worker1'),
    { profile: 'cis' },
  )

export const CIS_DEFECTS: readonly Defect[] = [
  flag('M19', info, api, 'anonymous-auth', 'false', 'true'),
  flag('M20', warning, api, 'token-auth-file', undefined, '/etc/kubernetes/tokens.csv'),
  flag(
    'M21',
    info,
    api,
    'enable-admission-plugins',
    'NodeRestriction,DenyServiceExternalIPs',
    'NodeRestriction',
  ),
  flag(
    'M22',
    warning,
    api,
    'kubelet-client-key',
    '/etc/kubernetes/pki/apiserver-kubelet-client.key',
    undefined,
  ),
  flag('M23', error, api, 'authorization-mode', 'Node,RBAC', 'AlwaysAllow'),
  flag('M24', error, api, 'authorization-mode', 'Node,RBAC', 'RBAC'),
  flag('M25', error, api, 'authorization-mode', 'Node,RBAC', 'Node'),
  flag(
    'M26',
    info,
    api,
    'enable-admission-plugins',
    'NodeRestriction,EventRateLimit',
    'NodeRestriction',
  ),
  flag('M27', warning, api, 'enable-admission-plugins', 'NodeRestriction', 'AlwaysAdmit'),
  flag(
    'M28',
    info,
    api,
    'enable-admission-plugins',
    'NodeRestriction,AlwaysPullImages',
    'NodeRestriction',
  ),
  flag('M29', warning, api, 'disable-admission-plugins', undefined, 'ServiceAccount'),
  flag('M30', warning, api, 'disable-admission-plugins', undefined, 'NamespaceLifecycle'),
  flag('M31', error, api, 'enable-admission-plugins', 'NodeRestriction', 'PodNodeSelector'),
  flag('M32', warning, api, 'profiling', 'false', 'true'),
  flag('M33', warning, api, 'audit-log-path', '/var/log/audit.log', undefined),
  flag('M34', warning, api, 'audit-log-maxage', '30', '7'),
  flag('M35', warning, api, 'audit-log-maxbackup', '10', '1'),
  flag('M36', warning, api, 'audit-log-maxsize', '100', '10'),
  flag('M37', error, api, 'service-account-lookup', undefined, 'false'),
  flag(
    'M38',
    warning,
    api,
    'etcd-keyfile',
    '/etc/kubernetes/pki/apiserver-etcd-client.key',
    undefined,
  ),
  flag('M39', warning, api, 'tls-private-key-file', '/etc/kubernetes/pki/apiserver.key', undefined),
  flag('M40', warning, api, 'client-ca-file', '/etc/kubernetes/pki/ca.crt', undefined),
  flag('M41', warning, api, 'etcd-cafile', '/etc/kubernetes/pki/etcd/ca.crt', undefined),
  flag('M42', info, api, 'service-account-extend-token-expiration', 'false', undefined),
  flag('M43', info, manager, 'terminated-pod-gc-threshold', '100', undefined),
  flag('M44', warning, manager, 'profiling', 'false', undefined),
  flag('M45', error, manager, 'use-service-account-credentials', 'true', 'false'),
  flag(
    'M46',
    warning,
    manager,
    'service-account-private-key-file',
    '/etc/kubernetes/pki/sa.key',
    undefined,
  ),
  flag('M47', warning, manager, 'feature-gates', undefined, 'RotateKubeletServerCertificate=false'),
  flag('M48', warning, manager, 'bind-address', '127.0.0.1', '0.0.0.0'),
  flag('M49', warning, 'kube-scheduler', 'profiling', 'false', undefined),
  flag('M50', warning, 'kube-scheduler', 'bind-address', '127.0.0.1', '0.0.0.0'),
  flag('M51', warning, 'etcd', 'key-file', '/etc/kubernetes/pki/etcd/server.key', undefined),
  flag('M52', warning, 'etcd', 'peer-key-file', '/etc/kubernetes/pki/etcd/peer.key', undefined),
  edit(
    'M53',
    warning,
    'anonymous requests',
    /anonymous:\n +enabled: false/,
    'anonymous:\n    enabled: true',
  ),
  edit('M54', error, 'AlwaysAllow', /mode: Webhook/, 'mode: AlwaysAllow'),
  kubelet('M55', error, 'readOnlyPort', '0', '10255'),
  defect(
    'M56',
    'kubelet --streaming-connection-idle-timeout=0',
    info('/var/lib/kubelet/kubeadm-flags.env', 'worker1'),
    (e) => argument(e, '--streaming-connection-idle-timeout=0'),
    { profile: 'cis' },
  ),
  kubelet('M57', warning, 'makeIPTablesUtilChains', 'true', 'false'),
  defect(
    'M58',
    'kubelet --hostname-override',
    info('/var/lib/kubelet/kubeadm-flags.env', 'worker1'),
    (e) => argument(e, '--hostname-override=worker1'),
    {
      profile: 'cis',
      twin: (e) =>
        e.everywhere((node) =>
          e.write('var/lib/kubelet/kubeadm-flags.env', 'KUBELET_KUBEADM_ARGS=""\n', node),
        ),
    },
  ),
  kubelet('M59', info, 'eventRecordQPS', '5', '-1'),
  kubelet('M60', info, 'serverTLSBootstrap', 'true', undefined),
  kubelet('M61', info, 'featureGates', undefined, '{ RotateKubeletServerCertificate: false }'),
  kubelet('M62', info, 'podPidsLimit', '4096', undefined),
  kubelet('M63', info, 'seccompDefault', 'true', undefined),
]

function argument(e: Parameters<Defect['mutate']>[0], text: string): void {
  e.write('var/lib/kubelet/kubeadm-flags.env', `KUBELET_KUBEADM_ARGS="${text}"\n`, 'worker1')
}
