import { type FileTree, textAt } from '../../../src/files/tree.js'
import { base64Of } from '../../../src/values/bytes.js'
import { CONTROL_PLANE, generated } from '../support.js'
import {
  admin,
  type Defect,
  kubeconfig,
  type Pair,
  serviceNames,
  type Wanted,
  type Workshop,
  workshop,
} from './workshop.js'

/** One tree of one layout, as its project lays it out. */
export interface Fixture {
  /** The id that the audit must find. */
  readonly layout: string
  readonly title: string
  readonly make: (defect?: Defect) => Promise<FileTree>
  /** Certificates of the tree whose defects must be found; but for one that nobody could see there. */
  readonly pairs: readonly { readonly path: string; readonly not?: Defect['how'] }[]
  /** What is wrong with a healthy one, by the truth: `warning N01`. */
  readonly known: readonly string[]
}

const client = (CN: string, ...O: string[]): Wanted => ({ CN, O, profile: 'client' })
const NODE_IP = '172.31.10.5'

/** True of every tree of the kind, not of this one's: who reads the report should be told. */
const KNOWN: Readonly<Record<string, readonly string[]>> = {
  // kubeadm gives the API server no authority for kubelets.
  'kubeadm, a control plane': ['warning M06'],
  'a node of kind': ['warning M06'],
  // The controller manager has no --bind-address, which is every address.
  'kOps, a control plane': ['warning M06', 'warning M48'],
  // etcd's `node` certificates are made for both sides.
  'Kubespray, a control plane': ['warning E15', 'warning M06'],
  'k3s, a server': ['warning I01'],
  'RKE2, a server': ['warning I01'],
  // One authority and one certificate for everything.
  'the hard way with cfssl': [
    'error T03',
    'error X11',
    'warning A04',
    'warning E14',
    'warning E15',
    'warning M48',
  ],
  'the hard way with OpenSSL': ['warning A04', 'warning E14', 'warning E15', 'warning M48'],
  // Its kubelet has no --authorization-mode, its API server EventRateLimit as the only further plugin.
  MicroK8s: [
    'error M31',
    'error X17',
    'error X21',
    'warning E14',
    'warning E15',
    'warning F18',
    'warning I01',
    'warning M09',
    'warning M48',
    'warning M50',
  ],
  // The API server's certificate is an administrator's.
  'a machine of minikube': ['error E14', 'error I01', 'warning M06'],
}

function fixture(
  layout: string,
  title: string,
  pairs: readonly (string | Fixture['pairs'][number])[],
  build: (shop: Workshop) => Promise<void>,
): Fixture {
  return {
    layout,
    title,
    known: KNOWN[title] ?? [],
    pairs: pairs.map((one) => (typeof one === 'string' ? { path: one } : one)),
    make: async (defect) => {
      const shop = workshop(defect)
      await build(shop)
      return shop.tree
    },
  }
}

/** k3s' pkg/daemons/control/deps, with `program` in the names of authorities. */
async function k3sServer(shop: Workshop, program: 'k3s' | 'rke2'): Promise<void> {
  const home = `var/lib/rancher/${program}`
  const tls = `${home}/server/tls`
  const authority = async (base: string, CN: string) => {
    const made = await shop.authority({ CN: `${CN}-ca@1740000000` })
    shop.write(`${tls}/${base}.crt`, made.certificate, 0o644)
    shop.write(`${tls}/${base}.key`, made.key)
    return made
  }
  const clients = await authority('client-ca', `${program}-client`)
  const servers = await authority('server-ca', `${program}-server`)
  const proxies = await authority('request-header-ca', `${program}-request-header`)
  const etcdServers = await authority('etcd/server-ca', 'etcd-server')
  const etcdPeers = await authority('etcd/peer-ca', 'etcd-peer')
  shop.write(`${tls}/client-ca.nochain.crt`, clients.certificate, 0o644)
  shop.write(`${tls}/server-ca.nochain.crt`, servers.certificate, 0o644)
  // Leaves are written with their authority behind them.
  const leaf = (base: string, issuer: Pair, wanted: Wanted) =>
    shop.pair(`${tls}/${base}.crt`, `${tls}/${base}.key`, issuer, wanted, issuer.certificate)
  await leaf('client-admin', clients, client('system:admin', 'system:masters'))
  await leaf('client-controller', clients, client('system:kube-controller-manager'))
  await leaf('client-scheduler', clients, client('system:kube-scheduler'))
  await leaf('client-kube-apiserver', clients, client('system:apiserver', 'system:masters'))
  await leaf('client-kube-proxy', clients, client('system:kube-proxy'))
  await leaf(`client-${program}-controller`, clients, client(`system:${program}-controller`))
  await leaf(
    `client-${program}-cloud-controller`,
    clients,
    client(`${program}-cloud-controller-manager`),
  )
  await leaf('client-auth-proxy', proxies, client('system:auth-proxy'))
  await leaf('serving-kube-apiserver', servers, {
    CN: 'kube-apiserver',
    profile: 'server',
    dns: [...serviceNames, 'localhost', 'server-0'],
    ip: ['127.0.0.1', '::1', NODE_IP, '10.43.0.1'],
  })
  const etcdNames = {
    dns: ['kine.sock', 'localhost', 'server-0'],
    ip: ['127.0.0.1', '::1', NODE_IP, '10.43.0.1'],
  }
  await leaf('etcd/client', etcdServers, client('etcd-client'))
  await leaf('etcd/server-client', etcdServers, {
    CN: 'etcd-server',
    profile: 'peer',
    ...etcdNames,
  })
  await leaf('etcd/peer-server-client', etcdPeers, {
    CN: 'etcd-peer',
    profile: 'peer',
    ...etcdNames,
  })
  const { key } = await shop.key()
  shop.write(`${tls}/service.key`, key)
  shop.write(`${tls}/service.current.key`, key)
  for (const [name, base] of [
    ['admin', 'client-admin'],
    ['controller', 'client-controller'],
    ['scheduler', 'client-scheduler'],
  ] as const)
    shop.write(
      `${home}/server/cred/${name}.kubeconfig`,
      kubeconfig({
        server: 'https://127.0.0.1:6444',
        authority: `/${tls}/server-ca.crt`,
        user: 'user',
        certificate: `/${tls}/${base}.crt`,
        key: `/${tls}/${base}.key`,
        files: true,
      }),
    )
}

async function k3sAgent(shop: Workshop): Promise<void> {
  const agent = 'var/lib/rancher/k3s/agent'
  const clients = await shop.authority({ CN: 'k3s-client-ca@1740000000' })
  const servers = await shop.authority({ CN: 'k3s-server-ca@1740000000' })
  shop.write(`${agent}/client-ca.crt`, clients.certificate)
  shop.write(`${agent}/server-ca.crt`, servers.certificate)
  const leaf = (base: string, issuer: Pair, wanted: Wanted) =>
    shop.pair(`${agent}/${base}.crt`, `${agent}/${base}.key`, issuer, wanted, issuer.certificate)
  const names = { dns: ['agent-1', 'localhost'], ip: ['127.0.0.1', '10.0.0.7'] }
  await leaf('serving-kubelet', servers, { CN: 'agent-1', profile: 'server', ...names })
  for (const [base, config, wanted] of [
    ['client-kubelet', 'kubelet', client('system:node:agent-1', 'system:nodes')],
    ['client-kube-proxy', 'kubeproxy', client('system:kube-proxy')],
    ['client-k3s-controller', 'k3scontroller', client('system:k3s-controller')],
  ] as const) {
    await leaf(base, clients, wanted)
    shop.write(
      `${agent}/${config}.kubeconfig`,
      kubeconfig({
        server: 'https://127.0.0.1:6444',
        authority: `/${agent}/server-ca.crt`,
        user: 'user',
        certificate: `/${agent}/${base}.crt`,
        key: `/${agent}/${base}.key`,
        files: true,
      }),
    )
  }
}

/** Files of a control plane of kubeadm, but for its certificates, which lie in another folder. */
async function kubeadmRest(shop: Workshop, pki: string): Promise<void> {
  const { nodes } = await generated()
  const tree = nodes.get(CONTROL_PLANE) ?? new Map()
  for (const path of tree.keys()) {
    const text = textAt(tree, path)
    if (
      text === undefined ||
      /\.(crt|key|pub)$|\.conf$/.test(path) ||
      !/manifests|kubelet/.test(path)
    )
      continue
    shop.write(
      path,
      text
        .replaceAll('/etc/kubernetes/pki', `/${pki}`)
        .replace(/.*--kubelet-certificate-authority=.*\n/, ''),
    )
  }
}

interface KubeadmOptions {
  readonly apiserver?: Wanted
  readonly caName?: string
  readonly proxyCaName?: string
  readonly proxyClient?: Wanted
  readonly etcd?: boolean
}

const apiserverNames = {
  dns: [CONTROL_PLANE, ...serviceNames],
  ip: ['10.96.0.1', NODE_IP],
}

/** kubeadm's own names below any folder. */
async function kubeadmPki(
  shop: Workshop,
  pki: string,
  {
    apiserver = { CN: 'kube-apiserver', profile: 'server', ...apiserverNames },
    caName = 'kubernetes',
    proxyCaName = 'front-proxy-ca',
    proxyClient = client('front-proxy-client'),
    etcd = true,
  }: KubeadmOptions = {},
): Promise<void> {
  const authority = async (base: string, CN: string) => {
    const made = await shop.authority({ CN })
    shop.write(`${pki}/${base}.crt`, made.certificate, 0o644)
    shop.write(`${pki}/${base}.key`, made.key)
    return made
  }
  const leaf = (base: string, issuer: Pair, wanted: Wanted) =>
    shop.pair(`${pki}/${base}.crt`, `${pki}/${base}.key`, issuer, wanted)
  const ca = await authority('ca', caName)
  const proxies = await authority('front-proxy-ca', proxyCaName)
  await leaf('apiserver', ca, apiserver)
  await leaf(
    'apiserver-kubelet-client',
    ca,
    client('kube-apiserver-kubelet-client', 'system:masters'),
  )
  await leaf('front-proxy-client', proxies, proxyClient)
  if (etcd) {
    const members = await authority('etcd/ca', 'etcd-ca')
    const names = { dns: [CONTROL_PLANE, 'localhost'], ip: [NODE_IP, '127.0.0.1', '::1'] }
    await leaf('etcd/server', members, { CN: CONTROL_PLANE, profile: 'peer', ...names })
    await leaf('etcd/peer', members, { CN: CONTROL_PLANE, profile: 'peer', ...names })
    await leaf('etcd/healthcheck-client', members, client('kube-etcd-healthcheck-client'))
    await leaf('apiserver-etcd-client', members, client('kube-apiserver-etcd-client'))
  }
  const sa = await shop.key()
  shop.write(`${pki}/sa.key`, sa.key)
  shop.write(`${pki}/sa.pub`, sa.pub, 0o644)
  const config = async (name: string, user: string, wanted: Wanted) => {
    const path = `etc/kubernetes/${name}.conf`
    const made = await shop.issue(path, ca, wanted)
    const server = `https://${NODE_IP}:6443`
    shop.write(path, kubeconfig({ server, authority: ca.certificate, user, ...made }))
  }
  await config('admin', 'kubernetes-admin', client('kubernetes-admin', 'system:masters'))
  await config(
    'controller-manager',
    'system:kube-controller-manager',
    client('system:kube-controller-manager'),
  )
  await config('scheduler', 'system:kube-scheduler', client('system:kube-scheduler'))
  await config(
    'kubelet',
    `system:node:${CONTROL_PLANE}`,
    client(`system:node:${CONTROL_PLANE}`, 'system:nodes'),
  )
}

async function hardWay(shop: Workshop, era: 'pem' | 'crt'): Promise<void> {
  const home = 'var/lib/kubernetes'
  const [certificate, key] =
    era === 'pem'
      ? [(base: string) => `${base}.pem`, (base: string) => `${base}-key.pem`]
      : [(base: string) => `${base}.crt`, (base: string) => `${base}.key`]
  const server = era === 'pem' ? 'kubernetes' : 'kube-api-server'
  const accounts = era === 'pem' ? 'service-account' : 'service-accounts'
  const ca = await shop.authority({ CN: era === 'pem' ? 'Kubernetes' : 'CA' })
  shop.write(`${home}/${certificate('ca')}`, ca.certificate, 0o644)
  shop.write(`${home}/${key('ca')}`, ca.key)
  const pair = (base: string, wanted: Wanted) =>
    shop.pair(`${home}/${certificate(base)}`, `${home}/${key(base)}`, ca, wanted)
  const api = await pair(server, {
    CN: 'kubernetes',
    profile: 'peer',
    dns: [...serviceNames, 'server.kubernetes.local'],
    ip: ['127.0.0.1', '10.32.0.1', '10.240.0.10'],
  })
  await pair(accounts, client('service-accounts'))
  for (const [name, group] of [
    ['kube-controller-manager', 'system:kube-controller-manager'],
    ['kube-scheduler', 'system:kube-scheduler'],
  ] as const) {
    const made = await shop.issue(`${home}/${name}.kubeconfig`, ca, client(`system:${name}`, group))
    shop.write(
      `${home}/${name}.kubeconfig`,
      kubeconfig({
        server: 'https://127.0.0.1:6443',
        authority: ca.certificate,
        user: `system:${name}`,
        ...made,
      }),
    )
  }
  const at = (base: string) => `/${home}/${certificate(base)}`
  const keyAt = (base: string) => `/${home}/${key(base)}`
  const unit = (name: string, flags: readonly string[]) =>
    shop.write(
      `etc/systemd/system/${name}.service`,
      `[Service]\nExecStart=/usr/local/bin/${name} \\\n  ${flags.join(' \\\n  ')}\nRestart=on-failure\n`,
      0o644,
    )
  const secure = era === 'pem'
  unit('kube-apiserver', [
    '--advertise-address=10.240.0.10',
    '--authorization-mode=Node,RBAC',
    '--enable-admission-plugins=NamespaceLifecycle,NodeRestriction,LimitRanger,ServiceAccount',
    `--client-ca-file=${at('ca')}`,
    ...(secure
      ? [
          `--etcd-cafile=${at('ca')}`,
          `--etcd-certfile=${at(server)}`,
          `--etcd-keyfile=${keyAt(server)}`,
          '--etcd-servers=https://10.240.0.10:2379',
        ]
      : ['--etcd-servers=http://127.0.0.1:2379']),
    `--kubelet-certificate-authority=${at('ca')}`,
    `--kubelet-client-certificate=${at(server)}`,
    `--kubelet-client-key=${keyAt(server)}`,
    `--service-account-key-file=${at(accounts)}`,
    `--service-account-signing-key-file=${keyAt(accounts)}`,
    '--service-account-issuer=https://server.kubernetes.local:6443',
    '--service-cluster-ip-range=10.32.0.0/24',
    `--tls-cert-file=${at(server)}`,
    `--tls-private-key-file=${keyAt(server)}`,
  ])
  unit('kube-controller-manager', [
    `--cluster-signing-cert-file=${at('ca')}`,
    `--cluster-signing-key-file=${keyAt('ca')}`,
    `--kubeconfig=/${home}/kube-controller-manager.kubeconfig`,
    `--root-ca-file=${at('ca')}`,
    `--service-account-private-key-file=${keyAt(accounts)}`,
    '--use-service-account-credentials=true',
  ])
  if (!secure) return
  shop.write('etc/etcd/ca.pem', ca.certificate, 0o644)
  shop.write('etc/etcd/kubernetes.pem', api.certificate, 0o644)
  shop.write('etc/etcd/kubernetes-key.pem', api.key)
  unit('etcd', [
    '--name=controller-0',
    '--cert-file=/etc/etcd/kubernetes.pem',
    '--key-file=/etc/etcd/kubernetes-key.pem',
    '--peer-cert-file=/etc/etcd/kubernetes.pem',
    '--peer-key-file=/etc/etcd/kubernetes-key.pem',
    '--trusted-ca-file=/etc/etcd/ca.pem',
    '--peer-trusted-ca-file=/etc/etcd/ca.pem',
    '--peer-client-cert-auth',
    '--client-cert-auth',
    '--initial-advertise-peer-urls=https://10.240.0.10:2380',
    '--listen-peer-urls=https://10.240.0.10:2380',
    '--listen-client-urls=https://10.240.0.10:2379,https://127.0.0.1:2379',
    '--advertise-client-urls=https://10.240.0.10:2379',
  ])
}

async function kops(shop: Workshop): Promise<void> {
  const srv = 'srv/kubernetes'
  const api = `${srv}/kube-apiserver`
  const manager = `${srv}/kube-controller-manager`
  const ca = await shop.authority({ CN: 'kubernetes-ca' })
  const etcd = await shop.authority({ CN: 'etcd-clients-ca' })
  const proxies = await shop.authority({ CN: 'apiserver-aggregator-ca' })
  shop.write(`${srv}/ca.crt`, ca.certificate, 0o644)
  shop.write(`${manager}/ca.crt`, ca.certificate, 0o644)
  shop.write(`${manager}/ca.key`, ca.key)
  shop.write(`${api}/etcd-ca.crt`, etcd.certificate, 0o644)
  shop.write(`${api}/apiserver-aggregator-ca.crt`, proxies.certificate, 0o644)
  const pair = (base: string, issuer: Pair, wanted: Wanted, chain = '') =>
    shop.pair(`${base}.crt`, `${base}.key`, issuer, wanted, chain)
  const apiNames = {
    dns: [...serviceNames, 'api.minimal.example.com', 'api.internal.minimal.example.com'],
    ip: ['100.64.0.1', '127.0.0.1'],
  }
  await pair(
    `${api}/server`,
    ca,
    { CN: 'kubernetes-master', profile: 'server', ...apiNames },
    ca.certificate,
  )
  await pair(`${api}/kubelet-api`, ca, client('kubelet-api'))
  await pair(`${api}/etcd-client`, etcd, client('kube-apiserver'))
  await pair(`${api}/apiserver-aggregator`, proxies, client('aggregator'))
  const kubeletNames = { dns: ['i-0a1b2c3d4e5f'], ip: [NODE_IP] }
  await pair(`${srv}/kubelet-server`, ca, {
    CN: 'i-0a1b2c3d4e5f',
    profile: 'server',
    ...kubeletNames,
  })
  for (const [folder, name] of [
    [manager, 'kube-controller-manager'],
    [`${srv}/kube-scheduler`, 'kube-scheduler'],
  ] as const)
    await pair(`${folder}/server`, ca, {
      CN: name,
      profile: 'server',
      dns: [`${name}.kube-system.svc.cluster.local`],
    })
  const sa = await shop.key()
  for (const folder of [api, manager]) shop.write(`${folder}/service-account.key`, sa.key)
  shop.write(`${api}/service-account.pub`, sa.pub)
  const config = async (path: string, wanted: Wanted) =>
    shop.write(
      path,
      kubeconfig({
        server: 'https://127.0.0.1',
        authority: ca.certificate,
        user: wanted.CN ?? '',
        ...(await shop.issue(path, ca, wanted)),
      }),
    )
  await config(
    'var/lib/kube-controller-manager/kubeconfig',
    client('system:kube-controller-manager'),
  )
  await config('var/lib/kube-scheduler/kubeconfig', client('system:kube-scheduler'))
  await config('var/lib/kubelet/kubeconfig', client('system:node:i-0a1b2c3d4e5f', 'system:nodes'))
  const pod = (name: string, flags: readonly string[], mounts: readonly string[]) =>
    shop.write(
      `etc/kubernetes/manifests/${name}.manifest`,
      `apiVersion: v1
kind: Pod
metadata: { name: ${name}, namespace: kube-system, labels: { k8s-app: ${name} } }
spec:
  hostNetwork: true
  containers:
  - name: ${name}
    command: [/go-runner]
    args:
    - --log-file=/var/log/${name}.log
    - --also-stdout
    - /usr/local/bin/${name}
${flags.map((flag) => `    - ${flag}\n`).join('')}    volumeMounts:
${mounts.map((mount, i) => `    - { mountPath: ${mount}, name: v${i}, readOnly: true }\n`).join('')}  volumes:
${mounts.map((mount, i) => `  - { name: v${i}, hostPath: { path: ${mount} } }\n`).join('')}`,
    )
  pod(
    'kube-apiserver',
    [
      '--anonymous-auth=false',
      '--authorization-mode=Node,RBAC',
      '--enable-admission-plugins=LimitRanger,NamespaceLifecycle,NodeRestriction,ServiceAccount',
      `--client-ca-file=/${srv}/ca.crt`,
      `--etcd-cafile=/${api}/etcd-ca.crt`,
      `--etcd-certfile=/${api}/etcd-client.crt`,
      `--etcd-keyfile=/${api}/etcd-client.key`,
      '--etcd-servers=https://127.0.0.1:4001',
      `--kubelet-client-certificate=/${api}/kubelet-api.crt`,
      `--kubelet-client-key=/${api}/kubelet-api.key`,
      `--proxy-client-cert-file=/${api}/apiserver-aggregator.crt`,
      `--proxy-client-key-file=/${api}/apiserver-aggregator.key`,
      '--requestheader-allowed-names=aggregator',
      `--requestheader-client-ca-file=/${api}/apiserver-aggregator-ca.crt`,
      '--secure-port=443',
      '--service-account-issuer=https://api.internal.minimal.example.com',
      `--service-account-key-file=/${api}/service-account.pub`,
      `--service-account-signing-key-file=/${api}/service-account.key`,
      '--service-cluster-ip-range=100.64.0.0/13',
      `--tls-cert-file=/${api}/server.crt`,
      `--tls-private-key-file=/${api}/server.key`,
    ],
    [`/${srv}/ca.crt`, `/${api}`],
  )
  const kubeconfigs = (name: string) =>
    ['', 'authentication-', 'authorization-'].map(
      (flag) => `--${flag}kubeconfig=/var/lib/${name}/kubeconfig`,
    )
  pod(
    'kube-controller-manager',
    [
      ...kubeconfigs('kube-controller-manager'),
      `--cluster-signing-cert-file=/${manager}/ca.crt`,
      `--cluster-signing-key-file=/${manager}/ca.key`,
      `--root-ca-file=/${srv}/ca.crt`,
      `--service-account-private-key-file=/${manager}/service-account.key`,
      `--tls-cert-file=/${manager}/server.crt`,
      `--tls-private-key-file=/${manager}/server.key`,
      '--use-service-account-credentials=true',
    ],
    [`/${srv}/ca.crt`, `/${manager}`, '/var/lib/kube-controller-manager'],
  )
}

async function microk8s(shop: Workshop): Promise<void> {
  const data = 'var/snap/microk8s/current'
  const certs = `${data}/certs`
  const ca = await shop.authority({ CN: '10.152.183.1' })
  const proxies = await shop.authority({ CN: 'front-proxy-ca' })
  for (const [base, pair] of [
    ['ca', ca],
    ['front-proxy-ca', proxies],
  ] as const) {
    shop.write(`${certs}/${base}.crt`, pair.certificate)
    shop.write(`${certs}/${base}.key`, pair.key)
  }
  shop.write(`${certs}/serviceaccount.key`, (await shop.key()).key)
  const pair = (base: string, issuer: Pair, wanted: Wanted) =>
    shop.pair(`${certs}/${base}.crt`, `${certs}/${base}.key`, issuer, wanted)
  const names = { dns: serviceNames, ip: ['127.0.0.1', '10.152.183.1', NODE_IP] }
  await pair('server', ca, { CN: '127.0.0.1', O: ['Canonical'], profile: 'peer', ...names })
  await pair('front-proxy-client', proxies, { CN: 'front-proxy-client', profile: 'peer', ...names })
  await pair(
    'apiserver-kubelet-client',
    ca,
    client('kube-apiserver-kubelet-client', 'system:masters'),
  )
  const kubeletNames = { dns: ['node-0'], ip: [NODE_IP] }
  const users = [
    ['client', 'admin', client('admin', 'system:masters')],
    ['controller', 'system:kube-controller-manager', client('system:kube-controller-manager')],
    ['scheduler', 'system:kube-scheduler', client('system:kube-scheduler')],
    ['proxy', 'system:kube-proxy', client('system:kube-proxy')],
    [
      'kubelet',
      'system:node:node-0',
      { ...client('system:node:node-0', 'system:nodes'), profile: 'peer', ...kubeletNames },
    ],
  ] as const
  for (const [base, user, wanted] of users) {
    const made = await pair(base, ca, wanted)
    shop.write(
      `${data}/credentials/${base}.config`,
      kubeconfig({ server: 'https://127.0.0.1:16443', authority: ca.certificate, user, ...made }),
    )
  }
  const flags = (name: string, lines: readonly string[]) =>
    shop.write(`${data}/args/${name}`, `${lines.join('\n')}\n`)
  flags('kube-apiserver', [
    '--cert-dir=$SNAP_DATA/certs',
    '--service-cluster-ip-range=10.152.183.0/24',
    '--authorization-mode=RBAC,Node',
    '--enable-admission-plugins=EventRateLimit',
    '--service-account-key-file=$SNAP_DATA/certs/serviceaccount.key',
    '--client-ca-file=$SNAP_DATA/certs/ca.crt',
    '--tls-cert-file=$SNAP_DATA/certs/server.crt',
    '--tls-private-key-file=$SNAP_DATA/certs/server.key',
    '--kubelet-client-certificate=$SNAP_DATA/certs/apiserver-kubelet-client.crt',
    '--kubelet-client-key=$SNAP_DATA/certs/apiserver-kubelet-client.key',
    '--secure-port=16443',
    '--etcd-servers="unix://$SNAP_DATA/var/kubernetes/backend/kine.sock:12379"',
    "--service-account-issuer='https://kubernetes.default.svc'",
    '--service-account-signing-key-file=$SNAP_DATA/certs/serviceaccount.key',
    '',
    '# Enable the aggregation layer',
    '--requestheader-client-ca-file=$SNAP_DATA/certs/front-proxy-ca.crt',
    '--requestheader-allowed-names=front-proxy-client',
    '--requestheader-extra-headers-prefix=X-Remote-Extra-',
    '--requestheader-group-headers=X-Remote-Group',
    '--requestheader-username-headers=X-Remote-User',
    '--proxy-client-cert-file=$SNAP_DATA/certs/front-proxy-client.crt',
    '--proxy-client-key-file=$SNAP_DATA/certs/front-proxy-client.key',
    '--kubelet-certificate-authority=$SNAP_DATA/certs/ca.crt',
  ])
  flags('kube-controller-manager', [
    '--kubeconfig=$SNAP_DATA/credentials/controller.config',
    '--service-account-private-key-file=$SNAP_DATA/certs/serviceaccount.key',
    '--root-ca-file=$SNAP_DATA/certs/ca.crt',
    '--cluster-signing-cert-file=$SNAP_DATA/certs/ca.crt',
    '--cluster-signing-key-file=$SNAP_DATA/certs/ca.key',
    '--use-service-account-credentials',
  ])
  flags('kube-scheduler', ['--kubeconfig=$SNAP_DATA/credentials/scheduler.config'])
  flags('kube-proxy', ['--kubeconfig=$SNAP_DATA/credentials/proxy.config'])
  flags('kubelet', [
    '--kubeconfig=$SNAP_DATA/credentials/kubelet.config',
    '--cert-dir=$SNAP_DATA/certs',
    '--client-ca-file=$SNAP_DATA/certs/ca.crt',
    '--anonymous-auth=false',
    '--authentication-token-webhook=true',
  ])
}

async function minikubeHome(shop: Workshop): Promise<void> {
  const ca = await shop.authority({ CN: 'minikubeCA' })
  const proxies = await shop.authority({ CN: 'proxyClientCA' })
  const machines = await shop.authority({ CN: 'jenkins', O: ['jenkins'] })
  const home = '.minikube'
  for (const [base, pair] of [
    ['ca', ca],
    ['proxy-client-ca', proxies],
  ] as const) {
    shop.write(`${home}/${base}.crt`, pair.certificate, 0o644)
    shop.write(`${home}/${base}.key`, pair.key)
  }
  const profile = `${home}/profiles/minikube`
  const pair = (base: string, issuer: Pair, wanted: Wanted) =>
    shop.pair(`${profile}/${base}.crt`, `${profile}/${base}.key`, issuer, wanted)
  const masters = { O: ['system:masters'], profile: 'peer' } as const
  await pair('client', ca, { CN: 'minikube-user', ...masters })
  const api = await pair('apiserver', ca, {
    CN: 'minikube',
    ...masters,
    dns: [
      'minikubeCA',
      'control-plane.minikube.internal',
      'minikube',
      ...serviceNames,
      'localhost',
    ],
    ip: ['10.96.0.1', '127.0.0.1', '10.0.0.1', '192.168.49.2'],
  })
  // The hash of names and addresses stands behind the name.
  shop.write(`${profile}/apiserver.crt.dd3b5fb2`, api.certificate, 0o644)
  shop.write(`${profile}/apiserver.key.dd3b5fb2`, api.key)
  await pair('proxy-client', proxies, { CN: 'aggregator', ...masters })
  shop.write(`${profile}/config.json`, '{ "Name": "minikube", "Driver": "docker" }\n')
  // libmachine's: how the machine's Docker is reached.
  shop.write(`${home}/certs/ca.pem`, machines.certificate, 0o644)
  shop.write(`${home}/certs/ca-key.pem`, machines.key)
  await shop.pair(`${home}/certs/cert.pem`, `${home}/certs/key.pem`, machines, {
    O: ['jenkins'],
    profile: 'client',
  })
  await shop.pair(`${home}/machines/server.pem`, `${home}/machines/server-key.pem`, machines, {
    O: ['jenkins.minikube'],
    profile: 'server',
    dns: ['minikube', 'localhost'],
    ip: ['127.0.0.1', '192.168.49.2'],
  })
}

async function talos(shop: Workshop): Promise<void> {
  const data = (text: string) => base64Of(new TextEncoder().encode(text))
  const os = await shop.authority({ O: ['talos'] })
  const parts: [string, Pair][] = []
  for (const [name, wanted] of [
    ['etcd', { O: ['etcd'] }],
    ['k8s', { O: ['kubernetes'] }],
    ['k8saggregator', { CN: 'front-proxy' }],
  ] as const)
    parts.push([name, await shop.authority(wanted)])
  parts.push(['os', os])
  const { key } = await shop.key()
  const lines = parts.map(
    ([name, pair]) =>
      `    ${name}:\n        crt: ${data(pair.certificate)}\n        key: ${data(pair.key)}\n`,
  )
  shop.write(
    'secrets.yaml',
    `cluster:
    id: cgvhCbucls
    secret: Wiu0qx68V3MK
secrets:
    bootstraptoken: 2psnp2.lry8e9gycdix3bpa
trustdinfo:
    token: oamejv.9tk1nhuwnlc2nghf
certs:
${lines.join('')}    k8sserviceaccount:
        key: ${data(key)}
`,
  )
  const made = await shop.issue('talosconfig', os, { O: ['os:admin'], profile: 'client' })
  shop.write(
    'talosconfig',
    `context: main
contexts:
    main:
        endpoints:
            - 172.20.0.2
        ca: ${data(os.certificate)}
        crt: ${data(made.certificate)}
        key: ${data(made.key)}
`,
  )
}

async function kubeletAlone(shop: Workshop): Promise<void> {
  const pki = 'var/lib/kubelet/pki'
  const ca = await shop.authority({ CN: 'kubernetes' })
  const own = await shop.authority({ CN: 'worker1-ca@1740000000' })
  const serving = { CN: 'worker1@1740000000', profile: 'server', dns: ['worker1'] } as const
  await shop.pair(`${pki}/kubelet.crt`, `${pki}/kubelet.key`, own, serving, own.certificate)
  const dated = 'kubelet-client-2026-02-19-12-00-00.pem'
  const made = await shop.issue(
    `${pki}/${dated}`,
    ca,
    client('system:node:worker1', 'system:nodes'),
  )
  shop.write(`${pki}/${dated}`, made.certificate + made.key)
  shop.link(`${pki}/kubelet-client-current.pem`, `/${pki}/${dated}`)
}

async function kubespray(shop: Workshop): Promise<void> {
  await kubeadmPki(shop, 'etc/kubernetes/ssl', { etcd: false })
  await kubeadmRest(shop, 'etc/kubernetes/ssl')
  shop.tree.delete('etc/kubernetes/manifests/etcd.yaml')
  shop.link('etc/kubernetes/pki', 'ssl')
  const folder = 'etc/ssl/etcd/ssl'
  const ca = await shop.authority({ CN: 'etcd-ca' })
  shop.write(`${folder}/ca.pem`, ca.certificate, 0o644)
  shop.write(`${folder}/ca-key.pem`, ca.key)
  const names = { dns: ['localhost', CONTROL_PLANE], ip: [NODE_IP, '127.0.0.1', '::1'] }
  for (const kind of ['member', 'admin', 'node'])
    await shop.pair(
      `${folder}/${kind}-${CONTROL_PLANE}.pem`,
      `${folder}/${kind}-${CONTROL_PLANE}-key.pem`,
      ca,
      {
        CN: `etcd-${kind}-${CONTROL_PLANE}`,
        profile: 'peer',
        ...names,
      },
    )
  const api = 'etc/kubernetes/manifests/kube-apiserver.yaml'
  const text = (textAt(shop.tree, api) ?? '')
    .replace('/etc/kubernetes/ssl/etcd/ca.crt', `/${folder}/ca.pem`)
    .replace(
      '/etc/kubernetes/ssl/apiserver-etcd-client.crt',
      `/${folder}/node-${CONTROL_PLANE}.pem`,
    )
    .replace(
      '/etc/kubernetes/ssl/apiserver-etcd-client.key',
      `/${folder}/node-${CONTROL_PLANE}-key.pem`,
    )
    .replace(
      /( *)volumeMounts:\n/,
      `$1volumeMounts:\n$1- { mountPath: /${folder}, name: etcd-certs-0, readOnly: true }\n`,
    )
    .replace(
      /( *)volumes:\n/,
      `$1volumes:\n$1- { name: etcd-certs-0, hostPath: { path: /${folder} } }\n`,
    )
  shop.write(api, text)
  shop.write(
    'etc/systemd/system/etcd.service',
    '[Service]\nType=notify\nUser=root\nEnvironmentFile=/etc/etcd.env\nExecStart=/usr/local/bin/etcd\n',
    0o644,
  )
  shop.write(
    'etc/etcd.env',
    `ETCD_ADVERTISE_CLIENT_URLS=https://${NODE_IP}:2379
ETCD_INITIAL_ADVERTISE_PEER_URLS=https://${NODE_IP}:2380
ETCD_LISTEN_CLIENT_URLS=https://${NODE_IP}:2379,https://127.0.0.1:2379
ETCD_LISTEN_PEER_URLS=https://${NODE_IP}:2380
ETCD_NAME=etcd1
ETCD_TRUSTED_CA_FILE=/${folder}/ca.pem
ETCD_CERT_FILE=/${folder}/member-${CONTROL_PLANE}.pem
ETCD_KEY_FILE=/${folder}/member-${CONTROL_PLANE}-key.pem
ETCD_CLIENT_CERT_AUTH=true
ETCD_PEER_TRUSTED_CA_FILE=/${folder}/ca.pem
ETCD_PEER_CERT_FILE=/${folder}/member-${CONTROL_PLANE}.pem
ETCD_PEER_KEY_FILE=/${folder}/member-${CONTROL_PLANE}-key.pem
ETCD_PEER_CLIENT_CERT_AUTH=true
`,
  )
}

const masters = ['system:masters']

/** Every layout that is recognised, as its project's source lays it out. */
export const FIXTURES: readonly Fixture[] = [
  fixture(
    'kubeadm',
    'kubeadm, a control plane',
    [
      'etc/kubernetes/pki/apiserver.crt',
      'etc/kubernetes/pki/etcd/server.crt',
      'etc/kubernetes/scheduler.conf',
    ],
    async (shop) => {
      await kubeadmPki(shop, 'etc/kubernetes/pki')
      await kubeadmRest(shop, 'etc/kubernetes/pki')
    },
  ),
  fixture(
    'k3s',
    'k3s, a server',
    [
      'var/lib/rancher/k3s/server/tls/serving-kube-apiserver.crt',
      'var/lib/rancher/k3s/server/tls/etcd/client.crt',
      'var/lib/rancher/k3s/server/tls/client-kube-proxy.crt',
    ],
    (shop) => k3sServer(shop, 'k3s'),
  ),
  fixture(
    'k3s',
    'k3s, an agent',
    [
      'var/lib/rancher/k3s/agent/serving-kubelet.crt',
      'var/lib/rancher/k3s/agent/client-kubelet.crt',
      'var/lib/rancher/k3s/agent/client-kube-proxy.crt',
    ],
    k3sAgent,
  ),
  fixture(
    'rke2',
    'RKE2, a server',
    [
      'var/lib/rancher/rke2/server/tls/serving-kube-apiserver.crt',
      'var/lib/rancher/rke2/server/tls/client-auth-proxy.crt',
    ],
    (shop) => k3sServer(shop, 'rke2'),
  ),
  fixture(
    'hard-way',
    'the hard way with cfssl',
    ['var/lib/kubernetes/kubernetes.pem', 'var/lib/kubernetes/kube-scheduler.kubeconfig'],
    (shop) => hardWay(shop, 'pem'),
  ),
  fixture(
    'hard-way',
    'the hard way with OpenSSL',
    [
      'var/lib/kubernetes/kube-api-server.crt',
      'var/lib/kubernetes/kube-controller-manager.kubeconfig',
    ],
    (shop) => hardWay(shop, 'crt'),
  ),
  fixture(
    'kops',
    'kOps, a control plane',
    [
      'srv/kubernetes/kube-apiserver/server.crt',
      'srv/kubernetes/kube-apiserver/apiserver-aggregator.crt',
      'srv/kubernetes/kubelet-server.crt',
      'var/lib/kube-scheduler/kubeconfig',
    ],
    kops,
  ),
  fixture(
    'microk8s',
    'MicroK8s',
    [
      'var/snap/microk8s/current/certs/server.crt',
      'var/snap/microk8s/current/certs/front-proxy-client.crt',
    ],
    microk8s,
  ),
  fixture(
    'minikube-home',
    'the home of minikube',
    ['.minikube/profiles/minikube/apiserver.crt', '.minikube/certs/cert.pem'],
    minikubeHome,
  ),
  fixture(
    'minikube',
    'a machine of minikube',
    ['var/lib/minikube/certs/apiserver.crt', 'var/lib/minikube/certs/etcd/peer.crt'],
    async (shop) => {
      await kubeadmPki(shop, 'var/lib/minikube/certs', {
        caName: 'minikubeCA',
        apiserver: {
          CN: 'minikube',
          O: masters,
          profile: 'peer',
          dns: ['control-plane.minikube.internal', ...apiserverNames.dns],
          ip: apiserverNames.ip,
        },
      })
      const proxies = await shop.authority({ CN: 'proxyClientCA' })
      shop.write('var/lib/minikube/certs/proxy-client-ca.crt', proxies.certificate, 0o644)
      shop.write('var/lib/minikube/certs/proxy-client-ca.key', proxies.key)
      await shop.pair(
        'var/lib/minikube/certs/proxy-client.crt',
        'var/lib/minikube/certs/proxy-client.key',
        proxies,
        { CN: 'aggregator', O: masters, profile: 'peer' },
      )
      await kubeadmRest(shop, 'var/lib/minikube/certs')
    },
  ),
  fixture(
    'kubespray',
    'Kubespray, a control plane',
    ['etc/kubernetes/ssl/apiserver.crt', `etc/ssl/etcd/ssl/member-${CONTROL_PLANE}.pem`],
    kubespray,
  ),
  fixture(
    'kind',
    'a node of kind',
    ['etc/kubernetes/pki/apiserver.crt', 'etc/kubernetes/pki/front-proxy-client.crt'],
    async (shop) => {
      await kubeadmPki(shop, 'etc/kubernetes/pki')
      await kubeadmRest(shop, 'etc/kubernetes/pki')
      shop.write('kind/version', 'v1.28.7\n', 0o644)
      shop.write(
        'kind/kubeadm.conf',
        'apiVersion: kubeadm.k8s.io/v1beta3\nkind: ClusterConfiguration\nclusterName: kind\n',
        0o644,
      )
    },
  ),
  fixture('talos', 'what Talos leaves with the operator', ['talosconfig'], talos),
  fixture(
    'kubelet',
    'a kubelet’s certificates alone',
    [
      'var/lib/kubelet/pki/kubelet.crt',
      {
        path: 'var/lib/kubelet/pki/kubelet-client-2026-02-19-12-00-00.pem',
        not: 'foreign-authority',
      },
    ],
    kubeletAlone,
  ),
  fixture('kubeadm', 'a worker of kubeadm', ['etc/kubernetes/kubelet.conf'], async (shop) => {
    const ca = await shop.authority({ CN: 'kubernetes' })
    shop.write('etc/kubernetes/pki/ca.crt', ca.certificate, 0o644)
    const made = await shop.issue(
      'etc/kubernetes/kubelet.conf',
      ca,
      client('system:node:worker1', 'system:nodes'),
    )
    shop.write(
      'etc/kubernetes/kubelet.conf',
      kubeconfig({
        server: `https://${NODE_IP}:6443`,
        authority: ca.certificate,
        user: 'default-auth',
        ...made,
      }),
    )
  }),
  fixture('kubeadm', 'an admin.conf alone', ['etc/kubernetes/admin.conf'], async (shop) => {
    const ca = await shop.authority({ CN: 'kubernetes' })
    const made = await shop.issue('etc/kubernetes/admin.conf', ca, admin)
    shop.write(
      'etc/kubernetes/admin.conf',
      kubeconfig({
        server: `https://${NODE_IP}:6443`,
        authority: ca.certificate,
        user: 'kubernetes-admin',
        ...made,
      }),
    )
  }),
  fixture(
    'unrecognised',
    'pairs and a kubeconfig in folders of any name',
    ['certs-2025/web.crt', 'other/db.pem', 'other/both.pem', 'people/jane.kubeconfig'],
    async (shop) => {
      const ca = await shop.authority({ CN: 'our ca' })
      shop.write('certs-2025/our-ca.crt', ca.certificate, 0o644)
      await shop.pair('certs-2025/web.crt', 'certs-2025/web.key', ca, {
        CN: 'web',
        profile: 'server',
        dns: ['web.example.com'],
      })
      await shop.pair('other/db.pem', 'other/db-key.pem', ca, {
        CN: 'db',
        profile: 'server',
        dns: ['db.example.com'],
      })
      const both = await shop.issue('other/both.pem', ca, { CN: 'both', profile: 'client' })
      shop.write('other/both.pem', both.certificate + both.key)
      const jane = await shop.issue('people/jane.kubeconfig', ca, client('jane', 'developers'))
      shop.write(
        'people/jane.kubeconfig',
        kubeconfig({
          server: 'https://api.example.com:6443',
          authority: ca.certificate,
          user: 'jane',
          ...jane,
        }),
      )
    },
  ),
]
