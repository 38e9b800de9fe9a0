import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { clusterDocuments } from '../../src/cluster/resolve/read.js'
import { dumpYamlAll } from '../../src/files/yaml/dump.js'
import { clusterFile, kubeadmFile, mistakes, readText, root } from './support.js'

/** Every text below a value, with its keys. */
function* texts(value: unknown, keys: readonly (string | number)[] = []): Generator<typeof keys> {
  if (typeof value === 'string') yield keys
  else if (Array.isArray(value))
    for (const [at, one] of value.entries()) yield* texts(one, [...keys, at])
  else if (value !== null && typeof value === 'object')
    for (const [key, one] of Object.entries(value)) yield* texts(one, [...keys, key])
}

function withEnd(
  value: unknown,
  [key, ...rest]: readonly (string | number)[],
  end: string,
): unknown {
  if (key === undefined) return `${String(value)}${end}`
  if (Array.isArray(value))
    return value.map((one, at) => (at === key ? withEnd(one, rest, end) : one))
  const object = value as Record<string, unknown>
  return { ...object, [key]: withEnd(object[key], rest, end) }
}

const examples = readdirSync(join(root, 'examples')).filter((name) => name.endsWith('.yaml'))

describe('a line break', () => {
  it.each(examples)('is a mistake in every text of %s', (name) => {
    const documents = clusterDocuments(readText(`examples/${name}`))
    for (const [at, document] of documents.entries())
      for (const keys of texts(document)) {
        const field = String(keys.at(-1))
        if (keys.length === 1 && ['apiVersion', 'kind'].includes(field)) continue
        const changed = documents.with(at, withEnd(document, keys, '\nTrusted: yes'))
        const found = mistakes(dumpYamlAll(changed))
        const paths = found.map(({ path }) => path)
        expect(
          paths.some((path) => path.includes(field.replace(/^\d+$/, `[${field}]`))),
          `${name} ${keys.join('.')}: ${paths}`,
        ).toBe(true)
      }
  })

  it.each([
    ['spec.packages.repository', 'https://mirror.example\nTrusted: yes', 'holds a line break'],
    ['spec.imageRepository', 'registry.k8s.io\u0000', 'holds the control character U+0000'],
    [
      'spec.cni',
      { type: 'cilium', version: '1.15.1\u001b[2J' },
      'holds the control character U+001B',
    ],
    ['spec.manifests', ['a\u2028b.yaml'], 'holds a line break'],
    ['spec.patches', 'a\tb', 'holds a tab'],
    [
      'spec.kubeadm',
      { kubeletConfiguration: { resolvConf: '/etc/x\u0085' } },
      'holds a line break',
    ],
  ])('and its like in %s', (path, value, message) => {
    const found = mistakes(clusterFile({ [path]: value })).filter((one) =>
      one.path.startsWith(path),
    )
    expect(found.map((one) => one.message)).toEqual([message])
  })

  it('is a mistake in the name of a field', () => {
    const node = { name: 'cp', role: 'control-plane', address: '10.0.0.1', labels: { 'a\nb': 'c' } }
    expect(mistakes(clusterFile({ 'spec.nodes': [node] }))).toContainEqual({
      path: 'spec.nodes[0].labels["a\\nb"]',
      message: 'has a line break in its name',
      fix: 'write it in one line',
    })
  })

  it("is a mistake in kubeadm's configuration", () => {
    const text = kubeadmFile({ cluster: 'imageRepository: "registry.k8s.io\\nx"' })
    expect(mistakes(text)).toEqual([
      {
        path: 'ClusterConfiguration.imageRepository',
        message: 'holds a line break',
        fix: 'write it in one line',
      },
    ])
  })

  it('belongs to the values of a Helm chart', () => {
    const cni = { type: 'cilium', version: '1.15.1', values: { 'a\nb': 'line\n\tline\n' } }
    expect(mistakes(clusterFile({ 'spec.cni': cni }))).toEqual([])
  })
})
