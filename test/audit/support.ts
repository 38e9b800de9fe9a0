import { type AuditOptions, auditWith, type GeneratedTrees } from '../../src/audit/audit.js'
import { isWrong } from '../../src/audit/report/words.js'
import { CONNECTION_RULES } from '../../src/audit/rules/connections.js'
import type { AuditReport, Rule } from '../../src/audit/types.js'
import type { Name, SubjectAltNames } from '../../src/ca/certificate/facts.js'
import { readCertificate } from '../../src/ca/certificate/read.js'
import { runtimeEngine } from '../../src/ca/engine.js'
import { envOf } from '../../src/ca/env.js'
import { issueCertificate, randomSerial } from '../../src/ca/issue.js'
import { generateKey, keyIdentifierOf } from '../../src/ca/keys/keys.js'
import { readPrivateKey } from '../../src/ca/keys/private-key.js'
import { encodePem } from '../../src/ca/pem.js'
import type { ProfileName } from '../../src/ca/profiles.js'
import { localSigner } from '../../src/ca/signer.js'
import { type FileTree, file, type TreeEntry, textAt } from '../../src/files/tree.js'
import { generate } from '../../src/generate/generate.js'
import { parseCluster } from '../../src/generate/source.js'
import { base64Of } from '../../src/values/bytes.js'

/** The moment at which the trees of these tests are made and judged. */
export const NOW = new Date('2026-03-01T12:00:00Z')
const DAY = 86_400_000
const engine = runtimeEngine()
const env = envOf(engine, NOW)
export const PKI = 'etc/kubernetes/pki'
export const CONTROL_PLANE = 'controlplane'

export interface ClusterOptions {
  /** Lines of `spec.pki`. */
  readonly pki?: readonly string[]
  /** Further lines of `spec`. */
  readonly more?: readonly string[]
  readonly controlPlanes?: number
  readonly version?: string
}

/** The base case: control planes 172.31.10.5, .15, .25 …, workers .6 and .7. */
export function clusterText({
  pki = [],
  more = [],
  controlPlanes = 1,
  version = 'v1.28.7',
}: ClusterOptions = {}): string {
  const planes = Array.from({ length: controlPlanes }, (_, i) => {
    const name = i === 0 ? CONTROL_PLANE : `controlplane${i + 1}`
    return `    - { name: ${name}, role: control-plane, address: 172.31.10.${5 + 10 * i} }\n`
  })
  const indented = (lines: readonly string[], by: string) =>
    lines.map((line) => `${by}${line}\n`).join('')
  return `apiVersion: kpki/v1alpha1
kind: Cluster
metadata:
  name: test
spec:
  kubernetesVersion: ${version}
  networking:
    serviceSubnet: 10.96.0.0/12
    podSubnet: 192.168.0.0/16
${controlPlanes > 1 ? '  controlPlaneEndpoint: api.example.com:6443\n' : ''}  nodes:
${planes.join('')}    - { name: worker1, role: worker, address: 172.31.10.6 }
    - { name: worker2, role: worker, address: 172.31.10.7 }
  pki:
    keyAlgorithm: ECDSA-P256
${indented(pki, '    ')}${indented(more, '  ')}`
}

const made = new Map<string, Promise<GeneratedTrees>>()

/** What `generate` makes of {@link clusterText}; the same for the same options. */
export function generated(options: ClusterOptions = {}): Promise<GeneratedTrees> {
  const text = clusterText(options)
  const known = made.get(text) ?? generate(parseCluster(text).cluster, { env })
  made.set(text, known)
  return known
}

export function audit(
  trees: GeneratedTrees,
  {
    rules = CONNECTION_RULES,
    ...options
  }: AuditOptions & { readonly rules?: readonly Rule[] } = {},
): Promise<AuditReport> {
  return auditWith(rules, trees, { at: NOW, ...options })
}

/** A copy of one node's tree that can be broken. */
export interface Mutable {
  readonly tree: Map<string, TreeEntry>
  text(path: string): string
  write(path: string, text: string): void
  replace(path: string, pattern: string | RegExp, by: string): void
  copy(from: string, to: string): void
  remove(path: string): void
}

function mutable(tree: FileTree): Mutable {
  const copy = new Map(tree)
  const text = (path: string): string => {
    const found = textAt(copy, path)
    if (found === undefined) throw new Error(`${path} is not in the tree`)
    return found
  }
  const write = (path: string, content: string): void => {
    const before = copy.get(path)
    copy.set(path, file(path, content, before?.kind === 'file' ? before.mode : 0o600))
  }
  return {
    tree: copy,
    text,
    write,
    replace(path, pattern, by) {
      const before = text(path)
      const after = before.replace(pattern, by)
      if (after === before) throw new Error(`nothing to replace in ${path}`)
      write(path, after)
    },
    copy: (from, to) => write(to, text(from)),
    remove: (path) => {
      if (!copy.delete(path)) throw new Error(`${path} is not in the tree`)
    },
  }
}

/** The trees with one node's broken; everything else is shared. */
export async function mutated(
  trees: GeneratedTrees,
  mutate: (node: Mutable, all: GeneratedTrees) => void | Promise<void>,
  node = CONTROL_PLANE,
): Promise<GeneratedTrees> {
  const target = mutable(trees.nodes.get(node) ?? new Map())
  await mutate(target, trees)
  return { ...trees, nodes: new Map(trees.nodes).set(node, target.tree) }
}

export interface Wanted {
  /** Base name of the CA below the certificates directory, for example `etcd/ca`. */
  readonly ca: string
  readonly CN: string
  readonly O?: readonly string[]
  /** Instead of `CN` and `O`. */
  readonly subject?: Name
  readonly profile: ProfileName
  readonly names?: SubjectAltNames
  readonly notBefore?: Date
  readonly notAfter?: Date
}

/** A new certificate and key signed by a CA of the control plane's tree. */
export async function issue(
  node: Mutable,
  wanted: Wanted,
): Promise<{ readonly certificate: string; readonly key: string }> {
  const key = await generateKey(engine, 'ECDSA-P256')
  const authority = readCertificate(node.text(`${PKI}/${wanted.ca}.crt`))
  const signer = await localSigner(engine, readPrivateKey(node.text(`${PKI}/${wanted.ca}.key`)))
  const subject: Name = wanted.subject ?? [
    ...(wanted.O ?? []).map((value) => [{ type: 'O', value }]),
    [{ type: 'CN', value: wanted.CN }],
  ]
  const der = await issueCertificate(
    {
      subject,
      publicKey: key.spki,
      profile: wanted.profile,
      ...(wanted.names && { altNames: wanted.names }),
      notBefore: wanted.notBefore ?? NOW,
      notAfter: wanted.notAfter ?? new Date(NOW.getTime() + 360 * DAY),
      serial: randomSerial(engine),
      subjectKeyIdentifier: await keyIdentifierOf(engine, key.spki, 'sha1'),
    },
    { signer, certificate: authority },
  )
  return { certificate: encodePem('CERTIFICATE', der), key: key.pem() }
}

/** Issues and writes `<base>.crt` and `<base>.key`. */
export async function put(node: Mutable, base: string, wanted: Wanted): Promise<void> {
  const { certificate, key } = await issue(node, wanted)
  node.write(`${PKI}/${base}.crt`, certificate)
  node.write(`${PKI}/${base}.key`, key)
}

/** Issues and embeds in a kubeconfig. */
export async function embed(node: Mutable, path: string, wanted: Wanted): Promise<void> {
  const { certificate, key } = await issue(node, wanted)
  embedPair(node, path, certificate, key)
}

export function embedPair(node: Mutable, path: string, certificate: string, key: string): void {
  const data = (text: string): string => base64Of(new TextEncoder().encode(text))
  node.replace(path, /client-certificate-data: .*/, `client-certificate-data: ${data(certificate)}`)
  node.replace(path, /client-key-data: .*/, `client-key-data: ${data(key)}`)
}

export async function newKeyPem(): Promise<string> {
  return (await generateKey(engine, 'ECDSA-P256')).pem()
}

export async function newPublicKeyPem(): Promise<string> {
  const { spki } = await generateKey(engine, 'ECDSA-P256')
  return encodePem('PUBLIC KEY', spki)
}

/** Connections that do not do what they must: `id` for those that fail, `!id` for those that succeed. */
export function surprises({ connections }: AuditReport): readonly string[] {
  return connections.filter(isWrong).map(({ id, will }) => (will === 'succeed' ? `!${id}` : id))
}

export function down({ components }: AuditReport): readonly string[] {
  return components
    .filter(({ starts }) => starts === false)
    .map(({ node, name }) => `${name}/${node}`)
}

export function findings({ findings: all }: AuditReport): readonly string[] {
  return all.map(({ severity, rule, node }) => `${severity} ${rule} ${node ?? '-'}`)
}
