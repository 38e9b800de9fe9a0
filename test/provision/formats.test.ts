import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { kubeletEnvironment } from '../../src/manifests/kubeadm/kubelet.js'
import type { StepContext } from '../../src/provision/context.js'
import {
  deb822,
  hostLines,
  moduleLines,
  sysctlLines,
  tomlString,
} from '../../src/provision/host/formats.js'
import { adaptContainerd } from '../../src/provision/host/transforms.js'
import { STEPS } from '../../src/provision/steps/steps.js'
import { clusterOf, factsOf, inputsOf } from './cluster.js'

const hostile = ['a\nTrusted: yes', 'a\r\n[plugins]', 'a\u0000b', 'a b', '', 'a\u2028b', 'a\tb']

describe('files on hosts', () => {
  it.each(hostile)('no value breaks out of its line: %j', (value) => {
    expect(() => deb822({ Types: 'deb', URIs: value })).toThrow(/cannot be written/)
    expect(() => hostLines([{ address: '10.0.0.1', name: value }])).toThrow(/cannot be written/)
    expect(() => hostLines([{ address: value, name: 'a' }])).toThrow(/cannot be written/)
    expect(() => moduleLines([value])).toThrow(/cannot be written/)
    expect(() => sysctlLines({ [value]: '1' })).toThrow(/cannot be written/)
    expect(() => sysctlLines({ 'net.ipv4.ip_forward': value })).toThrow(/cannot be written/)
  })
  it.each(['#', 'a#b', ';x', '-x'])(
    'what would be a comment or an option is no word: %j',
    (value) => {
      expect(() => moduleLines([value])).toThrow(/cannot be written/)
      expect(() => hostLines([{ address: '10.0.0.1', name: value }])).toThrow(/cannot be written/)
    },
  )
  it('are written plainly', () => {
    expect(deb822({ Types: 'deb', URIs: 'https://a.example/deb/', Suites: '/' })).toBe(
      'Types: deb\nURIs: https://a.example/deb/\nSuites: /\n',
    )
    expect(hostLines([{ address: 'fd00::1', name: 'a' }])).toBe('fd00::1 a\n')
    expect(moduleLines(['overlay'])).toBe('overlay\n')
    expect(sysctlLines({ 'net.ipv4.ip_forward': '1' })).toBe('net.ipv4.ip_forward = 1\n')
  })
  it("the kubelet's environment stays one line, whatever its arguments are", () => {
    const cluster = clusterOf(0)
    const [node] = cluster.nodes
    if (!node) throw new Error('no node')
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), (value) => {
        const kubeletExtraArgs = [{ name: 'node-ip', value }]
        const line = kubeletEnvironment(cluster, { ...node, kubeletExtraArgs })
        const [, quoted = ''] = /^KUBELET_KUBEADM_ARGS=(".*")\n$/.exec(line) ?? []
        expect(JSON.parse(quoted)).toContain(`--node-ip=${value}`)
      }),
    )
  })
  // TOML 1.0 has the escapes of JSON, and must escape the same characters and DEL.
  it('TOML strings hold any text in one line', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), (text) => {
        const written = tomlString(text)
        expect(JSON.parse(written)).toBe(text)
        expect(written).not.toMatch(/\p{Cc}/u)
      }),
    )
  })
  it("containerd's tables keep what is said of the pause image to themselves", () => {
    const pause = 'registry/pause:3"\n[plugins."x"]\n  evil = true\n#'
    const done = adaptContainerd('version = 2\n', { pause, mirrors: false })
    expect(done).not.toMatch(/^\s*evil/m)
    expect(done).not.toMatch(/^\[plugins\."x"\]/m)
  })
})

describe('registry mirrors', () => {
  const actions = (registryMirrors: Readonly<Record<string, string>>) => {
    const inputs = inputsOf(clusterOf(0))
    const [node] = inputs.cluster.nodes
    if (!node) throw new Error('no node')
    const facts = factsOf(node.name, '172.31.10.5')
    const context: StepContext = {
      ...inputs,
      options: { ...inputs.options, registryMirrors },
      node,
      facts,
      tree: new Map(),
      peers: new Map(),
    }
    return STEPS.find(({ id }) => id === 'runtime')?.actions(context) ?? []
  }
  it.each(['..', '../../etc', 'a/b', '', '-', 'a\nb'])('a registry is no path: %j', (registry) => {
    expect(() => actions({ [registry]: 'https://mirror.example' })).toThrow(/is not a registry/)
  })
  it('an address stays in its table', () => {
    const [first] = actions({ 'docker.io': 'https://m.example"]\n[evil]\n#' }).filter(
      ({ id }) => id === 'mirror-docker.io',
    )
    if (first?.kind !== 'rewrite') throw new Error('no mirror')
    expect(String(first.values.text).split('\n')).toHaveLength(5)
  })
})
