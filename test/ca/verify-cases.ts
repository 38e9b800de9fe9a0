import { bitString, explicit, oid, printableString, sequence } from '../../src/ca/der/write.js'
import type { ChainReasonCode } from '../../src/ca/verify/verify.js'
import {
  altNames,
  authority,
  authorityKeyId,
  commonName,
  constraints,
  ecKey,
  ed25519Key,
  endEntity,
  extension,
  type Forged,
  type Forgery,
  forge,
  keyUsage,
  leafExtensions,
  nameConstraints,
  rsaKey,
  subjectKeyId,
  usages,
} from './verify-forge.js'

/** One chain and what each consumer makes of it. */
export interface ChainCase {
  readonly id: string
  readonly leaf: Forged
  readonly intermediates?: readonly Forged[]
  readonly anchors: readonly Forged[]
  readonly name?: string
  readonly usages?: readonly string[]
  readonly at?: string
  /** `ok`, or a code that is among the reasons. Go 1.24.4 has confirmed each `ok` and not `ok`. */
  readonly go: 'ok' | ChainReasonCode
  /** The same for OpenSSL; by default as Go. test/interop/verify-openssl.test.ts asks OpenSSL itself. */
  readonly openssl?: 'ok' | ChainReasonCode
}

const root = authority('root')
const ca = authority('ca', { by: root })
const leaf = endEntity(ca)
const under = (by: Forged, names: readonly string[]): Forged =>
  endEntity(by, { extensions: leafExtensions(by, names) })

type Column = Pick<ChainCase, 'go' | 'openssl'>

/** A three-step chain whose intermediate is special. */
function intermediate(id: string, wish: Forgery, go: Column['go'], openssl = go): ChainCase {
  const special = authority('special', { by: root, ...wish })
  return { id, leaf: endEntity(special), intermediates: [special], anchors: [root], go, openssl }
}

/** A two-step chain whose anchor is special. */
function anchor(id: string, wish: Forgery, go: Column['go'], openssl = go): ChainCase {
  const special = authority('special', wish)
  return { id, leaf: endEntity(special), anchors: [special], go, openssl }
}

/** A leaf with these extensions right below the root. */
function single(id: string, wish: Forgery, go: Column['go'], openssl = go): ChainCase {
  return { id, leaf: endEntity(root, wish), anchors: [root], go, openssl }
}

/** Names of a leaf below a root with name constraints. */
function constrained(
  id: string,
  names: readonly string[],
  [permitted, excluded]: readonly [readonly string[], (readonly string[])?],
  go: Column['go'],
  openssl = go,
): ChainCase {
  const extensions = [constraints(true), keyUsage('keyCertSign')]
  const special = authority('special', {
    extensions: [...extensions, nameConstraints(permitted, excluded)],
  })
  return { id, leaf: under(special, names), anchors: [special], go, openssl }
}

function purposes(
  id: string,
  caUsages: readonly string[] | undefined,
  leafUsages: readonly string[] | undefined,
  wanted: readonly string[],
  go: Column['go'],
  openssl = go,
): ChainCase {
  const eku = (names: readonly string[] | undefined) => (names ? [usages(...names)] : [])
  const special = authority('special', {
    by: root,
    extensions: [constraints(true), keyUsage('keyCertSign'), ...eku(caUsages)],
  })
  const end = endEntity(special, {
    extensions: [keyUsage('digitalSignature'), altNames(['dns:leaf.test']), ...eku(leafUsages)],
  })
  const common = { leaf: end, intermediates: [special], anchors: [root] }
  return { id, ...common, usages: wanted, go, openssl }
}

function named(
  id: string,
  names: readonly string[],
  name: string,
  go: Column['go'],
  openssl = go,
): ChainCase {
  return { id, leaf: under(root, names), anchors: [root], name, go, openssl }
}

const otherRoot = authority('root')
const crossed = authority('ca', { by: otherRoot, key: ca.key })
const deep = authority('deep', { by: ca })
// with key identifiers, by which OpenSSL tells two issuers of one name apart
const shortKey = ecKey()
const short = authority('short', {
  key: shortKey,
  extensions: [constraints(true, 0), keyUsage('keyCertSign'), subjectKeyId(shortKey)],
})
const belowShort = authority('below', { by: short })
const again = authority('short', { by: short })
const rsa = authority('rsa', { key: rsaKey(2048) })
const weak = authority('weak', { key: rsaKey(512) })
const edwards = authority('edwards', { key: ed25519Key() })
const ghost = ecKey()
const UNKNOWN = extension('1.2.3.4.5', true, bitString(new Uint8Array()))
const CA_BASICS = [constraints(true), keyUsage('keyCertSign')]
const policies = (...ids: readonly string[]) =>
  extension('2.5.29.32', false, sequence(...ids.map((id) => sequence(oid(id)))))
const explicitPolicy = extension('2.5.29.36', true, sequence(element0()))

function element0(): Uint8Array {
  // requireExplicitPolicy [0] IMPLICIT INTEGER 0
  return Uint8Array.from([0x80, 1, 0])
}

function withPolicies(id: string, caIds: string[], leafIds: string[], go: Column['go']): ChainCase {
  const special = authority('special', {
    by: root,
    extensions: [...CA_BASICS, explicitPolicy, ...(caIds.length ? [policies(...caIds)] : [])],
  })
  const end = endEntity(special, {
    extensions: [...leafExtensions(special), ...(leafIds.length ? [policies(...leafIds)] : [])],
  })
  return { id, leaf: end, intermediates: [special], anchors: [root], go, openssl: 'ok' }
}

export const CASES: readonly ChainCase[] = [
  { id: 'root, ca, leaf', leaf, intermediates: [ca], anchors: [root], go: 'ok' },
  { id: 'no intermediate', leaf, anchors: [root], go: 'unknown-issuer' },
  { id: 'no anchor', leaf, intermediates: [ca], anchors: [], go: 'unknown-issuer' },
  {
    id: 'intermediate as anchor',
    ...{ leaf, anchors: [ca], go: 'ok', openssl: 'anchor-not-self-signed' },
  },
  { id: 'intermediate and root as anchors', leaf, anchors: [ca, root], go: 'ok' },
  { id: 'leaf as anchor', leaf, anchors: [leaf], go: 'ok', openssl: 'unknown-issuer' },
  {
    id: 'self-signed leaf as anchor',
    ...(() => {
      const own = forge({ extensions: [altNames(['dns:leaf.test'])] })
      return { leaf: own, anchors: [own] }
    })(),
    go: 'ok',
  },
  { id: 'self-signed leaf', leaf: forge({}), anchors: [root], go: 'unknown-issuer' },
  {
    id: 'another root of that name',
    leaf,
    intermediates: [ca],
    anchors: [otherRoot],
    go: 'bad-signature',
    openssl: 'key-id-mismatch',
  },
  { id: 'two roots of that name', leaf, intermediates: [ca], anchors: [otherRoot, root], go: 'ok' },
  { id: 'cross-signed', leaf, intermediates: [crossed, ca], anchors: [root], go: 'ok' },
  {
    id: 'four certificates',
    leaf: endEntity(deep),
    intermediates: [deep, ca],
    anchors: [root],
    go: 'ok',
  },
  {
    id: 'root among the intermediates',
    leaf,
    intermediates: [root, ca],
    anchors: [otherRoot, root],
    go: 'ok',
  },

  single('expired leaf', { to: '2025-02-01T00:00:00Z' }, 'expired'),
  single('future leaf', { from: '2025-08-01T00:00:00Z' }, 'not-yet-valid'),
  { ...single('first second', {}, 'ok'), at: '2025-01-01T00:00:00Z' },
  { ...single('last second', {}, 'ok', 'expired'), at: '2026-01-01T00:00:00Z' },
  intermediate('expired intermediate', { to: '2025-02-01T00:00:00Z' }, 'expired'),
  intermediate('future intermediate', { from: '2025-08-01T00:00:00Z' }, 'not-yet-valid'),
  anchor('expired anchor', { to: '2025-02-01T00:00:00Z' }, 'expired'),
  anchor('far anchor', { from: '1999-01-01T00:00:00Z', to: '2125-01-01T00:00:00Z' }, 'ok'),

  single('bad signature', { badSignature: true }, 'bad-signature'),
  anchor('bad signature of an anchor', { badSignature: true }, 'ok'),
  { id: 'RSA', leaf: endEntity(rsa), anchors: [rsa], go: 'ok' },
  { id: 'RSA SHA-384', leaf: endEntity(rsa, { algorithm: 'sha384' }), anchors: [rsa], go: 'ok' },
  {
    id: 'RSA SHA-1',
    leaf: endEntity(rsa, { algorithm: 'sha1' }),
    anchors: [rsa],
    go: 'weak-signature',
  },
  {
    id: 'RSA MD5',
    leaf: endEntity(rsa, { algorithm: 'md5' }),
    anchors: [rsa],
    go: 'weak-signature',
  },
  single('ECDSA SHA-1', { algorithm: 'sha1' }, 'weak-signature'),
  anchor('SHA-1 anchor', { algorithm: 'sha1' }, 'ok'),
  { id: 'RSA 512', leaf: endEntity(weak), anchors: [weak], go: 'weak-key' },
  { id: 'Ed25519', leaf: endEntity(edwards), anchors: [edwards], go: 'ok' },

  intermediate(
    'no basic constraints, key usage',
    { extensions: [keyUsage('keyCertSign')] },
    'issuer-not-ca',
    'issuer-not-ca',
  ),
  intermediate(
    'no basic constraints, no key usage',
    { extensions: [altNames(['dns:ca.test'])] },
    'issuer-not-ca',
  ),
  intermediate(
    'CA:FALSE',
    { extensions: [constraints(false), keyUsage('keyCertSign')] },
    'issuer-not-ca',
  ),
  intermediate(
    'no keyCertSign',
    { extensions: [constraints(true), keyUsage('cRLSign')] },
    'no-key-cert-sign',
  ),
  intermediate(
    'empty key usage',
    { extensions: [constraints(true), keyUsage()] },
    'ok',
    'no-key-cert-sign',
  ),
  intermediate('no key usage', { extensions: [constraints(true)] }, 'ok'),
  intermediate(
    'basic constraints not critical',
    { extensions: [constraints(true, undefined, false)] },
    'ok',
  ),
  intermediate('version 1', { version: 1, extensions: [] }, 'issuer-not-ca'),
  anchor('version 1 anchor', { version: 1, extensions: [] }, 'ok'),
  anchor(
    'version 1 anchor, not self-signed',
    { version: 1, extensions: [], by: root },
    'ok',
    'issuer-not-ca',
  ),
  anchor(
    'anchor without basic constraints',
    { extensions: [altNames(['dns:ca.test'])] },
    'issuer-not-ca',
  ),
  anchor('anchor CA:FALSE', { extensions: [constraints(false)] }, 'issuer-not-ca'),
  anchor(
    'anchor without keyCertSign',
    { extensions: [constraints(true), keyUsage('cRLSign')] },
    'no-key-cert-sign',
  ),
  {
    id: 'leaf as issuer',
    leaf: endEntity(leaf),
    intermediates: [leaf, ca],
    anchors: [root],
    go: 'issuer-not-ca',
  },

  { id: 'path length 0', leaf: endEntity(short), anchors: [short], go: 'ok' },
  {
    id: 'path length 0 exceeded',
    leaf: endEntity(belowShort),
    intermediates: [belowShort],
    anchors: [short],
    go: 'path-too-long',
  },
  {
    id: 'path length 0, self-issued below',
    leaf: endEntity(again),
    intermediates: [again],
    anchors: [short],
    go: 'path-too-long',
    openssl: 'ok',
  },
  {
    ...single(
      'leaf is a CA',
      { extensions: [...CA_BASICS, altNames(['dns:leaf.test'])] },
      'ok',
      'key-usage',
    ),
  },

  intermediate(
    'unknown critical in an intermediate',
    { extensions: [...CA_BASICS, UNKNOWN] },
    'unknown-critical',
  ),
  anchor(
    'unknown critical in an anchor',
    { extensions: [...CA_BASICS, UNKNOWN] },
    'unknown-critical',
  ),
  single('unknown critical in a leaf', { extensions: [UNKNOWN] }, 'unknown-critical'),
  single(
    'unknown, not critical',
    { extensions: [extension('1.2.3.4.5', false, sequence())] },
    'ok',
  ),
  single(
    'alternative names of other kinds only, critical',
    { extensions: [altNames(['id:1.2.3'], true)] },
    'unknown-critical',
    'ok',
  ),
  single('negative serial', { serial: Uint8Array.of(0xff) }, 'malformed', 'ok'),
  single('serial zero', { serial: Uint8Array.of(0) }, 'ok'),
  single('algorithms differ', { innerAlgorithm: 'sha384' }, 'malformed', 'bad-signature'),
  single(
    'critical authority key identifier',
    { extensions: [authorityKeyId(root.key, true)] },
    'malformed',
    'unknown-critical',
  ),
  single(
    'critical subject key identifier',
    { extensions: [subjectKeyId(root.key, true)] },
    'malformed',
    'unknown-critical',
  ),
  single(
    'the same extension twice',
    { extensions: [usages('serverAuth'), usages('serverAuth')] },
    'unparsable',
  ),

  single(
    'authority key identifier of another key',
    { extensions: [authorityKeyId(ghost)] },
    'ok',
    'key-id-mismatch',
  ),
  single('no authority key identifier', { extensions: [usages('serverAuth')] }, 'ok'),
  single(
    'authority serial of another certificate',
    {
      extensions: [
        extension(
          '2.5.29.35',
          false,
          sequence(explicit(1, explicit(4, commonName('root'))), Uint8Array.from([0x82, 1, 9])),
        ),
      ],
    },
    'ok',
    'key-id-mismatch',
  ),
  {
    ...single(
      'issuer in another string type',
      { issuer: commonName('root', printableString) },
      'unknown-issuer',
      'ok',
    ),
  },
  single('issuer in another case', { issuer: commonName('Root') }, 'unknown-issuer', 'ok'),

  purposes('server', undefined, ['serverAuth'], [], 'ok'),
  purposes('server asked, client given', undefined, ['clientAuth'], [], 'usage'),
  purposes('client asked, server given', undefined, ['serverAuth'], ['clientAuth'], 'usage'),
  purposes('any usage asked', undefined, ['clientAuth'], ['any'], 'ok'),
  purposes('no usage given', undefined, undefined, ['clientAuth'], 'ok'),
  purposes('any usage given', undefined, ['any'], ['serverAuth'], 'ok', 'usage'),
  purposes('usage of the CA excludes', ['clientAuth'], ['serverAuth'], ['serverAuth'], 'usage'),
  purposes(
    'usage of the CA includes',
    ['clientAuth', 'serverAuth'],
    ['serverAuth'],
    ['serverAuth'],
    'ok',
  ),
  purposes('any usage of the CA', ['any'], ['serverAuth'], ['serverAuth'], 'ok', 'usage'),
  purposes('usage of the CA unknown', ['1.2.3.4'], ['serverAuth'], ['serverAuth'], 'usage'),
  purposes('one of two usages', undefined, ['clientAuth'], ['serverAuth', 'clientAuth'], 'ok'),
  single(
    'key usage does not fit',
    { extensions: [keyUsage('cRLSign'), altNames(['dns:leaf.test'])] },
    'ok',
    'key-usage',
  ),

  constrained('DNS permitted', ['dns:a.example.com'], [['dns:example.com']], 'ok'),
  constrained('DNS permitted itself', ['dns:example.com'], [['dns:example.com']], 'ok'),
  constrained('DNS permitted, other case', ['dns:A.EXAMPLE.com'], [['dns:example.com']], 'ok'),
  constrained('DNS not permitted', ['dns:example.org'], [['dns:example.com']], 'name-constraint'),
  constrained(
    'DNS suffix of a label',
    ['dns:badexample.com'],
    [['dns:example.com']],
    'name-constraint',
  ),
  constrained('DNS leading dot', ['dns:a.example.com'], [['dns:.example.com']], 'ok'),
  constrained(
    'DNS leading dot itself',
    ['dns:example.com'],
    [['dns:.example.com']],
    'name-constraint',
  ),
  constrained('DNS excluded', ['dns:a.example.com'], [[], ['dns:example.com']], 'name-constraint'),
  constrained(
    'DNS excluded and permitted',
    ['dns:a.example.com'],
    [['dns:example.com'], ['dns:a.example.com']],
    'name-constraint',
  ),
  constrained(
    'DNS wildcard below excluded',
    ['dns:*.example.com'],
    [[], ['dns:example.com']],
    'name-constraint',
  ),
  constrained(
    'DNS wildcard over excluded',
    ['dns:*.example.com'],
    [[], ['dns:a.example.com']],
    'ok',
  ),
  constrained('DNS empty constraint', ['dns:example.org'], [['dns:']], 'ok'),
  constrained('DNS final dot', ['dns:example.com.'], [['dns:example.com']], 'name-constraint'),
  constrained(
    'DNS final dot, other kind constrained',
    ['dns:example.com.'],
    [['email:example.com']],
    'name-constraint',
    'ok',
  ),
  constrained('IP permitted', ['ip:10.1.2.3'], [['ip:10.0.0.0/255.0.0.0']], 'ok'),
  constrained('IP not permitted', ['ip:11.1.2.3'], [['ip:10.0.0.0/255.0.0.0']], 'name-constraint'),
  constrained(
    'IP of the other family',
    ['ip:fd00::1'],
    [['ip:10.0.0.0/255.0.0.0']],
    'name-constraint',
  ),
  constrained('IPv6 excluded', ['ip:fd00::1'], [[], ['ip:fd00::/ffff::']], 'name-constraint'),
  constrained(
    'IP not constrained',
    ['ip:11.1.2.3', 'dns:example.com'],
    [['dns:example.com']],
    'ok',
  ),
  constrained('mail permitted', ['email:a@example.com'], [['email:example.com']], 'ok'),
  constrained(
    'mail below',
    ['email:a@b.example.com'],
    [['email:example.com']],
    'ok',
    'name-constraint',
  ),
  constrained('mailbox permitted', ['email:a@example.com'], [['email:a@example.com']], 'ok'),
  constrained(
    'mailbox not permitted',
    ['email:b@example.com'],
    [['email:a@example.com']],
    'name-constraint',
  ),
  constrained('URI permitted', ['uri:https://example.com/x'], [['uri:example.com']], 'ok'),
  constrained(
    'URI below',
    ['uri:https://a.example.com:1/x'],
    [['uri:example.com']],
    'ok',
    'name-constraint',
  ),
  constrained(
    'URI not permitted',
    ['uri:spiffe://example.org/x'],
    [['uri:example.com']],
    'name-constraint',
  ),
  constrained(
    'URI of an address',
    ['uri:https://10.0.0.1/'],
    [['uri:example.com']],
    'name-constraint',
  ),
  constrained('URI without a host', ['uri:urn:uuid:1'], [['uri:example.com']], 'name-constraint'),
  constrained('directory names', ['dns:example.com'], [['dn:leaf']], 'unknown-critical', 'ok'),
  anchor(
    'directory names, not critical',
    { extensions: [...CA_BASICS, nameConstraints(['dn:other'], [], false)] },
    'ok',
    'name-constraint',
  ),
  anchor(
    'common name against constraints',
    { extensions: [...CA_BASICS, nameConstraints(['dns:leaf.test'])] },
    'ok',
  ),
  (() => {
    const special = authority('special', {
      extensions: [...CA_BASICS, nameConstraints(['dns:example.com'])],
    })
    const middle = authority('middle', {
      by: special,
      extensions: [...CA_BASICS, altNames(['dns:ca.test'])],
    })
    return {
      id: 'names of an intermediate',
      leaf: under(middle, ['dns:example.com']),
      intermediates: [middle],
      anchors: [special],
      go: 'name-constraint',
    } as const
  })(),
  (() => {
    const special = authority('special', {
      key: ghost,
      extensions: [...CA_BASICS, nameConstraints(['dns:example.com']), subjectKeyId(ghost)],
    })
    const middle = authority('special', {
      by: special,
      key: shortKey,
      extensions: [
        ...CA_BASICS,
        altNames(['dns:ca.test']),
        subjectKeyId(shortKey),
        authorityKeyId(ghost),
      ],
    })
    return {
      id: 'names of a self-issued intermediate',
      leaf: under(middle, ['dns:example.com']),
      intermediates: [middle],
      anchors: [special],
      go: 'name-constraint',
      openssl: 'ok',
    } as const
  })(),

  named('DNS name', ['dns:leaf.test'], 'leaf.test', 'ok'),
  named('DNS name, other case', ['dns:leaf.test'], 'LEAF.test', 'ok'),
  named('DNS name, other', ['dns:leaf.test'], 'other.test', 'name-mismatch'),
  named('wildcard', ['dns:*.leaf.test'], 'a.leaf.test', 'ok'),
  named('wildcard, two labels', ['dns:*.leaf.test'], 'a.b.leaf.test', 'name-mismatch'),
  named('wildcard, no label', ['dns:*.leaf.test'], 'leaf.test', 'name-mismatch'),
  named('IP name', ['ip:10.0.0.1'], '10.0.0.1', 'ok'),
  named('IP name as DNS name', ['dns:10.0.0.1'], '10.0.0.1', 'name-mismatch'),
  named('IPv6 name', ['ip:fd00::1'], 'fd00:0:0::1', 'ok'),
  {
    ...single('common name only', { extensions: [usages('serverAuth')] }, 'no-san', 'ok'),
    name: 'leaf',
  },

  withPolicies('explicit policy, agreed', ['1.2.3'], ['1.2.3'], 'ok'),
  withPolicies('explicit policy, not agreed', ['1.2.3'], ['1.2.4'], 'policy'),
  withPolicies('explicit policy, none in the leaf', ['1.2.3'], [], 'policy'),
  withPolicies('explicit policy, any in the CA', ['2.5.29.32.0'], ['1.2.4'], 'ok'),
]
