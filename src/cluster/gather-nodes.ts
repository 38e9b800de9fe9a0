import { formatIp, sameIp } from './addresses.js'
import type { Argument, Role, Taint } from './cluster.js'
import { argumentsOf } from './kubeadm/convert.js'
import type { NodeRegistration } from './kubeadm/schema.js'
import type { Draft } from './schema-issues.js'
import {
  type Finding,
  type Given,
  given,
  type Input,
  list,
  mistake,
  type NodeSettings,
} from './settings.js'

const BIND_PORT = 6443
const CRI_SOCKETS = {
  kpki: 'unix:///run/containerd/containerd.sock',
  kubeadm: 'unix:///var/run/containerd/containerd.sock',
} as const

export function gatherNodes(input: Input, findings: Finding[]): readonly NodeSettings[] {
  return input.source === 'kubeadm' ? [kubeadmNode(input)] : specNodes(input, findings)
}

function specNodes(input: Input, findings: Finding[]): readonly NodeSettings[] {
  const nodes = input.spec.nodes ?? []
  const first = nodes.findIndex((node) => node?.role === 'control-plane')
  const { init, join } = input.documents
  return nodes.flatMap((node, i) => {
    if (node === undefined) return []
    const path = `spec.nodes[${i}]`
    const initial = i === first
    const controlPlane = node.role === 'control-plane'
    const taints = given(node.taints?.flatMap(taintOf), `${path}.taints`)
    const addresses = [
      ...(node.address === undefined ? [] : [{ value: node.address, path: `${path}.address` }]),
      ...list(node.addresses, `${path}.addresses`),
    ]
    if (node.address !== undefined && node.addresses !== undefined) {
      findings.push(mistake(`${path}.address`, 'is given beside addresses', 'keep one of the two'))
    }
    if (initial) findings.push(...initialAgrees(input, node.name, addresses, path))
    const base = registration(init.value.nodeRegistration, `${init.path}.nodeRegistration`)
    const joining = registration(join.value.nodeRegistration, `${join.path}.nodeRegistration`)
    const common = initial ? base : { ...base, ...joining }
    const joinPort = given(
      join.value.controlPlane?.localAPIEndpoint?.bindPort || undefined,
      `${join.path}.controlPlane.localAPIEndpoint.bindPort`,
    )
    const port = given(
      init.value.localAPIEndpoint?.bindPort || undefined,
      `${init.path}.localAPIEndpoint.bindPort`,
    )
    return [
      {
        path,
        name: given(node.name, `${path}.name`),
        role: given<Role>(node.role, `${path}.role`),
        addresses,
        extraSans: list(node.extraSans, `${path}.extraSans`),
        labels: { value: node.labels ?? {}, path: `${path}.labels` },
        taints: taints ?? (controlPlane ? common.taints : initial ? undefined : joining.taints),
        bindPort: (initial ? port : (joinPort ?? port)) ?? { value: BIND_PORT, path },
        criSocket: common.criSocket ?? { value: CRI_SOCKETS.kpki, path },
        kubeletExtraArgs: common.kubeletExtraArgs ?? [],
        ssh: { value: node.ssh ?? {}, path: `${path}.ssh` },
      },
    ]
  })
}

/** What kubeadm's InitConfiguration says of its node must be what the list of nodes says. */
function initialAgrees(
  { documents }: Input,
  name: string | undefined,
  addresses: readonly Given<string>[],
  path: string,
): readonly Finding[] {
  const { value, path: init } = documents.init
  const found: Finding[] = []
  const named = value.nodeRegistration?.name
  if (named !== undefined && name !== undefined && named !== name) {
    const place = `${init}.nodeRegistration.name`
    found.push(mistake(place, `says "${named}", but ${path}.name says "${name}"`, 'leave it out'))
  }
  const advertised = value.localAPIEndpoint?.advertiseAddress
  const [first] = addresses
  if (advertised !== undefined && first !== undefined && !sameIp(advertised, first.value)) {
    const place = `${init}.localAPIEndpoint.advertiseAddress`
    found.push(
      mistake(place, `says ${advertised}, but ${first.path} says ${first.value}`, 'leave it out'),
    )
  }
  return found
}

/** kubeadm's configuration describes the one node that it is given to. */
function kubeadmNode({ documents }: Input): NodeSettings {
  const { init, join } = documents
  const joins = isJoin(documents)
  const source = joins ? join : init
  const options = source.value.nodeRegistration
  const path = `${source.path}.nodeRegistration`
  const endpoint = joins ? join.value.controlPlane?.localAPIEndpoint : init.value.localAPIEndpoint
  const endpointPath = joins
    ? `${join.path}.controlPlane.localAPIEndpoint`
    : `${init.path}.localAPIEndpoint`
  const worker = joins && join.value.controlPlane === undefined
  const common = registration(options, path)
  const nodeIp = common.kubeletExtraArgs?.find((argument) => argument.name === 'node-ip')
  const addresses: Given<string>[] = worker
    ? (nodeIp?.value ?? '')
        .split(',')
        .filter(Boolean)
        .map((value) => ({ value, path: `${path}.kubeletExtraArgs` }))
    : list([endpoint?.advertiseAddress || undefined], endpointPath).map((item) => ({
        value: formatIp(item.value),
        path: `${endpointPath}.advertiseAddress`,
      }))
  return {
    path,
    name: given(options?.name?.trim().toLowerCase() || undefined, `${path}.name`),
    role: { value: worker ? 'worker' : 'control-plane', path: source.path },
    addresses,
    extraSans: [],
    labels: { value: {}, path },
    taints: common.taints,
    bindPort: given(endpoint?.bindPort || undefined, `${endpointPath}.bindPort`) ?? {
      value: BIND_PORT,
      path,
    },
    criSocket: common.criSocket ?? { value: CRI_SOCKETS.kubeadm, path: `${path}.criSocket` },
    kubeletExtraArgs: common.kubeletExtraArgs ?? [],
    ssh: { value: {}, path },
  }
}

/** A JoinConfiguration without an InitConfiguration: the node joins a cluster that exists. */
export function isJoin(documents: Input['documents']): boolean {
  return (
    Object.keys(documents.join.json).length > 0 &&
    documents.init.value.nodeRegistration === undefined
  )
}

interface Registered {
  readonly taints?: Given<readonly Taint[]>
  readonly criSocket?: Given<string>
  readonly kubeletExtraArgs?: readonly Argument[]
}

function registration(options: Draft<NodeRegistration> | undefined, path: string): Registered {
  const socket = options?.criSocket
  return {
    ...(options?.taints
      ? { taints: { value: options.taints.flatMap(taintOf), path: `${path}.taints` } }
      : {}),
    ...(socket ? { criSocket: { value: socketUrl(socket), path: `${path}.criSocket` } } : {}),
    ...(options?.kubeletExtraArgs
      ? { kubeletExtraArgs: argumentsOf(options.kubeletExtraArgs) }
      : {}),
  }
}

/** kubeadm puts the scheme before a bare path. */
function socketUrl(socket: string): string {
  return socket.startsWith('unix') ? socket : `unix://${socket}`
}

function taintOf(
  taint: Draft<{ key: string; value?: string; effect: string }> | undefined,
): Taint[] {
  if (taint?.key === undefined || taint.effect === undefined) return []
  const { key, value, effect } = taint
  return [{ key, effect, ...(value === undefined ? {} : { value }) }]
}
