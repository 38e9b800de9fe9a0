import type { CertificateFacts } from '../certificate/facts.js'
import {
  contextTag,
  type DerCursor,
  derCursor,
  derError,
  enter,
  enterOnly,
  integerOf,
  peekTag,
  readContent,
  readInteger,
  readOid,
  TAG,
} from '../der/der.js'
import { type ChainReason, reason } from './reasons.js'

/** What a certificate says about certificate policies. */
export interface PolicyFacts {
  readonly policies: readonly string[]
  readonly mappings: readonly { readonly issuer: string; readonly subject: string }[]
  readonly requireExplicit?: number
  readonly inhibitMapping?: number
  readonly inhibitAny?: number
}

/**
 * Certificate policies as Go 1.24 processes them (RFC 5280 §6.1 with the changes of RFC 9618), for a
 * caller to whom every policy is welcome: only a path that requires an explicit policy
 * (§4.2.1.11) can fail. Earlier releases of Go refuse critical policy constraints altogether.
 */
export function policyReason(chain: readonly CertificateFacts[]): ChainReason | undefined {
  const [leaf] = chain
  const path = chain.slice(0, -1).reverse()
  if (leaf === undefined || path.length === 0) return
  let explicit = path.length + 1
  let mapping = path.length + 1
  let inhibitAny = path.length + 1
  let tree: PolicyLevel | undefined = new Map([[ANY, [ANY]]])
  for (const [index, certificate] of path.entries()) {
    const facts = readPolicies(certificate)
    const last = index === path.length - 1
    if (facts.policies.length === 0) tree = undefined
    if (tree !== undefined) {
      const anyAllowed = inhibitAny > 0 || (!last && certificate.selfIssued)
      tree = nextLevel(tree, facts.policies, anyAllowed)
      if (!last) {
        const bad = facts.mappings.some(({ issuer, subject }) => issuer === ANY || subject === ANY)
        if (bad && mapping > 0) return reason('policy', certificate, 'maps anyPolicy')
        tree = mapped(tree, facts.mappings, mapping > 0)
      }
    }
    if (last) {
      explicit = facts.requireExplicit === 0 ? 0 : Math.max(explicit - 1, 0)
      continue
    }
    const step = certificate.selfIssued ? 0 : 1
    explicit = Math.min(Math.max(explicit - step, 0), facts.requireExplicit ?? explicit)
    mapping = Math.min(Math.max(mapping - step, 0), facts.inhibitMapping ?? mapping)
    inhibitAny = Math.min(Math.max(inhibitAny - step, 0), facts.inhibitAny ?? inhibitAny)
  }
  if (explicit > 0 || (tree !== undefined && tree.size > 0)) return
  const message = 'a certificate policy is required, and the path has none in common'
  return reason('policy', leaf, message)
}

/**
 * Reads the four policy extensions as Go does.
 *
 * @throws KpkiError `ERR_DER_INVALID`
 */
export function readPolicies(certificate: CertificateFacts): PolicyFacts {
  const extension = (oid: string) => certificate.extensions.find((one) => one.oid === oid)?.value
  const policies = list(extension('2.5.29.32'), (one) => readOid(one, 'certificate policy'))
  if (new Set(policies).size < policies.length) throw derError('certificate policies: one is twice')
  const mappings = list(extension('2.5.29.33'), (one) => ({
    issuer: readOid(one, 'policy mapping'),
    subject: readOid(one, 'policy mapping'),
  }))
  const constraints = extension('2.5.29.36')
  const body = constraints && enterOnly(constraints, TAG.sequence, 'policy constraints')
  const requireExplicit = body && optional(body, 0)
  const inhibitMapping = body && optional(body, 1)
  const inhibit = extension('2.5.29.54')
  const inhibitAny = inhibit && count(readInteger(derCursor(inhibit), 'inhibit any policy'))
  return {
    policies,
    mappings,
    ...(requireExplicit !== undefined && { requireExplicit }),
    ...(inhibitMapping !== undefined && { inhibitMapping }),
    ...(inhibitAny !== undefined && { inhibitAny }),
  }
}

/** The deepest level of the policy graph: each valid policy with the policies expected below it. */
type PolicyLevel = ReadonlyMap<string, readonly string[]>

const ANY = '2.5.29.32.0'

function nextLevel(
  above: PolicyLevel,
  policies: readonly string[],
  anyAllowed: boolean,
): PolicyLevel {
  const expected = new Set([...above.values()].flat())
  const wanted = policies.filter(
    (policy) => policy !== ANY && (expected.has(policy) || above.has(ANY)),
  )
  const filled = policies.includes(ANY) && anyAllowed ? [...wanted, ...expected] : wanted
  return new Map(filled.map((policy) => [policy, [policy]]))
}

function mapped(
  level: PolicyLevel,
  mappings: PolicyFacts['mappings'],
  allowed: boolean,
): PolicyLevel {
  const next = new Map(level)
  for (const { issuer } of mappings) {
    if (!allowed) next.delete(issuer)
    else if (level.has(issuer) || level.has(ANY)) {
      const same = mappings.filter((one) => one.issuer === issuer)
      next.set(
        issuer,
        same.map(({ subject }) => subject),
      )
    }
  }
  return next
}

function list<T>(value: Uint8Array | undefined, read: (one: DerCursor) => T): readonly T[] {
  if (value === undefined) return []
  const body = enterOnly(value, TAG.sequence, 'policies')
  const found: T[] = []
  while (body.at < body.end) found.push(read(enter(body, TAG.sequence, 'policies')))
  return found
}

function optional(body: DerCursor, tag: number): number | undefined {
  if (peekTag(body) !== contextTag(tag, false)) return
  return count(readContent(body, contextTag(tag, false), 'policy constraints'))
}

/** Go passes over negative counts. */
function count(content: Uint8Array): number | undefined {
  const value = Number(integerOf(content))
  return value < 0 ? undefined : value
}
