import { describe, expect, it } from 'vitest'
import { PORT_FORMATS } from '../../src/provision/ports/format.js'
import { portRules } from '../../src/provision/ports/ports.js'
import { clusterOf } from './cluster.js'

const cluster = clusterOf(1)
const rules = portRules(cluster, { nodes: ['172.31.0.0/16'], operators: ['203.0.113.7/32'] })

describe('portRules', () => {
  it('has what each role needs', () => {
    const of = (role: string) =>
      rules
        .filter((rule) => rule.role === role)
        .map(({ from, to }) => (from === to ? from : `${from}-${to}`))
    expect(of('control-plane')).toEqual([22, 6443, '2379-2380', 10250, 10257, 10259])
    expect(of('worker')).toEqual([22, 10250, 10256, '30000-32767', '30000-32767'])
  })
  it('adds what the pod network needs', () => {
    const cilium = clusterOf(1, '  cni: { type: cilium, version: 1.15.1 }')
    const ids = portRules(cilium).map((rule) => rule.id)
    expect(ids).toEqual(expect.arrayContaining(['cilium-vxlan', 'cilium-health']))
  })
  it('takes the addresses of the nodes without other word', () => {
    const etcd = portRules(cluster).find((rule) => rule.id === 'etcd')
    expect(etcd?.sources).toEqual(['172.31.10.5/32'])
  })
})

describe('formats', () => {
  it.each(['table', 'aws', 'terraform', 'ufw', 'nftables'] as const)('%s', (format) => {
    expect(PORT_FORMATS[format](rules, cluster)).toMatchSnapshot()
  })
  it('json is the rules', () => {
    expect(JSON.parse(PORT_FORMATS.json(rules))).toEqual(rules)
  })
  it('a firewall never shuts the operator out', () => {
    const closed = portRules(cluster)
    expect(PORT_FORMATS.nftables(closed, cluster)).toContain('tcp dport 22 accept')
    expect(PORT_FORMATS.ufw(closed, cluster)).toContain('ufw allow 22/tcp')
  })
  it('security groups are sources too', () => {
    const grouped = portRules(cluster, { nodes: ['sg-0123456789abcdef0'] })
    expect(PORT_FORMATS.aws(grouped)).toContain('UserIdGroupPairs')
    expect(PORT_FORMATS.terraform(grouped, cluster)).toContain(
      'referenced_security_group_id = "sg-',
    )
  })
})
