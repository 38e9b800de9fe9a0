import { apiClients, kubeconfigOf } from './api-clients.js'
import { flagIsTrue, flagList, flagOf } from './command-line.js'
import {
  absence,
  fileOfFlag,
  type NamedFile,
  named,
  type Problem,
  pairProblem,
} from './credentials.js'
import { kubeconfigProblem } from './edges-api.js'
import { encryptionProblem } from './encryption.js'
import type { ComponentName, Launch, NodeFacts } from './estate.js'
import {
  bundle,
  type Check,
  etcdBundle,
  pair,
  placeOf,
  privateKey,
  probed,
  publicKeys,
  readable,
  rootsProblem,
  unparsable,
} from './file-checks.js'

const COMMON = 'cluster-signing'

function hasBoth({ flags }: Launch, prefix: string): boolean {
  return ['cert', 'key'].every((kind) => flagOf(flags, `${prefix}-${kind}-file`) !== undefined)
}

const oneWayOfSigning: Check = (_node, launch) => {
  const own = [...launch.flags.keys()].find((flag) =>
    /^cluster-signing-.+-(cert|key)-file$/.test(flag),
  )
  if (own === undefined || !hasBoth(launch, COMMON)) return undefined
  const message = `--${own} and --${COMMON}-cert-file exclude each other`
  return { code: 'flag', message, ...placeOf(launch) }
}

/** The controller manager's signer: exactly one certificate, and its own key (kubernetes/kubeadm#1350). */
function signer(prefix: string): Check {
  return (node, launch) => {
    const [certificateFlag, keyFlag] = [`${prefix}-cert-file`, `${prefix}-key-file`] as const
    // With one of the common two alone the controller manager signs nothing, and runs.
    if (prefix === COMMON && !hasBoth(launch, prefix)) return undefined
    const wrong = pair(certificateFlag, keyFlag, 'signing')(node, launch)
    if (wrong) return wrong
    const file = fileOfFlag(node, launch, certificateFlag)
    const count = file?.pem?.certificates.length ?? 1
    if (!file || count === 1) return undefined
    const message = `--${certificateFlag} ${named(file)} holds ${count} certificates, it must be exactly one`
    return { code: 'signing-bundle', message, node: file.node, path: file.path }
  }
}

/** A kubeconfig is loaded, its embedded pair is checked, its CA must hold a certificate. */
function kubeconfig(flag: string): Check {
  return (node, launch) => {
    const file = flag === 'kubeconfig' ? kubeconfigOf(node, launch) : fileOfFlag(node, launch, flag)
    return file && kubeconfigFileProblem(node, file)
  }
}

export function kubeconfigFileProblem(node: NodeFacts, file: NamedFile): Problem | undefined {
  const gone = absence(file, 'kubeconfig')
  if (gone || file.state !== 'present') return gone
  const client = clientsOf(node).get(file.path)
  if (!client) return unparsable(file, `kubeconfig ${named(file)} is no kubeconfig`)
  const broken = kubeconfigProblem(client)
  if (broken && broken !== 'unknown') return broken
  const { trust, credential } = client
  const lost = trust.kind === 'file' ? rootsProblem(trust.file, 'CA of') : undefined
  if (lost || !credential) return lost
  const missing =
    absence(credential.certificate, 'client certificate') ?? absence(credential.key, 'client key')
  // Files are read again at each connection: only what is embedded is checked at once.
  return missing ?? (credential.embedded ? pairProblem(credential, 'client') : undefined)
}

const clientsByNode = new WeakMap<
  NodeFacts,
  ReadonlyMap<string, ReturnType<typeof apiClients>[number]>
>()

function clientsOf(node: NodeFacts) {
  const known = clientsByNode.get(node)
  if (known) return known
  const all = new Map(apiClients([node]).map((client) => [client.file.path, client]))
  clientsByNode.set(node, all)
  return all
}

const secureEtcd: Check = (_node, launch) => {
  const { flags } = launch
  for (const [urls, certificate, auto] of [
    ['listen-client-urls', 'cert-file', 'auto-tls'],
    ['listen-peer-urls', 'peer-cert-file', 'peer-auto-tls'],
  ] as const) {
    const secure = flagList(flags, urls).some((url) => url.startsWith('https://'))
    if (secure && !flags.has(certificate) && !flagIsTrue(flags, auto))
      return {
        code: 'flag-missing',
        message: `--${urls} is https without --${certificate}`,
        ...placeOf(launch),
      }
  }
  return undefined
}

const encryption: Check = (node, launch) => {
  const file = fileOfFlag(node, launch, 'encryption-provider-config')
  const gone = file && absence(file, 'encryption configuration')
  if (!file || gone || file.state !== 'present') return gone
  const document = node.encryption.find(({ path }) => path === file.path)
  const why = document ? encryptionProblem(document) : 'is no EncryptionConfiguration'
  return why === undefined
    ? undefined
    : unparsable(file, `encryption configuration ${named(file)} ${why}`)
}

const SIGNERS = [
  '',
  '-kubelet-serving',
  '-kubelet-client',
  '-kube-apiserver-client',
  '-legacy-unknown',
]

/** What each component checks, in the order in which it fails. */
export const COMPONENT_CHECKS: Readonly<
  Record<Exclude<ComponentName, 'kubelet'>, readonly Check[]>
> = {
  etcd: [
    secureEtcd,
    pair('cert-file', 'key-file', 'server'),
    etcdBundle('trusted-ca-file', 'client CA'),
    pair('peer-cert-file', 'peer-key-file', 'peer'),
    etcdBundle('peer-trusted-ca-file', 'peer CA'),
  ],
  'kube-apiserver': [
    pair('tls-cert-file', 'tls-private-key-file', 'server'),
    probed('tls-cert-file', 'tls-private-key-file'),
    bundle('client-ca-file', 'client CA'),
    bundle('requestheader-client-ca-file', 'front proxy CA'),
    publicKeys('service-account-key-file', 'service-account key'),
    privateKey('service-account-signing-key-file', 'service-account key'),
    pair('etcd-certfile', 'etcd-keyfile', 'etcd client'),
    etcdBundle('etcd-cafile', 'etcd CA'),
    readable('kubelet-client-certificate', 'kubelet-client-key'),
    bundle('kubelet-certificate-authority', 'kubelet CA', 'any-block'),
    pair('proxy-client-cert-file', 'proxy-client-key-file', 'front proxy'),
    encryption,
    bundle('oidc-ca-file', 'OIDC CA'),
    readable(
      'admission-control-config-file',
      'audit-policy-file',
      'audit-webhook-config-file',
      'authentication-config',
      'authentication-token-webhook-config-file',
      'authorization-config',
      'authorization-webhook-config-file',
      'cloud-config',
      'egress-selector-config-file',
      'token-auth-file',
      'tracing-config-file',
    ),
  ],
  'kube-controller-manager': [
    kubeconfig('kubeconfig'),
    kubeconfig('authentication-kubeconfig'),
    kubeconfig('authorization-kubeconfig'),
    pair('tls-cert-file', 'tls-private-key-file', 'server'),
    bundle('client-ca-file', 'client CA'),
    bundle('requestheader-client-ca-file', 'front proxy CA'),
    bundle('root-ca-file', 'root CA'),
    privateKey('service-account-private-key-file', 'service-account key'),
    oneWayOfSigning,
    ...SIGNERS.map((name) => signer(`${COMMON}${name}`)),
    readable('cloud-config'),
  ],
  'kube-scheduler': [
    readable('config'),
    kubeconfig('kubeconfig'),
    kubeconfig('authentication-kubeconfig'),
    kubeconfig('authorization-kubeconfig'),
    pair('tls-cert-file', 'tls-private-key-file', 'server'),
    bundle('client-ca-file', 'client CA'),
    bundle('requestheader-client-ca-file', 'front proxy CA'),
  ],
  'kube-proxy': [readable('config'), kubeconfig('kubeconfig')],
}
