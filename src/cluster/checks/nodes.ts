import { formatIp, isIp, parseIp } from '../../values/addresses.js'
import { isDns1123Label, isDns1123Subdomain, isLabelKey, isLabelValue } from '../../values/names.js'
import {
  caution,
  type Given,
  mistake,
  mistakeOf,
  type NodeSettings,
  type Settings,
  type SpecFinding,
} from '../resolve/settings.js'
import { TAINT_EFFECTS } from '../spec/schema.js'
import { checkSans } from './networking.js'

// X.520 ub-common-name; the kubelet's client certificate is named system:node:<name>.
export const MAX_COMMON_NAME = 64
const NODE_PREFIX = 'system:node:'

export function* checkNames(settings: Settings): Generator<SpecFinding> {
  const { name, clusterName } = settings
  if (settings.source === 'kpki' && name && !isDns1123Label(name.value)) {
    yield mistake(name.path, `"${name.value}" is not a cluster name`, NAME_RULE)
  }
  // It becomes a file name, part of kubeconfig names and of a CA's common name.
  if (clusterName !== name && !/^[^\s/\\]+$/.test(clusterName.value)) {
    yield mistake(clusterName.path, `"${clusterName.value}" can't be used as a name`, NAME_RULE)
  } else if (clusterName.value === '.' || clusterName.value === '..') {
    yield mistake(clusterName.path, `"${clusterName.value}" can't be used as a name`, NAME_RULE)
  }
}

const NAME_RULE = 'write lower-case letters, digits and dashes, at most 63'

export function* checkNodes(settings: Settings): Generator<SpecFinding> {
  const { nodes, source } = settings
  if (source === 'kpki') yield* membership(settings)
  for (const node of nodes) yield* checkNode(settings, node)
  yield* duplicates(nodes, (node) => node.name && [node.name], 'name')
  yield* duplicates(nodes, (node) => node.addresses, 'address')
  yield* etcdMembers(settings)
}

function* membership(settings: Settings): Generator<SpecFinding> {
  const listed = settings.spec.nodes
  if (listed === undefined) return
  if (listed.length === 0) {
    yield mistake('spec.nodes', 'is empty', 'list at least one node with role control-plane')
  } else if (
    settings.nodesComplete &&
    settings.nodes.every((node) => node.role?.value === 'worker')
  ) {
    yield mistake('spec.nodes', 'has no control plane', 'give one node the role control-plane')
  }
}

function* checkNode(settings: Settings, node: NodeSettings): Generator<SpecFinding> {
  if (node.name) yield* nodeName(node.name)
  if (node.addresses.length === 0 && settings.source === 'kpki') {
    yield mistake(`${node.path}.address`, 'is missing', 'write the IP address of the node')
  }
  for (const address of node.addresses) yield* nodeAddress(settings, address)
  for (const family of [4, 6] as const) {
    const same = node.addresses.filter((address) => parseIp(address.value)?.family === family)
    const [, second] = same
    if (second && settings.source === 'kpki') {
      yield mistake(
        second.path,
        `is a second IPv${family} address`,
        'put further ones into extraSans',
      )
    }
  }
  yield* checkSans(node.extraSans)
  for (const [key, value] of Object.entries(node.labels.value)) {
    const path = `${node.labels.path}[${JSON.stringify(key)}]`
    if (!isLabelKey(key)) yield mistake(path, `"${key}" is not a label key`, KEY_RULE)
    if (!isLabelValue(value ?? ''))
      yield mistake(path, `"${value}" is not a label value`, VALUE_RULE)
  }
  for (const taint of node.taints?.value ?? []) {
    const path = node.taints?.path ?? node.path
    if (!isLabelKey(taint.key)) yield mistake(path, `"${taint.key}" is not a taint key`, KEY_RULE)
    if (!isLabelValue(taint.value ?? '')) {
      yield mistake(path, `"${taint.value}" is not a taint value`, VALUE_RULE)
    }
    if (!TAINT_EFFECTS.some((effect) => effect === taint.effect)) {
      yield mistakeOf(
        settings,
        path,
        `"${taint.effect}" is not a taint effect`,
        `write ${TAINT_EFFECTS.join(' or ')}`,
      )
    }
  }
}

const KEY_RULE = 'write [domain/]name with at most 63 letters, digits, dashes, dots and underscores'
const VALUE_RULE = 'write at most 63 letters, digits, dashes, dots and underscores'

function* nodeName({ value, path }: Given<string>): Generator<SpecFinding> {
  const longest = MAX_COMMON_NAME - NODE_PREFIX.length
  if (!isDns1123Subdomain(value)) {
    yield mistake(
      path,
      `"${value}" is not a node name`,
      isDns1123Subdomain(value.toLowerCase())
        ? `write "${value.toLowerCase()}"`
        : 'write lower-case letters, digits, dashes and dots (RFC 1123)',
    )
  } else if (value.length > longest) {
    yield mistake(
      path,
      `"${value}" has ${value.length} characters: "${NODE_PREFIX}${value}" does not fit into a certificate's common name of ${MAX_COMMON_NAME}`,
      `use at most ${longest} characters`,
    )
  } else if (isIp(value) || /^[\d.]+$/.test(value)) {
    yield caution(path, `"${value}" looks like an address`, 'use a name with a letter in it')
  }
}

function* nodeAddress(settings: Settings, { value, path }: Given<string>): Generator<SpecFinding> {
  const ip = parseIp(value)
  if (!ip) {
    yield mistake(path, `"${value}" is not an IP address`, 'write for example 172.31.10.5')
    return
  }
  if (ip.value === 0n) {
    yield mistake(
      path,
      `${value} is not an address of a node`,
      'write the address itself: kpki never looks at a machine',
    )
  } else if (value === '::1' || value.startsWith('127.')) {
    yield mistake(path, `${value} is a loopback address`, 'write an address that other nodes reach')
  } else if (isUnusable(ip)) {
    yield mistakeOf(
      settings,
      path,
      `${value} is a multicast or link-local address`,
      'write an address that other nodes reach',
    )
  }
}

function isUnusable(ip: { family: 4 | 6; value: bigint }): boolean {
  if (ip.family === 4) return ip.value >> 28n >= 14n || ip.value >> 16n === 0xa9fen
  return ip.value >> 120n === 0xffn || ip.value >> 118n === 0x3fan
}

function* duplicates(
  nodes: readonly NodeSettings[],
  read: (node: NodeSettings) => readonly Given<string>[] | undefined,
  what: string,
): Generator<SpecFinding> {
  const seen = new Map<string, string>()
  for (const entry of nodes.flatMap((node) => read(node) ?? [])) {
    const key = what === 'address' ? formatIp(entry.value) : entry.value
    const before = seen.get(key)
    if (before !== undefined) {
      yield mistake(
        entry.path,
        `${entry.value} is also ${before}`,
        `give every node its own ${what}`,
      )
    } else {
      seen.set(key, entry.path)
    }
  }
}

function* etcdMembers({ nodes, documents, source }: Settings): Generator<SpecFinding> {
  if (documents.cluster.value.etcd?.external !== undefined || source === 'kubeadm') return
  const members = nodes.filter((node) => node.role?.value === 'control-plane').length
  if (members > 0 && members % 2 === 0) {
    yield caution(
      'spec.nodes',
      `${members} control planes make an etcd of ${members} members, which survives no more failures than ${members - 1}`,
      `use ${members - 1} or ${members + 1}`,
    )
  }
}
