import { describe, expect, it } from 'vitest'
import { type ChainVerdict, verifyChain, verifyLikeOpenssl } from '../../src/ca/verify/verify.js'
import { CASES, type ChainCase } from './verify-cases.js'
import { AT } from './verify-forge.js'

function question({ leaf, intermediates = [], anchors, at, name, usages }: ChainCase) {
  return {
    leaf: leaf.der,
    intermediates: intermediates.map((one) => one.der),
    anchors: anchors.map((one) => one.der),
    at: at === undefined ? AT : new Date(at),
    ...(name !== undefined && { name }),
    ...(usages !== undefined && { usages }),
  }
}

/** `ok` or the codes. */
function summary(verdict: ChainVerdict): readonly string[] {
  return verdict.ok ? ['ok'] : verdict.reasons.map((reason) => reason.code)
}

describe('the table of chains', () => {
  it.each(CASES.map((one) => [one.id, one] as const))('%s', async (_, one) => {
    expect(summary(await verifyChain(question(one))), 'as Go').toContain(one.go)
    const wanted = one.openssl ?? one.go
    expect(summary(await verifyLikeOpenssl(question(one))), 'as OpenSSL').toContain(wanted)
  })

  it('has no two cases of one name', () => {
    expect(new Set(CASES.map(({ id }) => id)).size).toBe(CASES.length)
  })
})
