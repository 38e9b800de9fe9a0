import { describe, expect, expectTypeOf, it } from 'vitest'
import 'kpki/vitest'
import type {
  ClusterSource,
  ClusterSpec,
  ErrorCode,
  FileTree,
  Generated,
  GenerateOptions,
  InspectedObject,
  KeyAlgorithm,
  SpecIssue,
} from 'kpki'
import { type generate, isKpkiError, KEY_ALGORITHMS, type parseCluster } from 'kpki'
import type { AuditOptions, AuditReport, auditTree, HealthOptions, Pki } from 'kpki/audit'
import type { readTree } from 'kpki/node'
import type { mergeKubeconfig, StepId } from 'kpki/provision'

// The compiler judges these (`npm run typecheck`); what they name is looked up in the source.
describe('public types', () => {
  it('take what one has and give what one needs', () => {
    expectTypeOf<typeof generate>().parameters.toEqualTypeOf<[ClusterSource, GenerateOptions?]>()
    expectTypeOf<typeof generate>().returns.resolves.toEqualTypeOf<Generated>()
    expectTypeOf<string>().toExtend<ClusterSource>()
    expectTypeOf<ClusterSpec>().toExtend<ClusterSource>()
    expectTypeOf<typeof parseCluster>().parameter(0).toEqualTypeOf<string>()
    expectTypeOf<typeof readTree>().returns.resolves.toEqualTypeOf<FileTree>()
  })

  it('let an audit take whatever generating and reading give', () => {
    expectTypeOf<Generated>().toExtend<Parameters<typeof auditTree>[0]>()
    expectTypeOf<FileTree>().toExtend<Parameters<typeof auditTree>[0]>()
    expectTypeOf<Generated>().toExtend<Pki>()
    expectTypeOf<HealthOptions>().toExtend<AuditOptions>()
    expectTypeOf<typeof auditTree>().returns.resolves.toEqualTypeOf<AuditReport>()
  })

  it('refuse what is none of them', () => {
    expectTypeOf<number>().not.toExtend<ClusterSource>()
    expectTypeOf<string>().not.toExtend<Pki>()
    expectTypeOf<'RSA-1024'>().not.toExtend<KeyAlgorithm>()
    expectTypeOf<'ERR_NOTHING'>().not.toExtend<ErrorCode>()
    expectTypeOf<'nonsense'>().not.toExtend<StepId>()
  })

  it('are unions that a switch narrows', () => {
    expectTypeOf<Extract<InspectedObject, { kind: 'certificate' }>>().not.toBeNever()
    const error: unknown = new Error('somebody else’s')
    if (isKpkiError(error) && error.code === 'ERR_SPEC_INVALID')
      expectTypeOf(error.details.issues).toEqualTypeOf<readonly SpecIssue[]>()
    if (isKpkiError(error) && error.code === 'ERR_LOCKED')
      expectTypeOf(error.details.owner).toEqualTypeOf<string>()
    expect(isKpkiError(error)).toBe(false)
    expect(Object.keys(KEY_ALGORITHMS)).toContain('ECDSA-P256')
  })

  it('keep what is promised', () => {
    expectTypeOf<typeof mergeKubeconfig>().parameters.toEqualTypeOf<
      [string | undefined, string, string]
    >()
    expectTypeOf(expect({} as Pki).toBeHealthyPki).returns.toEqualTypeOf<Promise<void>>()
  })
})
