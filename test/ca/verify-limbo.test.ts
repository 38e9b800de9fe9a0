import { existsSync, readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { type ChainQuestion, verifyChain } from '../../src/ca/verify/verify.js'

/**
 * Path-validation vectors of C2SP/x509-limbo. They expect RFC 5280 to the letter, kpki answers as Go
 * does: each disagreement is a row here. Where kpki accepts more, its notes must name the deviation.
 */
const FILE = new URL('../../../shared/vectors/x509-limbo-part.json', import.meta.url)

interface LimboCase {
  readonly id: string
  readonly trusted_certs: readonly string[]
  readonly untrusted_intermediates: readonly string[]
  readonly peer_certificate: string
  readonly validation_time: string | null
  readonly extended_key_usage: readonly string[] | null
  readonly expected_result: 'SUCCESS' | 'FAILURE'
  readonly expected_peer_name: { readonly value: string } | null
  readonly max_chain_depth: number | null
}

/** Go accepts; the note that says what RFC 5280 has against it. */
const ACCEPTED: { readonly [id: string]: string } = {
  // key identifiers are hints to Go, and their absence is none
  'rfc5280::aki::leaf-missing-aki': 'missing-aki',
  'rfc5280::aki::intermediate-missing-aki': 'missing-aki',
  'rfc5280::aki::cross-signed-root-missing-aki': 'missing-aki',
  'rfc5280::ski::root-missing-ski': 'missing-ski',
  'rfc5280::ski::intermediate-missing-ski': 'missing-ski',
  // Go applies the extension whether critical or not
  'rfc5280::nc::permitted-dns-match-noncritical': 'name-constraints-not-critical',
  'rfc5280::root-non-critical-basic-constraints': 'basic-constraints-not-critical',
  // Go reads name constraints only of issuers
  'rfc5280::nc::not-allowed-in-ee-noncritical': 'name-constraints-on-leaf',
  'rfc5280::nc::not-allowed-in-ee-critical': 'name-constraints-on-leaf',
  // profile rules for CAs that no verifier in Go looks at
  'rfc5280::san::noncritical-with-empty-subject': 'san-not-critical',
  'rfc5280::serial::too-long': 'serial-too-long',
  'rfc5280::serial::zero': 'serial-not-positive',
  'rfc5280::ee-empty-issuer': 'empty-issuer',
  'rfc5280::ca-empty-subject': 'empty-subject',
  'rfc5280::leaf-ku-keycertsign': 'key-cert-sign-without-ca',
  // its key usage has no bit at all, which is to Go as if it were absent
  'rfc5280::root-inconsistent-ca-extensions': 'key-cert-sign-missing',
}

/** Go refuses; the code of its first reason. */
const REFUSED: { readonly [id: string]: string } = {
  // Go counts self-issued intermediates and applies name constraints to them
  'pathlen::self-issued-certs-pathlen': 'path-too-long',
  'rfc5280::nc::permitted-self-issued': 'name-constraint',
  // its name is in the common name only, and Go knows no directory name constraints
  'rfc5280::nc::permitted-dn-match': 'name-mismatch',
}

function question(vector: LimboCase): ChainQuestion {
  return {
    leaf: vector.peer_certificate,
    intermediates: vector.untrusted_intermediates,
    anchors: vector.trusted_certs,
    at: new Date(vector.validation_time ?? '2024-01-01T00:00:00Z'),
    ...(vector.expected_peer_name && { name: vector.expected_peer_name.value }),
    ...(vector.extended_key_usage && { usages: vector.extended_key_usage }),
    ...(vector.max_chain_depth !== null && { maxDepth: vector.max_chain_depth }),
  }
}

const vectors: readonly LimboCase[] = existsSync(FILE)
  ? JSON.parse(readFileSync(FILE, 'utf8')).testcases
  : []

describe('x509-limbo', () => {
  if (vectors.length === 0) {
    const skipped = `SKIPPED: the x509-limbo vectors are not at ${FILE.pathname}; test/ca/verify-cases.ts has chains of their kinds`
    console.warn(skipped)
    it.skip(skipped, () => undefined)
  }
  it.each(vectors.map((vector) => [vector.id, vector] as const))('%s', async (id, vector) => {
    const verdict = await verifyChain(question(vector))
    const wanted = vector.expected_result === 'SUCCESS'
    if (verdict.ok && !wanted) {
      expect(verdict.notes.map((note) => note.code)).toContain(ACCEPTED[id])
    } else if (!verdict.ok && wanted) {
      expect(verdict.reasons[0]?.code).toBe(REFUSED[id])
    } else {
      expect([ACCEPTED[id], REFUSED[id]], 'listed, but agrees').toEqual([undefined, undefined])
    }
  })
})
