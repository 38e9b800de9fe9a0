import type { Name } from '../../ca/certificate/facts.js'
import { AUTHORITIES, LEAVES } from '../../certs/table.js'
import type { FlagFile } from '../../manifests/flags.js'
import { once } from '../../values/once.js'
import { onNode } from '../../values/paths.js'
import type { Certificate, Evidence, KubeconfigFacts, NodeEvidence } from '../read/evidence.js'
import type { LayoutOwner } from '../read/layout-table.js'
import { certificateAt, pairAt } from '../read/layouts.js'
import { UNKNOWN_OUT } from '../read/recognise.js'

/** What a remedy must know: whose tree it is, and which file. */
export interface RemedySubject {
  readonly owner: LayoutOwner
  /** Where kpki has written, as commands name it. */
  readonly out: string
  readonly node?: NodeEvidence
  /** The file as whoever mends it names it; absent where the finding is about none. */
  readonly file?: string
  /** The certificate's file and the key's, where the file is one of a pair. */
  readonly pair?: { readonly certificate: string; readonly key: string }
  /** The kubeconfig that the file is. */
  readonly kubeconfig?: KubeconfigFacts
  /** What the certificate table calls it. */
  readonly id?: FlagFile
  readonly certificate?: Certificate
  /** The authority that signed the certificate, and its key. */
  readonly issuer?: { readonly file: string; readonly key: string }
}

/** What mends a fault, in words or as a command, by whose tree it is. */
export type Remedy = (subject: RemedySubject) => string

/** A remedy; or the same words for every owner, in which `FILE` stands for the file. */
export type Fix = string | Remedy

/** The subject of explanations: kpki's tree, no file. */
const ANY: RemedySubject = { owner: 'kpki', out: UNKNOWN_OUT }

/** A fix in general, as lists of rules and pages show it. */
export function fixInGeneral(fix: Fix, owner: LayoutOwner = 'kpki'): string {
  return fixFor(fix, { ...ANY, owner })
}

/** A fix for one finding: the owner's command, with the true file. */
export function fixFor(fix: Fix, subject: RemedySubject): string {
  const text = typeof fix === 'string' ? fix : fix(subject)
  const { file } = subject
  return file === undefined ? text : text.replaceAll(/\bFILE\b/g, () => word(file))
}

/** One word of a shell, quoted where it must be. */
function word(text: string): string {
  return /^[\w./:@%+,=~-]+$/.test(text) ? text : `'${text.replaceAll("'", "'\\''")}'`
}

/** By whose tree it is; `others` where an owner has no words of its own. */
export function byOwner(
  words: Partial<Readonly<Record<LayoutOwner, Fix>>> & { readonly others: Fix },
): Remedy {
  return (subject) => {
    const own = words[subject.owner] ?? words.others
    return typeof own === 'string' ? own : own(subject)
  }
}

/** Another remedy for those of whose way of making things the finding is true, whatever is issued again. */
export function unlessMadeSo(owners: readonly LayoutOwner[], otherwise: Fix): Remedy {
  return byOwner({
    ...Object.fromEntries(owners.map((owner) => [owner, `none: ${owner} makes it so`])),
    others: otherwise,
  })
}

/** First this, then that. */
export function after(first: Fix, then: Remedy): Remedy {
  return (subject) => `${typeof first === 'string' ? first : first(subject)}, then ${then(subject)}`
}

/** A remedy with a remark behind it, as in a shell. */
export function remarked(remedy: Remedy, remark: string): Remedy {
  return (subject) => `${remedy(subject)}   # ${remark}`
}

const isAuthorityId = (id: FlagFile | undefined) =>
  id !== undefined && Object.hasOwn(AUTHORITIES, id)
const leafPlace = (id: FlagFile | undefined) =>
  Object.entries(LEAVES).find(([leaf]) => leaf === id)?.[1].place

const ROTATION = 'https://kubernetes.io/docs/tasks/tls/manual-rotation-of-ca-certificates/'
const NODE_USER = ({ node }: RemedySubject) => `system:node:${node?.name ?? 'NODE'}`

/** The files of a pair, as the node names them. */
function filesOf({ file = 'FILE', pair }: RemedySubject): string {
  const files = pair ? [pair.certificate, pair.key] : [file]
  return [...new Set(files)].map(word).join(' ')
}

const kubeletFiles: Remedy = (subject) => `rm ${filesOf(subject)} && systemctl restart kubelet`

const kubeletClient: Remedy = (subject) =>
  `kubeadm kubeconfig user --org system:nodes --client-name ${word(NODE_USER(subject))} > kubelet.conf   # on a control plane; then copy it to the node’s /etc/kubernetes`

/** kubeadm's command for one certificate; `make` issues what it makes with kubeadm's defaults, `renew` keeps subject and names. */
function kubeadmOf(what: 'make' | 'renew', config = ''): Remedy {
  return (subject) => {
    const { id, file } = subject
    if (isAuthorityId(id)) return `rotate the authority by hand, kubeadm does not: ${ROTATION}`
    if (id === 'sa.key' || id === 'sa.pub')
      return `rm ${filesOf(subject)} && kubeadm init phase certs sa${config}   # then copy both to every control plane`
    const place = leafPlace(id)
    if (id === 'kubelet.conf') return kubeletClient(subject)
    if (place?.kind === 'kubelet') return kubeletFiles(subject)
    if (place === undefined || id === 'kube-proxy.conf' || place.kind === 'operator') {
      if (file !== undefined) return what === 'make' ? asRequested(subject) : byHand(subject)
      return what === 'renew'
        ? 'kubeadm certs renew all   # not kubelet.conf; then restart the control plane'
        : `rm FILE, then kubeadm init phase certs all${config} or kubeadm init phase kubeconfig all${config}`
    }
    if (what === 'renew') return `kubeadm certs renew ${id}   # then restart what uses it`
    const phase =
      place.kind === 'pki' ? `certs ${id}` : `kubeconfig ${place.file.replace(/\.conf$/, '')}`
    return `rm ${filesOf(subject)} && kubeadm init phase ${phase}${config}   # then restart what uses it`
  }
}

/** Services of `k3s certificate rotate --service`, by the files that they write. */
const SERVICES: readonly (readonly [file: RegExp, service: string])[] = [
  [/client-admin|admin\.kubeconfig/, 'admin'],
  [/kube-apiserver|api-server\.kubeconfig/, 'api-server'],
  [/cloud-controller/, 'cloud-controller'],
  [/client-(k3s|rke2)-controller|(k3s|rke2)controller/, 'PROGRAM-controller'],
  [/client-controller|controller\.kubeconfig|kube-controller-manager/, 'controller-manager'],
  [/scheduler/, 'scheduler'],
  [/client-auth-proxy/, 'auth-proxy'],
  [/\/etcd\//, 'etcd'],
  [/kubelet/, 'kubelet'],
  [/kube-?proxy/, 'kube-proxy'],
]

const k3sOf =
  (program: 'k3s' | 'rke2'): Remedy =>
  ({ id, file, certificate }) => {
    const server = program === 'k3s' ? 'k3s' : 'rke2-server'
    if (isAuthorityId(id) || certificate?.facts.basicConstraints?.ca)
      return `${program} certificate rotate-ca --path=DIRECTORY   # new authorities in DIRECTORY/tls`
    if (file !== undefined && /\/agent\//.test(file)) return `systemctl restart ${program}-agent`
    const service = SERVICES.find(([name]) => name.test(file ?? ''))?.[1]
    const only = service === undefined ? '' : ` --service ${service.replace('PROGRAM', program)}`
    return `systemctl stop ${server} && ${program} certificate rotate${only} && systemctl start ${server}`
  }

const kops: Remedy = ({ id }) =>
  isAuthorityId(id)
    ? 'kops create keypair all && kops update cluster --yes && kops rolling-update cluster --yes   # then promote: https://kops.sigs.k8s.io/operations/rotate-secrets/'
    : 'kops update cluster --yes && kops rolling-update cluster --yes --force'

const PLAYBOOK = 'ansible-playbook -i INVENTORY -b cluster.yml'
const kubesprayOf = (what: 'make' | 'renew'): Remedy => {
  const kubeadm = kubeadmOf(what, ' --config /etc/kubernetes/kubeadm-config.yaml')
  return (subject) => {
    if (/\/ssl\/etcd\//.test(subject.file ?? '')) return `${PLAYBOOK}   # issues etcd’s anew`
    return what === 'renew' && subject.id === undefined ? 'k8s-certs-renew.sh' : kubeadm(subject)
  }
}

const kindOf = (what: 'make' | 'renew'): Remedy => {
  const kubeadm = kubeadmOf(what, ' --config /kind/kubeadm.conf')
  return (subject) => {
    if (subject.id === undefined || isAuthorityId(subject.id))
      return 'kind delete cluster && kind create cluster'
    const [command = ''] = kubeadm(subject).split('   #')
    return `docker exec ${word(subject.node?.name ?? 'NODE')} sh -c ${word(command)}`
  }
}

const minikubeOf =
  (what: 'make' | 'renew'): Remedy =>
  (subject) => {
    if (isAuthorityId(subject.id) || subject.certificate?.facts.basicConstraints?.ca)
      return 'minikube delete --all && minikube start'
    return what === 'renew' || subject.file === undefined
      ? 'minikube start   # renews what has expired'
      : `rm ${filesOf(subject)} && minikube start`
  }

const microk8s: Remedy = ({ file = '' }) => {
  const [, name] = /certs\/(server|front-proxy-client)\.(?:crt|key)$/.exec(file) ?? []
  return name === undefined
    ? 'microk8s refresh-certs --cert ca.crt   # issues all anew; other nodes must join again'
    : `microk8s refresh-certs --cert ${name}.crt`
}

const talos: Remedy = ({ file = '', certificate }) => {
  if (/talosconfig$|\.talos\//.test(file))
    return 'talosctl gen config --with-secrets secrets.yaml --output-types talosconfig CLUSTER https://ENDPOINT:6443'
  return certificate?.facts.basicConstraints?.ca
    ? 'talosctl rotate-ca --dry-run=false'
    : 'talosctl gen secrets --from-controlplane-config controlplane.yaml --output-file secrets.yaml --force'
}

const kubelet: Remedy = (subject) =>
  /kubelet-client/.test(subject.file ?? '') ? kubeletClient(subject) : kubeletFiles(subject)

// OpenSSL 3.
const COPY = '-copy_extensions copyall -days 365'

function signing({ issuer }: RemedySubject): string {
  const { file, key } = issuer ?? { file: 'CA.crt', key: 'CA.key' }
  return `openssl x509 -req -CA ${word(file)} -CAkey ${word(key)} ${COPY}`
}

/** A certificate of the same subject, names and uses for the key that is there. */
function byHand(subject: RemedySubject): string {
  const { file = 'FILE', pair, certificate, kubeconfig } = subject
  if (kubeconfig) return clientByHand(subject)
  const [own, key] = [word(pair?.certificate ?? file), word(pair?.key ?? 'KEY')]
  const anew = word(`${pair?.certificate ?? file}.new`)
  return certificate?.facts.selfIssued
    ? `openssl x509 -in ${own} -signkey ${key} -days 3650 -out ${anew}   # the same key; then mv ${anew} ${own}`
    : `openssl x509 -in ${own} -x509toreq -signkey ${key} -copy_extensions copyall | ${signing(subject)} -out ${anew} && mv ${anew} ${own}`
}

/** A new key, and a certificate for it that says what the present one says. */
const asRequested: Remedy = (subject) => {
  const { file = 'FILE', pair, certificate, kubeconfig } = subject
  if (kubeconfig) return clientByHand(subject)
  if (certificate?.facts.basicConstraints?.ca) return byHand(subject)
  const [own, key] = [word(pair?.certificate ?? file), word(pair?.key ?? 'KEY')]
  return `${requesting(certificate, key)} | ${signing(subject)} -out ${own}   # with subject, names and uses put right`
}

const clientByHand: Remedy = (subject) => {
  const { file = 'FILE', certificate, kubeconfig } = subject
  const user = word(kubeconfig?.user?.name ?? 'USER')
  return `${requesting(certificate, 'client.key')} | ${signing(subject)} -out client.crt && kubectl config set-credentials ${user} --kubeconfig ${word(file)} --embed-certs --client-certificate client.crt --client-key client.key`
}

function requesting(certificate: Certificate | undefined, key: string): string {
  const { subject, altNames, extendedKeyUsage } = certificate?.facts ?? {}
  const usages = extendedKeyUsage?.usages.filter((usage) => usage !== 'any') ?? []
  const names = [
    ...(altNames?.dns ?? []).map((name) => `DNS:${name}`),
    ...(altNames?.ip ?? []).map((address) => `IP:${address}`),
  ]
  const said = [
    ...(names.length > 0 ? [`subjectAltName=${names.join(',')}`] : []),
    ...(usages.length > 0 ? [`extendedKeyUsage=${usages.join(',')}`] : []),
  ]
  return [
    `openssl req -new -newkey rsa:2048 -noenc -keyout ${key}`,
    `-subj ${subject ? word(opensslName(subject.rdns)) : 'SUBJECT'}`,
    ...said.map((one) => `-addext ${word(one)}`),
  ].join(' ')
}

const opensslName = (rdns: Name) =>
  rdns
    .flat()
    .map(({ type, value }) => `/${type}=${value.replace(/[\\/+=]/g, '\\$&')}`)
    .join('')

const kpki: Remedy = ({ out }) => `kpki gen -o ${word(out)}`

/** Issue it again, as the owner's table of certificates has it. */
export const REISSUE: Remedy = byOwner({
  kpki,
  kubeadm: kubeadmOf('make'),
  k3s: k3sOf('k3s'),
  rke2: k3sOf('rke2'),
  kops,
  kubespray: kubesprayOf('make'),
  kind: kindOf('make'),
  minikube: minikubeOf('make'),
  microk8s,
  talos,
  kubelet,
  others: asRequested,
})

/** Issue it again with the same subject, names and uses, for its dates. */
export const RENEW: Remedy = byOwner({
  kpki: remarked(kpki, 'then copy the files to their nodes, and restart what uses them'),
  kubeadm: kubeadmOf('renew'),
  k3s: k3sOf('k3s'),
  rke2: k3sOf('rke2'),
  kops,
  kubespray: kubesprayOf('renew'),
  kind: kindOf('renew'),
  minikube: minikubeOf('renew'),
  microk8s,
  talos,
  kubelet,
  others: byHand,
})

/** As {@link RENEW}, for what gen would still keep: so many days before it ends. */
export const renewWithin = (days: number): Remedy =>
  byOwner({
    kpki: (subject) => `${kpki(subject)} --renew-before ${days}d`,
    others: RENEW,
  })

/** Give the certificate the names that it lacks. */
export const ADD_NAMES: Remedy = (subject) => after(namesIn, REISSUE)(subject)

const namesIn: Remedy = byOwner({
  kpki: ({ id }) =>
    id === undefined || id === 'apiserver'
      ? 'add the name to spec.apiServer.extraSans (or to extraSans or addresses of its node in spec.nodes)'
      : 'add the name to extraSans, or the address to addresses, of its node in spec.nodes',
  kubeadm: ({ id }) => `add the name to ${kubeadmField(id)} of ClusterConfiguration`,
  k3s: 'add the name to tls-san in /etc/rancher/k3s/config.yaml',
  rke2: 'add the name to tls-san in /etc/rancher/rke2/config.yaml',
  kops: 'add the name to spec.api.additionalSANs (kops edit cluster)',
  kubespray: 'add the name to supplementary_addresses_in_ssl_keys',
  kind: 'add the name to apiServer.certSANs in kubeadmConfigPatches',
  minikube: 'give --apiserver-names or --apiserver-ips to minikube start',
  microk8s: 'add the name to /var/snap/microk8s/current/certs/csr.conf.template',
  others: 'with the name in subjectAltName',
})

function kubeadmField(id: FlagFile | undefined): string {
  if (id === 'etcd-server') return 'etcd.local.serverCertSANs'
  return id === 'etcd-peer' ? 'etcd.local.peerCertSANs' : 'apiServer.certSANs'
}

/** Give each zone an authority of its own. */
export const SEPARATE: Remedy = byOwner({
  kpki: 'set spec.pki.topology to separate in cluster.yaml, then kpki gen into a new OUT (a new authority for each zone)',
  kubeadm: `make an authority for each zone: kubeadm init phase certs etcd-ca, kubeadm init phase certs front-proxy-ca, and rotate to them: ${ROTATION}`,
  others: `make an authority for each zone (etcd, front proxy, cluster), and rotate to them: ${ROTATION}`,
})

/** Write manifests, flags and the files that they name anew. */
export const REWRITE: Remedy = byOwner({
  kpki,
  kubeadm: ({ node }) =>
    `kubeadm init phase control-plane all${node?.launches.some(({ component }) => component === 'etcd') ? ' && kubeadm init phase etcd local' : ''}   # writes the manifests anew`,
  kops,
  kubespray: PLAYBOOK,
  kind: 'kind delete cluster && kind create cluster',
  minikube: 'minikube start',
  others: 'correct the flag in the file that starts the component, and restart it',
})

/** Whatever is wrong or missing of a connection or component. */
export const RECONCILE: Remedy = byOwner({
  kpki: remarked(kpki, 'then copy the node’s files and restart the component'),
  others: REISSUE,
})

/** What the fix of a finding is about. */
export function subjectOf(
  evidence: Evidence,
  {
    node: name,
    path,
    certificate,
  }: {
    readonly node?: string
    readonly path?: string
    readonly certificate?: Certificate
  },
): RemedySubject {
  const node = partNamed(evidence, name)
  const owner = node?.owner ?? ownerOfAll(evidence)
  const out = node?.out ?? outOf(evidence)
  if (node === undefined || path === undefined) return { owner, out, ...(node && { node }) }
  const pair = pairAt(node, path)
  const one = certificate ?? leafAt(node, pair?.certificate ?? path)
  const id = certificateAt(node, path)
  const issuer = issuerOf(evidence, one)
  const kubeconfig = node.kubeconfigs.get(path)
  const named = (file: string) => fileFor(evidence, node, file)
  return {
    owner,
    out,
    node,
    file: named(path),
    ...(pair && { pair: { certificate: named(pair.certificate), key: named(pair.key) } }),
    ...(kubeconfig && { kubeconfig }),
    ...(id !== undefined && { id }),
    ...(one && { certificate: one }),
    ...(issuer && { issuer }),
  }
}

function leafAt(node: NodeEvidence, path: string): Certificate | undefined {
  const config = node.kubeconfigs.get(path)
  return config ? config.user?.certificate?.certificates[0] : node.pems.get(path)?.certificates[0]
}

function partNamed(evidence: Evidence, name: string | undefined): NodeEvidence | undefined {
  return name === undefined ? undefined : partsByName(evidence).get(name)
}

const partsByName = once(
  ({ nodes, authorities, operator }: Evidence): ReadonlyMap<string, NodeEvidence> =>
    new Map([operator, authorities, ...nodes].flatMap((part) => (part ? [[part.name, part]] : []))),
)

/** A finding about no node in particular: the owner that all nodes have. */
const ownerOfAll = once(({ nodes }: Evidence): LayoutOwner => {
  const owners = new Set(nodes.map(({ owner }) => owner))
  const [only = 'by hand'] = owners
  return owners.size === 1 ? only : 'by hand'
})

function outOf({ nodes }: Evidence): string {
  return nodes.find(({ out }) => out !== undefined)?.out ?? UNKNOWN_OUT
}

function issuerOf(evidence: Evidence, certificate: Certificate | undefined) {
  const place = certificate?.issuers.find((one) => one !== certificate)?.places[0]
  const node = partNamed(evidence, place?.node)
  if (!place || !node || place.field !== undefined) return undefined
  const key = pairAt(node, place.path)?.key
  return {
    file: fileFor(evidence, node, place.path),
    key: key === undefined ? 'CA.key' : fileFor(evidence, node, key),
  }
}

const FOLDERS = { node: 'nodes/', authorities: 'authorities', operator: 'kubeconfig' } as const

/** A file as whoever mends it names it: in kpki's output folder, on its node, or, where it lies on none, as it was given. */
function fileFor({ origins }: Evidence, node: NodeEvidence, path: string): string {
  const { out, kind, name } = node
  if (out !== undefined && out !== UNKNOWN_OUT)
    return `${out}/${FOLDERS[kind]}${kind === 'node' ? name : ''}/${path}`
  const ofNode = kind === 'node' && /^[^.]/.test(node.pkiDirectory)
  if (!ofNode) return origins?.get(name)?.get(path) ?? path
  return onNode(path)
}
