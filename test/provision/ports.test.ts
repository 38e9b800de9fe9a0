import { spawnSync } from 'node:child_process'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { main } from '../../src/cli/main.js'
import { PORT_FORMATS } from '../../src/provision/ports/format.js'
import { portRules } from '../../src/provision/ports/ports.js'
import { clusterOf } from './cluster.js'

const root = join(import.meta.dirname, '../..')
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

describe('sources', () => {
  it.each([
    '172.31.0.0/160',
    '172.31.0.0',
    '0.0.0.0/0; reboot',
    'sg-x',
    'sg-0123456789abcdef0"',
    '',
    '$(id)/8',
    '::/0 ',
    'fd00::/129',
  ])('are address ranges or security groups, not %j', (source) => {
    for (const name of ['nodes', 'clients', 'operators']) {
      const asked = () => portRules(cluster, { [name]: ['10.0.0.0/8', source] })
      expect(asked).toThrow(`${name}: ${JSON.stringify(source)} is neither`)
      expect(asked).toThrow(expect.objectContaining({ code: 'ERR_USAGE' }))
    }
  })
  it('without any are asked for', () => {
    expect(() => portRules(cluster, { nodes: [] })).toThrow('nodes: no source is given')
  })
  it('are written as firewalls compare them', () => {
    const [rule] = portRules(cluster, { operators: ['10.1.2.3/8', 'FD00::1/64'] })
    expect(rule?.sources).toEqual(['10.0.0.0/8', 'fd00::/64'])
  })
  it('are a mistake of the command line', async () => {
    const said: string[] = []
    const write = (text: string) => void said.push(text)
    const io = {
      out: write,
      err: write,
      env: {},
      cwd: root,
      isTerminal: false,
      now: () => new Date(0),
    }
    const file = 'examples/aws-three-nodes.yaml'
    for (const option of ['--nodes', '--clients', '--operators']) {
      said.length = 0
      expect(await main(['ports', '-f', file, option, '172.31.0.0/160'], io)).toBe(2)
      expect(said.join('')).toMatch(
        /^kpki: error: \w+: "172.31.0.0\/160" is neither.*\nkpki: hint: /,
      )
    }
  })
})

describe('what is generated', () => {
  // Rules may come from elsewhere than portRules: the formats quote what they are given.
  const [some] = rules
  if (!some) throw new Error('no rules')
  const open = '$\x7b'
  const source = `1/2"\n}\n$(reboot)${open}file("/etc/passwd")}`
  const hostile = [{ ...some, about: `a"\n${open}x}`, sources: [source] }]
  it('terraform keeps texts as texts', () => {
    const text = PORT_FORMATS.terraform(hostile, cluster)
    expect(text).toContain(JSON.stringify(source).replace(open, () => `$${open}`))
    expect(text).toContain(JSON.stringify(`a"\n${open}x}`).replace(open, () => `$${open}`))
  })
  it('shell scripts keep words as words', () => {
    const stubs = `ufw() { printf '%s\\001' "$@"; }; aws() { ufw "$@"; }; reboot() { echo rebooted >&2; }`
    for (const format of ['aws', 'ufw'] as const) {
      const script = `${stubs}\n${PORT_FORMATS[format](hostile, cluster)}`
      const { stdout, stderr } = spawnSync('sh', ['-c', script], { encoding: 'utf8' })
      expect(stderr).toBe('')
      const word = format === 'ufw' ? `${source}\u0001` : JSON.stringify(source)
      expect(stdout).toContain(word)
    }
  })
  it('nftables are refused what they cannot quote', () => {
    expect(() => PORT_FORMATS.nftables(hostile, cluster)).toThrow(/is neither/)
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
