import type { CertificateFacts, DecodedAltNames, PublicKeyFacts } from '../ca/certificate/facts.js'
import { formatName } from '../ca/certificate/names.js'
import { readCertificate } from '../ca/certificate/read.js'
import { readContainer } from '../ca/containers.js'
import { type CryptoEngine, runtimeEngine, sha256 } from '../ca/engine.js'
import { pinOf, readPublicKey } from '../ca/keys/keys.js'
import { readPrivateKeyWith } from '../ca/keys/private-key.js'
import { encodePem, type PemBlock, parsePem } from '../ca/pem.js'
import { readRequest } from '../ca/request.js'
import { isKpkiError } from '../errors.js'
import { readKubeconfig } from '../kubeconfig/read.js'
import { hexOf } from '../values/bytes.js'

/** What one file holds. Plain JSON; private keys are described by their public half only. */
export interface Inspected {
  readonly path: string
  readonly objects: readonly InspectedObject[]
}

/** What was found in a file. Plain JSON. */
export type InspectedObject =
  | CertificateView
  | RequestView
  | KeyView
  | KubeconfigView
  | { readonly kind: 'pkcs12'; readonly encrypted: boolean; readonly certificates: number }
  | UnreadableView

/** What was found and could not be read, and why. Plain JSON. */
export interface UnreadableView {
  readonly kind: 'unreadable'
  readonly what: string
  readonly reason: string
}

/** A certificate, decoded for people and programs. Plain JSON. */
export interface CertificateView {
  readonly kind: 'certificate'
  readonly subject: string
  readonly issuer: string
  readonly serial: string
  readonly notBefore: string
  readonly notAfter: string
  readonly authority: boolean
  readonly pathLength?: number
  readonly key: string
  readonly signature: string
  readonly usages: readonly string[]
  readonly extendedUsages: readonly string[]
  readonly names: readonly string[]
  readonly subjectKeyIdentifier?: string
  readonly authorityKeyIdentifier?: string
  /** SHA-256 of the DER, hexadecimal. */
  readonly fingerprint: string
  /** `sha256:` and the SHA-256 of the SubjectPublicKeyInfo, as `kubeadm join` pins an authority. */
  readonly pin: string
  readonly oddities: readonly string[]
}

/** A certificate request (PKCS#10), decoded. Plain JSON. */
export interface RequestView {
  readonly kind: 'request'
  readonly subject: string
  readonly key: string
  readonly names: readonly string[]
  readonly signatureValid: boolean
}

/** A key by its public half. Plain JSON. */
export interface KeyView {
  readonly kind: 'private key' | 'public key'
  readonly key: string
  readonly pin: string
}

/** A kubeconfig without its secrets. Plain JSON. */
export interface KubeconfigView {
  readonly kind: 'kubeconfig'
  readonly currentContext: string
  readonly clusters: readonly {
    readonly name: string
    readonly server: string
    readonly authorities: readonly CertificateView[]
    readonly unreadable: readonly UnreadableView[]
  }[]
  readonly users: readonly {
    readonly name: string
    readonly certificates: readonly CertificateView[]
    readonly unreadable: readonly UnreadableView[]
    readonly credentials: readonly string[]
  }[]
}

const decoder = new TextDecoder()

/**
 * Decodes whatever a file holds: PEM blocks, DER certificates and requests, kubeconfigs, PKCS#7 and PKCS#12.
 * What cannot be read is an object of its own, never an exception.
 * /
 *
 * @example
 * ```ts
 * import { readFile } from 'node:fs/promises'
 * import { inspectFile } from 'kpki'
 *
 * const { objects } = await inspectFile('ca.crt', await readFile('out/authorities/ca.crt'))
 * console.log(objects.map(({ kind }) => kind))
 * ```
 */
export async function inspectFile(
  path: string,
  data: Uint8Array,
  engine: CryptoEngine = runtimeEngine(),
): Promise<Inspected> {
  const view = viewer(engine)
  const blocks = parsePem(data)
  if (blocks.length > 0) {
    const objects = blocks.map((block) => view.block(block, data.subarray(block.start, block.end)))
    return { path, objects: (await Promise.all(objects)).flat() }
  }
  if (data[0] === 0x30) return { path, objects: await view.der(data) }
  const kubeconfig = await view.kubeconfig(decoder.decode(data))
  return { path, objects: kubeconfig === undefined ? [] : [kubeconfig] }
}

interface Embedded {
  readonly certificates: readonly CertificateView[]
  readonly unreadable: readonly UnreadableView[]
}

interface Viewer {
  readonly block: (block: PemBlock, bytes: Uint8Array) => Promise<readonly InspectedObject[]>
  readonly der: (data: Uint8Array) => Promise<readonly InspectedObject[]>
  readonly kubeconfig: (text: string) => Promise<KubeconfigView | undefined>
}

function viewer(engine: CryptoEngine): Viewer {
  const key = async (kind: KeyView['kind'], facts: PublicKeyFacts): Promise<KeyView> => ({
    kind,
    key: keyText(facts),
    pin: await pinOf(engine, facts.spki),
  })

  const certificate = async (facts: CertificateFacts): Promise<CertificateView> => ({
    ...certificateFields(facts),
    fingerprint: hexOf(await sha256(engine, facts.der)),
    pin: await pinOf(engine, facts.publicKey.spki),
  })

  const request = async (data: Uint8Array): Promise<RequestView> => {
    const { subject, publicKey, altNames, signatureValid } = await readRequest(data, engine)
    return {
      kind: 'request',
      subject: formatName(subject.rdns),
      key: keyText(publicKey),
      names: namesText(altNames),
      signatureValid,
    }
  }

  const container = async (data: Uint8Array): Promise<readonly InspectedObject[]> => {
    const facts = await readContainer(data)
    if (facts === undefined) return []
    if (facts.kind === 'pkcs7')
      return Promise.all(facts.certificates.map((der) => certificate(readCertificate(der))))
    return [{ kind: 'pkcs12', encrypted: facts.encrypted, certificates: facts.certificateBags }]
  }

  const block: Viewer['block'] = (pem, bytes) =>
    attempt(pem.label, async () => {
      const { label, der } = pem
      if (label === 'PKCS7' || label === 'CMS') return container(bytes)
      if (label.endsWith('CERTIFICATE REQUEST')) return [await request(der)]
      if (label === 'CERTIFICATE') return [await certificate(readCertificate(der))]
      if (label.endsWith('PRIVATE KEY'))
        return [await key('private key', (await readPrivateKeyWith(engine, bytes)).facts)]
      if (label.endsWith('PUBLIC KEY')) return [await key('public key', readPublicKey(bytes))]
      return [{ kind: 'unreadable', what: label, reason: 'this kind of block is not decoded' }]
    })

  const der: Viewer['der'] = async (data) => {
    const keyOf = (label: string) => async () => {
      const pem = encodePem(label, data)
      if (label === 'PUBLIC KEY') return [await key('public key', readPublicKey(pem))]
      return [await key('private key', (await readPrivateKeyWith(engine, pem)).facts)]
    }
    const tries = [
      async () => [await certificate(readCertificate(data))],
      async () => [await request(data)],
      ...['PRIVATE KEY', 'RSA PRIVATE KEY', 'EC PRIVATE KEY', 'PUBLIC KEY'].map(keyOf),
      () => container(data),
    ]
    let failed: readonly InspectedObject[] = []
    for (const read of tries) {
      const objects = await attempt('DER', read)
      if (objects.some(({ kind }) => kind !== 'unreadable')) return objects
      // What a certificate reader says is the most telling.
      if (failed.length === 0) failed = objects
    }
    return failed
  }

  const embedded = async (field: string, data: Uint8Array | undefined): Promise<Embedded> => {
    if (data === undefined) return { certificates: [], unreadable: [] }
    const blocks = parsePem(data)
    if (blocks.length === 0) {
      const reason = 'it holds no PEM in base64'
      return { certificates: [], unreadable: [{ kind: 'unreadable', what: field, reason }] }
    }
    const views = (await Promise.all(blocks.map((pem) => block(pem, pem.der)))).flat()
    return {
      certificates: views.filter((view) => view.kind === 'certificate'),
      unreadable: views.filter((view) => view.kind === 'unreadable'),
    }
  }

  const kubeconfig: Viewer['kubeconfig'] = async (text) => {
    const { failure, currentContext, clusters, users } = readKubeconfig(text)
    if (failure) return undefined
    const clusterViews = clusters.map(async ({ name, server, authorityData }) => {
      const { certificates, unreadable } = await embedded(
        'certificate-authority-data',
        authorityData,
      )
      return { name, server, authorities: certificates, unreadable }
    })
    const userViews = users.map(async ({ name, certificateData, fields }) => ({
      name,
      ...(await embedded('client-certificate-data', certificateData)),
      credentials: fields,
    }))
    return {
      kind: 'kubeconfig',
      currentContext,
      clusters: await Promise.all(clusterViews),
      users: await Promise.all(userViews),
    }
  }
  return { block, der, kubeconfig }
}

async function attempt(
  what: string,
  read: () => Promise<readonly InspectedObject[]>,
): Promise<readonly InspectedObject[]> {
  try {
    return await read()
  } catch (error) {
    if (!isKpkiError(error)) throw error
    return [{ kind: 'unreadable', what, reason: error.message }]
  }
}

function certificateFields(facts: CertificateFacts): Omit<CertificateView, 'fingerprint' | 'pin'> {
  const ski = facts.subjectKeyIdentifier
  const aki = facts.authorityKeyIdentifier?.keyIdentifier
  const pathLength = facts.basicConstraints?.pathLength
  return {
    kind: 'certificate',
    subject: formatName(facts.subject.rdns),
    issuer: formatName(facts.issuer.rdns),
    serial: hexOf(facts.serialBytes),
    notBefore: facts.notBefore.toISOString(),
    notAfter: facts.notAfter.toISOString(),
    authority: facts.basicConstraints?.ca === true,
    ...(pathLength !== undefined && { pathLength }),
    key: keyText(facts.publicKey),
    signature: facts.signature.name,
    usages: facts.keyUsage?.bits ?? [],
    extendedUsages: facts.extendedKeyUsage?.usages ?? [],
    names: namesText(facts.altNames),
    ...(ski && { subjectKeyIdentifier: hexOf(ski) }),
    ...(aki && { authorityKeyIdentifier: hexOf(aki) }),
    oddities: facts.oddities,
  }
}

function keyText({ type, curve, bits }: PublicKeyFacts): string {
  if (curve !== undefined) return `${type} ${curve}`
  return bits === undefined ? type : `${type} ${bits}`
}

function namesText(names: DecodedAltNames | undefined): readonly string[] {
  if (names === undefined) return []
  return [
    ...names.dns.map((name) => `DNS:${name}`),
    ...names.ip.map((address) => `IP:${address}`),
    ...names.email.map((address) => `email:${address}`),
    ...names.uri.map((uri) => `URI:${uri}`),
  ]
}
