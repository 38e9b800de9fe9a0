import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { readCertificate } from '../../src/ca/certificate/read.js'
import { encodePem } from '../../src/ca/pem.js'
import { verifyChain, verifyLikeOpenssl } from '../../src/ca/verify/verify.js'
import { CASES } from './verify-cases.js'
import {
  AT,
  altNames,
  authority,
  constraints,
  ecKey,
  endEntity,
  type Forged,
  keyUsage,
  leafExtensions,
  nameConstraints,
} from './verify-forge.js'

const A_REASON = {
  code: expect.stringMatching(/^[a-z]+(-[a-z]+)*$/),
  message: expect.stringMatching(/\w/),
  certificate: expect.stringMatching(/./),
}
const ders = (list: readonly Forged[] = []) => list.map(({ der }) => der)

describe('bad input', () => {
  const root = authority('root')
  const leaf = endEntity(root)

  it('gives a reason for an unreadable leaf', async () => {
    for (const bad of [
      '',
      'x',
      '-----BEGIN CERTIFICATE-----',
      new Uint8Array(),
      leaf.der.slice(1),
    ]) {
      const verdict = await verifyChain({ leaf: bad, anchors: root.der, at: AT })
      expect(verdict).toMatchObject({
        ok: false,
        reasons: [{ code: 'unparsable', certificate: 'leaf' }],
      })
    }
  })

  it('passes over unreadable anchors and says so', async () => {
    const bad = encodePem('CERTIFICATE', leaf.der.slice(0, 100))
    const bundle = bad + encodePem('CERTIFICATE REQUEST', root.der)
    const good = encodePem('CERTIFICATE', root.der)
    const passed = await verifyChain({ leaf: leaf.der, anchors: bundle + good, at: AT })
    expect(passed).toMatchObject({
      ok: true,
      notes: [{ code: 'skipped', certificate: 'anchors[0]' }],
    })
    const failed = await verifyChain({ leaf: leaf.der, anchors: bundle, at: AT })
    expect(failed.ok || failed.reasons.map(({ code }) => code)).toEqual([
      'unknown-issuer',
      'unparsable',
    ])
  })

  it('takes PEM, DER and facts alike', async () => {
    const forms = [root.der, encodePem('CERTIFICATE', root.der), readCertificate(root.der)]
    for (const anchors of [...forms, ...forms.map((one) => [one])]) {
      expect((await verifyChain({ leaf: leaf.der, anchors, at: AT })).ok).toBe(true)
    }
  })

  it('throws for a question that makes no sense', async () => {
    const question = { leaf: leaf.der, anchors: root.der, at: AT }
    for (const wrong of [
      { at: new Date(Number.NaN) },
      { maxDepth: -1 },
      { maxDepth: Number.NaN },
    ]) {
      await expect(verifyChain({ ...question, ...wrong })).rejects.toMatchObject({
        code: 'ERR_USAGE',
      })
    }
  })

  it('survives flipped bytes, and never accepts a changed leaf or intermediate', async () => {
    const good = CASES.filter(({ go, openssl = go }) => go === 'ok' && openssl === 'ok')
    const spot = fc.record({
      one: fc.constantFrom(...good),
      at: fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true }),
      flip: fc.integer({ min: 1, max: 255 }),
      which: fc.nat(),
    })
    await fc.assert(
      fc.asyncProperty(spot, async ({ one, at, flip, which }) => {
        const all = [one.leaf, ...(one.intermediates ?? []), ...one.anchors].map(({ der }) => der)
        const index = which % all.length
        const changed = all.map((der, n) => {
          const copy = Uint8Array.from(der)
          const place = Math.floor(at * der.length)
          if (n === index) copy[place] = (copy[place] ?? 0) ^ flip
          return copy
        })
        const count = one.intermediates?.length ?? 0
        const [changedLeaf = new Uint8Array(), ...others] = changed
        const question = {
          leaf: changedLeaf,
          intermediates: others.slice(0, count),
          anchors: others.slice(count),
          at: one.at === undefined ? AT : new Date(one.at),
          usages: ['anyExtendedKeyUsage'],
        }
        const go = await verifyChain(question)
        const openssl = await verifyLikeOpenssl(question)
        if (index === 0) expect([go.ok, openssl.ok]).toEqual([false, false])
        for (const verdict of [go, openssl]) {
          if (!verdict.ok) expect(verdict.reasons).toContainEqual(A_REASON)
        }
      }),
      { numRuns: 400 },
    )
  })

  it('survives anything', async () => {
    const junk = fc.oneof(fc.uint8Array({ maxLength: 400 }), fc.string(), fc.constant(root.der))
    await fc.assert(
      fc.asyncProperty(junk, fc.array(junk), fc.string(), async (bad, pool, name) => {
        const verdict = await verifyChain({
          leaf: bad,
          anchors: pool,
          intermediates: pool,
          at: AT,
          name,
        })
        if (!verdict.ok) expect(verdict.reasons).toContainEqual(A_REASON)
      }),
      { numRuns: 300 },
    )
  })
})

describe('hostile chains', () => {
  it('gives up after 100 signature checks', async () => {
    const names = ['a', 'b', 'c', 'd', 'e', 'f', 'g', 'h']
    const tops = new Map(names.map((name) => [name, authority(name)]))
    const crossed = names.flatMap((name) =>
      names.flatMap((by) => {
        const issuer = tops.get(by)
        const key = tops.get(name)?.key
        return issuer === undefined || key === undefined
          ? []
          : [authority(name, { by: issuer, key })]
      }),
    )
    const leaf = endEntity(crossed[0] ?? authority('none'))
    const question = {
      leaf: leaf.der,
      intermediates: ders(crossed),
      anchors: ders([authority('z')]),
    }
    const verdict = await verifyChain({ ...question, at: AT })
    expect(verdict.ok || verdict.reasons.map(({ code }) => code)).toContain('search-limit')
  })

  it('gives up after 100 issuers of the right name and the wrong key', async () => {
    const key = ecKey()
    const fakes = Array.from({ length: 150 }, () => authority('root', { key }))
    const leaf = endEntity(authority('root'))
    const verdict = await verifyChain({ leaf: leaf.der, anchors: ders(fakes), at: AT })
    const codes = verdict.ok ? [] : verdict.reasons.map(({ code }) => code)
    expect(new Set(codes)).toEqual(new Set(['bad-signature', 'search-limit']))
  })

  it('gives up after 250,000 comparisons of names', async () => {
    const many = (count: number, suffix: string) =>
      Array.from({ length: count }, (_, n) => `dns:${n}.${suffix}`)
    const top = authority('top', {
      extensions: [
        constraints(true),
        keyUsage('keyCertSign'),
        nameConstraints([], many(600, 'no')),
      ],
    })
    const leaf = endEntity(top, { extensions: leafExtensions(top, many(600, 'test')) })
    const verdict = await verifyChain({ leaf: leaf.der, anchors: top.der, at: AT })
    expect(verdict).toMatchObject({ ok: false, reasons: [{ code: 'too-many-constraints' }] })
  })

  it('cannot forge a line of a report with its names', async () => {
    const root = authority('root')
    const leaf = endEntity(root, {
      subject: 'x\nok: all good',
      extensions: [altNames(['dns:a\nb'])],
    })
    const verdict = await verifyChain({ leaf: leaf.der, anchors: root.der, at: AT, name: 'c\nd' })
    expect(JSON.stringify(verdict.ok || verdict.reasons)).not.toContain('\\n"')
    for (const one of verdict.ok ? [] : verdict.reasons) {
      expect(`${one.certificate}${one.message}`).not.toContain('\n')
    }
  })
})
