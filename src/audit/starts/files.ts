import { FLAGS, type FlagReader, type FlagRow } from '../../manifests/flags.js'
import { flagIsTrue, flagList, flagOf } from '../../values/command-line.js'
import { apiClients, kubeconfigOf } from '../graph/clients.js'
import {
  absence,
  bundleProblem,
  type Credential,
  chainProblem,
  credentialOf,
  fileOfFlag,
  fileOfLaunch,
  type NamedFile,
  named,
  pairProblem,
  privateKeyOf,
  type Refusal,
  type Unseen,
  unseenFile,
} from '../graph/credentials.js'
import { acceptedKeys, kubeconfigProblem } from '../graph/edges-api.js'
import { encryptionProblem } from '../read/documents.js'
import type { KeyFacts, Launch, NodeEvidence } from '../read/evidence.js'
import { authenticationProblem, authorizationProblem } from './access.js'

/** How the file that a flag names stops its component. */
type Check = (
  node: NodeEvidence,
  launch: Launch,
  row: FlagRow,
  table: readonly FlagRow[],
) => Refusal | undefined

const what = ({ called = '' }: FlagRow) => called

const pair: Check = (node, launch, row, table) => {
  const { flag, certificate, component } = row
  const key = table.find((one) => one.component === component && one.key === certificate)
  if (!certificate || !key) return undefined
  const has = ({ flag }: FlagRow) => flagOf(launch.flags, flag) !== undefined
  if (has(row) !== has(key)) {
    const [given, lacking] = has(row) ? [flag, key.flag] : [key.flag, flag]
    const message = `--${given} is given without --${lacking}`
    return { code: 'flag-missing', message, ...placeOf(launch) }
  }
  const credential = credentialOf(node, launch, certificate, table)
  if (!credential) return undefined
  return (
    pairProblem(credential, what(row)) ??
    (certificate === 'apiserver' ? probed(launch, credential) : undefined)
  )
}

// The kubelet's probes verify nothing, but must be able to read what is sent.
function probed({ probes }: Launch, credential: Credential): Refusal | undefined {
  return probes.some(({ scheme }) => scheme === 'HTTPS')
    ? chainProblem(credential, 'server')
    : undefined
}

function placeOf({ node, path }: Launch) {
  return { node, ...(path !== undefined && { path }) }
}

const bundle: Check = (node, launch, row) => {
  const file = fileOfFlag(node, launch, row.flag)
  if (!file) return undefined
  return row.reader === 'any-block'
    ? rootsProblem(file, what(row))
    : bundleProblem(file, what(row), 'every-block')
}

/** client-go's roots: an empty file stands for the operating system's, anything else must hold a certificate. */
function rootsProblem(file: NamedFile, what: string): Refusal | undefined {
  return file.pem?.empty ? undefined : bundleProblem(file, what, 'any-block')
}

/** etcd's reader: every block of any kind must be a certificate; none at all is let through. */
const etcdBundle: Check = (node, launch, row) => {
  const file = fileOfFlag(node, launch, row.flag)
  const gone = file && absence(file, what(row))
  if (!file || gone) return gone
  const bad = file.pem?.blocks.find(({ certificate }) => !certificate)
  if (!bad) return undefined
  const why = bad.failure ?? `a ${bad.label} block is no certificate`
  return unparsable(file, `${what(row)} ${named(file)} line ${bad.line}: ${why}`)
}

const presence: Check = (node, launch, { flag }) => {
  for (const value of launch.flags.get(flag) ?? []) {
    if (!value.startsWith('/')) continue
    const gone = absence(fileOfLaunch(node, launch, value), `--${flag}:`)
    if (gone) return gone
  }
  return undefined
}

/** Each value is `tls.crt,tls.key`, with the names that the pair is for behind a colon. */
const sniPairs: Check = (node, launch, { flag, called = '' }) => {
  for (const value of launch.flags.get(flag) ?? []) {
    const [certificate, key] = (value.split(':')[0] ?? '')
      .split(',')
      .map((path) => fileOfLaunch(node, launch, path))
    const wrong = certificate && key && pairProblem({ certificate, key, embedded: false }, called)
    if (wrong) return wrong
  }
  return undefined
}

const privateKey: Check = (node, launch, row) => {
  const file = fileOfFlag(node, launch, row.flag)
  const gone = file && absence(file, what(row))
  if (!file || gone || file.state === 'unknown') return gone
  const key = privateKeyOf(file.pem)
  const name = `${what(row)} ${named(file)}`
  const why = unreadable(key)
  if (why !== undefined) return unparsable(file, `${name} ${why}`)
  const { type, curve } = key?.facts ?? {}
  const isUsable = type === 'RSA' || (type === 'EC' && /^P-(256|384|521)$/.test(curve ?? ''))
  return isUsable
    ? undefined
    : unparsable(file, `${name} is neither RSA nor ECDSA on P-256, P-384 or P-521`)
}

// keyutil of client-go, which goes by the label.
function unreadable(key: KeyFacts | undefined): string | undefined {
  if (!key) return 'holds no private key'
  if (key.encrypted) return 'is protected by a passphrase'
  if (key.mislabelled) return `is no ${key.label}`
  return key.failure === undefined ? undefined : `can't be read: ${key.failure}`
}

function unparsable(file: NamedFile, message: string): Refusal {
  return { code: 'unparsable', message, node: file.node, path: file.path }
}

const publicKeys: Check = (node, launch, row) => {
  for (const value of launch.flags.get(row.flag) ?? []) {
    const file = fileOfLaunch(node, launch, value)
    const gone = absence(file, what(row))
    if (gone) return gone
    if (file.state === 'present' && acceptedKeys(file.pem).length === 0)
      return unparsable(file, `${what(row)} ${named(file)} holds no key`)
  }
  return undefined
}

/** The controller manager's signers: one for all, or one for each kind of request. */
const signer: Check = (node, launch, row, table) => {
  const isCommon = row.certificate === 'signing'
  const has = (one: FlagRow) => flagOf(launch.flags, one.flag) !== undefined
  if (isCommon) {
    // With one of the common two alone the controller manager signs nothing, and runs.
    if (!table.filter((one) => one.certificate === 'signing' || one.key === 'signing').every(has))
      return undefined
    const own = [...launch.flags.keys()].find((flag) =>
      /^cluster-signing-.+-(cert|key)-file$/.test(flag),
    )
    if (own !== undefined) {
      const message = `--${own} and --${row.flag} exclude each other`
      return { code: 'flag', message, ...placeOf(launch) }
    }
  }
  const wrong = pair(node, launch, row, table)
  if (wrong) return wrong
  const file = fileOfFlag(node, launch, row.flag)
  const count = file?.pem?.certificates.length ?? 1
  if (!file || count === 1) return undefined
  const message = `--${row.flag} ${named(file)} holds ${count} certificates, it must be exactly one`
  return { code: 'signing-bundle', message, node: file.node, path: file.path }
}

/** A kubeconfig is loaded, its embedded pair is checked, its CA must hold a certificate. */
const kubeconfig: Check = (node, launch, { flag }) => {
  const file = flag === 'kubeconfig' ? kubeconfigOf(node, launch) : fileOfFlag(node, launch, flag)
  return file && kubeconfigFileProblem(node, file)
}

export function kubeconfigFileProblem(node: NodeEvidence, file: NamedFile): Refusal | undefined {
  const gone = absence(file, 'kubeconfig')
  if (gone || file.state !== 'present') return gone
  const client = clientsOf(node).get(file.path)
  if (!client) return unparsable(file, `kubeconfig ${named(file)} is no kubeconfig`)
  const broken = kubeconfigProblem(client)
  if (broken) return broken
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

function secureEtcd(launch: Launch): Refusal | undefined {
  const { flags } = launch
  for (const [urls, role, auto] of [
    ['listen-client-urls', 'etcd-server', 'auto-tls'],
    ['listen-peer-urls', 'etcd-peer', 'peer-auto-tls'],
  ] as const) {
    const certificate = FLAGS.find((row) => row.certificate === role)?.flag ?? ''
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

const encryption: Check = (node, launch, row) => {
  const file = fileOfFlag(node, launch, row.flag)
  const gone = file && absence(file, what(row))
  if (!file || gone || file.state !== 'present') return gone
  const document = node.encryption.find(({ path }) => path === file.path)
  const why = document ? encryptionProblem(document) : 'is no EncryptionConfiguration'
  return why === undefined ? undefined : unparsable(file, `${what(row)} ${named(file)} ${why}`)
}

const access =
  (why: (node: NodeEvidence, launch: Launch) => string | undefined): Check =>
  (node, launch, row) => {
    const gone = presence(node, launch, row, [])
    const file = gone ? undefined : fileOfFlag(node, launch, row.flag)
    const problem = file && why(node, launch)
    return problem ? unparsable(file, `--${row.flag}: ${named(file)} ${problem}`) : gone
  }

const CHECKS: Readonly<Record<FlagReader, Check>> = {
  'key-pair': pair,
  signer,
  'every-block': bundle,
  'any-block': bundle,
  etcd: etcdBundle,
  'private-key': privateKey,
  'public-keys': publicKeys,
  kubeconfig,
  'encryption-configuration': encryption,
  'authentication-configuration': access(authenticationProblem),
  'authorization-configuration': access(authorizationProblem),
  'sni-pairs': sniPairs,
  presence,
}

/** The first file that a component reads when it starts, and that was not given. */
export function filesUnseen(node: NodeEvidence, launch: Launch, table = FLAGS): Unseen | undefined {
  for (const { component, flag, reader } of table) {
    if (component !== launch.component || !reader) continue
    for (const value of launch.flags.get(flag) ?? []) {
      if (!value.startsWith('/')) continue
      const unseen = unseenFile(fileOfLaunch(node, launch, value), `--${flag}:`)
      if (unseen) return unseen
    }
  }
  return undefined
}

/** Why a component does not start with the files that its flags name: the first one in the order in which it reads them. */
export function filesProblem(
  node: NodeEvidence,
  launch: Launch,
  table = FLAGS,
): Refusal | undefined {
  const insecure = launch.component === 'etcd' ? secureEtcd(launch) : undefined
  if (insecure) return insecure
  for (const row of table) {
    if (row.component !== launch.component || !row.reader) continue
    const problem = CHECKS[row.reader](node, launch, row, table)
    if (problem) return problem
  }
  return undefined
}
