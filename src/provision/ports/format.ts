import type { Cluster } from '../../cluster/cluster.js'
import { shellJoin } from '../ssh/ssh.js'
import { isGroup, type PortRule, sourceText } from './ports.js'

type PortsFormat = (rules: readonly PortRule[], cluster: Cluster) => string

const range = (rule: PortRule) =>
  rule.from === rule.to ? `${rule.from}` : `${rule.from}-${rule.to}`
const isSix = (source: string) => source.includes(':')
const each = (rules: readonly PortRule[]) =>
  rules.flatMap((rule) => rule.sources.map((source) => ({ rule, source })))
const lines = (all: readonly string[]) => all.map((line) => `${line}\n`).join('')

/** Every format of `kpki ports`: one entry to add one. */
export const PORT_FORMATS = {
  table: (rules) => {
    const rows = rules.map((rule) => [
      rule.role,
      rule.protocol,
      rule.protocol === 'icmp' ? 'echo' : range(rule),
      rule.sources.join(' '),
      rule.about,
    ])
    const head = ['ROLE', 'PROTOCOL', 'PORT', 'FROM', 'FOR']
    const widths = head.map((name, at) =>
      Math.max(name.length, ...rows.map((row) => row[at]?.length ?? 0)),
    )
    return lines(
      [head, ...rows].map((row) =>
        row
          .map((cell, at) => cell.padEnd(widths[at] ?? 0))
          .join('  ')
          .trimEnd(),
      ),
    )
  },

  json: (rules) => `${JSON.stringify(rules, undefined, 2)}\n`,

  /** Arguments for `aws ec2 authorize-security-group-ingress`; the groups are environment variables. */
  aws: (rules) =>
    lines(
      each(rules).map(({ rule, source }) => {
        const permission = {
          IpProtocol: rule.protocol,
          FromPort: rule.protocol === 'icmp' ? 8 : rule.from,
          ToPort: rule.protocol === 'icmp' ? -1 : rule.to,
          ...(isGroup(source)
            ? { UserIdGroupPairs: [{ GroupId: source, Description: rule.about }] }
            : isSix(source)
              ? { Ipv6Ranges: [{ CidrIpv6: source, Description: rule.about }] }
              : { IpRanges: [{ CidrIp: source, Description: rule.about }] }),
        }
        const words = ['--ip-permissions', JSON.stringify([permission])]
        const group = `"$${variable(rule)}"`
        return `aws ec2 authorize-security-group-ingress --group-id ${group} ${shellJoin(words)}`
      }),
    ),

  terraform: (rules, cluster) =>
    each(rules)
      .map(({ rule, source }, at) => {
        const key = isGroup(source)
          ? 'referenced_security_group_id'
          : isSix(source)
            ? 'cidr_ipv6'
            : 'cidr_ipv4'
        const ports =
          rule.protocol === 'icmp'
            ? '  from_port         = 8\n  to_port           = -1\n'
            : `  from_port         = ${rule.from}\n  to_port           = ${rule.to}\n`
        const name = `${slug(cluster.name)}_${slug(rule.role)}_${slug(rule.id)}_${at}`
        const group = `var.${slug(rule.role)}_security_group_id`
        return `resource "aws_vpc_security_group_ingress_rule" "${name}" {\n  security_group_id = ${group}\n  description       = ${hclString(rule.about)}\n  ip_protocol       = "${rule.protocol}"\n${ports}  ${key.padEnd(17)} = ${hclString(source)}\n}\n`
      })
      .join('\n'),

  ufw: (rules, cluster) =>
    perRole(rules, cluster, ({ rule, source }) => {
      // ufw has no rule syntax for ICMP: it accepts echo requests by default.
      if (rule.protocol === 'icmp') return []
      const ports = rule.from === rule.to ? `${rule.from}` : `${rule.from}:${rule.to}`
      const words = ['from', source, 'to', 'any', 'port', ports, 'proto', rule.protocol]
      return [shellJoin(['ufw', 'allow', ...words, 'comment', `kpki ${rule.id}`])]
    }),

  nftables: (rules, cluster) => {
    const { pods, ssh } = always(rules, cluster)
    const open = [
      ...(ssh ? ['tcp dport 22 accept comment "kpki: narrow it with --operators"'] : []),
      ...pods.map(
        (subnet) =>
          `${isSix(subnet) ? 'ip6' : 'ip'} saddr ${sourceText(subnet, 'pods')} accept comment "kpki pods"`,
      ),
    ]
      .map((line) => `    ${line}\n`)
      .join('')
    const roles = [...new Set(rules.map((rule) => rule.role))]
    const chains = roles.map((role) => {
      const body = each(rules.filter((rule) => rule.role === role && !rule.sources.some(isGroup)))
        .map(({ rule, source }) => {
          const match =
            rule.protocol === 'icmp' ? icmp(source) : `${rule.protocol} dport ${range(rule)}`
          const family = isSix(source) ? 'ip6' : 'ip'
          return `    ${family} saddr ${sourceText(source, rule.id)} ${match} accept comment "kpki ${rule.id}"`
        })
        .join('\n')
      return `# load on each ${role}\ntable inet kpki {\n  chain ${slug(role)} {\n    type filter hook input priority filter; policy drop;\n    ct state established,related accept\n    iif lo accept\n    meta l4proto ipv6-icmp accept\n${open}${body}\n  }\n}\n`
    })
    return chains.join('\n')
  },
} as const satisfies Record<string, PortsFormat>

/** Name of a way to write port rules down. */
export type PortFormat = keyof typeof PORT_FORMATS

const icmp = (source: string) =>
  isSix(source) ? 'icmpv6 type echo-request' : 'icmp type echo-request'
/** A quoted template of HCL in which nothing is expanded. */
const hclString = (text: string) => JSON.stringify(text).replace(/[$%](?=\{)/g, '$&$&')
const slug = (name: string) => name.replaceAll(/[^A-Za-z0-9]/g, '_')
const variable = (rule: PortRule) => `${rule.role === 'worker' ? 'WORKER' : 'CONTROL_PLANE'}_GROUP`

/** Pods reach their own host with their own addresses; and a firewall must not shut the operator out. */
function always(rules: readonly PortRule[], cluster: Cluster) {
  const noSsh = !rules.some((rule) => rule.id === 'ssh')
  return { pods: cluster.networking.podSubnets, ssh: noSsh }
}

function perRole(
  rules: readonly PortRule[],
  cluster: Cluster,
  write: (entry: { readonly rule: PortRule; readonly source: string }) => readonly string[],
): string {
  const roles = [...new Set(rules.map((rule) => rule.role))]
  return roles
    .map((role) => {
      const own = each(rules.filter((rule) => rule.role === role))
      const { pods, ssh } = always(rules, cluster)
      return lines([
        `# on each ${role}`,
        ...(ssh ? ["ufw allow 22/tcp comment 'kpki: narrow it with --operators'"] : []),
        ...own.filter((entry) => !isGroup(entry.source)).flatMap(write),
        ...pods.map((subnet) =>
          shellJoin(['ufw', 'allow', 'from', subnet, 'comment', 'kpki pods']),
        ),
      ])
    })
    .join('\n')
}
