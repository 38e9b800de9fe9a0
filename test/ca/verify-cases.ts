import {
  asciiString,
  bitString,
  explicit,
  oid,
  printableString,
  sequence,
} from '../../src/ca/der/write.js'
import type { ChainNoteCode, ChainReasonCode } from '../../src/ca/verify/reasons.js'
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
  /** kpki’s own question: Go has no such limit. */
  readonly maxDepth?: number
  /**
   * `ok`, or a code that is among the reasons. Go 1.24.4 has confirmed each `ok` and not `ok`; from
   * `pathLengths` on it was Go 1.19, except where Go has changed since.
   */
  readonly go: 'ok' | ChainReasonCode
  /** The same for OpenSSL; by default as Go. test/interop/verify-openssl.test.ts asks OpenSSL itself. */
  readonly openssl?: 'ok' | ChainReasonCode
  /** All that RFC 5280 has against a chain that Go accepts. */
  readonly notes?: readonly ChainNoteCode[]
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

/** A CA with all that RFC 5280 asks of it. */
function step(subject: string, by?: Forged, pathLength?: number, key = ecKey()): Forged {
  const extensions = [
    constraints(true, pathLength),
    keyUsage('keyCertSign', 'cRLSign'),
    subjectKeyId(key),
    ...(by ? [authorityKeyId(by.key)] : []),
  ]
  return authority(subject, { key, extensions, ...(by && { by }) })
}

/** A leaf below CAs, the anchor first. */
function below(
  id: string,
  chain: readonly [Forged, ...Forged[]],
  go: Column['go'],
  openssl = go,
): ChainCase {
  const [first, ...intermediates] = chain
  const end = endEntity(intermediates.at(-1) ?? first)
  const between = intermediates.length > 0 && { intermediates }
  return { id, leaf: end, ...between, anchors: [first], go, openssl }
}

/** The case, and what RFC 5280 has against its chain. */
const noting = (one: ChainCase, ...notes: readonly ChainNoteCode[]): ChainCase => ({
  ...one,
  notes,
})

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
  noting({ id: 'root, ca, leaf', leaf, intermediates: [ca], anchors: [root], go: 'ok' }),
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
  single('an unknown algorithm', { algorithm: 'unknown' }, 'unsupported-algorithm'),
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
  noting(
    anchor('version 1 anchor', { version: 1, extensions: [] }, 'ok'),
    'old-version',
    'missing-ski',
    'key-usage-missing',
  ),
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
  noting(single('serial zero', { serial: Uint8Array.of(0) }, 'ok'), 'serial-not-positive'),
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

  noting(
    single(
      'authority key identifier of another key',
      { extensions: [authorityKeyId(ghost)] },
      'ok',
      'key-id-mismatch',
    ),
    'aki-mismatch',
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
  purposes('any usage asked', undefined, ['clientAuth'], ['anyExtendedKeyUsage'], 'ok'),
  purposes('no usage given', undefined, undefined, ['clientAuth'], 'ok'),
  purposes('any usage given', undefined, ['anyExtendedKeyUsage'], ['serverAuth'], 'ok', 'usage'),
  purposes('usage of the CA excludes', ['clientAuth'], ['serverAuth'], ['serverAuth'], 'usage'),
  purposes(
    'usage of the CA includes',
    ['clientAuth', 'serverAuth'],
    ['serverAuth'],
    ['serverAuth'],
    'ok',
  ),
  purposes(
    'any usage of the CA',
    ['anyExtendedKeyUsage'],
    ['serverAuth'],
    ['serverAuth'],
    'ok',
    'usage',
  ),
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
  constrained('DNS wildcard above excluded', ['dns:*.test'], [[], ['dns:b.a.test']], 'ok'),
  constrained('DNS wildcard beside excluded', ['dns:*.b.test'], [[], ['dns:a.test']], 'ok'),
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
  noting(
    anchor(
      'directory names, not critical',
      { extensions: [...CA_BASICS, nameConstraints(['dn:other'], [], false)] },
      'ok',
      'name-constraint',
    ),
    'missing-ski',
    'name-constraints-not-critical',
    'name-constraints-unchecked',
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
  ...pathLengths(),
  ...depths(),
  ...keyIdentifiers(),
  ...authorities(),
  ...constraintsOfSeveral(),
  ...oddConstraints(),
  ...fields(),
]

function pathLengths(): readonly ChainCase[] {
  const [zero, one, two] = [step('zero', root, 0), step('one', root, 1), step('two', root, 2)]
  const larger = step('larger', one, 2)
  const own = step('own', one)
  return [
    noting(below('path length 0 of an intermediate', [root, zero], 'ok')),
    noting(below('path length 1 of an intermediate', [root, one], 'ok')),
    noting(below('path length 2 of an intermediate', [root, two], 'ok')),
    below('path length 0, one below', [root, zero, step('x', zero)], 'path-too-long'),
    noting(below('path length 1, one below that allows more', [root, one, larger], 'ok')),
    below('path length 1, two below', [root, one, larger, step('x', larger)], 'path-too-long'),
    // to Go a self-issued certificate counts, to RFC 5280 it does not
    below(
      'path length 1, a self-issued one more',
      [root, one, own, step('own', own)],
      'path-too-long',
      'ok',
    ),
    noting(
      single(
        'path length of a leaf',
        {
          extensions: [
            ...leafExtensions(root).slice(0, 2),
            constraints(false, 0),
            authorityKeyId(root.key),
          ],
        },
        'ok',
      ),
      'path-length-without-ca',
    ),
    // what ends a path is no intermediate, be it an authority
    {
      id: 'path length 0, an authority as leaf',
      leaf: authority('leaf', { by: zero }),
      intermediates: [zero],
      anchors: [root],
      go: 'ok',
      notes: [],
    },
  ]
}

function depths(): readonly ChainCase[] {
  const own = step('ca', ca)
  return [
    { ...below('depth 0', [root], 'ok'), maxDepth: 0 },
    { ...below('depth 0 exceeded', [root, ca], 'depth'), maxDepth: 0 },
    { ...below('depth 1', [root, ca], 'ok'), maxDepth: 1 },
    { ...below('depth 1 exceeded', [root, ca, deep], 'depth'), maxDepth: 1 },
    { ...below('depth 1, a self-issued one more', [root, ca, own], 'ok'), maxDepth: 1 },
  ]
}

/** Key identifiers are hints to Go, and their absence is none. */
function keyIdentifiers(): readonly ChainCase[] {
  const key = ecKey()
  const own = [subjectKeyId(key)]
  const parent = [authorityKeyId(root.key)]
  return [
    noting(
      intermediate(
        'intermediate without an authority key identifier',
        { key, extensions: [...CA_BASICS, ...own] },
        'ok',
      ),
      'missing-aki',
    ),
    noting(
      intermediate(
        'intermediate without a subject key identifier',
        { key, extensions: [...CA_BASICS, ...parent] },
        'ok',
      ),
      'missing-ski',
    ),
    noting(
      anchor(
        'root without an authority key identifier',
        { key, extensions: [...CA_BASICS, ...own] },
        'ok',
      ),
    ),
    noting(
      anchor('root without a subject key identifier', { key, extensions: CA_BASICS }, 'ok'),
      'missing-ski',
    ),
    noting(
      anchor(
        'cross-signed anchor without an authority key identifier',
        { by: otherRoot, key, extensions: [...CA_BASICS, ...own] },
        'ok',
        'anchor-not-self-signed',
      ),
      'missing-aki',
    ),
  ]
}

/** What makes an issuer, in the fields’ odd combinations. */
function authorities(): readonly ChainCase[] {
  const key = ecKey()
  const own = subjectKeyId(key)
  const stranger = step('stranger')
  const middle = step('stranger ca', stranger)
  const nameless = step('')
  return [
    {
      id: 'a whole chain of a stranger',
      leaf: endEntity(middle),
      intermediates: [middle, stranger],
      anchors: [root],
      go: 'unknown-issuer',
    },
    noting(
      anchor(
        'anchor with basic constraints not critical',
        { key, extensions: [constraints(true, undefined, false), keyUsage('keyCertSign'), own] },
        'ok',
      ),
      'basic-constraints-not-critical',
    ),
    // a key usage without any bit is to Go as if it were absent
    noting(
      anchor(
        'anchor with an empty key usage',
        { key, extensions: [constraints(true), keyUsage(), own] },
        'ok',
        'no-key-cert-sign',
      ),
      'key-cert-sign-missing',
      'encoding',
    ),
    intermediate(
      'path length without keyCertSign',
      { key, extensions: [constraints(true, 0), keyUsage('digitalSignature'), own] },
      'no-key-cert-sign',
    ),
    noting(
      anchor('anchor without a key usage', { key, extensions: [constraints(true), own] }, 'ok'),
      'key-usage-missing',
    ),
    noting(
      below('an authority without a name', [nameless], 'ok'),
      'empty-issuer',
      'empty-issuer',
      'empty-subject',
    ),
  ]
}

/** A chain of CAs, each with name constraints of its own. */
function constraintsOfSeveral(): readonly ChainCase[] {
  const restricted = (subject: string, names: readonly string[], by?: Forged) =>
    authority(subject, {
      ...(by && { by }),
      extensions: [...CA_BASICS, nameConstraints(names)],
    })
  const chain = (
    id: string,
    upper: readonly string[],
    lower: readonly string[],
    name: string,
    go: Column['go'],
  ) => {
    const top = restricted('top', upper)
    const middle = restricted('middle', lower, top)
    return { id, leaf: under(middle, [name]), intermediates: [middle], anchors: [top], go }
  }
  const wide = ['dns:test']
  const narrow = ['dns:a.test']
  return [
    chain('constraints that narrow, inside', wide, narrow, 'dns:x.a.test', 'ok'),
    chain('constraints that narrow, outside', wide, narrow, 'dns:b.test', 'name-constraint'),
    chain('constraints that widen, inside', narrow, wide, 'dns:x.a.test', 'ok'),
    chain('constraints that widen, outside', narrow, wide, 'dns:b.test', 'name-constraint'),
    chain(
      'constraints that have nothing in common',
      narrow,
      ['dns:b.test'],
      'dns:a.test',
      'name-constraint',
    ),
    (() => {
      const top = authority('top')
      const middle = restricted('middle', narrow, top)
      const lower = authority('lower', {
        by: middle,
        extensions: [...CA_BASICS, altNames(['dns:b.test'])],
      })
      const common = {
        leaf: under(lower, ['dns:a.test']),
        intermediates: [lower, middle],
        anchors: [top],
      }
      return {
        id: 'names of an intermediate against those above it',
        ...common,
        go: 'name-constraint',
      } as const
    })(),
    (() => {
      const special = restricted('special', narrow)
      const end = endEntity(special, {
        subject: 'special',
        extensions: leafExtensions(special, ['dns:b.test']),
      })
      // self-issued or not: it is the leaf
      return {
        id: 'names of a self-issued leaf',
        leaf: end,
        anchors: [special],
        go: 'name-constraint',
      } as const
    })(),
  ]
}

/** Constraints of further kinds, badly written ones, and such in the wrong place. */
function oddConstraints(): readonly ChainCase[] {
  const key = ecKey()
  const plain = [...CA_BASICS, subjectKeyId(key)]
  const optional = (names: readonly string[]) => ({
    key,
    extensions: [...plain, nameConstraints(names, [], false)],
  })
  const onLeaf = (critical: boolean) => ({
    extensions: [...leafExtensions(root), nameConstraints(['dns:leaf.test'], [], critical)],
  })
  const network = 'ip:10.0.0.0/255.0.0.0'
  return [
    noting(
      anchor('constraints not critical, inside', optional(['dns:test']), 'ok'),
      'name-constraints-not-critical',
    ),
    anchor('constraints not critical, outside', optional(['dns:example.com']), 'name-constraint'),
    noting(single('constraints of a leaf', onLeaf(true), 'ok'), 'name-constraints-on-leaf'),
    noting(
      single('constraints of a leaf, not critical', onLeaf(false), 'ok'),
      'name-constraints-on-leaf',
      'name-constraints-not-critical',
    ),
    constrained(
      'DNS excluded, the second name',
      ['dns:b.test', 'dns:a.test'],
      [[], ['dns:a.test']],
      'name-constraint',
    ),
    constrained('DNS excluded, only addresses', ['ip:10.1.2.3'], [[], ['dns:test']], 'ok'),
    constrained('IP excluded', ['ip:10.1.2.3'], [[], [network]], 'name-constraint'),
    constrained('IP excluded, another', ['ip:11.1.2.3'], [[], [network]], 'ok'),
    constrained('IPv6 permitted', ['ip:fd00::1'], [['ip:fd00::/ffff::']], 'ok'),
    constrained('IPv6 not permitted', ['ip:fe80::1'], [['ip:fd00::/ffff::']], 'name-constraint'),
    constrained(
      'directory names, another subject',
      ['dns:example.com'],
      [['dn:other']],
      'unknown-critical',
      'name-constraint',
    ),
    constrained(
      'directory names, subject excluded',
      ['dns:example.com'],
      [[], ['dn:leaf']],
      'unknown-critical',
      'name-constraint',
    ),
    // OpenSSL itself refuses the next two
    constrained(
      'directory names, another among the names',
      ['dn:other'],
      [['dn:leaf']],
      'unknown-critical',
      'ok',
    ),
    constrained(
      'directory names, one among the names excluded',
      ['dn:other'],
      [[], ['dn:other']],
      'unknown-critical',
      'ok',
    ),
    constrained(
      'DNS constraint with a wildcard',
      ['dns:a.test'],
      [['dns:*.test']],
      'name-constraint',
    ),
    constrained('IP constraint without a mask', ['ip:10.1.2.3'], [['ip:10.1.2.3']], 'unparsable'),
    constrained('IPv6 constraint without a mask', ['ip:fd00::1'], [['ip:fd00::1']], 'unparsable'),
    constrained(
      'IP constraint with a torn mask',
      ['ip:10.1.2.3'],
      [['ip:10.0.0.0/255.0.255.0']],
      'unparsable',
    ),
    constrained(
      'DNS name that begins with a dot',
      ['dns:.a.test'],
      [['dns:a.test']],
      'name-constraint',
    ),
    constrained('IP name with a mask', [network], [[network]], 'unparsable'),
  ]
}

/** Serial numbers, names and extensions of a leaf. */
function fields(): readonly ChainCase[] {
  const [usage, purpose, basics, parent] = leafExtensions(root)
  if (!usage || !purpose || !basics || !parent) throw new Error('a leaf has five extensions')
  const plain = [usage, purpose, basics, parent]
  const named = [...plain, altNames(['dns:leaf.test'])]
  const access = (critical: boolean) =>
    extension(
      '1.3.6.1.5.5.7.1.1',
      critical,
      sequence(sequence(oid('1.3.6.1.5.5.7.48.1'), asciiString(0x86, 'http://ocsp.test'))),
    )
  return [
    noting(
      single('serial number of 21 octets', { serial: new Uint8Array(21).fill(1) }, 'ok'),
      'serial-too-long',
    ),
    noting(single('serial number of 20 octets', { serial: new Uint8Array(20).fill(1) }, 'ok')),
    noting(
      single(
        'empty subject, names critical',
        { subject: '', extensions: [...plain, altNames(['dns:leaf.test'], true)] },
        'ok',
      ),
    ),
    noting(
      single('empty subject, names not critical', { subject: '', extensions: named }, 'ok'),
      'san-not-critical',
    ),
    noting(single('neither subject nor names', { subject: '', extensions: plain }, 'ok'), 'no-san'),
    single(
      'names that are no names',
      {
        extensions: [
          ...plain,
          extension('2.5.29.17', false, new TextEncoder().encode('leaf.test')),
        ],
      },
      'unparsable',
    ),
    noting(
      single(
        'a name that is no host name',
        { extensions: [...plain, altNames(['dns:-leaf_.test'])] },
        'ok',
      ),
      'san-syntax',
    ),
    noting(
      single(
        'keyCertSign of a leaf',
        { extensions: [keyUsage('digitalSignature', 'keyCertSign'), purpose, basics, parent] },
        'ok',
      ),
      'key-cert-sign-without-ca',
    ),
    noting(
      single(
        'no key usage, no basic constraints',
        { extensions: [purpose, parent, altNames(['dns:leaf.test'])] },
        'ok',
      ),
    ),
    noting(single('an access point', { extensions: [...named, access(false)] }, 'ok')),
    single(
      'an access point, critical',
      { extensions: [...named, access(true)] },
      'malformed',
      'unknown-critical',
    ),
    noting(
      single(
        'any usage, critical',
        { extensions: [usage, extension('2.5.29.37', true, sequence(oid('2.5.29.37.0'))), parent] },
        'ok',
        'usage',
      ),
      'usage-any',
    ),
  ]
}
