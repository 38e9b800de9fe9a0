import { pairAt } from '../../certs/paths.js'
import { AUTHORITIES, LEAVES } from '../../certs/table.js'
import { COMPONENT_NAMES, type FlagFile } from '../../manifests/flags.js'

/** Whose commands mend a tree. */
export const OWNERS = [
  'kpki',
  'kubeadm',
  'k3s',
  'rke2',
  'kops',
  'kubespray',
  'minikube',
  'kind',
  'microk8s',
  'talos',
  'kubelet',
  'by hand',
] as const

/** Whose tree it is: the program that has written the files, and whose commands write them anew. */
export type LayoutOwner = (typeof OWNERS)[number]

/** One way of laying out a cluster's files: how it differs from kubeadm's. */
export interface Layout {
  readonly id: string
  /** Whose layout it is, as reports write it. */
  readonly name: string
  readonly owner: LayoutOwner
  /** What lies there and what is understood of it, one or two sentences for the layout's page. */
  readonly about: string
  /** Where its names come from. */
  readonly source: string
  /** Certificate directories, first one that exists counts; `''` is the folder itself. */
  readonly pki: readonly string[]
  /** Files below `pki` that only this layout has; `*` stands for one name. */
  readonly signs: readonly string[]
  /** Files below `pki` that others have too: they tell it together with the name of their folder. */
  readonly commonSigns?: readonly string[]
  /** Files of the node, outside `pki`, that only this layout has. */
  readonly marks?: readonly string[]
  /** Folders of a node that are this layout's own: whatever lies below them says so. */
  readonly homes: readonly string[]
  /**
   * What else of a node is worth reading: certificates, kubeconfigs, command lines. Never what holds the secrets of
   * pods, images or databases as well.
   */
  readonly folders?: readonly string[]
  /** Names from `pki`, or from the node’s root; a key has its certificate's name with the other ending. */
  readonly files?: Partial<Readonly<Record<FlagFile, string>>>
  /** Flags for which this layout has another file below `pki`, or another value. */
  readonly flags?: Readonly<Record<string, string>>
  readonly keyOf: (certificate: string) => string
  /**
   * What is taken for a component's flags where no manifest, unit or argument file says them: kubeadm's with this
   * layout's paths, or nothing.
   */
  readonly assumes: 'kubeadm’s flags' | 'nothing'
}

const dotKey = (certificate: string): string => certificate.replace(/\.(crt|pem)$/, '.key')
const dashKey = (certificate: string): string => certificate.replace(/\.pem$/, '-key.pem')

const KUBEADM_AUTHORITIES = Object.values(AUTHORITIES).flatMap(({ base }) =>
  Object.values(pairAt(base)),
)
/** Everybody calls an authority so. */
const COMMON = /^(root-)?ca\./

export const KUBEADM: Layout = {
  id: 'kubeadm',
  name: 'kubeadm',
  owner: 'kubeadm',
  about:
    'Certificates below `/etc/kubernetes/pki` (or `certificatesDir`), kubeconfigs in `/etc/kubernetes`, static pods, the kubelet’s configuration. Everything that the audit knows is judged.',
  source: 'https://kubernetes.io/docs/setup/best-practices/certificates/',
  pki: ['etc/kubernetes/pki'],
  signs: [
    ...KUBEADM_AUTHORITIES.filter((name) => !COMMON.test(name)),
    ...Object.values(LEAVES).flatMap(({ place }) =>
      place.kind === 'pki' ? Object.values(pairAt(place.base)) : [],
    ),
    'sa.key',
    'sa.pub',
  ],
  commonSigns: KUBEADM_AUTHORITIES.filter((name) => COMMON.test(name)),
  homes: ['etc/kubernetes'],
  folders: [
    'var/lib/kubelet/pki',
    'var/lib/kubelet/config.yaml',
    'var/lib/kubelet/kubeadm-flags.env',
    'etc/etcd',
    'etc/systemd/system/kubelet.service',
    'etc/systemd/system/kubelet.service.d',
    'usr/lib/systemd/system/kubelet.service.d',
  ],
  keyOf: dotKey,
  assumes: 'kubeadm’s flags',
}

/** What is not laid out in any way that is known: pairs, chains and kubeconfigs, each by itself. */
export const UNRECOGNISED: Layout = {
  id: 'unrecognised',
  name: 'not recognised',
  owner: 'by hand',
  about:
    'Any `x.crt` beside `x.key`, `x.pem` beside `x-key.pem`, or both in one file, and any kubeconfig. Each key is compared with its certificate, each certificate with the authorities that lie among the files, each kubeconfig with itself, and dates with the clock. Nothing is said of components.',
  source: 'https://kubernetes.io/docs/setup/best-practices/certificates/',
  pki: [''],
  signs: [],
  homes: [],
  keyOf: dotKey,
  assumes: 'nothing',
}

const K3S_FILES: Layout['files'] = {
  ca: 'client-ca.crt',
  'etcd-ca': 'etcd/server-ca.crt',
  'front-proxy-ca': 'request-header-ca.crt',
  apiserver: 'serving-kube-apiserver.crt',
  'apiserver-kubelet-client': 'client-kube-apiserver.crt',
  'apiserver-etcd-client': 'etcd/client.crt',
  'front-proxy-client': 'client-auth-proxy.crt',
  'etcd-server': 'etcd/server-client.crt',
  'etcd-peer': 'etcd/peer-server-client.crt',
  'etcd-healthcheck-client': 'etcd/client.crt',
  'sa.key': 'service.current.key',
  'sa.pub': 'service.key',
  'controller-manager.conf': '../cred/controller.kubeconfig',
  'scheduler.conf': '../cred/scheduler.kubeconfig',
}

const K3S = {
  signs: ['server-ca.crt', 'serving-kube-apiserver.crt', 'client-kube-apiserver.crt'],
  files: K3S_FILES,
  flags: {
    'root-ca-file': 'server-ca.crt',
    'peer-trusted-ca-file': 'etcd/peer-ca.crt',
    'requestheader-allowed-names': 'system:auth-proxy',
  },
  keyOf: dotKey,
  assumes: 'kubeadm’s flags',
} as const

// Beside them lie images and containers.
function k3sAgent(program: 'k3s' | 'rke2'): readonly string[] {
  const pairs = ['client-kubelet', 'serving-kubelet', 'client-kube-proxy']
  return [
    'client-ca.crt',
    'server-ca.crt',
    ...[...pairs, `client-${program}-controller`].flatMap((base) => Object.values(pairAt(base))),
    'kubelet.kubeconfig',
    'kubeproxy.kubeconfig',
    `${program}controller.kubeconfig`,
  ].map((name) => `var/lib/rancher/${program}/agent/${name}`)
}

// Kubernetes The Hard Way: one CA, one certificate for the API server in all its roles and for etcd.
function oneCa(ca: string, apiserver: string): Layout['files'] {
  return {
    ca,
    'etcd-ca': ca,
    'front-proxy-ca': ca,
    apiserver,
    'apiserver-kubelet-client': apiserver,
    'apiserver-etcd-client': apiserver,
    'front-proxy-client': apiserver,
    'etcd-server': apiserver,
    'etcd-peer': apiserver,
    'etcd-healthcheck-client': apiserver,
    'controller-manager.conf': 'kube-controller-manager.kubeconfig',
    'scheduler.conf': 'kube-scheduler.kubeconfig',
  }
}

const HARD_WAY = {
  id: 'hard-way',
  name: 'Kubernetes The Hard Way',
  owner: 'by hand',
  about:
    'One authority and one certificate for the API server in all its roles, in `/var/lib/kubernetes`; units of systemd say the rest. Both eras are known: cfssl’s `kubernetes.pem` with `kubernetes-key.pem` (to 1.21), and OpenSSL’s `kube-api-server.crt` with `kube-api-server.key`.',
  source: 'https://github.com/kelseyhightower/kubernetes-the-hard-way',
  pki: ['var/lib/kubernetes', 'var/lib/kubernetes/pki'],
  homes: ['var/lib/kubernetes'],
  folders: [
    ...['ca.crt', 'kubelet.crt', 'kubelet.key', 'kubeconfig', 'kubelet-config.yaml'].map(
      (name) => `var/lib/kubelet/${name}`,
    ),
    ...COMPONENT_NAMES.map((name) => `etc/systemd/system/${name}.service`),
    'etc/etcd',
    'var/lib/kube-proxy/kubeconfig',
  ],
  assumes: 'kubeadm’s flags',
} as const

/**
 * The layouts that are recognised by their files: one row each, from which recognition, paths, what is read of a
 * host, owners of remedies and docs/layouts follow. The first that fits counts; kubeadm’s comes last but one.
 */
export const LAYOUTS: readonly Layout[] = [
  {
    ...K3S,
    id: 'k3s',
    name: 'k3s',
    owner: 'k3s',
    about:
      'A server’s `/var/lib/rancher/k3s/server`, an agent’s `/var/lib/rancher/k3s/agent`. k3s is one program without manifests: its components’ flags are assumed. Clients and servers of the API have an authority each, and so have etcd’s servers and peers.',
    source: 'https://github.com/k3s-io/k3s (pkg/daemons/control/deps)',
    pki: ['var/lib/rancher/k3s/server/tls'],
    homes: ['var/lib/rancher/k3s'],
    folders: ['var/lib/rancher/k3s/server/cred', ...k3sAgent('k3s')],
  },
  {
    ...K3S,
    id: 'rke2',
    name: 'RKE2',
    owner: 'rke2',
    about:
      'The files of k3s below `/var/lib/rancher/rke2`, and static pods in `agent/pod-manifests`, which say the flags where they are among the files.',
    source: 'https://docs.rke2.io/security/certificates',
    pki: ['var/lib/rancher/rke2/server/tls'],
    homes: ['var/lib/rancher/rke2'],
    folders: [
      'var/lib/rancher/rke2/server/cred',
      ...k3sAgent('rke2'),
      'var/lib/rancher/rke2/agent/pod-manifests',
    ],
  },
  {
    ...HARD_WAY,
    signs: ['kubernetes.pem'],
    keyOf: dashKey,
    files: {
      ...oneCa('ca.pem', 'kubernetes.pem'),
      'sa.key': 'service-account-key.pem',
      'sa.pub': 'service-account.pem',
    },
  },
  {
    ...HARD_WAY,
    signs: ['kube-api-server.crt'],
    keyOf: dotKey,
    files: {
      ...oneCa('ca.crt', 'kube-api-server.crt'),
      'sa.key': 'service-accounts.key',
      'sa.pub': 'service-accounts.crt',
    },
  },
  {
    id: 'kops',
    name: 'kOps',
    owner: 'kops',
    about:
      'What nodeup writes to `/srv/kubernetes`, with static pods in `/etc/kubernetes/manifests` and kubeconfigs in `/var/lib/<component>/kubeconfig`. etcd is etcd-manager’s: of it what the API server holds is judged.',
    source: 'https://github.com/kubernetes/kops (nodeup/pkg/model)',
    pki: ['srv/kubernetes', 'etc/srv/kubernetes'],
    signs: [
      'kube-apiserver/server.crt',
      'kube-apiserver/apiserver-aggregator-ca.crt',
      'kubelet-server.crt',
    ],
    homes: ['srv/kubernetes', 'etc/srv/kubernetes'],
    folders: [
      'var/lib/kubelet/kubeconfig',
      'var/lib/kubelet/kubelet.conf',
      'var/lib/kube-controller-manager/kubeconfig',
      'var/lib/kube-scheduler/kubeconfig',
      'var/lib/kube-proxy/kubeconfig',
    ],
    files: {
      ca: 'ca.crt',
      apiserver: 'kube-apiserver/server.crt',
      'apiserver-kubelet-client': 'kube-apiserver/kubelet-api.crt',
      'apiserver-etcd-client': 'kube-apiserver/etcd-client.crt',
      'etcd-ca': 'kube-apiserver/etcd-ca.crt',
      'front-proxy-ca': 'kube-apiserver/apiserver-aggregator-ca.crt',
      'front-proxy-client': 'kube-apiserver/apiserver-aggregator.crt',
      'sa.key': 'kube-apiserver/service-account.key',
      'sa.pub': 'kube-apiserver/service-account.pub',
      'controller-manager.conf': '/var/lib/kube-controller-manager/kubeconfig',
      'scheduler.conf': '/var/lib/kube-scheduler/kubeconfig',
    },
    flags: {
      'requestheader-allowed-names': 'aggregator',
      'cluster-signing-cert-file': 'kube-controller-manager/ca.crt',
      'cluster-signing-key-file': 'kube-controller-manager/ca.key',
      'service-account-private-key-file': 'kube-controller-manager/service-account.key',
    },
    keyOf: dotKey,
    assumes: 'kubeadm’s flags',
  },
  {
    id: 'microk8s',
    name: 'MicroK8s',
    owner: 'microk8s',
    about:
      'The snap’s `certs`, `credentials` and `args` below `/var/snap/microk8s/current`: the files in `args` say every component’s flags. Where they are absent kubeadm’s are assumed. dqlite takes etcd’s place and is not judged.',
    source: 'https://github.com/canonical/microk8s (microk8s-resources)',
    pki: ['var/snap/microk8s/current/certs'],
    signs: ['serviceaccount.key'],
    homes: ['var/snap/microk8s'],
    folders: ['var/snap/microk8s/current/credentials', 'var/snap/microk8s/current/args'],
    files: {
      apiserver: 'server.crt',
      'sa.key': 'serviceaccount.key',
      'sa.pub': 'serviceaccount.key',
      'controller-manager.conf': '../credentials/controller.config',
      'scheduler.conf': '../credentials/scheduler.config',
    },
    keyOf: dotKey,
    assumes: 'kubeadm’s flags',
  },
  {
    id: 'minikube-home',
    name: 'minikube’s home',
    owner: 'minikube',
    about:
      '`~/.minikube` on the machine that runs minikube: the authorities that all profiles share, each profile’s certificates, and those by which machines are reached. Pairs, chains and dates are judged; the components run inside the machines, and nothing is said of them.',
    source: 'https://github.com/kubernetes/minikube (pkg/minikube/bootstrapper/certs.go)',
    pki: ['.minikube'],
    signs: ['profiles/*/client.crt', 'profiles/*/apiserver.crt', 'profiles/*/config.json'],
    homes: ['.minikube'],
    files: { 'front-proxy-ca': 'proxy-client-ca.crt' },
    keyOf: dotKey,
    assumes: 'nothing',
  },
  {
    ...KUBEADM,
    id: 'minikube',
    name: 'a machine of minikube',
    owner: 'minikube',
    about:
      'Inside the machine: kubeadm’s names in `/var/lib/minikube/certs`, kubeconfigs and static pods in `/etc/kubernetes`. Minikube’s own authorities sign the API server and the front proxy, kubeadm’s the rest.',
    source: 'https://github.com/kubernetes/minikube (pkg/minikube/vmpath)',
    pki: ['var/lib/minikube/certs'],
    signs: ['proxy-client-ca.crt'],
    commonSigns: [],
    homes: ['var/lib/minikube'],
    folders: [],
  },
  {
    ...KUBEADM,
    id: 'kubespray',
    name: 'Kubespray',
    owner: 'kubespray',
    about:
      'kubeadm’s names in `/etc/kubernetes/ssl`, and etcd as a unit of systemd with `/etc/etcd.env` and `/etc/ssl/etcd/ssl/{ca,member-*,admin-*,node-*}.pem`.',
    source: 'https://github.com/kubernetes-sigs/kubespray (roles/etcd, roles/kubernetes)',
    pki: ['etc/kubernetes/ssl'],
    signs: [],
    commonSigns: KUBEADM.signs.concat(KUBEADM.commonSigns ?? []),
    homes: ['etc/kubernetes/ssl', 'etc/ssl/etcd/ssl'],
    folders: ['etc/ssl/etcd', 'etc/etcd.env', 'etc/systemd/system/etcd.service'],
  },
  {
    ...KUBEADM,
    id: 'kind',
    name: 'kind',
    owner: 'kind',
    about:
      'A node of kind, as `docker cp NODE:/` gives it: kubeadm’s files, and `/kind/kubeadm.conf` beside them.',
    source: 'https://github.com/kubernetes-sigs/kind (pkg/cluster/internal)',
    signs: [],
    commonSigns: [],
    marks: ['kind/kubeadm.conf', 'kind/version'],
    homes: [],
    folders: ['kind/kubeadm.conf', 'kind/version'],
  },
  {
    id: 'talos',
    name: 'Talos',
    owner: 'talos',
    about:
      'What stays with the operator: `secrets.yaml` of `talosctl gen secrets`, `talosconfig`, and machine configurations. The certificates and keys that they carry are read; the nodes themselves keep theirs in memory.',
    source: 'https://github.com/siderolabs/talos (pkg/machinery/config/generate/secrets)',
    pki: [''],
    signs: ['talosconfig'],
    homes: ['.talos'],
    keyOf: dotKey,
    assumes: 'nothing',
  },
  KUBEADM,
  {
    id: 'kubelet',
    name: 'a kubelet alone',
    owner: 'kubelet',
    about:
      'A node’s `/var/lib/kubelet/pki`, without the rest of the node: the serving certificate and the client certificates that the kubelet rotates. Keys and dates are judged. Their authority lies elsewhere, and nothing is said of it.',
    source: 'https://kubernetes.io/docs/reference/access-authn-authz/kubelet-tls-bootstrapping/',
    pki: ['var/lib/kubelet/pki'],
    signs: ['kubelet-client-current.pem', 'kubelet-server-current.pem', 'kubelet.crt'],
    homes: ['var/lib/kubelet'],
    keyOf: dotKey,
    assumes: 'nothing',
  },
]
