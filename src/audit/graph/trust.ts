import type { CertificateFacts } from '../../ca/certificate/facts.js'
import { commonNameOf } from '../../ca/certificate/names.js'
import type { CryptoEngine } from '../../ca/engine.js'
import { createVerifier, type Verifier } from '../../ca/keys/signature.js'
import type { ChainReason } from '../../ca/verify/reasons.js'
import { type ChainQuestion, verifyChain, verifyLikeOpenssl } from '../../ca/verify/verify.js'
import { sameBytes } from '../../values/bytes.js'
import { isoDay } from '../../values/time.js'
import type { Certificate, Evidence } from '../read/evidence.js'
import {
  anchorsOf,
  type Credential,
  chainOf,
  named,
  type Refusal,
  type TrustAnchors,
} from './credentials.js'

/** What a chain is checked for. */
export interface TrustQuestion {
  readonly credential: Credential
  readonly trust: TrustAnchors
  readonly usage: 'serverAuth' | 'clientAuth'
  readonly name?: string
  readonly consumer?: 'go' | 'openssl'
  /** An intruder sends every CA certificate along that helps: they are no secret. */
  readonly resourceful?: boolean
}

export type TrustAnswer =
  | { readonly ok: true; readonly until?: Date }
  | { readonly ok: false; readonly reason: ChainReason }

/** Checks chains at one moment, each distinct question once. */
export interface TrustChecker {
  readonly at: Date
  check(question: TrustQuestion): Promise<TrustAnswer>
}

export function createTrustChecker(
  evidence: Evidence,
  engine: CryptoEngine,
  at: Date,
): TrustChecker {
  const verifier = knowingVerifier(evidence, engine)
  const negativeSerials = isBefore132(evidence) ? 'accepted' : 'refused'
  const asked = new Map<string, Promise<TrustAnswer>>()
  return {
    at,
    check(question) {
      const key = keyOf(question)
      const known = asked.get(key) ?? answer(question, { at, verifier, negativeSerials })
      asked.set(key, known)
      return known
    },
  }
}

/** Whether the components are from releases that were built with Go before 1.23. */
function isBefore132({ nodes }: Evidence): boolean {
  const versions = nodes.flatMap(({ launches }) =>
    launches.flatMap(({ component, version }) => (component !== 'etcd' && version) || []),
  )
  const isOld = (version: string) => Number(/^1\.(\d+)\./.exec(version)?.[1] ?? 99) < 32
  return versions.length > 0 && versions.every(isOld)
}

function keyOf({ credential, trust, usage, name, consumer, resourceful }: TrustQuestion): string {
  const chain = chainOf(credential.certificate.pem).map(({ fingerprint }) => fingerprint)
  const anchors = anchorsOf(trust).map(({ fingerprint }) => fingerprint)
  return [
    chain.join(','),
    anchors.join(','),
    usage,
    name ?? '',
    consumer ?? 'go',
    resourceful,
  ].join(' ')
}

async function answer(
  { credential, trust, usage, name, consumer, resourceful }: TrustQuestion,
  manner: Pick<ChainQuestion, 'at' | 'verifier' | 'negativeSerials'>,
): Promise<TrustAnswer> {
  const sent = chainOf(credential.certificate.pem)
  const [leaf, ...rest] = sent.map(({ facts }) => facts)
  if (!leaf) return { ok: true }
  const helpful = resourceful && sent[0] ? [...ancestors(sent[0])].map(({ facts }) => facts) : []
  const anchors = anchorsOf(trust).map(({ facts }) => facts)
  const verify = consumer === 'openssl' ? verifyLikeOpenssl : verifyChain
  const verdict = await verify({
    leaf,
    intermediates: [...rest, ...helpful],
    anchors,
    ...manner,
    usages: [usage],
    ...(name !== undefined && { name }),
  })
  if (verdict.ok) return { ok: true, until: earliestEnd(verdict.chain) }
  const [reason = { code: 'unknown-issuer', message: 'is not trusted', certificate: '' } as const] =
    verdict.reasons
  return { ok: false, reason }
}

/** Every certificate of the evidence above one, itself not included unless it issued itself. */
export function ancestors(certificate: Certificate): ReadonlySet<Certificate> {
  // A set grows while it is walked: every issuer is visited once, loops and all.
  const found = new Set(certificate.issuers)
  for (const one of found) for (const issuer of one.issuers) found.add(issuer)
  return found
}

export function earliestEnd(chain: readonly CertificateFacts[]): Date {
  return new Date(Math.min(...chain.map(({ notAfter }) => notAfter.getTime())))
}

// Signatures between the evidence's own certificates were all checked when it was read.
function knowingVerifier(evidence: Evidence, engine: CryptoEngine): Verifier {
  const own = new Map(evidence.certificates.map((one) => [one.facts, one]))
  const verifier = createVerifier(engine)
  return {
    async verify(certificate, spki) {
      const issuers = own.get(certificate)?.issuers ?? []
      if (issuers.some(({ facts }) => sameBytes(facts.publicKey.spki, spki))) return true
      return verifier.verify(certificate, spki)
    },
  }
}

/** A refusal as people read it: which file, what is wrong, what it has instead. */
export function refusal(side: string, question: TrustQuestion, reason: ChainReason): Refusal {
  const { credential, trust, usage, name } = question
  const file = credential.certificate
  const [leaf] = chainOf(file.pem)
  const place = { code: reason.code, node: file.node, path: file.path }
  const what = `${side} certificate ${named(file)}`
  if (!leaf) return { ...place, message: `${what} holds no certificate` }
  const message = (text: string): Refusal => ({ ...place, message: `${what} ${text}` })
  switch (reason.code) {
    case 'no-san':
    case 'name-mismatch':
      return message(`has no SAN ${name ?? ''} (${sansOf(leaf)})`)
    case 'unknown-issuer':
    case 'bad-signature':
      return message(`is not signed by ${trustText(trust)} (${issuerText(leaf, trust)})`)
    case 'usage': {
      const { usages } = leaf.facts.extendedKeyUsage ?? {}
      if (!usages || usages.includes(usage))
        return message(`hangs on a CA that is not for ${usage}`)
      return message(`is not for ${usage} (it is for ${usages.join(', ')})`)
    }
    case 'expired':
    case 'not-yet-valid': {
      const own = ownLife(leaf, reason)
      if (own !== undefined) return message(own)
      const text = `hangs on a CA of ${trustText(trust)} that ${reason.message}`
      return { ...message(text), ...(trust.kind === 'file' && fileOf(trust)) }
    }
    case 'anchor-not-self-signed':
      return message(
        `ends at a CA of ${trustText(trust)} that is no self-signed root, which OpenSSL demands`,
      )
    case 'key-id-mismatch':
      return message(`is refused by OpenSSL: ${reason.message}`)
    default:
      return message(`is refused: ${reason.message}`)
  }
}

function sansOf({ facts }: Certificate): string {
  const names = [...(facts.altNames?.dns ?? []), ...(facts.altNames?.ip ?? [])]
  if (names.length === 0) return 'it has none, and common names count for nothing'
  const more = names.length > 12 ? ` and ${names.length - 12} more` : ''
  return `it has ${names.slice(0, 12).join(', ')}${more}`
}

function trustText(trust: TrustAnchors): string {
  return trust.kind === 'file' ? named(trust.file) : 'a CA of the operating system'
}

function issuerText(leaf: Certificate, trust: TrustAnchors): string {
  const issuer = commonNameOf(leaf.facts.issuer) || 'no name'
  const anchors = anchorsOf(trust)
  const sameName = anchors.some(
    ({ facts }) => commonNameOf(facts.subject) === commonNameOf(leaf.facts.issuer),
  )
  if (!sameName) return `its issuer is ${JSON.stringify(issuer)}`
  const sameBytes = anchors.some(({ facts }) => equal(facts.subject.raw, leaf.facts.issuer.raw))
  return sameBytes
    ? `its issuer is another ${JSON.stringify(issuer)} with another key`
    : `its issuer ${JSON.stringify(issuer)} is encoded differently, and names are compared by bytes`
}

function equal(a: Uint8Array, b: Uint8Array): boolean {
  return sameBytes(a, b)
}

function fileOf({ file: { node, path } }: TrustAnchors & { readonly kind: 'file' }) {
  return { node, path }
}

/** That a certificate itself is out of its time; undefined where one above it is. */
function ownLife(leaf: Certificate, reason: ChainReason): string | undefined {
  const own = reason.code === 'expired' ? leaf.facts.notAfter : leaf.facts.notBefore
  const day = isoDay(own)
  if (!reason.message.includes(own.toISOString().slice(0, 19))) return undefined
  return reason.code === 'expired' ? `expired on ${day}` : `is not valid before ${day}`
}
