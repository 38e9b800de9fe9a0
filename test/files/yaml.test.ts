import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { isKpkiError } from '../../src/errors.js'
import { dumpYaml, dumpYamlAll } from '../../src/files/yaml/dump.js'
import { loadYaml, loadYamlAll, MAX_YAML_LENGTH } from '../../src/files/yaml/yaml.js'

const fixtures = join(import.meta.dirname, '../../fixtures')
const read = (path: string): string => readFileSync(join(fixtures, path), 'utf8')
const recorded = (path: string): readonly { text: string; value: unknown }[] =>
  JSON.parse(read(path))

function failure(action: () => unknown): { code: string; message: string; details: unknown } {
  try {
    action()
  } catch (error) {
    if (isKpkiError(error)) return error
    throw error
  }
  throw new Error('nothing was thrown')
}

describe('dumpYaml', () => {
  const written = readdirSync(join(fixtures, 'kubeadm'), { recursive: true, encoding: 'utf8' })
    .filter((path) => path.endsWith('.yaml') && !path.endsWith('/kubeadm.yaml'))
    .map((path) => join('kubeadm', path))

  it.each(written)('writes %s byte by byte as kubeadm does', (path) => {
    const text = read(path)
    expect(dumpYaml(loadYaml(text))).toBe(text)
  })

  it.each(recorded('clusters/yaml-v2.json'))('writes $value as Go does', ({ value, text }) => {
    expect(dumpYaml(value)).toBe(text)
  })

  it('joins documents and leaves out undefined members', () => {
    expect(dumpYamlAll([{ a: 1, b: undefined }, ['x']])).toBe('a: 1\n---\n- x\n')
  })

  it('writes text that reads back as the same value', () => {
    const value = fc.jsonValue()
    fc.assert(
      fc.property(value, (given) => {
        const plain: unknown = JSON.parse(
          JSON.stringify(given, (_, v) =>
            typeof v === 'number' ? Math.trunc(v % 2 ** 53) || 0 : v,
          ),
        )
        expect(loadYaml(dumpYaml(plain))).toEqual(plain)
      }),
      { numRuns: 500 },
    )
  })
})

describe('loadYaml', () => {
  it.each(recorded('clusters/yaml-v2-scalars.json'))(
    'reads $text as Go does',
    ({ text, value }) => {
      expect(loadYaml(`a: ${text}\n`)).toEqual({ a: value })
    },
  )

  it('keeps what is written at the paths that hold text', () => {
    const text =
      'kubernetesVersion: 1.30\nlist:\n- name: 010\n- name: "x"\n  other: 1.30\n- name:\n'
    expect(loadYaml(text, undefined, { textPaths: ['kubernetesVersion', 'list.*.name'] })).toEqual({
      kubernetesVersion: '1.30',
      list: [{ name: '010' }, { name: 'x', other: 1.3 }, { name: null }],
    })
  })

  it('resolves aliases and merges, the mapping’s own keys first', () => {
    expect(loadYaml('a: &x {b: 1, c: 2}\nd: {<<: *x, c: 3}\ne: [*x]\n')).toEqual({
      a: { b: 1, c: 2 },
      d: { b: 1, c: 3 },
      e: [{ b: 1, c: 2 }],
    })
  })

  it('leaves out empty documents and keeps a prototype key as data', () => {
    expect(loadYamlAll('---\n---\na: 1\n---\n# nothing\n')).toEqual([{ a: 1 }])
    expect(loadYaml('')).toBeNull()
    expect(Object.keys(loadYaml('__proto__: {a: 1}\n') as object)).toEqual(['__proto__'])
  })

  it.each([
    ['a: 1\nb: 2\na: 3\n', 3, 'the key "a" occurs twice'],
    ['a: {b: 1, "b": 2}\n', 1, 'the key "b" occurs twice'],
    ['a:\n  b: *none\n', 2, 'the alias "*none" has no anchor before it'],
    ['a: &a [*a]\n', 1, 'the alias "*a" has no anchor before it'],
    ['a: [1\nb: 2\n', 2, 'indentation'],
    ['a:\n- !!binary aGk=\n', 2, "can't be read as !!binary"],
    ['a: !custom {}\n', 1, 'the tag !custom is not supported'],
    ['a: !!int x\n', 1, '"x" can\'t be read as !!int'],
    ['\na: 99999999999999999\n', 2, 'beyond 2^53'],
    ['a: .nan\n', 1, 'not a number that JSON can hold'],
    ['? [a]\n: 1\n', 1, 'a mapping key must be text'],
    ['<<: 1\n', 1, '"<<" must name a mapping'],
  ])('refuses %j', (text, line, message) => {
    const error = failure(() => loadYaml(text, 'cluster.yaml'))
    expect(error).toMatchObject({
      code: 'ERR_YAML_INVALID',
      details: { path: 'cluster.yaml', line },
    })
    expect(error.message).toContain(message)
  })

  it('refuses bombs, huge inputs and further documents', () => {
    const rows = ['a0: &a0 [x, x, x, x, x, x, x, x, x, x]']
    for (let i = 1; i < 9; i++)
      rows.push(
        `a${i}: &a${i} [${Array(10)
          .fill(`*a${i - 1}`)
          .join(', ')}]`,
      )
    expect(failure(() => loadYaml(rows.join('\n'))).message).toContain(
      'expands to more than 100000',
    )
    expect(failure(() => loadYaml(`a: ${'x'.repeat(MAX_YAML_LENGTH)}`)).message).toContain('larger')
    expect(failure(() => loadYaml('a: 1\n---\nb: 1\n')).message).toContain('2 YAML documents')
    expect(failure(() => loadYaml(`${'['.repeat(500)}${']'.repeat(500)}`)).code).toBe(
      'ERR_YAML_INVALID',
    )
  })
})
