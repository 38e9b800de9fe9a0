import type { Cluster, Role } from '../../cluster/cluster.js'
import { KpkiError } from '../../errors.js'
import { formatCidr, parseCidr } from '../../values/addresses.js'

/** Who may reach a port: nodes of a role, all nodes, or everyone who uses the cluster. */
export type Source = 'control-plane' | 'nodes' | 'operators' | 'clients'

/** A row of the table of ports. */
export interface PortRow {
  readonly id: string
  readonly about: string
  readonly on: Role | 'all'
  readonly protocol: 'tcp' | 'udp' | 'icmp'
  readonly ports: (cluster: Cluster) => readonly (readonly [from: number, to: number])[]
  readonly from: Source
  readonly when?: (cluster: Cluster) => boolean
}

const one = (port: number) => () => [[port, port]] as const
const cilium = ({ provision }: Cluster) => provision.cni.type === 'cilium'

/** Inbound rules of a cluster (kubernetes.io "Ports and Protocols", docs.cilium.io "System Requirements"). */
export const PORTS: readonly PortRow[] = [
  {
    id: 'ssh',
    about: 'provisioning',
    on: 'all',
    protocol: 'tcp',
    ports: one(22),
    from: 'operators',
  },
  {
    id: 'apiserver',
    about: 'API server',
    on: 'control-plane',
    protocol: 'tcp',
    ports: (cluster) => {
      const ports = cluster.nodes.filter((n) => n.role === 'control-plane').map((n) => n.bindPort)
      return [...new Set(ports)].map((port) => [port, port] as const)
    },
    from: 'clients',
  },
  {
    id: 'etcd',
    about: 'etcd clients and peers',
    on: 'control-plane',
    protocol: 'tcp',
    ports: () => [[2379, 2380]],
    from: 'control-plane',
    when: ({ etcd }) => etcd.kind === 'local',
  },
  { id: 'kubelet', about: 'kubelet', on: 'all', protocol: 'tcp', ports: one(10250), from: 'nodes' },
  {
    id: 'controller-manager',
    about: 'controller manager',
    on: 'control-plane',
    protocol: 'tcp',
    ports: one(10257),
    from: 'control-plane',
  },
  {
    id: 'scheduler',
    about: 'scheduler',
    on: 'control-plane',
    protocol: 'tcp',
    ports: one(10259),
    from: 'control-plane',
  },
  {
    id: 'kube-proxy',
    about: 'health of kube-proxy, for load balancers',
    on: 'worker',
    protocol: 'tcp',
    ports: one(10256),
    from: 'nodes',
  },
  {
    id: 'node-ports',
    about: 'services of type NodePort',
    on: 'worker',
    protocol: 'tcp',
    ports: () => [[30000, 32767]],
    from: 'clients',
  },
  {
    id: 'node-ports-udp',
    about: 'services of type NodePort',
    on: 'worker',
    protocol: 'udp',
    ports: () => [[30000, 32767]],
    from: 'clients',
  },
  {
    id: 'cilium-vxlan',
    about: 'Cilium: VXLAN between nodes',
    on: 'all',
    protocol: 'udp',
    ports: one(8472),
    from: 'nodes',
    when: cilium,
  },
  {
    id: 'cilium-health',
    about: 'Cilium: health between nodes',
    on: 'all',
    protocol: 'tcp',
    ports: one(4240),
    from: 'nodes',
    when: cilium,
  },
  {
    id: 'cilium-ping',
    about: 'Cilium: health between nodes (ICMP echo)',
    on: 'all',
    protocol: 'icmp',
    ports: () => [[8, 0]],
    from: 'nodes',
    when: cilium,
  },
  {
    id: 'cilium-hubble',
    about: 'Cilium: Hubble relay',
    on: 'all',
    protocol: 'tcp',
    ports: one(4244),
    from: 'nodes',
    when: cilium,
  },
]

/** A source as firewalls write it: an address range or a security group. */
export interface SourceSettings {
  /** Address ranges of the nodes; their single addresses by default. */
  readonly nodes?: readonly string[]
  /** Who may use API server and NodePorts; the nodes by default. */
  readonly clients?: readonly string[]
  /** Who may log in; nobody by default: then there is no rule for ssh. */
  readonly operators?: readonly string[]
}

/** One inbound rule for the machines of one role. */
export interface PortRule {
  readonly id: string
  readonly about: string
  readonly role: Role
  readonly protocol: PortRow['protocol']
  readonly from: number
  readonly to: number
  readonly source: Source
  /** CIDRs, or security groups (`sg-…`). */
  readonly sources: readonly string[]
}

/**
 * The inbound rules of a cluster, one row per role, protocol, port range and source.
 *
 * @throws KpkiError `ERR_USAGE` for a source that is neither an address range nor a security group.
 *
 * @example
 * ```ts
 * import { readFile } from 'node:fs/promises'
 * import { parseCluster } from 'kpki'
 * import { portRules } from 'kpki/provision'
 *
 * const { cluster } = parseCluster(await readFile('cluster.yaml', 'utf8'))
 * for (const { role, protocol, from, to } of portRules(cluster)) console.log(role, protocol, from, to)
 * ```
 */
export function portRules(cluster: Cluster, settings: SourceSettings = {}): readonly PortRule[] {
  const given = sourcesGiven(settings)
  const roles = (['control-plane', 'worker'] as const).filter((role) =>
    cluster.nodes.some((node) => node.role === role),
  )
  return roles.flatMap((role) =>
    PORTS.filter((row) => (row.on === 'all' || row.on === role) && (row.when?.(cluster) ?? true))
      .flatMap((row) =>
        row.ports(cluster).map(([from, to]) => ({
          ...{ id: row.id, about: row.about, role, protocol: row.protocol, from, to },
          source: row.from,
          sources: sourcesOf(cluster, row.from, given),
        })),
      )
      .filter((rule) => rule.sources.length > 0),
  )
}

function sourcesGiven(settings: SourceSettings): SourceSettings {
  const names = ['nodes', 'clients', 'operators'] as const
  return Object.fromEntries(
    names.flatMap((name) => {
      const sources = settings[name]
      if (sources === undefined) return []
      if (sources.length === 0)
        throw new KpkiError('ERR_USAGE', `${name}: no source is given`, {}, { hint: SOURCE_HINT })
      return [[name, sources.map((source) => sourceText(source, name))]]
    }),
  )
}

const SOURCE_HINT = 'write it as 172.31.0.0/16, fd00::/64 or sg-0123456789abcdef0'

/**
 * A source as firewalls compare it: the range's first address, or the security group.
 *
 * @throws KpkiError `ERR_USAGE` for anything else
 */
export function sourceText(source: string, name: string): string {
  if (isGroup(source)) return source
  const range = parseCidr(source)
  if (range) return formatCidr(range)
  throw new KpkiError(
    'ERR_USAGE',
    `${name}: ${JSON.stringify(source)} is neither an address range nor a security group`,
    {},
    { hint: SOURCE_HINT },
  )
}

/** An id of Amazon EC2's. */
export function isGroup(source: string): boolean {
  return /^sg-[0-9a-f]{8,32}$/.test(source)
}

function sourcesOf(cluster: Cluster, source: Source, settings: SourceSettings): readonly string[] {
  const range = (address: string) => `${address}/${address.includes(':') ? 128 : 32}`
  const addresses = (role?: Role) =>
    cluster.nodes
      .filter((node) => role === undefined || node.role === role)
      .flatMap((node) => node.addresses.map(range))
  const nodes = settings.nodes ?? addresses()
  switch (source) {
    case 'control-plane':
      return settings.nodes ?? addresses('control-plane')
    case 'nodes':
      return nodes
    case 'operators':
      return settings.operators ?? []
    case 'clients':
      return [...new Set([...nodes, ...(settings.clients ?? [])])]
  }
}
