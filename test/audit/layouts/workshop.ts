import type { Name, SubjectAltNames } from '../../../src/ca/certificate/facts.js'
import { readCertificate } from '../../../src/ca/certificate/read.js'
import { runtimeEngine } from '../../../src/ca/engine.js'
import { issueCertificate, randomSerial } from '../../../src/ca/issue.js'
import { generateKey, keyIdentifierOf } from '../../../src/ca/keys/keys.js'
import { readPrivateKey } from '../../../src/ca/keys/private-key.js'
import { encodePem } from '../../../src/ca/pem.js'
import type { ProfileName } from '../../../src/ca/profiles.js'
import { localSigner } from '../../../src/ca/signer.js'
import { type FileTree, file, type TreeEntry } from '../../../src/files/tree.js'
import { base64Of } from '../../../src/values/bytes.js'
import { NOW } from '../support.js'

const engine = runtimeEngine()
const DAY = 86_400_000
const MASTERS = 'system:masters'

export interface Pair {
  readonly certificate: string
  readonly key: string
}

/** What a certificate of a fixture says. */
export interface Wanted {
  readonly CN?: string
  readonly O?: readonly string[]
  readonly profile: ProfileName
  readonly dns?: readonly string[]
  readonly ip?: readonly string[]
}

/** What is done to one pair of a fixture, by the path of its certificate. */
export interface Defect {
  readonly path: string
  readonly how: 'expired' | 'foreign-key' | 'foreign-authority'
}

/** Writes a tree of files, with at most one defect. */
export interface Workshop {
  readonly tree: Map<string, TreeEntry>
  write(path: string, text: string, mode?: number): void
  link(path: string, target: string): void
  authority(wanted: Omit<Wanted, 'profile'>): Promise<Pair>
  /** Issues a pair and writes it, the certificate followed by `chain`. */
  pair(
    certificate: string,
    key: string,
    issuer: Pair,
    wanted: Wanted,
    chain?: string,
  ): Promise<Pair>
  /** Issues a pair without writing it; `path` is what a defect calls it. */
  issue(path: string, issuer: Pair, wanted: Wanted): Promise<Pair>
  key(): Promise<{ readonly key: string; readonly pub: string }>
}

export function workshop(defect?: Defect): Workshop {
  const tree = new Map<string, TreeEntry>()
  const write = (path: string, text: string, mode = 0o600) => {
    tree.set(path, file(path, text, mode))
  }
  const make = async (
    { CN, O = [], profile, dns = [], ip = [] }: Wanted,
    issuer: Pair | undefined,
    notAfter: Date,
  ): Promise<Pair> => {
    const key = await generateKey(engine, 'ECDSA-P256')
    const subject: Name = [
      ...O.map((value) => [{ type: 'O', value }]),
      ...(CN === undefined ? [] : [[{ type: 'CN', value: CN }]]),
    ]
    const der = await issueCertificate(
      {
        subject,
        publicKey: key.spki,
        profile,
        ...(dns.length + ip.length > 0 && { altNames: { dns, ip } satisfies SubjectAltNames }),
        notBefore: new Date(NOW.getTime() - 10 * DAY),
        notAfter,
        serial: randomSerial(engine),
        subjectKeyIdentifier: await keyIdentifierOf(engine, key.spki, 'sha1'),
      },
      {
        signer: await localSigner(engine, readPrivateKey(issuer?.key ?? key.pem())),
        ...(issuer && { certificate: readCertificate(issuer.certificate) }),
      },
    )
    return { certificate: encodePem('CERTIFICATE', der), key: key.pem() }
  }
  const authority: Workshop['authority'] = (wanted) =>
    make({ ...wanted, profile: 'authority' }, undefined, new Date(NOW.getTime() + 3600 * DAY))
  const issue: Workshop['issue'] = async (path, issuer, wanted) => {
    const how = defect?.path === path ? defect.how : undefined
    const end = new Date(NOW.getTime() + (how === 'expired' ? -1 : 300) * DAY)
    const { subject } = readCertificate(issuer.certificate)
    const values = (wanted: string) =>
      subject.rdns.flat().flatMap(({ type, value }) => (type === wanted ? [value] : []))
    const [CN] = values('CN')
    const twin = { ...(CN !== undefined && { CN }), O: values('O') }
    const signer = how === 'foreign-authority' ? await authority(twin) : issuer
    const made = await make(wanted, signer, end)
    if (how !== 'foreign-key') return made
    return { ...made, key: (await generateKey(engine, 'ECDSA-P256')).pem() }
  }
  return {
    tree,
    write,
    link: (path, target) => tree.set(path, { kind: 'symlink', path, target }),
    authority,
    issue,
    async pair(certificate, key, issuer, wanted, chain = '') {
      const made = await issue(certificate, issuer, wanted)
      write(certificate, made.certificate + chain, 0o644)
      write(key, made.key)
      return made
    },
    async key() {
      const key = await generateKey(engine, 'ECDSA-P256')
      return { key: key.pem(), pub: encodePem('PUBLIC KEY', key.spki) }
    },
  }
}

export interface KubeconfigParts {
  readonly server: string
  readonly authority: string
  readonly user: string
  readonly certificate: string
  readonly key: string
  /** The parts are paths, not PEM. */
  readonly files?: boolean
}

export function kubeconfig({ server, authority, user, certificate, key, files }: KubeconfigParts) {
  const data = (text: string): string => base64Of(new TextEncoder().encode(text))
  const field = (name: string, value: string) =>
    files ? `${name}: ${value}` : `${name}-data: ${data(value)}`
  return `apiVersion: v1
kind: Config
current-context: main
clusters:
- name: cluster
  cluster:
    server: ${server}
    ${field('certificate-authority', authority)}
contexts:
- name: main
  context:
    cluster: cluster
    user: ${user}
users:
- name: ${user}
  user:
    ${field('client-certificate', certificate)}
    ${field('client-key', key)}
`
}

export const admin = { CN: 'kubernetes-admin', O: [MASTERS], profile: 'client' } as const
export const serviceNames = [
  'kubernetes',
  'kubernetes.default',
  'kubernetes.default.svc',
  'kubernetes.default.svc.cluster.local',
]

/** A tree below another folder. */
export function moved(tree: FileTree, folder: string): FileTree {
  const all = new Map<string, TreeEntry>()
  for (const [path, entry] of tree)
    all.set(`${folder}/${path}`, { ...entry, path: `${folder}/${path}` })
  return all
}
