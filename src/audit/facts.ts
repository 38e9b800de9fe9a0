import { hexOf, sameBytes } from '../ca/der.js'
import type { CryptoEngine } from '../ca/engine.js'
import { createVerifier } from '../ca/signature.js'
import { createDocumentReader } from './documents.js'
import type { AuditInput, Certificate, Estate, NodeFacts } from './estate.js'
import { readNode } from './node-facts.js'
import { type CertificateDraft, createPemReader } from './pem-facts.js'

/** How many signatures and digests are under way at a time. */
const BATCH = 128
/** Candidates for one issuer beyond these are not tried: nobody has so many CAs of one name. */
const MAX_CANDIDATES = 16

/**
 * Reads trees into facts: every certificate parsed once, every signature checked once. Hostile or
 * broken files become facts, never errors. Private keys are read for their public half only.
 */
export async function readEstate(
  input: AuditInput,
  engine: CryptoEngine,
  onProgress: (done: number, total: number) => void = () => {},
): Promise<Estate> {
  const pems = createPemReader(engine)
  const read = createDocumentReader()
  const { cluster } = input
  const nodes: NodeFacts[] = []
  for (const [name, tree] of input.nodes) {
    nodes.push(await readNode(name, 'node', tree, pems, cluster, read))
    onProgress(nodes.length, input.nodes.size)
  }
  const extra = async (kind: 'authorities' | 'operator', tree = input[kind]) =>
    tree && { [kind]: await readNode(kind, kind, tree, pems, cluster, read) }
  const beside = { ...(await extra('authorities')), ...(await extra('operator')) }
  const certificates = pems.certificates
  await hashAll(certificates, engine)
  await linkIssuers(certificates, engine)
  const earlier = input.earlier && (await readEstate(input.earlier, engine))
  return {
    nodes,
    ...beside,
    ...(cluster && { cluster }),
    ...(earlier && { earlier }),
    certificates,
    keys: pems.keys,
    unrecognised: input.unrecognised ?? [],
    hasMetadata: nodes.some(({ tree }) =>
      [...tree.values()].some((entry) => entry.kind === 'file'),
    ),
    hasManifests: nodes.some(
      ({ launches, kubelet }) =>
        launches.some(({ source }) => source !== 'default') || kubelet?.config !== undefined,
    ),
  }
}

async function inBatches<T>(items: readonly T[], work: (item: T) => Promise<void>): Promise<void> {
  for (let at = 0; at < items.length; at += BATCH)
    await Promise.all(items.slice(at, at + BATCH).map(work))
}

function hashAll(drafts: readonly CertificateDraft[], engine: CryptoEngine): Promise<void> {
  const sha256 = async (bytes: Uint8Array) =>
    hexOf(new Uint8Array(await engine.subtle.digest('SHA-256', Uint8Array.from(bytes))))
  return inBatches(drafts, async (draft) => {
    draft.fingerprint = await sha256(draft.facts.der)
    if (isAuthority(draft)) draft.pin = `sha256:${await sha256(draft.facts.publicKey.spki)}`
  })
}

/** A certificate that may issue others: the CA bit, or no basic constraints and its own issuer. */
export function isAuthority({ facts }: Pick<Certificate, 'facts'>): boolean {
  return facts.basicConstraints ? facts.basicConstraints.ca : facts.selfIssued
}

const latin1 = new TextDecoder('latin1')

async function linkIssuers(
  drafts: readonly CertificateDraft[],
  engine: CryptoEngine,
): Promise<void> {
  const bySubject = new Map<string, CertificateDraft[]>()
  for (const draft of drafts) {
    const name = latin1.decode(draft.facts.subject.raw)
    const same = bySubject.get(name)
    if (same) same.push(draft)
    else bySubject.set(name, [draft])
  }
  const verifier = createVerifier(engine)
  await inBatches(drafts, async (draft) => {
    const named = bySubject.get(latin1.decode(draft.facts.issuer.raw)) ?? []
    const likely = [...named]
      .sort((a, b) => rank(draft, a) - rank(draft, b))
      .slice(0, MAX_CANDIDATES)
    const byKey = new Map<string, Promise<boolean>>()
    const signed = await Promise.all(
      likely.map((candidate) => {
        const known = byKey.get(candidate.keyId)
        const check = known ?? verifier.verify(draft.facts, candidate.facts.publicKey.spki)
        byKey.set(candidate.keyId, check)
        return check
      }),
    )
    draft.issuers = likely.filter((_, i) => signed[i])
  })
}

// Key identifiers only order the candidates, as in Go; certificate authorities come first.
function rank(child: CertificateDraft, candidate: CertificateDraft): number {
  const wanted = child.facts.authorityKeyIdentifier?.keyIdentifier
  const has = candidate.facts.subjectKeyIdentifier
  const fits = wanted !== undefined && has !== undefined && sameBytes(wanted, has)
  return (fits ? 0 : 2) + (isAuthority(candidate) ? 0 : 1)
}
