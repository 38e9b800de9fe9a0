import { describe, expect, test } from 'vitest'
import { jsonPatch, mergePatch } from '../../src/manifests/patches/json-patch.js'
import { applyPatches } from '../../src/manifests/patches/patches.js'
import { canonicalQuantity, POD_SCHEMA } from '../../src/manifests/patches/pod-fields.js'
import { strategicMerge } from '../../src/manifests/patches/strategic-merge.js'
import { kubeadmCluster } from './cluster.js'

describe('strategic merge', () => {
  const spec = (fields: object) => ({ spec: fields }) as never
  const merged = (original: object, patch: object) =>
    strategicMerge(spec(original), spec(patch), POD_SCHEMA).spec

  test('new items go first, known ones keep their place', () => {
    const volumes = [{ name: 'a' }, { name: 'b' }, { name: 'c' }]
    expect(merged({ volumes }, { volumes: [{ name: 'x' }, { name: 'b', emptyDir: {} }] })).toEqual({
      volumes: [{ name: 'x' }, { name: 'a' }, { name: 'b', emptyDir: {} }, { name: 'c' }],
    })
  })

  test('the order of items can be set', () => {
    const patch = { '$setElementOrder/volumes': [{ name: 'c' }, { name: 'a' }] }
    const volumes = [{ name: 'a' }, { name: 'b' }, { name: 'c' }]
    expect(merged({ volumes }, patch)).toEqual({
      volumes: [{ name: 'b' }, { name: 'c' }, { name: 'a' }],
    })
  })

  test('directives delete and replace', () => {
    const volumes = [{ name: 'a' }, { name: 'b' }]
    expect(merged({ volumes }, { volumes: [{ $patch: 'delete', name: 'a' }] })).toEqual({
      volumes: [{ name: 'b' }],
    })
    expect(merged({ volumes }, { volumes: [{ $patch: 'replace' }, { name: 'z' }] })).toEqual({
      volumes: [{ name: 'z' }],
    })
    expect(merged({ affinity: { a: 1 } }, { affinity: { $patch: 'replace', b: 2 } })).toEqual({
      affinity: { b: 2 },
    })
  })

  test('lists without a key are replaced', () => {
    expect(merged({ tolerations: [{ key: 'a' }] }, { tolerations: [{ key: 'b' }] })).toEqual({
      tolerations: [{ key: 'b' }],
    })
  })

  test.each([
    [{ volumes: [{ emptyDir: {} }] }, 'an item of volumes lacks its merge key name'],
    [{ volumes: [{ $patch: 'merge', name: 'a' }] }, '$patch in volumes must be delete or replace'],
    [{ $patch: 'keep' }, 'unknown $patch type "keep"'],
    [{ securityContext: { $retainKeys: ['a'], b: 1 } }, 'b is not in its $retainKeys'],
  ])('refuses %o', (patch, message) => {
    expect(() => merged({ volumes: [{ name: 'a' }], securityContext: {} }, patch)).toThrow(message)
  })
})

describe('JSON merge patch (RFC 7386, appendix A)', () => {
  test.each([
    [{ a: 'b' }, { a: 'c' }, { a: 'c' }],
    [{ a: 'b' }, { b: 'c' }, { a: 'b', b: 'c' }],
    [{ a: 'b' }, { a: null }, {}],
    [{ a: ['b'] }, { a: 'c' }, { a: 'c' }],
    [{ a: { b: 'c' } }, { a: { b: 'd', c: null } }, { a: { b: 'd' } }],
    [{ a: [{ b: 'c' }] }, { a: [1] }, { a: [1] }],
    [
      ['a', 'b'],
      ['c', 'd'],
      ['c', 'd'],
    ],
    [{ a: 'foo' }, null, null],
    [{ e: null }, { a: 1 }, { e: null, a: 1 }],
    [{}, { a: { bb: { ccc: null } } }, { a: { bb: {} } }],
  ])('%j with %j', (target, patch, result) => {
    expect(mergePatch(target, patch)).toEqual(result)
  })
})

describe('JSON patch (RFC 6902, appendix A)', () => {
  test.each([
    [{ foo: 'bar' }, { op: 'add', path: '/baz', value: 'qux' }, { foo: 'bar', baz: 'qux' }],
    [{ foo: ['a', 'c'] }, { op: 'add', path: '/foo/1', value: 'b' }, { foo: ['a', 'b', 'c'] }],
    [{ foo: ['a'] }, { op: 'add', path: '/foo/-', value: 'b' }, { foo: ['a', 'b'] }],
    [{ foo: [1, 2, 3] }, { op: 'remove', path: '/foo/1' }, { foo: [1, 3] }],
    [{ a: 1 }, { op: 'replace', path: '/a', value: 2 }, { a: 2 }],
    [
      { a: { b: 1 }, c: {} },
      { op: 'move', from: '/a/b', path: '/c/d' },
      { a: {}, c: { d: 1 } },
    ],
    [{ a: [1, 2] }, { op: 'copy', from: '/a/-1', path: '/b' }, { a: [1, 2], b: 2 }],
    [
      { '/': 9, '~1': 10 },
      { op: 'test', path: '/~01', value: 10 },
      { '/': 9, '~1': 10 },
    ],
    [{ a: 1 }, { op: 'replace', path: '', value: { b: 2 } }, { b: 2 }],
  ])('%j with %j', (document, operation, result) => {
    expect(jsonPatch(document, [operation])).toEqual(result)
  })

  test.each([
    [{ op: 'add', path: '/x/y', value: 1 }, 'there is no x'],
    [{ op: 'remove', path: '/x' }, 'there is no /x'],
    [{ op: 'add', path: '/list/5', value: 1 }, 'there is no item 5'],
    [{ op: 'test', path: '/a', value: 2 }, 'test of /a failed'],
    [{ op: 'add', path: 'a', value: 1 }, 'path "a" is not a JSON pointer'],
    [{ op: 'add', path: '/a' }, 'an operation lacks its value'],
    [{ op: 'frob', path: '/a' }, 'unknown operation "frob"'],
  ])('refuses %j', (operation, message) => {
    expect(() => jsonPatch({ a: 1, list: [] }, [operation])).toThrow(message)
  })
})

test('a patch that fails is named', () => {
  const patches = [{ name: 'etcd1+json.yaml', text: '- {op: remove, path: /spec/none}' }]
  const cluster = { ...kubeadmCluster('1.28.7'), patches }
  expect(() => applyPatches(cluster, 'etcd', { spec: {} })).toThrow(
    "patch etcd1+json.yaml can't be applied: there is no /spec/none",
  )
})

test.each([
  ['0.5', '500m'],
  ['1000m', '1'],
  ['1024Mi', '1Gi'],
  ['1.5Gi', '1536Mi'],
  ['100', '100'],
  ['2000', '2k'],
  ['512Ki', '512Ki'],
  ['0', '0'],
  ['-1000m', '-1'],
  ['1e3', '1e3'],
  ['12345678n', '12345678n'],
])('quantity %s is %s', (text, canonical) => expect(canonicalQuantity(text)).toBe(canonical))
