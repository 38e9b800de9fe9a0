import { type Defect, error, info, sourced, warning } from './defect.js'
import { MANIFESTS } from './mutate.js'

type E = Parameters<Defect['mutate']>[0]
const CONFIG = 'var/lib/kubelet/config.yaml'
const ENV = 'var/lib/kubelet/kubeadm-flags.env'
const API = 'kube-apiserver'
const API_FILE = `${MANIFESTS}/kube-apiserver.yaml`

const BIND = 'k8s.io/apiserver/pkg/server/options/serving.go: it listens on bind-address only'
const FILE_SOURCE =
  'k8s.io/kubernetes/pkg/kubelet/config/file.go: extractFromDir takes every file that does not begin with a dot, in order; the store keeps one pod of each name, the last'
const PROXY =
  'golang.org/x/net/http/httpproxy: every host that NO_PROXY does not name goes through HTTPS_PROXY'
const GODEBUG = 'https://go.dev/doc/godebug: GODEBUG restores the older behaviour'
const DROP_IN =
  'k8s.io/kubernetes/cmd/kubelet/app/server.go: mergeKubeletConfigurations merges every .conf below --config-dir over the file'
const LEGACY_FLAGS =
  'k8s.io/kubernetes/cmd/kubelet/app/server.go: flags win over the configuration file'

/** A line of a worker's kubelet configuration. */
const kubelet = (rule: string, source: string, grade: typeof error, line: string, good = '') =>
  sourced(rule, `kubelet ${line}`, source, grade(`/${CONFIG}`, 'worker1'), configured(line), {
    twin: good === '' ? () => undefined : configured(good),
  })
const configured = (line: string) => (e: E) => {
  const [key] = line.split(':')
  e.edit(
    CONFIG,
    (text) => `${text.replace(new RegExp(`^${key}: .*\\n`, 'm'), '')}${line}\n`,
    'worker1',
  )
}

/** An argument of a worker's kubelet. */
const argued = (rule: string, source: string, grade: typeof error, argument: string) =>
  sourced(
    rule,
    `kubelet ${argument}`,
    source,
    grade(`/${ENV}`, 'worker1'),
    (e) => e.write(ENV, `KUBELET_KUBEADM_ARGS="${argument}"\n`, 'worker1'),
    { twin: (e) => e.write(ENV, 'KUBELET_KUBEADM_ARGS=""\n', 'worker1') },
  )

/** A drop-in of a worker's kubelet configuration. */
const droppedIn = (rule: string, grade: typeof error, text: string) => {
  const folder = 'etc/kubernetes/kubelet.conf.d'
  const write = (lines: string) => (e: E) => {
    e.write(ENV, `KUBELET_KUBEADM_ARGS="--config-dir=/${folder}"\n`, 'worker1')
    e.write(
      `${folder}/10-site.conf`,
      `apiVersion: kubelet.config.k8s.io/v1beta1\nkind: KubeletConfiguration\n${lines}\n`,
      'worker1',
    )
  }
  return sourced(
    rule,
    `a drop-in with ${text}`,
    DROP_IN,
    grade(`/${folder}/10-site.conf`, 'worker1'),
    write(text),
    {
      twin: write('maxPods: 110'),
    },
  )
}

/** Variables of the API server's container. */
const environment = (e: E, ...pairs: readonly (readonly [string, string])[]) =>
  e.edit(API_FILE, (text) =>
    text.replace(
      /^ {4}image: /m,
      `    env:\n${pairs.map(([name, value]) => `    - name: ${name}\n      value: "${value}"\n`).join('')}    image: `,
    ),
  )
const variables = (
  rule: string,
  source: string,
  pairs: readonly (readonly [string, string])[],
  good: readonly (readonly [string, string])[],
) =>
  sourced(
    rule,
    pairs.map(([name, value]) => `${name}=${value}`).join(' '),
    source,
    warning('manifests/kube-apiserver.yaml'),
    (e) => environment(e, ...pairs),
    { twin: (e) => environment(e, ...good) },
  )

const pod = (name: string, spec: string) =>
  `apiVersion: v1\nkind: Pod\nmetadata: { name: ${name}, namespace: kube-system }\nspec:\n${spec}`
const POD = '  containers: [{ name: main, image: registry.example.com/agent:1 }]\n'
const stray = (name: string, grade: typeof error, spec: string, good = POD) =>
  sourced(
    'M76',
    name,
    FILE_SOURCE,
    grade('manifests/agent.yaml', 'worker1'),
    (e) => e.write(`${MANIFESTS}/agent.yaml`, pod('agent', spec), 'worker1'),
    {
      twin: (e) => e.write(`${MANIFESTS}/.agent.yaml`, pod('agent', good), 'worker1'),
    },
  )

/** Who can reach what, and what a node runs. */
export const REACH_DEFECTS: readonly Defect[] = [
  ...['127.0.0.1', '::1'].map((address) =>
    sourced(
      'M69',
      `--bind-address=${address}`,
      BIND,
      error('manifests/kube-apiserver.yaml'),
      (e) => e.flag(API, 'bind-address', address),
      { twin: (e) => e.flag(API, 'bind-address', '0.0.0.0') },
    ),
  ),
  sourced(
    'M70',
    'etcd’s metrics for everybody',
    'go.etcd.io/etcd/server/embed/etcd.go: serveMetrics listens on http without asking for a certificate',
    warning('manifests/etcd.yaml'),
    (e) => {
      e.flag('etcd', 'listen-metrics-urls', undefined)
      e.flag('etcd', 'listen-metrics-urls', 'http://0.0.0.0:2381')
    },
  ),
  kubelet(
    'M70',
    'k8s.io/kubernetes/cmd/kubelet/app/server.go: healthz is served on healthzBindAddress in clear text',
    warning,
    'healthzBindAddress: 0.0.0.0',
  ),
  ...['kube-apiserver', 'kube-controller-manager', 'kube-scheduler', 'etcd'].map((component) =>
    sourced(
      'M71',
      `${component} without hostNetwork`,
      'k8s.io/kubernetes/pkg/kubelet/kuberuntime: a pod that is not on the host’s network waits for the network plugin',
      error(`manifests/${component}.yaml`),
      (e) => e.replace(`${MANIFESTS}/${component}.yaml`, /^ {2}hostNetwork: true\n/m, ''),
    ),
  ),
  variables(
    'M72',
    PROXY,
    [['HTTPS_PROXY', 'http://proxy.example.com:3128']],
    [
      ['HTTPS_PROXY', 'http://proxy.example.com:3128'],
      ['NO_PROXY', '172.31.0.0/16,10.96.0.0/12'],
    ],
  ),
  variables(
    'M72',
    PROXY,
    [
      ['HTTPS_PROXY', 'http://proxy.example.com:3128'],
      ['NO_PROXY', '172.31.10.5,172.31.10.15,10.96.0.0/12'],
    ],
    [
      ['HTTPS_PROXY', 'http://proxy.example.com:3128'],
      ['NO_PROXY', '*'],
    ],
  ),
  variables(
    'M72',
    PROXY,
    [
      ['https_proxy', 'http://proxy.example.com:3128'],
      ['no_proxy', '172.31.0.0/16'],
    ],
    [
      ['HTTP_PROXY', 'http://proxy.example.com:3128'],
      ['no_proxy', '172.31.0.0/16'],
    ],
  ),
  sourced(
    'M72',
    'a proxy for a kubelet',
    PROXY,
    warning('/etc/systemd/system/kubelet.service.d/proxy.conf', 'worker1'),
    (e) =>
      e.write(
        'etc/systemd/system/kubelet.service.d/proxy.conf',
        '[Service]\nEnvironment="HTTPS_PROXY=http://proxy.example.com:3128" "NO_PROXY=127.0.0.1"\n',
        'worker1',
      ),
    {
      twin: (e) =>
        e.write(
          'etc/systemd/system/kubelet.service.d/proxy.conf',
          '[Service]\nEnvironment="HTTPS_PROXY=http://proxy.example.com:3128" "NO_PROXY=172.31.0.0/16,.example.com"\n',
          'worker1',
        ),
    },
  ),
  variables('M73', GODEBUG, [['GODEBUG', 'rsa1024min=0']], [['GODEBUG', 'gctrace=1']]),
  variables('M73', GODEBUG, [['GODEBUG', 'http2debug=1,x509sha1=1']], [['GODEBUG', 'x509sha1=0']]),
  sourced(
    'M73',
    'GODEBUG for a kubelet',
    GODEBUG,
    warning('/etc/default/kubelet', 'worker1'),
    (e) => e.write('etc/default/kubelet', 'GODEBUG=tlsrsakex=1\n', 'worker1'),
    { twin: (e) => e.write('etc/default/kubelet', 'GODEBUG=\n', 'worker1') },
  ),
  variables(
    'M74',
    'Go crypto/x509/root_unix.go: the files of SSL_CERT_FILE take the place of the system’s',
    [['SSL_CERT_FILE', '/etc/kubernetes/pki/mine.crt']],
    [['SSL_CERT_FILE', '']],
  ),
  variables(
    'M74',
    'Go crypto/x509/root_unix.go: the directories of SSL_CERT_DIR take the place of the system’s',
    [['SSL_CERT_DIR', '/etc/kubernetes/pki']],
    [['SSL_CERT_DIR', '']],
  ),
  kubelet(
    'M75',
    'k8s.io/kubernetes/pkg/kubelet/config/http.go: the pods are fetched with a plain http.Client',
    error,
    'staticPodURL: http://pods.example.com/pod.yaml',
  ),
  kubelet(
    'M75',
    'k8s.io/kubernetes/pkg/kubelet/config/http.go: the pods are fetched with a plain http.Client, which trusts the system’s authorities',
    warning,
    'staticPodURL: https://pods.example.com/pod.yaml',
  ),
  argued('M75', LEGACY_FLAGS, error, '--manifest-url=http://pods.example.com/pod.yaml'),
  stray(
    'a privileged pod',
    warning,
    '  containers: [{ name: main, image: registry.example.com/agent:1, securityContext: { privileged: true } }]\n',
  ),
  stray(
    'a pod that mounts the certificates',
    warning,
    `${POD}  volumes: [{ name: pki, hostPath: { path: /etc/kubernetes/pki } }]\n`,
  ),
  stray(
    'a pod that mounts everything',
    warning,
    `${POD}  volumes: [{ name: host, hostPath: { path: / } }]\n`,
  ),
  stray('a pod among the machine’s processes', warning, `${POD}  hostPID: true\n`),
  stray(
    'a pod with SYS_ADMIN in an init container',
    warning,
    `${POD}  initContainers: [{ name: first, image: x, securityContext: { capabilities: { add: [SYS_ADMIN] } } }]\n`,
  ),
  stray('a pod without rights', info, POD),
  sourced(
    'M77',
    'a manifest of before, with another ending',
    FILE_SOURCE,
    error('manifests/kube-apiserver.yaml.bak'),
    (e) =>
      e.write(
        `${API_FILE}.bak`,
        e
          .text(API_FILE)
          .replace('--authorization-mode=Node,RBAC', '--authorization-mode=AlwaysAllow'),
      ),
    { twin: (e) => e.write(`${MANIFESTS}/.kube-apiserver.yaml.bak`, e.text(API_FILE)) },
  ),
  sourced(
    'M77',
    'a copy of a manifest',
    FILE_SOURCE,
    warning('manifests/kube-scheduler.yaml.orig'),
    (e) =>
      e.write(`${MANIFESTS}/kube-scheduler.yaml.orig`, e.text(`${MANIFESTS}/kube-scheduler.yaml`)),
  ),
  sourced(
    'M77',
    'a manifest of before, which comes first',
    FILE_SOURCE,
    warning('manifests/kube-apiserver-old.yaml'),
    (e) =>
      e.write(
        `${MANIFESTS}/kube-apiserver-old.yaml`,
        e.text(API_FILE).replace('--authorization-mode=Node,RBAC', '--authorization-mode=RBAC'),
      ),
  ),
  sourced(
    'M77',
    'a second etcd',
    'k8s.io/kubernetes/pkg/kubelet/config/file.go: pods of another name run beside each other, and fight for the port',
    error('manifests/spare.yaml'),
    (e) =>
      e.write(
        `${MANIFESTS}/spare.yaml`,
        e.text(`${MANIFESTS}/etcd.yaml`).replace('  name: etcd\n', '  name: etcd-spare\n'),
      ),
  ),
  sourced(
    'M77',
    'a manifest that was to be switched off',
    FILE_SOURCE,
    error('manifests/kube-scheduler.yaml.disabled'),
    (e) => {
      e.write(
        `${MANIFESTS}/kube-scheduler.yaml.disabled`,
        e.text(`${MANIFESTS}/kube-scheduler.yaml`),
      )
      e.remove(`${MANIFESTS}/kube-scheduler.yaml`)
    },
  ),
  kubelet(
    'M78',
    'k8s.io/kubernetes/pkg/kubelet/server/server.go: it listens on address only',
    error,
    'address: 127.0.0.1',
    'address: 0.0.0.0',
  ),
  kubelet(
    'M78',
    'k8s.io/kubernetes/cmd/kubelet/app/server.go: the server is started if enableServer',
    error,
    'enableServer: false',
    'enableServer: true',
  ),
  sourced(
    'M79',
    'the API server at every node',
    'k8s.io/kubernetes/pkg/controlplane/controller/kubernetesservice: the kubernetes service becomes a NodePort',
    warning('manifests/kube-apiserver.yaml'),
    (e) => e.flag(API, 'kubernetes-service-node-port', '30443'),
    { twin: (e) => e.flag(API, 'kubernetes-service-node-port', '0') },
  ),
  argued('M55', LEGACY_FLAGS, error, '--read-only-port=10255'),
  argued('M54', LEGACY_FLAGS, error, '--authorization-mode=AlwaysAllow'),
  argued('M53', LEGACY_FLAGS, warning, '--anonymous-auth=true'),
  argued('M14', LEGACY_FLAGS, warning, '--tls-min-version=VersionTLS10'),
  droppedIn('M55', error, 'readOnlyPort: 10255'),
  droppedIn('M54', error, 'authorization: { mode: AlwaysAllow }'),
  droppedIn('M53', warning, 'authentication: { anonymous: { enabled: true } }'),
  ...['kube-controller-manager', 'kube-scheduler'].map((component) =>
    sourced(
      component === 'kube-scheduler' ? 'M50' : 'M48',
      `${component} for everybody`,
      BIND,
      warning(`manifests/${component}.yaml`),
      (e) => {
        e.flag(component, 'bind-address', undefined)
        e.flag(component, 'bind-address', '0.0.0.0')
      },
    ),
  ),
  ...(
    [
      ['privileged', /^ {4}image: /m, '    securityContext: { privileged: true }\n    image: '],
      [
        'with the machine’s root',
        /^ {2}volumes:\n/m,
        '  volumes:\n  - hostPath: { path: / }\n    name: host\n',
      ],
      [
        'among the machine’s processes',
        /^ {2}hostNetwork: true\n/m,
        '  hostNetwork: true\n  hostPID: true\n',
      ],
    ] as const
  ).map(([name, from, to]) =>
    sourced(
      'M85',
      `a scheduler ${name}`,
      'https://kubernetes.io/docs/concepts/security/pod-security-standards/: the baseline forbids it, for it leads out of the container',
      warning('manifests/kube-scheduler.yaml'),
      (e) => e.replace(`${MANIFESTS}/kube-scheduler.yaml`, from, to),
    ),
  ),
  sourced(
    'O15',
    'an administrator’s kubeconfig of before, on a worker',
    'k8s.io/client-go/tools/clientcmd: a kubeconfig is good under any name',
    warning('admin.conf.bak', 'worker1'),
    (e) =>
      e.write(
        'etc/kubernetes/admin.conf.bak',
        e.text('etc/kubernetes/admin.conf'),
        'worker1',
        0o600,
      ),
  ),
  sourced(
    'I03',
    'an administrator’s kubeconfig in a home directory of a worker',
    'k8s.io/client-go/tools/clientcmd: ~/.kube/config is read by default',
    error('/root/.kube/config', 'worker1'),
    (e) => e.write('root/.kube/config', e.text('etc/kubernetes/admin.conf'), 'worker1', 0o600),
  ),
  sourced(
    'F15',
    'a kubelet through a proxy',
    'k8s.io/client-go/rest: proxy-url is the proxy of every request',
    warning('kubelet.conf', 'worker1'),
    (e) =>
      e.replace(
        'etc/kubernetes/kubelet.conf',
        '    server:',
        '    proxy-url: http://proxy.example.com:3128\n    server:',
        'worker1',
      ),
  ),
  sourced(
    'M88',
    'a kubelet that runs the static pods of another directory',
    'k8s.io/kubernetes/pkg/kubelet/config/file.go: one directory is watched',
    error(`/${CONFIG}`),
    (e) => e.replace(CONFIG, '/etc/kubernetes/manifests', '/opt/manifests'),
    { twin: (e) => e.replace(CONFIG, '/etc/kubernetes/manifests', '/etc/kubernetes/manifests/') },
  ),
  sourced(
    'M88',
    'a kubelet that runs no static pods',
    'k8s.io/kubernetes/pkg/kubelet/kubelet.go: makePodSourceConfig watches no directory without staticPodPath',
    error(`/${CONFIG}`),
    (e) => e.replace(CONFIG, /^staticPodPath: .*\n/m, ''),
    {
      twin: (e) => {
        e.replace(CONFIG, /^staticPodPath: .*\n/m, '')
        e.write(ENV, 'KUBELET_KUBEADM_ARGS="--pod-manifest-path=/etc/kubernetes/manifests"\n')
      },
    },
  ),
  sourced(
    'M89',
    'a control plane without the manifest of its API server',
    'https://kubernetes.io/docs/reference/setup-tools/kubeadm/implementation-details/: four static pods',
    error('manifests/kube-apiserver.yaml', 'controlplane2'),
    (e) => e.remove(API_FILE, 'controlplane2'),
  ),
  sourced(
    'M89',
    'one control plane without a scheduler',
    'https://kubernetes.io/docs/reference/setup-tools/kubeadm/implementation-details/: another holds the lease',
    warning('manifests/kube-scheduler.yaml', 'controlplane2'),
    (e) => e.remove(`${MANIFESTS}/kube-scheduler.yaml`, 'controlplane2'),
  ),
  sourced(
    'M90',
    'a controller manager that is ahead of its API server',
    'https://kubernetes.io/releases/version-skew-policy/',
    warning('manifests/kube-controller-manager.yaml'),
    (e) => e.replace(`${MANIFESTS}/kube-controller-manager.yaml`, ':v1.34.1', ':v1.35.0'),
    { twin: (e) => e.replace(`${MANIFESTS}/kube-controller-manager.yaml`, ':v1.34.1', ':v1.33.5') },
  ),
  sourced(
    'M90',
    'an API server two releases behind the other',
    'https://kubernetes.io/releases/version-skew-policy/',
    warning('manifests/kube-apiserver.yaml', 'controlplane2'),
    (e) => {
      for (const name of [API, 'kube-controller-manager', 'kube-scheduler'])
        e.replace(`${MANIFESTS}/${name}.yaml`, ':v1.34.1', ':v1.32.9', 'controlplane2')
    },
    {
      twin: (e) => {
        for (const name of [API, 'kube-controller-manager', 'kube-scheduler'])
          e.replace(`${MANIFESTS}/${name}.yaml`, ':v1.34.1', ':v1.33.5', 'controlplane2')
      },
    },
  ),
  sourced(
    'M91',
    'etcd’s data in the container',
    'https://kubernetes.io/docs/concepts/storage/volumes/#emptydir: it ends with the pod',
    warning('manifests/etcd.yaml'),
    (e) =>
      e.replace(
        `${MANIFESTS}/etcd.yaml`,
        /hostPath:\n +path: \/var\/lib\/etcd\n +type: DirectoryOrCreate/,
        'emptyDir: {}',
      ),
  ),
  sourced(
    'M91',
    'etcd with --force-new-cluster',
    'https://etcd.io/docs/latest/op-guide/recovery/',
    warning('manifests/etcd.yaml'),
    (e) => e.flag('etcd', 'force-new-cluster', 'true'),
    { twin: (e) => e.flag('etcd', 'force-new-cluster', 'false') },
  ),
  sourced(
    'M92',
    'a controller manager without leader election',
    'k8s.io/kubernetes/cmd/kube-controller-manager/app: without --leader-elect it runs at once',
    error('manifests/kube-controller-manager.yaml'),
    (e) =>
      e.replace(
        `${MANIFESTS}/kube-controller-manager.yaml`,
        'leader-elect=true',
        'leader-elect=false',
      ),
    {
      twin: (e) => {
        e.replace(
          `${MANIFESTS}/kube-controller-manager.yaml`,
          'leader-elect=true',
          'leader-elect=false',
        )
        e.remove(`${MANIFESTS}/kube-controller-manager.yaml`, 'controlplane2')
      },
    },
  ),
]
