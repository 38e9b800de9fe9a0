import type { ComponentName } from '../../manifests/flags.js'
import { flagIsTrue, flagList, flagOf } from '../../values/command-line.js'
import { apiClients, kubeconfigOf } from '../graph/clients.js'
import {
  absence,
  bundleProblem,
  chainProblem,
  credentialOfFlags,
  fileOfFlag,
  fileOfLaunch,
  type NamedFile,
  named,
  pairProblem,
  privateKeyOf,
  type Refusal,
} from '../graph/credentials.js'
import { acceptedKeys, kubeconfigProblem } from '../graph/edges-api.js'
import { encryptionProblem } from '../read/documents.js'
import type { KeyFacts, Launch, NodeEvidence } from '../read/evidence.js'

/** What a component looks at before it serves: the first problem stops it. */
export type StartCheck = (node: NodeEvidence, launch: Launch) => Refusal | undefined

/** Two flags name a certificate and its key; both are loaded together (`tls.X509KeyPair`). */
export function pair(certificateFlag: string, keyFlag: string, what: string): StartCheck {
  return (node, launch) => {
    const given = [certificateFlag, keyFlag].filter(
      (flag) => flagOf(launch.flags, flag) !== undefined,
    )
    if (given.length === 1) {
      const lacking = given[0] === certificateFlag ? keyFlag : certificateFlag
      return {
        code: 'flag-missing',
        message: `--${given[0]} is given without --${lacking}`,
        ...placeOf(launch),
      }
    }
    const credential = credentialOfFlags(node, launch, certificateFlag, keyFlag)
    return credential && pairProblem(credential, what)
  }
}

/** The kubelet's probes verify nothing, but must be able to read what is sent. */
export function probed(certificateFlag: string, keyFlag: string): StartCheck {
  return (node, launch) => {
    if (!launch.probes.some(({ scheme }) => scheme === 'HTTPS')) return undefined
    const credential = credentialOfFlags(node, launch, certificateFlag, keyFlag)
    return credential && chainProblem(credential, 'server')
  }
}

export function placeOf({ node, path }: Launch) {
  return { node, ...(path !== undefined && { path }) }
}

export function bundle(
  flag: string,
  what: string,
  reader: 'every-block' | 'any-block' = 'every-block',
): StartCheck {
  return (node, launch) => {
    const file = fileOfFlag(node, launch, flag)
    return (
      file &&
      (reader === 'any-block' ? rootsProblem(file, what) : bundleProblem(file, what, reader))
    )
  }
}

/** client-go's roots: an empty file stands for the operating system's, anything else must hold a certificate. */
export function rootsProblem(file: NamedFile, what: string): Refusal | undefined {
  return file.pem?.empty ? undefined : bundleProblem(file, what, 'any-block')
}

/** etcd's reader: every block of any kind must be a certificate; none at all is let through. */
export function etcdBundle(flag: string, what: string): StartCheck {
  return (node, launch) => {
    const file = fileOfFlag(node, launch, flag)
    const gone = file && absence(file, what)
    if (!file || gone) return gone
    const bad = file.pem?.blocks.find(({ certificate }) => !certificate)
    if (!bad) return undefined
    const why = bad.failure ?? `a ${bad.label} block is no certificate`
    const message = `${what} ${named(file)} line ${bad.line}: ${why}`
    return { code: 'unparsable', message, node: file.node, path: file.path }
  }
}

export function readable(...flags: readonly string[]): StartCheck {
  return (node, launch) => {
    for (const flag of flags)
      for (const value of launch.flags.get(flag) ?? []) {
        if (!value.startsWith('/')) continue
        const gone = absence(fileOfLaunch(node, launch, value), `--${flag}:`)
        if (gone) return gone
      }
    return undefined
  }
}

export function privateKey(flag: string, what: string): StartCheck {
  return (node, launch) => {
    const file = fileOfFlag(node, launch, flag)
    const gone = file && absence(file, what)
    if (!file || gone || file.state === 'unknown') return gone
    const key = privateKeyOf(file.pem)
    const why = unreadable(key)
    if (why !== undefined) return unparsable(file, `${what} ${named(file)} ${why}`)
    const { type, curve } = key?.facts ?? {}
    const isUsable = type === 'RSA' || (type === 'EC' && /^P-(256|384|521)$/.test(curve ?? ''))
    return isUsable
      ? undefined
      : unparsable(file, `${what} ${named(file)} is neither RSA nor ECDSA on P-256, P-384 or P-521`)
  }
}

// keyutil of client-go, which goes by the label.
function unreadable(key: KeyFacts | undefined): string | undefined {
  if (!key) return 'holds no private key'
  if (key.encrypted) return 'is protected by a passphrase'
  if (key.mislabelled) return `is no ${key.label}`
  return key.failure === undefined ? undefined : `can't be read: ${key.failure}`
}

export function unparsable(file: NamedFile, message: string): Refusal {
  return { code: 'unparsable', message, node: file.node, path: file.path }
}

export function publicKeys(flag: string, what: string): StartCheck {
  return (node, launch) => {
    for (const value of launch.flags.get(flag) ?? []) {
      const file = fileOfLaunch(node, launch, value)
      const gone = absence(file, what)
      if (gone) return gone
      if (file.state === 'present' && acceptedKeys(file.pem).length === 0)
        return unparsable(file, `${what} ${named(file)} holds no key`)
    }
    return undefined
  }
}

const COMMON = 'cluster-signing'

function hasBoth({ flags }: Launch, prefix: string): boolean {
  return ['cert', 'key'].every((kind) => flagOf(flags, `${prefix}-${kind}-file`) !== undefined)
}

const oneWayOfSigning: StartCheck = (_node, launch) => {
  const own = [...launch.flags.keys()].find((flag) =>
    /^cluster-signing-.+-(cert|key)-file$/.test(flag),
  )
  if (own === undefined || !hasBoth(launch, COMMON)) return undefined
  const message = `--${own} and --${COMMON}-cert-file exclude each other`
  return { code: 'flag', message, ...placeOf(launch) }
}

/** The controller manager's signer: exactly one certificate, and its own key (kubernetes/kubeadm#1350). */
function signer(prefix: string): StartCheck {
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
function kubeconfig(flag: string): StartCheck {
  return (node, launch) => {
    const file = flag === 'kubeconfig' ? kubeconfigOf(node, launch) : fileOfFlag(node, launch, flag)
    return file && kubeconfigFileProblem(node, file)
  }
}

export function kubeconfigFileProblem(node: NodeEvidence, file: NamedFile): Refusal | undefined {
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
  NodeEvidence,
  ReadonlyMap<string, ReturnType<typeof apiClients>[number]>
>()

function clientsOf(node: NodeEvidence) {
  const known = clientsByNode.get(node)
  if (known) return known
  const all = new Map(apiClients([node]).map((client) => [client.file.path, client]))
  clientsByNode.set(node, all)
  return all
}

const secureEtcd: StartCheck = (_node, launch) => {
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

const encryption: StartCheck = (node, launch) => {
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
  Record<Exclude<ComponentName, 'kubelet'>, readonly StartCheck[]>
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
