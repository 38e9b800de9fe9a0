import type { AuditInput } from '../../../src/audit/read/evidence.js'
import type { CertificateFacts, ExtensionFacts } from '../../../src/ca/certificate/facts.js'
import { readCertificate } from '../../../src/ca/certificate/read.js'
import {
  bitString,
  boolean,
  element,
  explicit,
  integer,
  octetString,
  oid,
  sequence,
  time,
} from '../../../src/ca/der/write.js'
import { runtimeEngine } from '../../../src/ca/engine.js'
import { generateKey } from '../../../src/ca/keys/keys.js'
import { type PrivateKey, readPrivateKey } from '../../../src/ca/keys/private-key.js'
import { ecdsaToDer } from '../../../src/ca/keys/signature.js'
import { encodePem } from '../../../src/ca/pem.js'
import { localSigner } from '../../../src/ca/signer.js'
import {
  type DirectoryEntry,
  directory,
  type FileTree,
  file,
  type Owner,
  type SymlinkEntry,
  type TreeEntry,
  textAt,
} from '../../../src/files/tree.js'
import { base64Of, bytesOfBase64 } from '../../../src/values/bytes.js'
import { NOW } from '../support.js'
import { without } from './parts.js'

export const PKI = 'etc/kubernetes/pki'
export const MANIFESTS = 'etc/kubernetes/manifests'
export const DAY = 86_400_000
const engine = runtimeEngine()

/** A copy of all trees that can be broken, and what they were before. */
export class BrokenTrees {
  readonly nodes: Map<string, Map<string, TreeEntry>>
  authorities: Map<string, TreeEntry>
  operator: Map<string, TreeEntry>
  cluster: AuditInput['cluster'] | undefined
  unreadCluster: AuditInput['unreadCluster'] | undefined
  earlier: AuditInput | undefined
  constructor(input: AuditInput) {
    this.nodes = new Map([...input.nodes].map(([name, tree]) => [name, new Map(tree)]))
    this.authorities = new Map(input.authorities ?? [])
    this.operator = new Map(input.operator ?? [])
    this.cluster = input.cluster
  }
  /** A node's tree; the first control plane by default. */
  tree(node = 'controlplane'): Map<string, TreeEntry> {
    const found =
      node === 'operator'
        ? this.operator
        : node === 'authorities'
          ? this.authorities
          : this.nodes.get(node)
    if (!found) throw new Error(`no node ${node}`)
    return found
  }
  text(path: string, node?: string): string {
    const found = textAt(this.tree(node), path)
    if (found === undefined) throw new Error(`${path} is not in the tree`)
    return found
  }
  write(path: string, content: string | Uint8Array, node?: string, mode?: number): void {
    const before = this.tree(node).get(path)
    const usual = before?.kind === 'file' ? before.mode : 0o600
    this.tree(node).set(path, file(path, content, mode ?? usual))
  }
  edit(path: string, change: (text: string) => string, node?: string): void {
    const before = this.text(path, node)
    const after = change(before)
    if (after === before) throw new Error(`nothing changed in ${path}`)
    this.write(path, after, node)
  }
  replace(path: string, pattern: string | RegExp, by: string, node?: string): void {
    this.edit(path, (text) => text.replace(pattern, by), node)
  }
  remove(path: string, node?: string): void {
    if (!this.tree(node).delete(path)) throw new Error(`${path} is not in the tree`)
  }
  everywhere(change: (node: string) => void): void {
    for (const node of this.nodes.keys()) change(node)
  }
  link(path: string, target: string, node?: string): void {
    const entry: SymlinkEntry = { kind: 'symlink', path, target }
    this.tree(node).set(path, entry)
  }
  directory(path: string, mode: number, owner?: Owner, node?: string): void {
    const entry: DirectoryEntry = { ...directory(path, mode), ...(owner && { owner }) }
    this.tree(node).set(path, entry)
  }
  chmod(path: string, mode: number, node?: string): void {
    const entry = this.tree(node).get(path)
    if (entry?.kind !== 'file') throw new Error(`${path} is no file`)
    this.tree(node).set(path, { ...entry, mode })
  }
  chown(path: string, owner: Owner, node?: string): void {
    const entry = this.tree(node).get(path)
    if (entry?.kind !== 'file') throw new Error(`${path} is no file`)
    this.tree(node).set(path, { ...entry, owner })
  }
  touch(path: string, modified: number, node?: string): void {
    const entry = this.tree(node).get(path)
    if (entry?.kind !== 'file') throw new Error(`${path} is no file`)
    this.tree(node).set(path, { ...entry, modified })
  }
  /** Sets, changes or (undefined) removes a flag of a static pod. */
  flag(component: string, name: string, value: string | undefined, node?: string): void {
    this.edit(
      `${MANIFESTS}/${component}.yaml`,
      (text) => {
        const without = text.replace(new RegExp(`^ +- --${name}(=.*)?\\n`, 'm'), '')
        if (value === undefined) return without
        return without.replace(
          new RegExp(`^( +)- ${component}\\n`, 'm'),
          (line, indent) => `${line}${indent}- --${name}=${value}\n`,
        )
      },
      node,
    )
  }
  input(): AuditInput {
    return {
      nodes: this.nodes as ReadonlyMap<string, FileTree>,
      authorities: this.authorities,
      operator: this.operator,
      ...(this.cluster && { cluster: this.cluster }),
      ...(this.unreadCluster && { unreadCluster: this.unreadCluster }),
      ...(this.earlier && { earlier: this.earlier }),
    }
  }
}

/** Raw parts of a certificate that differ from those of the one it is made from. */
export interface Forgery {
  readonly version?: 1 | 2 | 3
  /** Content octets of the serial number. */
  readonly serial?: Uint8Array
  readonly subject?: Uint8Array
  readonly issuer?: Uint8Array
  readonly notBefore?: Date | Uint8Array
  readonly notAfter?: Date | Uint8Array
  readonly spki?: Uint8Array
  readonly extensions?: (list: readonly ExtensionFacts[]) => readonly ExtensionFacts[]
  /** Outer (and, unless `inner` is given, inner) signature algorithm. */
  readonly algorithm?: Uint8Array
  readonly inner?: Uint8Array
  /** Signs with this hash instead of the key's own. */
  readonly hash?: 'SHA-256'
  /** Spoils the signature. */
  readonly unsigned?: boolean
}

/** A certificate like another one but for the given parts, signed by a key. */
export async function forge(
  facts: CertificateFacts,
  key: PrivateKey,
  forgery: Forgery,
): Promise<string> {
  const signer = await localSigner(engine, key)
  const instant = (value: Date | Uint8Array) => (value instanceof Date ? time(value) : value)
  const list = (forgery.extensions ?? ((all) => all))(facts.extensions)
  const version = forgery.version ?? 3
  const outer = forgery.algorithm ?? signer.signatureAlgorithm
  const tbs = sequence(
    ...(version === 1 ? [] : [explicit(0, integer(version - 1))]),
    element(0x02, forgery.serial ?? facts.serialBytes),
    forgery.inner ?? outer,
    forgery.issuer ?? facts.issuer.raw,
    sequence(
      instant(forgery.notBefore ?? facts.notBefore),
      instant(forgery.notAfter ?? facts.notAfter),
    ),
    forgery.subject ?? facts.subject.raw,
    forgery.spki ?? facts.publicKey.spki,
    ...(version === 3 && list.length > 0
      ? [
          explicit(
            3,
            sequence(
              ...list.map((one) =>
                sequence(
                  oid(one.oid),
                  ...(one.critical ? [boolean(true)] : []),
                  octetString(one.value),
                ),
              ),
            ),
          ),
        ]
      : []),
  )
  const value = forgery.hash ? await signWith(key, forgery.hash, tbs) : await signer.sign(tbs)
  if (forgery.unsigned) value[value.length - 1] = (value[value.length - 1] ?? 0) ^ 1
  return encodePem('CERTIFICATE', sequence(tbs, outer, bitString(value)))
}

async function signWith(key: PrivateKey, hash: string, tbs: Uint8Array): Promise<Uint8Array> {
  const algorithm = { name: 'ECDSA', namedCurve: key.facts.curve ?? '' }
  const pkcs8 = Uint8Array.from(key.pkcs8())
  const imported = await engine.subtle.importKey('pkcs8', pkcs8, algorithm, false, ['sign'])
  const raw = await engine.subtle.sign({ name: 'ECDSA', hash }, imported, Uint8Array.from(tbs))
  return ecdsaToDer(new Uint8Array(raw))
}

/** Which authority’s key signs what lies below the certificates directory. */
function signerOf(base: string): string {
  if (/^(ca|front-proxy-ca|etcd\/ca)$/.test(base)) return base
  if (base.startsWith('etcd/') || base === 'apiserver-etcd-client') return 'etcd/ca'
  return base === 'front-proxy-client' ? 'front-proxy-ca' : 'ca'
}

export function authorityKey(trees: BrokenTrees, base: string): PrivateKey {
  return readPrivateKey(trees.text(`${PKI}/${base}.key`))
}

export interface Where {
  readonly node?: string
  /** Another authority’s key (and, with `issuer` unset, name). */
  readonly by?: string
}

/** Issues `<pki>/<base>.crt` again with other parts; its key stays. */
export async function reissue(
  trees: BrokenTrees,
  base: string,
  forgery: Forgery,
  where: Where = {},
): Promise<void> {
  const path = base.endsWith('.crt') ? base : `${PKI}/${base}.crt`
  const facts = readCertificate(trees.text(path, where.node))
  const by = where.by ?? signerOf(base)
  const issuer = where.by
    ? { issuer: readCertificate(trees.text(`${PKI}/${by}.crt`)).subject.raw }
    : {}
  trees.write(
    path,
    await forge(facts, authorityKey(trees, by), { ...issuer, ...forgery }),
    where.node,
  )
}

/** Issues the certificate in a kubeconfig again. */
export async function reissueIn(
  trees: BrokenTrees,
  path: string,
  forgery: Forgery,
  where: Where = {},
): Promise<void> {
  const old = certificateIn(trees.text(path, where.node))
  const facts = readCertificate(old)
  const by = where.by ?? 'ca'
  const issuer = where.by
    ? { issuer: readCertificate(trees.text(`${PKI}/${by}.crt`)).subject.raw }
    : {}
  const pem = await forge(facts, authorityKey(trees, by), { ...issuer, ...forgery })
  trees.replace(
    path,
    /client-certificate-data: .*/,
    `client-certificate-data: ${base64(pem)}`,
    where.node,
  )
}

export function certificateIn(kubeconfig: string): string {
  const data = /client-certificate-data: (.*)/.exec(kubeconfig)?.[1] ?? ''
  return new TextDecoder().decode(bytesOfBase64(data))
}

export const base64 = (text: string) => base64Of(new TextEncoder().encode(text))

/** A self-signed authority like an existing one but for the given parts, with a key of its own. */
export async function newAuthority(trees: BrokenTrees, like: string, forgery: Forgery = {}) {
  const key = await generateKey(engine, 'ECDSA-P256')
  const facts = readCertificate(trees.text(`${PKI}/${like}.crt`))
  const pem = await forge(facts, key, {
    spki: key.spki,
    serial: new Uint8Array([0x21, ...key.spki.slice(-8)]),
    extensions: without('2.5.29.14', '2.5.29.35'),
    ...forgery,
  })
  return { pem, key, facts: readCertificate(pem) }
}

export async function newKey(): Promise<PrivateKey> {
  return generateKey(engine, 'ECDSA-P256')
}

export const later = (days: number) => new Date(NOW.getTime() + days * DAY)

export * from './parts.js'
