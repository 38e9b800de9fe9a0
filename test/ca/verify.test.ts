import { describe, expect, it } from 'vitest'
import type { ChainNoteCode, ChainReasonCode } from '../../src/ca/verify/reasons.js'
import { type ChainVerdict, verifyChain, verifyLikeOpenssl } from '../../src/ca/verify/verify.js'
import { CASES, type ChainCase } from './verify-cases.js'
import { AT } from './verify-forge.js'

function question({ leaf, intermediates = [], anchors, at, name, usages, maxDepth }: ChainCase) {
  return {
    leaf: leaf.der,
    intermediates: intermediates.map((one) => one.der),
    anchors: anchors.map((one) => one.der),
    at: at === undefined ? AT : new Date(at),
    ...(name !== undefined && { name }),
    ...(usages !== undefined && { usages }),
    ...(maxDepth !== undefined && { maxDepth }),
  }
}

/** `ok` or the codes. */
function summary(verdict: ChainVerdict): readonly string[] {
  return verdict.ok ? ['ok'] : verdict.reasons.map((reason) => reason.code)
}

describe('the table of chains', () => {
  it.each(CASES.map((one) => [one.id, one] as const))('%s', async (_, one) => {
    const verdict = await verifyChain(question(one))
    expect(summary(verdict), 'as Go').toContain(one.go)
    if (one.notes !== undefined)
      expect(verdict.ok && verdict.notes.map(({ code }) => code), 'noted').toEqual(one.notes)
    const wanted = one.openssl ?? one.go
    expect(summary(await verifyLikeOpenssl(question(one))), 'as OpenSSL').toContain(wanted)
  })

  it.each([
    ['DNS wildcard over excluded', 'ok', 'name-constraint'],
    ['DNS wildcard above excluded', 'ok', 'ok'],
    ['DNS wildcard beside excluded', 'ok', 'ok'],
  ])('%s: %s, and %s with Go’s later rule', async (id, before, later) => {
    const [one] = CASES.filter((each) => each.id === id)
    if (!one) throw new Error(`there is no case ${id}`)
    expect(summary(await verifyChain(question(one)))).toContain(before)
    const stricter = { ...question(one), excludedWildcards: 'refused' as const }
    expect(summary(await verifyChain(stricter))).toContain(later)
  })

  it('has no two cases of one name', () => {
    expect(new Set(CASES.map(({ id }) => id)).size).toBe(CASES.length)
  })
  it('has a chain for every reason and every note', () => {
    const reasons: Readonly<Record<ChainReasonCode, 'here' | 'verify-hostile'>> = {
      unparsable: 'here',
      malformed: 'here',
      'unknown-critical': 'here',
      expired: 'here',
      'not-yet-valid': 'here',
      'name-mismatch': 'here',
      'no-san': 'here',
      'unknown-issuer': 'here',
      'issuer-not-ca': 'here',
      'no-key-cert-sign': 'here',
      'path-too-long': 'here',
      'name-constraint': 'here',
      'too-many-constraints': 'verify-hostile',
      'weak-signature': 'here',
      'weak-key': 'here',
      'unsupported-algorithm': 'here',
      'bad-signature': 'here',
      usage: 'here',
      'key-usage': 'here',
      policy: 'here',
      depth: 'here',
      'search-limit': 'verify-hostile',
      'key-id-mismatch': 'here',
      'anchor-not-self-signed': 'here',
    }
    const notes: Readonly<Record<ChainNoteCode, 'here' | 'verify-hostile'>> = {
      'missing-aki': 'here',
      'missing-ski': 'here',
      'aki-mismatch': 'here',
      'basic-constraints-not-critical': 'here',
      'name-constraints-not-critical': 'here',
      'name-constraints-on-leaf': 'here',
      'name-constraints-unchecked': 'here',
      'key-usage-missing': 'here',
      'key-cert-sign-missing': 'here',
      'key-cert-sign-without-ca': 'here',
      'path-length-without-ca': 'here',
      'serial-not-positive': 'here',
      'serial-too-long': 'here',
      'empty-subject': 'here',
      'empty-issuer': 'here',
      'no-san': 'here',
      'san-not-critical': 'here',
      'san-syntax': 'here',
      'usage-any': 'here',
      'old-version': 'here',
      encoding: 'here',
      skipped: 'verify-hostile',
    }
    const wanted = (codes: object) =>
      Object.entries(codes).flatMap(([code, where]) => (where === 'here' ? [code] : []))
    const given = CASES.flatMap(({ go, openssl = go }) => [go, openssl])
    expect(given).toEqual(expect.arrayContaining(wanted(reasons)))
    expect(CASES.flatMap((one) => one.notes ?? [])).toEqual(expect.arrayContaining(wanted(notes)))
  })
})
